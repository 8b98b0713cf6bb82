"""Grids on the GPU: the state in two image arrays, the weights in an image, one dispatch a step and model."""

from collections.abc import Callable, Sequence
from functools import partial

import moderngl
import numpy as np

from ncaengine.backends.gl.autotune import Autotuner, size_class, subject
from ncaengine.backends.gl.canvas import Canvas, ShownGrid
from ncaengine.backends.gl.cell_access import CellAccess
from ncaengine.backends.gl.cell_maps import CellMaps
from ncaengine.backends.gl.device import SHARED_BYTES, Device, headless_context
from ncaengine.backends.gl.llvmpipe import threads
from ncaengine.backends.gl.passes import Passes, StepPrograms, compile_step, let_die
from ncaengine.backends.gl.point_access import PointAccess
from ncaengine.backends.gl.programs import Image
from ncaengine.backends.gl.shader import perception, source
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.backends.gl.stages import integrate
from ncaengine.backends.gl.storage import FLOAT
from ncaengine.backends.gl.textures import GridImages, StateImages
from ncaengine.core import embeddings
from ncaengine.core.fields import default_fields
from ncaengine.core.integration import METHODS
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Config, Model
from ncaengine.core.pcg import fire_threshold, pair_offset
from ncaengine.core.settings import Settings
from ncaengine.core.states import check_models
from ncaengine.core.types import F32, I32, U8, Size

MOST_LISTED = 0.8
"""The share of cells that fire above which listing them first does not pay."""


class GLCells:
    """See base.Cells."""

    def __init__(self, backend: "GLBackend") -> None:
        self._backend, self._ctx = backend, backend.device.ctx
        self._images: GridImages | None = None
        self._weights: list[moderngl.Texture] = []
        self._given: list[Model] = []
        self._models: list[Model] = []  # those that run: plain ones where all cells have one embedding
        self._programs: dict[tuple[int, FrameKind, Cover, int], StepPrograms] = {}
        self._kernel: Kernel | None = None
        self._size = (0, 0)
        self.version = 0
        self._maps = CellMaps(backend.device)
        self._fields: F32 | None = None
        self._frame: FrameKind = ""
        self._settings: Settings | None = None  # those of the last step
        self._passes = Passes(backend.device)

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        given = [model, *others]
        check_models(given)
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
        return self._backend.state_images.read(self._now, self._size, self._models[0].config.channels)

    def write_fields(self, fields: F32 | None) -> None:
        self._maps.write(fields)
        self._fields = fields
        self.version += 1
        if self._kernel and any(model.config.textures for model in self._given):
            self._run(self._given, self._kernel, fields)

    def read_cells(self, cells: I32) -> F32:
        return self._backend.cell_access.gather(self._now, cells, self._models[0].config.channels)

    def largest(self) -> float:
        return self._backend.cell_access.largest(self._now, self._size, self._models[0].config.channels)

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
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
        countable = (
            self._size[0] * self._size[1] <= source.MOST_GROUPS * group[0] * group[1]
        )  # even if all of them fire
        return "listed" if countable and settings.fire_rate * self._maps.mean_rate < MOST_LISTED else "every"

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        assert self._kernel is not None
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
        images = self._images
        assert images is not None
        images.forget()
        integrator, euler = self._models[0].config.integrator, partial(self._euler_step, settings, uniforms, pair)
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
    ) -> StepPrograms:  # fmt: skip
        """Step the cells of all models from one image into another; return the last one's programs."""
        width, height = self._size
        last = len(self._models) - 1
        passes = []
        for slot in {min(number, last) for number in self._maps.numbers}:
            cover = self._cover(self._models[slot], settings)
            covered = (width - pair[0], height - pair[1]) if cover == "pairs" else self._size
            run = partial(self._dispatch, slot, covered, {**uniforms, "slot": slot}, before, after)
            passes.append((run, self._chosen(slot, cover, run)))
        copier = self._backend.device.copier
        if copier and any(programs.copied for _, programs in passes):
            copier(before, after, self._size)
        pairs = [each for each in passes if each[1].merge]
        for run, programs in pairs:
            run(programs)
        if pairs:
            self._merge(pairs[0][1], pair, uniforms, before, after)
        for run, programs in passes:
            if not programs.merge:
                run(programs)
        return programs

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
        after: moderngl.TextureArray, programs: StepPrograms,
    ) -> None:  # fmt: skip
        """Step one model's cells.

        covered: (width, height) of the part that invocations cover, where cells aren't listed.
        """
        assert self._kernel is not None
        config = self._models[slot].config
        coarse, more = self._passes.perceive_coarsely(programs, config, self._kernel, before, self._size, self._frame)
        reads: dict[str, Image] = {"before": before, "weights": self._weights[slot], **coarse}
        if self._frame:
            reads["fields"] = self._maps.fields or self._backend.plain_fields
        if self._maps.embedding and config.textures:
            reads["embedding"] = self._maps.embedding
        self._passes.step(programs, self._size, covered, reads, after, {**uniforms, **more})

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
        return self.draw(view, look, lines)

    @property
    def busy(self) -> bool:
        return False

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        target = self._backend.offscreen(view.width, view.height)
        self.draw_into(target, view, look, lines)
        pixels = np.frombuffer(target.read(alignment=1), np.uint8)
        return np.ascontiguousarray(pixels.reshape(view.height, view.width, 4)[..., :3])

    def draw_into(self, target: moderngl.Texture, view: View, look: Look = RGB, lines: float = 0.0) -> None:
        """Draw a view that is as large as the texture (RGBA8), top row first.

        lines: how dark the lines between cells are, 0 to 1.
        """
        assert self._kernel is not None
        config = self._models[0].config
        assert self._images is not None
        now = ShownGrid(self._now, self._images.previous, self._maps.fields, self._size, self._kernel, config)
        self._backend.canvas.draw(target, view, look, now, lines)

    def release(self) -> None:
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


class GLBackend:
    """See base.Backend."""

    name = "gl"

    def __init__(self, device: Device | None = None, half: bool = False, fragment: bool | None = None) -> None:
        """Use a window's device, or create and own a headless one; see Device for `half` and `fragment`."""
        self._owns = device is None
        since = threads()
        self.device = device or Device(headless_context(), since=since, half=half, fragment=fragment)
        self.description, self.max_side = self.device.description, self.device.max_side
        self.canvas = Canvas(self.device)
        self.cell_access = PointAccess(self.device) if self.device.fragment else CellAccess(self.device)
        self.state_images, self.autotuner = StateImages(self.device), Autotuner(self.device)
        # A cell's defaults; the step repeats the edge. No side is a power of 2, see Device.image_side.
        self.plain_fields = self.device.ctx.texture((3, 3), 4, default_fields(3, 3).tobytes(), dtype="f4")
        self._offscreen: moderngl.Texture | None = None

    def step_programs(
        self, model: Model, kernel: Kernel, frame: FrameKind = "", cover: Cover = "every", form: Form | None = None
    ) -> StepPrograms:
        """Return the compiled step of a model on a kernel, from the cache if it is there.

        frame, cover, form: see shader.perception; form None is the device's first.
        """
        return compile_step(self.device, model, kernel, frame, cover, form or self.device.form, SHARED_BYTES)

    def bytes_a_cell(self, config: Config) -> int:
        """Count the state as an array and in the images' order; without a GPU, also the step's two states."""
        kept = max((1 + (stage.into or 0) for stage in METHODS[config.integrator]), default=0)
        states = (
            (2 + kept + bool(config.alive)) * self.device.storage.vec4_bytes if self.device.form == "unrolled" else 0
        )
        return perception.layers(config) * (2 * FLOAT.vec4_bytes + states)

    def cells(self) -> GLCells:
        return GLCells(self)

    def offscreen(self, width: int, height: int) -> moderngl.Texture:
        """Return an RGBA8 texture of this size; the last one is kept."""
        if self._offscreen is None or self._offscreen.size != (width, height):
            self._drop_offscreen()
            self._offscreen = self.device.ctx.texture((width, height), 4)
        return self._offscreen

    def _drop_offscreen(self) -> None:
        if self._offscreen is not None:
            self._offscreen.release()
            self._offscreen = None

    def finish(self, timeout: float | None = None) -> bool:
        self.device.ctx.finish()  # which knows no time limit
        return True

    def release(self) -> None:
        self._drop_offscreen()
        self.canvas.release()
        self.cell_access.release()
        self.plain_fields.release()
        self.device.release()
        if self._owns:
            self.device.ctx.release()
