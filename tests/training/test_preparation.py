"""Targets out of photographs: scale, even parts, light and tiles, of pictures whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.core.types import F32
from ncaengine.training import preparation
from ncaengine.training.patterns import PATTERNS

FEW = settings(max_examples=12, deadline=None)
TILED = st.sampled_from(["coral", "giraffe", "zebra", "leopard"])
"""Patterns that don't repeat themselves inside a tile."""
NAMES = st.sampled_from(["coral", "giraffe", "zebra", "scales", "weave", "leopard"])


@FEW
@given(NAMES, st.floats(1.5, 4))
def test_an_enlarged_picture_is_scaled_down_as_much_more(name: str, times: float) -> None:
    picture = PATTERNS[name](128)
    side = round(128 * times)
    plain = preparation.LENGTH / preparation.measures.correlation_length(picture)
    found = preparation.found_scale(preparation.resized(picture, side, side))
    assert found == pytest.approx(plain * 128 / side, rel=0.1)


def test_large_pictures_are_seen_from_afar_or_near() -> None:
    picture = PATTERNS["coral"](128)
    scale = preparation.found_scale(picture)
    large = np.tile(picture, (10, 12, 1))
    assert preparation.found_scale(large) == pytest.approx(scale, rel=0.1)
    huge = preparation.resized(picture, 1536, 1536)
    assert preparation.found_scale(huge) == pytest.approx(preparation.LENGTH / 12 / 3.97, rel=0.1)


def test_fine_structure_would_be_enlarged_and_one_colour_stays() -> None:
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    assert preparation.found_scale(noise) > 2
    assert preparation.found_scale(np.full((64, 64, 3), 0.5, np.float32)) == 1


def blocks(picture: F32) -> np.ndarray:
    """The mean brightness of 4x4 blocks."""
    side = picture.shape[0] // 4 * 4
    return picture[:side, :side].reshape(4, side // 4, 4, side // 4, 3).mean((1, 3, 4))


@FEW
@given(NAMES, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 0.6))
def test_light_that_slopes_or_darkens_at_the_corners_is_evened(
    name: str, across: float, down: float, dim: float
) -> None:
    picture = 0.1 + 0.7 * PATTERNS[name](128)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    light = np.exp(-0.5 * (across * x + down * y) - dim * (x**2 + y**2))
    lit = (picture * (light / light.max())[..., None] ** (1 / 2.2)).astype(np.float32)  # light acts on linear values
    evened = preparation.even_light(lit)
    assert evened.dtype == np.float32
    assert 0 <= evened.min() <= evened.max() <= 1
    uneven = blocks(preparation.even_light(picture)) / blocks(picture)  # what it takes for light in the texture itself
    ratio = blocks(evened) / blocks(picture)
    assert ratio.std() / ratio.mean() < 0.05 + 2 * uneven.std() / uneven.mean()
    before = blocks(lit) / blocks(picture)
    if before.std() / before.mean() > 0.2:
        assert ratio.std() / ratio.mean() < 0.5 * before.std() / before.mean()


@FEW
@given(NAMES)
def test_even_light_stays_and_colours_stay(name: str) -> None:
    picture = 0.1 + 0.7 * PATTERNS[name](128)
    evened = preparation.even_light(picture)
    assert np.corrcoef(evened.ravel(), picture.ravel())[0, 1] > 0.97
    assert preparation.even_light(np.zeros((20, 20, 3), np.float32)).max() == 0


@pytest.mark.parametrize("grey", [0, 1])
@pytest.mark.parametrize("shape", ["half", "corner", "around"])
@pytest.mark.parametrize("name", ["coral", "giraffe"])
def test_plain_parts_say_nothing_about_the_light(name: str, shape: str, grey: float) -> None:
    """The texture beside them becomes as even as it is without them."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    plain = {"half": x < 0, "corner": x + y < -0.4, "around": np.hypot(x, y) > 0.8}[shape]
    light = (np.exp(0.6 * y) / np.exp(0.6))[..., None] ** (1 / 2.2)
    texture = 0.1 + 0.7 * np.tile(PATTERNS[name](128), (2, 2, 1))
    page = np.where(plain[..., None], grey, texture * light).astype(np.float32)
    ratio = preparation.even_light(page) / texture
    inner = ~plain & (np.abs(x) < 0.95) & (np.abs(y) < 0.95)
    lower, upper = (ratio[inner & half].mean() for half in (y > 0.2, y < -0.2))
    assert lower == pytest.approx(upper, rel=0.12)
    assert np.quantile(ratio[inner], 0.98) < 1.5 * ratio[inner].mean()  # no bright stripe where they touch


@FEW
@given(NAMES, st.integers(0, 3), st.booleans())
def test_the_even_part_of_a_collage_is_its_texture(name: str, corner: int, plain: bool) -> None:
    """A texture in one corner of a smooth picture, or of a plain page."""
    y, x = np.mgrid[0:1:192j, 0:1:192j]
    page = np.ones((192, 192, 3), np.float32)
    if not plain:
        page = np.stack([x, y, 0.5 + 0.4 * np.sin(5 * x * y)], -1).astype(np.float32)
    left, top = 96 * (corner % 2), 96 * (corner // 2)
    page[top : top + 96, left : left + 96] = PATTERNS[name](96)
    part = preparation.even_part(page, 72, 72)
    overlap = [max(0, min(a + 72, b + 96) - max(a, b)) for a, b in ((part.x, left), (part.y, top))]
    assert overlap[0] * overlap[1] >= 0.9 * 72 * 72


@FEW
@given(NAMES, st.integers(20, 400), st.integers(20, 400))
def test_parts_lie_inside_and_have_their_size(name: str, width: int, height: int) -> None:
    picture = PATTERNS[name](96)[:, :80]
    part = preparation.even_part(picture, width, height)
    assert part.of(picture).shape == (min(height, 96), min(width, 80), 3)
    assert part.x >= 0
    assert part.y >= 0


def test_an_even_picture_is_taken_whole_and_a_border_is_left_out() -> None:
    texture = PATTERNS["scales"](128)
    assert preparation.largest_even_part(texture) == preparation.Part(0, 0, 128, 128)
    framed = np.ones((256, 256, 3), np.float32)
    framed[64:192, 64:192] = texture
    part = preparation.largest_even_part(framed)
    assert (part.width, part.height) == (128, 128)
    assert abs(part.x - 64) <= 8
    assert abs(part.y - 64) <= 8
    flat = np.full((64, 64, 3), 0.25, np.float32)
    assert preparation.largest_even_part(flat).of(flat).shape == (64, 64, 3)


@FEW
@given(NAMES, st.lists(st.integers(0, 40), min_size=4, max_size=4), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_border_is_left_out(name: str, widths: list[int], grey: float) -> None:
    """To the pixel where its colour isn't also that of the texture's edge."""
    left, right, top, bottom = widths
    texture = 0.1 + 0.8 * PATTERNS[name](96)
    page = np.pad(texture, ((top, bottom), (left, right), (0, 0)), constant_values=grey)
    found = preparation.without_border(page)
    assert found == preparation.Part(left, top, 96, 96)


def test_a_border_of_two_colours_and_one_that_is_a_little_noisy_are_left_out() -> None:
    texture = PATTERNS["coral"](96)
    framed = np.pad(texture, ((0, 0), (20, 0), (0, 0)))
    framed = np.pad(framed, ((30, 9), (0, 0), (0, 0)), constant_values=1)
    assert preparation.without_border(framed) == preparation.Part(20, 30, 96, 96)
    noisy = framed + np.random.default_rng(0).normal(0, 0.01, framed.shape).astype(np.float32)
    assert preparation.without_border(noisy) == preparation.Part(20, 30, 96, 96)


def test_plain_lines_of_a_texture_are_no_border() -> None:
    dots = np.ones((128, 128, 3), np.float32)
    dots[8:24, 8:24] = np.random.default_rng(0).random((16, 16, 3))
    dots = np.tile(dots[:32, :32], (4, 4, 1))
    stripes = np.repeat(np.arange(128)[:, None, None] // 16 % 2, 128, 1).repeat(3, 2).astype(np.float32)
    for picture in (dots, stripes, np.full((64, 64, 3), 0.5, np.float32)):
        assert preparation.without_border(picture).of(picture).shape == picture.shape


@FEW
@given(TILED, st.integers(24, 60), st.integers(24, 60), st.integers(0, 50))
def test_tiles_are_found(name: str, width: int, height: int, shift: int) -> None:
    tile = PATTERNS[name](64)[:height, :width]
    wall = np.roll(np.tile(tile, (4, 4, 1)), shift, (0, 1))
    noisy = wall + np.random.default_rng(0).normal(0, 0.02, wall.shape).astype(np.float32)
    assert preparation.found_tile(noisy) == (width, height)


@pytest.mark.parametrize(("width", "height"), [(53, 37), (41, 64)])
def test_tiles_of_a_large_picture_are_found_to_the_pixel(width: int, height: int) -> None:
    wall = np.tile(PATTERNS["giraffe"](64)[:height, :width], (40, 50, 1))[:1400, :1900]
    assert preparation.found_tile(wall) == (width, height)


def test_a_tile_may_end_between_two_pixels() -> None:
    wall = np.tile(PATTERNS["giraffe"](64), (8, 8, 1))
    found = preparation.found_tile(preparation.resized(wall, 428, 428))
    assert found == pytest.approx((53.5, 53.5), abs=0.13)


@pytest.mark.parametrize("name", ["coral", "giraffe", "zebra", "leopard", "cracks", "pebbles"])
def test_textures_without_tiles_have_none(name: str) -> None:
    assert preparation.found_tile(PATTERNS[name](128)) == (0, 0)
    assert preparation.found_tile(np.full((64, 64, 3), 0.5, np.float32)) == (0, 0)
    wall = np.tile(PATTERNS[name](128), (2, 2, 1))
    assert preparation.found_tile(wall[:252, :252]) == (0, 0)  # less than two tiles


def test_stripes_are_no_tile_along_their_length() -> None:
    x = np.arange(128)
    stripes = np.repeat((0.5 + 0.4 * np.sin(2 * np.pi * x / 16))[None, :, None], 96, 0).repeat(3, 2)
    assert preparation.found_tile(stripes.astype(np.float32)) == (16, 0)


def test_patterns_tile_and_their_halves_do_not() -> None:
    """The project's patterns are drawn on a torus."""
    for name in ("coral", "scales", "pebbles"):
        picture = PATTERNS[name](128)
        assert preparation.edges_meet(picture)
        assert not preparation.edges_meet(picture[:50, :70])
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    round_ = np.where((np.hypot(x, y) < 1)[..., None], PATTERNS["coral"](128), 0).astype(np.float32)
    assert not preparation.edges_meet(round_)
    assert not preparation.edges_meet(np.full((64, 64, 3), 0.5, np.float32))


@pytest.mark.parametrize("noise", [0, 0.03])
def test_edges_that_are_plain_do_not_meet(noise: float) -> None:
    framed = np.pad(PATTERNS["coral"](128), ((12, 12), (12, 12), (0, 0)), constant_values=1)
    framed += np.random.default_rng(0).normal(0, noise, framed.shape).astype(np.float32)
    assert not preparation.edges_meet(framed)


def test_whole_tiles() -> None:
    assert [preparation.whole_tiles(100, tile) for tile in (0, 30, 100, 7, 101, 12.5)] == [0, 3, 1, 14, 0, 8]
