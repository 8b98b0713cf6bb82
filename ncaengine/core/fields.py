"""Fields: numbers that vary from cell to cell, beside the state: one storage, one brush, one file format.

All fields of a grid lie in one array, (height, width, 4) float32, its planes in the order of SPECS.
A grid without one runs as if every cell had the default.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ncaengine.core.types import F32

Field = Literal["rate", "scale", "angle", "model"]
MAX_MODELS = 8


@dataclass(frozen=True)
class Spec:
    """What is known of a field; values lie in `low` … `high`."""

    name: Field
    title: str
    help: str
    default: float
    low: float
    high: float
    unit: str = ""


SPECS: dict[Field, Spec] = {
    spec.name: spec
    for spec in (
        Spec("rate", "Rate", "Multiplies the fire rate: how often a cell updates itself.", 1.0, 0.0, 4.0, "×"),
        Spec("scale", "Cell scale", "Multiplies the cell scale: below 1 larger, above 1 finer.", 1.0, 0.25, 4.0, "×"),
        Spec("angle", "Alignment", "Added to the rotation of a cell's x axis.", 0.0, -360.0, 360.0, "°"),
        Spec("model", "Model", "Which of the grid's models a cell runs.", 0.0, 0.0, MAX_MODELS - 1.0),
    )
}  # fmt: skip
PLANE: dict[Field, int] = {name: index for index, name in enumerate(SPECS)}


def plain(width: int, height: int) -> F32:
    """The default of every field at every cell: (height, width, 4) float32."""
    defaults = np.array([spec.default for spec in SPECS.values()], np.float32)
    return np.broadcast_to(defaults, (height, width, len(SPECS))).copy()
