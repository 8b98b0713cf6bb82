"""Seams of pictures that tile."""

import numpy as np
import pytest

from ncaengine.core import framing, kernels
from ncaengine.io import tiles

PIXELS, CELL = (300, 240), 3


def waves(shift: float = 0.0, noise: float = 0.0) -> np.ndarray:
    """Return a picture that repeats after PIXELS; `shift` moves its right half up, so that the sides don't meet."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(0, 1, PIXELS[0], False), np.linspace(0, 1, PIXELS[1], False))
    grey = 0.5 + 0.2 * np.sin(2 * np.pi * (5 * x + 3 * (y + shift * x))) + 0.2 * np.sin(2 * np.pi * (2 * x - 4 * y))
    grey = grey + noise * rng.uniform(-1, 1, grey.shape)
    return np.repeat((grey * 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_only_edges_that_do_not_meet_are_seams(kernel: str, noise: float) -> None:
    stretched, _, view = framing.tile(kernels.discover().get(kernel), PIXELS, CELL)

    def seams(picture: np.ndarray) -> list[bool]:
        return [seam.visible for seam in tiles.find_seams(picture, stretched, view)]

    whole = waves(noise=noise)
    assert seams(whole) == [False, False]
    assert seams(np.roll(whole, (100, 77), (0, 1))) == [False, False]
    assert seams(whole[:-20]) == [False, True]
    assert seams(whole[:, :-20]) == [True, False]
    assert seams(waves(0.4, noise)) == [True, False]


def test_a_picture_of_equal_rows_differs_nowhere() -> None:
    stretched, _, view = framing.tile(kernels.discover().get("square"), (9, 9), 3)
    flat = np.full((9, 9, 3), 7, np.uint8)
    assert tiles.find_seams(flat, stretched, view) == (tiles.Seam(0, 0), tiles.Seam(0, 0))


def test_a_seam_is_measured_against_the_rows_beside_it() -> None:
    """One cell a row: 0 3 6 … 27 rises by 3 from row to row, and falls by 27 over the edge."""
    stretched, _, view = framing.tile(kernels.discover().get("square"), (4, 10), 1)
    picture = np.broadcast_to(np.arange(0, 30, 3, dtype=np.uint8)[:, None, None], (10, 4, 3))
    across, down = tiles.find_seams(picture, stretched, view)
    assert (down.change, down.most) == (9, 1)
    assert across.change == 0
