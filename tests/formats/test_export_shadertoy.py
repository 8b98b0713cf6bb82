"""GLSL for shadertoy.com: run by a small Shadertoy of the tests, which shares no code with the exporter."""

import re
import time
from collections.abc import Iterator

import moderngl
import msgspec
import numpy as np
import pytest
from exporting import NEAR, REFUSED_BY_BOTH, SMALL, colours, replaced, rollout, shipped, shown
from helpers import SELFORG, random_model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchCells
from ncaengine.core import lattice, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Alive, Clips, Colour, Config, Feature, Model, Seed
from ncaengine.core.settings import Settings
from ncaengine.formats.exporters import literals, shadertoy

FOUR = Config().features


HEADER = """#version 300 es
precision highp float; precision highp int; precision highp sampler2D;
uniform vec3 iResolution; uniform int iFrame; uniform vec4 iMouse; uniform sampler2D iChannel0, iChannel1;
out vec4 shadertoy_colour;
"""
FOOTER = "\nvoid main() { vec4 c = vec4(0.0); mainImage(c, gl_FragCoord.xy); shadertoy_colour = c; }\n"
CORNERS = """#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }
"""


class Toy:
    """A small shadertoy.com: runs an exported text with its tabs pasted and its inputs set."""

    def __init__(self, ctx: moderngl.Context, text: str, size: tuple[int, int]) -> None:
        head, *parts = re.split(r"^// ---- (.+)$", text, flags=re.M)
        tabs = dict(zip(parts[::2], parts[1::2], strict=True))
        common = tabs.pop("Common")
        tabs_inputs = re.findall(r"^//\s+([\w ]+): (iChannel.*)$", head, re.M)
        self.inputs = {tab: dict(re.findall(r"iChannel(\d) = (Buffer \w)", inputs)) for tab, inputs in tabs_inputs}
        assert list(self.inputs) == list(tabs)
        self.ctx, self.frame, self.mouse = ctx, 0, (0.0, 0.0, 0.0, 0.0)
        start = time.perf_counter()
        self.programs = {tab: ctx.program(CORNERS, HEADER + common + code + FOOTER) for tab, code in tabs.items()}
        self.vaos = {tab: ctx.vertex_array(program, []) for tab, program in self.programs.items()}
        self.old: dict[str, moderngl.Texture] = {}
        self.new: dict[str, moderngl.Texture] = {}
        self.resize(size)
        self.step()
        self.compiled_in = time.perf_counter() - start

    def resize(self, size: tuple[int, int]) -> None:
        """Replace the buffers by ones of another size, filled with a constant."""
        for texture in (*self.old.values(), *self.new.values()):
            texture.release()
        self.size, rubbish = size, np.full((size[1], size[0], 4), 0.3, np.float32).tobytes()
        for textures in (self.old, self.new):
            for tab in self.programs:
                textures[tab] = self.ctx.texture(size, 4, rubbish, dtype="f4")
                textures[tab].filter = (moderngl.NEAREST, moderngl.NEAREST)

    def step(self, frames: int = 1) -> None:
        for _ in range(frames):
            done: set[str] = set()
            for tab, program in self.programs.items():
                target = self.ctx.framebuffer([self.new[tab]])
                target.use()
                for channel, source in self.inputs[tab].items():
                    (self.new if source in done else self.old)[source].use(int(channel))
                values = {"iResolution": (*self.size, 1.0), "iFrame": self.frame, "iMouse": self.mouse}
                for name, value in {**values, "iChannel0": 0, "iChannel1": 1}.items():
                    if name in program:
                        program[name] = value
                self.vaos[tab].render(moderngl.TRIANGLES, 3)
                self.ctx.detect_framebuffer(0).use()  # else the next framebuffer would refer to the released one
                target.release()
                done.add(tab)
            self.old, self.new = self.new, self.old
            self.frame += 1

    def read(self, tab: str) -> np.ndarray:
        width, height = self.size
        return np.frombuffer(self.old[tab].read(), np.float32).reshape(height, width, 4)

    def state(self, size: tuple[int, int], channels: int) -> np.ndarray:
        """Return the state, (height, width, channels), from the tiles."""
        (width, height), stored = size, self.read("Buffer B" if "Buffer B" in self.programs else "Buffer A")
        tiles = [stored[:height, k * width : (k + 1) * width] for k in range(-(-channels // 4))]
        return np.concatenate(tiles, -1)[..., :channels]

    def release(self) -> None:
        for resource in (*self.old.values(), *self.new.values(), *self.vaos.values(), *self.programs.values()):
            resource.release()


@pytest.fixture
def toys(gl: GLBackend) -> Iterator[list[Toy]]:
    made: list[Toy] = []
    yield made
    for toy in made:
        toy.release()


def screen(model: Model, kernel: Kernel, size: tuple[int, int]) -> tuple[int, int]:
    """Return the resolution at which the grid has this size."""
    zoom = max(2, -(-model.config.channels // 4))
    return round(size[0] * zoom * kernel.basis[0][0]), int(np.ceil(size[1] * zoom * kernel.basis[1][1]))


MUNCA = Config(
    channels=4, hidden=0, absolute=True, fire_rate=1.0, seed=Seed("noise"),
    features=(Feature("identity"), Feature("laplacian", 4.0, (0, 1)), Feature("gradient_x", 8.0, (2,)),
              Feature("gradient_y", 8.0, (3,))),
)  # fmt: skip
"""The identity and one filter for each channel, their absolute values, one layer: 68 parameters."""
TOYS: dict[str, tuple[Config, str]] = {
    "notebook": (Config(hidden=24), "square"),
    "page": (msgspec.structs.replace(SELFORG, hidden=24), "hexagonal"),
    "munca": (MUNCA, "square"),
    "7 channels, wide": (Config(channels=7, hidden=10, seed=Seed("noise", 0.5)), "square-wide"),
    "all clips": (
        Config(channels=5, hidden=8, seed=Seed("noise"),
               clips=Clips((-0.3, 0.4), (-0.1, 0.5), (-0.05, 0.02), (-0.6, 0.7))), "von-neumann",
    ),
    "replicate, tanh": (Config(channels=4, hidden=8, padding="replicate", activation="tanh"), "square-wide"),
    "zero, sigmoid": (Config(channels=4, hidden=8, padding="zero", activation="sigmoid"), "hexagonal"),
    "swish, place": (
        Config(channels=3, hidden=8, activation="swish", beta=2.5, extra=("row", "cos_angle", "column")), "hexagonal"
    ),
    "five extras": (
        Config(channels=3, hidden=8, absolute=True, extra=("row", "column", "row", "row", "sin_angle")), "square"
    ),
    "diffusion by channels": (
        Config(channels=6, hidden=8, features=FOUR[:1], diffusion=(0.1, 0.2, 0.0, 0.3, 0.05, 0.1), firing="channel",
               seed=Seed("blobs", 2.0)), "hexagonal",
    ),
    "one layer, odd": (
        Config(channels=5, hidden=0, extra=("row",), seed=Seed("noise"), features=(Feature("laplacian", -2.0),)),
        "square",
    ),
    "gains and channels": (
        Config(channels=9, hidden=6, features=(Feature("identity", 0.0), Feature("gradient_y", -1.5, (8, 2, 3, 4, 5))),
               seed=Seed("noise")), "square",
    ),
    "growing": (
        Config(channels=16, hidden=12, alive=Alive(3, 0.1), seed=Seed("point", 1.0, 3), colour=Colour(1.0, 0.0, True)),
        "square",
    ),
    "growing with edges": (
        Config(channels=5, hidden=12, alive=Alive(4, 0.05), seed=Seed("noise"), padding="zero"), "hexagonal"
    ),
    "32 channels": (Config(channels=32, hidden=5, seed=Seed("noise")), "square"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOYS)
def test_shadertoy_computes_the_same_steps(gl: GLBackend, catalogue: Catalogue, toys: list[Toy], case: str) -> None:
    """In the seed and in each of six steps."""
    config, kernel = TOYS[case][0], catalogue.get(TOYS[case][1])
    model, size = random_model(config), (14, 12)
    toy = Toy(gl.device.ctx, shadertoy.source(model, kernel, 7), screen(model, kernel, size))
    toys.append(toy)
    cells = TorchCells()
    cells.specialise(model, kernel)
    cells.write(states.initial(model, size, 7))
    worst = [np.abs(toy.state(size, config.channels) - cells.read()).max()]
    before = cells.read()
    for step in range(6):
        toy.step()
        cells.step(step, 7, Settings(fire_rate=config.fire_rate, antithetic=False))
        worst.append(np.abs(toy.state(size, config.channels) - cells.read()).max())
    assert np.abs(cells.read() - before).max() > 1e-3, "the model does nothing"
    assert max(worst) <= 1e-5
    assert toy.compiled_in < 5


def test_a_shipped_model_grows_its_texture_on_shadertoy(gl: GLBackend, catalogue: Catalogue, toys: list[Toy]) -> None:
    model, kernel, size = shipped("bubbles"), catalogue.get("square"), (32, 32)
    text = shadertoy.source(model, kernel)
    assert len(text) < 80_000
    assert max(map(len, text.splitlines())) <= 121
    toys.append(Toy(gl.device.ctx, text, screen(model, kernel, size)))
    assert toys[0].compiled_in < 5
    toys[0].step(20)
    assert np.abs(toys[0].state(size, 12) - rollout(model, kernel, 20, size)).max() < 1e-5
    toys[0].step(180)
    picture = toys[0].read("Image")[::-3, ::3, :3]
    truth = shown(model, rollout(model, kernel, 200, size))
    assert np.abs(colours(picture) - colours(truth)).max() <= NEAR
    assert colours(truth)[1].max() > 0.1


@pytest.mark.parametrize("kernel", ["square", "hexagonal", "von-neumann"])
def test_the_picture_is_the_engines(gl: GLBackend, catalogue: Catalogue, toys: list[Toy], kernel: str) -> None:
    config = Config(channels=5, hidden=4, seed=Seed("noise"), colour=Colour(1.5, 0.4, True, (0.9, 0.2, 0.5)))
    model, plugin, size = random_model(config), catalogue.get(kernel), (16, 12)
    width, height = screen(model, plugin, size)
    toys.append(Toy(gl.device.ctx, shadertoy.source(model, plugin), (width, height)))
    toys[0].step(2)
    rgb = shown(model, toys[0].state(size, 5))
    x, y = np.meshgrid((np.arange(width) + 0.5) / 2, (np.arange(height) + 0.5) / 2)
    left, top = lattice.corner(plugin)
    column, row = lattice.on_torus(plugin, size, *lattice.nearest_cell(plugin, x + left, y + top))
    off = np.abs(toys[0].read("Image")[::-1, :, :3] - rgb[row, column]).max(-1)
    assert (off > 1e-5).mean() < 0.005  # pixels midway between two cells


def test_a_change_of_resolution_and_a_rewind_start_again(gl: GLBackend, catalogue: Catalogue, toys: list[Toy]) -> None:
    model, kernel = random_model(TOYS["growing with edges"][0]), catalogue.get("square")
    toys.append(Toy(gl.device.ctx, shadertoy.source(model, kernel), (32, 24)))
    toy = toys[0]
    toy.step(3)
    for size in ((28, 40), (28, 32)):
        toy.resize(size)
        toy.step()
        cells = size[0] // 2, size[1] // 2
        assert np.array_equal(toy.state(cells, 5), states.initial(model, cells, 0))
        toy.step(2)
        assert not np.array_equal(toy.state(cells, 5), states.initial(model, cells, 0))
    toy.frame = 0
    toy.step()
    assert np.array_equal(toy.state(cells, 5), states.initial(model, cells, 0))


def test_the_mouse_erases_a_disc(gl: GLBackend, catalogue: Catalogue, toys: list[Toy]) -> None:
    model = random_model(Config(channels=4, hidden=4, seed=Seed("noise")))
    toys.append(Toy(gl.device.ctx, shadertoy.source(model, catalogue.get("square")), (120, 80)))
    toy, size = toys[0], (60, 40)
    toy.step(2)
    assert toy.state(size, 4).any(-1).all()
    toy.mouse = (20.0, 70.0, 20.0, 70.0)  # screen coordinates, from the lower left corner
    toy.step()
    row, column = np.mgrid[:40, :60]
    away = np.abs(np.stack([column + 0.5 - 10, row + 0.5 - 5]))
    inside = np.hypot(*np.minimum(away, np.array([60, 40])[:, None, None] - away)) < 12
    assert np.array_equal(~toy.state(size, 4).any(-1), inside)


def test_names_and_authors_stay_in_comments(catalogue: Catalogue) -> None:
    attribution = {"author": "me\nfloat bad;", "licence": "with a backslash \\"}
    text = shadertoy.source(replaced(SMALL, name="a\nb", attribution=attribution), catalogue.get("square"))
    head = text[: text.index("// ---- Common")]
    assert all(line.startswith("//") for line in head.strip().splitlines())
    assert "me float bad;" in head
    assert "\\" not in head
    nobody = shadertoy.source(random_model(SMALL), catalogue.get("square"))
    assert "Author and licence: unknown." in nobody


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (REFUSED_BY_BOTH["scales"][0], "perceives coarser scales"),
        (replaced(SMALL, channels=33), "has 33 channels, more than 32"),
        (REFUSED_BY_BOTH["another stencil"][0], "perceives through wide"),
    ],
)
def test_models_that_shadertoy_cannot_run_are_refused(catalogue: Catalogue, model: Model, message: str) -> None:
    with pytest.raises(NCAError, match=message):
        shadertoy.source(model, catalogue.get("square"))


def test_a_seed_that_is_an_image_is_refused(catalogue: Catalogue) -> None:
    made = random_model(SMALL)
    config = msgspec.structs.replace(SMALL, seed=Seed("image"))
    model = Model(config, made.w1, made.b1, made.w2, made.b2, np.ones((2, 2, 4), np.float32))
    with pytest.raises(NCAError, match="starts from an image"):
        shadertoy.source(model, catalogue.get("square"))


def test_literals_are_short_and_accurate() -> None:
    for value, text in ((0.5, ".5"), (-0.25, "-.25"), (1.0, "1."), (-0.0, "0."), (10.0, "10."), (-1e-9, "0.")):
        assert literals.short(value, 3) == text
    values = np.random.default_rng(0).standard_normal((50, 4)) * 0.03
    glsl = literals.floats("W", values)
    found = np.array([float(v) for v in re.findall(r"-?\d*\.\d*", glsl.split("](")[1])])
    assert np.abs(found - values.ravel()).max() <= 0.5e-6 * np.abs(values).max()
    assert literals.exact(0.1) == "0.1"
    assert [literals.exact(v) for v in (2.0, 1e-12, -3)] == ["2.0", "1e-12", "-3.0"]
