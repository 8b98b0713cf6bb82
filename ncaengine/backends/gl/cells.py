"""Grids on the GPU: the state in two image arrays, the weights in an image, one dispatch a step and model."""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import moderngl
import numpy as np

from ncaengine.backends.gl.autotune import size_class, subject
from ncaengine.backends.gl.canvas import ShownGrid
from ncaengine.backends.gl.cell_maps import CellMaps
from ncaengine.backends.gl.parts import whole
from ncaengine.backends.gl.passes import Passes, StepPrograms, let_die, rows_of
from ncaengine.backends.gl.programs import Image, Rows
from ncaengine.backends.gl.shader import source
from ncaengine.backends.gl.shader.perception import Cover, FrameKind
from ncaengine.backends.gl.shared import GLShared
from ncaengine.backends.gl.stages import integrate
from ncaengine.backends.gl.textures import GridImages
from ncaengine.core import embeddings
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Model
from ncaengine.core.pcg import fire_threshold, pair_offset
from ncaengine.core.settings import Settings
from ncaengine.core.states import check_models
from ncaengine.core.types import F32, I32, U8, Size

MOST_LISTED = 0.8
"""The share of cells that fire above which listing them first does not pay."""


class GLCells:
    """See base.Cells."""

    def __init__(self, backend: GLShared) -> None:
        self._backend, self._ctx = backend, backend.device.ctx
        self._images: GridImages | None = None
        self._weights: list[moderngl.Texture] = []
        self._given: list[Model] = []
        self._models: list[Model] = []  # those that run: plain ones where all cells have one embedding
        self._programs: dict[tuple[int, FrameKind, Cover, int], StepPrograms] = {}
        self._kernel: Kernel | None = None
        self._size = (0, 0)
        self.version = 0
        self.rest: Iterator[int] | None = None  # of the step that is being made
        self._later: list[Callable[[], None]] = []  # edits that wait for it
        self._maps = CellMaps(backend.device)
        self._fields: F32 | None = None
        self._frame: FrameKind = ""
        self._settings: Settings | None = None  # those of the last step
        self._passes = Passes(backend.device)

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        given = [model, *others]
        check_models(given)
        self.settle()
        fields = self._fields if self._fields is not None and self._fields.shape[:2] == self._size[::-1] else None
        self._run(given, kernel, fields)
        self._given = given

    @property
    def _folds(self) -> bool:
        """Whether another embedding of all cells is only another upload, not another program."""
        return not (self._backend.device.fragment and self._backend.device.form == "unrolled")

    def _run(self, given: list[Model], kernel: Kernel, fields: F32 | None) -> None:
        """Run these models with these fields; compile only the program that the last step's settings need."""
        models, cells = embeddings.applied(given, fields, self._folds)
        frame: FrameKind = self._frame or ("turned" if len(models) > 1 else "")
        programs, settings = {}, self._settings or Settings(fire_rate=models[0].config.fire_rate)
        for slot, each in enumerate(models):
            cover = self._cover(each, settings)
            programs[slot, frame, cover, 0] = self._backend.step_programs(each, kernel, frame, cover)
        self._maps.write_embeddings(cells)
        self._drop_weights()
        self._weights = [self._upload(source.pack_weights(each)) for each in models]
        self._models, self._kernel = models, kernel
        self._programs = programs if len(self._backend.device.forms) == 1 else {}  # other devices try the forms first
        self.version += 1

    def write(self, state: F32) -> None:
        self.settle()
        height, width, channels = state.shape
        image_side = self._backend.device.image_side
        shape = (image_side(width), image_side(height), -(-channels // 4))
        if self._images is None or self._images.shape != shape:
            images = GridImages(self._backend.state_images, shape, (width, height))  # before the old ones are released
            self._drop_images()
            self._images = images
        self._images.forget()
        self._backend.state_images.fill(self._images.now, state)
        self._size = (width, height)
        self.version += 1

    def _drop_images(self) -> None:
        if self._images is not None:
            self._images.release()
            self._images = None

    @property
    def _now(self) -> moderngl.TextureArray:
        assert self._images is not None
        return self._images.now

    def read(self) -> F32:
        self.settle()
        return self._backend.state_images.read(self._now, self._size, self._models[0].config.channels)

    def write_fields(self, fields: F32 | None) -> None:
        self.settle()
        self._maps.write(fields)
        self._fields = fields
        self.version += 1
        if self._kernel and any(model.config.textures for model in self._given):
            self._run(self._given, self._kernel, fields)

    def read_cells(self, cells: I32) -> F32:
        self.settle()
        return self._backend.cell_access.gather(self._now, cells, self._models[0].config.channels)

    def largest(self) -> float:
        self.settle()
        return self._backend.cell_access.largest(self._now, self._size, self._models[0].config.channels)

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        if self.rest is not None:
            self._later.append(partial(self.blend, cells.copy(), weight.copy(), target.copy()))
            return
        self._backend.device.check_usable()
        self._backend.cell_access.blend(self._now, cells, weight, self._backend.device.storage.clip(target))
        self.version += 1

    def _cover(self, model: Model, settings: Settings) -> Cover:
        if model.config.firing == "channel":
            return "every"
        size = self._size if self._images else (2, 2)
        if settings.antithetic and pair_offset(*size, settings.fire_rate, self._maps.has_rates):
            return "pairs"
        if self._backend.device.fragment:
            return "every"
        group = source.GROUP[self._backend.device.form]
        most = source.MOST_GROUPS * group[0] * group[1]  # cells that can be listed, if all of them fire
        countable = self._size[0] * self._size[1] <= most
        return "listed" if countable and settings.fire_rate * self._maps.mean_rate < MOST_LISTED else "every"

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        assert self._kernel is not None
        self.settle()
        width, height = self._size
        plain = self._maps.fields is None and settings.plain and len(self._models) == 1
        self._frame = "stretched" if settings.aspect != 1 else "" if plain else "turned"
        self._settings = settings
        pair = pair_offset(width, height, settings.fire_rate, self._maps.has_rates) or (0, 0)
        uniforms: dict[str, object] = {
            **settings.uniforms(),
            "size": self._size,
            "row_shift": self._kernel.row_shift(height) % width,
            "step_number": number & 0xFFFFFFFF,
            "rng_seed": rng_seed & 0xFFFFFFFF,
            "fire_threshold": fire_threshold(settings.fire_rate),
            "pair_offset": pair,
            "model_count": len(self._models),
        }
        self.rest = self._step_in_parts(settings, uniforms, pair)
        if self._backend.parts and self._backend.parts.needed(width * height):
            self._backend.parts.begin(self)
        else:
            self.settle()

    def settle(self) -> None:
        self._backend.device.check_usable()
        for _ in self.rest or ():
            pass
        self.rest, later, self._later = None, self._later, []
        for edit in later:
            edit()

    def _step_in_parts(self, settings: Settings, uniforms: dict[str, object], pair: Size) -> Iterator[int]:
        """Make a step; yield the cells of each part, of which there are several in a window."""
        images, integrator = self._images, self._models[0].config.integrator
        assert self._kernel is not None
        assert images is not None
        images.forget()
        if integrator == "euler":
            after = images.take()
            programs = yield from self._euler_step(settings, uniforms, pair, images.now, after)
        else:

            def euler(before: moderngl.TextureArray, after: moderngl.TextureArray) -> StepPrograms:
                return whole(self._euler_step(settings, uniforms, pair, before, after))

            after, programs = integrate(integrator, images, self._size, euler)
        if programs.alive:
            stepped, after = after, images.take()
            let_die(programs.alive, self._kernel, images.now, stepped, after, self._size)
            images.give(stepped)
        images.advance(after)
        self.version += 1

    def _euler_step(
        self, settings: Settings, uniforms: dict[str, object], pair: Size,
        before: moderngl.TextureArray, after: moderngl.TextureArray,
    ) -> Generator[int, None, StepPrograms]:  # fmt: skip
        """Step the cells of all models from one image into another, in parts; return the last one's programs."""
        width, height = self._size
        last = len(self._models) - 1
        passes = []
        for slot in {min(number, last) for number in self._maps.numbers}:
            cover = self._cover(self._models[slot], settings)
            covered = (width - pair[0], height - pair[1]) if cover == "pairs" else self._size
            run = partial(self._dispatch, slot, covered, {**uniforms, "slot": slot}, before, after)
            passes.append((run, self._chosen(slot, cover, run), covered))
        copier = self._backend.device.copier
        if copier and any(programs.copied for _, programs, _ in passes):
            copier(before, after, self._size)
        pairs = [each for each in passes if each[1].merge]
        for run, programs, covered in pairs:
            yield from self._in_parts(run, programs, covered)
        if pairs:
            self._merge(pairs[0][1], pair, uniforms, before, after)
        for run, programs, covered in passes:
            if not programs.merge:
                yield from self._in_parts(run, programs, covered)
        return programs

    def _in_parts(self, run: Callable[..., None], programs: StepPrograms, covered: Size) -> Iterator[int]:
        """Step one model's cells in parts of some rows; yield the cells of each."""
        parts, count = self._backend.parts, rows_of(programs, covered)
        whole = parts is None or programs.pick or programs.coarse
        most = parts.rows(covered[0]) if parts and not whole else count
        for first in range(0, count, most):
            run(programs, None if whole else (first, min(first + most, count)))
            yield covered[0] * min(most, count - first)

    def _merge(
        self, programs: StepPrograms, pair: Size, uniforms: dict[str, object], before: moderngl.TextureArray,
        after: moderngl.TextureArray,
    ) -> None:  # fmt: skip
        """Bring what fired of each pair to its place, where fragment shaders have stepped it."""
        assert programs.merge
        covered = self._size[0] - pair[0], self._size[1] - pair[1]
        reads = {"before": before, "fired": self._passes.fired(covered, after.layers)}
        programs.merge.run(self._size, reads, {"after": after}, uniforms)

    def _dispatch(
        self, slot: int, covered: Size, uniforms: dict[str, object], before: moderngl.TextureArray,
        after: moderngl.TextureArray, programs: StepPrograms, rows: Rows | None = None,
    ) -> None:  # fmt: skip
        """Step one model's cells.

        covered: (width, height) of the part that invocations cover, where cells aren't listed.
        rows: those of the invocations, None for all.
        """
        assert self._kernel is not None
        config = self._models[slot].config
        coarse, more = self._passes.perceive_coarsely(programs, config, self._kernel, before, self._size, self._frame)
        reads: dict[str, Image] = {"before": before, "weights": self._weights[slot], **coarse}
        if self._frame:
            reads["fields"] = self._maps.fields or self._backend.plain_fields
        if self._maps.embedding and config.textures:
            reads["embedding"] = self._maps.embedding
        self._passes.step(programs, self._size, covered, reads, after, {**uniforms, **more}, rows)

    def _chosen(self, slot: int, cover: Cover, run: Callable[[StepPrograms], None]) -> StepPrograms:
        """Return the programs of this step; the first time, compile them and find the fastest form by a trial."""
        assert self._kernel is not None
        backend, config, kernel, frame = self._backend, self._models[slot].config, self._kernel, self._frame
        key = slot, frame, cover, size_class(self._size) if len(backend.device.forms) > 1 else 0
        if key not in self._programs:
            make = partial(backend.step_programs, self._models[slot], kernel, frame, cover)
            self._programs[key] = backend.autotuner.choose(subject(config, kernel, frame, cover, self._size), make, run)
        return self._programs[key]

    def draw_newest(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        return self._draw(view, look, lines)

    @property
    def busy(self) -> bool:
        return self.rest is not None

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        self.settle()
        return self._draw(view, look, lines)

    def _draw(self, view: View, look: Look, lines: float) -> U8:
        target = self._backend.offscreen(view.width, view.height)
        self.draw_into(target, view, look, lines)
        pixels = np.frombuffer(target.read(alignment=1), np.uint8)
        return np.ascontiguousarray(pixels.reshape(view.height, view.width, 4)[..., :3])

    def draw_into(self, target: moderngl.Texture, view: View, look: Look = RGB, lines: float = 0.0) -> None:
        """Draw a view that is as large as the texture (RGBA8), top row first.

        lines: how dark the lines between cells are, 0 to 1.
        """
        self._backend.device.check_usable()
        assert self._kernel is not None
        config = self._models[0].config
        assert self._images is not None
        now = ShownGrid(self._now, self._images.previous, self._maps.fields, self._size, self._kernel, config)
        self._backend.canvas.draw(target, view, look, now, lines)

    def release(self) -> None:
        self._backend.device.check_thread()
        self.rest, self._later = None, []
        self._drop_images()
        self._drop_weights()
        self._passes.release()
        self._maps.release()
        self._fields = None

    def _upload(self, weights: F32) -> moderngl.Texture:
        rows, width, _ = weights.shape
        return self._ctx.texture((width, rows), 4, weights.tobytes(), dtype="f4")

    def _drop_weights(self) -> None:
        for texture in self._weights:
            texture.release()
        self._weights = []
