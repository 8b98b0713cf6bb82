"""Fields: numbers that differ from cell to cell. All of them share one storage, one brush and one file format.

All fields of a grid lie in one array, (height, width, 4) float32, its planes in the order of FIELDS. Where models read
an embedding (see core.embeddings), its numbers follow as further planes.
A grid without one runs as if every cell had the defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ncaengine.core.types import F32

Field = Literal["rate", "scale", "angle", "model"]
MAX_MODELS = 8


@dataclass(frozen=True)
class FieldInfo:
    """What controls and messages need to know of a field."""

    name: Field
    title: str
    """The label of its control, 1 or 2 words."""
    help: str
    """One sentence."""
    default: float
    low: float
    """The least value."""
    high: float
    """The largest value."""
    unit: str = ""


_ALL = (
    FieldInfo("rate", "Rate", "Multiplies the fire rate: how often a cell updates itself.", 1, 0, 4, "×"),
    FieldInfo("scale", "Cell scale", "Multiplies the cell scale: below 1 larger, above 1 finer.", 1, 0.25, 4, "×"),
    FieldInfo("angle", "Alignment", "Added to the rotation of a cell's x axis.", 0, -360, 360, "°"),
    FieldInfo("model", "Model", "Which of the grid's models a cell runs.", 0, 0, MAX_MODELS - 1),
)
FIELDS: dict[Field, FieldInfo] = {info.name: info for info in _ALL}
PLANE: dict[Field, int] = {name: index for index, name in enumerate(FIELDS)}


def default_fields(width: int, height: int, embedding: Sequence[float] = ()) -> F32:
    """Return the default of every field, and an embedding, at every cell: (height, width, 4 or more) float32."""
    defaults = np.array([*(info.default for info in FIELDS.values()), *embedding], np.float32)
    return np.broadcast_to(defaults, (height, width, len(defaults))).copy()
