"""Emit the function that draws rectangular cells; shaders/canvas.glsl's RASTER 1 draws the same.

Each pixel is the mean of the cells that it touches, weighted by area: first those above each other, for a whole row of
the picture, then those beside each other.
"""

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.records import Record
from ncaengine.backends.cpu.values import F32, I32, I64, U8, Unit, Value

BOXES = (
    "picture", "stride",  # (height, stride) uint8; a row's last byte is not shown
    "colours", "columns",  # (cells' rows, columns, 4) uint8, columns a multiple of a vector's cells
    "width", "touched",  # pixels of a row; how many cells a pixel touches along each side at most
    "cell_rows", "row_shares", "row_borders",  # (height, touched) int64 and float32; (height,) float32, in pixels
    "cell_columns", "column_shares", "column_borders",  # the same for the picture's columns
    "lines",  # see canvas.draw
)  # fmt: skip
"""The record of a view."""
DRAW_BOXES = {"view": I64, "scratch": F32, "first": I64, "last": I64}


def draw_boxes(width: Width) -> Unit:
    """Return the function `draw_boxes`, which draws some rows of a picture.

    Its arguments:
    view: a BOXES record.
    scratch: (columns, 4) float32.
    first, last: from which row, and below which.
    """
    code = Code(Unit(width.fused), "draw_boxes", DRAW_BOXES, ("first", "last"))
    view, across = Record(code, BOXES, code.arrays["view"]), code.arrays["scratch"]
    touched, colours = view["touched"], view.array("colours", U8)
    with code.loop(code.args["last"], first=code.args["first"]) as y:
        rows, shares = (view.array(n, kind).since(y * touched) for n, kind in (("cell_rows", I64), ("row_shares", F32)))
        with code.loop(view["columns"] * 4, width.lanes) as at:
            total = code.variable(code.constant(0.0, F32, width.lanes))
            with code.loop(touched) as j:
                colour = colours.load(rows[j] * view["columns"] * 4 + at, width.lanes).to(F32)
                total.set(colour.times_plus(shares[j], total.get()))
            across[at] = total.get()
        target = view.array("picture", U8).since(y * view["stride"])
        border = view.array("row_borders", F32)[y]
        with code.loop(view["width"]) as x:
            columns = view.array("cell_columns", I64).since(x * touched)
            parts = view.array("column_shares", F32).since(x * touched)
            pixel = code.variable(code.constant(0.5, F32, 4))  # to round
            with code.loop(touched) as i:
                pixel.set(across.load(columns[i] * 4, 4).times_plus(parts[i], pixel.get()))
            with code.when(view.real("lines") > 0.0):
                light = _light(view, border.at_most(view.array("column_borders", F32)[x]))
                pixel.set((pixel.get() - 0.5) * light + 0.5)
            target[x * 3] = pixel.get().to(I32).to(U8)  # the fourth byte is the next pixel's
    code.end()
    return code.unit


PACK = {"state": F32, "colours": U8, "channels": I64, "cells": I64, "scale": F32, "offset": F32}


def pack_colours(width: Width) -> Unit:
    """Return the function `pack_colours`, which turns states into colours, as looks.to_rgb and looks.quantise do.

    Its arguments:
    state: (cells + 1, channels) float32.
    colours: (cells, 4) uint8, to be written: red, green, blue and anything.
    channels, cells: counts.
    scale, offset: (1,) float32, see model.Colour.
    """
    code = Code(Unit(width.fused), "pack_colours", PACK, ("channels", "cells"))
    scale, offset = (code.arrays[name][0].spread(4) for name in ("scale", "offset"))
    with code.loop(code.args["cells"]) as cell:
        colour = code.arrays["state"].load(cell * code.args["channels"], 4) * scale + offset
        colour = (colour > 0.0).choose(colour, 0.0).at_most(1.0)  # NaN becomes 0
        code.arrays["colours"][cell * 4] = (colour * 255.0 + 0.5).to(I32).to(U8)
    code.end()
    return code.unit


def _light(view: Record, border: Value) -> Value:
    """Return how much of the light a line leaves at a distance from a border, in pixels."""
    t = (border - 0.5).at_least(0.0).at_most(1.0)
    dark = t * t * (t * -2.0 + 3.0) * -1.0 + 1.0
    return dark * view.real("lines") * -1.0 + 1.0
