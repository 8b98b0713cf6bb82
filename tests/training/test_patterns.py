"""The procedural targets: the right array, reproducible, seamless and rich in contrast."""

import numpy as np
import pytest

from ncaengine.training.patterns import PATTERNS

SIDE = 64  # the smallest in use: fast, with the fewest elements on a side


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_a_reproducible_picture_with_contrast(name):
    picture = PATTERNS[name](SIDE)
    assert picture.shape == (SIDE, SIDE, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std() > 0.15
    np.testing.assert_array_equal(picture, PATTERNS[name](SIDE))


@pytest.mark.parametrize("name", PATTERNS)
def test_another_seed_gives_another_picture(name):
    assert not np.array_equal(PATTERNS[name](SIDE, rng_seed=101), PATTERNS[name](SIDE, rng_seed=102))


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_pattern_wraps_without_a_seam(name, axis):
    """The step across the border is no rougher than the steps inside; regular patterns have rough steps, too."""
    picture = PATTERNS[name](SIDE)
    steps = np.abs(picture - np.roll(picture, 1, axis)).mean((1 - axis, 2))
    assert steps[0] <= 1.05 * np.quantile(steps[1:], 0.98)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("side", [16, 17, 41])
def test_a_pattern_can_have_any_side_from_16_pixels(name, side):
    picture = PATTERNS[name](side)
    assert picture.shape == (side, side, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_a_full_size_pattern_has_its_size():
    assert PATTERNS["scales"](128).shape == (128, 128, 3)
    assert PATTERNS["weave"](side=96, rng_seed=7).shape == (96, 96, 3)
