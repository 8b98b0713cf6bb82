"""Emit a cell's own frame, scaled, stretched and turned by settings and fields; see reference.CellFrame."""

from dataclasses import dataclass

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.records import Record
from ncaengine.backends.cpu.values import F32, I32, Value
from ncaengine.core import embedding_inputs
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN
from ncaengine.core.model import Extra

SINE = (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880)
COSINE = (-1 / 2, 1 / 24, -1 / 720, 1 / 40320)
"""The Taylor series of sine over its argument and of cosine, in squares: exact to float32 up to an eighth of a turn."""


@dataclass(frozen=True)
class Frame:
    """How stencils mix in a cell's own frame; every value is a float32."""

    cos: Value
    sin: Value
    along: Value
    """1/dx."""
    down: Value
    """1/dy."""

    def mix(self, stencil: str, order: int) -> dict[str, Value]:
        """Return the factors of the lattice's stencils whose sum is a stencil in the cell's frame.

        order: of the stencil's derivative.
        """
        along, down = self.along, self.down
        if stencil == "gradient_x":
            return {"gradient_x": along * self.cos, "gradient_y": along * self.sin}
        if stencil == "gradient_y":
            return {"gradient_y": down * self.cos, "gradient_x": down * self.sin * -1.0}
        if stencil == "laplacian":
            mean = (along * along + down * down) * 0.5
            half = (along * along - down * down) * 0.5
            cos_twice, sin_twice = self.cos * self.cos - self.sin * self.sin, self.cos * self.sin * 2.0
            return {"laplacian": mean, LAPLACIAN_COS: half * cos_twice, LAPLACIAN_SIN: half * sin_twice}
        factor = self.along.like(1.0)
        for _ in range(order):
            factor = factor * (along * down).call("sqrt")
        return {stencil: factor}


def frame_of(code: Code, grid: Record, cell: Value) -> Frame:
    """Emit the frame of a cell, by its flat number."""
    field = grid.array("fields", F32).since(cell * grid["field_stride"])
    dx = grid.real("scale") * field[PLANE["scale"]]
    cos, sin = _cos_sin(code, grid.real("angle") + field[PLANE["angle"]])
    one = dx.like(1.0)
    return Frame(cos, sin, one / dx, one / (dx * grid.real("aspect")))


def _cos_sin(code: Code, degrees: Value) -> tuple[Value, Value]:
    quarter = (degrees * (1 / 90)).call("rint")
    turn = (degrees - quarter * 90.0) * 0.017453292519943295
    square = turn * turn
    sin, cos = square * SINE[3] + SINE[2], square * COSINE[3] + COSINE[2]
    for a, b in ((SINE[1], COSINE[1]), (SINE[0], COSINE[0])):
        sin, cos = sin * square + a, cos * square + b
    sin, cos = (sin * square + 1.0) * turn, cos * square + 1.0
    # `quarter` quarter turns more.
    quarters = _as_word(quarter)
    odd = (quarters & 1).equals(1)
    sin, cos = odd.choose(cos, sin), odd.choose(sin, cos)
    sin = (quarters & 2).equals(2).choose(sin * -1.0, sin)
    cos = ((quarters + 1) & 2).equals(2).choose(cos * -1.0, cos)
    return cos, sin


def _as_word(value: Value) -> Value:
    return value.to(I32)


def extra_input(name: Extra, grid: Record, x: Value, y: Value, frame: Frame | None) -> Value:
    """Emit one of the net's further inputs; see model.Extra and tables.places."""
    if name in embedding_inputs.NAMES:
        fields = grid.array("fields", F32).since((y * grid["width"] + x) * grid["field_stride"])
        return fields[len(FIELDS) + embedding_inputs.NAMES.index(name)]
    if name in ("cos_angle", "sin_angle"):
        if frame is None:
            return grid.code.constant(1.0 if name == "cos_angle" else 0.0, F32)
        return frame.cos if name == "cos_angle" else frame.sin
    row = grid.array("across", F32)[y]
    width = grid["width"].to(F32)
    place = x.to(F32) + grid.array("first_column", F32)[y]
    place = place - (place / width).call("floor") * width
    column = (place + 0.5) * 2.0 / width - 1.0
    if frame is None:
        return row if name == "row" else column
    if name == "row":
        return row * frame.cos - column * frame.sin
    return column * frame.cos + row * frame.sin
