"""Areas of pictures that are filled: their edges, their cells, and how textures follow a picture."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model, small
from PIL import Image

from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.core import backdrops, masks
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.io import alignment, areas
from ncaengine.io.filling import Filling, How
from ncaengine.io.photos import Photo
from ncaengine.simulation.simulation import Simulation

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
PATH = Path("areas.png")


def disc(side: int, x: float, y: float, radius: float) -> np.ndarray:
    row, column = np.indices((side, side))
    return np.hypot(column - x, row - y) < radius


def marks(*coloured: tuple[tuple[int, int, int], np.ndarray]) -> np.ndarray:
    found = np.zeros((*coloured[0][1].shape, 4), np.uint8)
    found[..., 3] = 255
    for colour, where in coloured:
        found[where, :3] = colour
    return found


@pytest.mark.parametrize("feather", [0, 1, 6, 17])
def test_shares_add_up_to_one_and_reach_no_further_than_the_feather(feather: int) -> None:
    side, reach = 48, masks.fade_of(feather)
    labels = disc(side, 20, 22, 12) + 2 * disc(side, 45, 30, 9)
    shares = np.stack([masks.faded(labels == n, reach) for n in range(3)])
    assert np.allclose(shares.sum(0), 1, atol=1e-6)
    for n in range(3):
        row, column = np.indices(labels.shape)
        for other, certain in ((labels == n, 0), (labels != n, 1)):
            rows, columns = np.nonzero(other)
            away = np.maximum(np.abs(row[..., None] - rows), np.abs(column[..., None] - columns)).min(2)
            assert (shares[n][away > reach] == certain).all()
    assert (masks.faded(np.ones((5, 9), np.bool_), reach) == 1).all()


def test_a_fade_is_half_at_a_straight_edge_and_lasts_for_the_feather() -> None:
    share = masks.faded(np.arange(40)[None].repeat(40, 0) < 20, masks.fade_of(6))[20]
    assert share[19] + share[20] == pytest.approx(1)
    assert ((share > 0) & (share < 1)).sum() == 6
    assert (np.diff(share) <= 0).all()


@pytest.mark.parametrize("by", [1, 5])
def test_widened_areas(by: int) -> None:
    area = disc(30, 9, 20, 4)
    expected = area.copy()
    for down in range(-by, by + 1):
        for right in range(-by, by + 1):
            expected |= np.roll(area, (down, right), (0, 1))
    assert np.array_equal(masks.widened(area, by), expected)


def test_smooth_edges_and_noise_of_labels_belong_to_the_areas() -> None:
    side = 64
    left, right = np.indices((side, side))[1] < 30, np.indices((side, side))[1] >= 30
    sharp = marks((RED, left), (BLUE, right))
    smooth = np.asarray(Image.fromarray(sharp[..., :3]).resize((16, 16)).resize((side, side)))  # violet in between
    noisy = smooth.astype(int) + np.random.default_rng(2).integers(-8, 9, smooth.shape)
    sharp[..., :3] = noisy.clip(0, 255)
    found = areas.find_areas(sharp, {RED: True, BLUE: True}, PATH)
    assert (found[:, :27] == 1).all()
    assert (found[:, 33:] == 2).all()
    assert set(np.unique(found)) == {1, 2}


def test_backgrounds_and_kept_colours_stay() -> None:
    where = disc(40, 12, 12, 6), disc(40, 30, 30, 6)
    drawn = marks((RED, where[0]), (GREEN, where[1]))
    drawn[:8, 20:, 3] = 0
    drawn[:8, 20:, :3] = BLUE  # transparent, so nothing
    found = areas.find_areas(drawn, {GREEN: False, RED: True}, PATH)
    assert np.array_equal(found == 2, where[0])
    assert not found[~where[0]].any()


def test_labels_and_maps_that_do_not_fit_name_colours_and_shares() -> None:
    drawn = marks((RED, disc(40, 12, 12, 9)), ((0, 200, 40), disc(40, 30, 30, 6)))
    with pytest.raises(NCAError, match=r"has areas of #00c828 \(\d\.\d%\) that --map doesn't name"):
        areas.find_areas(drawn, {RED: True}, PATH)
    with pytest.raises(NCAError, match=r"no area of the colour blue.*it has black \(\d+.\d%\), red \(1\d\.\d%\)"):
        areas.find_areas(drawn, {RED: True, (0, 200, 40): True, BLUE: True}, PATH)


@pytest.fixture
def model():
    return random_model(small(Config()))


def photo(side: int, deep: bool = False) -> Photo:
    kind = np.uint16 if deep else np.uint8
    return Photo(np.random.default_rng(3).integers(0, np.iinfo(kind).max, (side, side, 3), dtype=kind))


@pytest.mark.parametrize("deep", [False, True])
def test_the_rest_stays_bit_by_bit_and_the_inside_shows_the_cells(model, deep: bool) -> None:
    labels = disc(40, 14, 18, 9).astype(np.int32)
    with Simulation(CPUBackend(), history=0) as sim:
        filled = Filling(sim, photo(40, deep), labels, [model], How(feather=4, seed=5))
        filled.run(12)
        out, before = filled.picture().rgb, filled.photo.rgb
        outside, inside = ~masks.widened(labels > 0, 2), ~masks.widened(labels == 0, 2)
        assert np.array_equal(out[outside], before[outside])
        assert (out[~outside] != before[~outside]).any()
        [part] = filled.parts
        cells = part.grid.image()
        top, left = part.rows.start - backdrops.MARGIN, part.columns.start - backdrops.MARGIN
        rows, columns = np.nonzero(inside)
        shown = cells[rows - top, columns - left]
        assert np.array_equal(out[inside], shown.astype(out.dtype) * (257 if deep else 1))


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@pytest.mark.parametrize("cell", [1.0, 2.5])
def test_cells_run_up_to_twelve_beyond_the_area_and_no_further(model, kernel: str, cell: float) -> None:
    side = 160
    labels = (disc(side, 8, 9, 8) | disc(side, 145, 140, 8)).astype(np.int32)
    with Simulation(CPUBackend(), history=0) as sim:
        filled = Filling(sim, photo(side), labels, [model], How(kernel, cell, feather=4))
        [part] = filled.parts
        grid = part.grid
        before = grid.state()
        filled.run(20)
        stepped = (grid.state() != before).any(2)
        assert not (stepped & ~part.awake).any()
        assert stepped[part.awake].mean() > 0.95
        assert part.awake.mean() < 0.5
        # A grid draws what it is awake for around each pixel that shows it.
        drawn = replace(part.view, smooth=False)
        state = np.zeros_like(before)
        state[part.awake] = 10
        grid.cells.write(state)
        assert (grid.picture(drawn)[part.share > 0, :3].min(1) == 255).all()


def test_areas_of_one_texture_differ_and_seeds_repeat(model) -> None:
    labels = (1 + (np.indices((24, 48))[1] >= 24)).astype(np.int32)
    picture = Photo(np.zeros((24, 48, 3), np.uint8))
    with Simulation(CPUBackend(), history=0) as sim:
        filled = Filling(sim, picture, labels, [model, model], How(feather=0, seed=3))
        filled.run(10)
        first = filled.picture().rgb
        assert not np.array_equal(first[:, :24], first[:, 24:])
        filled.reseed(4)
        filled.run(10)
        assert not np.array_equal(filled.picture().rgb, first)
        filled.reseed(3)
        filled.run(10)
        assert np.array_equal(filled.picture().rgb, first)


def test_a_layer_over_the_picture_is_the_filled_picture(model) -> None:
    labels = disc(40, 14, 18, 9) + 2 * disc(40, 30, 20, 8)
    with Simulation(CPUBackend(), history=0) as sim:
        filled = Filling(sim, photo(40), labels.astype(np.int32), [model, model], How())
        filled.run(8)
        layer, whole = filled.layer(), filled.picture()
    assert layer.alpha is not None
    share = layer.alpha[..., None] / 255
    over = layer.rgb * share + filled.photo.rgb * (1 - share)
    assert np.abs(over - whole.rgb).max() <= 1.5
    assert not layer.alpha[39, 0]


def test_textures_do_not_fade_under_transparent_pixels(model) -> None:
    labels = (np.indices((30, 30))[1] < 15).astype(np.int32)
    alpha = np.where(labels, 255, 0).astype(np.uint8)
    picture = Photo(np.full((30, 30, 3), 77, np.uint8), alpha)
    with Simulation(CPUBackend(), history=0) as sim:
        filled = Filling(sim, picture, labels, [model], How(feather=6))
        assert (filled.parts[0].share[:, :15] == 1).all()
        assert filled.picture().alpha is alpha


@pytest.mark.parametrize("opacity", [0, 1, 100, 254])
def test_pixels_beyond_the_feather_stay_whatever_their_opacity(model, opacity: int) -> None:
    labels = (np.indices((30, 30))[1] < 15).astype(np.int32)
    rgb = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    picture = Photo(rgb, np.full((30, 30), opacity, np.uint8))
    for feather in (0.0, 6.0):
        with Simulation(CPUBackend(), history=0) as sim:
            filled = Filling(sim, picture, labels, [model], How(feather=feather))
            filled.run(3)
            made = filled.picture().rgb
        changed = (made != rgb).any((0, 2))
        assert not changed[15 + math.ceil(feather / 2) :].any()
        assert changed[:12].all() == (opacity > 0) == changed.any()


@pytest.mark.parametrize("turn", [0.0, 30.0, 90.0, 140.0, -100.0])
def test_directions_follow_the_picture(turn: float) -> None:
    row, column = np.indices((90, 90))
    along = column * np.cos(np.radians(turn)) + row * np.sin(np.radians(turn))
    rgb = np.clip(128 + along, 0, 255)[..., None].repeat(3, 2).astype(np.uint8)
    middle = alignment.directions(Photo(rgb), "gradient", 1)[40:50, 40:50]
    assert np.abs((middle - turn + 180) % 360 - 180).max() < 3
    edges = alignment.directions(Photo(rgb), "edges", 1)[40:50, 40:50]
    assert np.abs((edges - turn + 90) % 360 - 180).max() < 3


def test_maps_of_angles_and_scales(tmp_path: Path) -> None:
    grey, hues = tmp_path / "grey.png", tmp_path / "hues.png"
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(grey)
    assert np.allclose(alignment.read_angles(grey), [[0, 72, 360]], atol=0.01)
    assert np.allclose(alignment.read_scales(grey), [[0.5, 0.5 * 4**0.2, 2]], atol=1e-4)
    Image.fromarray(np.array([[RED, GREEN, BLUE]], np.uint8)).save(hues)
    assert np.allclose(alignment.read_angles(hues), [[0, 120, 240]], atol=1.5)


def test_cells_take_the_maps_at_their_places(model) -> None:
    labels = np.zeros((60, 80), np.int32)
    labels[20:40, 30:50] = 1
    angles = np.tile(np.arange(80, dtype=np.float32), (60, 1))
    picture = Photo(np.zeros((60, 80, 3), np.uint8))
    with Simulation(CPUBackend(), history=0) as sim:
        how = How(cell=2, feather=0, angles=angles, scales=np.full((2, 2), 1.5, np.float32))
        [part] = Filling(sim, picture, labels, [model], how).parts
        assert np.allclose(part.grid.field("scale"), 1.5)
        found = part.grid.field("angle")
        # The cell in column c is 2 pixels wide and begins 24 pixels left of the area.
        expected = [min(max(30 - 24 + 2 * c + 1, 0), 79) for c in range(found.shape[1])]
        assert np.array_equal(found[5], expected)
