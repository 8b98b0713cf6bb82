"""What a resize keeps: every mode against an expectation of its own, on square and skewed lattices."""

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core import kernels, states
from ncaengine.core.model import Config, Seed

BUILT_IN = {p.parent.name: kernels.load_kernel(p) for p in kernels.resources.folder("plugins").glob("*/kernel.toml")}
SQUARE, HEXAGONAL = BUILT_IN["square"], BUILT_IN["hexagonal"]


def ids(width: int, height: int) -> np.ndarray:
    """A state in which every cell is another number, from 1."""
    return np.arange(1, width * height + 1, dtype=np.float32).reshape(height, width, 1)


SIDE = st.integers(1, 12)


@given(SIDE, SIDE, SIDE, SIDE)
def test_about_the_centre_on_a_square_grid(w: int, h: int, new_w: int, new_h: int) -> None:
    """Padded with fresh cells on all sides, and then a window cut out of that."""
    old, fresh = ids(w, h), -ids(new_w, new_h)
    found = states.resized(old, fresh, "centre", SQUARE)
    margin = 12
    wide = np.zeros((h + 2 * margin, w + 2 * margin, 1), np.float32)
    wide[margin : margin + h, margin : margin + w] = old
    top, left = margin - int((new_h - h) / 2), margin - int((new_w - w) / 2)
    window = wide[top : top + new_h, left : left + new_w]
    assert np.array_equal(found, np.where(window > 0, window, fresh))


@given(SIDE, SIDE, SIDE, SIDE)
def test_tiled_on_a_square_grid(w: int, h: int, new_w: int, new_h: int) -> None:
    old = ids(w, h)
    found = states.resized(old, -ids(new_w, new_h), "tile", SQUARE)
    many = np.tile(old, (30, 30, 1))
    top, left = 13 * h - int((new_h - h) / 2), 13 * w - int((new_w - w) / 2)
    assert np.array_equal(found, many[top : top + new_h, left : left + new_w])


@given(SIDE, SIDE, SIDE, SIDE)
def test_at_the_corner_on_a_square_grid(w: int, h: int, new_w: int, new_h: int) -> None:
    old, expected = ids(w, h), -ids(new_w, new_h)
    found = states.resized(old, expected, "corner", SQUARE)
    expected[:h, :w] = old[:new_h, :new_w]
    assert np.array_equal(found, expected)


@given(SIDE, SIDE, st.integers(0, 6), st.integers(0, 6))
def test_at_the_corner_of_what_is_seen_of_a_hexagonal_grid(w: int, h: int, more_w: int, more_h: int) -> None:
    """On the screen row r is pushed half a cell a row; the same places there show the same cells."""
    old, size = ids(w, h), (w + more_w, h + more_h)
    found = states.resized(old, np.zeros((size[1], size[0], 1), np.float32), "corner", HEXAGONAL)
    rows, columns = np.mgrid[:h, :w]
    seen = old[rows, (columns - rows // 2) % w]
    assert np.array_equal(found[rows, (columns - rows // 2) % size[0]], seen)
    assert (found > 0).sum() == w * h


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@given(SIDE, SIDE, SIDE, SIDE)
def test_nothing_kept(kernel: str, w: int, h: int, new_w: int, new_h: int) -> None:
    fresh = ids(new_w, new_h)
    assert np.array_equal(states.resized(-ids(w, h), fresh, "nothing", BUILT_IN[kernel]), fresh)


@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
@pytest.mark.parametrize("keep", ["centre", "corner", "tile"])
@given(SIDE, SIDE)
def test_the_same_size_changes_nothing(kernel: str, keep: states.Keep, w: int, h: int) -> None:
    assert np.array_equal(states.resized(ids(w, h), -ids(w, h), keep, BUILT_IN[kernel]), ids(w, h))


def beside(size: tuple[int, int], row: int, column: int, down: int, right: int) -> tuple[int, int]:
    """The storage place of a neighbour on a hexagonal torus, whose seam is pushed by height // 2."""
    width, height = size
    wraps = (row + down) // height
    return (row + down) % height, (column + right + wraps * (height // 2)) % width


AROUND = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)]


@given(SIDE, SIDE, st.integers(0, 6), st.integers(0, 6))
def test_growing_a_hexagonal_grid_keeps_every_cell_and_its_neighbours(w: int, h: int, more_w: int, more_h: int) -> None:
    old, size = ids(w, h), (w + more_w, h + more_h)
    found = states.resized(old, np.zeros((size[1], size[0], 1), np.float32), "centre", HEXAGONAL)
    kept = found[found > 0]
    assert sorted(kept) == list(range(1, w * h + 1))
    for row in range(size[1]):
        for column in range(size[0]):
            here = int(found[row, column, 0]) - 1
            if here < 0:
                continue
            for step in AROUND:
                there = int(found[*beside(size, row, column, *step), 0])
                if there:
                    assert old[*beside((w, h), here // w, here % w, *step), 0] == there


@given(st.integers(4, 12), st.integers(4, 12), st.integers(1, 12), st.integers(1, 12))
def test_cropping_a_hexagonal_grid_keeps_a_window_of_what_is_seen(w: int, h: int, new_w: int, new_h: int) -> None:
    new_w, new_h = min(w, new_w), min(h, new_h)
    old = ids(w, h)
    found = states.resized(old, np.zeros((new_h, new_w, 1), np.float32), "centre", HEXAGONAL)
    # On the screen row r begins r/2 cells to the right; the picture is a rectangle of rows pushed back.
    rows, columns = np.mgrid[:new_h, :new_w]
    seen = found[rows, (columns - rows // 2) % new_w, 0]
    assert len(set(seen[seen > 0])) == (seen > 0).sum()
    assert (seen > 0).mean() >= 1 - 1 / new_w  # at most one cell a row is new
    for row in range(new_h):
        for column in range(new_w):
            for down, right in AROUND:
                other = column + right + (row + down) // 2 - row // 2
                if 0 <= row + down < new_h and 0 <= other < new_w and seen[row, column] and seen[row + down, other]:
                    here = int(seen[row, column]) - 1
                    assert old[*beside((w, h), here // w, here % w, down, right), 0] == seen[row + down, other]


@given(SIDE, SIDE, st.integers(0, 6), st.integers(0, 6), st.sampled_from(["square", "hexagonal"]))
def test_growing_and_shrinking_back_moves_nothing(w: int, h: int, more_w: int, more_h: int, kernel: str) -> None:
    old = ids(w, h)
    grown = states.resized(old, np.zeros((h + more_h, w + more_w, 1), np.float32), "centre", BUILT_IN[kernel])
    assert np.array_equal(states.resized(grown, np.zeros_like(old), "centre", BUILT_IN[kernel]), old)


@given(SIDE, SIDE, st.sampled_from(["zeros", "noise", "point", "blobs"]), st.integers(-(2**40), 2**40))
def test_the_initial_state_of_some_cells_is_that_of_the_grid(w: int, h: int, kind: str, rng_seed: int) -> None:
    model = random_model(Config(channels=4, hidden=1, seed=Seed(kind, 0.7)))
    rows, columns = np.mgrid[:h, :w]
    cells = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.int32)[::2]
    found = states.initial_at(model, (w, h), cells, rng_seed)
    assert found.dtype == np.float32
    assert np.array_equal(found, states.initial(model, (w, h), rng_seed)[cells[:, 1], cells[:, 0]])
    assert states.initial_at(model, (w, h), cells[:0], rng_seed).shape == (0, 4)
