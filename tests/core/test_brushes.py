"""Brushes: strokes on the torus against plain Python, patterns, patches and images on every lattice."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from helpers import pcg4d_of_ints
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.core import brushes, kernels, lattice
from ncaengine.core.brushes import Patch, Point
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.types import Size

BUILT_IN = {p.parent.name: kernels.load_kernel(p) for p in kernels.resources.folder("plugins").glob("*/kernel.toml")}
SQUARE, HEXAGONAL = BUILT_IN["square"], BUILT_IN["hexagonal"]
WIDE = Kernel("k", "", "", ((1.4, 0.0), (-0.6, 0.8)), SQUARE.stencils, Path())  # skewed leftwards
KERNELS = st.sampled_from([SQUARE, HEXAGONAL, WIDE])
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
NEAR = st.floats(-12, 12)
PATHS = st.lists(st.tuples(NEAR, NEAR), min_size=1, max_size=4)
RADII = st.floats(0.05, 6)
SOFTNESS = st.floats(0, 1)


def place(kernel: Kernel, column: int, row: int) -> tuple[float, float]:
    (ax, _), (bx, by) = kernel.basis
    return column * ax + row * bx, row * by


def period(kernel: Kernel, size: Size, across: int, down: int) -> tuple[float, float]:
    """Where a copy of the torus lies that many times to the right and further down."""
    return place(kernel, across * size[0] - down * kernel.row_shift(size[1]), down * size[1])


def away(point: Point, start: Point, end: Point) -> float:
    """The distance of a point from a segment."""
    (px, py), (ax, ay), (bx, by) = point, start, end
    length = (bx - ax) ** 2 + (by - ay) ** 2
    t = min(max(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length, 0), 1) if length > 1e-30 else 0
    return math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay))


def distances(kernel: Kernel, size: Size, path: list[Point]) -> np.ndarray:
    """From each cell, in whichever copy is nearest, to the path: (height, width), in plain Python."""
    out = np.full(size[::-1], np.inf)
    width, height = lattice.extent(kernel, size)
    segments = list(itertools.pairwise(path)) or [(path[0], path[0])]
    for row in range(size[1]):
        for column in range(size[0]):
            for down in range(-math.ceil(20 / height) - 2, math.ceil(20 / height) + 3):
                dx, dy = period(kernel, size, 0, down)
                x, y = place(kernel, column, row)
                first = math.floor((-20 - x - dx) / width)
                for across in range(first, first + math.ceil(40 / width) + 2):
                    at = (x + dx + across * width, y + dy)
                    out[row, column] = min(out[row, column], *(away(at, *ends) for ends in segments))
    return out


def painted(kernel: Kernel, size: Size, path: list[Point], radius: float, softness: float) -> np.ndarray:
    """A stroke's weights as a map, 0 where it does not go; its promises on form checked."""
    cells, weights = brushes.stroke(kernel, size, path, radius, softness)
    assert (cells.dtype, weights.dtype) == (np.int32, np.float32)
    assert cells.shape == (len(weights), 2)
    assert len({tuple(cell) for cell in cells.tolist()}) == len(cells) > 0
    assert (cells >= 0).all()
    assert (cells < size).all()
    assert ((weights > 0) & (weights <= 1)).all()
    out = np.zeros(size[::-1], np.float32)
    out[cells[:, 1], cells[:, 0]] = weights
    return out


def under(kernel: Kernel, size: Size, path: list[Point]) -> list[tuple[int, int]]:
    """The (row, column) of the cells nearest to the path's points."""
    cells = (lattice.on_torus(kernel, size, *lattice.nearest_cell(kernel, *point)) for point in path)
    return [(int(row), int(column)) for column, row in cells]


# Strokes


@settings(max_examples=40)
@given(KERNELS, SIZES, PATHS, RADII, SOFTNESS)
def test_a_stroke_weighs_cells_by_their_distance(
    kernel: Kernel, size: Size, path: list[Point], radius: float, softness: float
) -> None:
    found, distance = painted(kernel, size, path, radius, softness), distances(kernel, size, path)
    for cell in under(kernel, size, path):
        assert found[cell] == 1
        found[cell], distance[cell] = 1, 0
    for got, d in zip(found.flat, distance.flat, strict=True):
        core, edge = radius * (1 - softness), radius
        if d < core - 1e-6:
            assert got == 1
        elif d > edge + 1e-6:
            assert got == 0
        elif core + 1e-6 < d < edge - 1e-6:
            t = (edge - d) / (edge - core)
            assert got == pytest.approx(3 * t**2 - 2 * t**3, abs=1e-5 / (edge - core) + 1e-5)


@given(KERNELS, SIZES, PATHS, RADII, st.floats(0.1, 1), st.integers(-9, 9), st.integers(-9, 9))
def test_a_stroke_on_another_copy_of_the_torus_is_the_same(
    kernel: Kernel, size: Size, path: list[Point], radius: float, softness: float, across: int, down: int
) -> None:
    # Places at eighths, so that no cell lies so near a border between cells that rounding decides.
    path = [(round(x * 8) / 8 + 0.0123, round(y * 8) / 8 + 0.0171) for x, y in path]
    dx, dy = period(kernel, size, across, down)
    moved = painted(kernel, size, [(x + dx, y + dy) for x, y in path], radius, softness)
    np.testing.assert_allclose(moved, painted(kernel, size, path, radius, softness), atol=1e-4)


@given(KERNELS, st.tuples(st.integers(1, 90), st.integers(1, 90)), PATHS, PATHS, st.floats(0.1, 30), st.floats(0.1, 1))
def test_a_stroke_cut_in_two_covers_the_same_cells(
    kernel: Kernel, size: Size, one: list[Point], two: list[Point], radius: float, softness: float
) -> None:
    whole = painted(kernel, size, one + two, radius, softness)
    parts = [painted(kernel, size, path, radius, softness) for path in (one, [one[-1], *two])]
    np.testing.assert_allclose(np.maximum(*parts), whole, atol=1e-5)


@given(KERNELS, st.tuples(st.integers(1, 60), st.integers(1, 60)), st.data(), RADII, SOFTNESS)
def test_points_may_lie_far_off(
    kernel: Kernel, size: Size, data: st.DataObject, radius: float, softness: float
) -> None:
    far = st.floats(-1e6, 1e6)
    x, y = data.draw(far), data.draw(far)
    path = [(x, y), (x + 3, y - 2)]
    found = painted(kernel, size, path, radius, softness)
    assert all(found[cell] == 1 for cell in under(kernel, size, path))
    assert (found > 0).sum() <= (2 * radius + 5) * (2 * radius + 6) * 2


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL, WIDE], ids=lambda k: k.name)
@pytest.mark.parametrize("size", [(1, 1), (40, 1), (1, 40), (5, 3)])
def test_a_brush_larger_than_the_torus_paints_all_of_it(kernel: Kernel, size: Size) -> None:
    assert (painted(kernel, size, [(3.2, -7.1), (900, 20)], 4096, 0.5) == 1).all()


@given(KERNELS, st.tuples(st.integers(1, 90), st.integers(1, 90)), st.floats(20, 120), st.floats(0.2, 1))
def test_a_large_soft_brush_fades_by_the_nearest_copy(
    kernel: Kernel, size: Size, radius: float, softness: float
) -> None:
    found = painted(kernel, size, [(0.3, 0.2)], radius, softness)
    column, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    x, y = place(kernel, column, row)
    nearest = np.full(size[::-1], np.inf)
    width, height = lattice.extent(kernel, size)
    for down in range(-math.ceil(120 / height) - 2, math.ceil(120 / height) + 2):
        dx, dy = period(kernel, size, 0, down)
        aside = (x + dx - 0.3 + width / 2) % width - width / 2
        nearest = np.minimum(nearest, np.hypot(aside, y + dy - 0.2))
    t = np.clip((radius - nearest) / (radius * softness), 0, 1)
    expected = t * t * (3 - 2 * t)
    expected[under(kernel, size, [(0.3, 0.2)])[0]] = 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_thin_brush_still_touches_the_cell_under_it() -> None:
    assert brushes.stroke(SQUARE, (8, 8), [(2.4, 3.4)], 0.1, 0.5)[0].tolist() == [[2, 3]]


def test_a_long_path_is_as_its_parts() -> None:
    path = [(100 + i / 40 * math.cos(i / 30), 80 + i / 40 * math.sin(i / 30)) for i in range(2000)]
    whole = painted(HEXAGONAL, (190, 170), path, 3, 0.5)
    parts = [painted(HEXAGONAL, (190, 170), path[i : i + 101], 3, 0.5) for i in range(0, 2000, 100)]
    np.testing.assert_allclose(np.max(parts, 0), whole, atol=1e-5)


def test_a_path_that_winds_around_for_long_paints_all() -> None:
    assert (painted(HEXAGONAL, (24, 16), [(-1e6, -9e5), (1e6, 7.7e5)], 4, 0.5) > 0.999).all()


def test_a_stroke_without_points_is_refused() -> None:
    with pytest.raises(NCAError, match="at least one point"):
        brushes.stroke(SQUARE, (8, 8), [], 2, 0.5)


# Patterns


PATTERNS = st.sampled_from(brushes.Pattern.__args__)


@given(KERNELS, SIZES, PATTERNS, st.floats(-360, 360), st.floats(-360, 360), st.integers(1, 12), st.floats(0, 20))
def test_a_pattern_keeps_to_its_values(
    kernel: Kernel, size: Size, which: brushes.Pattern, one: float, two: float, count: int, fuzz: float
) -> None:
    found = brushes.pattern(kernel, size, which, (one, two), count, fuzz)
    assert found.dtype == np.float32
    assert found.shape == size[::-1]
    low, high = (-180.0, 180.0) if which in brushes.OF_ANGLES else (min(one, two), max(one, two))
    assert found.min() >= low - 1e-3
    assert found.max() <= high + 1e-3


def on_screen(kernel: Kernel, size: Size, found: np.ndarray, x: float, y: float) -> float:
    """What the picture shows at a place, in cell widths from its upper left corner."""
    left, top = lattice.corner(kernel)
    column, row = lattice.on_torus(kernel, size, *lattice.nearest_cell(kernel, x + left, y + top))
    return float(found[row, column])


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL, WIDE], ids=lambda k: k.name)
def test_patterns_lie_on_the_picture_as_said(kernel: Kernel) -> None:
    size = (48, 50)
    across, down = lattice.extent(kernel, size)

    def at(which: brushes.Pattern, u: float, v: float, count: int = 4, values: tuple[float, float] = (2, 6)) -> float:
        return on_screen(kernel, size, brushes.pattern(kernel, size, which, values, count), u * across, v * down)

    for v in (0.1, 0.5, 0.95):
        assert [at("even", u, v) for u in (0.05, 0.45, 0.95)] == [2, 2, 2]
        assert [at("halves", u, v) for u in (0.05, 0.45, 0.55, 0.95)] == [2, 2, 6, 6]
        assert [at("stripes", u, v) for u in (0.05, 0.2, 0.3, 0.45, 0.55, 0.8, 0.95)] == [2, 2, 6, 6, 2, 6, 6]
        assert [at("ramp", u, v) for u in (0.1, 0.5, 0.9)] == pytest.approx([2.4, 4, 5.6], abs=0.15)
    assert [[at("checks", u, v, 3) for u in (0.1, 0.5, 0.9)] for v in (0.1, 0.5)] == [[2, 6, 2], [6, 2, 6]]
    assert at("polar", 0.9, 0.5, values=(0, 0)) == pytest.approx(0, abs=3)
    assert at("polar", 0.5, 0.9, values=(0, 0)) == pytest.approx(90, abs=3)
    assert at("polar", 0.5, 0.1, values=(30, 0)) == pytest.approx(-60, abs=3)
    assert abs(at("bipolar", 0.5, 0.5, values=(0, 0))) == pytest.approx(180, abs=5)
    assert at("bipolar", 0.95, 0.5, values=(10, 0)) == pytest.approx(10, abs=5)
    seen = math.degrees(2 * math.atan2(across / 4, down / 4))  # the angle at which the poles are seen
    assert at("bipolar", 0.5, 0.25, values=(0, 0)) == pytest.approx(seen, abs=5)


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL], ids=lambda k: k.name)
@pytest.mark.parametrize("size", [(12, 8), (7, 9), (2, 2)])
def test_the_articles_fields(kernel: Kernel, size: tuple[int, int]) -> None:
    """As the article's ca.js says, cell by cell: its direction (0, 1) is our angle 0."""
    found = brushes.pattern(kernel, size, "dipole", (20, 0))
    width, height = size
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            v1, v2 = (x - 0.25 * width, y - 0.25 * height), (0.75 * width - x, 0.75 * height - y)
            if not (math.hypot(*v1) and math.hypot(*v2)):
                assert math.isfinite(found[row, column])
                continue
            across, down = (a / math.hypot(*v1) ** 3 + b / math.hypot(*v2) ** 3 for a, b in zip(v1, v2, strict=True))
            turn = found[row, column] - (math.degrees(math.atan2(down, across)) - 90 + 20)
            assert abs((turn + 180) % 360 - 180) < 1e-3
    turned = brushes.pattern(kernel, size, "polar-distill", (0, 0)) - brushes.pattern(kernel, size, "polar", (-90, 0))
    assert np.abs((turned + 180) % 360 - 180).max() < 1e-3


def test_fuzz_blends_borders_and_the_one_where_the_torus_closes() -> None:
    sharp, soft = (brushes.pattern(SQUARE, (40, 3), "halves", (0, 1), 7, fuzz)[1] for fuzz in (0, 8))
    assert sharp.tolist() == [0] * 20 + [1] * 20
    assert (np.diff(soft[4:36]) >= 0).all()
    assert (soft[4:16] == 0).all()
    assert (soft[24:36] == 1).all()
    assert 0 < soft[19] < 0.5 < soft[20] < 1
    assert 0.5 < soft[39] < 1
    assert 0 < soft[0] < 0.5
    odd = brushes.pattern(SQUARE, (45, 3), "stripes", (0, 1), 3, 4)[1]
    assert odd[0] == odd[-1] == 0
    board = brushes.pattern(SQUARE, (40, 40), "checks", (0, 1), 2, 8)
    np.testing.assert_array_equal(board[10], soft)
    np.testing.assert_allclose(board, board.T)


# Dither


@given(st.integers(0, 2**32 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 999), st.integers(0, 999))
def test_a_cell_is_given_over_by_its_hash(number: int, seed: int, column: int, row: int) -> None:
    word = pcg4d_of_ints(column, row, number, (seed % 2**32) ^ 0xB5297A4D)[1]
    chance = (word >> 8) / 2**24
    mix = np.array([0, chance, chance + 2**-24, 1], np.float32)
    cells = np.array([[column, row]] * 4, np.int32)
    assert brushes.dither(mix, cells, number, seed).tolist() == [False, False, True, True]


def test_dither_gives_over_the_share_asked_for() -> None:
    cells = np.stack(np.meshgrid(np.arange(100), np.arange(100)), -1).reshape(-1, 2).astype(np.int32)
    one, other = (brushes.dither(np.full(10000, 0.3, np.float32), cells, number, 7) for number in (1, 2))
    assert one.mean() == pytest.approx(0.3, abs=0.02)
    assert (one != other).mean() == pytest.approx(2 * 0.3 * 0.7, abs=0.03)


# Patches


@given(KERNELS, st.floats(0, 12))
def test_a_disc_is_all_cells_within_its_radius(kernel: Kernel, radius: float) -> None:
    expected = {
        (c, r) for c in range(-25, 26) for r in range(-25, 26) if math.hypot(*place(kernel, c, r)) <= radius + 1e-9
    }
    found = brushes.disc(kernel, radius)
    assert found.dtype == np.int32
    assert len(found) == len(expected)
    assert {tuple(cell) for cell in found.tolist()} == expected


def patch(kernel: Kernel, radius: float) -> Patch:
    cells = brushes.disc(kernel, radius)
    return Patch(kernel, radius, cells, np.arange(2 * len(cells), dtype=np.float32).reshape(-1, 2))


@given(KERNELS, st.floats(0, 10), st.floats(0, 12))
def test_onto_its_own_kernel_a_patch_comes_cell_by_cell(kernel: Kernel, radius: float, target: float) -> None:
    source, offsets = patch(kernel, radius), brushes.disc(kernel, target)
    inside, index = brushes.paste(source, kernel, offsets)
    assert inside.dtype == np.bool_
    np.testing.assert_array_equal(source.cells[index[inside]], offsets[inside])
    assert inside.sum() == min(len(source.cells), len(offsets))


@given(KERNELS, KERNELS, st.floats(0, 6), st.floats(0, 9))
def test_onto_another_kernel_a_patch_gives_its_nearest_cells(
    kernel: Kernel, other: Kernel, radius: float, target: float
) -> None:
    source, offsets = patch(kernel, radius), brushes.disc(other, target)
    inside, index = brushes.paste(source, other, offsets)
    assert ((index >= 0) & (index < len(source.cells))).all()
    x, y = place(kernel, *source.cells.T)
    for is_in, i, (column, row) in zip(inside, index, offsets.tolist(), strict=True):
        px, py = place(other, column, row)
        away_from = np.hypot(x - px, y - py)
        if is_in:
            assert away_from[i] == pytest.approx(away_from.min(), abs=1e-6)
        else:
            assert math.hypot(px, py) > radius - 1  # no cell of the middle is left out


# Images


@given(SIZES, st.integers(1, 7), st.integers(1, 7))
def test_an_image_on_a_square_grid_comes_pixel_by_pixel_and_repeats(size: Size, width: int, height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    cells = np.array([(c, r) for r in range(size[1]) for c in range(size[0])], np.int32)
    found = brushes.image_at(image, SQUARE, size, cells)
    assert found.dtype == np.float32
    assert np.rint(found * 255).tolist() == [image[r % height, c % width].tolist() for c, r in cells.tolist()]


def test_an_image_stands_upright_on_a_skewed_grid() -> None:
    size = (32, 32)
    image = np.zeros((28, 32, 3), np.uint8)
    image[:, 16:] = 255
    cells = np.array([(c, r) for r in range(32) for c in range(32)], np.int32)
    found = brushes.image_at(image, HEXAGONAL, size, cells)[:, 0].reshape(32, 32)
    np.testing.assert_array_equal(found, brushes.pattern(HEXAGONAL, size, "halves", (0, 1)))
