"""Fields on both backends: one step, shader against reference, cell by cell."""

import msgspec
import numpy as np
import pytest
import torch
from helpers import SELFORG, random_model, random_state
from hypothesis import given, settings
from hypothesis import strategies as st
from one_step import SMALL, TOLERANCE, both, random_fields, stepped

from ncaengine.backends.base import Backend
from ncaengine.backends.gl import shared
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.shader import network
from ncaengine.backends.reference import CellFrame, Reference
from ncaengine.backends.torch import TorchCells
from ncaengine.core import fields, pcg, stencils
from ncaengine.core.fields import PLANE
from ncaengine.core.kernels import Catalogue, Kernel, Stencil
from ncaengine.core.model import Clips, Config, Feature, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32

SIZES = [(1, 1), (1, 7), (37, 53)]


def assert_agree(
    device: Backend, models: list[Model], kernel: Kernel, size: tuple[int, int], even: bool = False, **given: float
) -> None:
    """Shader and reference, on three states with fields of their own; and both fire the cells that pcg says.

    even: no cell has a rate of its own, so that they fire in pairs.
    """
    for n in range(3):
        before = random_state(*size, models[0].config.channels, seed=n, spread=0.1 + 0.15 * n)
        if models[0].config.clips.state:
            before = before.clip(*models[0].config.clips.state)
        field = random_fields(*size, seed=n, models=len(models))
        if even:
            field[..., PLANE["rate"]] = 1
        used = Settings(**given)
        numbers = {"number": 1000003 * n, "rng_seed": 7919 * n + (n % 2) * 2**31}
        ours = stepped(device.cells(), models, kernel, before, field, used, **numbers)
        truth = stepped(TorchCells(), models, kernel, before, field, used, **numbers)
        mask = pcg.fire_mask(*size, numbers["number"], numbers["rng_seed"], used.fire_rate, field[..., PLANE["rate"]])
        for after in (ours, truth):
            assert np.array_equal((after != before).any(-1), mask)
        assert np.abs(ours - truth).max() <= TOLERANCE
        if mask.any():
            assert np.abs(truth - before).max() > 1e-3


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
def test_shader_and_reference_agree(
    formed: Backend, catalogue: Catalogue, kernel: str, name: str, size: tuple[int, int]
) -> None:
    assert_agree(formed, [random_model(SMALL[name])], catalogue.get(kernel), size)


@pytest.mark.parametrize("size", [(1, 2), (36, 53), (128, 24)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_pairs_of_cells_that_run_several_models_agree(
    formed: Backend, catalogue: Catalogue, kernel: str, size: tuple[int, int]
) -> None:
    """The one that fires and the one that is copied may be of different models."""
    models = [random_model(SMALL["selforg"]), random_model(SMALL["selforg"], 1), random_model(SMALL["selforg"], 2)]
    assert_agree(formed, models, catalogue.get(kernel), size, even=True)


@pytest.mark.parametrize("given", [{"fire_rate": 1.0}, {"scale": 0.5}, {"angle": -60.0}, {"scale": 2.0, "angle": 90.0}])
def test_settings_and_fields_go_together(formed: Backend, catalogue: Catalogue, given: dict[str, float]) -> None:
    assert_agree(formed, [random_model(SMALL["selforg"])], catalogue.get("hexagonal"), (37, 53), **given)


@pytest.mark.parametrize("padding", ["replicate", "zero"])
def test_other_edges_agree(formed: Backend, catalogue: Catalogue, padding: str) -> None:
    model = random_model(msgspec.structs.replace(SMALL["notebook"], padding=padding))
    assert_agree(formed, [model], catalogue.get("square-wide"), (19, 11))


def test_one_gradient_alone_agrees(formed: Backend, catalogue: Catalogue) -> None:
    """Turned, it takes in what only the other one's stencil reaches."""
    features = (Feature("identity"), Feature("gradient_y", -1.5), Feature("laplacian", 0.0))
    model = random_model(Config(channels=4, hidden=8, features=features))
    assert_agree(formed, [model], catalogue.get("von-neumann"), (19, 11))


def test_hidden_units_in_parts_agree(
    gl_formed: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a pretended device of less memory, so that the cell's frame lives across barriers."""
    config = Config(channels=4, hidden=11)
    monkeypatch.setattr(shared, "SHARED_BYTES", 16 * (1 + 4 * network.unit_fours(config)))
    assert gl_formed.step_programs(random_model(config), catalogue.get("square"), frame="turned")
    assert_agree(gl_formed, [random_model(config)] * 2, catalogue.get("square"), (37, 11))


@pytest.mark.parametrize(("scale", "angle"), [(1.0, 30.0), (0.25, 0.0), (4.0, -180.0), (1.5, 123.0)])
def test_scale_and_angle_without_fields(formed: Backend, catalogue: Catalogue, scale: float, angle: float) -> None:
    """They do what fields of those values everywhere do."""
    models, kernel, before = [random_model(SMALL["notebook"])], catalogue.get("square"), random_state(37, 53, 5)
    field = fields.default_fields(37, 53)
    field[..., PLANE["scale"]], field[..., PLANE["angle"]] = scale, angle
    found = [
        stepped(cells, models, kernel, before, *how)
        for cells in (formed.cells(), TorchCells())
        for how in ((None, Settings(scale=scale, angle=angle)), (field,))
    ]
    for each in found[1:]:
        np.testing.assert_allclose(each, found[0], atol=TOLERANCE)
    assert np.abs(found[0] - stepped(TorchCells(), models, kernel, before, None)).max() > 1e-3


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
def test_defaults_are_the_plain_step(formed: Backend, catalogue: Catalogue, kernel: str, name: str) -> None:
    models, before = [random_model(SMALL[name])], random_state(37, 53, 5)
    for cells in (formed.cells, TorchCells):
        plain, framed = (
            stepped(cells(), models, catalogue.get(kernel), before, f) for f in (None, fields.default_fields(37, 53))
        )
        np.testing.assert_allclose(framed, plain, atol=1e-6)


def test_a_step_without_fields_runs_the_plain_program(
    unrolled: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = unrolled.step_programs
    monkeypatch.setattr(unrolled, "step_programs", lambda m, k, f, *more: asked.append(f) or real(m, k, f, *more))
    model, square, cells = random_model(SMALL["selforg"]), catalogue.get("square"), unrolled.cells()

    def programs(others: tuple[Model, ...] = (), field: F32 | None = None, **changes: float) -> list[str]:
        asked.clear()
        cells.specialise(model, square, others)
        cells.write_fields(field)
        cells.step(0, 0, Settings(**changes))
        return asked

    cells.write(random_state(5, 4, 5))
    assert programs() == [""]
    assert programs(scale=2.0) == ["", "turned"]
    assert programs(angle=5.0) == ["turned"]  # what ran last is made ready
    assert programs(dt=0.5) == ["turned"]
    assert programs(aspect=1.5) == ["turned", "stretched"]
    assert programs() == ["stretched", ""]
    assert programs(field=fields.default_fields(5, 4)) == ["", "turned"]
    assert programs(others=(model,)) == ["turned", "turned"]
    cells.release()


# What the numbers mean


def perceiving(*features: Feature) -> Model:
    """A model of 3 channels that adds what it perceives to its state."""
    config = Config(channels=3, hidden=3 * len(features), features=features, activation="linear")
    eye = np.eye(config.hidden, dtype=np.float32)
    zeros = np.zeros
    return Model(
        config, eye, zeros(config.hidden, np.float32), eye.reshape(len(features), 3, -1).sum(0), zeros(3, np.float32)
    )


@pytest.mark.parametrize("kernel", ["square", "von-neumann", "square-wide"])
def test_turning_the_state_and_the_cells_commutes_with_the_step(
    device: Backend, catalogue: Catalogue, kernel: str
) -> None:
    """By a quarter from +x towards +y, which is clockwise on the screen."""
    model, before = random_model(msgspec.structs.replace(SELFORG, hidden=8, channels=5)), random_state(9, 9, 5)
    for cells, other in zip(both(device), both(device), strict=True):
        after = stepped(cells, [model], catalogue.get(kernel), before, None, Settings(fire_rate=1.0))
        state = np.rot90(before, -1)
        turned = stepped(other, [model], catalogue.get(kernel), state, None, Settings(fire_rate=1.0, angle=90.0))
        np.testing.assert_allclose(turned, np.rot90(after, -1), atol=TOLERANCE)
        unturned = stepped(both(device)[1], [model], catalogue.get(kernel), state, None, Settings(fire_rate=1.0))
        assert np.abs(turned - unturned).max() > 1e-3


def test_a_turn_by_60_degrees_on_the_hexagonal_lattice(device: Backend, catalogue: Catalogue) -> None:
    """A bump and its copy turned about the middle: neighbours at 0° and 60° change places, as the gradients say."""
    model = perceiving(
        Feature("identity"), Feature("gradient_x", 0.7), Feature("gradient_y", -0.4), Feature("laplacian")
    )
    hexagonal, before, turned = catalogue.get("hexagonal"), np.zeros((12, 12, 3)), np.zeros((12, 12, 3))
    ring = [(0, 1), (1, 0), (1, -1), (0, -1), (-1, 0), (-1, 1)]  # (row, column), clockwise on the screen from +x
    for n, value in enumerate(random_state(6, 1, 3)[0]):
        (row, column), (next_row, next_column) = ring[n], ring[(n + 1) % 6]
        before[6 + row, 6 + column] = value
        turned[6 + next_row, 6 + next_column] = value
    for cells, other in zip(both(device), both(device), strict=True):
        after = stepped(cells, [model], hexagonal, before.astype(np.float32), None, Settings(fire_rate=1.0))
        found = stepped(other, [model], hexagonal, turned.astype(np.float32), None, Settings(fire_rate=1.0, angle=60.0))
        np.testing.assert_allclose(found[6, 6], after[6, 6], atol=TOLERANCE)
        for n in range(6):
            (row, column), (next_row, next_column) = ring[n], ring[(n + 1) % 6]
            np.testing.assert_allclose(found[6 + next_row, 6 + next_column], after[6 + row, 6 + column], atol=TOLERANCE)


@pytest.mark.parametrize(
    ("stencil", "order"), [("identity", 0), ("gradient_x", 1), ("gradient_y", 1), ("laplacian", 2), ("mean", 0)]
)
def test_derivatives_are_divided_by_powers_of_the_scale(
    device: Backend, catalogue: Catalogue, stencil: str, order: int
) -> None:
    square = catalogue.get("square")
    stencils = {**square.stencils, "mean": Stencil(((1.0,) * 3,) * 3, 9.0)}
    kernel = Kernel("k", "K", "", square.basis, stencils, square.source)
    model, before = perceiving(Feature(stencil, 0.8)), random_state(6, 5, 3)
    field = fields.default_fields(6, 5)
    field[..., PLANE["scale"]] = np.linspace(0.25, 4, 30).reshape(5, 6)
    for cells, other in zip(both(device), both(device), strict=True):
        plain = stepped(cells, [model], kernel, before, None, Settings(fire_rate=1.0)) - before
        found = stepped(other, [model], kernel, before, field, Settings(fire_rate=1.0, scale=0.5)) - before
        np.testing.assert_allclose(
            found, plain / (0.5 * field[..., PLANE["scale"], None]) ** order, atol=2e-5, rtol=1e-5
        )


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        (((0, 1, 0), (0, 0, 1), (0, 0, 0)), 0),
        (((0, 0, 0), (0, -1, 1), (0, 0, 0)), 1),
        (((0, -1, 0), (0, 0, 0), (0, 1, 0)), 1),
        (((0, 0, 0), (1, -2, 1), (0, 0, 0)), 2),
        (((1, 0, -1), (0, 0, 0), (-1, 0, 1)), 2),
        (((0, 0, 0), (0.333, -0.66600001, 0.333), (0, 0, 0)), 2),
    ],
)
def test_the_order_of_a_stencil_is_that_of_its_lowest_moment(
    catalogue: Catalogue, weights: tuple[tuple[float, ...], ...], order: int
) -> None:
    for kernel in catalogue.kernels.values():
        twin = Kernel("k", "K", "", kernel.basis, {**kernel.stencils, "own": Stencil(weights, 3.0)}, kernel.source)
        assert stencils.order(Config(), twin, "own") == order


def test_the_orders_of_the_built_in_stencils_are_those_of_their_moments(catalogue: Catalogue) -> None:
    for kernel in catalogue.kernels.values():
        for name, stencil in list(kernel.stencils.items()):
            twin = Kernel("k", "K", "", kernel.basis, {**kernel.stencils, "own": stencil}, kernel.source)
            assert stencils.order(Config(), twin, "own") == stencils.order(Config(), kernel, name)


def test_the_perception_is_clipped_in_the_cells_own_frame(device: Backend, catalogue: Catalogue) -> None:
    """Turned by 45°, two gradients of 1 make one of √2, which the clip sees."""
    model = perceiving(Feature("gradient_x"))
    clipped = Model(
        msgspec.structs.replace(model.config, clips=Clips(perception=(-1.2, 1.2))),
        model.w1,
        model.b1,
        model.w2,
        model.b2,
    )
    rows, columns = np.mgrid[:7, :7]
    before = np.repeat((rows + columns)[..., None], 3, 2).astype(np.float32)
    for cells in both(device):
        after = stepped(cells, [clipped], catalogue.get("square"), before, None, Settings(fire_rate=1.0, angle=45.0))
        np.testing.assert_allclose(after[3, 3] - before[3, 3], 1.2, atol=1e-5)


# Rates


@settings(max_examples=60)
@given(
    st.lists(
        st.floats(0, 4, width=32, allow_subnormal=False) | st.sampled_from([0.0, 1.0, 4.0]), min_size=20, max_size=20
    ),
    st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]) | st.floats(0, 1, allow_subnormal=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_all_fire_the_same_cells(
    device: Backend, catalogue: Catalogue, rates: list[float], fire_rate: float, step: int, seed: int
) -> None:
    """Cells that change under an update of 1 everywhere are those that fire."""
    one = Config(channels=3, hidden=1, features=(Feature("identity"),), activation="linear")
    zeros = np.zeros
    model = Model(
        one, zeros((1, 3), np.float32), zeros(1, np.float32), zeros((3, 1), np.float32), np.ones(3, np.float32)
    )
    field = fields.default_fields(5, 4)
    field[..., PLANE["rate"]] = np.float32(rates).reshape(4, 5)
    mask = pcg.fire_mask(5, 4, step, seed, fire_rate, field[..., PLANE["rate"]])
    for cells in both(device):
        after = stepped(
            cells,
            [model],
            catalogue.get("square"),
            zeros((4, 5, 3), np.float32),
            field,
            Settings(fire_rate=fire_rate),
            step,
            seed,
        )
        assert np.array_equal(after, np.repeat(mask[..., None], 3, 2).astype(np.float32))


# Fields as they are kept


def test_fields_can_be_replaced_resized_and_taken_away(backend: Backend, catalogue: Catalogue) -> None:
    models, square, cells = [random_model(SMALL["selforg"])], catalogue.get("square"), backend.cells()
    cells.specialise(models[0], square)
    for n, size in enumerate([(6, 5), (6, 5), (16, 8), (3, 9), (3, 9)]):
        before = random_state(*size, 5, seed=n)
        field = None if n == 4 else random_fields(*size, seed=n)
        cells.write(before)
        cells.write_fields(field)
        cells.step(3, 7, Settings())
        np.testing.assert_allclose(cells.read(), stepped(TorchCells(), models, square, before, field), atol=TOLERANCE)
    cells.release()


def test_no_image_of_fields_has_a_side_of_a_power_of_2(gl: GLBackend, catalogue: Catalogue) -> None:
    """For llvmpipe's sake: see Device.image_side."""
    cells = gl.cells()
    for size in ((1, 1), (2, 64), (128, 100)):
        cells.write_fields(fields.default_fields(*size))
        assert all(side & (side - 1) for side in cells._maps.fields.size)
    assert all(side & (side - 1) for side in gl.plain_fields.size)
    cells.release()
    assert cells._maps.fields is None


def test_after_a_write_the_state_before_is_the_state_itself(gl: GLBackend, catalogue: Catalogue) -> None:
    cells = gl.cells()
    cells.specialise(random_model(SMALL["selforg"]), catalogue.get("square"))
    cells.write(random_state(6, 5, 5))
    first = cells._images.now
    assert cells._images.previous is first
    cells.step(0, 0, Settings())
    assert cells._images.previous is first
    assert cells._images.now is not first
    cells.write(random_state(6, 5, 5))
    assert cells._images.previous is cells._images.now
    cells.release()


# The reference alone


def test_the_reference_in_a_plain_frame_perceives_as_without(catalogue: Catalogue) -> None:
    net = Reference(random_model(SMALL["notebook"]), catalogue.get("hexagonal"))
    x = torch.from_numpy(random_state(8, 6, 5)).permute(2, 0, 1)[None]
    plain = CellFrame(torch.tensor(1.0), torch.tensor(0.0))
    assert torch.equal(net.perceive(x, plain), net.perceive(x))


def test_the_reference_keeps_its_weights_alone_in_a_checkpoint(catalogue: Catalogue) -> None:
    net = Reference(random_model(SMALL["notebook"]), catalogue.get("hexagonal"))
    assert set(net.state_dict()) == {"w1", "b1", "w2", "b2", "stencils"}
