"""The integer hash: NumPy, torch and GLSL agree bit for bit, and with an independent implementation."""

import numpy as np
import pytest
from helpers import pcg4d_of_ints
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchCells
from ncaengine.core import fields, kernels, pcg, resources
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature, Model
from ncaengine.core.settings import Settings

WORD = st.integers(0, 2**32 - 1)
SIDE = st.integers(1, 40)
RATE = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0, 2**-32, 1 - 2**-32, 1 - 2**-33])


@given(st.lists(st.tuples(WORD, WORD, WORD, WORD), min_size=1, max_size=20))
def test_hash_is_that_of_the_paper(words: list[tuple[int, int, int, int]]) -> None:
    x, y, z, w = np.array(words, np.uint32).T
    found = np.stack(pcg.pcg4d(x, y, z, w), axis=1)
    assert found.tolist() == [list(pcg4d_of_ints(*each)) for each in words]


@given(SIDE, SIDE, WORD, WORD, RATE, st.booleans())
def test_numpy_and_torch_fire_the_same_cells(w: int, h: int, step: int, seed: int, rate: float, pairs: bool) -> None:
    there = torch_mask(w, h, step, seed, Settings(fire_rate=rate, antithetic=pairs))
    assert np.array_equal(pcg.fire_mask(w, h, step, seed, rate, antithetic=pairs), there)


@given(st.integers(1, 4), st.integers(1, 4), WORD, WORD, RATE)
def test_a_cell_fires_if_its_word_lies_below_the_threshold(w: int, h: int, step: int, seed: int, rate: float) -> None:
    below = rate * 2**32
    expected = [[pcg4d_of_ints(x, y, step, seed)[0] < round(below) for x in range(w)] for y in range(h)]
    if round(below) >= 2**32 - 1:
        expected = [[True] * w] * h
    assert pcg.fire_mask(w, h, step, seed, rate, antithetic=False).tolist() == expected


@given(SIDE, SIDE, WORD, WORD)
def test_of_two_cells_half_a_grid_apart_one_fires(width: int, height: int, step: int, seed: int) -> None:
    mask = pcg.fire_mask(width, height, step, seed, 0.5)
    alone = pcg.fire_mask(width, height, step, seed, 0.5, antithetic=False)
    columns, rows = pcg.pair_offset(width, height, 0.5) or (0, 0)
    assert np.array_equal(mask[: height - rows, : width - columns], alone[: height - rows, : width - columns])
    if height % 2 == 0:
        assert (columns, rows) == (0, height // 2)
        assert np.array_equal(mask[rows:], ~mask[:rows])
    elif width % 2 == 0:
        assert (columns, rows) == (width // 2, 0)
        assert np.array_equal(mask[:, columns:], ~mask[:, :columns])
    else:
        assert np.array_equal(mask, alone)


def test_only_at_a_fire_rate_of_one_half_and_equal_cells_are_there_pairs() -> None:
    for rate in (0.0, 0.25, 0.499, 0.75, 1.0):
        assert pcg.pair_offset(4, 4, rate) is None
    rates = np.ones((4, 4), np.float32)
    assert pcg.fire_mask(4, 4, 1, 2, 0.5, rates).tolist() == pcg.fire_mask(4, 4, 1, 2, 0.5).tolist()
    rates[1, 2] = 0.5
    alone = pcg.fire_mask(4, 4, 1, 2, 0.5, rates, antithetic=False)
    assert np.array_equal(pcg.fire_mask(4, 4, 1, 2, 0.5, rates), alone)
    assert not np.array_equal(alone[:2], ~alone[2:])


def constant(channels: int = 3) -> Model:
    """A model whose update is 1 everywhere, so that the cells that change are those that fire."""
    config = Config(channels=channels, hidden=1, features=(Feature("identity"),), activation="linear")
    zeros = np.zeros
    return Model(
        config,
        zeros((1, channels), np.float32),
        zeros(1, np.float32),
        zeros((channels, 1), np.float32),
        np.ones(channels, np.float32),
    )


@settings(max_examples=60)
@given(SIDE, SIDE, WORD, WORD, RATE, st.booleans())
def test_the_shader_fires_the_same_cells(
    gl: GLBackend, catalogue: Catalogue, width: int, height: int, step: int, seed: int, rate: float, pairs: bool
) -> None:
    cells = gl.cells()
    cells.specialise(CONSTANT, catalogue.get("square"))
    cells.write(np.zeros((height, width, 3), np.float32))
    cells.step(step, seed, Settings(fire_rate=rate, antithetic=pairs))
    changed = cells.read()
    cells.release()
    expected = pcg.fire_mask(width, height, step, seed, rate, antithetic=pairs)
    assert np.array_equal(changed, np.repeat(expected[..., None], 3, axis=2).astype(np.float32))


CONSTANT = constant()
SQUARE = kernels.load_kernel(resources.folder("plugins") / "square" / "kernel.toml")


def torch_mask(
    width: int, height: int, step: int, seed: int, settings: Settings, rate: np.ndarray | None = None
) -> np.ndarray:
    """The cells that change in a step of the torch reference: (height, width) bool."""
    cells = TorchCells()
    cells.specialise(CONSTANT, SQUARE)
    cells.write(np.zeros((height, width, 3), np.float32))
    if rate is not None:
        field = fields.default_fields(width, height)
        field[..., fields.PLANE["rate"]] = rate
        cells.write_fields(field)
    cells.step(step, seed, settings)
    changed = cells.read()
    assert np.isin(changed, (0, 1)).all()
    assert (changed == changed[..., :1]).all()
    return changed[..., 0] == 1


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_rate_0_never_and_rate_1_always_fires(seed: int) -> None:
    for mask in (pcg.fire_mask, lambda *a: torch_mask(*a[:4], Settings(fire_rate=a[4]))):
        assert not mask(64, 64, 3, seed, 0.0).any()
        assert mask(64, 64, 3, seed, 1.0).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_is_the_share_of_cells_that_fire(rate: float) -> None:
    share = np.mean([pcg.fire_mask(128, 128, step, 1, rate).mean() for step in range(20)])
    assert share == pytest.approx(rate, abs=4 * (rate * (1 - rate) / (20 * 128 * 128)) ** 0.5)


def test_steps_and_seeds_give_masks_of_their_own() -> None:
    masks = {pcg.fire_mask(16, 16, step, seed, 0.5).tobytes() for step in range(8) for seed in range(8)}
    assert len(masks) == 64


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_numbers_are_taken_modulo_2_to_the_32(step: int, seed: int) -> None:
    here = pcg.fire_mask(5, 3, step, seed, 0.5)
    assert np.array_equal(here, pcg.fire_mask(5, 3, step % 2**32, seed % 2**32, 0.5))
    assert np.array_equal(here, torch_mask(5, 3, step, seed, Settings()))


@given(SIDE, SIDE, st.integers(1, 8), WORD)
def test_noise_lies_in_its_range_and_does_not_depend_on_the_size(w: int, h: int, channels: int, seed: int) -> None:
    noise = pcg.uniform_noise(w, h, channels, seed)
    assert noise.shape == (h, w, channels)
    assert noise.dtype == np.float32
    assert noise.min() >= -0.5
    assert noise.max() < 0.5
    assert np.array_equal(noise, pcg.uniform_noise(w + 3, h + 2, channels + 1, seed)[:h, :w, :channels])


def test_noise_is_that_of_the_hash() -> None:
    word = pcg4d_of_ints(2, 1, 0xA0000003, 9)[1]
    assert pcg.uniform_noise(3, 2, 4, 9)[1, 2, 3] == np.float32((word >> 8) / 2**24 - 0.5)


def every_cell(width: int, height: int) -> np.ndarray:
    """(height·width, 2) int32 (column, row), rows first."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns.ravel(), rows.ravel()], 1).astype(np.int32)


@given(SIDE, SIDE, st.integers(1, 8), st.integers(-(2**40), 2**40))
def test_noise_at_some_cells_is_that_of_the_grid(w: int, h: int, channels: int, seed: int) -> None:
    found = pcg.uniform_noise_at(every_cell(w, h)[::3], channels, seed)
    assert np.array_equal(found, pcg.uniform_noise(w, h, channels, seed).reshape(-1, channels)[::3])


@given(st.integers(0, 2**40), st.integers(-(2**40), 2**40))
def test_noise_of_an_edit_is_that_of_the_hash(number: int, seed: int) -> None:
    cells = np.array([[5, 3], [0, 40_000]], np.int32)
    found = pcg.edit_noise_at(cells, 4, number, seed)
    assert found.dtype == np.float32
    assert found.shape == (2, 4)
    both = pcg4d_of_ints(number % 2**32, seed % 2**32, 0xB0000000, 0)[0]
    for (column, row), values in zip(cells.tolist(), found, strict=True):
        words = [pcg4d_of_ints(column, row, 0xB0000000 + c, both)[1] for c in range(4)]
        assert values.tolist() == [(word >> 8) / 2**23 - 1 for word in words]


def test_noise_of_edits_is_flat_and_of_its_own() -> None:
    cells = every_cell(64, 64)
    edits = [pcg.edit_noise_at(cells, 3, number, seed) for number in range(4) for seed in range(4)]
    assert pcg.edit_noise_at(cells[:0], 3, 0, 0).shape == (0, 3)
    for noise in edits:
        assert noise.min() >= -1
        assert noise.max() < 1
        assert abs(noise.mean()) < 0.02
        assert noise.std() == pytest.approx(3**-0.5, abs=0.01)
    alike = np.corrcoef([noise.ravel() for noise in edits]) - np.eye(16)
    assert np.abs(alike).max() < 0.05


@given(SIDE, SIDE, WORD, WORD, RATE)
def test_rates_of_1_change_nothing(width: int, height: int, step: int, seed: int, rate: float) -> None:
    ones = np.ones((height, width), np.float32)
    expected = pcg.fire_mask(width, height, step, seed, rate)
    assert np.array_equal(pcg.fire_mask(width, height, step, seed, rate, ones), expected)
    assert np.array_equal(torch_mask(width, height, step, seed, Settings(fire_rate=rate), ones), expected)


@given(WORD, WORD, RATE, st.lists(st.floats(0, 4, width=32), min_size=6, max_size=6))
def test_rates_multiply_the_fire_rate(step: int, seed: int, rate: float, rates: list[float]) -> None:
    field = np.float32(rates).reshape(2, 3)
    expected = pcg.fire_mask(3, 2, step, seed, rate)
    for row, column in np.argwhere(field != 1):
        share = (pcg4d_of_ints(int(column), int(row), step, seed)[0] >> 8) / 2**24
        expected[row, column] = share < np.float32(rate) * field[row, column]
    assert np.array_equal(pcg.fire_mask(3, 2, step, seed, rate, field), expected)
    assert np.array_equal(torch_mask(3, 2, step, seed, Settings(fire_rate=rate), field), expected)


def test_a_rate_is_a_share_of_the_fire_rate() -> None:
    field = np.full((128, 128), 0.25, np.float32)
    share = np.mean([pcg.fire_mask(128, 128, step, 1, 0.5, field).mean() for step in range(20)])
    assert share == pytest.approx(0.125, abs=4 * (0.125 * 0.875 / (20 * 128 * 128)) ** 0.5)


def test_noise_is_flat() -> None:
    noise = pcg.uniform_noise(64, 64, 12, 5)
    assert abs(noise.mean()) < 0.005
    assert noise.std() == pytest.approx(12**-0.5, abs=0.005)
