"""Neighbourhood kernels: a lattice and its linear stencils, read from kernel.toml files.

A plugin is data: it needs no code and can run none. `load` checks a file and says which key is
wrong and how to mend it; `discover` finds every plugin and keeps the broken ones apart, so that
one of them never stops the program.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import platformdirs

from ncaengine.core import resources
from ncaengine.core.errors import NCAError

REQUIRED = ("gradient_x", "gradient_y", "laplacian")
LAPLACIAN_COS, LAPLACIAN_SIN = "laplacian·cos", "laplacian·sin"
"""Made of a kernel's Laplacian: its taps times the cosine and the sine of twice their angle on the screen. Half the
sum and half the difference of Laplacian and cosine are the parts of the Laplacian along x and y, which a cell that
is higher than wide divides by other squares (as NoiseNCA's lap_x and lap_y, which these are on the square)."""
MAX_RADIUS = 4
MAX_FILE_BYTES = 64 * 1024
ENTRY_POINT_GROUP = "ncaengine.plugins"


class Stencil(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights over a (2r+1, 2r+1) neighbourhood in storage order, rows first, each over `divisor`."""

    weights: tuple[tuple[float, ...], ...]
    divisor: float = 1.0

    @property
    def radius(self) -> int:
        """Steps from the middle of the stencil to its edge, in cells."""
        return len(self.weights) // 2

    def taps(self) -> Iterator[tuple[int, int, float]]:
        """(row offset, column offset, weight/divisor) of every weight that is not zero."""
        r = self.radius
        for i, row in enumerate(self.weights):
            for j, weight in enumerate(row):
                if weight:
                    yield i - r, j - r, weight / self.divisor


IDENTITY = Stencil(weights=((1.0,),))


class Moments(msgspec.Struct, frozen=True):
    """What a stencil makes of 1, x, y, x²+y², x²−y² and 2xy, in screen coordinates."""

    constant: float
    x: float
    y: float
    round: float
    stretch: float
    shear: float


class KernelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a kernel.toml. `stencils` holds tables at first, Stencils once they are checked too."""

    name: str
    basis: tuple[tuple[float, float], tuple[float, float]]
    stencils: dict[str, Any]
    title: str = ""
    description: str = ""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A neighbourhood kernel.

    `basis` says where a step of one column and of one row lead on the screen, in cell widths with
    y downwards; its first vector lies along x. `stencils` always holds `identity`.
    """

    name: str
    title: str
    description: str
    basis: tuple[tuple[float, float], tuple[float, float]]
    stencils: Mapping[str, Stencil]
    source: Path

    @property
    def radius(self) -> int:
        """The largest radius of its stencils, in cells."""
        return max(stencil.radius for stencil in self.stencils.values())

    def require(self, stencils: Iterable[str], model: str) -> None:
        """Raises NCAError if one of the `stencils` that `model` perceives through is not here."""
        missing = sorted(set(stencils) - set(self.stencils))
        if missing:
            raise NCAError(
                f"The model {model!r} perceives through {', '.join(missing)}, which the kernel "
                f"{self.name!r} does not have; choose another kernel."
            )

    def row_shift(self, height: int) -> int:
        """Columns by which the torus is shifted where it closes over the top and bottom edge.

        In a skewed basis row `height` of the lattice starts `height·skew` columns to the right of
        row 0. Taking that shift back makes the torus a rectangle on the screen, so that pictures
        of a hexagonal grid with an even number of rows tile without a seam.
        """
        (pitch, _), (skew, _) = self.basis
        return math.floor(height * skew / pitch + 1e-9)

    def moments(self, stencil: str) -> Moments:
        """The moment check of one stencil: a true gradient_x has x = 1 and a Laplacian round = 4."""
        (ax, _), (bx, by) = self.basis
        sums = np.zeros(6)
        for row, column, weight in self.stencils[stencil].taps():
            x, y = column * ax + row * bx, row * by
            sums += weight * np.array([1, x, y, x * x + y * y, x * x - y * y, 2 * x * y])
        return Moments(*(float(s) for s in sums))

    def taps(self, name: str) -> tuple[tuple[int, int, float], ...]:
        """(row offset, column offset, weight) of a stencil, LAPLACIAN_COS and LAPLACIAN_SIN included."""
        if name not in (LAPLACIAN_COS, LAPLACIAN_SIN):
            return tuple(self.stencils[name].taps())
        (ax, _), (bx, by) = self.basis
        part, out = (math.cos if name == LAPLACIAN_COS else math.sin), []
        for row, column, weight in self.stencils["laplacian"].taps():
            if row or column:
                out.append((row, column, weight * part(2 * math.atan2(row * by, column * ax + row * bx))))
        middle = (0, 0, -sum(weight for _, _, weight in out))
        return tuple(tap for tap in (*out, middle) if abs(tap[2]) > 1e-9)

    def order(self, stencil: str) -> int:
        """The derivative's order, that of the lowest moment that is not 0: what a change of cell scale divides by."""
        orders = {"identity": 0, "gradient_x": 1, "gradient_y": 1, "laplacian": 2}
        if stencil in orders:
            return orders[stencil]
        found = self.moments(stencil)
        least = 1e-4 * sum(abs(weight) for _, _, weight in self.stencils[stencil].taps())
        return 0 if abs(found.constant) > least else 1 if max(abs(found.x), abs(found.y)) > least else 2

    def gains(self) -> tuple[float, float, float]:
        """Gain of gradient_x on x, of gradient_y on y and of the Laplacian on (x²+y²)/4."""
        return (self.moments("gradient_x").x, self.moments("gradient_y").y, self.moments("laplacian").round / 4)

    def unmatched(self) -> list[str]:
        """In words, each moment that is not the true operator's; empty for a matched kernel."""
        want = {
            "gradient_x": Moments(0, 1, 0, 0, 0, 0),
            "gradient_y": Moments(0, 0, 1, 0, 0, 0),
            "laplacian": Moments(0, 0, 0, 4, 0, 0),
        }
        said = []
        for name, true in want.items():
            found = self.moments(name)
            for key in Moments.__struct_fields__:
                a, b = getattr(found, key), getattr(true, key)
                # A gradient may answer to second-order terms only by asymmetry, which is an error
                # of its size; the same bound serves for all.
                if abs(a - b) > 1e-4:
                    said.append(f"{name} on {_SPOKEN[key]} gives {a:.3g}, not {b:.3g}")
        return said

    def dense(self, stencil: str) -> npt.NDArray[np.float32]:
        """(2r+1, 2r+1) float32 weights of a stencil (see taps), padded to the kernel's radius."""
        r = self.radius
        out = np.zeros((2 * r + 1, 2 * r + 1), np.float32)
        for row, column, weight in self.taps(stencil):
            out[row + r, column + r] = weight
        return out


_SPOKEN = {
    "constant": "a constant",
    "x": "x",
    "y": "y",
    "round": "x²+y²",
    "stretch": "x²−y²",
    "shear": "2xy",
}


def load_kernel(path: Path) -> Kernel:
    """Read and check one kernel.toml. Raises NCAError naming the file, the key and the cure."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NCAError(
                f"{path}: a kernel.toml is at most {MAX_FILE_BYTES // 1024} KiB; this file is something else."
            )
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NCAError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise NCAError(f"{path}: is not UTF-8 text; save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NCAError(f"{path}: is not TOML: {error}.") from None
    key = ""
    try:
        file = msgspec.convert(table, KernelFile, strict=False)
        for name in file.stencils:  # one by one, because msgspec does not say which entry of a dict is wrong
            key = f"stencils.{name}"
            file.stencils[name] = msgspec.convert(file.stencils[name], Stencil, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"{path}: {_readable(str(error), key)}") from None
    problem = _problem(file)
    if problem:
        raise NCAError(f"{path}: {problem}")
    stencils = {"identity": IDENTITY, **file.stencils}
    return Kernel(file.name, file.title or file.name, file.description, file.basis, stencils, path)


def _readable(message: str, above: str) -> str:
    """The message of msgspec with its JSON path, below the key `above`, turned into the key of a TOML file."""
    said, _, where = message.partition(" - at ")
    key = f"{above}{where.strip('`').removeprefix('$')}".removeprefix(".")
    said = said.replace("`object`", "a table")
    if missing := re.search(r"missing required field `(\w+)`", said):
        full = f"{key}.{missing[1]}" if key else missing[1]
        return f"key `{full}` is missing; add it (see the shipped kernel.toml files)."
    if unknown := re.search(r"contains unknown field `(.+)`", said, re.DOTALL):
        full = f"{key}.{unknown[1]}" if key else unknown[1]
        return f"key `{full}` is unknown; remove it or mend its spelling."
    return f"key `{key}`: {said[0].lower()}{said[1:]}; the shipped kernel.toml files show the form."


def _problem(file: KernelFile) -> str:
    """The first thing wrong with a well-formed file, or ''."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", file.name):
        return f"key `name` is {file.name!r}; use up to 40 small letters, digits and hyphens."
    (ax, ay), (bx, by) = file.basis
    if not all(math.isfinite(v) and abs(v) <= 16 for v in (ax, ay, bx, by)):
        return "key `basis`: every number must be finite and at most 16 in size."
    if ay != 0 or ax <= 0 or by <= 0:
        return "key `basis`: the first step must lie along +x and the second lead down, as [[1, 0], [0.5, 0.866]]."
    if min(ax, by) < 1 / 16:
        return "key `basis`: cells must be at least 1/16 wide and high."
    if "identity" in file.stencils:
        return "key `stencils.identity` is built in; remove it."
    for name in REQUIRED:
        if name not in file.stencils:
            return f"key `stencils.{name}` is missing; every kernel needs {', '.join(REQUIRED)}."
    for name, stencil in file.stencils.items():
        if problem := _stencil_problem(name, stencil):
            return f"key `stencils.{name}{problem}"
    return ""


def _stencil_problem(name: str, stencil: Stencil) -> str:
    """The rest of a sentence that starts with the stencil's key, or ''."""
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
    if not all(math.isfinite(v) and abs(v) <= 1e6 for v in values):
        return ".weights` must hold finite numbers of at most 10⁶ (after division)."
    if not any(values):
        return ".weights` are all 0; the stencil sees nothing."
    if name in REQUIRED and abs(sum(values)) > 1e-6 * max(map(abs, values)) * len(values):
        return f".weights` sum to {sum(values):.3g}; a derivative's must sum to 0."
    return ""


@dataclass(frozen=True)
class Catalogue:
    """Every plugin found: the kernels by name, and what is wrong with the broken files."""

    kernels: Mapping[str, Kernel]
    broken: Mapping[Path, str]

    def get(self, name: str) -> Kernel:
        """The kernel called `name`. Raises NCAError listing those there are."""
        if name in self.kernels:
            return self.kernels[name]
        broken = "".join(f" Broken: {path}: {reason}" for path, reason in self.broken.items())
        raise NCAError(f"There is no kernel {name!r}; there are: {', '.join(self.kernels)}.{broken}")


def discover(folders: Iterable[Path] = ()) -> Catalogue:
    """Find kernels: built-ins, installed packages, the user's plugin folder, then `folders`.

    A kernel whose name an earlier one has counts as broken. Raises NCAError if one of `folders`
    is not a folder or holds no kernel.
    """
    kernels: dict[str, Kernel] = {}
    broken: dict[Path, str] = {}
    for folder in folders:
        if not folder.is_dir():
            raise NCAError(f"{folder} is not a folder of plugins; give one that holds NAME/kernel.toml.")
        if not _manifests(folder):
            raise NCAError(f"{folder} holds no NAME/kernel.toml; give the folder that holds the plugins' folders.")
    for root in (resources.folder("plugins"), *_installed(broken), user_folder(), *folders):
        for path in _manifests(root):
            try:
                kernel = load_kernel(path)
                taken = kernels.setdefault(kernel.name, kernel)
                if taken.source.resolve() != path.resolve():
                    raise NCAError(f"key `name`: {kernel.name!r} is the name of {taken.source}; choose another.")
            except NCAError as error:
                broken[path] = str(error).removeprefix(f"{path}: ")
    return Catalogue(kernels, broken)


def _manifests(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/kernel.toml")) + sorted(folder.glob("kernel.toml"))


def user_folder() -> Path:
    """Where a user's own plugins lie, as ~/.config/ncaengine/plugins on Linux. It need not exist."""
    return platformdirs.user_config_path("ncaengine") / "plugins"


def _installed(broken: dict[Path, str]) -> list[Path]:
    """Plugin folders that installed packages announce: an entry point names a package of data.

    Only the package's place is looked up; nothing of it beyond its parents is imported.
    """
    import importlib.util

    found = []
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            spec = importlib.util.find_spec(point.module)
        except Exception as error:  # a foreign package may fail in any way
            broken[Path(point.value)] = f"its package cannot be found ({error})."
            continue
        places = spec.submodule_search_locations if spec else None
        if places:
            found += [Path(place) for place in places]
        else:
            broken[Path(point.value)] = "the entry point must name a package (a folder) that holds NAME/kernel.toml."
    return found
