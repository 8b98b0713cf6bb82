"""Flags for the settings of a grid, made from their one declaration in `core.settings`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import tyro

from ncaengine.core.settings import SETTINGS, UNIFORMS, SettingInfo
from ncaengine.core.texts import with_unit

if TYPE_CHECKING:
    from ncaengine.simulation.grid import Grid
    from ncaengine.simulation.simulation import Simulation

FLAG_NAMES = {"scale": "cell_scale"}
"""Flags whose name differs from the setting's: `record --scale` is the number of pixels per cell."""
FROM_MODEL = ("fire_rate",)
"""Settings whose default is the model's own value."""


def describe(setting: SettingInfo) -> str:
    """Return the help text of a setting: what it does and its range."""
    if isinstance(setting.default, bool):
        return setting.help
    return f"{setting.help} From {setting.low:g} to {with_unit(f'{setting.high:g}', setting.unit)}."


def _flag(setting: SettingInfo) -> Any:
    default = setting.default if isinstance(setting.default, bool) else f"{setting.default:g}"
    hint = "(default: the model's own)" if setting.name in FROM_MODEL else f"(default: {default})"
    return Annotated[type(setting.default), tyro.conf.arg(help=describe(setting), help_behavior_hint=hint)]


SETTING_OF_FLAG = {FLAG_NAMES.get(name, name): name for name in UNIFORMS}
"""The settings that steps read, by the names of their flags. Speed and pause belong to the clock."""

if TYPE_CHECKING:
    Given = dict[str, float | bool]
else:
    Given = TypedDict("Given", {flag: _flag(SETTINGS[name]) for flag, name in SETTING_OF_FLAG.items()}, total=False)
"""The setting flags that a command line holds, with their values."""
SettingFlags = Annotated[Given, tyro.conf.arg(name="")]
"""The type of the one field that adds all setting flags to a command."""


def apply(given: Given, sim: "Simulation", grids: "Iterable[Grid]") -> None:
    """Apply the setting flags to some grids. Raises NCAError for a value out of its range."""
    from ncaengine.simulation.commands import Set

    for grid in grids:
        for flag, value in given.items():
            sim.submit(Set(grid.id, SETTING_OF_FLAG[flag], value))
