"""Live widgets: a grid that runs in the browser or in Python, and whose settings and strokes are commands.

They are anywidgets, which Jupyter, VS Code, Colab and Marimo show. Messages reach Python between the runs of cells.
"""

import base64
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import anywidget
import msgspec
import numpy as np
import traitlets

from ncaengine.core import resources
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SETTINGS
from ncaengine.core.types import F32
from ncaengine.core.validation import explain_invalid
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.notebook import frame, packed

ALLOWED = ("Paint", "Fill", "Set", "SetKernel", "SetModel", "Resize", "Reseed", "Step")
"""The commands that a browser may submit, to its own grid."""
LONGEST = 0.25
"""Seconds that may pass between two pictures; the grid is slower than its speed where they take longer."""
MOST_WORK = 2**24
"""Cells times steps between two pictures."""

_asked: WeakKeyDictionary[Simulation, float] = WeakKeyDictionary()
"""When a picture of a Simulation was last asked for: it has one clock, however many views show its grids."""


PageText = Callable[[tuple[F32, int] | None], str]
"""Makes the text of a page that goes on from a grid, or from another state of it and its step."""


def script(name: str) -> str:
    """Return one of assets/notebook/'s scripts."""
    return (resources.folder("assets") / "notebook" / name).read_text("utf-8")


class LiveWidget(anywidget.AnyWidget):
    """Base of the live widgets: it submits the browser's commands to a Simulation.

    Attributes:
        sim: The Simulation.
        grid: The grid that is shown.
    """

    title = traitlets.Unicode().tag(sync=True)

    def __init__(self, sim: Simulation, grid: Grid, **traits: object) -> None:
        super().__init__(title=grid.model.config.name, **traits)
        self.sim, self.grid = sim, grid
        self._models = list(grid.models)
        self._refused = ""
        self.on_msg(self.hear)

    def state(self) -> F32:
        """Return a copy of the cells: (height, width, channels) float32."""
        return self._present().state()

    def _present(self) -> Grid:
        """Return the grid. Raises NCAError if it was removed."""
        if self.sim.grids.get(self.grid.id) is not self.grid:
            raise NCAError(f"Grid {self.grid.id} of this widget was removed; show another one.")
        return self.grid

    def receive(self, message: dict[str, Any], buffers: list[Any]) -> None:
        """Do what a message from the browser asks for. Raises NCAError if it can't be done."""
        if message.get("type") not in ALLOWED:
            raise NCAError(f"The browser can't submit {message.get('type')!r}; choose from: {', '.join(ALLOWED)}.")
        values = {**message, "grid": self.grid.id}
        if values["type"] == "SetModel":  # the page counts models
            values["model"] = self._name(message.get("model"))
        try:
            command = msgspec.convert(values, AnyCommand)
        except msgspec.ValidationError as error:
            raise NCAError(f"The browser's command is not valid: {explain_invalid(error, AnyCommand)}") from None
        self.sim.submit(command)

    def _name(self, number: object) -> str:
        """Return the name of one of the page's models, by its number; '' for a number below 0."""
        if not isinstance(number, int) or number >= len(self._models):
            raise NCAError(f"The page has no model {number}; it has {len(self._models)}.")
        return self.sim.register(self._models[number]) if number >= 0 else ""

    def hear(self, _widget: object, message: dict[str, Any], buffers: list[Any]) -> None:
        """Do what a message asks for, or send why it can't be done; that is read until the same can be done."""
        action = str(message.get("setting") or message.get("kind") or message.get("type"))
        try:
            self.receive(message, buffers)
        except NCAError as error:
            self._refused = action
            self.send({"kind": "said", "text": str(error), "asker": message.get("asker")})
        else:
            if action == self._refused:
                self._refused = ""
                self.send({"kind": "said", "text": ""})

    def _repr_mimebundle_(self, **given: Any) -> Any:
        found = super()._repr_mimebundle_(**given)
        plain, *rest = found if isinstance(found, tuple) else (found,)
        picture = frame.png_of(self.grid.picture(packed.whole(self.grid)))
        bundle = {**(plain or {}), "image/png": base64.b64encode(picture).decode()}
        return (bundle, *rest) if rest else bundle


class PageWidget(LiveWidget):
    """A grid that runs in the browser, on a page in a frame.

    The page makes its own steps. Its settings and strokes are submitted to the Simulation as they come; before a
    stroke that depends on the cells, the Simulation loads those of the browser, so its journal repeats what was seen.

    Attributes:
        step: The steps that the browser's grid had made when it last sent its cells.
    """

    _esm = script("frame.js")
    page = traitlets.Unicode().tag(sync=True)
    sandbox = traitlets.Unicode(frame.SANDBOX).tag(sync=True)
    height = traitlets.Int().tag(sync=True)

    def __init__(self, sim: Simulation, grid: Grid, page: PageText, height: int = frame.HEIGHT) -> None:
        super().__init__(sim, grid, page=page(None), height=height)
        self.step = grid.step
        self._cells: F32 | None = None
        self._page_of, self._made_at = page, self._moment()
        self._view: str | None = None

    def state(self) -> F32:
        """Return a copy of the browser's cells: (height, width, channels) float32.

        They are those that it sent last: all that it has while it stands still, and those of a second ago while it
        runs. Before it has sent any, they are the Simulation's.
        """
        return super().state() if self._cells is None else self._cells.copy()

    def pull(self) -> None:
        """Make the Simulation's grid go on from the browser's cells."""
        if self._cells is not None:
            self.sim.load(self._cells, self.grid)

    def push(self) -> None:
        """Make the browser's grid go on from the Simulation's cells, and its maps."""
        self._cells, self.step = super().state(), self.grid.step
        self.send({"kind": "begin"}, [packed.cells(self.grid, exact=self._cells.size <= packed.MOST_NUMBERS // 2)])

    def receive(self, message: dict[str, Any], buffers: list[Any]) -> None:
        """Do what the page says: keep its cells, load them, or submit its command. Raises NCAError if it can't."""
        kind, view = message.get("kind"), message.get("view")
        if kind == "hello":
            self._follow(str(view))
        elif view == self._view:  # not what was done in an older view, or on a page that was replaced since
            self._receive({name: value for name, value in message.items() if name != "view"}, buffers)

    def _follow(self, view: str) -> None:
        """Hear a view that was opened, and no other. Where the grid is not as when it was shown, it gets a new page."""
        self._view, page = view, ""
        if self._moment() != self._made_at or self._cells is not None:
            grid, cells = self._present(), self._cells
            at = (cells, self.step) if cells is not None and cells.shape == grid.state().shape else None
            page = self._page_of(at)
            self._view, self._models = f"{view}'", list(grid.models)
        self.send({"kind": "view", "view": view, "renamed": self._view, "page": page})

    def _moment(self) -> tuple[int, int]:
        return self.sim.engine.tick, len(self.sim.journal)

    def _receive(self, message: dict[str, Any], buffers: list[Any]) -> None:
        kind = message.get("kind")
        if kind not in ("cells", "Load"):
            super().receive(message, buffers)
            return
        try:
            width, height = message["size"]
            self._cells = np.frombuffer(buffers[0], "<f4").reshape(height, width, -1)
        except (LookupError, ValueError, TypeError):
            raise NCAError("The browser sent cells that don't fit its size.") from None
        self.step = int(message["steps"])
        if kind == "Load":
            self.pull()
        else:
            self.send({"kind": "seen"})


class StreamWidget(LiveWidget):
    """A grid that runs in Python, between the runs of cells, and sends its pictures to the browser."""

    _esm = script("stream.js")
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, sim: Simulation, grid: Grid) -> None:
        super().__init__(sim, grid, settings={name: getattr(grid.settings, name) for name in SETTINGS})
        self._sent = -1

    def receive(self, message: dict[str, Any], buffers: list[Any]) -> None:
        """Do what the view asks for: the next picture, or a command. Raises NCAError if it can't be done."""
        if message.get("kind") == "frame":
            self._present()
            self._run()
            view, settings = packed.whole(self.grid), self.grid.settings
            told = {"kind": "frame", "asker": message.get("asker"), "step": self.grid.step, "paused": settings.paused}
            new = message.get("first") or self.grid.changes != self._sent
            self._sent = self.grid.changes
            picture = [frame.jpeg_of(self.grid.picture(view))] if new else []
            self.send({**told, "view": [view.scale, view.x, view.y]}, picture)
        else:
            super().receive(message, buffers)

    def _run(self) -> None:
        """Let the time pass since a picture was last asked for, unless steps are still due from before."""
        now = monotonic()
        seconds = min(now - _asked.get(self.sim, now), LONGEST)
        _asked[self.sim] = now
        if not self.sim.engine.busy:
            self.sim.engine.begin(round(seconds * TICKS_PER_SECOND))
        self.sim.engine.work(MOST_WORK)
