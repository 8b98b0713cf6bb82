"""How the window starts."""

from dataclasses import dataclass
from pathlib import Path

from ncaengine.backends.base import BackendChoice
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural
from ncaengine.core.types import Size


@dataclass(frozen=True)
class Options:
    """The settings of a new window."""

    size: Size | None = None
    """(width, height) in cells; None for a size that suits the device."""
    kernel: str = "square"
    steps_per_second: tuple[float, ...] = (60.0,)
    """One number for all grids, or one for each model."""
    rng_seed: int = 0
    collection: Path | None = None
    """A file of several models, which the gallery shows at once."""
    half: bool = False
    """Whether states are float16."""
    backend: BackendChoice = "auto"
    """What computes the steps; the window itself always draws with OpenGL."""
    threads: int | None = None
    """Threads of the processor that compute steps; None for as many as this process may use."""

    osc: tuple[str, int] | None = None
    """Where to listen for Open Sound Control: an address of this machine and a port; None for nowhere."""

    def rates(self, count: int) -> tuple[float, ...]:
        """Return the steps per second of each of `count` grids. Raise NCAError if their number doesn't fit."""
        if len(self.steps_per_second) == 1:
            return self.steps_per_second * count
        if not self.steps_per_second:
            raise NCAError("There is no speed after --steps-per-second; give one for all or one for each model.")
        if len(self.steps_per_second) != count:
            speeds, models = plural(len(self.steps_per_second), "speed"), plural(count, "model")
            raise NCAError(f"{speeds} for {models}; give one for all or one for each model.")
        return self.steps_per_second
