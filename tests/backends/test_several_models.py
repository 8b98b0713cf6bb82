"""Several models on one grid: each cell runs its own, on both backends."""

import msgspec
import numpy as np
import pytest
from helpers import SELFORG, random_model, random_state, small
from one_step import SMALL, TOLERANCE, both, random_fields, stepped

from ncaengine.backends.base import Backend
from ncaengine.backends.torch import TorchCells
from ncaengine.core import fields
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import PLANE
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Clips, Colour, Config, Feature
from ncaengine.core.settings import Settings


def test_each_cell_runs_its_own_model(formed: Backend, catalogue: Catalogue) -> None:
    """Models of other features, clips, activations and sizes; the numbers between are rounded."""
    models = [
        random_model(SMALL["selforg"], 1),
        random_model(msgspec.structs.replace(SMALL["notebook"], colour=SELFORG.colour), 2),
        random_model(
            small(Config(activation="tanh", clips=Clips(state=(-0.3, 0.4)), colour=SELFORG.colour), hidden=3), 3
        ),
    ]
    field = random_fields(37, 53, models=3)
    before, square = random_state(37, 53, 5), catalogue.get("hexagonal")
    alone = [stepped(TorchCells(), [model], square, before, field) for model in models]
    number = np.floor(field[..., PLANE["model"]] + np.float32(0.5)).astype(int)
    assert set(number.ravel()) == {0, 1, 2}
    expected = np.choose(number[..., None], alone)
    for cells in (formed.cells(), TorchCells()):
        found = stepped(cells, models, square, before, field)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_models_and_fields_agree_step_after_step(device: Backend, catalogue: Catalogue) -> None:
    """Both images of the state come into use, with passes of several models into each."""
    models = [random_model(SMALL["notebook"], n) for n in range(3)]
    ours, truth = both(device)
    for cells in (ours, truth):
        cells.specialise(models[0], catalogue.get("square"), models[1:])
        cells.write(random_state(19, 11, 5))
        cells.write_fields(random_fields(19, 11, models=3))
        for n in range(4):
            cells.step(n, 0, Settings())
    np.testing.assert_allclose(ours.read(), truth.read(), atol=1e-4)
    ours.release()


def test_numbers_beyond_the_last_run_the_last(device: Backend, catalogue: Catalogue) -> None:
    models, square, before = (
        [random_model(SMALL["selforg"], n) for n in (1, 2)],
        catalogue.get("square"),
        random_state(6, 5, 5),
    )
    field = fields.default_fields(6, 5)
    field[..., PLANE["model"]] = 7
    for cells, alone in zip(both(device), both(device), strict=True):
        found = stepped(cells, models, square, before, field)
        np.testing.assert_allclose(found, stepped(alone, models[1:], square, before, None), atol=1e-6)


def test_without_fields_all_cells_run_the_first(device: Backend, catalogue: Catalogue) -> None:
    models, square, before = (
        [random_model(SMALL["selforg"], n) for n in (1, 2)],
        catalogue.get("square"),
        random_state(6, 5, 5),
    )
    for cells, alone in zip(both(device), both(device), strict=True):
        found = stepped(cells, models, square, before, None)
        np.testing.assert_allclose(found, stepped(alone, models[:1], square, before, None), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 6}, r"channels \(5 and 6\)"),
        ({"padding": "zero"}, r"padding \(circular and zero\)"),
        ({"colour": Colour(2.0, 0.25)}, r"colour convention \(0.5·state \+ 0.5 and 2·state \+ 0.25\)"),
        ({"features": (Feature("bilaplacian"),)}, "bilaplacian"),
    ],
    ids=str,
)
def test_models_that_cannot_share_a_grid_are_reported(
    backend: Backend, catalogue: Catalogue, changes: dict[str, object], message: str
) -> None:
    model = random_model(SMALL["selforg"])
    other = random_model(msgspec.structs.replace(SMALL["selforg"], name="other", **changes))
    before, cells = random_state(4, 3, 5), backend.cells()
    cells.specialise(model, catalogue.get("square"))
    cells.write(before)
    with pytest.raises(NCAError, match=f"'other'.* {message}"):
        cells.specialise(random_model(SMALL["selforg"], 9), catalogue.get("hexagonal"), (other,))
    cells.step(3, 7, Settings())
    expected = stepped(TorchCells(), [model], catalogue.get("square"), before, None)
    np.testing.assert_allclose(cells.read(), expected, atol=1e-6)  # nothing has changed
    cells.release()


def test_more_models_than_a_grid_takes_are_reported(backend: Backend, catalogue: Catalogue) -> None:
    models = [random_model(SMALL["selforg"])] * (fields.MAX_MODELS + 1)
    with pytest.raises(NCAError, match="cannot run 9 models; the most is 8"):
        backend.cells().specialise(models[0], catalogue.get("square"), models[1:])
