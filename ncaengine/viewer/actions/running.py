"""Run, pause, step and restart the selected grid and those linked with it."""

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SETTINGS
from ncaengine.simulation.commands import AnyCommand, Reseed, Set, Step
from ncaengine.viewer.state.app import App

SLOWEST = 0.1
"""Steps per second below which the key for half the speed doesn't go."""


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
    """Multiply the selected grid's speed, within its range. It gets no slower than SLOWEST."""
    spec = SETTINGS["steps_per_second"]

    def times(number: int) -> AnyCommand:
        now = app.sim.grids[number].settings.steps_per_second
        least = min(now, SLOWEST)  # a grid that was made slower stays as it is
        return Set(number, spec.name, min(max(now * factor, least), spec.high) if now else max(factor, 1.0))

    app.submit_linked(times)


def reseed(app: App, same: bool = False) -> None:
    """Restart the selected grid from its seed, with the next seed number or the same one."""

    def again(number: int) -> AnyCommand:
        seed = app.sim.grids[number].rng_seed
        return Reseed(number, seed if same else seed_after(seed))

    app.submit_linked(again)


def seed_after(seed: int, by: int = 1) -> int:
    """Return the seed number that follows by some. 0 follows the highest."""
    return seed + by if seed + by <= bounds.SEED.high else by - 1


def seed_in(typed: str) -> int:
    """Return the seed number that is typed. Raise NCAError if it is none."""
    low, high = int(bounds.SEED.low), int(bounds.SEED.high)
    try:
        seed = int(typed)
    except ValueError:
        seed = high + 1
    if not low <= seed <= high:
        raise NCAError(f"{typed.strip() or 'Nothing'} is no seed; type a whole number from {low} to {high}.")
    return seed


def type_seed(app: App, typed: str) -> None:
    """Restart the selected grid from the seed number that is typed."""
    app.attempt(lambda: use_seed(app, seed_in(typed)))


def use_seed(app: App, rng_seed: int) -> None:
    """Restart the selected grid from a seed number."""
    app.submit_linked(lambda number: Reseed(number, rng_seed))
