"""Pictures under grids: their raster, the shapes of areas, the cells that grow them, and what is seen of both."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core import backdrops, lattice, masks
from ncaengine.core.backdrops import MARGIN
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View
from ncaengine.core.types import U8

SHAPE = (23, 31)
ACROSS, DOWN = (st.integers(-80, most).map(lambda n: n / 10 + 0.03) for most in (400, 300))
PLACES = st.tuples(ACROSS, DOWN)


def noise(rows: int, columns: int, seed: int = 0) -> U8:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), np.uint8)


@pytest.mark.parametrize("cell", [1, 2, 3, 2.5, 7.3])
def test_a_pixel_of_the_raster_is_the_mean_of_its_square(cell: float) -> None:
    picture = noise(40, 29)
    raster = backdrops.reduced(picture, cell)
    assert raster.shape[:2] == (math.ceil(40 / cell), math.ceil(29 / cell))
    for row, column in itertools.product(*map(range, raster.shape[:2])):
        square = picture[int(row * cell) : int((row + 1) * cell), int(column * cell) : int((column + 1) * cell)]
        assert np.abs(square.mean((0, 1)) - raster[row, column]).max() <= 0.5


@pytest.mark.parametrize(("side", "cell"), [(153, 10.2), (306, 10.2), (321, 10.7), (276, 11.04), (168, 11.2)])
def test_a_side_that_is_a_multiple_of_the_cell_but_for_rounding_is_reduced(side: int, cell: float) -> None:
    raster = backdrops.reduced(np.full((side, 2, 3), 7, np.uint8), cell)
    assert raster.shape == (math.ceil(side / cell), 1, 3)
    assert (raster == 7).all()


@given(st.lists(PLACES, min_size=1, max_size=5), st.floats(0.6, 9))
def test_a_brush_marks_what_is_near_its_path(path: list[tuple[float, float]], radius: float) -> None:
    found = backdrops.brushed(SHAPE, path, radius)
    pairs = list(itertools.pairwise(path)) or [(path[0], path[0])]
    for row, column in itertools.product(*map(range, SHAPE)):
        x, y = column + 0.5, row + 0.5
        samples = (
            math.dist((x, y), (a + (u - a) * t / 200, b + (v - b) * t / 200))
            for (a, b), (u, v) in pairs
            for t in range(201)
        )
        away = min(samples)
        if abs(away - radius) > 0.02:
            under = (math.floor(path[-1][0]), math.floor(path[-1][1])) == (column, row)
            assert found[row, column] == (away < radius or under)


def test_a_stroke_that_would_take_minutes_is_refused() -> None:
    with pytest.raises(NCAError, match="4,096 points"):
        backdrops.brushed((4096, 4096), [(n, n) for n in range(4096)], 4000)


@given(st.lists(PLACES, min_size=1, max_size=7))
def test_a_lasso_marks_what_it_encloses(path: list[tuple[float, float]]) -> None:
    found = backdrops.enclosed(SHAPE, path)
    for row, column in itertools.product(*map(range, SHAPE)):
        x, y, inside = column + 0.5, row + 0.5, False
        for (a, b), (u, v) in zip(path, path[1:] + path[:1], strict=True):  # a ray to the left
            if (b > y) != (v > y) and a + (y - b) * (u - a) / (v - b) < x:
                inside = not inside
        assert found[row, column] == inside


@given(st.integers(0, 10**6), st.floats(0.2, 0.9))
def test_what_is_connected_is_what_a_walk_reaches(seed: int, share: float) -> None:
    area = np.random.default_rng(seed).random((12, 17)) < share
    area[5, 8] = True
    reached, edge = {(5, 8)}, [(5, 8)]
    while edge:
        row, column = edge.pop()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= near[0] < 12 and 0 <= near[1] < 17 and area[near] and near not in reached:
                reached.add(near)
                edge.append(near)
    assert {(int(r), int(c)) for r, c in np.argwhere(masks.connected(area, 5, 8))} == reached


def test_the_wand_takes_like_colours_outside_areas_and_the_whole_area_inside() -> None:
    picture = np.full((20, 30, 3), 100, np.uint8)
    picture[:, 10:] = (120, 100, 100)
    picture[:, 20:] = (160, 100, 100)
    here = backdrops.backdrop("p", picture, 1, 6)
    assert not backdrops.joined(here, (5, 5), 19)[:, 10:].any()
    assert backdrops.joined(here, (5, 5), 20)[:, :20].all()
    assert not backdrops.joined(here, (5, 5), 20)[:, 20:].any()
    assert not backdrops.joined(here, (-1, 5), 255).any()
    square = np.zeros((20, 30), np.bool_)
    square[5:9, 8:12] = True
    marked = here.marked(square, "zebra")
    assert np.array_equal(backdrops.joined(marked, (9, 6), 0), square)
    assert not (backdrops.joined(marked, (1, 1), 255) & square).any()
    assert marked.textures == ("zebra",)
    again = marked.marked(square, "coral").marked(square, "zebra").marked(square, "")
    assert not again.labels.any()
    assert again.textures == ("zebra", "coral")


def test_cells_around_an_area_grow_its_texture_and_the_nearer_area_wins(catalogue: Catalogue) -> None:
    here = backdrops.backdrop("p", noise(60, 90), 1, 6)
    area = np.zeros((60, 90), np.bool_)
    area[20:30, 2:10] = True
    other = np.zeros_like(area)
    other[20:30, 24:30] = True
    here = here.marked(area, "a").marked(other, "b")
    cells = here.cells(catalogue.get("square"), (90, 60))
    for row, column in itertools.product(range(60), range(90)):
        down = max(20 - row, row - 29, 0)
        to_a = max(down, min(max(2 - column, column - 9, 0), abs(column - 92), abs(column + 81)))  # round the torus
        to_b = max(down, 24 - column, column - 29, 0)
        if min(to_a, to_b) > MARGIN:
            assert cells[row, column] == 0
        elif to_a != to_b:
            assert cells[row, column] == (1 if to_a < to_b else 2)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
@pytest.mark.parametrize("cell", [1, 2, 3.5])
def test_a_grid_covers_its_picture_and_shows_it_pixel_by_pixel(name: str, cell: float, catalogue: Catalogue) -> None:
    kernel, picture = catalogue.get(name), noise(57, 83)
    here = backdrops.backdrop("p", picture, cell, 4)
    size = backdrops.grid_size(kernel, here.size, cell)
    across, down = lattice.extent(kernel, size)
    assert 0 <= across - 83 / cell < 1
    assert 0 <= down - 57 / cell < 2
    view = View(83, 57, cell, *lattice.corner(kernel))
    if cell > 1:
        assert np.array_equal(here.seen(kernel, size, view)[0], picture)
    # What is marked shows cells up to half the feather before its edge, and nothing beyond that.
    area = np.zeros(here.labels.shape, np.bool_)
    area[:, : area.shape[1] // 2] = True
    middle = here.marked(area, "a")
    seen = middle.seen(kernel, size, view)[1]
    assert seen[:, :30].min() == 1
    assert seen[:, 54:].max() == 0


def test_what_no_cell_reaches_stays_bit_for_bit() -> None:
    rgb = np.random.default_rng(1).integers(0, 2**16, (9, 8, 3), np.uint16)
    share = np.zeros((9, 8), np.float32)
    share[:4], share[4] = 1, 0.25
    colours = np.random.default_rng(2).random((9, 8, 3), np.float32)
    out = backdrops.composed(rgb, colours * share[..., None], share)
    assert np.array_equal(out[5:], rgb[5:])
    assert np.abs(out[:4] / 65535 - colours[:4]).max() < 1e-4
    assert np.abs(out[4] / 65535 - (0.25 * colours[4] + 0.75 * rgb[4] / 65535)).max() < 1e-4
