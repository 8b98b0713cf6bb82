"""One step of every form that a configuration can have, shader against reference and against plain formulas."""

import msgspec
import numpy as np
import pytest
import torch
from helpers import random_model, random_state, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.reference import Reference
from ncaengine.backends.torch import TorchCells
from ncaengine.core import pcg, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Alive, Clips, Colour, Config, Feature, Model, Seed
from ncaengine.core.settings import Settings

SMALL = Config(channels=5, hidden=7)
MU = Config(
    channels=4, hidden=0, absolute=True, activation="linear", fire_rate=1.0, firing="channel",
    features=(
        Feature("identity"), Feature("laplacian", 4.0, (0, 1)), Feature("gradient_x", 8.0, (2,)),
        Feature("gradient_y", 8.0, (3,)),
    ),
)  # fmt: skip


def changed(**fields: object) -> Config:
    return msgspec.structs.replace(SMALL, **fields)


BLUR = ((1.0, 2.0, 1.0), (2.0, 5.0, 2.0), (1.0, 2.0, 1.0))
WIDE = tuple(tuple(float((3 * i * j + i - 2 * j) % 5 - 2) / 9 for j in range(5)) for i in range(5))
FORMS = {
    "stencils of its own": changed(
        stencils={"blur": BLUR, "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0))},
        features=(Feature("identity"), Feature("blur", 0.1), Feature("laplacian"), Feature("gradient_x")),
    ),
    "stencils of each channel": changed(
        stencils={f"s{n}": tuple(tuple(w * (n + 1) / 30 for w in row) for row in BLUR) for n in range(10)},
        features=tuple(Feature(f"s{n}", 1.0, (n // 2,)) for n in range(10)),
    ),
    "mu": MU,
    "mu of 12 channels, half of them firing": msgspec.structs.replace(MU, channels=12, fire_rate=0.5),
    "absolute": changed(absolute=True),
    "features of some channels": changed(features=(Feature("identity", 1.0, (4, 0)), Feature("laplacian", 2.0, (1,)))),
    "no hidden units": changed(hidden=0),
    "swish": changed(activation="swish", beta=5.0),
    "sigmoid": changed(activation="sigmoid"),
    "row and column": changed(extra=("row", "column")),
    "angle": changed(extra=("cos_angle", "sin_angle", "column")),
    "diffusion": changed(diffusion=(0.03, 0.06, 0.1, 0.2, -0.1)),
    "diffusion alone": changed(features=(Feature("identity"),), diffusion=(0.1,) * 5),
    "firing by channel": changed(firing="channel"),
    "alive": changed(alive=Alive(3, 0.1)),
    "alive, channel 4, zeros outside": changed(alive=Alive(4, 0.2), padding="zero", clips=Clips(state=(-1.0, 1.0))),
    "alive before": changed(alive=Alive(3, 0.1, "before")),
    "alive after": changed(alive=Alive(3, 0.1, "after"), padding="replicate"),
    "heun": changed(integrator="heun", clips=Clips(state=(-0.6, 0.6))),
    "rk4": changed(integrator="rk4"),
    "rk4, alive": changed(integrator="rk4", alive=Alive(3, 0.1), padding="zero", clips=Clips(update=(-0.2, 0.2))),
    "rk4, all fire, coarse": changed(integrator="rk4", scales=(0, 1), fire_rate=1.0, extra=("row",)),
    "implicit": changed(integrator="implicit", firing="channel", clips=Clips(update=(-0.1, 0.1))),
    "two scales": changed(scales=(0, 1)),
    "two scales, edges held": changed(scales=(0, 1), padding="replicate", extra=("row", "column")),
    "half size alone": changed(scales=(1,), padding="zero"),
    "four scales": changed(scales=(0, 1, 2, 3), features=(Feature("gradient_x"), Feature("laplacian", 0.5))),
    "everything": Config(
        channels=9, hidden=6, features=(Feature("identity"), Feature("gradient_x", 2.0, (0, 8)), Feature("laplacian")),
        absolute=True, extra=("row", "sin_angle"), scales=(0, 2), activation="tanh",
        clips=Clips((-0.9, 0.9), (-0.5, 0.8), (-0.2, 0.2), (-1.5, 1.5)), diffusion=(0.05,) * 9, firing="channel",
        alive=Alive(8, 0.0),
    ),
}  # fmt: skip
TURNED = {"scale": 0.7, "angle": 25.0, "dt": 0.4}
STRETCHED = {**TURNED, "aspect": 1.6}


def step(
    device: Backend, model: Model, kernel: object, state: np.ndarray, fields: np.ndarray | None = None, **frame: float
) -> tuple[np.ndarray, np.ndarray]:
    """The state after a step by the shader, and by the reference."""
    out = []
    for cells in (device.cells(), TorchCells()):
        cells.specialise(model, kernel)
        cells.write(state)
        cells.write_fields(fields)
        cells.step(7, 2**31 + 5, Settings(fire_rate=model.config.fire_rate, **frame))
        out.append(cells.read())
        cells.release()
    return out[0], out[1]


@pytest.mark.parametrize(
    ("kernel", "frame"), [("square", {}), ("hexagonal", {}), ("square", TURNED), ("hexagonal", STRETCHED)]
)
@pytest.mark.parametrize("form", FORMS)
def test_a_step_agrees(device: Backend, catalogue: Catalogue, form: str, kernel: str, frame: dict[str, float]) -> None:
    model = random_model(FORMS[form])
    for size in ((19, 12), (37, 53)):
        before = random_state(*size, model.config.channels)
        ours, truth = step(device, model, catalogue.get(kernel), before, **frame)
        assert np.abs(truth - before).max() > 1e-3, "the test's own weights do nothing"
        np.testing.assert_allclose(ours, truth, atol=1e-5)


@settings(max_examples=12)
@given(width=st.integers(1, 9), height=st.integers(1, 9), kernel=st.sampled_from(["square", "hexagonal"]))
@pytest.mark.parametrize("form", ["everything", "two scales", "two scales, edges held", "row and column"])
def test_any_small_size_agrees(
    device: Backend, catalogue: Catalogue, form: str, width: int, height: int, kernel: str
) -> None:
    model = random_model(FORMS[form])
    state = random_state(width, height, model.config.channels, seed=width)
    ours, truth = step(device, model, catalogue.get(kernel), state)
    np.testing.assert_allclose(ours, truth, atol=1e-5)


@pytest.mark.parametrize("form", ["everything", "diffusion", "mu", "rk4"])
def test_a_step_with_maps_agrees(device: Backend, catalogue: Catalogue, form: str) -> None:
    model, rng = random_model(FORMS[form]), np.random.default_rng(1)
    low, high = np.array([0.2, 0.5, -180, 0]), np.array([2.0, 2.0, 180, 0])
    fields = rng.uniform(low, high, (12, 19, 4)).astype(np.float32)
    state = random_state(19, 12, model.config.channels)
    ours, truth = step(device, model, catalogue.get("square"), state, fields, **STRETCHED)
    np.testing.assert_allclose(ours, truth, atol=1e-5)


@pytest.mark.parametrize("form", ["everything", "mu", "alive", "four scales"])
def test_the_looped_forms_agree(looping: GLBackend, catalogue: Catalogue, form: str) -> None:
    model = random_model(FORMS[form])
    ours, truth = step(looping, model, catalogue.get("hexagonal"), random_state(37, 12, model.config.channels))
    np.testing.assert_allclose(ours, truth, atol=1e-5)


# The reference against plain formulas


def one_step(model: Model, state: np.ndarray, kernel: object, **frame: float) -> np.ndarray:
    cells = TorchCells()
    cells.specialise(model, kernel)
    cells.write(state)
    cells.step(3, 4, Settings(fire_rate=model.config.fire_rate, **frame))
    return cells.read()


def test_stretched_cells_divide_each_axis_by_its_own_side(catalogue: Catalogue) -> None:
    """NoiseNCA's own formula: lap_x / dx² + lap_y / dy², and gradients over dx and dy."""
    dx, dy = 0.8, 1.3
    config = Config(
        channels=3, hidden=0, activation="linear", fire_rate=1.0,
        features=(Feature("laplacian", 4.0), Feature("gradient_x", 8.0), Feature("gradient_y", 8.0)),
    )  # fmt: skip
    x = random_state(9, 8, 3)
    lap_x = torch.tensor([[0.5, 0.0, 0.5], [2.0, -6.0, 2.0], [0.5, 0.0, 0.5]])
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    padded = torch.nn.functional.pad(torch.from_numpy(x).permute(2, 0, 1)[:, None], [1] * 4, mode="circular")
    filters = torch.stack([lap_x, lap_x.T, sobel, sobel.T])[:, None]
    a, b, c, d = torch.nn.functional.conv2d(padded, filters).permute(1, 2, 3, 0).numpy()
    for part, expected in enumerate((a / dx**2 + b / dy**2, c / dx, d / dy)):
        w2 = np.zeros((3, 9), np.float32)
        w2[:, 3 * part : 3 * part + 3] = np.eye(3)
        model = random_weights(config, w2=w2)
        after = one_step(model, x, catalogue.get("square"), scale=dx, aspect=dy / dx)
        np.testing.assert_allclose(after - x, expected, atol=2e-5)


def test_turning_a_stretched_cell_by_a_right_angle_swaps_its_sides(catalogue: Catalogue) -> None:
    config = Config(channels=3, hidden=0, fire_rate=1.0, features=(Feature("laplacian"),))
    model = random_weights(config, w2=np.eye(3, dtype=np.float32))
    x = random_state(9, 8, 3)
    turned = one_step(model, x, catalogue.get("square"), scale=0.8, aspect=1.5, angle=90.0)
    swapped = one_step(model, x, catalogue.get("square"), scale=0.8 * 1.5, aspect=1 / 1.5)
    np.testing.assert_allclose(turned, swapped, atol=1e-5)


def test_perception_at_half_size_is_torchs_own_interpolation(catalogue: Catalogue) -> None:
    """DyNCA's: bilinear down, perceive, bilinear up, and the mean with the perception as it is."""
    config = changed(scales=(0, 1, 2), padding="replicate")
    net = Reference(random_model(config), catalogue.get("square"))
    plain = Reference(random_model(changed(padding="replicate")), catalogue.get("square"))
    for height, width in ((12, 20), (13, 9)):
        x = torch.from_numpy(random_state(width, height, 5)).permute(2, 0, 1)[None]
        with torch.no_grad():
            total = plain.perceive(x)
            for scale in (1, 2):
                size = (height // 2**scale, width // 2**scale)
                small = torch.nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
                seen = plain.perceive(small)
                total = total + torch.nn.functional.interpolate(seen, size=(height, width), mode="bilinear")
            torch.testing.assert_close(net.perceive(x), total / 3, atol=1e-5, rtol=0)


def test_places_are_those_of_the_cells_middles(catalogue: Catalogue) -> None:
    """As DyNCA's and NoiseNCA's code has it: 2·(i/n − 0.5 + 0.5/n), the row first."""
    w2 = np.zeros((3, 5), np.float32)
    w2[0, 3] = w2[1, 4] = 1
    config = Config(channels=3, hidden=0, fire_rate=1.0, features=(Feature("identity"),), extra=("row", "column"))
    after = one_step(random_weights(config, w2=w2), np.zeros((4, 8, 3), np.float32), catalogue.get("square"))
    np.testing.assert_allclose(after[:, 0, 0], [-0.75, -0.25, 0.25, 0.75], atol=1e-6)
    np.testing.assert_allclose(after[0, :, 1], 2 * (np.arange(8) / 8 - 0.5 + 0.5 / 8), atol=1e-6)
    turned = one_step(
        random_weights(config, w2=w2), np.zeros((4, 8, 3), np.float32), catalogue.get("square"), angle=90.0
    )
    np.testing.assert_allclose(turned[..., 1], after[..., 0], atol=1e-6)  # the own x axis leads down the screen
    np.testing.assert_allclose(turned[..., 0], -after[..., 1], atol=1e-6)


def test_life_is_the_maximum_over_three_by_three(catalogue: Catalogue) -> None:
    """On the square: the cells dilated by one, before and after (Growing NCA)."""
    config = Config(channels=4, hidden=0, fire_rate=1.0, features=(Feature("identity"),), alive=Alive(3, 0.1))
    w2 = np.zeros((4, 4), np.float32)
    w2[3, 0] = 1  # life becomes life + channel 0
    before = np.zeros((9, 9, 4), np.float32)
    before[..., 1] = 1
    before[2, 2, 3], before[6, 6, 3], before[6, 6, 0] = 0.5, 0.5, -0.5
    after = one_step(random_weights(config, w2=w2), before, catalogue.get("square"))
    lives = np.zeros((9, 9), bool)
    lives[1:4, 1:4] = True  # the other one was alive before, but not after
    assert np.array_equal(after[..., 1] == 1, lives)
    assert not after[~lives].any()


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_channels_fire_alike_everywhere(device: Backend, catalogue: Catalogue, rate: float) -> None:
    """NumPy, torch and GLSL agree on every channel of every cell, bit for bit."""
    config = changed(hidden=0, firing="channel", fire_rate=rate, channels=10, features=(Feature("identity"),))
    model = random_weights(config, w2=np.zeros((10, 10), np.float32), b2=np.ones(10, np.float32))
    masks = pcg.fire_masks(37, 21, 7, 2**31 + 5, rate, 10)
    for after in step(device, model, catalogue.get("square"), np.zeros((21, 37, 10), np.float32)):
        assert np.array_equal(after == 1, masks)
    assert abs(masks.mean() - rate) < 0.02
    if 0 < rate < 1:
        agree = (masks[..., None, :] == masks[..., :, None]).mean((0, 1))
        chance = rate**2 + (1 - rate) ** 2
        assert np.abs(agree[~np.eye(10, dtype=bool)] - chance).max() < 0.06, "channels fire independently"


def test_the_time_step_scales_the_update(catalogue: Catalogue) -> None:
    model, x = random_model(changed(fire_rate=1.0)), random_state(9, 8, 5)
    whole, half = (one_step(model, x, catalogue.get("square"), dt=dt) - x for dt in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)


# Seeds


def test_seeds_are_where_they_should_be() -> None:
    point = states.initial(random_model(changed(seed=Seed("point", 1.0, first=3))), (8, 6), 0)
    assert point[3, 4].tolist() == [0, 0, 0, 1, 1]
    assert np.count_nonzero(point) == 2
    picture = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4) + 1
    model = random_weights(changed(seed=Seed("image")), seed=picture)
    state = states.initial(model, (7, 6), 0)
    assert np.array_equal(state[2:4, 2:5, :4], picture)
    assert np.count_nonzero(state) == picture.size
    assert np.array_equal(states.initial(model, (1, 2), 0)[:, 0, :4], picture[:, 1])  # its middle, where it is larger


def test_blobs_are_smooth_and_their_number_follows_the_size() -> None:
    model = random_model(changed(seed=Seed("blobs", 0.7)))
    for side in (5, 24, 98):
        state = states.initial(model, (side, side), 5)
        assert state[side // 2, side // 2, 0] >= 0.7 - 1e-6, "one of them is in the middle"
        assert not state[..., 3:].any()
        assert np.array_equal(state[..., 0], state[..., 2])
    assert np.abs(np.diff(state, axis=0)).max() < 0.7
    one = 0.7 * 2 * np.pi * states.BLOB_RADIUS**2
    assert state[..., 0].sum() == pytest.approx(49 * one, rel=0.01)
    assert not np.array_equal(state, states.initial(model, (98, 98), 6))
    assert np.array_equal(state, states.initial(model, (98, 98), 5))


# What a configuration refuses


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"diffusion": (0.1, 0.2)}, "rates of diffusion"),
        ({"features": (Feature("identity", 1.0, (5,)),)}, "channels that don't exist"),
        ({"features": (Feature("identity", 1.0, ()),)}, "channels that don't exist"),
        ({"alive": Alive(5)}, "channels that don't exist"),
        ({"channels": 3, "colour": Colour(alpha=True)}, "channels that don't exist"),
        ({"scales": (1, 1)}, "twice"),
        ({"beta": float("nan")}, "not finite"),
        ({"seed": Seed("image")}, "seed image missing"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(NCAError, match=message):
        random_model(changed(**fields))


def test_a_stencil_of_its_own_runs_as_it_is(device: Backend, catalogue: Catalogue) -> None:
    config = changed(stencils={"wide": WIDE}, features=(Feature("wide", 2.0),), fire_rate=1.0, padding="zero")
    model, before = random_model(config), random_state(9, 7, 5)
    for kernel in ("square", "von-neumann"):
        for after in step(device, model, catalogue.get(kernel), before):
            padded = np.pad(before.astype(float), ((2, 2), (2, 2), (0, 0)))
            seen = sum(2 * WIDE[i][j] * padded[i : i + 7, j : j + 9] for i in range(5) for j in range(5))
            update = np.maximum(seen @ model.w1.T + model.b1, 0) @ model.w2.T + model.b2
            np.testing.assert_allclose(after, before + update, atol=1e-5)


def test_a_stencil_far_from_any_of_a_kernels_runs_on_square_lattices_only(catalogue: Catalogue) -> None:
    rough = ((-1.0, 0.0, 1.0), (2.0, 0.0, -2.0), (-1.0, 0.0, 1.0))
    model = random_model(changed(stencils={"rough": rough}, features=(Feature("rough"),)))
    Reference(model, catalogue.get("square"))
    with pytest.raises(NCAError, match="only run on a square lattice"):
        Reference(model, catalogue.get("hexagonal"))
