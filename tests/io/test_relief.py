"""Height and normal maps."""

import numpy as np
import pytest
from PIL import Image

from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import View, whole_view
from ncaengine.core.model import Colour
from ncaengine.io.relief import Relief, draw_maps, write_maps

KERNELS = kernels.discover().kernels
PLAIN = Colour(1.0, 0.0)


def waves(width, height, across, down, kernel=KERNELS["square"]):
    """A grey wave with whole numbers of crests across and down the torus, at each cell."""
    (ax, _), (bx, by) = kernel.basis
    rows, columns = np.mgrid[:height, :width]
    x, y = columns * ax + rows * bx, rows * by
    phase = 2 * np.pi * (across * x / (width * ax) + down * y / (height * by))
    state = np.zeros((height, width, 5), np.float32)
    state[..., :3] = (0.5 + 0.25 * np.sin(phase))[..., None]
    return state


@pytest.mark.parametrize("name", ["square", "hexagonal"])
@pytest.mark.parametrize("directx", [False, True])
def test_normals_are_those_of_a_wave(name, directx):
    kernel, size, (across, down) = KERNELS[name], (60, 80), (2, 3)
    view = whole_view(kernel, size, 5)
    state = waves(*size, across, down, kernel)
    normals = draw_maps(state, PLAIN, kernel, view, ("normal",), Relief(strength=3.0, directx=directx))["normal"]
    height = 80 * kernel.basis[1][1]
    x, y = np.arange(view.width) / 5 + 0.1 + view.x, np.arange(view.height)[:, None] / 5 + 0.1 + view.y
    slope = 3.0 / 2 * np.cos(2 * np.pi * (across * x / 60 + down * y / height)) * 2 * np.pi  # of the height in cells
    right, up = slope * across / 60, -slope * down / height  # y runs downwards
    true = np.stack([-right, up if directx else -up, np.ones_like(slope)], -1)
    true /= np.linalg.norm(true, axis=-1, keepdims=True)
    assert np.abs(normals / 127.5 - 1 - true).max() < 0.025
    assert np.ptp(normals[..., 0]) > 60


def test_light_from_above_falls_on_the_upper_side_of_a_hill():
    state = np.zeros((9, 9, 3), np.float32)
    state[4, 4] = 1
    view = whole_view(KERNELS["square"], (9, 9), 4)
    maps = draw_maps(state, PLAIN, KERNELS["square"], view, ("normal", "height"))
    assert maps["normal"][14, 18, 1] > 170 > 80 > maps["normal"][21, 18, 1]  # green points up
    assert maps["normal"][18, 14, 0] < 80 < 170 < maps["normal"][18, 21, 0]  # red points right
    assert maps["height"].argmax() // 36 in (17, 18)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
def test_maps_close_over_the_edges(name):
    kernel, scale = KERNELS[name], 4
    state = np.random.default_rng(1).random((12, 10, 4), np.float32)
    view = View(40, 20, scale, -0.5, -0.5)
    maps = draw_maps(state, PLAIN, kernel, view, ("normal", "height"))
    moved = draw_maps(np.roll(state, 5, 1), PLAIN, kernel, view, ("normal", "height"))
    for kind in ("normal", "height"):
        difference = np.roll(maps[kind], 20, 1).astype(int) - moved[kind]
        assert np.abs(difference).max() <= (1 if kind == "normal" else 2)


def test_heights_run_from_the_lowest_cell_to_the_highest_in_sixteen_bits():
    state = np.zeros((32, 32, 6), np.float32)
    state[..., 5] = np.where(np.arange(32) < 16, -3.0, 9.0)
    view = whole_view(KERNELS["square"], (32, 32), 1)
    height = draw_maps(state, PLAIN, KERNELS["square"], view, ("height",), Relief("5"))["height"]
    assert height.dtype == np.uint16
    assert (height[:, 4:12] == 0).all()
    assert (height[:, 20:28] == 65535).all()
    step = height[0, 14:18] / 65535  # a spline of a step
    np.testing.assert_allclose(step, [0, 1 / 6, 5 / 6, 1], atol=1e-4)


def test_flat_and_broken_states_have_flat_maps():
    view = whole_view(KERNELS["square"], (4, 4), 2)
    for state in (np.full((4, 4, 4), 0.3, np.float32), np.full((4, 4, 4), np.nan, np.float32)):
        maps = draw_maps(state, PLAIN, KERNELS["square"], view, ("normal", "height"), Relief("3"))
        assert (maps["normal"] == (128, 128, 255)).all()
        assert (maps["height"] == 0).all()


def test_each_source_reads_its_channel():
    state = np.random.default_rng(2).random((6, 6, 6), np.float32)
    view = whole_view(KERNELS["square"], (6, 6), 1)

    def heights(source, colour=PLAIN):
        return draw_maps(state, colour, KERNELS["square"], view, ("height",), Relief(source))["height"]

    for source, channel in (("red", "0"), ("green", "1"), ("blue", "2")):
        np.testing.assert_allclose(heights(source), heights(channel), atol=1)
    np.testing.assert_array_equal(heights("alpha", Colour(alpha=True)), heights("3"))
    assert len({heights(s).tobytes() for s in ("luminance", "red", "green", "blue", "3", "4", "5")}) == 7


@pytest.mark.parametrize("source", ["6", "-1", "99999999999", "grey", "", "alpha"])
def test_a_source_that_is_not_there_is_refused_with_those_that_are(source):
    view = whole_view(KERNELS["square"], (4, 4), 1)
    with pytest.raises(NCAError, match=r"take the heights from luminance"):
        draw_maps(np.zeros((4, 4, 6), np.float32), PLAIN, KERNELS["square"], view, ("height",), Relief(source))


@pytest.mark.parametrize(("ending", "mode"), [(".png", "I;16"), (".tif", "I;16"), (".jpg", "L"), (".webp", "RGB")])
def test_maps_lie_beside_their_picture_in_its_format(tmp_path, ending, mode):
    view, kernel = whole_view(KERNELS["square"], (16, 12), 2), KERNELS["square"]
    state = waves(16, 12, 1, 1)
    paths = write_maps(tmp_path / f"a{ending}", state, PLAIN, kernel, view, ("height", "normal"), Relief())
    assert [path.name for path in paths] == [f"a_height{ending}", f"a_normal{ending}"]
    expected = draw_maps(state, PLAIN, kernel, view, ("height", "normal"))
    with Image.open(paths[0]) as height, Image.open(paths[1]) as normal:
        assert (height.mode, normal.mode) == (mode, "RGB")
        if mode == "I;16":
            np.testing.assert_array_equal(np.asarray(height), expected["height"])
            np.testing.assert_array_equal(np.asarray(normal), expected["normal"])
        else:
            grey = np.asarray(height).reshape(24, 32, -1)[..., 0]
            np.testing.assert_allclose(grey, expected["height"] / 257, atol=3)
