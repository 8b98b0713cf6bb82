"""Tools: what the pointer does on a picture, and how strokes become commands. No imgui in here."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from ncaengine.core import fields, lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS, Field
from ncaengine.io import scripts
from ncaengine.simulation.commands import Copy, Paint, SetModel, Show
from ncaengine.simulation.grid import Grid

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App
    from ncaengine.viewer.state.pane import Pane

Name = Literal["look", "erase", "noise", "image", "copy", "patch", "rate", "scale", "angle", "model"]
Place = tuple[float, float]
"""A point of the plane, in cell widths."""
LEAST_RADIUS, MOST_RADIUS = 0.5, 512.0
"""Of a brush, in cell widths."""
NOTCH, STRENGTH_NOTCH = 1.15, 0.05
"""What a notch of the wheel multiplies the radius by, and adds to the strength."""
SPACING = 1 / 8
"""A stroke goes on when the pointer has moved by this share of the radius: a slow one then builds up as much
at any frame rate."""
ALONG = 2.0
"""Cell widths at least that show the direction of a movement."""
MOST_NOISE = 4.0


@dataclass(frozen=True)
class Tool:
    """`letter`: its key. `what`: what it does, as a tooltip says it."""

    name: Name
    title: str
    letter: str
    what: str


TOOLS: dict[Name, Tool] = {
    tool.name: tool
    for tool in (
        Tool("look", "Look", "V", "Move the picture by dragging; the wheel zooms. Esc comes back here."),
        Tool("erase", "Erase", "E", "Put cells back to the seed; the texture grows over it again."),
        Tool("noise", "Noise", "N", "Damage cells: their channels become random numbers."),
        Tool("image", "Picture", "I", "Paint the colours of a picture; the texture takes them up or grows over them."),
        Tool("copy", "Copy", "C", "Take the cells within the circle, to paste them elsewhere."),
        Tool("patch", "Paste", "B", "Paste what was copied, on this grid or another."),
        Tool("rate", "Rate", "S", "Paint how often cells update themselves: parts of a grid at different speeds."),
        Tool("scale", "Cell scale", "D", "Paint the size of cells: below 1 the texture grows larger, above 1 finer."),
        Tool("angle", "Alignment", "A", "Paint which way cells take for their x axis: the texture turns with it."),
        Tool("model", "Model", "M", "Paint cells that run another model: textures grow into each other."),
    )
}


@dataclass(eq=False)
class Stroke:
    """One that is being made. along: its value is the direction of the movement."""

    pane: "Pane"
    last: Place
    value: float
    along: bool = False
    begun: bool = False


class Tools:
    """The tool in hand and what the brush is like.

    radius: in cell widths. strength, softness: 0 … 1. values: what tools with a number paint, by
    tool. along: Alignment paints the direction of the stroke instead. default: tools for fields
    paint the field's default. image, model: names among sim.arrays and app.models, '' for none.
    """

    def __init__(self, app: "App") -> None:
        self._app = app
        self.name: Name = "look"
        self.radius, self.strength, self.softness = 8.0, 1.0, 0.3
        self.values: dict[Name, float] = {"noise": 1.0, "rate": 0.25, "scale": 0.5, "angle": 45.0}
        self.along = self.default = False
        self.image = self.model = ""
        self._follow = True
        self._stroke: Stroke | None = None
        self._overlays: dict[int, tuple[Field, str]] = {}

    @property
    def active(self) -> bool:
        """Whether the left button paints, so that dragging does not move the picture."""
        return self.name != "look"

    @property
    def field(self) -> Field | None:
        """The field that the tool in hand paints."""
        return self.name if self.name in get_args(Field) else None  # type: ignore[return-value]

    def take(self, name: Name) -> None:
        """Take a tool in hand. One that paints a field shows that on the selected grid, see `follow`."""
        self.release()
        self.name = name
        self._put_back()
        if self._app.panes:
            self._reveal(self._app.grid)

    # The brush

    def widen(self, notches: float) -> None:
        """Make the brush larger, or smaller below 0."""
        self.radius = min(max(float(f"{self.radius * NOTCH**notches:.4g}"), LEAST_RADIUS), MOST_RADIUS)

    def strengthen(self, notches: float) -> None:
        """Make the brush stronger, or weaker below 0."""
        self.strength = min(max(round(self.strength + STRENGTH_NOTCH * notches, 4), 0.0), 1.0)

    @property
    def reach(self) -> float:
        """Radius of what a click touches: the brush's, or that of what was copied."""
        patch = self._app.sim.patch
        return patch.radius if self.name == "patch" and patch else self.radius

    def says(self, grid: Grid, default: bool = False) -> str:
        """The value that the tool in hand paints into a field, in words; '' for tools that paint the state."""
        if self.field is None:
            return ""
        spec = fields.FIELDS[self.field]
        plain = default or self.default
        if self.field == "model":
            return self._app.name_of(grid.model) if plain else self.model_for(grid)
        if self.field == "angle" and self.along and not plain:
            return "along the stroke"
        return f"{spec.default if plain else self.values[self.field]:.4g}{spec.unit}"

    # Maps shown while they are painted

    @property
    def follow(self) -> bool:
        """Whether a grid shows the map that is at work; its own overlay comes back when the tool is put down."""
        return self._follow

    @follow.setter
    def follow(self, value: bool) -> None:
        self._follow = value
        self._put_back()
        if self._app.panes:
            self._reveal(self._app.grid)

    def _reveal(self, grid: Grid) -> None:
        if self.field and self._follow and grid.look.overlay != self.field:
            before = grid.look.overlay
            if self._app.do(Show(grid.id, msgspec.structs.replace(grid.look, overlay=self.field))):
                self._overlays[grid.id] = (self.field, before)

    def _put_back(self) -> None:
        for number, (ours, before) in self._overlays.items():
            grid = self._app.sim.grids.get(number)
            if grid and grid.look.overlay == ours:
                self._app.do(Show(number, msgspec.structs.replace(grid.look, overlay=before)))
        self._overlays.clear()

    # Strokes

    def press(self, pane: "Pane", point: Place, default: bool = False) -> None:
        """The left button goes down at a point. `default`: a tool for fields paints the field's default."""
        self.release()
        if self.name == "copy":
            if self._app.do(Copy(pane.grid.id, point, self.radius)):
                self.take("patch")
        elif self.active:
            self._app.attempt(lambda: self._begin(pane, point, default or self.default))

    def _begin(self, pane: "Pane", point: Place, default: bool) -> None:
        if self.name == "image" and self.image not in self._app.sim.arrays:
            raise NCAError("There is no picture to paint with; open one under Brush.")
        if self.name == "model" and self.lacks_model(pane.grid) and not default:
            raise NCAError("Choose another model under Brush first.")
        along = self.name == "angle" and self.along and not default
        self._stroke = Stroke(pane, point, self._value(pane.grid, default), along)
        self._reveal(pane.grid)
        if not along:
            self._paint(point)

    def move(self, pane: "Pane", point: Place) -> None:
        """The pointer is at a point while the button is held; moves over other grids than the stroke's do nothing."""
        stroke = self._stroke
        if stroke is None or stroke.pane is not pane or self.name == "patch":
            return
        if math.dist(stroke.last, point) < (max(ALONG, self.radius / 4) if stroke.along else self.radius * SPACING):
            return
        if stroke.along:
            stroke.value = math.degrees(math.atan2(point[1] - stroke.last[1], point[0] - stroke.last[0]))
        self._paint(stroke.last, point)
        stroke.last = point

    def release(self, pane: "Pane | None" = None) -> None:
        """The button is let go: the end of the stroke, or of one on this pane."""
        if self._stroke and pane in (None, self._stroke.pane):
            self._stroke = None

    def _paint(self, *path: Place) -> None:
        stroke, sim = self._stroke, self._app.sim
        assert stroke is not None
        number = stroke.pane.grid.id
        # Something else may have come in between, as an undo: what follows is then a stroke of its own.
        last = sim.journal[-1].command if sim.journal else None
        more = stroke.begun and isinstance(last, Paint) and last.grid == number
        image = self.image if self.name == "image" else ""
        paint = Paint(
            number, self.name, path, self.radius, self.strength, self.softness, stroke.value, image, more  # type: ignore[arg-type]
        )  # fmt: skip
        stroke.begun = True
        if not self._app.do(paint):
            self.release()

    def _value(self, grid: Grid, default: bool) -> float:
        if self.field is None:
            return self.values.get(self.name, 1.0)
        if default:
            return fields.FIELDS[self.field].default
        return float(self._slot(grid)) if self.field == "model" else self.values[self.field]

    # Models

    def model_for(self, grid: Grid) -> str:
        """The name of the model that the brush paints on a grid: the chosen one, or the first that is not its own."""
        app = self._app
        if self.model in app.models:
            return self.model
        own = app.name_of(grid.model)
        names = [*(app.name_of(model) for model in grid.models[1:]), *app.models]
        return next((name for name in names if name != own), own)

    def lacks_model(self, grid: Grid) -> bool:
        """Whether the model brush would paint nothing but the one model that the grid runs anyway."""
        return len(grid.models) == 1 and self.model_for(grid) == self._app.name_of(grid.model)

    def _slot(self, grid: Grid) -> int:
        return put_model(self._app, grid, self.model_for(grid))


def put_model(app: "App", grid: Grid, name: str) -> int:
    """The slot of a model on a grid, where it is put if it is not there yet. Raises NCAError, saying why it cannot."""
    names = [app.name_of(model) for model in grid.models]
    if name in names:
        return names.index(name)
    if len(names) >= MAX_MODELS:
        raise NCAError(f"A grid runs at most {MAX_MODELS} models; take one away under Maps first.")
    app.sim.submit(SetModel(grid.id, app.sim.register(app.models[name]), len(names)))
    return len(names)


def paint_at_middle(app: "App") -> None:
    """One press of the tool in hand at the middle of what is seen of the selected grid."""
    tools, pane = app.tools, app.pane
    if not tools.active:
        app.tell("Take a tool in hand first, as Erase with the key E.")
        return
    x, y = pane.camera.x, pane.camera.y
    if pane.camera.zoom is None:  # the whole grid, whose middle the camera learns when it is drawn
        corner, extent = lattice.corner(pane.grid.kernel), lattice.extent(pane.grid.kernel, pane.grid.size)
        x, y = corner[0] + extent[0] / 2, corner[1] + extent[1] / 2
    tools.press(pane, (x, y))
    if tools.name == "angle" and tools.along:  # which needs a movement
        tools.move(pane, (x + max(ALONG, tools.radius / 4), y))
    tools.release()


def use_picture(app: "App", path: Path) -> None:
    """Take a picture from a file to paint with. Raises NCAError."""
    image = scripts.open_image(path)
    app.tools.take("image")
    app.tools.image = app.sim.register_array(path.stem, image)


def taking(name: Name) -> Callable[["App"], None]:
    """The action that takes a tool in hand."""
    return lambda app: app.tools.take(name)
