"""Run, pause, step and restart the selected grid and those linked with it."""

from ncaengine.core.settings import SETTINGS
from ncaengine.simulation.commands import AnyCommand, Reseed, Set, Step
from ncaengine.viewer.state.app import App


def change_setting(app: App, setting: str, value: float | bool) -> None:
    """Change a setting of the selected grid and those linked with it."""
    app.submit_linked(lambda number: Set(number, setting, value))


def pause(app: App) -> None:
    """Pause the selected grid if it runs."""
    if not app.grid.settings.paused:
        change_setting(app, "paused", True)


def toggle_pause(app: App) -> None:
    """Pause or run the selected grid."""
    change_setting(app, "paused", not app.grid.settings.paused)


def toggle_pause_all(app: App) -> None:
    """Pause all grids, or run them if all are paused."""
    paused = any(not grid.settings.paused for grid in app.sim.grids.values())
    app.submit(*(Set(number, "paused", paused) for number in app.sim.grids))


def single_step(app: App) -> None:
    """Pause the selected grid and make one step."""
    pause(app)
    app.submit_linked(Step)


def multiply_speed(app: App, factor: float) -> None:
    """Multiply the selected grid's speed, within its range."""
    spec = SETTINGS["steps_per_second"]

    def times(number: int) -> AnyCommand:
        now = app.sim.grids[number].settings.steps_per_second
        return Set(number, spec.name, min(max(now * factor, spec.low), spec.high) if now else max(factor, 1.0))

    app.submit_linked(times)


def reseed(app: App, same: bool = False) -> None:
    """Restart the selected grid from its seed, with the next seed number or the same one."""
    app.submit_linked(lambda number: Reseed(number, app.sim.grids[number].rng_seed + (not same)))


def use_seed(app: App, rng_seed: int) -> None:
    """Restart the selected grid from a seed number."""
    app.submit_linked(lambda number: Reseed(number, rng_seed))
