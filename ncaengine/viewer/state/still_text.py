"""What a still says of itself."""

from ncaengine._version import __version__
from ncaengine.core.settings import SETTINGS
from ncaengine.core.texts import with_unit
from ncaengine.simulation.grid import Grid


def describe(grid: Grid) -> dict[str, str]:
    """Return what a grid shows as text, for a picture's metadata."""
    settings = {
        spec.title: _value_text(getattr(grid.settings, spec.name), spec.unit)
        for spec in SETTINGS.values()
        if spec.name != "paused"
    }
    return {
        "Software": f"ncaengine {__version__}",
        "Model": grid.model.config.name,
        "Kernel": grid.kernel.name,
        "Size": f"{grid.size[0]} × {grid.size[1]} cells",
        "Seed": str(grid.rng_seed),
        "Step": str(grid.step),
        **settings,
    }


def _value_text(value: float | bool, unit: str) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else with_unit(f"{value:g}", unit)
