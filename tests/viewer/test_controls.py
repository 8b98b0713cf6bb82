"""Every setting has its control and its effect: the panel's sliders, the step shader's uniforms."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from helpers import apart
from window_driver import drive, wait_until

from ncaengine.core.settings import SETTINGS, Settings
from ncaengine.simulation.commands import Set
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def sliders(folder: Path) -> None:
    """Type a value into the control of each setting; it must arrive, by a command."""

    def script(engine: Any, app: App) -> None:
        grid = app.grid
        wait_until(engine, lambda: grid.step > 0)
        for spec in SETTINGS.values():
            if spec.name == "paused":
                engine.item_click("**/###pause")
                wanted: float | bool = True
            elif isinstance(getattr(grid.settings, spec.name), bool):
                engine.item_click(f"**/##{spec.name}")
                wanted = not getattr(Settings(), spec.name)
            else:
                wanted = spec.low + (spec.high - spec.low) / 4
                engine.item_input_value(f"**/##{spec.name}", wanted)
            assert getattr(grid.settings, spec.name) == pytest.approx(wanted, rel=1e-3), spec.name
            last = app.sim.journal[-1].command
            assert isinstance(last, Set)
            assert last.setting == spec.name

    drive(Options((40, 40)), 1, script, (1280, 800))


def test_every_setting_has_a_control(tmp_path: Path) -> None:
    apart(__file__, "sliders", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    sliders(Path(sys.argv[2]))
