"""Models of several textures on every backend: embeddings that differ from cell to cell, or are the same everywhere."""

import msgspec
import numpy as np
import pytest
import torch
from helpers import random_model, random_state
from one_step import SMALL, TOLERANCE, random_fields, stepped

from ncaengine.backends.base import Backend
from ncaengine.backends.reference import Reference
from ncaengine.backends.torch import TorchCells
from ncaengine.core import embedding_inputs, embeddings
from ncaengine.core.fields import FIELDS, default_fields
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32

SIZES = [(1, 7), (37, 53), (64, 32)]


def conditioned(name: str = "notebook", numbers: int = 4, **changes: object) -> Model:
    """A small model of two textures whose embedding changes what cells do about as much as the rest does."""
    extra = ("row", *embedding_inputs.NAMES[:numbers])
    rng = np.random.default_rng(numbers)
    textures = {text: tuple(rng.normal(size=numbers).tolist()) for text in ("zebra", "coral")}
    config: Config = msgspec.structs.replace(SMALL[name], extra=extra, textures=textures, **changes)
    model = random_model(config)
    w1 = model.w1.copy()
    w1[:, embeddings.columns(config)] *= 8  # perception's columns are as many times smaller as its gains are larger
    return Model(config, w1, model.b1, model.w2, model.b2)


def with_map(width: int, height: int, numbers: int, plain: bool = False) -> F32:
    rng = np.random.default_rng(numbers)
    first = default_fields(width, height) if plain else random_fields(width, height)
    return np.concatenate([first, rng.normal(size=(height, width, numbers)).astype(np.float32)], 2)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@pytest.mark.parametrize(
    ("name", "numbers", "plain"), [("notebook", 4, True), ("selforg", 3, False), ("notebook", 8, True)]
)
def test_a_map_of_embeddings_agrees_with_the_reference(
    formed: Backend, catalogue: Catalogue, kernel: str, name: str, numbers: int, plain: bool, size: tuple[int, int]
) -> None:
    model, fields = conditioned(name, numbers), with_map(*size, numbers, plain)
    before, settings = random_state(*size, model.config.channels), Settings()
    net = Reference(model, catalogue.get(kernel))
    with torch.no_grad():
        state, planes = (torch.from_numpy(array).permute(2, 0, 1) for array in (before, fields))
        truth = net.step(state[None], 3, 7, settings, planes)[0].permute(1, 2, 0).numpy()
    ours = stepped(formed.cells(), [model], catalogue.get(kernel), before, fields, settings)
    assert np.abs(ours - truth).max() <= TOLERANCE
    uniform = stepped(TorchCells(), [model], catalogue.get(kernel), before, fields[..., : len(FIELDS)], settings)
    assert np.abs(uniform - truth).max() > 1e-3


def test_without_a_map_cells_make_the_first_texture(device: Backend, catalogue: Catalogue) -> None:
    model, square = conditioned(), catalogue.get("square")
    before = random_state(37, 53, model.config.channels)
    truth = stepped(TorchCells(), [embeddings.texture(model, "zebra")], square, before, None)
    for fields in (None, default_fields(37, 53), default_fields(37, 53, embeddings.of(model.config, "zebra"))):
        assert np.abs(stepped(device.cells(), [model], square, before, fields) - truth).max() <= TOLERANCE


def test_one_embedding_for_all_cells_is_a_plain_model(backend: Backend, catalogue: Catalogue) -> None:
    model, square = conditioned(), catalogue.get("square")
    before = random_state(37, 53, model.config.channels)
    code = embeddings.placed([model], {"zebra": 1, "coral": 3})[1]
    truth = stepped(TorchCells(), [embeddings.folded(model, code)], square, before, None)
    ours = stepped(backend.cells(), [model], square, before, default_fields(37, 53, code))
    assert np.abs(ours - truth).max() <= TOLERANCE


def test_models_with_and_without_textures_share_a_grid(device: Backend, catalogue: Catalogue) -> None:
    models = [random_model(SMALL["notebook"], 5), conditioned(numbers=2), conditioned(numbers=5)]
    fields = np.concatenate([random_fields(37, 53, models=3), with_map(37, 53, 5)[..., len(FIELDS) :]], 2)
    before = random_state(37, 53, models[0].config.channels)
    ours, truth = (
        stepped(cells, models, catalogue.get("hexagonal"), before, fields) for cells in (device.cells(), TorchCells())
    )
    assert np.abs(ours - truth).max() <= TOLERANCE


def test_a_map_can_come_change_and_go(backend: Backend, catalogue: Catalogue) -> None:
    model, square = conditioned(), catalogue.get("square")
    cells, truth = backend.cells(), TorchCells()
    for each in (cells, truth):
        each.specialise(model, square)
        each.write(random_state(24, 16, model.config.channels))
    code = embeddings.of(model.config, "coral")
    halves = default_fields(24, 16, code)
    halves[:, 12:, len(FIELDS) :] = embeddings.of(model.config, "zebra")
    for number, fields in enumerate((halves, None, halves[:, ::-1], default_fields(24, 16, code))):
        for each in (cells, truth):
            each.write_fields(fields)
            each.step(number, 7, Settings())
        assert np.abs(cells.read() - truth.read()).max() <= 4 * TOLERANCE
    cells.release()


def test_models_without_hidden_units_fold_too() -> None:
    model = conditioned(hidden=0)
    plain = embeddings.texture(model, "coral")
    assert plain.config.extra == ("row",)
    assert plain.w2.shape[1] == model.w2.shape[1] - 4
    where = embeddings.columns(model.config)
    assert np.allclose(plain.b2, model.b2 + model.w2[:, where] @ np.float32(model.config.textures["coral"]), atol=1e-6)
