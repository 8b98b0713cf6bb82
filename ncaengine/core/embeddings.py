"""Embeddings: a few numbers per cell that say which of a model's textures it makes.

An embedding is an input of the net that no step changes (Extra embed_0 …), so it can't be eaten away as one that is
kept in the state (Catrina, Plajer & Băicoianu, arXiv:2407.05991). Where it is the same everywhere, its product with
the weights is a constant: each texture is then an ordinary model, see `folded`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import structs

from ncaengine.core.embedding_inputs import NAMES, Embedding
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS
from ncaengine.core.model import Config, Model
from ncaengine.core.names import choices, unique_name
from ncaengine.core.types import F32

Placed = tuple[int, Embedding]
"""What a cell holds to make a texture: the slot of its model among the grid's, and its embedding."""
Wanted = str | Mapping[str, float]
"""A texture's name, or the shares of several."""


def size(config: Config) -> int:
    """Return how many numbers the model's embeddings have; 0 for a model of one texture."""
    return len(set(NAMES) & set(config.extra))


def first(*configs: Config) -> Embedding:
    """Return the embedding of cells that have none of their own: the first texture of the first model with textures.

    It has as many numbers as the longest embedding of these models.
    """
    codes = [next(iter(config.textures.values())) for config in configs if config.textures]
    return (*codes[0], *[0.0] * (max(map(len, codes)) - len(codes[0]))) if codes else ()


def of(config: Config, texture: str) -> Embedding:
    """Return a texture's embedding by its name. Raises NCAError that lists the names."""
    if texture not in config.textures:
        raise NCAError(f"{config.name} has no texture {texture[:100]!r}{choices(texture, config.textures)}.")
    return config.textures[texture]


def palette(models: Sequence[Model]) -> dict[str, Placed]:
    """Return the textures that a grid's cells can make, by names that differ. A model without textures is one."""
    found: dict[str, Placed] = {}
    numbers = len(first(*(model.config for model in models)))
    for slot, config in enumerate(model.config for model in models):
        for name, code in (config.textures or {config.name: ()}).items():
            found[unique_name(name, found.__contains__)] = slot, (*code, *[0.0] * (numbers - len(code)))
    return found


def placed(models: Sequence[Model], wanted: Wanted) -> Placed:
    """Return what a cell holds to make a texture, or a mixture of one model's textures by shares of at least 0.

    Raises NCAError that lists the names, or says what can't be mixed.
    """
    known, shares = palette(models), {wanted: 1.0} if isinstance(wanted, str) else wanted
    for name in shares:
        if name not in known and len(known) == 1:
            raise NCAError("The grid makes one texture only; open a model of several, or paint another model.")
        if name not in known:
            raise NCAError(f"The grid has no texture {name[:100]!r}{choices(name, known)}.")
    slots, total = {known[name][0] for name in shares}, sum(shares.values())
    if len(slots) > 1:
        raise NCAError(
            "A cell can't mix textures of different models; mix those of one model, or paint with a soft brush."
        )
    if not (0 < total < np.inf and min(shares.values()) >= 0):
        raise NCAError("A mixture needs shares of at least 0, and one above 0.")
    codes = np.array([known[name][1] for name in shares])
    mixed = np.array([*shares.values()]) @ codes / total
    return slots.pop(), tuple(mixed.astype(np.float32).tolist())


def columns(config: Config) -> list[int]:
    """Return where the embedding's numbers stand among the net's inputs, in order."""
    start = config.inputs - len(config.extra)
    return [start + config.extra.index(name) for name in NAMES[: size(config)]]


def folded(model: Model, embedding: Sequence[float], name: str = "") -> Model:
    """Return the ordinary model that every cell runs if all have this embedding: its product goes into the biases.

    name: The new model's name; '' keeps it.
    """
    config, where = model.config, columns(model.config)
    if not where:
        return model
    bias = "b1" if config.hidden else "b2"
    layer = model.w1 if config.hidden else model.w2
    added = layer[:, where].astype(np.float64) @ np.asarray(embedding, np.float64)[: len(where)]
    extra = tuple(each for each in config.extra if each not in NAMES)
    plain = structs.replace(config, extra=extra, textures={}, name=name or config.name)
    arrays: dict[str, F32] = {
        **model.arrays(),
        "w1": np.delete(model.w1, where, 1),
        "w2": model.w2 if config.hidden else np.delete(model.w2, where, 1),
        bias: (getattr(model, bias) + added).astype(np.float32),
    }
    return type(model)(plain, **arrays)


def applied(models: Sequence[Model], fields: F32 | None, fold: bool = True) -> tuple[list[Model], F32 | None]:
    """Return the models that cells run, and their embeddings, (height, width, numbers) float32, None if none is read.

    Where all cells have one embedding, the models are plain ones, which are faster.

    fields: (height, width, 4 or more) float32; None for the defaults.
    fold: whether to do so also for another embedding than the default, which some devices must compile for.
    """
    code = first(*(model.config for model in models))
    if not code:
        return [*models], None
    cells = None if fields is None or fields.shape[2] < len(FIELDS) + len(code) else fields[..., len(FIELDS) :]
    if cells is not None and (cells == cells[0, 0]).all() and (fold or (cells[0, 0] == np.array(code, "f4")).all()):
        code, cells = tuple(cells[0, 0].tolist()), None
    return ([*models], cells) if cells is not None else ([folded(model, code) for model in models], None)


def texture(model: Model, name: str) -> Model:
    """Return one of the model's textures as an ordinary model of that name. Raises NCAError that lists the names."""
    return folded(model, of(model.config, name), name)


def each(model: Model) -> list[Model]:
    """Return all of the model's textures as ordinary models, or the model itself if it makes one."""
    return [texture(model, name) for name in model.config.textures] or [model]
