"""Emit the function that draws cells of any shape; shaders/canvas.glsl's RASTER 2 draws the same.

A vector's lanes are pixels that follow one another in a row, a block. Their points lie above a window of cells: each
point adds its weights to the cells of the window, and then each cell that has any weight gives its colour. Only the
window's place is a whole number; all else are parts of a cell, so that float32 is exact enough anywhere.
"""

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.records import Record
from ncaengine.backends.cpu.values import F32, I32, I64, U8, Array, Unit, Value

INVERSES = ("inverse_0", "inverse_1", "inverse_2", "inverse_3")
"""From the distance d of cells one row and apart - 2, apart - 1, apart or apart + 1 columns away: points a cell / d."""
VIEW = (
    "picture", "width",  # (height, width, 3) uint8
    "blocks", "block_pixels", "block_columns", "block_parts",  # (blocks,): the first pixel; its place, from the left
    "rows", "row_columns", "row_parts",  # of the lattice, each as often as the torus repeats it: see pictures.tables
    "point_rows", "point_middles",  # (height·samples,): the row above a point; how far above the middle it lies
    "colours", "columns",  # (height, columns and more of them) uint32; int64
    "samples", "share",  # points a pixel's side; the share of a point in its pixel
    "pixel", "step",  # how far apart pixels and points are, in columns
    "across",  # how many columns the window has
    "pitch", "half_square",  # the width of a column in points; half its square in cell widths
    "apart",  # how far right each row's columns lie of those of the row above, 0 to 1, in columns
    *INVERSES,
    "point", "lines",  # the width of a point in pixels; see canvas.draw
)  # fmt: skip
"""The record of a view. Whole numbers are int64 and others float32, also in tables."""
DRAW_ROWS = {"view": I64, "scratch": F32, "first": I64, "last": I64}


def draw_rows(width: Width) -> Unit:
    """Return the function `draw_rows`, which draws some rows of a picture.

    Its arguments:
    view: a VIEW record.
    scratch: (rows, across + 2, lanes) float32, for the rows of a pixel's window.
    first, last: from which row, and below which.
    """
    unit = Unit(width.fused)
    code = Code(unit, "draw_rows", DRAW_ROWS, ("first", "last"))
    view = Record(code, VIEW, code.arrays["view"])
    n = view["samples"]
    with code.loop(code.args["last"], first=code.args["first"]) as y:
        rows, middles = (
            array.since(y * n) for array in (view.array("point_rows", I64), view.array("point_middles", F32))
        )
        high = rows[n - 1] - rows[0] + 2
        with code.loop(view["blocks"]) as block:
            window = Window(code, view, width.lanes)
            with code.loop(high) as row:
                window.place(row, rows[0] + row, block)
            with code.loop(n) as j:
                _add_points(window, rows[j] - rows[0], middles[j])
            place = y * view["width"] + view.array("block_pixels", I64)[block]
            _store(view.array("picture", U8).since(place * 3), window.colour(high), width.lanes)
    code.end()
    return unit


class Window:
    """The cells above which the points of a block lie: their weights, and where each row's first cells are."""

    def __init__(self, code: Code, view: Record, lanes: int) -> None:
        self.code, self.view, self.lanes = code, view, lanes
        self._across = view["across"]

    def row(self, row: Value) -> Array:
        """Return one of the window's rows: the cells' weights, the first cell's number, and the part beyond it."""
        return self.code.arrays["scratch"].since(row * ((self._across + 2) * self.lanes))

    def place(self, row: Value, above: Value, block: Value) -> None:
        """Set one of the window's rows to a row of the lattice, with no weights."""
        view, target = self.view, self.row(row)
        pixels = self.code.vector([float(i) for i in range(self.lanes)], F32)
        part = view.array("row_parts", F32)[above] + view.array("block_parts", F32)[block]
        place = pixels.times_plus(view.real("pixel"), part.spread(self.lanes))
        column = view.array("row_columns", I64)[above] + view.array("block_columns", I64)[block]
        column = (column >= view["columns"]).choose(column - view["columns"], column)
        whole = place.call("floor")
        with self.code.loop(self._across) as i:
            target[i * self.lanes] = self.code.constant(0.0, F32, self.lanes)
        cell = whole.to(I32) + (view.array("rows", I64)[above] + column).to(I32)
        target[self._across * self.lanes] = cell.bits_as(F32)
        target[(self._across + 1) * self.lanes] = place - whole

    def part(self, row: Value) -> Value:
        """Return how far right of a row's first cells the first points are, in columns."""
        return self.row(row).load((self._across + 1) * self.lanes, self.lanes)

    def colour(self, high: Value) -> list[Value]:
        """Return the sums of the cells' colours, each times its weight: red, green and blue, 0 to 255."""
        sums = [self.code.variable(self.code.constant(0.0, F32, self.lanes)) for _ in range(3)]
        colours = self.view.array("colours", I32)
        with self.code.loop(high) as row:
            weights = self.row(row)
            first = weights.load(self._across * self.lanes, self.lanes).bits_as(I32)
            with self.code.loop(self._across) as i:
                weight = weights.load(i * self.lanes, self.lanes)
                with self.code.when((weight > 0.0).any()):
                    cell = colours.since(i).gather(first)
                    for c, total in enumerate(sums):
                        total.set(((cell >> 8 * c) & 255).to(F32).times_plus(weight, total.get()))
        return [total.get() * self.view.real("share") for total in sums]


def _add_points(window: Window, row: Value, middle: Value) -> None:
    """Add the weights of a row of points, which lie between two rows of the window."""
    code, view, lanes = window.code, window.view, window.lanes
    rows = [window.row(row), window.row(row + 1)]
    parts = [window.part(row), window.part(row + 1)]
    middle = middle.spread(lanes)
    with code.loop(view["samples"]) as i:
        # The points have the same column on their left as the first ones have, `low` columns on, or the next.
        far = i.to(F32) * view.real("step")
        low = far.call("floor")
        places = [part + (far - low) for part in parts]
        next_one = [place >= 1.0 for place in places]
        offsets = [passed.choose(place - 1.0, place) for passed, place in zip(next_one, places, strict=True)]
        inside = _inside(view, offsets[0], offsets[1], middle)
        weights = [(each + 0.5).at_least(0.0).at_most(1.0) for each in inside]
        total = weights[0] + weights[1] + weights[2] + weights[3]
        light = code.variable(total.like(1.0) / total)
        with code.when(view.real("lines") > 0.0):
            light.set(light.get() * (_line(view, inside) * -1.0 + 1.0))
        weights = [weight * light.get() for weight in weights]
        for target, passed, left, right in zip(rows, next_one, weights[::2], weights[1::2], strict=True):
            cells = target.since(low.to(I64) * lanes)
            added = passed.choose(0.0, left), passed.choose(left, right), passed.choose(right, 0.0)
            for k, weight in enumerate(added):
                cells[k * lanes] = cells.load(k * lanes, lanes) + weight


def _inside(view: Record, u: Value, w: Value, middle: Value) -> list[Value]:
    """Return how far inside four cells points lie, in widths of a point; see lattice.nearest_four.

    u, w: how far right of the left cell of the row above and of the row below.
    """
    pitch, half_square, step = view.real("pitch"), view.real("half_square"), view.real("apart")
    apart, both = w - u, w + u
    # There are but two distances between rows, and so four between the columns of a cell above and one below.
    further = apart > step - 0.5
    inverses = [view.real(name).spread(u.lanes) for name in INVERSES]

    def border(apart: Value, both: Value, first: int) -> Value:
        inverse = further.choose(inverses[first + 1], inverses[first])
        return (apart * both).times_plus(half_square, middle) * inverse

    ac, bd = border(apart, both, 1), border(apart, both - 2.0, 1)
    ad, bc = border(apart - 1.0, both - 1.0, 0), border(apart + 1.0, both - 1.0, 2)
    ab, ba, cd, dc = (part * pitch for part in (u * -1.0 + 0.5, u - 0.5, w * -1.0 + 0.5, w - 0.5))
    above = [ab.at_most(ac).at_most(ad), ba.at_most(bc).at_most(bd)]
    below = [cd.at_most(ac.at_least(bc) * -1.0), dc.at_most(ad.at_least(bd) * -1.0)]
    return above + below


def _line(view: Record, inside: list[Value]) -> Value:
    """Return how dark the lines between cells are at points, 0 to 1."""
    border = inside[0].at_least(inside[1]).at_least(inside[2]).at_least(inside[3])
    t = (border * view.real("point") - 0.5).at_least(0.0).at_most(1.0)
    return (t * t * (t * -2.0 + 3.0) * -1.0 + 1.0) * view.real("lines")


def _store(target: Array, colour: list[Value], lanes: int) -> None:
    """Store pixels as bytes, three each."""
    red, green, blue = ((each + 0.5).to(I32) for each in colour)
    pixels = red | green << 8 | blue << 16
    target[0] = pixels.bits_as(U8).picked([4 * i + c for i in range(lanes) for c in range(3)])
