"""What a Simulation does inside: carries out commands at their steps, and lets time pass, in parts if need be."""

from collections.abc import Callable, Iterable

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.given import whole
from ncaengine.simulation import commands, handlers
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import AnyCommand, JournalEntry, OnGrid
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.log import Log
from ncaengine.simulation.world import Origin, World


class Engine:
    """The grids' commands and their time.

    Attributes:
        world: The grids, and what commands name.
        tick: The time that has passed, in 1/TICKS_PER_SECOND s.
        journal: Every command since the start.
        origin: What the journal begins with.
    """

    def __init__(self, world: World) -> None:
        self.world, self.tick = world, 0
        self.journal, self.origin = Log(), Origin()

    def submit(self, command: AnyCommand, at_step: int | None = None) -> Grid | None:
        """See Simulation.submit."""
        made = self._submit(command, at_step)
        self._raise_late()
        return made

    def _submit(self, command: AnyCommand, at_step: int | None) -> Grid | None:
        command = commands.checked(command)
        if at_step is not None:  # a step that has passed, or will never come, as the journal can hold it
            at_step = min(max(whole(at_step, "at_step"), 0), int(bounds.MADE.high))
        made = None
        if isinstance(command, commands.Copy):
            handlers.catch_up(self.world)  # a grid that is behind may still have to paste the previous patch
        if isinstance(command, OnGrid) and command.grid in self.world.grids:
            handlers.catch_up_grid(self.world, self.world.grids[command.grid])
        if at_step is None:
            made = handlers.carry_out(self.world, command)
        elif not isinstance(command, OnGrid) or not handlers.HANDLERS[type(command)].may_wait:
            raise NCAError(f"{type(command).__name__} can't wait for a step; submit it when it is due.")
        else:
            self.check(command)
            grid = self.world.grid(command.grid)
            known = [*grid.waiting, *grid.timeline.waiting_after(grid.timeline.first)]  # of an opened session, too
            order = max([len(self.journal), *(order + 1 for _, order, _ in known)])
            grid.wait_for_step(at_step, order, command)
        self.journal.append(JournalEntry(self.tick, command, at_step))
        return made

    def check(self, command: AnyCommand) -> None:
        """Raise NCAError if a command is already known to fail."""
        handlers.check(self.world, command)

    def _raise_late(self) -> None:
        late, self.world.late = self.world.late, []
        if late:
            raise late[0]

    def replay(
        self,
        journal: Iterable[JournalEntry],
        until_tick: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """See Simulation.replay."""
        for entry in journal:
            self._pass_time(entry.tick, progress)
            self._submit(entry.command, entry.at_step)
        self._pass_time(until_tick or 0, progress)
        self.world.late.clear()

    def _pass_time(self, until_tick: int, progress: Callable[[int], object] | None) -> None:
        stride = TICKS_PER_SECOND if progress else until_tick
        while until_tick > self.tick:
            self.begin(min(until_tick - self.tick, stride))
            handlers.catch_up(self.world)
            if progress:
                progress(self.tick)

    # Time

    def begin(self, ticks: int) -> None:
        """Let time pass, and leave the steps that are due to `work`, which can make them in parts.

        Steps that are still due from before are made at once. A command to a grid makes that grid's steps first.
        """
        handlers.catch_up(self.world)
        self.tick += ticks
        for grid in self.world.grids.values():
            grid.let_time_pass(ticks)

    @property
    def busy(self) -> bool:
        """Whether steps may be due."""
        return any(grid.behind for grid in self.world.grids.values())

    @property
    def demand(self) -> float:
        """The cell-steps per tick of all grids together."""
        running = (grid for grid in self.world.grids.values() if not grid.settings.paused)
        return sum((g.settings.steps_per_second * g.size[0] * g.size[1] for g in running), 0.0) / TICKS_PER_SECOND

    def work(self, most: float = float("inf")) -> int:
        """Make steps that are due, grid by grid in turn, until `most` cell-steps are made. Return how many were.

        At least one step is made, if any is due.
        """
        made = handlers.catch_up(self.world, most)
        self._raise_late()
        return made

    def take_over(self, grids: Iterable[Grid], tick: int, next_id: int) -> None:
        """Replace all grids by a session's. This is not a command: the journal starts again from here."""
        self.world.replace_all(grids, next_id)
        self.tick = tick
        snapshots = tuple(grid.snapshot() for grid in self.world.grids.values())
        self.origin = Origin(tick, self.world.next_id, snapshots)
        self.journal.clear()
