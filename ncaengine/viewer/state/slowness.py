"""Says why a grid makes fewer steps than were asked for, and what helps."""

from ncaengine.core.settings import SETTINGS
from ncaengine.core.texts import plural
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.pane import Pane

UNLIMITED = SETTINGS["steps_per_second"].high


def is_slow(pane: Pane) -> bool:
    """Return whether a running grid makes clearly fewer steps a second than were asked for."""
    settings = pane.grid.settings
    wanted = settings.steps_per_second
    return not settings.paused and wanted < UNLIMITED and pane.meter.rate < 0.9 * wanted - 1


def why_slow(app: App, pane: Pane) -> str:
    """Return why a grid is slow, a sentence, and what helps, as several lines."""
    grid = pane.grid
    (width, height), wanted = grid.size, grid.settings.steps_per_second
    others = [other for other in app.sim.grids.values() if other is not grid and not other.settings.paused]
    device = (
        "The GPU" if not app.software else "OpenGL in software" if app.sim.backend.name == "gl" else "The processor"
    )
    beside = f" beside {plural(len(others), 'other grid')}" if others else ""
    reason = f"{device} makes {pane.meter.text} of the {wanted:.4g} steps a second{beside}:"
    reason += f" {width} × {height} cells are more than it can step in that time."
    helps = [f"{width // 2} × {height // 2} cells, which take a quarter of the time"] * (min(grid.size) > 1)
    helps += ["a lower speed, at which each step is shown"]
    if others:
        helps += ["to pause the other grids"]
    if not grid.settings.antithetic and grid.settings.fire_rate == 0.5:
        helps += ["paired firing, which halves the work"]
    if app.software and app.sim.backend.name == "gl":
        helps += ["to start without --backend gl: the processor's own functions are faster"]
    elif app.software:
        helps += ["a machine with a GPU"]
    return "\n".join([reason, "What helps:", *(f"·  {each}" for each in helps), "Click to change the size."])
