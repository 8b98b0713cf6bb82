"""Every setting has a control in the side bar."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from helpers import apart
from window_driver import drive, only, wait_until

from ncaengine.core.settings import SETTINGS, Settings
from ncaengine.simulation.commands import Set
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def sliders(folder: Path) -> None:
    """Type a value into the control of each setting and check the command that it submits."""

    def script(engine: Any, app: App) -> None:
        grid = app.grid
        wait_until(engine, lambda: grid.step > 0)
        for info in SETTINGS.values():
            if info.name == "paused":
                engine.item_click("**/###pause")
                wanted: float | bool = True
            elif isinstance(getattr(grid.settings, info.name), bool):
                engine.item_click(f"**/##{info.name}")
                wanted = not getattr(Settings(), info.name)
            else:
                wanted = info.low + (info.high - info.low) / 4
                engine.item_input_value(f"**/##{info.name}", wanted)
            assert getattr(grid.settings, info.name) == pytest.approx(wanted, rel=1e-3), info.name
            last = app.sim.journal[-1].command
            assert isinstance(last, Set)
            assert last.setting == info.name

    drive(Options((40, 40)), 1, script, (1280, 800), prefs=only("Settings"))


def test_every_setting_has_a_control(tmp_path: Path) -> None:
    apart(__file__, "sliders", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    sliders(Path(sys.argv[2]))
