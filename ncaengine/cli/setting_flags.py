"""Flags for the settings of a grid, made from their one declaration in `core.settings`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import tyro

from ncaengine.core.settings import SPECS, Settings, Spec

if TYPE_CHECKING:
    from ncaengine.simulation.grid import Grid
    from ncaengine.simulation.simulation import Simulation

FLAG_NAMES = {"scale": "cell_scale"}
"""Flags whose name differs from the setting's: `record --scale` is the number of pixels a cell."""
DEFAULTS = Settings()


def describe(setting: Spec) -> str:
    """Return the help text of a setting: what it does and its range."""
    if isinstance(getattr(DEFAULTS, setting.name), bool):
        return setting.help
    return f"{setting.help} From {setting.low:g} to {setting.high:g} {setting.unit}".rstrip() + "."


def _flag(setting: Spec) -> Any:
    default = getattr(DEFAULTS, setting.name)
    shown = (
        "the model's own" if setting.name == "fire_rate" else default if isinstance(default, bool) else f"{default:g}"
    )
    return Annotated[type(default), tyro.conf.arg(help=describe(setting), help_behavior_hint=f"(default: {shown})")]


SETTINGS = {FLAG_NAMES.get(name, name): name for name, setting in SPECS.items() if setting.uniform}
"""The settings that cells read, by the names of their flags. Speed and pause belong to the clock, not to cells."""

if TYPE_CHECKING:
    Given = dict[str, float | bool]
else:
    Given = TypedDict("Given", {flag: _flag(SPECS[name]) for flag, name in SETTINGS.items()}, total=False)
"""The setting flags that a command line holds, with their values."""
SettingFlags = Annotated[Given, tyro.conf.arg(name="")]
"""The type of the one field that adds all setting flags to a command."""


def apply(given: Given, sim: "Simulation", grids: "Iterable[Grid]") -> None:
    """Set what the flags say on some grids. Raises NCAError for a value out of its range."""
    from ncaengine.simulation.commands import Set

    for grid in grids:
        for flag, value in given.items():
            sim.submit(Set(grid.id, SETTINGS[flag], value))
