"""Stencils of a model's own, on square lattices and on others."""

import msgspec
import numpy as np
import pytest

from ncaengine.core import stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature
from ncaengine.core.types import F64

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
ONE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
LAPLACIAN = np.array([[1, 2, 1], [2, -12, 2], [1, 2, 1]]) / 4


def with_own(weights: F64) -> Config:
    return Config(stencils={"own": stencils.as_weights(weights)}, features=(Feature("own"),))


def test_a_models_own_stencil_comes_before_the_kernels(catalogue: Catalogue) -> None:
    config = Config(stencils={"laplacian": ((2.0,),)})
    square = catalogue.get("square")
    assert stencils.taps(config, square, "laplacian") == ((0, 0, 2.0),)
    assert stencils.taps(config, square, "gradient_x") == square.taps("gradient_x")


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        (3 * SOBEL, {"gradient_x": 3}),
        (-SOBEL.T, {"gradient_y": -1}),
        (LAPLACIAN / 4 + ONE, {"identity": 1, "laplacian": 0.25}),
        (np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]), {"laplacian": 1}),
        (np.array([[0.0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]]), {"gradient_x": 1}),
        (0.6 * SOBEL + 0.8 * SOBEL.T, {"gradient_x": 0.6, "gradient_y": 0.8}),
    ],
)
def test_other_lattices_take_the_stencils_of_the_same_moments(
    catalogue: Catalogue, weights: F64, parts: dict[str, float]
) -> None:
    config, kernel = with_own(weights), catalogue.get("hexagonal")
    expected: dict[tuple[int, int], float] = {}
    for part, share in parts.items():
        for row, column, weight in kernel.taps(part):
            expected[row, column] = expected.get((row, column), 0) + share * weight
    found = {tap[:2]: tap[2] for tap in stencils.taps(config, kernel, "own")}
    assert found == pytest.approx({at: weight for at, weight in expected.items() if abs(weight) > 1e-9})
    assert stencils.fitted(config, kernel) == ("own",)
    assert not stencils.fitted(config, catalogue.get("von-neumann"))


def test_the_order_of_a_derivative_is_that_of_its_lowest_moment(catalogue: Catalogue) -> None:
    square = catalogue.get("square")
    orders = [stencils.order(with_own(w), square, "own") for w in (ONE, SOBEL, LAPLACIAN, LAPLACIAN + ONE)]
    assert orders == [0, 1, 2, 0]


def test_a_large_stencil_widens_the_radius(catalogue: Catalogue) -> None:
    config, square = with_own(np.eye(7)), catalogue.get("square")
    assert stencils.radius(config, square) == 3
    np.testing.assert_array_equal(stencils.dense(config, square, "own"), np.eye(7, dtype=np.float32))


@pytest.mark.parametrize("weights", [((1.0, 2.0),), ((1.0, 0.0), (0.0, 1.0)), ((float("nan"),),), ((1.0,) * 11,) * 11])
def test_a_stencil_that_is_none_is_refused(weights: tuple[tuple[float, ...], ...]) -> None:
    from helpers import random_model

    with pytest.raises(NCAError, match="stencil 'own'"):
        random_model(msgspec.structs.replace(Config(), stencils={"own": weights}))
