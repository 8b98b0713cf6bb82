"""Cells read and changed in place, on both backends: what the brush and the probe do, without the whole state."""

import numpy as np
import pytest
from helpers import random_model, random_state
from one_step import SMALL, TOLERANCE, stepped

from ncaengine.backends.base import Backend, Cells
from ncaengine.backends.gl import cell_access
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchCells
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32


def some_cells(width: int, height: int, count: int, seed: int = 0) -> np.ndarray:
    """(count, 2) int32, distinct (column, row)."""
    chosen = np.random.default_rng(seed).permutation(width * height)[:count]
    return np.stack([chosen % width, chosen // width], 1).astype(np.int32)


@pytest.fixture
def written(backend: Backend, catalogue: Catalogue) -> tuple[Cells, F32]:
    """Cells with a state of 19x11 cells and 5 channels."""
    cells, state = backend.cells(), random_state(19, 11, 5)
    cells.specialise(random_model(SMALL["selforg"]), catalogue.get("square"))
    cells.write(state)
    yield cells, state
    cells.release()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 209])
def test_some_cells_are_read(written: tuple[Cells, F32], count: int) -> None:
    cells, state = written
    which = some_cells(19, 11, count)
    found = cells.read_cells(which)
    assert found.dtype == np.float32
    assert found.shape == (count, 5)
    assert np.array_equal(found, state[which[:, 1], which[:, 0]])
    assert np.array_equal(cells.read(), state)


@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("count", [0, 1, 64, 209])
def test_some_cells_are_mixed_with_a_target(written: tuple[Cells, F32], count: int, channels: int) -> None:
    cells, state = written
    which, rng = some_cells(19, 11, count), np.random.default_rng(1)
    weight = rng.choice(np.float32([0, 0.3, 0.75, 1]), count)
    target = (rng.standard_normal((count, channels)) * 1e3 + 1 / 3).astype(np.float32)
    cells.blend(which, weight, target)
    expected = state.copy()
    old = state[which[:, 1], which[:, 0], :channels]
    expected[which[:, 1], which[:, 0], :channels] = old + weight[:, None] * (target - old)
    np.testing.assert_allclose(cells.read(), expected, rtol=1e-5, atol=1e-5)
    full = which[weight == 1]
    assert np.array_equal(cells.read_cells(full)[:, :channels], target[weight == 1])
    untouched = np.ones((11, 19), bool)
    untouched[which[:, 1], which[:, 0]] = False
    assert np.array_equal(cells.read()[untouched], state[untouched])


def test_mixing_and_stepping_take_turns(backend: Backend, catalogue: Catalogue) -> None:
    model, square = random_model(SMALL["selforg"]), catalogue.get("square")
    which = some_cells(19, 11, 40)
    cells, state = backend.cells(), random_state(19, 11, 5)
    cells.specialise(model, square)
    cells.write(state)
    for n in range(3):
        cells.blend(which, np.ones(40, np.float32), np.full((40, 3), n / 10, np.float32))
        before = cells.read()
        cells.step(n, 7, Settings())
        expected = stepped(TorchCells(), [model], square, before, None, number=n)
        np.testing.assert_allclose(cells.read(), expected, atol=TOLERANCE)
    cells.release()


def test_many_cells_go_in_several_dispatches(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_access, "BLOCK_BYTES", 100 * 32)
    cells, state = gl.cells(), random_state(40, 30, 5)
    cells.specialise(random_model(SMALL["selforg"]), catalogue.get("square"))
    cells.write(state)
    which = some_cells(40, 30, 1200)
    assert np.array_equal(cells.read_cells(which), state[which[:, 1], which[:, 0]])
    target = random_state(1200, 1, 5, seed=1)[0]
    cells.blend(which, np.ones(1200, np.float32), target)
    assert np.array_equal(cells.read_cells(which), target)
    cells.release()


def test_a_hundred_thousand_cells(gl: GLBackend, catalogue: Catalogue) -> None:
    cells = gl.cells()
    cells.specialise(random_model(SMALL["selforg"]), catalogue.get("square"))
    cells.write(np.zeros((317, 333, 5), np.float32))
    which, target = some_cells(333, 317, 100_000), random_state(100_000, 1, 5)[0]
    cells.blend(which, np.ones(100_000, np.float32), target)
    assert np.array_equal(cells.read_cells(which), target)
    buffers = dict(gl.cell_access._buffers)
    cells.read_cells(which[:10])
    assert gl.cell_access._buffers == buffers
    cells.release()


def test_strokes_of_any_size_compile_nothing_new(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = gl.cells()
    cells.specialise(random_model(SMALL["selforg"]), catalogue.get("square"))
    cells.write(random_state(19, 11, 5))
    cells.blend(some_cells(19, 11, 3), np.ones(3, np.float32), np.ones((3, 5), np.float32))
    cells.read_cells(some_cells(19, 11, 3))
    monkeypatch.setattr(gl.device, "compute", lambda _: pytest.fail("compiled"))
    for count in (1, 70, 200):
        cells.blend(some_cells(19, 11, count), np.ones(count, np.float32), np.ones((count, 3), np.float32))
        cells.read_cells(some_cells(19, 11, count))
    cells.release()


@pytest.mark.parametrize("size", [(19, 11), (1, 1), (70, 65)])
def test_the_largest_number_is_found_wherever_it_is(
    backend: Backend, catalogue: Catalogue, size: tuple[int, int]
) -> None:
    cells = backend.cells()
    cells.specialise(random_model(Config(channels=5, hidden=2)), catalogue.get("square"))
    state = np.random.default_rng(0).uniform(-1, 1, (size[1], size[0], 5)).astype(np.float32)
    cells.write(state)
    assert cells.largest() == float(np.abs(state).max())
    for number, value in enumerate((-3.5, 1e30, -np.inf, np.nan)):
        row, column, channel = np.unravel_index((number * 7919 + state.size - 1) % state.size, state.shape)
        state[row, column, channel] = value
        cells.write(state)
        assert np.array_equal(cells.largest(), float(np.float32(abs(value))), equal_nan=True)
    cells.release()
