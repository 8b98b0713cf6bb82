"""Looking closely, without a window: where one cell appears, and the gradient of brightness at cells."""

import numpy as np
import pytest
from helpers import random_state
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.core import kernels, lattice, looks
from ncaengine.core.lattice import View
from ncaengine.core.model import Colour
from ncaengine.core.types import F32, I32

KERNELS = kernels.discover().kernels


def reader(state: F32):
    """Cells.read_cells of a state."""

    def read(cells: I32) -> F32:
        assert len({*map(tuple, cells.tolist())}) == len(cells), "a cell was asked for twice"
        return state[cells[:, 1], cells[:, 0]]

    return read


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    scale=st.floats(3, 60),
    corner=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
)
def test_a_cell_appears_where_it_is_visible(name: str, size, scale, corner) -> None:
    kernel, picture = KERNELS[name], View(150, 110, scale, *corner)
    columns, rows, x, y = lattice.visible_cells(kernel, size, picture, 10**6)
    for cell in {(0, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)}:
        here = (columns == cell[0]) & (rows == cell[1])
        found = sorted(zip(*lattice.places_of_cell(kernel, size, picture, *cell), strict=True))
        wanted = sorted(zip(x[here], y[here], strict=True))
        assert len(found) == len(wanted)
        assert np.allclose(np.reshape(found, (-1, 2)), np.reshape(wanted, (-1, 2)), atol=1e-6)


@pytest.mark.parametrize("name", ["square", "hexagonal", "von-neumann"])
def test_the_gradient_of_a_slope_is_its_steepness(name: str) -> None:
    kernel, size, (right, down) = KERNELS[name], (12, 10), (0.03, -0.02)
    (ax, _), (bx, by) = kernel.basis
    column, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    bright = 0.5 + right * ((column - 6) * ax + (row - 5) * bx) + down * (row - 5) * by
    state = np.repeat(bright[..., None], 5, 2).astype(np.float32)
    cells = np.array([4, 5, 6]), np.array([5, 4, 6])  # far from where the torus closes
    own, gradient = looks.state_and_gradient(kernel, size, *cells, Colour(1, 0), reader(state))
    assert (own == state[cells[1], cells[0]]).all()
    assert np.allclose(gradient, (right, down), atol=1e-5)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
def test_what_is_seen_is_the_torus(name: str) -> None:
    """The gradients of a state moved by some cells are those of the state, moved."""
    kernel, size = KERNELS[name], (7, 6)
    state = random_state(*size, 4)
    column, row = np.meshgrid(np.arange(7), np.arange(6))
    columns, rows = column.ravel(), row.ravel()
    moved = lattice.on_torus(kernel, size, columns + 3, rows + 4)
    shifted = np.empty_like(state)
    shifted[moved[1], moved[0]] = state[rows, columns]
    _, plain = looks.state_and_gradient(kernel, size, columns, rows, Colour(), reader(state))
    own, gradient = looks.state_and_gradient(kernel, size, *moved, Colour(), reader(shifted))
    assert (own == state[rows, columns]).all()
    assert np.allclose(gradient, plain, atol=1e-6)
