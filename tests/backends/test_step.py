"""One step, shader against reference: the bar that everything later stands on.

Single steps from many states are compared, not rollouts: summation order differs, and a rollout
would make much of it.
"""

import msgspec
import numpy as np
import pytest
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, SHARED, random_model, random_state
from hypothesis import given, settings
from hypothesis import strategies as st
from one_step import assert_one_step_agrees

from ncaengine.backends.base import Backend
from ncaengine.backends.gl import shared
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import SHARED_BYTES
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.torch import TorchCells
from ncaengine.core import pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Clips, Config, Feature, Model
from ncaengine.core.settings import Settings
from ncaengine.formats.importers import notebook
from ncaengine.formats.model_files import open_file

KERNELS = ["square", "hexagonal", "hexagonal-distill", "von-neumann", "square-wide"]
SIZES = [(1, 1), (1, 7), (37, 53), (128, 128)]


def convention(name: str) -> Model:
    """Published weights where the third-party data is here, random ones of their scale elsewhere."""
    if not SHARED.is_dir():
        return random_model({"selforg": SELFORG, "notebook": NOTEBOOK_CONFIG}[name])
    if name == "selforg":
        atlas = open_file(SHARED / "published/selforg-textures/hexells.json").models
        return atlas["dots"]
    found = torch.load(SHARED / "published/monash/texture.pth", map_location="cpu", weights_only=True)
    keys = {"layers.0.weight": "w1.weight", "layers.0.bias": "w1.bias", "layers.2.weight": "w2.weight"}
    return notebook.from_state_dict({keys[k]: v.numpy() for k, v in found.items()}, "monash")


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: convention(name) for name in ("selforg", "notebook")}


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("fire_rate", [0.5, 1.0])
@pytest.mark.parametrize("name", ["selforg", "notebook"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_shader_and_reference_agree(
    device: Backend,
    catalogue: Catalogue,
    models: dict[str, Model],
    kernel: str,
    name: str,
    fire_rate: float,
    size: tuple[int, int],
) -> None:
    assert_one_step_agrees(device, models[name], catalogue.get(kernel), size, fire_rate)


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (36, 53), (128, 24)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("fire_rate", [0.0, 0.02, 0.5, 0.79, 0.81])
@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_cells_that_fire_by_coins_of_their_own_agree(
    formed: Backend, catalogue: Catalogue, kernel: str, fire_rate: float, size: tuple[int, int]
) -> None:
    """Those that fire are listed first, unless nearly all do; none, one and more than a workgroup of them."""
    model = random_model(Config(channels=5, hidden=9, clips=Clips(state=(-0.5, 0.5))))
    assert_one_step_agrees(formed, model, catalogue.get(kernel), size, fire_rate or 2**-32, 4, False)


def test_the_cases_above_cover_every_built_in_kernel(catalogue: Catalogue) -> None:
    assert set(KERNELS) == set(catalogue.kernels)


@pytest.mark.parametrize("base", [SELFORG, NOTEBOOK_CONFIG], ids=["selforg", "notebook"])
@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
def test_the_looped_forms_agree(looping: GLBackend, catalogue: Catalogue, base: Config, kernel: str) -> None:
    model = random_model(msgspec.structs.replace(base, hidden=8))
    assert (
        "for (int base"
        in source.step_source(model.config, catalogue.get(kernel), looping.device.form, SHARED_BYTES).text
    )
    for size, fire_rate in (((1, 1), 0.5), ((1, 7), 1.0), ((37, 53), 0.5)):
        assert_one_step_agrees(looping, model, catalogue.get(kernel), size, fire_rate)


FOUR = Config().features
ODD: dict[str, Config] = {
    "7 channels": Config(channels=7, hidden=10),
    "16 channels": Config(channels=16, hidden=8),
    "33 channels": Config(channels=33, hidden=3),
    "3 channels, 1 hidden": Config(channels=3, hidden=1),
    "replicate": Config(channels=4, hidden=8, padding="replicate"),
    "zero": Config(channels=4, hidden=8, padding="zero"),
    "tanh": Config(channels=4, hidden=8, activation="tanh"),
    "linear": Config(channels=4, hidden=8, activation="linear"),
    "all clips": Config(channels=5, hidden=8, clips=Clips((-0.3, 0.4), (-0.1, 0.5), (-0.05, 0.02), (-0.6, 0.7))),
    "clips on one side of 0": Config(channels=5, hidden=8, clips=Clips(update=(0.01, 0.02), hidden=(0.125, 3.0))),
    "identity alone": Config(channels=4, hidden=8, features=(Feature("identity"),)),
    "no identity": Config(channels=4, hidden=8, features=FOUR[1:]),
    "the same stencil twice": Config(
        channels=4, hidden=8, features=(Feature("laplacian", 0.5), Feature("laplacian", -2.0))
    ),
    "gains of 0 and below": Config(
        channels=4, hidden=8, features=(Feature("identity", 0.0), Feature("gradient_y", -1.5))
    ),
}


@pytest.mark.parametrize(
    ("case", "kernel"),
    [(case, "hexagonal") for case in ODD]
    + [(case, kernel) for case in ("replicate", "zero") for kernel in ("square", "square-wide")]
    + [("7 channels", "square-wide"), ("all clips", "square")],
)
def test_other_models_agree(device: Backend, catalogue: Catalogue, case: str, kernel: str) -> None:
    for size in ((1, 1), (2, 3), (19, 11)):
        assert_one_step_agrees(device, random_model(ODD[case]), catalogue.get(kernel), size, 0.5, states=4)


@pytest.mark.parametrize("case", ["7 channels", "33 channels", "all clips", "zero"])
def test_other_models_agree_in_the_looped_forms(looping: GLBackend, catalogue: Catalogue, case: str) -> None:
    assert_one_step_agrees(looping, random_model(ODD[case]), catalogue.get("hexagonal"), (19, 11), 0.5, states=4)


def assert_parts_agree(gl: GLBackend, config: Config, kernel: Kernel, shared_bytes: int) -> None:
    needed = 16 * (perception.layers(config) + config.hidden * network.unit_fours(config))
    assert needed > shared_bytes
    text = source.step_source(config, kernel, gl.device.form, shared_bytes).text
    assert text.count("load_weights(") >= 1 + -(-needed // shared_bytes)  # its definition, and a call for each part
    assert_one_step_agrees(gl, random_model(config), kernel, (37, 11), 0.5, states=4)


def test_a_model_that_does_not_fit_into_shared_memory_agrees(unrolled: GLBackend, catalogue: Catalogue) -> None:
    assert_parts_agree(unrolled, Config(channels=16, hidden=103), catalogue.get("von-neumann"), SHARED_BYTES)


@pytest.mark.parametrize("parts", [2, 3, 4, 11])
def test_hidden_units_in_parts_agree(
    gl_formed: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """On a pretended device of less memory; 11 units in 2, 3 or 4 parts leave a smaller last one."""
    config = Config(channels=4, hidden=11)
    memory = 16 * (perception.layers(config) + -(-config.hidden // parts) * network.unit_fours(config))
    monkeypatch.setattr(shared, "SHARED_BYTES", memory)
    assert_parts_agree(gl_formed, config, catalogue.get("square"), memory)


def test_a_model_that_no_device_can_hold_is_reported(catalogue: Catalogue) -> None:
    with pytest.raises(NCAError, match="too many inputs"):
        source.step_source(Config(channels=256, features=FOUR * 4), catalogue.get("square"), "looped", 16384)


@settings(max_examples=40)
@given(width=st.integers(1, 9), height=st.integers(1, 9), kernel=st.sampled_from(KERNELS), seed=st.integers(0, 999))
def test_any_small_size_wraps_alike(
    device: Backend, catalogue: Catalogue, width: int, height: int, kernel: str, seed: int
) -> None:
    model = random_model(Config(channels=4, hidden=6), seed)
    assert_one_step_agrees(device, model, catalogue.get(kernel), (width, height), 1.0, states=2)


@pytest.mark.parametrize(
    "size", [(127, 7), (128, 8), (129, 9), (257, 17), (1, 300), (300, 1)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_sizes_about_the_workgroups(formed: Backend, catalogue: Catalogue, size: tuple[int, int]) -> None:
    """Cells beyond the edge are computed too and must do no harm."""
    model = random_model(Config(channels=4, hidden=6))
    assert_one_step_agrees(formed, model, catalogue.get("hexagonal"), size, 0.5, states=2)


# Against an expectation that shares no code with either


def neighbourhood_sum(state: np.ndarray, kernel: Kernel, stencil: str) -> np.ndarray:
    """A stencil on a torus, cell by cell: each neighbour is found on the screen, not by indices.

    Valid on square grids and on hexagonal ones of an even number of rows, where the torus is a
    rectangle of width x height·√3/2 on the screen.
    """
    height, width = state.shape[:2]
    (ax, _), (bx, by) = kernel.basis
    rows, columns = np.mgrid[:height, :width]
    place = np.stack([(columns * ax + rows * bx) % (width * ax), rows * by], -1).reshape(-1, 2)
    out = np.zeros_like(state, np.float64)
    period = np.array([width * ax, height * by])
    for row in range(height):
        for column in range(width):
            for r, c, weight in kernel.stencils[stencil].taps():
                x, y = (column + c) * ax + (row + r) * bx, (row + r) * by
                away = np.abs((place - np.array([x, y]) + period / 2) % period - period / 2)
                nearest = int(np.hypot(*away.T).argmin())
                assert np.hypot(*away[nearest]) < 1e-6
                out[row, column] += weight * state.reshape(-1, state.shape[2])[nearest]
    return out


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stencil", ["gradient_x", "gradient_y", "laplacian"])
def test_the_perception_is_that_of_the_neighbours_on_the_screen(
    device: Backend, catalogue: Catalogue, kernel: str, stencil: str
) -> None:
    """A model that adds its perception to its state shows it; both backends must show the same."""
    config = Config(channels=3, hidden=3, features=(Feature(stencil),), activation="linear")
    eye = np.eye(3, dtype=np.float32)
    model = Model(config, eye, np.zeros(3, np.float32), eye, np.zeros(3, np.float32))
    before = random_state(7, 6, 3)
    expected = before + neighbourhood_sum(before, catalogue.get(kernel), stencil)
    for cells in (device.cells(), TorchCells()):
        cells.specialise(model, catalogue.get(kernel))
        cells.write(before)
        cells.step(0, 0, Settings(fire_rate=1.0))
        np.testing.assert_allclose(cells.read(), expected, atol=1e-5)
        cells.release()


def test_hidden_units_and_outputs_are_a_plain_matrix_product(device: Backend, catalogue: Catalogue) -> None:
    """Filter-major order, biases, clips and activation, in NumPy and double precision."""
    config = Config(
        channels=5, hidden=7, features=(Feature("identity"), Feature("laplacian", 0.5)),
        clips=Clips((-1.0, 1.5), (0.0, 0.8), (-0.1, 0.1), (-0.9, 0.9)),
    )  # fmt: skip
    model, kernel = random_model(config), catalogue.get("square")
    before = random_state(6, 5, 5).clip(-0.9, 0.9)
    perception = np.concatenate([before, 0.5 * neighbourhood_sum(before, kernel, "laplacian")], -1).clip(-1.0, 1.5)
    hidden = np.maximum(perception @ model.w1.T.astype(float) + model.b1, 0).clip(0, 0.8)
    update = (hidden @ model.w2.T.astype(float) + model.b2).clip(-0.1, 0.1)
    expected = np.clip(before + update * pcg.fire_mask(6, 5, 3, 4, 0.5)[..., None], -0.9, 0.9)
    for cells in (device.cells(), TorchCells()):
        cells.specialise(model, kernel)
        cells.write(before)
        cells.step(3, 4, Settings())
        np.testing.assert_allclose(cells.read(), expected, atol=1e-5)
        cells.release()


def test_states_are_written_and_read_back_exactly(device: Backend, catalogue: Catalogue) -> None:
    for channels in (3, 4, 5, 12, 33):
        cells = device.cells()
        cells.specialise(random_model(Config(channels=channels, hidden=1)), catalogue.get("square"))
        for size in ((1, 1), (17, 5), (5, 17)):
            state = random_state(*size, channels)
            cells.write(state)
            assert np.array_equal(cells.read(), state)
        cells.release()


@pytest.mark.parametrize("size", [(1, 1), (2, 64), (128, 100), (37, 4)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_no_image_has_a_side_of_a_power_of_2(gl: GLBackend, catalogue: Catalogue, size: tuple[int, int]) -> None:
    """For llvmpipe's sake, which would compile the step anew for each mix of such sides and others."""
    cells = gl.cells()
    cells.specialise(random_model(Config(channels=3, hidden=1)), catalogue.get("square"))
    cells.write(random_state(*size, 3))
    for image in (cells._images.now, cells._images.take()):
        assert all(side & (side - 1) for side in image.size[:2])
        assert all(room - side in (0, 1, 2) for room, side in zip(image.size, size, strict=False))
    cells.release()
