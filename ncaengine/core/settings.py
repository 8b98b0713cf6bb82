"""A grid's adjustable numbers, each declared once: range, unit and help serve the panel, the command line and files."""

from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import msgspec

from ncaengine.core.errors import NCAError


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the command `Set` changes on one grid."""

    steps_per_second: Annotated[
        float,
        msgspec.Meta(ge=0, le=7200, title="Speed", description="How many steps the grid makes in a second.",
                     extra={"unit": "steps/s", "logarithmic": True}),
    ] = 60.0  # fmt: skip
    fire_rate: Annotated[
        float,
        msgspec.Meta(ge=0, le=1, title="Fire rate", description="A cell's chance to update itself in a step.",
                     extra={"unit": "", "logarithmic": False, "uniform": "fire_threshold"}),
    ] = 0.5  # fmt: skip
    scale: Annotated[
        float,
        msgspec.Meta(ge=0.25, le=4, title="Cell scale",
                     description="Size of a cell (dx): below 1 the texture grows larger, above 1 finer.",
                     extra={"unit": "×", "logarithmic": True, "uniform": "scale"}),
    ] = 1.0  # fmt: skip
    aspect: Annotated[
        float,
        msgspec.Meta(ge=0.25, le=4, title="Stretch",
                     description="Height of a cell over its width (dy/dx): below 1 textures grow tall, above wide.",
                     extra={"unit": "×", "logarithmic": True, "uniform": "aspect"}),
    ] = 1.0  # fmt: skip
    angle: Annotated[
        float,
        msgspec.Meta(ge=-180, le=180, title="Rotation",
                     description="Turns what a cell takes for its x axis, clockwise, and with it the texture.",
                     extra={"unit": "°", "logarithmic": False, "uniform": "angle"}),
    ] = 0.0  # fmt: skip
    dt: Annotated[
        float,
        msgspec.Meta(ge=0, le=2, title="Time step",
                     description="The share of its update that a cell takes (dt): small cells need small ones.",
                     extra={"unit": "×", "logarithmic": False, "uniform": "dt"}),
    ] = 1.0  # fmt: skip
    antithetic: Annotated[
        bool,
        msgspec.Meta(title="Paired firing",
                     description="At fire rate 0.5, of two cells half a grid apart exactly one fires in a step: "
                                 "as random to any eye, and half the work.",
                     extra={"uniform": "partner"}),
    ] = True  # fmt: skip
    paused: Annotated[bool, msgspec.Meta(title="Pause", description="Whether the grid stands still.")] = False


@dataclass(frozen=True)
class Spec:
    """What is known of a setting. `low` and `high` are 0 and 1 for a bool."""

    name: str
    title: str
    help: str
    low: float
    high: float
    unit: str
    logarithmic: bool
    uniform: str
    """The step shader's uniform that it sets, '' for what the clock heeds."""


def _spec(name: str, hint: Any) -> Spec:
    meta: msgspec.Meta = hint.__metadata__[0]
    extra = meta.extra or {}
    low, high = (0.0 if meta.ge is None else meta.ge), (1.0 if meta.le is None else meta.le)
    return Spec(
        name,
        meta.title or name,
        meta.description or "",
        low,
        high,
        extra.get("unit", ""),
        extra.get("logarithmic", False),
        extra.get("uniform", ""),
    )


SPECS = {name: _spec(name, hint) for name, hint in get_type_hints(Settings, include_extras=True).items()}


def changed(settings: Settings, name: str, value: float | bool) -> Settings:
    """`settings` with one value replaced. Raises NCAError for an unknown name or a value out of range."""
    if name not in SPECS:
        raise NCAError(f"There is no setting {name!r}; there are: {', '.join(SPECS)}.")
    spec = SPECS[name]
    if not isinstance(value, bool) and not spec.low <= value <= spec.high:
        raise NCAError(
            f"{spec.title} is {value:g}; it must lie from {spec.low:g} to {spec.high:g} {spec.unit}".rstrip() + "."
        )
    try:
        return msgspec.convert({**msgspec.structs.asdict(settings), name: value}, Settings)
    except msgspec.ValidationError as error:
        raise NCAError(f"{spec.title}: {error}.") from None


def heeded_by_cells(name: str) -> bool:
    """Whether a setting decides what a step makes of the cells; the others, and unknown names, do not."""
    return name in SPECS and bool(SPECS[name].uniform)
