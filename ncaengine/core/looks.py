"""Looks: which of a cell's numbers are shown, and as which colours."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
import numpy as np

from ncaengine.core import bounds
from ncaengine.core.fields import PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import on_torus
from ncaengine.core.model import Channel, Colour
from ncaengine.core.types import F32, I32, I64, U8, Bools, Size

Mode = Literal["rgb", "channel", "three", "update", "alive"]

UPDATE_GAIN = 20.0
"""Multiplies updates, in addition to Look.gain: a step of a grown texture changes cells by 0.001 to 0.05."""
ALIVE = 0.1
"""Alpha above which a cell keeps itself and its neighbours alive (Growing NCA, Mordvintsev et al. 2020)."""
TINT = 0.5
"""The largest share of a cell's colour that an overlay replaces."""


def _colours(codes: str) -> F32:
    """Return colours given as hexadecimal RRGGBB: (n, 3) float32 in [0, 1]."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()], np.float32) / np.float32(255)


RAMPS: dict[Mode, F32] = {
    "channel": _colours("050f26 1b549c 868686 f2a154 fff3d4"),
    "update": _colours("000004 570f6d bb3754 f98e09 fcffa4"),
    "alive": _colours("14161c 14161c 14161c f4f1ea f4f1ea"),
}
"""Five colours, evenly along the values of each mode that shows one number per cell: (5, 3) float32."""
TINTS: dict[Field, F32] = {
    "rate": _colours("0a5fd0 0a5fd0 2a7fe0 4a9ff0 ffb040 ff9a20 ff8000 ff8000"),
    "scale": _colours("0a9080 0a9080 20a090 40b0a0 e070b0 d85aa8 d040a0 d040a0"),
    "angle": _colours("f0e060 f5b030 f07030 e04080 8040c0 3060e0 20a0c0 80c080"),
    # Okabe and Ito's colours, which colour-blind people can tell apart; the first model is not tinted.
    "model": _colours("000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7"),
}
"""Eight colours, evenly along the values of each field (see _tint): (8, 3) float32."""


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the colour of a cell shows."""

    mode: Mode = "rgb"
    """rgb: the model's colours.
    channel: the first of `channels`, from dark blue at -1 over grey at 0 to light orange at 1.
    three: `channels` as red, green and blue; -1 is dark, 0 mid-grey, 1 bright.
    update: how much the last step changed the cell, the root of the mean over all channels; black to light yellow.
    alive: whether the fourth channel, alpha in models that have one, exceeds 0.1 in the cell or in one of the eight
    around it in storage."""
    channels: tuple[Channel, Channel, Channel] = (0, 1, 2)
    """Counted from 0."""
    gain: Annotated[float, msgspec.Meta(gt=0, le=bounds.GAIN.high)] = 1.0
    """Multiplies the values before they are shown, except in the modes rgb and alive."""
    overlay: Field | Literal[""] = ""
    """A field by which cells are tinted where it isn't at its default; '' for none."""


RGB = Look()


def to_rgb(state: F32, colour: Colour) -> F32:
    """Return the RGB of states (…, channels): (…, 3) float32 in [0, 1]."""
    rgb: F32 = state[..., :3] * np.float32(colour.scale)
    rgb += np.float32(colour.offset)
    if colour.alpha:
        rgb += (1 - np.clip(state[..., 3:4], 0, 1)) * np.array(colour.background, np.float32)
    return np.clip(rgb, 0, 1, out=rgb)


@np.errstate(over="ignore", invalid="ignore")  # values of a diverged model
def shade(look: Look, state: F32, kernel: Kernel, colour: Colour, before: F32 | None, fields: F32 | None) -> F32:
    """Return the colour of each cell: (height, width, 3) float32 in [0, 1]; shaders/look.glsl computes the same.

    before: the state before the last step, None if there was none.
    fields: (height, width, 4) float32, see core.fields; None for the defaults.
    Channels that the state lacks are 0.
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


def _alive(state: F32, kernel: Kernel) -> Bools:
    """Return whether alpha is large enough in a cell or in one of the eight around it in storage, on the torus."""
    alpha, shift = _channel(state, 3), kernel.row_shift(len(state))
    rows = np.concatenate([np.roll(alpha[-1:], shift, 1), alpha, np.roll(alpha[:1], -shift, 1)])  # see lattice.on_torus
    highest = np.max([rows[:-2], rows[1:-1], rows[2:]], 0)
    alive: Bools = np.max([np.roll(highest, k, 1) for k in (-1, 0, 1)], 0) > np.float32(ALIVE)
    return alive


def _tint(field: Field, value: F32) -> tuple[F32, F32]:
    """Return where among TINTS each value of a field lies, 0 … 7, and how strong the tint is, 0 (default) … 1."""
    if field == "model":
        slot: F32 = np.clip(np.floor(value + np.float32(0.5)), 0, 7)
        return slot, np.minimum(slot, 1)
    if field == "angle":
        turn = value / np.float32(360)
        turn -= np.floor(turn)
        return np.float32(7) * turn, np.minimum(2 * np.sin(np.float32(np.pi) * turn), 1)
    level = (np.log2(np.maximum(value, 0.25)) / 2).astype(np.float32)
    if field == "rate":
        level = np.where(value < 1, value - 1, level)  # 0, a cell at rest, is furthest from the default
    level = np.clip(level, -1, 1)
    return np.float32(3.5) + np.float32(3.5) * level, np.abs(level)


def _along(stops: F32, place: F32) -> F32:
    """Return the colours at places among evenly spaced stops at 0, 1, 2, …: (…, 3) float32."""
    steps = np.arange(len(stops))
    return np.stack([np.interp(place, steps, stops[:, c]) for c in range(3)], -1).astype(np.float32)


def quantise(rgb: F32) -> U8:
    """Convert [0, 1] to uint8, rounded to nearest; NaN becomes 0."""
    out: F32 = np.fmax(rgb, np.float32(0))
    np.fmin(out, 1, out=out)
    out *= np.float32(255)
    out += np.float32(0.5)
    return out.astype(np.uint8)


def raw_picture(state: F32, colour: Colour) -> U8:
    """Return a picture of one pixel per cell in storage order: (height, width, 3) uint8."""
    return quantise(to_rgb(state, colour))


def state_and_gradient(
    kernel: Kernel, size: Size, columns: I64, rows: I64, colour: Colour, read: Callable[[I32], F32]
) -> tuple[F32, F32]:
    """Return the state of n cells, (n, channels), and the gradient of their brightness, (n, 2).

    read: Cells.read_cells.
    The brightness, 0 … 1, is the mean of red, green and blue. Its gradient, per cell width along x and y of the screen,
    is computed with the kernel's own stencils on the torus.
    """
    taps = [list(kernel.stencils[name].taps()) for name in ("gradient_x", "gradient_y")]
    offsets = sorted({(0, 0)} | {(i, j) for one in taps for i, j, _ in one})
    weight = np.zeros((2, len(offsets)), np.float32)
    for axis, one in enumerate(taps):
        for i, j, value in one:
            weight[axis, offsets.index((i, j))] = value
    down, across = np.array(offsets)[..., None].transpose(1, 0, 2)
    column, row = on_torus(kernel, size, columns + across, rows + down)
    places, index = np.unique(row * size[0] + column, return_inverse=True)
    state = read(np.stack([places % size[0], places // size[0]], 1).astype(np.int32))
    index = index.reshape(column.shape)
    bright: F32 = to_rgb(state, colour).mean(-1)
    return state[index[offsets.index((0, 0))]], (weight @ bright[index]).T
