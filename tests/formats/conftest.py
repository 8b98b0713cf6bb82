"""What the tests of formats share."""

from collections.abc import Callable

import numpy as np
import pytest
from one_step import all_fired
from onnx_parts import C
from published_forms import numbers

from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model

Array = np.ndarray


@pytest.fixture
def agrees(catalogue: Catalogue) -> Callable[[Model, Callable[[Array], Array]], None]:
    """Return a function that compares one step in which all cells fire, on 6 x 5 cells."""

    def compare(model: Model, step: Callable[[Array], Array]) -> None:
        state = numbers(6, 5, C, seed=7, spread=0.3)
        np.testing.assert_allclose(all_fired(model, state, catalogue), step(state.astype(float)), rtol=0, atol=1e-5)

    return compare
