"""Commands of the palette that take a number, as "fire rate 0.3"."""

import re
from collections.abc import Callable

from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SettingInfo
from ncaengine.core.texts import with_unit
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.fuzzy import PaletteCommand

NUMBER = re.compile(r"^(?P<name>.*?[^\d\s.,-])\s*(?P<number>-?\d{1,12}(?:[.,]\d*)?|-?[.,]\d{1,12})\D*$")


def number_in(typed: str) -> str:
    """Return the number after a name, as it is typed; '' if there is none."""
    match = NUMBER.match(typed)
    return match["number"] if match else ""


def as_float(text: str) -> float:
    """Return a typed number; its decimal separator may be a comma."""
    return float(text.replace(",", "."))


def number_command(
    app: App, info: SettingInfo, current: float, number: str, set_value: Callable[[float], object],
    prefix: str = "", aliases: tuple[str, ...] = (), allow_percent: bool = False,
) -> PaletteCommand:  # fmt: skip
    """Return the command that sets a number, or one that asks for the number.

    If the number is out of range, the command shows an error.

    info: declares the number.
    current: its value now.
    number: the number that is typed, '' for none.
    prefix: what comes before its title.
    aliases: other words for it.
    allow_percent: whether a number above 1 is in percent.
    """
    title = prefix + (info.title.lower() if prefix else info.title)
    now = with_unit(f"{current:.4g}", info.unit)
    if not number:
        hint = f"{now}; type a number from {info.low:g} to {info.high:g}"
        return PaletteCommand(title, hint, None, "", aliases)
    value = as_float(number)
    value = value / 100 if allow_percent and value > 1 else value

    def act() -> None:
        if not info.low <= value <= info.high:
            high = with_unit(f"{info.high:g}", info.unit)
            raise NCAError(f"{title} is {value:g}; it must be {info.low:g} to {high}.")
        set_value(value)

    numbered = tuple(f"{alias} {number}" for alias in aliases)
    whole = f"{title} {with_unit(number, info.unit)}"
    return PaletteCommand(whole, f"{now} now", lambda: app.attempt(act), "", numbered)
