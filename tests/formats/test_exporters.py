"""Models for other programs: the article's page, its notebook, shadertoy.com.

Each form is read back by code that shares none with the exporter: the page's arithmetic in bytes after its ca.js, the
notebook's class, and a small Shadertoy.
"""

import base64
import io
import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import msgspec
import numpy as np
import pytest
import torch
from helpers import NOTEBOOK_CONFIG, ROOT, SELFORG, random_model, random_state
from PIL import Image
from torch import Tensor, nn

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.reference import Reference
from ncaengine.backends.torch import TorchBackend, TorchCells
from ncaengine.cli import export
from ncaengine.core import lattice, looks, pcg, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import WEIGHTS, Alive, Clips, Colour, Config, Feature, Model, Seed
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files
from ncaengine.formats.exporters import atlas, literals, notebook, shadertoy

ATLAS = "published/selforg-textures/hexells.json"
NEAR = 0.03
FOUR = Config().features


def shipped(name: str) -> Model:
    return model_files.load(ROOT / f"assets/{name}.safetensors")


def rollout(model: Model, kernel: Kernel, steps: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """The state after some steps from the seed, by the torch reference: (height, width, channels)."""
    cells = TorchCells()
    cells.specialise(model, kernel)
    cells.write(states.initial(model, size, 0))
    for step in range(steps):
        cells.step(step, 0, Settings(fire_rate=model.config.fire_rate, antithetic=False))
    return cells.read()


def measured(model: Model, kernel: Kernel) -> atlas.Ranges:
    return atlas.measure(model, kernel, (rollout(model, kernel, steps) for steps in (1, 5, 20, 60, 200)))


def colours(rgb: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each channel, (2, 3), of a picture in [0, 1]."""
    return np.stack([rgb.reshape(-1, 3).mean(0), rgb.reshape(-1, 3).std(0)])


def shown(model: Model, state: np.ndarray) -> np.ndarray:
    return looks.to_rgb(state, model.config.colour)


# The article's page


def reimported(text: str, path: Path) -> list[Model]:
    path.write_text(text)
    return list(model_files.open_file(path).models.values())


def pixels(layer: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(layer["data"].split(",")[1]))))


def on_page(text: str, number: int, side: int, steps: int) -> np.ndarray:
    """RGB of a model after the arithmetic of the page's ca.js: every stage in bytes."""
    layers = []
    for layer in json.loads(text)["layers"]:
        (rows, outputs), (across, _), all_ = layer["shape"], layer["layout"], pixels(layer)
        left, top = number % across * (outputs // 4), number // across * rows
        weights = all_[top : top + rows, left : left + outputs // 4].reshape(rows, outputs)
        layers.append((torch.tensor(weights / 255 - 127 / 255).float() * layer["scale"], layer["quant_scale_zero"]))

    def stored(x: Tensor, quant: list[float]) -> Tensor:
        return (torch.round((x / quant[0] + quant[1]).clamp(0, 1) * 255) / 255 - quant[1]) * quant[0]

    (first, units), (second, values) = layers
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    gauss = torch.tensor([[1.0, 2, 1], [2, -12, 2], [1, 2, 1]]) / 8
    filters = torch.stack([sobel, sobel.T, gauss])[:, None]
    x = torch.zeros(1, second.shape[1], side, side)
    for step in range(steps):
        around = nn.functional.pad(x, [1] * 4, "circular")[0, :, None]
        seen = nn.functional.conv2d(around, filters)  # (channels, 3, side, side)
        p = stored(torch.cat([x[0], *seen.unbind(1)]).permute(1, 2, 0), values)
        h = stored(p @ first[:-1] + first[-1], units)
        u = stored(h @ second[:-1] + second[-1], values).permute(2, 0, 1)
        fires = torch.from_numpy(pcg.fire_mask(side, side, step, 0, 0.5))
        x = stored(x + u * fires, values)
    return (x[0, :3] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()


def test_the_published_atlas_is_written_as_it_was(shared: Path, hexells: dict[str, Model]) -> None:
    theirs = json.loads((shared / ATLAS).read_text("utf-8"))
    ours = json.loads(atlas.atlas([(model, None) for model in hexells.values()]))
    assert list(ours) == [*theirs, "attribution"]
    assert len(ours["model_names"]) == len(theirs["model_names"])
    for a, b in zip(ours["layers"], theirs["layers"], strict=True):
        assert {k: a[k] for k in a if k != "data"} == {k: b[k] for k in b if k != "data"}
        assert a["data"].startswith("data:image/PNG;base64,")
        assert np.array_equal(pixels(a), pixels(b))


@pytest.mark.parametrize("names", [["dots"], ["bubbly_0101", "dots"]])
def test_some_of_its_models_stay_as_they_are(tmp_path: Path, hexells: dict[str, Model], names: list[str]) -> None:
    models = [hexells[name] for name in names]
    found = reimported(atlas.atlas([(model, None) for model in models]), tmp_path / "a.json")
    assert [m.config.name for m in found] == names
    for ours, theirs in zip(found, models, strict=True):
        for name in WEIGHTS:
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=5e-7)


@pytest.mark.parametrize("name", ["bubbles", "zebra", "coral"])
def test_a_shipped_model_shows_its_texture_as_an_atlas(tmp_path: Path, catalogue: Catalogue, name: str) -> None:
    """By our own arithmetic, and by the page's, which rounds every stage to a byte."""
    model, kernel = shipped(name), catalogue.get("square")
    text = atlas.atlas([(model, measured(model, kernel))])
    (found,) = reimported(text, tmp_path / "a.json")
    truth = colours(shown(model, rollout(model, kernel, 200)))
    assert truth[1].max() > 0.1
    for rgb in (shown(found, rollout(found, kernel, 200)), on_page(text, 0, 64, 200)):
        assert np.abs(colours(rgb) - truth).max() <= NEAR


CONVERTED: dict[str, Config] = {
    "notebook": NOTEBOOK_CONFIG,
    "page": SELFORG,
    "odd sizes, few features": Config(channels=5, hidden=6, features=(Feature("laplacian", -2.0), Feature("identity"))),
    "channels of its own": Config(
        channels=6, hidden=8,
        features=(Feature("identity"), Feature("gradient_y", 3.0, (1, 4)), Feature("laplacian", 1.0, (0,)),
                  Feature("laplacian", 2.0, (0, 5))),
    ),
    "colours of another scale": Config(channels=4, hidden=8, colour=Colour(0.25, 0.5)),
    "clips of its own": Config(
        channels=4, hidden=8, features=(Feature("identity", 2.0), Feature("laplacian", 1.0)),
        clips=Clips((-2.0, 2.0), (-1.0, 0.5), (-1.0, 1.0), (-1.0, 1.0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONVERTED)
def test_the_change_of_units_is_exact(catalogue: Catalogue, case: str) -> None:
    """Until something is clipped that was not."""
    model, kernel = random_model(CONVERTED[case]), catalogue.get("square")
    page = atlas.converted(model, measured(model, kernel) if atlas.needs_ranges(model.config) else None)
    assert page.config.clips == SELFORG.clips
    assert page.config.features == SELFORG.features
    assert page.config.colour == SELFORG.colour
    for steps in (1, 10, 30):
        ours, theirs = (shown(m, rollout(m, kernel, steps, (24, 24))) for m in (page, model))
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert np.abs(theirs - 0.5).max() > 0.01


def test_weights_are_rounded_to_the_nearest_byte(tmp_path: Path, catalogue: Catalogue) -> None:
    model = shipped("coral")
    ranges = measured(model, catalogue.get("square"))
    text = atlas.atlas([(model, ranges)])
    (found,), page = reimported(text, tmp_path / "a.json"), atlas.converted(model, ranges)
    for layer, names in zip(json.loads(text)["layers"], (("w1", "b1"), ("w2", "b2")), strict=True):
        assert pixels(layer).min() == 0 or pixels(layer).max() == 255, "the scale is larger than need be"
        for name in names:
            off = np.abs(getattr(found, name) - getattr(page, name)).max()
            assert off <= layer["scale"] / 255 / 2 + 1e-6


def test_hidden_units_stay_below_saturation(catalogue: Catalogue) -> None:
    """Their rows of weights being equally high, so that none is rounded more coarsely than others."""
    model, kernel = shipped("zebra"), catalogue.get("square")
    ranges = measured(model, kernel)
    page = atlas.converted(model, ranges)
    reach = atlas.measure(page, kernel, [rollout(page, kernel, 200)]).hidden
    assert reach.max() < 2.1
    largest = np.abs(np.concatenate([page.w1, page.b1[:, None]], 1)).max(1)
    np.testing.assert_allclose(largest, largest[0], rtol=1e-5)


def test_models_of_other_sizes_share_an_atlas(tmp_path: Path, catalogue: Catalogue) -> None:
    kernel = catalogue.get("square")
    models = [random_model(Config(channels=c, hidden=h, name=f"m{c}")) for c, h in ((3, 5), (6, 9), (32, 1))]
    found = reimported(atlas.atlas([(m, measured(m, kernel)) for m in models]), tmp_path / "a.json")
    for ours, model in zip(found, models, strict=True):
        assert (ours.config.channels, ours.config.hidden, ours.config.name) == (32, 12, model.config.name)
        assert not ours.w2[model.config.channels :].any()
        assert not ours.w1[model.config.hidden :].any()


def replaced(config: Config, **changes: Any) -> Model:
    return random_model(msgspec.structs.replace(config, **changes))


SMALL = Config(channels=4, hidden=4)
NEITHER: dict[str, tuple[Model, str]] = {
    "no hidden units": (replaced(SMALL, hidden=0), "has no hidden units"),
    "absolute": (replaced(SMALL, absolute=True), "perceives absolute values"),
    "extra": (replaced(SMALL, extra=("row", "column")), r"has inputs beside its perception \(row, column\)"),
    "another stencil": (replaced(SMALL, features=(Feature("wide"),)), "perceives through wide"),
    "scales": (replaced(SMALL, scales=(0, 1)), "perceives coarser scales"),
    "diffusion": (replaced(SMALL, diffusion=(0.1,) * 4), "diffuses"),
    "alive": (replaced(SMALL, alive=Alive()), "lets cells die"),
    "firing": (replaced(SMALL, firing="channel"), "lets each channel fire by itself"),
    "padding": (replaced(SMALL, padding="zero"), "has zero padding"),
    "tanh": (replaced(SMALL, activation="tanh"), "has the activation tanh"),
    "shown dark for bright": (replaced(SMALL, colour=Colour(-1.0)), "-1"),
}
NOT_THE_PAGE: dict[str, tuple[Model, str]] = {
    "channels": (replaced(SMALL, channels=33), "33 channels and 4 hidden units, more than 32 and 128"),
    "hidden": (replaced(SMALL, hidden=129), "129 hidden units"),
    "fire rate": (replaced(SMALL, fire_rate=1.0), "fires at a rate of 1"),
    "seed": (replaced(SMALL, seed=Seed("noise")), "starts from a seed of noise"),
    "colours": (replaced(SMALL, colour=Colour(1.0, 0.0)), r"shows its state · 1 \+ 0"),
    "alpha": (replaced(SMALL, colour=Colour(alpha=True)), "has opacity"),
    "linear": (replaced(SMALL, activation="linear"), "lets hidden units fall below 0"),
    "clip of hidden": (replaced(SMALL, clips=Clips(hidden=(0.1, 1.0))), "lets hidden units fall below 0|clips its hid"),
    "clip of state": (replaced(SMALL, clips=Clips(state=(-2.0, 2.0))), "clips its state elsewhere than at ±1"),
    "clip of update": (replaced(SMALL, clips=Clips(update=(-1.0, 2.0))), "clips its update elsewhere than at ±1"),
    "clip of perception": (replaced(SMALL, clips=Clips(perception=(-1.0, 1.0))), "clips its perception elsewhere"),
    "clip of what is seen twice": (
        replaced(SMALL, features=(Feature("identity"),) * 2, clips=Clips(perception=(-1.0, 1.0))), "the same twice"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [*NEITHER, *NOT_THE_PAGE])
def test_what_the_page_cannot_compute_is_named(case: str) -> None:
    model, said = {**NEITHER, **NOT_THE_PAGE}[case]
    ranges = atlas.Ranges(np.ones(model.config.hidden, np.float32), np.ones(model.config.channels, np.float32))
    with pytest.raises(NCAError, match=said) as caught:
        atlas.atlas([(model, ranges)])
    assert "model" in str(caught.value)


def test_ranges_that_are_missing_and_too_many_models_are_told() -> None:
    with pytest.raises(NCAError, match="measure their ranges"):
        atlas.atlas([(random_model(SMALL), None)])
    with pytest.raises(NCAError, match="1 to 256 models, not 257"):
        atlas.atlas([(random_model(SELFORG), None)] * 257)


def test_a_model_that_runs_away_is_told(catalogue: Catalogue) -> None:
    model = random_model(SMALL)
    with pytest.raises(NCAError, match="runs away on square"):
        atlas.measure(model, catalogue.get("square"), [np.full((4, 4, 4), np.inf, np.float32)])


def test_who_made_a_model_travels_with_an_atlas(tmp_path: Path) -> None:
    mine = {"author": "Me", "licence": "CC BY-NC 4.0", "file": "gone", "recognised": "gone", "long": "x" * 10_000}
    models = [random_model(msgspec.structs.replace(SELFORG, attribution=facts)) for facts in (mine, {})]
    text = atlas.atlas([(model, None) for model in models])
    first, second = (m.config.attribution for m in reimported(text, tmp_path / "a.json"))
    assert (first["author"], first["licence"], len(first["long"])) == ("Me", "CC BY-NC 4.0", 500)
    assert first["recognised"].startswith("its model_names")
    assert not {"file", "authors", "source"} & set(first), "nobody else is named"
    assert "ask who trained it" in second["authors"]
    for odd in (5, [], [7, {"author": 3}], {"a": "b"}):  # another's key of this name
        found = reimported(json.dumps({**json.loads(text), "attribution": odd}), tmp_path / "b.json")
        assert all(m.config.attribution["authors"] for m in found)


def test_weights_of_zero_stay_zero(tmp_path: Path) -> None:
    nothing = Model(SELFORG, *(np.zeros(shape, np.float32) for shape in SELFORG.shapes.values()))
    (found,) = reimported(atlas.atlas([(nothing, None)]), tmp_path / "a.json")
    assert not any(getattr(found, name).any() for name in WEIGHTS)


# The notebook


class CA(nn.Module):
    """As in the article's notebook."""

    def __init__(self, channels: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.w1 = nn.Conv2d(4 * channels, hidden, 1)
        self.w2 = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        laplacian = torch.tensor([[1.0, 2, 1], [2, -12, 2], [1, 2, 1]])
        one = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
        filters = torch.stack([one, sobel, sobel.T, laplacian])[:, None]
        b, c, h, w = x.shape
        y = nn.functional.pad(x.reshape(b * c, 1, h, w), [1, 1, 1, 1], "circular")
        y = nn.functional.conv2d(y, filters).reshape(b, -1, h, w)
        return x + self.w2(torch.relu(self.w1(y)))


NOTEBOOKS: dict[str, Config] = {name: CONVERTED[name] for name in CONVERTED if name not in ("page", "clips of its own")}


@pytest.mark.parametrize("case", NOTEBOOKS)
def test_the_notebooks_class_computes_what_we_do(catalogue: Catalogue, case: str) -> None:
    model = random_model(NOTEBOOKS[case])
    c, scale = model.config, model.config.colour.scale
    tensors, to_mind = notebook.state_dict(model)
    net = CA(c.channels, c.hidden, bias=True)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    x = torch.from_numpy(random_state(9, 7, c.channels)).permute(2, 0, 1)[None]
    with torch.no_grad():
        ours = Reference(model, catalogue.get("square"))(x, torch.ones(()))
        np.testing.assert_allclose(net(x * scale) / scale, ours, atol=1e-5)
    assert [sentence for sentence in to_mind if "w2.bias" in sentence]


def test_only_what_differs_from_the_notebook_is_to_be_minded() -> None:
    model = random_model(NOTEBOOK_CONFIG)
    plain = Model(model.config, model.w1, model.b1, model.w2, np.zeros(12, np.float32))
    tensors, to_mind = notebook.state_dict(plain)
    assert set(tensors) == {"w1.weight", "w1.bias", "w2.weight"}
    assert not to_mind
    other = msgspec.structs.replace(model.config, fire_rate=1.0, seed=Seed("noise"), colour=Colour(1.0, 0.0))
    said = notebook.state_dict(Model(other, model.w1, model.b1, model.w2, model.b2))[1]
    for word, sentence in zip(("w2.bias", "update_rate=1", "a seed of noise", r"state + 0,"), said, strict=True):
        assert word in sentence


@pytest.mark.parametrize("case", [*NEITHER, "clip"])
def test_what_the_notebook_cannot_compute_is_named(case: str) -> None:
    clipped = replaced(SMALL, clips=Clips(hidden=(0.0, 1.0), state=(-1.0, 1.0)))
    model, said = {**NEITHER, "clip": (clipped, "clips its hidden and state")}[case]
    with pytest.raises(NCAError, match=said):
        notebook.state_dict(model)


# Shadertoy


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
    """What shadertoy.com does with an exported text whose tabs were pasted and whose inputs were set as it says."""

    def __init__(self, ctx: moderngl.Context, text: str, size: tuple[int, int]) -> None:
        head, *parts = re.split(r"^// ---- (.+)$", text, flags=re.M)
        tabs = dict(zip(parts[::2], parts[1::2], strict=True))
        common = tabs.pop("Common")
        told = re.findall(r"^//\s+([\w ]+): (iChannel.*)$", head, re.M)
        self.inputs = {tab: dict(re.findall(r"iChannel(\d) = (Buffer \w)", inputs)) for tab, inputs in told}
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
        """Buffers of another size, with something in them."""
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
                self.ctx.detect_framebuffer(0).use()  # the next one made would ask for the released one
                target.release()
                done.add(tab)
            self.old, self.new = self.new, self.old
            self.frame += 1

    def read(self, tab: str) -> np.ndarray:
        width, height = self.size
        return np.frombuffer(self.old[tab].read(), np.float32).reshape(height, width, 4)

    def state(self, size: tuple[int, int], channels: int) -> np.ndarray:
        """(height, width, channels) out of the tiles."""
        (width, height), stored = size, self.read("Buffer B" if "Buffer B" in self.programs else "Buffer A")
        tiles = [stored[:height, k * width : (k + 1) * width] for k in range(-(-channels // 4))]
        return np.concatenate(tiles, -1)[..., :channels]

    def release(self) -> None:
        for thing in (*self.old.values(), *self.new.values(), *self.vaos.values(), *self.programs.values()):
            thing.release()


@pytest.fixture
def toys(gl: GLBackend) -> Iterator[list[Toy]]:
    made: list[Toy] = []
    yield made
    for toy in made:
        toy.release()


def screen(model: Model, kernel: Kernel, size: tuple[int, int]) -> tuple[int, int]:
    """The resolution at which the grid has a size."""
    zoom = max(2, -(-model.config.channels // 4))
    return round(size[0] * zoom * kernel.basis[0][0]), int(np.ceil(size[1] * zoom * kernel.basis[1][1]))


MUNCA = Config(
    channels=4, hidden=0, absolute=True, fire_rate=1.0, seed=Seed("noise"),
    features=(Feature("identity"), Feature("laplacian", 4.0, (0, 1)), Feature("gradient_x", 8.0, (2,)),
              Feature("gradient_y", 8.0, (3,))),
)  # fmt: skip
"""One filter a channel beside the identity, their absolute values, one layer: 68 parameters."""
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
def test_shadertoy_computes_what_we_do(gl: GLBackend, catalogue: Catalogue, toys: list[Toy], case: str) -> None:
    """The seed, and each of some steps."""
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


def test_a_shipped_model_grows_its_texture_there(gl: GLBackend, catalogue: Catalogue, toys: list[Toy]) -> None:
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
def test_the_picture_is_ours(gl: GLBackend, catalogue: Catalogue, toys: list[Toy], kernel: str) -> None:
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
    assert (off > 1e-5).mean() < 0.005  # pixels in the very middle between two cells


def test_a_change_of_resolution_and_a_rewind_begin_anew(gl: GLBackend, catalogue: Catalogue, toys: list[Toy]) -> None:
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
    toy.mouse = (20.0, 70.0, 20.0, 70.0)  # of the screen, from its lower left corner
    toy.step()
    row, column = np.mgrid[:40, :60]
    away = np.abs(np.stack([column + 0.5 - 10, row + 0.5 - 5]))
    inside = np.hypot(*np.minimum(away, np.array([60, 40])[:, None, None] - away)) < 12
    assert np.array_equal(~toy.state(size, 4).any(-1), inside)


def test_a_name_or_an_author_cannot_leave_the_comment(catalogue: Catalogue) -> None:
    told = {"author": "me\nfloat bad;", "licence": "with a backslash \\"}
    text = shadertoy.source(replaced(SMALL, name="a\nb", attribution=told), catalogue.get("square"))
    head = text[: text.index("// ---- Common")]
    assert all(line.startswith("//") for line in head.strip().splitlines())
    assert "me float bad;" in head
    assert "\\" not in head
    nobody = shadertoy.source(random_model(SMALL), catalogue.get("square"))
    assert "Author and licence are not known." in nobody


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (NEITHER["scales"][0], "perceives coarser scales"),
        (replaced(SMALL, channels=33), "has 33 channels, more than 32"),
        (NEITHER["another stencil"][0], "perceives through wide"),
    ],
)
def test_what_shadertoy_cannot_compute_is_named(catalogue: Catalogue, model: Model, said: str) -> None:
    with pytest.raises(NCAError, match=said):
        shadertoy.source(model, catalogue.get("square"))


def test_a_seed_that_is_an_image_is_refused(catalogue: Catalogue) -> None:
    made = random_model(SMALL)
    config = msgspec.structs.replace(SMALL, seed=Seed("image"))
    model = Model(config, made.w1, made.b1, made.w2, made.b2, np.ones((2, 2, 4), np.float32))
    with pytest.raises(NCAError, match="starts from an image"):
        shadertoy.source(model, catalogue.get("square"))


def test_numbers_are_short_and_near() -> None:
    for value, text in ((0.5, ".5"), (-0.25, "-.25"), (1.0, "1."), (-0.0, "0."), (10.0, "10."), (-1e-9, "0.")):
        assert literals.short(value, 3) == text
    values = np.random.default_rng(0).standard_normal((50, 4)) * 0.03
    said = literals.floats("W", values)
    found = np.array([float(v) for v in re.findall(r"-?\d*\.\d*", said.split("](")[1])])
    assert np.abs(found - values.ravel()).max() <= 0.5e-6 * np.abs(values).max()
    assert literals.exact(0.1) == "0.1"
    assert [literals.exact(v) for v in (2.0, 1e-12, -3)] == ["2.0", "1e-12", "-3.0"]


# The command


@pytest.fixture
def command() -> Any:
    """`ncaengine export` of the arguments."""
    import tyro

    from ncaengine.cli.export import Export

    def run(*arguments: object) -> None:
        tyro.cli(Export, args=[str(a) for a in arguments]).run()

    return run


def test_the_command_writes_an_atlas(tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "models.json"
    command("zebra", "weave", "-o", path)
    said = capsys.readouterr()
    assert said.out == f"2 models in {path}, the first is zebra\n"
    assert [(m.config.name, m.config.credit) for m in model_files.open_file(path).models.values()] == [
        (name, "the ncaengine authors · Apache-2.0") for name in ("zebra", "weave")
    ]


def test_models_that_are_the_same_are_measured_once(
    tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def measure(model: Model, kernel: Kernel, states: Iterator[np.ndarray]) -> atlas.Ranges:
        ran.append(model.config.name)
        return measured_before(model, kernel, [next(states)])

    measured_before = atlas.measure
    monkeypatch.setattr(atlas, "measure", measure)
    command("zebra", "weave", "zebra", "-o", tmp_path / "a.json")
    assert ran == ["zebra", "weave"]
    assert len(list(model_files.open_file(tmp_path / "a.json").models.values())) == 3


def test_the_ranges_are_those_of_either_backend(catalogue: Catalogue, gl: GLBackend, simulate) -> None:
    model, kernel = shipped("zebra"), catalogue.get("square")
    ours, truth = (
        atlas.measure(model, kernel, itertools.islice(export.states_of_rollout(sim, model, "square"), 4))
        for sim in (simulate(gl), simulate(TorchBackend()))
    )
    np.testing.assert_allclose(ours.hidden, truth.hidden, atol=1e-3)
    np.testing.assert_allclose(ours.channels, truth.channels, atol=1e-3)


def test_the_command_writes_a_state_dict_that_opens_as_the_model(
    tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zebra.pt"
    command("zebra", "-o", path)
    told = capsys.readouterr().err
    assert "it has w2.bias" in told
    assert "record separately that it is zebra, for square and hexagonal, by the ncaengine authors · Apache-2.0" in told
    model, found = shipped("zebra"), model_files.load(path)
    assert all(np.array_equal(getattr(found, name), getattr(model, name)) for name in WEIGHTS)
    for name in ("features", "clips", "activation", "colour", "fire_rate", "seed", "padding"):
        assert getattr(found.config, name) == getattr(model.config, name)


def test_the_command_writes_glsl(tmp_path: Path, command: Any, catalogue: Catalogue) -> None:
    for name in ("zebra.glsl", "zebra.frag"):
        command("zebra", "-o", tmp_path / name, "--kernel", "hexagonal")
        text = (tmp_path / name).read_text("utf-8")
        assert text == shadertoy.source(shipped("zebra"), catalogue.get("hexagonal"))


def test_the_command_takes_the_form_given(tmp_path: Path, command: Any) -> None:
    command("zebra", "-o", tmp_path / "zebra.txt", "--form", "glsl")
    assert (tmp_path / "zebra.txt").read_text("utf-8").startswith("// zebra")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zebra", "-o", "zebra.txt"], "this ending is not known"),
        (["-o", "a.json"], "Name a model"),
        (["zebra", "weave", "-o", "a.glsl"], "holds one model, not 2"),
        (["zebra", "weave", "-o", "a.pt"], "holds one model, not 2"),
        (["zebra", "-o", "a.glsl", "--kernel", "no"], "no kernel 'no'"),
        (["nothing", "-o", "a.glsl"], "neither a file nor a shipped model"),
        (["zebra", "-o", "no/a.glsl"], "cannot be written"),
    ],
)
def test_what_the_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NCAError, match=said):
        command(*arguments)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_refused_leaves_the_file_as_it_was(tmp_path: Path, command: Any) -> None:
    model_files.save(NEITHER["alive"][0], tmp_path / "m.safetensors")
    (tmp_path / "a.json").write_text("before")
    with pytest.raises(NCAError, match="lets cells die"):
        command(tmp_path / "m.safetensors", "-o", tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "before"
