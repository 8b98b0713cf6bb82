"""Looking at a lattice: which part of the plane a picture shows, and where each pixel falls.

Screen coordinates are in cell widths, y downwards; cell (column, row) has its middle at
column·basis[0] + row·basis[1]. On the torus the plane repeats without end.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from ncaengine.errors import NCAError
from ncaengine.fields import PLANE, Field
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Colour
from ncaengine.seeding import Size

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Mode = Literal["rgb", "channel", "three", "update", "alive"]

MAX_SCALE = 64
MAX_PIXELS = 2**28

UPDATE_GAIN = 20.0
"""Multiplies updates beside Look.gain: a step of a grown texture changes cells by 0.001 to 0.05."""
ALIVE = 0.1
"""Alpha above which a cell keeps itself and its neighbours alive (Growing NCA, Mordvintsev et al. 2020)."""
TINT = 0.5
"""How much of a cell's colour an overlay takes at most."""


def _colours(codes: str) -> F32:
    """(n, 3) float32 in [0, 1] of n colours as hexadecimal RRGGBB."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()], np.float32) / np.float32(255)


RAMPS: dict[Mode, F32] = {
    "channel": _colours("050f26 1b549c 868686 f2a154 fff3d4"),
    "update": _colours("000004 570f6d bb3754 f98e09 fcffa4"),
    "alive": _colours("14161c 14161c 14161c f4f1ea f4f1ea"),
}
"""Five colours evenly along the values of each mode that shows one number a cell."""
TINTS: dict[Field, F32] = {
    "rate": _colours("0a5fd0 0a5fd0 2a7fe0 4a9ff0 ffb040 ff9a20 ff8000 ff8000"),
    "scale": _colours("0a9080 0a9080 20a090 40b0a0 e070b0 d85aa8 d040a0 d040a0"),
    "angle": _colours("f0e060 f5b030 f07030 e04080 8040c0 3060e0 20a0c0 80c080"),
    # Okabe and Ito's colours, which stay apart for colour-blind eyes; the first model is not tinted.
    "model": _colours("000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7"),
}
"""Eight colours evenly along the values of each field: see _tint."""


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a cell is shown as its colour.

    mode: "rgb", the model's colours; "channel", the first of `channels`, from dark blue at -1 over
    grey at 0 to light orange at 1; "three", `channels` as red, green and blue, -1 dark, 0 mid-grey, 1
    bright; "update", how much the last step changed the cell: the root of the mean over all channels,
    from black to light yellow; "alive", whether the fourth channel, alpha in models that have one,
    exceeds 0.1 in the cell or in one of the eight around it in storage.
    gain: multiplies the values before they are shown, but for "rgb" and "alive".
    overlay: a field to tint cells by, where it is not at its default.
    """

    mode: Mode = "rgb"
    channels: tuple[Channel, Channel, Channel] = (0, 1, 2)
    gain: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    overlay: Field | Literal[""] = ""


RGB = Look()


Raster = Literal["aligned", "boxed", "sampled"]
"""How cells become pixels. aligned: rectangles of whole pixels, no pixel lies in two of them. boxed: each pixel is the
mean of rectangles, by the area that they cover. sampled: the mean of the cells nearest to some points, for all else."""


@dataclass(frozen=True)
class View:
    """A picture of `width`x`height` pixels, `scale` pixels a cell width.

    `x`, `y`: the point of the plane at the upper left corner of the picture, in cell widths.
    """

    width: int
    height: int
    scale: float
    x: float
    y: float

    def point(self, pixel_x: float, pixel_y: float) -> tuple[float, float]:
        """The point of the plane under a place in the picture (in pixels from its corner)."""
        return pixel_x / self.scale + self.x, pixel_y / self.scale + self.y

    def aligned(self, kernel: Kernel) -> bool:
        """Whether every pixel lies inside one cell: rectangular cells of whole pixels."""
        (ax, _), (bx, by) = kernel.basis
        places = self.scale * ax, self.scale * by, (self.x + ax / 2) * self.scale, (self.y + by / 2) * self.scale
        return bx == 0 and all(math.isclose(place, round(place), abs_tol=1e-6) for place in places)

    def raster(self, kernel: Kernel) -> "Raster":
        """How the lattice becomes pixels: see Raster."""
        if kernel.basis[1][0] == 0 and self._smallest(kernel) >= 0.5:
            return "aligned" if self.aligned(kernel) else "boxed"
        return "sampled"

    def _smallest(self, kernel: Kernel) -> float:
        return self.scale * min(kernel.basis[0][0], kernel.basis[1][1])

    def samples(self, kernel: Kernel) -> int:
        """Points a pixel side at which the lattice is looked at; if boxed, cells that a pixel's side may touch."""
        smallest, raster = self._smallest(kernel), self.raster(kernel)
        if raster == "boxed":
            return 2 if smallest >= 1 else 3
        return 1 if smallest >= 2 or raster == "aligned" else min(max(math.ceil(4 / smallest), 3), 6)


def extent(kernel: Kernel, size: Size) -> tuple[float, float]:
    """Width and height in cell widths of the rectangle that the torus covers on the screen."""
    (ax, _), (_, by) = kernel.basis
    return size[0] * ax, size[1] * by


def corner(kernel: Kernel) -> tuple[float, float]:
    """The upper left corner of that rectangle: half a cell before the middle of cell (0, 0)."""
    (ax, _), (_, by) = kernel.basis
    return -ax / 2, -by / 2


def whole(kernel: Kernel, size: Size, scale: int = 1, even: bool = False) -> View:
    """The picture of a whole grid at `scale` pixels a cell, at least 1x1 pixel.

    `even` makes both sides even, as video codecs need: the torus is drawn one pixel further. Raises
    NCAError unless `scale` is 1 … MAX_SCALE and the picture has at most MAX_PIXELS.
    """
    if not 1 <= scale <= MAX_SCALE:
        raise NCAError(f"A scale of {scale} pixels a cell is not possible; use 1 to {MAX_SCALE}.")
    width, height = (max(1, round(side * scale)) for side in extent(kernel, size))
    if even:
        width, height = width + width % 2, height + height % 2
    if width * height > MAX_PIXELS:
        raise NCAError(f"Pictures of {width}x{height} pixels are too large; use a smaller scale.")
    return View(width, height, float(scale), *corner(kernel))


def around(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64, F64]:
    """The four cells among which are the nearest to each point and those that it borders on there.

    (4, …) columns and rows on the unrolled plane, and how far inside each cell the point lies: its
    distance to the border with the nearest rival, in cell widths, below 0 outside.
    """
    (ax, _), (bx, by) = kernel.basis
    px, py = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    four = (4, *[1] * px.ndim)
    rows = np.floor(py / by) + np.array([0, 0, 1, 1]).reshape(four)
    columns = np.floor((px - rows * bx) / ax) + np.array([0, 1, 0, 1]).reshape(four)
    middle_x, middle_y = columns * ax + rows * bx, rows * by
    squared = (px - middle_x) ** 2 + (py - middle_y) ** 2
    inside = np.full(squared.shape, np.inf)
    for k in range(4):
        for j in set(range(4)) - {k}:
            apart = np.hypot(middle_x[j] - middle_x[k], middle_y[j] - middle_y[k])
            inside[k] = np.minimum(inside[k], (squared[j] - squared[k]) / (2 * apart))
    return columns.astype(np.int64), rows.astype(np.int64), inside


def nearest(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64]:
    """(column, row) on the unrolled plane of the cell nearest to each point."""
    columns, rows, inside = around(kernel, x, y)
    first = inside.argmax(0)[None]
    return np.take_along_axis(columns, first, 0)[0], np.take_along_axis(rows, first, 0)[0]


def on_torus(kernel: Kernel, size: Size, column: I64, row: I64) -> tuple[I64, I64]:
    """The storage place (column, row) of cells of the unrolled plane."""
    width, height = size
    wraps = row // height
    return (column + wraps * kernel.row_shift(height)) % width, row - wraps * height


def cell_at(kernel: Kernel, size: Size, view: View, pixel_x: float, pixel_y: float) -> tuple[int, int]:
    """The storage place (column, row) of the cell under a place in the picture."""
    column, row = on_torus(kernel, size, *nearest(kernel, *view.point(pixel_x, pixel_y)))
    return int(column), int(row)


def to_rgb(state: F32, colour: Colour) -> F32:
    """The RGB of each cell in [0, 1]: (…, 3) float32 from (…, channels)."""
    rgb: F32 = state[..., :3] * np.float32(colour.scale) + np.float32(colour.offset)
    if colour.alpha:
        rgb = rgb + (1 - np.clip(state[..., 3:4], 0, 1)) * np.array(colour.background, np.float32)
    clipped: F32 = np.clip(rgb, 0, 1)
    return clipped


@np.errstate(over="ignore", invalid="ignore")  # of a model that ran away
def shade(look: Look, state: F32, kernel: Kernel, colour: Colour, before: F32 | None, fields: F32 | None) -> F32:
    """What a look shows of each cell: (height, width, 3) float32 in [0, 1]; shaders/look.comp does the same.

    before: the state before the last step, None if there was none. fields: (height, width, 4), see
    fields; None for the defaults. Channels that the state lacks are 0.
    """
    rgb = _in_mode(look, state, kernel, colour, before)
    if look.overlay and fields is not None:
        place, amount = _tint(look.overlay, fields[..., PLANE[look.overlay]])
        rgb += np.float32(TINT) * amount[..., None] * (_along(TINTS[look.overlay], place) - rgb)
    return rgb


def _in_mode(look: Look, state: F32, kernel: Kernel, colour: Colour, before: F32 | None) -> F32:
    match look.mode:
        case "rgb":
            return to_rgb(state, colour)
        case "three":
            three = np.stack([_channel(state, channel) for channel in look.channels], -1)
            return to_rgb(three, Colour(look.gain / 2, 0.5))
        case "channel":
            place = 2 + 2 * np.float32(look.gain) * _channel(state, look.channels[0])
        case "update":
            change = np.zeros_like(state) if before is None else np.abs(state - before)
            place = 4 * np.sqrt(change.mean(-1) * np.float32(UPDATE_GAIN * look.gain))
        case "alive":
            place = 4 * _alive(state, kernel).astype(np.float32)
    return _along(RAMPS[look.mode], place)


def _channel(state: F32, channel: int) -> F32:
    return state[..., channel] if channel < state.shape[2] else np.zeros_like(state[..., 0])


def _alive(state: F32, kernel: Kernel) -> npt.NDArray[np.bool_]:
    """Whether alpha is high enough in a cell or one of the eight around it in storage, on the torus."""
    height, width, _ = state.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    around = [on_torus(kernel, (width, height), columns + dx, rows + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    alpha = _channel(state, 3)
    alive: npt.NDArray[np.bool_] = np.max([alpha[row, column] for column, row in around], 0) > np.float32(ALIVE)
    return alive


def _tint(field: Field, value: F32) -> tuple[F32, F32]:
    """Where among TINTS each value of a field lies, 0 … 7, and how strong the tint is, 0 … 1 (none at the default)."""
    if field == "model":
        slot: F32 = np.clip(np.floor(value + np.float32(0.5)), 0, 7)
        return slot, np.minimum(slot, 1)
    if field == "angle":
        turn = value / np.float32(360)
        turn -= np.floor(turn)
        return np.float32(7) * turn, np.minimum(2 * np.sin(np.float32(np.pi) * turn), 1)
    level = (np.log2(np.maximum(value, 0.25)) / 2).astype(np.float32)
    if field == "rate":
        level = np.where(value < 1, value - 1, level)  # so that 0, at rest, is furthest from the default
    level = np.clip(level, -1, 1)
    return np.float32(3.5) + np.float32(3.5) * level, np.abs(level)


def _along(stops: F32, place: F32) -> F32:
    """The colours at places among evenly spaced stops, the first at 0, the second at 1: (…, 3) float32."""
    steps = np.arange(len(stops))
    return np.stack([np.interp(place, steps, stops[:, c]) for c in range(3)], -1).astype(np.float32)


def draw(
    state: F32,
    kernel: Kernel,
    colour: Colour,
    view: View,
    look: Look = RGB,
    before: F32 | None = None,
    fields: F32 | None = None,
) -> U8:
    """The picture in NumPy: (height, width, 3) uint8; what shaders/canvas.comp draws. See shade for the rest."""
    size = (state.shape[1], state.shape[0])
    rgb, n = shade(look, state, kernel, colour, before, fields), view.samples(kernel)
    if view.raster(kernel) == "boxed":
        return _boxed(rgb, kernel, view, n)
    total = np.zeros((view.height, view.width, 3), np.float32)
    for j in range(n):
        for i in range(n):
            x = (np.arange(view.width) + (i + 0.5) / n) / view.scale + view.x
            y = (np.arange(view.height) + (j + 0.5) / n) / view.scale + view.y
            columns, rows, inside = around(kernel, *np.meshgrid(x, y))
            column, row = on_torus(kernel, size, columns, rows)
            weight = np.clip(0.5 + inside * view.scale * n, 0, 1).astype(np.float32)[..., None]
            total += (weight * rgb[row, column]).sum(0) / weight.sum(0)
    return quantise(total / np.float32(n * n))


def _boxed(rgb: F32, kernel: Kernel, view: View, most: int) -> U8:
    """The mean of rectangular cells over each pixel, by the area that they cover."""
    total = np.zeros((view.height, view.width, 3), np.float32)
    across = _shares(view.width, view.x, view.scale * kernel.basis[0][0], kernel.basis[0][0], most)
    down = _shares(view.height, view.y, view.scale * kernel.basis[1][1], kernel.basis[1][1], most)
    for rows, high in down:
        for columns, wide in across:
            part = rgb[rows % rgb.shape[0]][:, columns % rgb.shape[1]]
            total += (high[:, None] * wide).astype(np.float32)[..., None] * part
    return quantise(total)


def _shares(pixels: int, start: float, scale: float, pitch: float, most: int) -> list[tuple[I64, F64]]:
    """For each of `pixels` in a row, the cells that it may touch, one after the other, and their shares of it."""
    low = np.arange(pixels) / scale + start / pitch + 0.5
    first = np.floor(low)
    cells = [first + k for k in range(most)]
    shares = [np.clip(np.minimum(low + 1 / scale, c + 1) - np.maximum(low, c), 0, None) * scale for c in cells]
    return [(cell.astype(np.int64), share) for cell, share in zip(cells, shares, strict=True)]


def quantise(rgb: F32) -> U8:
    """[0, 1] to uint8, rounded to nearest; what is no number becomes 0."""
    out: U8 = (np.nan_to_num(np.clip(rgb, 0, 1)) * 255 + 0.5).astype(np.uint8)
    return out


def raw(state: F32, colour: Colour) -> U8:
    """One cell one pixel in storage order: (height, width, 3) uint8."""
    return quantise(to_rgb(state, colour))
