"""What a file says about a step beside its layers and filters: buffers, attributes of modules, and dictionaries.

Programs keep such numbers and texts under many names; `names` lists those that are known. What a Config can express is
applied, after the family's conventions and before the user's hints. The rest is named, and the reading called partial.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ncaengine.core.model import Alive, Colour, Config, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Hints, left_out, listed
from ncaengine.formats.importers.names import OUTSIDE, in_dictionary, is_silent, kind_of, last_part, meaning_of
from ncaengine.formats.pickle.attributes import Value

_USUAL = ("square", "moore", "none", "linear", "identity")
"""Texts that say what is done in any case."""
BOUNDS = ("lowest", "highest")
"""Kinds of which a limit of the state needs both."""


@dataclass(eq=False)
class Stated:
    """What a file says about a step, as far as it is known."""

    hints: dict[str, Any] = field(default_factory=dict)
    """Fields of Hints."""
    lives: bool = False
    """Whether cells can die."""
    life: dict[str, Any] = field(default_factory=dict)
    """Fields of Alive."""
    factors: list[tuple[str, F32]] = field(default_factory=list)
    """Of the update, or of the hidden units: the name, and one number or one for each channel, or one for each unit."""
    activation: str = ""
    used: list[str] = field(default_factory=list)
    """All of this, each with its name and value."""
    left: list[str] = field(default_factory=list)
    """What else a step computes with, but is not applied."""
    doubtful: list[str] = field(default_factory=list)
    """What is perhaps a setting of the training, each with its name and value."""
    odd: list[str] = field(default_factory=list)
    """Names whose meaning is not known."""

    def under(self, hints: Hints) -> Hints:
        """Return what the user and the file say together; the user wins."""
        unsaid = {name: value for name, value in self.hints.items() if getattr(hints, name) in ("", None)}
        return dataclasses.replace(hints, **unsaid)

    def applied(self, model: Model, hints: Hints) -> Model:
        """Return a model with what hints can't say: life, factors and activation; all of it is in its attribution.

        hints: what the user and the file say together.
        """
        c, left = model.config, [*self.left]
        w2, b2 = self._scaled(model, left)
        changes = self._living(c, hints, left)
        if self.activation and c.hidden:
            changes["activation"] = self.activation
        used = [said for said in self.used if said not in left]
        facts = {"stated in the file": ", ".join(used)} if used else {}
        rest = c.attribution.get("left out"), _partial(left), _not_applied(self.doubtful), left_out(self.odd)
        if any(rest):
            facts["left out"] = "; ".join(filter(None, rest))
        reading = c.attribution.get("reading", "")
        if left and reading.startswith("likely"):
            facts["reading"] = reading.replace("likely", "a guess", 1)
        config = msgspec.structs.replace(c, **changes, attribution={**c.attribution, **facts})
        return dataclasses.replace(model, config=config, w2=w2, b2=b2, seed=None if "seed" in changes else model.seed)

    def _living(self, c: Config, hints: Hints, left: list[str]) -> dict[str, Any]:
        """Return what changes of a configuration if cells can die; what does not fit is added to `left`."""
        if hints.alive == "none" or not (self.lives or c.alive) or (c.alive and not self.life):
            return {}
        if c.channels <= max(3, self.life.get("channel", 3)):
            left.append(f"the mask of living cells, since there are {c.channels} channels")
            return {}
        alive = {"alive": msgspec.structs.replace(c.alive or Alive(), **self.life)}
        if c.alive:
            return alive
        return {**alive, "seed": Seed("point", 1.0, first=3), "colour": Colour(1.0, 0.0, alpha=True)}  # zeros are dead

    def _scaled(self, model: Model, left: list[str]) -> tuple[F32, F32]:
        """Return w2 and b2 times the factors; those that do not fit are added to `left`."""
        w2, b2 = model.w2, model.b2
        with np.errstate(over="ignore", invalid="ignore"):  # Model refuses what is not finite
            for name, factor in self.factors:
                hidden = kind_of(name) == "hidden factor"
                if factor.size not in ((model.config.hidden,) if hidden else (1, model.config.channels)):
                    left.append(next(said for said in self.used if said.startswith(f"{name} ")))
                elif hidden:
                    w2 = w2 * factor
                else:
                    w2, b2 = w2 * factor[:, None], b2 * factor
        return w2, b2


def read_statements(stated: Mapping[str, Value]) -> Stated:
    """Read what a file states, by dotted names; of two statements on the same, the first counts."""
    found, taken = Stated(), dict[str, Value]()
    for name, value in stated.items():
        kind = kind_of(name)
        if not kind:
            found.odd += [name] * (not is_silent(name.rpartition(".")[2]))
            continue
        same = f"{kind} {last_part(name)}" if "factor" in kind else kind  # factors of several names are multiplied
        if same in taken:
            found.left += [_shown(name, value)] * (str(taken[same]) != str(value))
            continue
        known = _READERS[kind](found, name, value)
        if known is False and in_dictionary(name) and (kind == "integrator" or not isinstance(value, str)):
            found.doubtful.append(_shown(name, value))
        elif known is not None:
            taken[same] = value
            (found.used if known else found.left).append(_shown(name, value))
    low, high = (found.hints.pop(bound, None) for bound in BOUNDS)
    if low is not None and high is not None and low < high:
        found.hints["state_clip"] = low, high
    else:  # one alone
        found.left += [_shown(name, value) for name, value in stated.items() if kind_of(name) in BOUNDS]
    return found


def _partial(left: Sequence[str]) -> str:
    return f"the reading is partial; ncaengine does not apply {listed(left)}" if left else ""


def _not_applied(doubtful: Sequence[str]) -> str:
    return f"not applied, because they may be settings of the training: {listed(doubtful)}" if doubtful else ""


def _shown(name: str, value: Value) -> str:
    if isinstance(value, np.ndarray):
        return f"{name.removeprefix(OUTSIDE)} {value.shape}"
    name = name.removeprefix(OUTSIDE)
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {str(value)[:40]}"


# Each reader takes over what a value says. It returns whether it could; None if the value says nothing about a step.


def _number(value: Value) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[arg-type]


def _fire_rate(found: Stated, _: str, value: Value) -> bool:
    rate = _number(value)
    if rate is None or not 0 < rate <= 1:
        return False
    found.hints.setdefault("fire_rate", rate)
    return True


def _stochastic(found: Stated, _: str, value: Value) -> bool | None:
    if type(value) is not bool:
        return False
    if not value:  # then all cells fire, whatever the rate
        found.hints["fire_rate"] = 1.0
    return not value or None


def _factor(found: Stated, name: str, value: Value) -> bool:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or sum(side > 1 for side in array.shape) > 1 or not array.any():
        return False
    if array.size == 1 and in_dictionary(name) and not 0 < array.flat[0] <= 1:
        return False  # a scheduler's step_size, for example
    with np.errstate(over="ignore"):
        found.factors.append((name, array.reshape(-1).astype(np.float32)))
    return True


def _threshold(found: Stated, _: str, value: Value) -> bool:
    number = _number(value)
    if number is None:
        return False
    found.life["threshold"], found.lives = number, True
    return True


def _channel(found: Stated, _: str, value: Value) -> bool:
    number = _number(value)
    if number is None or number % 1 or not 0 <= number < 256:
        return False
    found.life["channel"] = int(number)
    return True


def _alive(found: Stated, _: str, value: Value) -> bool:
    text = str(bool(value)) if type(value) in (int, float, bool) and value in (0, 1) else str(value)
    if text == "True":
        found.lives = True
    elif when := meaning_of("alive", text):
        found.hints["alive"], found.lives = when, when != "none"
    else:
        return False
    return True


def _clip(found: Stated, name: str, value: Value) -> bool | None:
    if value is False:
        return None
    if in_dictionary(name) and last_part(name) in ("clip", "clip_value"):
        return False  # perhaps of gradients
    bounds = [_number(each) for each in (value if isinstance(value, tuple) else [value])]
    match bounds:
        case [float() as limit] if limit >= 0:
            found.hints["state_clip"] = limit
        case [float() as low, float() as high] if low < high:
            found.hints["state_clip"] = low, high
        case _:
            return False
    return True


def _bound(found: Stated, name: str, value: Value) -> bool:
    number = _number(value)
    if number is None:
        return False
    found.hints[kind_of(name)] = number
    return True


def _word(found: Stated, name: str, value: Value) -> bool | None:
    """Read a text of VALUES; numbers under such a name are the width of a padding, for example."""
    if not isinstance(value, str):
        return None if type(value) in (int, bool, tuple) else False
    kind = kind_of(name)
    if meaning := meaning_of(kind, value):
        found.hints[kind] = meaning
    return bool(meaning)


def _activation(found: Stated, name: str, value: Value) -> bool | None:
    known = _word(found, name, value)
    found.activation = found.hints.pop("activation", "")
    return known


def _circular(found: Stated, _: str, value: Value) -> bool:
    if type(value) is not bool:
        return False
    found.hints.setdefault("padding", "circular" if value else "zero")
    return True


def _not_run(_found: Stated, name: str, value: Value) -> bool | None:
    usual = 1 if name.endswith(("stride", "dilation", "groups")) else 0
    return None if value is False or _number(value) == usual or value in _USUAL else False


_READERS: dict[str, Callable[[Stated, str, Value], bool | None]] = {
    "fire rate": _fire_rate, "stochastic": _stochastic, "factor": _factor, "hidden factor": _factor,
    "threshold": _threshold, "channel": _channel, "alive": _alive, "clip": _clip, "lowest": _bound, "highest": _bound,
    "padding": _word, "circular": _circular, "integrator": _word, "activation": _activation, "not run": _not_run,
}  # fmt: skip
