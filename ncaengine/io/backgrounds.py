"""What lies behind the transparent cells of a growing picture in a recording: a colour, or nothing."""

import math
from typing import Literal

import msgspec
import numpy as np
from PIL import ImageColor

from ncaengine.core import canvas, looks
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import View, whole_view
from ncaengine.core.model import Colour
from ncaengine.core.types import F32, U8
from ncaengine.simulation.grid import Grid

Background = Literal["transparent"] | tuple[float, float, float]
"""RGB, each 0 to 1, or transparent: pictures then have a fourth channel, opacity."""


def parse_background(text: str) -> Background:
    """Return a background from its name: transparent, or a colour as white, #f80 or rgb(9, 9, 9). Raises NCAError."""
    if text == "transparent":
        return "transparent"
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise NCAError(
            f"{text[:40]!r} is not a background; use transparent, or a colour such as white or #ff8800."
        ) from None
    return red / 255, green / 255, blue / 255


def as_background(given: Background | str) -> Background:
    """Return a background from its name, as parse_background, or from (red, green, blue). Raises NCAError."""
    if isinstance(given, str):
        return parse_background(given)
    try:
        red, green, blue = map(float, given)
    except (TypeError, ValueError):
        red = green = blue = math.nan
    if not all(0 <= part <= 1 for part in (red, green, blue)):
        raise NCAError(f"{given!r:.60} is not a background; use a name, or red, green and blue from 0 to 1.")
    return red, green, blue


def require_opacity(grid: Grid) -> None:
    """Raise NCAError if no cell of a grid's model is ever transparent."""
    if not grid.model.config.colour.alpha:
        raise NCAError(
            f"{grid.model.config.name} has no transparent cells, which only growing pictures have; "
            "leave out --background."
        )


def whole_picture(grid: Grid, background: Background | None, scale: int = 1) -> U8:
    """Return a grid's whole picture over a background, None for its model's: (height, width, 3 or 4) uint8."""
    return picture_over(grid, background, whole_view(grid.kernel, grid.size, scale))


def picture_over(grid: Grid, background: Background | None, view: View, raw: bool = False) -> U8:
    """Return the picture of a view over a background: (height, width, 3) uint8, or (height, width, 4) if transparent.

    None takes the model's background.

    RGB of a transparent picture is not multiplied by opacity, as PNG, WebP and QuickTime want it.
    """
    if background is None:
        return grid.picture(view, raw)
    state = grid.state()
    if background != "transparent":
        return _drawn(grid, state, background, view, raw)
    on_black, on_white = (_drawn(grid, state, (level,) * 3, view, raw).astype(np.float32) for level in (0.0, 1.0))
    # What shows through is the difference; a channel that is clipped shows less of it than the others.
    opacity = (255 - (on_white - on_black)).max(-1, keepdims=True).clip(0, 255)
    rgb = np.round(on_black * 255 / np.maximum(opacity, 1)).clip(0, 255)
    return np.concatenate([rgb, opacity], -1).astype(np.uint8)


def _drawn(grid: Grid, state: F32, background: tuple[float, ...], view: View, raw: bool) -> U8:
    colour: Colour = msgspec.structs.replace(grid.model.config.colour, background=tuple(background))
    if raw:
        return looks.raw_picture(state, colour)
    if grid.look.mode == "update":  # which only the device knows, and where nothing shows through
        return grid.picture(view)
    return grid.over_backdrop(canvas.draw(state, grid.kernel, colour, view, grid.look, None, grid.fields), view)
