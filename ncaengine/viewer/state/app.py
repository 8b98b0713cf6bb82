"""App: all that the window knows beside the simulation, and what its buttons and keys do. No imgui in here.

Every change of the simulation goes through `App.do`, which submits commands and turns an NCAError
into a toast, so that whatever goes wrong is read and the window runs on.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, cast

from ncaengine.backends.gl.device import Device
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.core.settings import SETTINGS
from ncaengine.core.states import Keep
from ncaengine.core.types import U8, Size
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.simulation.commands import AnyCommand, Reseed, Resize, Set, SetKernel, Step
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import grids, open_files
from ncaengine.viewer.actions.hot_reload import Reloader
from ncaengine.viewer.actions.session_files import Keeping, open_session
from ncaengine.viewer.actions.tools import Tools
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.file_watch import Watch
from ncaengine.viewer.state.pacing import Meter
from ncaengine.viewer.state.pane import Button, Options, Pane, Toast
from ncaengine.viewer.state.preferences import Prefs
from ncaengine.viewer.state.probe import Probe
from ncaengine.viewer.state.recorder import Recorder, usual_scale

SIZE_ON_GPU, SIZE_IN_SOFTWARE = (256, 256), (128, 128)
MOST_TOASTS = 4
STAY = {"error": 12.0, "news": 6.0}
"""Seconds that a line stays unless the pointer is over it."""


class App:
    """The window's own state and the actions behind its keys and buttons, all on the selected grid.

    models: those on offer, each in its last version, by a name that all its versions share.
    atlas: the file of several models that the gallery shows beside the others, if any.
    note: the last file that was reloaded, and when, in words. linked: numbers of the grids that change
    together, see `each`. later: what is done before the next frame is drawn.
    """

    def __init__(
        self, sim: Simulation, software: bool = False, watch: Watch | None = None, prefs: Prefs | None = None
    ) -> None:
        self.sim, self.software, self.watch, self.prefs = sim, software, watch or Watch(), prefs or Prefs()
        self.models: dict[str, Model] = {}
        # The simulation keeps every version as well, since its journal names it: 24 kB for one of the usual size.
        self._names: dict[Model, str] = {}
        self._warned: set[str] = set()
        self.atlas: Opened | None = None
        self.note = ""
        self.recorder = Recorder(sim)
        self.reloader = Reloader(self)
        self.keeping = Keeping(self)
        self.tools = Tools(self)
        self.probe = Probe()
        self.panes: list[Pane] = []
        self.toasts: list[Toast] = []
        self.selected = 0
        self.show_help, self.show_gallery, self.closing = False, False, False
        self.keep: Keep = "centre"
        self.linked: set[int] = set()
        self.later: list[Callable[[], object]] = []
        self.frames = Meter()

    @property
    def show_panel(self) -> bool:
        """Whether the side bar is there; the next start remembers it."""
        return self.prefs.show_panel

    @show_panel.setter
    def show_panel(self, value: bool) -> None:
        self.prefs.show_panel = value

    @property
    def lines(self) -> bool:
        """Whether lines part the cells, when close; the next start remembers it."""
        return self.prefs.lines

    @lines.setter
    def lines(self, value: bool) -> None:
        self.prefs.lines = value

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
        """Whether anything moves by itself."""
        return self.recorder.active or any(
            not grid.settings.paused and grid.settings.steps_per_second > 0 for grid in self.sim.grids.values()
        )

    def open(self, models: Sequence[Model], options: Options) -> None:
        """Add a grid for each model. Raises NCAError if one cannot be had."""
        size = options.size or self.usual_size
        self.recorder.scale = usual_scale(size)
        for model, rate in zip(models, options.rates(len(models)), strict=True):
            self.sim.add(model, size, options.kernel, rate, rng_seed=options.rng_seed)
            self.make_known(model)
            if path := self.watch.path_of(model):
                self.remember(path)
        if options.atlas:
            open_files.show_atlas(self, options.atlas)
        self.sync()

    @property
    def usual_size(self) -> Size:
        """(width, height) of a grid for which none was asked."""
        return SIZE_IN_SOFTWARE if self.software else SIZE_ON_GPU

    def open_session(self, path: Path) -> None:
        """Open a session, or a still that holds one, in place of everything. Raises NCAError."""
        open_session(self, path)

    def remember(self, path: Path) -> None:
        """Note a file as opened; the shipped ones are on offer anyway."""
        if path.absolute() not in model_files.shipped_models():
            self.prefs.opened(path)

    def make_known(self, model: Model) -> None:
        """Put a model on offer, if it is not."""
        self.offer(self._names.get(model, self.sim.register(model)), model)

    def offer(self, name: str, model: Model) -> None:
        """Put a model, or a new version of it, on offer under a name that all its versions share."""
        self.models[name], self._names[model] = model, name
        if name not in self._warned and (said := credits.warning(name, model.config)):
            self._warned.add(name)
            self.tell(said)

    def known_name(self, model: Model) -> str | None:
        """The name under which a model, in whatever version, is on offer; None if it is not."""
        return self._names.get(model)

    def name_of(self, model: Model) -> str:
        """The name to show for a model."""
        return self._names.get(model, model.config.name)

    def sync(self) -> None:
        """Bring the panes in line with the simulation's grids and read the meters."""
        later, self.later = self.later, []
        for action in later:
            self.attempt(action)
        known = {pane.grid.id: pane for pane in self.panes}
        self.panes = [known.get(number) or Pane(grid) for number, grid in self.sim.grids.items()]
        self.selected = max(0, min(self.selected, len(self.panes) - 1))
        self.linked &= self.sim.grids.keys()
        for pane in self.panes:
            pane.meter.update(pane.grid.timeline.tip)  # which undoing and rewinding never make later
        self.probe.keep(self.sim.grids)
        now = time.monotonic()
        self.toasts = [toast for toast in self.toasts if toast.until > now][-MOST_TOASTS:]

    def reload(self) -> bool:
        """Run what was written to models, kernels and shaders since the last look; returns if there was anything."""
        return self.reloader.look()

    # Saying and doing

    def tell(self, text: str, kind: Literal["error", "news"] = "news") -> None:
        """Show a line; the same one is shown once."""
        self.toasts = [toast for toast in self.toasts if toast.text != text]
        self.toasts.append(Toast(text, kind, time.monotonic() + STAY[kind]))

    def ask(self, text: str, *buttons: Button) -> None:
        """Show a line with buttons; it stays until it is answered or dismissed."""
        self.toasts.append(Toast(text, "news", buttons=buttons))

    def attempt(self, action: Callable[[], object]) -> bool:
        """Run an action; an NCAError becomes a toast. Returns whether it went well."""
        try:
            action()
        except (NCAError, MemoryError) as error:
            self.tell(str(error) or "There is not enough memory for that.", "error")
            return False
        return True

    def do(self, *commands: AnyCommand) -> bool:
        """Submit commands, up to the first that cannot be carried out."""
        return all(self.attempt(partial(self.sim.submit, command)) for command in commands)

    def each(self, make: Callable[[int], AnyCommand | None]) -> bool:
        """Submit a command to the selected grid and, if it is linked, one to each grid linked with it; None is none.

        Returns whether all went well.
        """
        done = [self.do(command) for number in self._together() if (command := make(number))]
        return all(done)

    def _together(self) -> list[int]:
        """Numbers of the selected grid and those linked with it."""
        here = self.grid.id
        return [here, *sorted(self.linked - {here})] if here in self.linked else [here]

    # Actions

    def select(self, index: int) -> None:
        """Select a pane by its place, round about; a place that is not there changes nothing."""
        if 0 <= index < len(self.panes):
            self.selected = index

    def select_next(self, by: int = 1) -> None:
        """Select the next or previous pane."""
        self.selected = (self.selected + by) % max(1, len(self.panes))

    def set(self, setting: str, value: float | bool) -> None:
        """Change a setting of the selected grid and those linked with it."""
        self.each(lambda number: Set(number, setting, value))

    def toggle_pause(self) -> None:
        """Pause or run the selected grid."""
        self.set("paused", not self.grid.settings.paused)

    def toggle_all(self) -> None:
        """Pause all grids, or run them if all stand still."""
        paused = any(not grid.settings.paused for grid in self.sim.grids.values())
        self.do(*(Set(number, "paused", paused) for number in self.sim.grids))

    def step(self) -> None:
        """Pause the selected grid and make one step."""
        if not self.grid.settings.paused:
            self.set("paused", True)
        self.each(Step)

    def faster(self, factor: float) -> None:
        """Multiply the selected grid's speed, within its range."""
        spec = SETTINGS["steps_per_second"]

        def times(number: int) -> AnyCommand:
            now = self.sim.grids[number].settings.steps_per_second
            return Set(number, spec.name, min(max(now * factor, spec.low), spec.high) if now else max(factor, 1.0))

        self.each(times)

    def reseed(self, same: bool = False) -> None:
        """Start the selected grid afresh, with the next seed number or the same one."""
        self.each(lambda number: Reseed(number, self.sim.grids[number].rng_seed + (not same)))

    def use_seed(self, rng_seed: int) -> None:
        """Start the selected grid afresh from a seed number."""
        self.each(lambda number: Reseed(number, rng_seed))

    def kernels(self) -> tuple[list[str], list[str]]:
        """Names of the kernels that the selected grid's model is known to grow on, and of all others."""
        every, known = self.sim.catalogue.kernels, self.grid.model.config.kernels
        return [name for name in known if name in every], [name for name in every if name not in known]

    def next_kernel(self, every: bool = False) -> None:
        """Run the selected grid on the next kernel that its model is known to grow on, or the next of all."""
        known, others = self.kernels()
        names = known + others if every or not known else known
        here = names.index(self.grid.kernel.name) if self.grid.kernel.name in names else -1
        self.use_kernel(names[(here + 1) % len(names)])

    def use_kernel(self, name: str) -> None:
        """Run the selected grid on a kernel."""
        self.each(lambda number: SetKernel(number, name))

    def use_model(self, name: str) -> None:
        """Run another model of those on offer on the selected grid."""
        for number in self._together():
            self.do(*grids.as_trained(self, number, self.models[name]))

    def resize(self, size: Size, keep: Keep | None = None) -> None:
        """Resize the selected grid, in the way that is chosen in the side bar or in another."""
        how = keep or self.keep
        self.each(lambda number: Resize(number, size, how) if size != self.sim.grids[number].size else None)

    def fit(self) -> None:
        """Show the whole of the selected grid."""
        self.pane.camera.fit()

    def toggle_repeat(self) -> None:
        """Show the selected grid's endless plane, or one grid."""
        self.pane.camera.repeat = not self.pane.camera.repeat

    def open_gallery(self) -> None:
        """Show the models that can be opened."""
        self.show_gallery = True

    def toggle_recording(self) -> None:
        """Start to record the selected grid, or finish the recording."""
        if not self.panes:
            self.tell("There is no grid to record; open a model first.", "error")
        elif not self.recorder.active:
            self.attempt(lambda: self.recorder.start(self.grid))
        else:
            self.attempt(lambda: self.tell(self.recorder.stop()))

    def record_frame(self) -> None:
        """Let one frame of the recording, or of its countdown, pass."""
        self.attempt(lambda: self._tell_any(self.recorder.frame()))

    def record_window(self, pixels: U8) -> None:
        """Take the window's picture, (height, width, 3) uint8, if it is what is recorded."""
        self.attempt(lambda: self._tell_any(self.recorder.take(pixels)))

    def _tell_any(self, text: str) -> None:
        if text:
            self.tell(text)

    def quit(self) -> None:
        """Close the window without a question."""
        self.keeping.sure = self.closing = True

    def close(self) -> None:
        """Finish a recording that still runs."""
        self.attempt(self.recorder.stop)


def is_software(sim: Simulation) -> bool:
    """Whether the simulation's shaders run on the processor."""
    device = getattr(sim.backend, "device", None)
    return device is not None and cast(Device, device).form == "unrolled"
