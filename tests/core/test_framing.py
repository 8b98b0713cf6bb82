"""Pictures whose size is given in pixels."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ncaengine.core import canvas, framing, kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import View, extent
from ncaengine.core.model import Colour

KERNELS = kernels.discover().kernels
SQUARE, HEXAGONAL = KERNELS["square"], KERNELS["hexagonal"]


@pytest.mark.parametrize(
    ("pixels", "scale", "size"),
    [
        ((3840, 2160), None, (960, 540)),
        ((1920, 1080), None, (960, 540)),
        ((1366, 768), None, (683, 384)),
        ((512, 512), None, (512, 512)),
        ((1920, 1080), 3, (640, 360)),
    ],
)
def test_square_cells_become_squares_of_whole_pixels_where_that_is_possible(pixels, scale, size):
    assert framing.cells_for(SQUARE, pixels, scale) == size
    view = framing.view_filled(SQUARE, size, pixels)
    assert (view.width, view.height) == pixels
    assert view.aligned(SQUARE)


def misfits(kernel, pixels, scale):
    """Yield, for each number of columns near the scale: pixels per cell, and by how many the height is wrong."""
    across, down = extent(kernel, (1, 1))
    even = 2 if kernel.basis[1][0] else 1  # no shift where the torus closes
    wanted = max(1, round(pixels[0] / (scale * across)))
    for columns in range(math.ceil(wanted / 1.5), math.floor(wanted * 1.5) + 1):
        true = pixels[0] / (columns * across)
        rows = max(1, round(pixels[1] / (true * down) / even)) * even
        yield true, abs(rows * down * true - pixels[1])


@given(st.sampled_from(sorted(KERNELS)), st.integers(200, 4000), st.integers(200, 4000), st.integers(1, 4))
@example("square", 314, 2511, 4)  # nothing near 4 pixels per cell fits
@example("hexagonal", 2945, 316, 4)
@example("hexagonal", 247, 1721, 4)  # only far from it
@example("square", 500, 3989, 4)  # the nearest is wrong by 0.54 pixels
@settings(max_examples=60)
def test_pictures_tile_to_half_a_pixel_wherever_that_is_possible(name, width, height, scale):
    kernel = KERNELS[name]
    size = framing.cells_for(kernel, (width, height), scale)
    view = framing.view_filled(kernel, size, (width, height))
    across, down = extent(kernel, size)
    assert (view.width, view.height) == (width, height)
    assert (size[1] * kernel.basis[1][0]) % 1 == 0  # no shift where the torus closes
    true = width / across
    misfit = abs(down * true - height)
    found = list(misfits(kernel, (width, height), scale))
    assert true / scale == pytest.approx(1, rel=0.55)
    assert misfit <= max(0.5, min(misfit for _, misfit in found) + 0.1)
    if any(misfit <= 0.5 and abs(true / scale - 1) < 0.04 for true, misfit in found):
        assert true / scale == pytest.approx(1, abs=0.08)


def test_a_grid_that_has_its_size_is_cut_in_the_middle():
    view = framing.view_filled(SQUARE, (40, 20), (100, 100))
    assert view.scale == 5
    assert (view.x, view.y) == (-0.5 + 10, -0.5)


def test_16_9_means_the_picture():
    for kernel in (SQUARE, HEXAGONAL):
        width, height = extent(kernel, framing.size_of_shape(kernel, 256, (16, 9)))
        assert width / height == pytest.approx(16 / 9, rel=0.01)


@pytest.mark.parametrize(("pixels", "scale"), [((0, 5), None), ((10**5, 10**5), None), ((64, 64), 65), ((64, 64), 0)])
def test_impossible_pictures_are_refused(pixels, scale):
    with pytest.raises(NCAError, match=r"pixels"):
        framing.cells_for(SQUARE, pixels, scale)


def spline(x):
    """The cubic B-spline, as textbooks write it."""
    x = abs(x)
    return 2 / 3 - x**2 + x**3 / 2 if x < 1 else (2 - x) ** 3 / 6 if x < 2 else 0.0


def test_smooth_pictures_are_splines_of_the_cells_colours_on_the_torus():
    rgb = np.random.default_rng(0).random((4, 5, 3), np.float32)
    view = View(5 * 3, 4 * 3, 3.0, -0.5, -0.5, smooth=True)
    expected = np.zeros((12, 15, 3))
    for i, j in np.ndindex(12, 15):
        y, x = (i + 0.5) / 3 - 0.5, (j + 0.5) / 3 - 0.5
        for row, column in np.ndindex(12, 13):
            share = spline(y - (row - 4)) * spline(x - (column - 4))
            expected[i, j] += share * rgb[(row - 4) % 4, (column - 4) % 5]
    np.testing.assert_allclose(framing.smooth(rgb, SQUARE, view), expected * 255, atol=0.51)
    np.testing.assert_allclose(framing.blend(rgb[..., 1], SQUARE, view), expected[..., 1], atol=1e-6)


def test_cells_of_a_diverged_model_are_black_in_smooth_pictures_without_a_warning():
    state = np.full((8, 8, 3), 0.5, np.float32)
    state[:4] = np.nan
    picture = canvas.draw(state, kernels.discover().get("square"), Colour(), View(32, 32, 4.0, -0.5, -0.5, smooth=True))
    assert picture.max() > picture[6:10].max() == 0


def test_smooth_hexagonal_pictures_show_a_wave_in_its_true_shape_and_meet_at_the_edges():
    size, pixels = (40, 46), (400, 398)
    (ax, _), (bx, by) = HEXAGONAL.basis
    rows, columns = np.mgrid[:46, :40]
    x, y = columns * ax + rows * bx, rows * by
    state = np.zeros((46, 40, 4), np.float32)
    state[..., :3] = (0.3 * np.sin(2 * np.pi * (3 * x / 40 + 2 * y / (46 * by))))[..., None]
    view = View(*pixels, 10.0, -0.5, -by / 2, smooth=True)
    picture = canvas.draw(state, HEXAGONAL, Colour(1.0, 0.5), view)
    px, py = (np.arange(400) + 0.5) / 10 - 0.5, (np.arange(398)[:, None] + 0.5) / 10 - by / 2
    lost = (2 + np.cos(2 * np.pi * 3 / 40)) / 3 * (2 + np.cos(2 * np.pi * 2 / 46)) / 3  # what a spline leaves of a wave
    wave = 0.5 + 0.3 * lost * np.sin(2 * np.pi * (3 * px / size[0] + 2 * py / (46 * by)))
    np.testing.assert_allclose(picture[..., 0], wave * 255, atol=1.5)


@given(st.sampled_from(sorted(KERNELS)), st.integers(1, 90), st.integers(1, 90), st.floats(1, 7), st.booleans())
@settings(deadline=None)
def test_copies_of_a_tile_are_the_endless_plane(name, width, height, scale, smooth):
    stretched, size, view = framing.tile(KERNELS[name], (width, height), scale)
    state = np.random.default_rng(width).random((size[1], size[0], 3), np.float32)
    one, four = (
        canvas.draw(state, stretched, Colour(1, 0), View(times * width, times * height, scale, view.x, view.y, smooth))
        for times in (1, 2)
    )
    assert one.shape == (height, width, 3)
    assert np.abs(np.tile(one, (2, 2, 1)).astype(int) - four).max() <= 1  # numbers are rounded


@given(st.sampled_from(sorted(KERNELS)), st.integers(200, 2000), st.integers(200, 2000), st.floats(1, 4))
@settings(deadline=None)
def test_the_cells_of_a_tile_keep_their_shape(name, width, height, scale):
    stretched, _, _ = framing.tile(KERNELS[name], (width, height), scale)
    (ax, _), (bx, by) = KERNELS[name].basis
    (wide, _), (skew, high) = stretched.basis
    assert abs(high / wide / (by / ax) - 1) < 1 / height  # half a pixel of the whole height, rounded
    assert abs(skew / wide - bx / ax) < 1e-9
