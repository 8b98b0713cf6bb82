"""The brush: which tool the pointer is, and the settings that it paints with."""

from dataclasses import dataclass
from dataclasses import field as make
from pathlib import Path
from typing import Literal, get_args

from ncaengine.core.brushes import TITLES
from ncaengine.core.fields import FIELDS, Field, FieldInfo
from ncaengine.core.settings import SETTINGS, SettingInfo
from ncaengine.simulation.commands import Shape
from ncaengine.viewer.state.pane import Pane

ToolName = Literal[
    "look",
    "erase",
    "noise",
    "image",
    "copy",
    "patch",
    "rate",
    "scale",
    "angle",
    "model",
    "texture",
    "mark",
]
Point = tuple[float, float]
"""A point (x, y) of the plane, in cell widths."""
RADIUS_NOTCH, STRENGTH_NOTCH = 1.15, 0.05
"""One notch of the wheel multiplies the radius by the first, or adds the second to the strength."""


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
        Tool("erase", TITLES["erase"], "E", "Reset cells to the seed; the texture grows back over them."),
        Tool("noise", TITLES["noise"], "N", "Damage cells: their channels become random numbers."),
        Tool("image", TITLES["image"], "I", "Paint a picture's colours; the texture keeps them or grows over them."),
        Tool("copy", "Copy", "C", "Copy the cells inside the circle, to paste them elsewhere."),
        Tool("patch", TITLES["patch"], "B", "Paste the copied cells, on this grid or another."),
        Tool("rate", "Rate", "S", "Paint how often cells update: parts of a grid run at different speeds."),
        Tool("scale", "Cell scale", "D", "Paint the size of cells: below 1 the texture is larger, above 1 finer."),
        Tool("angle", "Alignment", "A", "Paint the direction of the cells' x axis: the texture turns with it."),
        Tool("model", "Model", "M", "Paint cells that run another model: textures grow into each other."),
        Tool("texture", TITLES["texture"], "U", "Paint another of the grid's textures; a soft brush blends them."),
        Tool("mark", "Areas", "J", "Mark areas of a picture that textures fill. J again: brush, lasso or wand."),
    )
}


def _field_value(title: str, field: FieldInfo, default: float, limits: FieldInfo | SettingInfo) -> SettingInfo:
    """Declare the value that a tool paints into a field."""
    logarithmic = SETTINGS[field.name].logarithmic if field.name in SETTINGS else False
    name = f"brush-{field.name}"
    return SettingInfo(name, title, field.help, limits.low, limits.high, field.unit, logarithmic, default)


BRUSH_SETTINGS = {
    "radius": SettingInfo(
        "brush-radius", "Radius", "Radius of the brush (wheel, [ and ]).", 0.5, 512, "cells", True, 8.0
    ),
    "strength": SettingInfo(
        "brush-strength", "Strength", "Share of the change that cells take (Shift and wheel).", 0, 1, default=1.0
    ),
    "tolerance": SettingInfo(
        "brush-tolerance",
        "Tolerance",
        "By how much of 255 a colour may differ from that under the wand.",
        0,
        255,
        default=24.0,
    ),
    "softness": SettingInfo(
        "brush-softness", "Softness", "Share of the radius over which the brush fades out.", 0, 1, default=0.3
    ),
}
"""The brush's settings, by the names of its attributes."""
PAINTED_VALUES: dict[ToolName, SettingInfo] = {
    "noise": SettingInfo("brush-noise", "Noise ±", "Largest absolute value of the random numbers.", 0, 4, default=1.0),
    "rate": _field_value("Rate", FIELDS["rate"], 0.25, FIELDS["rate"]),
    "scale": _field_value("Cell scale", FIELDS["scale"], 0.5, FIELDS["scale"]),
    "angle": _field_value("Turn by", FIELDS["angle"], 45.0, SETTINGS["angle"]),
}
"""The value that each tool with a number paints."""


@dataclass(eq=False)
class Stroke:
    """A stroke in progress."""

    pane: Pane
    last: Point
    """Where its last part ended."""
    value: float
    along: bool = False
    """Whether the value is the direction of the movement."""
    texture: str = ""
    """What the Texture tool paints."""
    points: list[Point] = make(default_factory=list)
    """Those of a lasso."""
    journal_length: int | None = None
    """Commands in the journal right after its last part; None before its first."""


@dataclass(eq=False)
class Brush:
    """The selected tool and the brush's settings."""

    tool: ToolName = "look"
    radius: float = float(BRUSH_SETTINGS["radius"].default)
    """In cell widths."""
    strength: float = float(BRUSH_SETTINGS["strength"].default)
    """0 … 1."""
    softness: float = float(BRUSH_SETTINGS["softness"].default)
    """The share of the radius that fades out, 0 … 1."""
    values: dict[ToolName, float] = make(
        default_factory=lambda: {tool: float(info.default) for tool, info in PAINTED_VALUES.items()}
    )
    """The value that each tool with a number paints."""
    along: bool = False
    """Whether Alignment paints the direction of the stroke instead of its value."""
    default: bool = False
    """Whether tools for fields paint the field's default."""
    image: str = ""
    """The picture to paint: a name in sim.arrays, '' for none."""
    image_file: Path | None = None
    """The file that was opened last as a picture to paint."""
    model: str = ""
    """The model to paint: a name in app.models, '' for the first that isn't the grid's own."""
    texture: str = ""
    """The texture to paint, '' for the grid's second."""
    shape: Shape = "brush"
    """How the tool Areas marks them."""
    tolerance: float = float(BRUSH_SETTINGS["tolerance"].default)
    """Of the wand, 0 … 255."""
    asks_picture: bool = False
    """Whether to open the dialog for the picture to paint, or to mark areas of."""
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
        info = BRUSH_SETTINGS["radius"]
        self.radius = min(max(float(f"{self.radius * RADIUS_NOTCH**notches:.4g}"), info.low), info.high)

    def change_strength(self, notches: float) -> None:
        """Make the brush stronger, or weaker if `notches` is negative."""
        self.strength = min(max(round(self.strength + STRENGTH_NOTCH * notches, 4), 0.0), 1.0)
