"""Height and normal maps of a texture, for programs that light it: each cell's brightness, or a channel, as its height.

Cells blend into each other. The plane repeats as the torus does, so maps tile wherever the picture does.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ncaengine.core import framing, looks
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Colour, Config
from ncaengine.core.srgb import LUMA
from ncaengine.core.types import F32, U8, U16
from ncaengine.io import picture_files

MapKind = Literal["normal", "height"]
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Relief:
    """How cells become heights, and heights normals."""

    source: str = "luminance"
    """luminance, red, green, blue, alpha, or the number of a channel, counted from 0."""
    strength: float = 4.0
    """How far the highest cell lies above the lowest, in cell widths; below 0, dark cells are high."""
    directx: bool = False
    """Whether green points down in normal maps, as DirectX wants it, instead of up, as OpenGL does."""


def draw_maps(
    state: F32, colour: Colour, kernel: Kernel, view: View, kinds: tuple[MapKind, ...], relief: Relief = Relief()
) -> dict[MapKind, U8 | U16]:
    """Return maps of a view by their kind.

    normal: (height, width, 3) uint8; flat places are (128, 128, 255).
    height: (height, width) uint16, from the lowest cell of the grid, 0, to the highest, 65535.

    state: (rows, columns, channels) float32.
    Raises NCAError if the relief's source is not a channel of the state.
    """
    cells = _levels(_values(state, colour, relief.source))
    step = 1 / view.scale
    wider = replace(view, width=view.width + 2, height=view.height + 2, x=view.x - step, y=view.y - step)
    heights = framing.blend(cells, kernel, wider)
    maps: dict[MapKind, U8 | U16] = {}
    for kind in kinds:
        if kind == "height":
            maps[kind] = np.round(np.clip(heights[1:-1, 1:-1], 0, 1) * 65535).astype(np.uint16)
        else:
            maps[kind] = _normals(heights * np.float32(relief.strength), step, relief.directx)
    return maps


def check_source(config: Config, source: str) -> None:
    """Raise NCAError if a model's cells don't have what heights are to be taken from."""
    _values(np.zeros((1, 1, config.channels), np.float32), config.colour, source)


def _values(state: F32, colour: Colour, source: str) -> F32:
    """Return a number for each cell: (rows, columns)."""
    rgb = looks.to_rgb(state, colour)
    if source == "luminance":
        return rgb @ LUMA
    if source in COLOURS:
        return rgb[..., COLOURS.index(source)]
    if source == "alpha" and not colour.alpha:
        raise NCAError("This model has no opacity; take the heights from luminance, a colour or a channel's number.")
    channels = state.shape[2]
    number = 3 if source == "alpha" else int(source) if source.isdecimal() and len(source) < 9 else channels
    if number >= channels:
        raise NCAError(
            f"There is no channel {source[:40]!r}; take the heights from luminance, red, green, blue, alpha, or a "
            f"number from 0 to {channels - 1}."
        )
    return state[..., number]


def _levels(values: F32) -> F32:
    """Return values as levels from 0, the lowest, to 1, the highest; all 0 where there is no difference."""
    values = np.nan_to_num(values.astype(np.float64))
    low, high = values.min(), values.max()
    out: F32 = ((values - low) / (high - low or 1)).astype(np.float32)
    return out


def _normals(heights: F32, step: float, directx: bool) -> U8:
    """Return a normal map. heights: in cell widths, with a rim of one pixel. step: a pixel in cell widths."""
    right = (heights[1:-1, 2:] - heights[1:-1, :-2]) / (2 * step)
    down = (heights[2:, 1:-1] - heights[:-2, 1:-1]) / (2 * step)
    normals = np.stack([-right, -down if directx else down, np.ones_like(right)], -1)
    normals /= np.sqrt((normals * normals).sum(-1, keepdims=True))
    return np.round((normals + 1) * 127.5).astype(np.uint8)


def path_beside(picture: Path, kind: MapKind) -> Path:
    """Return the file of a map beside its picture: zebra_normal.png for zebra.png."""
    stem, _, ending = picture.name.rpartition(".")  # .png is an ending, too
    return picture.parent / f"{stem}_{kind}.{ending}"


def write_maps(
    picture: Path, state: F32, colour: Colour, kernel: Kernel, view: View, kinds: tuple[MapKind, ...], relief: Relief
) -> list[Path]:
    """Write maps beside a picture, in its format, and return their files. Raises NCAError if one can't be written."""
    maps = draw_maps(state, colour, kernel, view, kinds, relief)
    for kind, pixels in maps.items():
        picture_files.write_picture(pixels, path_beside(picture, kind))
    return [path_beside(picture, kind) for kind in maps]
