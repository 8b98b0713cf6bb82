"""Grid: one running instance of a model on a lattice. It changes by a Simulation's commands only."""

import heapq
from collections.abc import Callable

from ncaengine import seeding, view
from ncaengine.backend import Backend
from ncaengine.clock import Pace
from ncaengine.commands import AnyCommand
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Model
from ncaengine.seeding import Keep, Size
from ncaengine.settings import Settings
from ncaengine.view import U8, View


class Grid:
    """What is known of a grid. The underscored methods are the Simulation's.

    size: (width, height) in cells. step: steps made since the seed. changes: grows with every
    change of what the grid shows.
    """

    def __init__(
        self, number: int, backend: Backend, model: Model, kernel: Kernel, size: Size, settings: Settings, rng_seed: int
    ) -> None:
        self.id, self.model, self.kernel, self.size = number, model, kernel, size
        self.settings, self.rng_seed, self.step, self.changes = settings, rng_seed, 0, 0
        self.pace = Pace(settings.steps_per_second)
        self.cells = backend.cells()
        self.cells.specialise(model, kernel)
        self.cells.write(seeding.initial(model.config, size, rng_seed))
        self._scheduled: list[tuple[int, int, AnyCommand]] = []
        self._removed = False

    def __index__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Grid {self.id}: {self.model.config.name}, {self.kernel.name}, {width}x{height}, step {self.step}>"

    def state(self) -> F32:
        """The state, a copy: (height, width, channels) float32."""
        return self.cells.read()

    def image(self, scale: int = 1, raw: bool = False) -> U8:
        """The whole grid as (height, width, 3) uint8, `scale` pixels a cell, in the lattice's true shape.

        `raw`: one cell one pixel in storage order instead.
        """
        return self.picture(view.whole(self.kernel, self.size, scale), raw)

    def picture(self, view_: View, raw: bool = False) -> U8:
        """One view of it: (height, width, 3) uint8. `raw` ignores the view."""
        return view.raw(self.state(), self.model.config.colour) if raw else self.cells.draw(view_)

    def _use(self, model: Model, kernel: Kernel) -> None:
        other = model.config.channels != self.model.config.channels
        state = seeding.with_channels(self.state(), model.config.channels) if other else None
        self.cells.specialise(model, kernel)
        if state is not None:
            self.cells.write(state)
        self.model, self.kernel = model, kernel
        self.changes += 1

    def _resize(self, size: Size, keep: Keep) -> None:
        fresh = seeding.initial(self.model.config, size, self.rng_seed)
        self.cells.write(seeding.resized(self.state(), fresh, keep, self.kernel))
        self.size = size
        self.changes += 1

    def _reseed(self, rng_seed: int) -> None:
        self.cells.write(seeding.initial(self.model.config, self.size, rng_seed))
        self.rng_seed, self.step = rng_seed, 0
        self.pace.restart()
        self.changes += 1

    def _set(self, settings: Settings) -> None:
        self.settings = settings
        self.pace.steps_per_second = settings.steps_per_second
        self.changes += 1

    def _remove(self) -> None:
        self.cells.release()
        self._scheduled.clear()
        self._removed = True

    def _schedule(self, at_step: int, order: int, command: AnyCommand) -> None:
        heapq.heappush(self._scheduled, (at_step, order, command))

    def _run(self, count: int, apply: Callable[[AnyCommand], None]) -> None:
        """Make `count` steps, with the commands put off until one of them applied in between."""
        while count > 0 or (self._scheduled and self._scheduled[0][0] <= self.step):
            while self._scheduled and self._scheduled[0][0] <= self.step:
                apply(heapq.heappop(self._scheduled)[2])
            if self._removed:
                return
            if count > 0:
                self.cells.step(self.step, self.rng_seed, self.settings.fire_rate)
                self.step += 1
                count -= 1
                self.changes += 1
