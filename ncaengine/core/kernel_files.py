"""The contents of a kernel.toml file, and the checks that it has to pass."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.files import errors_named
from ncaengine.core.validation import explain_invalid, shown

REQUIRED = ("gradient_x", "gradient_y", "laplacian")
"""The stencils that every kernel has."""
MAX_RADIUS = int(bounds.STENCIL_RADIUS.high)
MAX_FILE_BYTES = bounds.KERNEL_BYTES


class Stencil(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of a cell's neighbourhood."""

    weights: tuple[tuple[float, ...], ...]
    """(2r + 1, 2r + 1) numbers in storage order, rows first; r is 0 … MAX_RADIUS."""
    divisor: float = 1.0
    """What every weight is divided by, not 0."""

    @property
    def radius(self) -> int:
        """Steps from the middle of the stencil to its edge, in cells."""
        return len(self.weights) // 2

    def taps(self) -> Iterator[tuple[int, int, float]]:
        """Yield (row offset, column offset, weight / divisor) of every weight that is not 0."""
        r = self.radius
        for i, row in enumerate(self.weights):
            for j, weight in enumerate(row):
                if weight:
                    yield i - r, j - r, weight / self.divisor


class KernelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel.toml, field by field. See Kernel."""

    name: str
    basis: tuple[tuple[float, float], tuple[float, float]]
    stencils: dict[str, Any]
    """Tables when the file is read; Stencils after they are checked."""
    title: str = ""
    description: str = ""


def read_kernel_file(path: Path) -> KernelFile:
    """Read and check one kernel.toml. Raises NCAError that names the file, and the key and the cure of each problem."""
    with errors_named(path):
        table = inputs.parse_toml(inputs.read_input(path, MAX_FILE_BYTES))
    try:
        file = msgspec.convert(table, KernelFile, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"{path}: {explain_invalid(error, KernelFile)}") from None
    if problems := [*filter(None, [_name_problem(file), _basis_problem(file)]), *_stencil_problems(file)]:
        raise NCAError(*(f"{path}: {problem}" for problem in problems))
    return file


def _name_problem(file: KernelFile) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", file.name):
        return f"`name` is {shown(file.name)}; use up to 40 small letters, digits and hyphens."
    return ""


def _basis_problem(file: KernelFile) -> str:
    """Return what is wrong with the basis, or ''."""
    (ax, ay), (bx, by) = file.basis
    if not all(math.isfinite(v) and abs(v) <= bounds.BASIS.high for v in (ax, ay, bx, by)):
        return "`basis` must hold finite numbers from -16 to 16."
    if ay != 0 or ax <= 0 or by <= 0:
        return "`basis`: the first step must lie along +x and the second lead down, as [[1, 0], [0.5, 0.866]]."
    if min(ax, by) < 1 / 16:
        return "`basis`: cells must be at least 1/16 wide and high."
    return ""


def _stencil_problems(file: KernelFile) -> Iterator[str]:
    """Turn the tables of a file into Stencils, and yield what is wrong with them."""
    if "identity" in file.stencils:
        yield "`stencils.identity` is built in; remove it."
    for name in REQUIRED:
        if name not in file.stencils:
            yield f"`stencils.{name}` is missing; every kernel needs {', '.join(REQUIRED)}."
    for name, table in file.stencils.items():  # one by one, so that each has its message
        try:
            file.stencils[name] = msgspec.convert(table, Stencil, strict=False)
        except msgspec.ValidationError as error:
            yield explain_invalid(error, Stencil, prefix=f"stencils.{name}")
        else:
            if problem := _stencil_problem(name, file.stencils[name]):
                yield f"`stencils.{name}{problem}"


def _stencil_problem(name: str, stencil: Stencil) -> str:
    """Return the rest of a sentence that starts with the stencil's key, or ''."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        return "`: name a stencil with small letters, digits and underscores."
    if not math.isfinite(stencil.divisor) or stencil.divisor == 0:
        return ".divisor` must be a number other than 0."
    side = len(stencil.weights)
    if side % 2 == 0 or any(len(row) != side for row in stencil.weights):
        return ".weights` must be square with an odd side, as 3 rows of 3."
    if side // 2 > MAX_RADIUS:
        return f".weights` has {side} rows; the largest is {2 * MAX_RADIUS + 1}."
    values = [w / stencil.divisor for row in stencil.weights for w in row]
    if not all(math.isfinite(v) and abs(v) <= bounds.STENCIL_WEIGHT.high for v in values):
        return ".weights` must hold finite numbers of at most 10⁶ (after division)."
    if not any(values):
        return ".weights` are all 0; the stencil sees nothing."
    if name in REQUIRED and abs(sum(values)) > 1e-6 * max(map(abs, values)) * len(values):
        return f".weights` sum to {sum(values):.3g}; a derivative's must sum to 0."
    return ""
