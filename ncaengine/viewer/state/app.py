"""App: what the window knows besides the simulation.

Functions in viewer/actions change it; they and the panels all take the App. Every change of the
simulation goes through `App.submit`, which shows errors as notices, so that the window keeps running.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text
from ncaengine.core.model import Model
from ncaengine.core.spill import Spill
from ncaengine.core.states import Keep
from ncaengine.core.types import Size
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.io.photos import Photo
from ncaengine.simulation.commands import AnyCommand, OnGrid
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import Edit
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.state import credits, notices
from ncaengine.viewer.state.brush import Brush
from ncaengine.viewer.state.file_watch import ModelWatch
from ncaengine.viewer.state.notices import Button, Toast
from ncaengine.viewer.state.pacing import Meter
from ncaengine.viewer.state.pane import Pane, RemovedPane
from ncaengine.viewer.state.preferences import Preferences
from ncaengine.viewer.state.probe import Probe
from ncaengine.viewer.state.recorder import Recorder
from ncaengine.viewer.state.session_file import SessionFile

SIZE_ON_GPU, SIZE_IN_SOFTWARE = (256, 256), (128, 128)


class App:
    """The window's own state.

    software: whether the simulation runs on the CPU.
    models: the open models, each in its latest version, by a name that all its versions share.
    collection: the file of several models that the gallery shows, if any.
    gallery_paints: whether the gallery's models are for the brush instead of a grid.
    growing: whether small pictures in the side bar grow, for which the window stays awake.
    scroll_to: the title of the section to which the side bar scrolls next.
    reload_note: which file was last reloaded, and when.
    photos: the pictures that were opened under grids, as their files have them, by registered name.
    spill: keeps these on the disk beyond some.
    removed_panes: what comes back with removed grids, by their numbers.
    selected: the place of the selected pane among `panes`.
    linked: the numbers of the grids that change together, see `submit_linked`.
    changes: which change of several grids each edit is part of, if any; undo takes it back on all of them.
    frames: measures the window's frame rate.
    runaway: says when a grid's states run away.
    """

    def __init__(
        self,
        sim: Simulation,
        software: bool = False,
        watch: ModelWatch | None = None,
        prefs: Preferences | None = None,
    ) -> None:
        self.sim, self.software = sim, software
        self.watch, self.prefs = watch or ModelWatch(), prefs or Preferences()
        self.models: dict[str, Model] = {}
        # The simulation keeps every version as well because its journal names it: 24 kB for one of the usual size.
        self._names: dict[Model, str] = {}
        self._warned: set[str] = set()
        self._deferred: list[Callable[[], object]] = []
        self.collection: Opened | None = None
        self.reload_note = ""
        self.recorder = Recorder(sim)
        self.session_file = SessionFile()
        self.brush = Brush()
        self.probe = Probe()
        self.photos: dict[str, Photo] = {}
        self.spill = Spill()
        self.panes: list[Pane] = []
        self.removed_panes: dict[int, RemovedPane] = {}
        self.selected = 0
        self.linked: set[int] = set()
        self.changes: WeakKeyDictionary[Edit, object] = WeakKeyDictionary()
        self.toasts: list[Toast] = []
        self.show_help, self.show_gallery, self.closing = False, False, False
        self.gallery_paints = False
        self.scroll_to = ""
        self.growing = False
        self.resize_keep: Keep = "centre"
        self.frames = Meter()
        self.runaway = self.sim.engine.world.watch

    # The grids

    @property
    def pane(self) -> Pane:
        """The selected pane."""
        return self.panes[min(self.selected, len(self.panes) - 1)]

    @property
    def grid(self) -> Grid:
        """The selected grid."""
        return self.pane.grid

    @property
    def running(self) -> bool:
        """Whether any grid runs or anything is recorded."""
        return self.recorder.active or any(
            not grid.settings.paused and grid.settings.steps_per_second > 0 for grid in self.sim.grids.values()
        )

    @property
    def default_size(self) -> Size:
        """The (width, height) of a new grid for which no size was given."""
        return SIZE_IN_SOFTWARE if self.software else SIZE_ON_GPU

    def select(self, index: int) -> None:
        """Select the pane at a place. A place without a pane changes nothing."""
        if 0 <= index < len(self.panes):
            self.selected = index

    def select_grid(self, number: int) -> None:
        """Select the pane of a grid, which may be new."""
        self.sync()
        self.select([pane.grid.id for pane in self.panes].index(number))

    def linked_grids(self) -> list[int]:
        """Return the number of the selected grid, followed by those of the grids linked with it."""
        here = self.grid.id
        return [here, *sorted(self.linked - {here})] if here in self.linked else [here]

    def sync(self) -> None:
        """Run the deferred actions, update the panes to the simulation's grids and read the meters."""
        deferred, self._deferred = self._deferred, []
        for action in deferred:
            self.attempt(action)
        known = {pane.grid.id: pane for pane in self.panes}
        self.panes = [known.get(number) or Pane(grid) for number, grid in self.sim.grids.items()]
        self.selected = max(0, min(self.selected, len(self.panes) - 1))
        self.linked &= self.sim.grids.keys()
        for pane in self.panes:
            pane.camera.prefers_fill = self.prefs.fill and len(self.panes) == 1
            pane.meter.update(pane.grid.timeline.tip)  # which undoing and rewinding never reduce
        self.probe.prune(self.sim.grids)
        now = time.monotonic()
        self.toasts = [toast for toast in self.toasts if toast.until > now][-notices.MOST_SHOWN :]

    def defer(self, action: Callable[[], object]) -> None:
        """Run an action before the next frame, as for what may remove something that this frame still draws."""
        self._deferred.append(action)

    # The side bar

    def open_section(self, title: str) -> None:
        """Unfold a section of the side bar and scroll to it."""
        self.prefs.show_panel, self.scroll_to = True, title
        if title in self.prefs.closed:
            self.prefs.closed.remove(title)

    # Models and files

    def add_model(self, model: Model) -> None:
        """Add a model to the open models, if it isn't one of them."""
        self.set_model(self._names.get(model, self.sim.register(model)), model)

    def set_model(self, name: str, model: Model) -> None:
        """Add a model, or its new version, to the open models. All its versions share the name."""
        self.models[name], self._names[model] = model, name
        notes = [f"{name}: {note}." for note in model.config.notes]
        warnings = [*filter(None, [credits.licence_warning(name, model.config)]), *notes]
        if name not in self._warned and warnings:
            self._warned.add(name)
            for warning in warnings:
                self.notify(warning)

    def known_name(self, model: Model) -> str | None:
        """Return the name of an open model, given any of its versions; None if it isn't open."""
        return self._names.get(model)

    def name_of(self, model: Model) -> str:
        """Return the name to show for a model."""
        return self._names.get(model, model.config.name)

    def add_recent(self, path: Path) -> None:
        """Add an opened file to the recent files. The gallery lists shipped models anyway."""
        if path.absolute() not in model_files.shipped_models():
            self.prefs.add_recent(path)

    # Notices

    def notify(self, text: str, kind: notices.Severity = "info") -> None:
        """Show a line. The same line is shown only once."""
        text = as_text(text)
        self.toasts = [toast for toast in self.toasts if toast.text != text]
        self.toasts.append(Toast(text, kind, time.monotonic() + notices.SECONDS[kind]))

    def warn_of_runaways(self) -> None:
        """Say once of each grid whose states run away that they do, and why that may be.

        A grid is not looked at while a step is being made: that would wait for it.
        """
        for grid in self.sim.grids.values():
            if not grid.cells.busy and (sentence := self.runaway.look(grid)):
                self.notify(f"{sentence} Undo, erase or start it from the seed to go on.", "error")

    def ask_question(self, text: str, *buttons: Button, kind: notices.Severity = "info") -> None:
        """Show a line with buttons. It stays until it is answered or dismissed."""
        self.toasts.append(Toast(as_text(text), kind, buttons=buttons))

    def give_first_hints(self) -> None:
        """Show three hints, once in all starts."""
        if not self.prefs.hinted:
            self.prefs.hinted = True
            self.ask_question(notices.FIRST_HINTS, Button("Got it", "Don't show these hints again.", lambda: None))

    def attempt(self, action: Callable[[], object]) -> bool:
        """Run an action and show its error if it fails. Return whether it succeeded."""
        try:
            action()
        except (NCAError, MemoryError) as error:
            self.notify(notices.message_of(error), "error")
            return False
        return True

    def report(self, action: Callable[[], str]) -> bool:
        """Run an action and show the text it returns, or its error. Return whether it succeeded."""

        def run() -> None:
            if text := action():
                self.notify(text)

        return self.attempt(run)

    # Commands

    def submit(self, *commands: AnyCommand) -> bool:
        """Submit commands until one fails, and show its error. Return whether all succeeded."""
        return all(self.attempt(partial(self.sim.submit, command)) for command in commands)

    def submit_linked(self, make: Callable[[int], AnyCommand | None]) -> bool:
        """Submit a command to the selected grid and each grid linked with it. Return whether all succeeded.

        make: returns the command for a grid's number, or None for no command.
        """
        return self.submit_together(command for number in self.linked_grids() if (command := make(number)))

    def submit_together(self, commands: Iterable[AnyCommand]) -> bool:
        """Submit commands to several grids as one change. Return whether all succeeded."""
        change = object()
        done = [self.attempt(partial(self.submit_as, change, command)) for command in commands]
        return all(done)

    def submit_as(self, change: object, command: AnyCommand) -> None:
        """Submit a command to a grid, and note which change its edit is part of. Raise NCAError if it fails."""
        assert isinstance(command, OnGrid)
        grid = self.sim.grids[command.grid]
        before = grid.last_edit
        self.sim.submit(command)
        if (edit := grid.last_edit) and edit is not before:
            self.changes[edit] = change
