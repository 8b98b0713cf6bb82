"""The brush: which tool the pointer is, and the settings that it paints with."""

from dataclasses import dataclass
from dataclasses import field as make
from typing import Literal, get_args

from ncaengine.core.fields import Field
from ncaengine.viewer.state.pane import Pane

ToolName = Literal["look", "erase", "noise", "image", "copy", "patch", "rate", "scale", "angle", "model"]
Point = tuple[float, float]
"""A point (x, y) of the plane, in cell widths."""
LEAST_RADIUS, MOST_RADIUS = 0.5, 512.0
"""Limits of a brush's radius, in cell widths."""
RADIUS_NOTCH, STRENGTH_NOTCH = 1.15, 0.05
"""One notch of the wheel multiplies the radius by the first, or adds the second to the strength."""
MOST_NOISE = 4.0


@dataclass(frozen=True)
class Tool:
    """A tool of the tool bar."""

    name: ToolName
    title: str
    letter: str
    """Its key."""
    help: str
    """What it does, for a tooltip."""


TOOLS: dict[ToolName, Tool] = {
    tool.name: tool
    for tool in (
        Tool("look", "Look", "V", "Drag to move the picture; use the wheel to zoom. Esc returns to this tool."),
        Tool("erase", "Erase", "E", "Reset cells to the seed; the texture grows back over them."),
        Tool("noise", "Noise", "N", "Damage cells: their channels become random numbers."),
        Tool("image", "Picture", "I", "Paint the colours of a picture; the texture keeps them or grows over them."),
        Tool("copy", "Copy", "C", "Copy the cells inside the circle, to paste them elsewhere."),
        Tool("patch", "Paste", "B", "Paste the copied cells, on this grid or another."),
        Tool("rate", "Rate", "S", "Paint how often cells update: parts of a grid run at different speeds."),
        Tool("scale", "Cell scale", "D", "Paint the size of cells: below 1 the texture is larger, above 1 finer."),
        Tool("angle", "Alignment", "A", "Paint the direction of the cells' x axis: the texture turns with it."),
        Tool("model", "Model", "M", "Paint cells that run another model: textures grow into each other."),
    )
}


@dataclass(eq=False)
class Stroke:
    """A stroke in progress."""

    pane: Pane
    last: Point
    """Where its last part ended."""
    value: float
    along: bool = False
    """Whether the value is the direction of the movement."""
    journal_length: int | None = None
    """Commands in the journal right after its last part; None before its first."""


@dataclass(eq=False)
class Brush:
    """The selected tool and the brush's settings."""

    tool: ToolName = "look"
    radius: float = 8.0
    """In cell widths."""
    strength: float = 1.0
    """0 … 1."""
    softness: float = 0.3
    """The share of the radius that fades out, 0 … 1."""
    values: dict[ToolName, float] = make(
        default_factory=lambda: {"noise": 1.0, "rate": 0.25, "scale": 0.5, "angle": 45.0}
    )
    """The value that each tool with a number paints."""
    along: bool = False
    """Whether Alignment paints the direction of the stroke instead of its value."""
    default: bool = False
    """Whether tools for fields paint the field's default."""
    image: str = ""
    """The picture to paint: a name in sim.arrays, '' for none."""
    model: str = ""
    """The model to paint: a name in app.models, '' for the first that isn't the grid's own."""
    shows_map: bool = True
    """Whether a grid shows the field that the tool paints, until another tool is selected."""
    stroke: Stroke | None = None
    overlays: dict[int, tuple[Field, str]] = make(default_factory=dict)
    """Grids that show the tool's field: by grid number the field and the overlay that it replaced."""

    @property
    def active(self) -> bool:
        """Whether the left button paints. If not, dragging moves the picture."""
        return self.tool != "look"

    @property
    def field(self) -> Field | None:
        """The field that the selected tool paints, if it paints one."""
        return self.tool if self.tool in get_args(Field) else None  # type: ignore[return-value]

    def change_radius(self, notches: float) -> None:
        """Make the brush larger, or smaller if `notches` is negative."""
        self.radius = min(max(float(f"{self.radius * RADIUS_NOTCH**notches:.4g}"), LEAST_RADIUS), MOST_RADIUS)

    def change_strength(self, notches: float) -> None:
        """Make the brush stronger, or weaker if `notches` is negative."""
        self.strength = min(max(round(self.strength + STRENGTH_NOTCH * notches, 4), 0.0), 1.0)
