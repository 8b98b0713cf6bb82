"""What the user says about a model wins over what its family does: the hints that concern any model."""

import dataclasses
import math

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Alive, Config, Model, Range, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Hints, SeedForm

SEEDS: dict[SeedForm, Seed] = {
    "zeros": Seed(), "noise": Seed("noise"), "point": Seed("point", 1.0, first=3), "opaque": Seed("image"),
}  # fmt: skip
OPAQUE: F32 = np.array([[[0, 0, 0, 1]]], np.float32)
"""The seed of one cell with all channels 0 except the fourth."""


def adjusted(model: Model, hints: Hints) -> Model:
    """Return a model with the hints' colours, padding, seed, signs, life, fire rate, integrator and limit.

    Raises NCAError if a hint doesn't fit the model.
    """
    c = model.config
    changes = dict[str, object]()
    if hints.offset is not None:
        changes["colour"] = msgspec.structs.replace(c.colour, offset=hints.offset)
    if hints.padding:
        changes["padding"] = hints.padding
    if hints.integrator:
        changes["integrator"] = hints.integrator
    if hints.fire_rate is not None:
        if not 0 < hints.fire_rate <= 1:
            raise NCAError(f"cannot fire at a rate of {hints.fire_rate:g}; give more than 0 and at most 1.")
        changes["fire_rate"] = hints.fire_rate
    if hints.alive:
        changes["alive"] = _life(c, hints)
    if hints.state_clip is not None:
        changes["clips"] = msgspec.structs.replace(c.clips, state=_bounds(hints.state_clip))
    if hints.gradient_sign:
        sign = 1.0 if hints.gradient_sign == "down" else -1.0
        changes["features"] = tuple(
            msgspec.structs.replace(f, gain=sign * abs(f.gain)) if f.stencil == "gradient_y" else f for f in c.features
        )
    seed = model.seed
    if hints.seed_form and not (hints.seed_form == c.seed.kind == "noise"):
        if hints.seed_form in ("point", "opaque") and c.channels < 4:
            raise NCAError(f"has {c.channels} channels; the seed {hints.seed_form!r} needs a fourth.")
        changes["seed"] = SEEDS[hints.seed_form]
        seed = OPAQUE if hints.seed_form == "opaque" else None
    if not changes:
        return model
    return dataclasses.replace(model, config=msgspec.structs.replace(c, **changes), seed=seed)


def _bounds(limit: float | Range) -> Range | None:
    if isinstance(limit, tuple):
        return limit
    if not 0 <= limit < math.inf:
        raise NCAError(f"cannot limit its state to {limit:g}; give a number from 0.")
    return (-limit, limit) if limit else None


def _life(c: Config, hints: Hints) -> Alive | None:
    if hints.alive == "none" or not hints.alive:
        return None
    if c.channels < 4:
        raise NCAError(f"has {c.channels} channels; cells that die need a fourth, their opacity.")
    return msgspec.structs.replace(c.alive or Alive(), when=hints.alive)
