"""A grid's settings, each declared once: sliders, command-line flags, file keys and uniforms are made from here.

To add a setting, add a field to `Settings`. Its name is its key in sessions, journals and scripts, and the name of the
shader's uniform: declare that one in shaders/step.glsl if the setting's reader is "cell".
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_type_hints

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.names import choices
from ncaengine.core.texts import with_unit
from ncaengine.core.validation import explain_invalid

Reader = Literal["clock", "firing", "cell"]
"""What reads a setting: the clock; the choice of the cells that fire; or the cells' update. Only the shader that is
compiled for fields has uniforms for the last."""


def _number(
    title: str, help_: str, low: float, high: float, unit: str, reader: Reader, logarithmic: bool = False
) -> msgspec.Meta:
    extra = {"unit": unit, "reader": reader, "logarithmic": logarithmic}
    return msgspec.Meta(ge=low, le=high, title=title, description=help_, extra=extra)


def _switch(title: str, help_: str, reader: Reader) -> msgspec.Meta:
    return msgspec.Meta(title=title, description=help_, extra={"reader": reader})


StepsPerSecond = Annotated[
    float,
    _number("Speed", "How many steps the grid makes in a second.", 0, 7200, "steps/s", "clock", logarithmic=True),
]
FireRate = Annotated[
    float,
    _number("Fire rate", "A cell's chance to update itself in a step.", 0, 1, "", "firing"),
]
Scale = Annotated[
    float,
    _number("Cell scale", "Width of a cell (dx): below 1 the texture grows larger, above 1 finer.",
            0.25, 4, "×", "cell", logarithmic=True),
]  # fmt: skip
Aspect = Annotated[
    float,
    _number("Stretch", "Height of a cell over its width (dy/dx): below 1 textures grow tall, above 1 wide.",
            0.25, 4, "×", "cell", logarithmic=True),
]  # fmt: skip
Angle = Annotated[
    float,
    _number("Rotation", "Turns the x axis of every cell clockwise, and with it the texture.", -180, 180, "°", "cell"),
]
TimeStep = Annotated[
    float,
    _number("Time step", "Share of its update that a cell takes (dt): small cells need small values.",
            0, 2, "×", "cell"),
]  # fmt: skip
Antithetic = Annotated[
    bool,
    _switch("Paired firing", "At fire rate 0.5, exactly one of two cells half a grid apart fires in each step: it "
            "looks as random as independent firing and takes half the work.", "firing"),
]  # fmt: skip
Paused = Annotated[
    bool,
    _switch("Pause", "Whether the grid stands still.", "clock"),
]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one grid, which the command `Set` changes."""

    steps_per_second: StepsPerSecond = 60.0
    fire_rate: FireRate = 0.5
    scale: Scale = 1.0
    aspect: Aspect = 1.0
    angle: Angle = 0.0
    dt: TimeStep = 1.0
    antithetic: Antithetic = True
    paused: Paused = False

    def uniforms(self) -> dict[str, float | bool]:
        """Return the step shader's uniforms by name; a program takes those that it declares."""
        return {name: getattr(self, name) for name in UNIFORMS}

    def with_clock_of(self, other: "Settings") -> "Settings":
        """Return these settings with those that the clock reads taken from `other`."""
        return msgspec.structs.replace(self, **{name: getattr(other, name) for name in OF_CLOCK})

    @property
    def plain(self) -> bool:
        """Whether every setting that the cells' update reads has its default."""
        return all(getattr(self, name) == SETTINGS[name].default for name in OF_CELLS)


@dataclass(frozen=True)
class SettingInfo:
    """What sliders, flags and messages need to know of a setting, or of a number that is adjusted like one."""

    name: str
    """The key in files and commands."""
    title: str
    """The label of its control, 1 to 3 words."""
    help: str
    """One sentence."""
    low: float
    """The least value; 0 for a bool."""
    high: float
    """The largest value; 1 for a bool."""
    unit: str = ""
    logarithmic: bool = False
    """Whether its slider is."""
    default: float | bool = 0.0
    reader: Reader = "clock"


def _info(name: str, hint: object, default: float | bool) -> SettingInfo:
    meta: msgspec.Meta = hint.__metadata__[0]  # type: ignore[attr-defined]
    extra = meta.extra or {}
    return SettingInfo(
        name,
        title=meta.title or name,
        help=meta.description or "",
        low=0.0 if meta.ge is None else meta.ge,
        high=1.0 if meta.le is None else meta.le,
        unit=extra.get("unit", ""),
        logarithmic=extra.get("logarithmic", False),
        default=default,
        reader=extra["reader"],
    )


_HINTS = get_type_hints(Settings, include_extras=True)
SETTINGS = {name: _info(name, hint, getattr(Settings(), name)) for name, hint in _HINTS.items()}
"""All settings by name, in the order in which they are shown."""
UNIFORMS = tuple(name for name, info in SETTINGS.items() if info.reader != "clock")
OF_CLOCK = tuple(name for name, info in SETTINGS.items() if info.reader == "clock")
OF_CELLS = tuple(name for name, info in SETTINGS.items() if info.reader == "cell")


def with_setting(settings: Settings, name: str, value: float | bool) -> Settings:
    """Return `settings` with one value replaced. Raises NCAError for an unknown name or a value out of range."""
    if name not in SETTINGS:
        raise NCAError(f"There is no setting {name!r}{choices(name, SETTINGS)}.")
    info = SETTINGS[name]
    if not isinstance(value, bool) and not info.low <= value <= info.high:
        raise NCAError(
            f"{info.title} is {value:g}; it must be from {info.low:g} to {with_unit(f'{info.high:g}', info.unit)}."
        )
    try:
        return msgspec.convert({**msgspec.structs.asdict(settings), name: value}, Settings)
    except msgspec.ValidationError as error:
        raise NCAError(f"{info.title}: {explain_invalid(error, Settings)}") from None


def affects_cells(name: str) -> bool:
    """Return whether a setting changes what steps make of the cells; others, and unknown names, do not."""
    return name in UNIFORMS
