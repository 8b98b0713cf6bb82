"""One step of a page, in a browser, against the torch reference, cell by cell."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, random_state, small
from one_step import TOLERANCE, random_fields, stepped
from onnx_files import growing_graph
from paged import Paged
from published_forms import (
    atlas,
    decoded,
    demo_text,
    graph_model,
    growing,
    hexells,
    imported,
    reaction,
    state_dict,
)

from ncaengine.backends.torch import TorchCells
from ncaengine.core import stencils
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Alive, Clips, Config, Feature, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32
from ncaengine.formats.importers import FAMILIES
from ncaengine.formats.importers.base import Decoded, Hints
from ncaengine.formats.model_files import open_file

SIZES = [(16, 16), (37, 53), (128, 128)]
Pages = Callable[..., Paged]


def assert_agrees(
    page: Paged, model: Model, index: int, kernel: str, catalogue: Catalogue, size: tuple[int, int],
    field: F32 | None = None, tolerance: float = TOLERANCE, **settings: float | bool,
) -> None:  # fmt: skip
    config, (width, height) = model.config, size
    before = random_state(width, height, config.channels, seed=width, spread=0.3)
    if config.clips.state:
        before = before.clip(*config.clips.state)
    settings = {"fire_rate": config.fire_rate, **settings}
    sent = {"fireRate" if name == "fire_rate" else name: value for name, value in settings.items()}
    ours = page.stepped(index, kernel, before, field, **sent)
    truth = stepped(TorchCells(), [model], catalogue.get(kernel), before, field, Settings(**settings))
    assert np.abs(truth - before).max() > 1e-3, "the test's own states and weights do nothing"
    assert np.abs(ours - truth).max() <= tolerance
    if not config.alive and tolerance == TOLERANCE:
        assert np.array_equal(ours != before, truth != before) or config.clips.state
        assert np.array_equal((ours != before).any(-1), (truth != before).any(-1))


def shipped(name: str) -> Model:
    return next(iter(open_file(Path(__file__).parents[2] / f"assets/{name}.safetensors").models.values()))


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_a_shipped_model(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    page = pages([shipped("zebra")])
    for size in SIZES:
        assert_agrees(page, shipped("zebra"), 0, kernel, catalogue, size)


def small_families() -> dict[str, Model]:
    """A small model of each importable family, as published files hold it."""
    files: dict[str, tuple[Decoded, Hints]] = {
        "hexells": (decoded("json", hexells()), Hints()),
        "notebook": (decoded("tensors", state_dict(16)), Hints()),
        "Noise-NCA": (decoded("tensors", {**state_dict(16), "noise_level": np.ones(1, np.float32)}), Hints()),
        "PE-NCA": (decoded("tensors", state_dict(18)), Hints()),
        "DyNCA": (decoded("json", atlas(1, placed=True)), Hints()),
        "DyNCA of a video": (decoded("json", atlas(1, placed=True, n_perception_scales=2)), Hints()),
        "growing": (decoded("json", growing()), Hints()),
        "Growing-CA's graph": (decoded("json", graph_model()), Hints()),
        "a growing program": (decoded("tensors", state_dict(12, names=("fc0", "fc1"))), Hints()),
        "Monash's": (decoded("tensors", state_dict(16, names=("0", "2"))), Hints()),
        "reaction-diffusion": (decoded("arrays", reaction()), Hints()),
        "µNCA": (decoded("text", demo_text()), Hints()),
    }
    return {name: next(imported(file, hints)) for name, (file, hints) in files.items()}


def test_families(pages: Pages, catalogue: Catalogue, tmp_path: Path) -> None:
    families = small_families()
    onnx = tmp_path / "growing.onnx"
    onnx.write_bytes(growing_graph())
    models = [*families.values(), *open_file(onnx).models.values()]
    assert {model.config.family for model in models} == {family.name for family in FAMILIES}
    page = pages(models)
    for index, model in enumerate(models):
        for kernel in ("square", "hexagonal"):
            for size in SIZES[:2] if stencils.runs_on(model.config, catalogue.get(kernel)) else ():
                assert_agrees(page, model, index, kernel, catalogue, size)


def test_the_guide_names_all_families() -> None:
    text = (Path(__file__).parents[2] / "docs/pages.md").read_text("utf-8")
    assert all(f"`{family.name}`" in text for family in FAMILIES)


PUBLISHED = {
    "selforg-textures/hexells.json": "dots", "grafting/dots.pt": "", "noise-nca/Noise-NCA_bubbly_0101.pt": "",
    "growing/ex3_lizard.json": "", "dynca/video_small_escalator.json": "", "reaction-diffusion/grid_0135_20000.npy": "",
}  # fmt: skip


@pytest.mark.parametrize("file", PUBLISHED)
def test_published_models(pages: Pages, catalogue: Catalogue, shared: Path, file: str) -> None:
    models = open_file(shared / "published" / file).models
    model = models[PUBLISHED[file] or next(iter(models))]
    page = pages([model])
    for kernel in ("square", "hexagonal"):
        for size in SIZES:
            assert_agrees(page, model, 0, kernel, catalogue, size)


def of(config: Config, **changes: object) -> Model:
    return random_model(msgspec.structs.replace(config, **changes))


FORMS: dict[str, Config] = {
    **{f"padding {p}": msgspec.structs.replace(small(NOTEBOOK_CONFIG), padding=p) for p in ("replicate", "zero")},
    **{f"{a}": msgspec.structs.replace(small(NOTEBOOK_CONFIG), activation=a) for a in ("tanh", "sigmoid", "swish")},
    **{f"{i}": msgspec.structs.replace(small(NOTEBOOK_CONFIG), integrator=i) for i in ("heun", "rk4", "implicit")},
    "clips": small(SELFORG),
    "channels fire": msgspec.structs.replace(small(NOTEBOOK_CONFIG), firing="channel"),
    "18 channels": small(NOTEBOOK_CONFIG, channels=18),
    "alive": msgspec.structs.replace(small(NOTEBOOK_CONFIG), alive=Alive(), padding="zero"),
    "heun, alive, 18 channels": msgspec.structs.replace(
        small(NOTEBOOK_CONFIG, channels=18), integrator="heun", alive=Alive(when="after"), clips=Clips(state=(-1, 1))
    ),
    "no hidden units": small(NOTEBOOK_CONFIG, hidden=0),
    "scales": msgspec.structs.replace(small(NOTEBOOK_CONFIG), scales=(0, 1, 2)),
    "places": msgspec.structs.replace(small(NOTEBOOK_CONFIG), extra=("row", "column", "cos_angle", "sin_angle")),
    "absolute, diffusion": msgspec.structs.replace(small(NOTEBOOK_CONFIG), absolute=True, diffusion=(0.1,) * 5),
    "some channels": msgspec.structs.replace(
        small(NOTEBOOK_CONFIG), features=(Feature("identity"), Feature("laplacian", 0.5, (0, 3)))
    ),
}


def test_forms_of_the_step(pages: Pages, catalogue: Catalogue) -> None:
    models = [random_model(config) for config in FORMS.values()]
    page = pages(models)
    for index, model in enumerate(models):
        for kernel, size in (("square", (24, 18)), ("hexagonal", (13, 9))):
            assert_agrees(page, model, index, kernel, catalogue, size)


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_settings_and_fields(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    model = random_model(small(NOTEBOOK_CONFIG, channels=6))
    page, turned = pages([model]), {"angle": 30.0, "scale": 1.3, "aspect": 0.8, "dt": 0.5}
    field = random_fields(24, 18)
    field[..., 2] = (field[..., 2] + 180) % 360 - 180  # browsers' sines of larger angles are less exact
    still = field.copy()
    still[..., 0] = 1
    for size, maps, settings in (
        ((24, 18), None, {"fire_rate": 0.3}),
        ((24, 18), None, {"fire_rate": 1.0}),
        ((24, 18), None, {"antithetic": False}),
        ((24, 18), None, turned),
        ((24, 18), field, {}),
        ((24, 18), still, turned),
    ):
        assert_agrees(page, model, 0, kernel, catalogue, size, maps, **settings)


def test_two_models_on_one_grid(pages: Pages, catalogue: Catalogue) -> None:
    models = [random_model(small(NOTEBOOK_CONFIG), seed=n) for n in range(2)]
    page, before = pages(models), random_state(24, 18, 5)
    for field in (random_fields(24, 18, models=2), random_fields(24, 18, models=2) * [0, 1, 1, 1] + [1, 0, 0, 0]):
        maps = field.astype(np.float32)
        ours = page.stepped(0, "hexagonal", before, maps, painted=[1])
        truth = stepped(TorchCells(), models, catalogue.get("hexagonal"), before, maps)
        assert np.abs(ours - truth).max() <= TOLERANCE


def test_weights_in_a_block_and_in_a_texture(pages: Pages, catalogue: Catalogue) -> None:
    """GPUs read weights from a uniform block, or from a texture if they are too many for one."""
    models = [random_model(small(NOTEBOOK_CONFIG, hidden=9), seed=n) for n in range(2)]
    page = pages(models)
    assert page.run("return engine.software")
    page.run("engine.device.software = false")
    for code in ("", "engine.device.programs.clear(); engine.device.gl.getParameter = () => 0"):
        page.run(code)
        for index, model in enumerate(models):
            for kernel in ("square", "hexagonal"):
                assert_agrees(page, model, index, kernel, catalogue, (24, 18))


def test_states_in_16_bits(pages: Pages, catalogue: Catalogue) -> None:
    models = [shipped("zebra"), random_model(small(NOTEBOOK_CONFIG, channels=18))]
    page = pages(models)
    page.run("""
        engine.release();
        const draws = NcaDevice.prototype.draws;
        NcaDevice.prototype.draws = function (format) {
            return format === this.gl.RGBA16F && draws.call(this, format);
        };
        window.engine = new Engine(document.createElement("canvas"), await loadData());
    """)
    assert page.run("return engine.half")
    for index, model in enumerate(models):
        for kernel in ("square", "hexagonal"):
            before = random_state(24, 18, model.config.channels, spread=0.3)
            before = before.astype(np.float16).astype(np.float32)
            ours = page.stepped(index, kernel, before)
            truth = stepped(TorchCells(), [model], catalogue.get(kernel), before, None)
            assert np.abs(ours - truth).max() <= 2**-11 * max(1, np.abs(truth).max())
            assert np.array_equal(ours, ours.astype(np.float16))
            same = (ours == before).all(-1) != (truth == before).all(-1)
            assert same.mean() < 0.01  # an update may be too small for 11 bits
