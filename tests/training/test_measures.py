"""Sizes, spectra and movements of pictures whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.core.types import F32
from ncaengine.training import measures


def noise(height: int, width: int, seed: int = 0) -> F32:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def blobs(side: int, radius: float, seed: int = 0) -> F32:
    """Noise blurred by a Gaussian on a torus: its correlation at distance d is exp(-d² / 4 radius²)."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))[..., None]
    blurred = np.fft.ifft2(
        np.fft.fft2(rng.normal(size=(side, side, 3)), axes=(0, 1)) * np.exp(-2 * (np.pi * f * radius) ** 2), axes=(0, 1)
    ).real
    return (0.5 + 0.1 * blurred / blurred.std()).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.floats(2, 8), st.integers(0, 99))
def test_the_correlation_length_is_that_of_the_blur(radius: float, seed: int) -> None:
    assert measures.correlation_length(blobs(192, radius, seed)) == pytest.approx(2 * radius, rel=0.2)


@pytest.mark.parametrize("shape", [(40, 64), (33, 17), (128, 128)])
def test_correlation_is_the_mean_over_all_pairs(shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    found = measures.correlation(picture)
    values = picture - picture.mean((0, 1))
    beside = np.concatenate([(values[:, 1:] * values[:, :-1]).ravel(), (values[1:] * values[:-1]).ravel()])
    diagonal = np.concatenate(
        [(values[1:, 1:] * values[:-1, :-1]).ravel(), (values[1:, :-1] * values[:-1, 1:]).ravel()]
    )
    want = np.concatenate([beside, diagonal]).mean() / (values**2).mean()  # √2 is about 1, too
    assert found[0] == 1
    assert found[1] == pytest.approx(want, abs=1e-6)
    assert len(found) == min(shape) // 2 + 1


def test_pictures_of_one_colour_have_no_structure() -> None:
    flat = np.full((48, 48, 3), 0.3, np.float32)
    assert measures.correlation_length(flat) == 0
    assert measures.movement(flat, flat) == 0
    assert np.nanmax(measures.spectrum(flat)) < 1e-9
    ramp = np.broadcast_to(np.linspace(0, 1, 48, dtype=np.float32)[:, None, None], (48, 48, 3))
    assert measures.correlation_length(ramp) > 10


@pytest.mark.parametrize("wave", [4, 8, 16])
@pytest.mark.parametrize("side", [96, 128])
def test_a_wave_has_its_power_in_its_band(wave: int, side: int) -> None:
    x = np.arange(side)
    picture = np.repeat((0.5 + 0.4 * np.sin(2 * np.pi * x / wave))[None, :, None], side, 0).repeat(3, 2)
    found = measures.spectrum(picture.astype(np.float32))
    k = int(np.nanargmax(found))
    assert measures.BANDS[k - 1] <= 1 / wave <= measures.BANDS[k + 1]


def test_spectra_of_different_sizes_can_be_compared() -> None:
    small, large = (measures.spectrum(noise(side, side)) for side in (64, 160))
    variance = 1 / 12
    assert np.allclose(large[10:], variance, rtol=0.15)
    assert np.nanmedian(small) == pytest.approx(variance, rel=0.2)
    assert measures.spectrum_distance(large, large) == 0
    assert measures.spectrum_distance(10 * large, large) == pytest.approx(10)
    assert np.isnan(measures.spectrum_distance(np.full(len(large), np.nan), large))


@settings(max_examples=20, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.integers(0, 99))
def test_movement_is_how_far_it_was_shifted(across: float, down: float, seed: int) -> None:
    picture = blobs(96, 4, seed)
    fy, fx = np.fft.fftfreq(96)[:, None, None], np.fft.fftfreq(96)[None, :, None]
    turned = np.fft.fft2(picture, axes=(0, 1)) * np.exp(-2j * np.pi * (fx * across + fy * down))
    moved = np.fft.ifft2(turned, axes=(0, 1)).real.astype(np.float32)
    assert measures.movement(picture, moved) == pytest.approx(np.hypot(across, down), rel=0.1, abs=0.02)


def test_halves_that_move_apart_do_move() -> None:
    picture = blobs(96, 4)
    moved = np.concatenate([np.roll(picture[:48], 1, 1), np.roll(picture[48:], -1, 1)])
    assert measures.movement(picture, moved) == pytest.approx(1, rel=0.15)
    assert measures.movement(noise(8, 8), noise(8, 8, 1)) == 0  # smaller than a square
