"""Numbers and arrays as short GLSL literals."""

import re
import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ncaengine.core.types import F32

LINE = 120


def exact(value: float) -> str:
    """Return a float32 exactly, in the fewest digits that identify it."""
    return str(np.float32(value))


def short(value: float, decimals: int) -> str:
    """Return a rounded float, such as -.0123 or 1."""
    text = f"{float(value):.{decimals}f}".rstrip("0")
    if not text.strip("-0."):
        return "0."
    return re.sub(r"^(-?)0(?=\.\d)", r"\1", text)


def vec4(values: Sequence[str]) -> str:
    """Return up to four expressions as a vec4, filled up with zeros."""
    return f"vec4({', '.join([*values, *['0.0'] * (4 - len(values))])})"


def constants(name: str, kind: str, items: Sequence[str]) -> str:
    """Return the declaration of a constant array, with wrapped lines."""
    body = textwrap.fill(", ".join(items), LINE - 2, break_long_words=False, break_on_hyphens=False)
    return f"const {kind} {name}[{len(items)}] = {kind}[{len(items)}](\n{body});"


def floats(name: str, values: npt.ArrayLike) -> str:
    """Return the declaration of a constant array of floats, vec4 or mat4.

    values: (n,) for floats, (n, 4) for vec4, (n, 4, 4) for mat4 as [input][output]. They are rounded by at most half a
    millionth of the largest.
    """
    array = np.asarray(values, np.float64)
    kind, largest = ("float", "vec4", "mat4")[array.ndim - 1], np.abs(array).max()
    decimals = max(1, int(np.ceil(-np.log10(largest * 1e-6)))) if largest else 1
    rows = [",".join(short(v, decimals) for v in row.ravel()) for row in array]
    return constants(name, kind, rows if kind == "float" else [f"{kind}({row})" for row in rows])


def fours(rows: F32) -> F32:
    """Return rows (n, columns) in groups of four, filled up with zeros: (n, groups, 4)."""
    n, columns = rows.shape
    out = np.zeros((n, -(-columns // 4) * 4), np.float32)
    out[:, :columns] = rows
    return out.reshape(n, -1, 4)
