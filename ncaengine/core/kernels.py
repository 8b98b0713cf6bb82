"""Neighbourhood kernels: a lattice and its linear stencils, read from kernel.toml files.

A plugin is data: it needs no code and can run none. `load_kernel` checks a file; `discover` finds every plugin and
lists the broken ones apart, so that one of them never stops the program.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import numpy as np
import platformdirs

from ncaengine.core import resources
from ncaengine.core.errors import NCAError
from ncaengine.core.kernel_files import Stencil, read_kernel_file
from ncaengine.core.names import did_you_mean

LAPLACIAN_COS, LAPLACIAN_SIN = "laplacian·cos", "laplacian·sin"
"""Stencils made from a kernel's Laplacian: its weights times the cosine and the sine of twice their angle on the
screen. The Laplacian's parts along x and y are (laplacian ± laplacian·cos) / 2. A cell that is higher than wide divides
them by different squares; on the square lattice they are NoiseNCA's lap_x and lap_y."""
ENTRY_POINT_GROUP = "ncaengine.plugins"
IDENTITY = Stencil(weights=((1.0,),))


class Moments(msgspec.Struct, frozen=True):
    """The result of a stencil on the polynomials 1, x, y, x² + y², x² - y² and 2xy, in screen coordinates."""

    constant: float
    x: float
    y: float
    round: float
    stretch: float
    shear: float


_POLYNOMIALS = {
    "constant": "a constant",
    "x": "x",
    "y": "y",
    "round": "x²+y²",
    "stretch": "x²−y²",
    "shear": "2xy",
}
TOLERANCE = 1e-4
"""How far a matched kernel's moments may be off. A gradient reacts to second-order terms only if it is asymmetric, an
error of that size; so one bound serves for all moments."""
_TRUE_MOMENTS = {
    "gradient_x": Moments(0, 1, 0, 0, 0, 0),
    "gradient_y": Moments(0, 0, 1, 0, 0, 0),
    "laplacian": Moments(0, 0, 0, 4, 0, 0),
}


@dataclass(frozen=True, eq=False)
class Kernel:
    """A neighbourhood kernel."""

    name: str
    """1 to 40 small letters, digits and hyphens."""
    title: str
    """The name that people read."""
    description: str
    """One or two sentences; may be empty."""
    basis: tuple[tuple[float, float], tuple[float, float]]
    """Where a step of one column and of one row lead on the screen, (x, y) in cell widths with y downwards. The first
    lies along x."""
    stencils: Mapping[str, Stencil]
    """By name: "identity", "gradient_x", "gradient_y", "laplacian", and others that a plugin has."""
    source: Path
    """The kernel.toml."""

    @property
    def radius(self) -> int:
        """The largest radius of its stencils, in cells."""
        return max(stencil.radius for stencil in self.stencils.values())

    def require(self, stencils: Iterable[str], model: str) -> None:
        """Raise NCAError if the kernel lacks one of the `stencils` that `model` perceives through."""
        missing = sorted(set(stencils) - set(self.stencils))
        if missing:
            raise NCAError(
                f"The model {model!r} perceives through {', '.join(missing)}, which the kernel "
                f"{self.name!r} does not have; choose another kernel."
            )

    def row_shift(self, height: int) -> int:
        """Return by how many columns the torus is shifted where it closes over the top and bottom edge.

        In a skewed basis row `height` of the lattice starts `height·skew` columns to the right of row 0. The shift
        makes the torus a rectangle on the screen: pictures of a hexagonal grid with an even number of rows tile
        without a seam.
        """
        (pitch, _), (skew, _) = self.basis
        return math.floor(height * skew / pitch + 1e-9)

    def moments(self, stencil: str) -> Moments:
        """Return the moments of one stencil: a true gradient_x has x = 1, a true Laplacian round = 4."""
        return moments_of(self.stencils[stencil].taps(), self.basis)

    def taps(self, name: str) -> tuple[tuple[int, int, float], ...]:
        """Return (row offset, column offset, weight) of a stencil, also of LAPLACIAN_COS and LAPLACIAN_SIN."""
        if name not in (LAPLACIAN_COS, LAPLACIAN_SIN):
            return tuple(self.stencils[name].taps())
        (ax, _), (bx, by) = self.basis
        part, out = (math.cos if name == LAPLACIAN_COS else math.sin), []
        for row, column, weight in self.stencils["laplacian"].taps():
            if row or column:
                out.append((row, column, weight * part(2 * math.atan2(row * by, column * ax + row * bx))))
        middle = (0, 0, -sum(weight for _, _, weight in out))
        return tuple(tap for tap in (*out, middle) if abs(tap[2]) > 1e-9)

    def gains(self) -> tuple[float, float, float]:
        """Return the gain of gradient_x on x, of gradient_y on y and of the Laplacian on (x² + y²) / 4."""
        return (self.moments("gradient_x").x, self.moments("gradient_y").y, self.moments("laplacian").round / 4)

    def unmatched(self) -> list[str]:
        """Return a sentence for each moment that differs from the true operator's; empty for a matched kernel."""
        sentences = []
        for name, true in _TRUE_MOMENTS.items():
            found = self.moments(name)
            for key, polynomial in _POLYNOMIALS.items():
                a, b = getattr(found, key), getattr(true, key)
                if abs(a - b) > TOLERANCE:
                    sentences.append(f"{name} on {polynomial} gives {a:.3g}, not {b:.3g}")
        return sentences

    def matching_divisors(self) -> dict[str, float]:
        """Return the divisor that would match each stencil which is off by a factor alone, by its name."""
        found = {}
        for name, true in _TRUE_MOMENTS.items():
            here, there = (np.array(msgspec.structs.astuple(each)) for each in (self.moments(name), true))
            factor = float(here[there != 0][0] / there[there != 0][0])
            if factor and np.abs(here / factor - there).max() <= TOLERANCE < np.abs(here - there).max():
                found[name] = self.stencils[name].divisor * factor
        return found


def moments_of(
    taps: Iterable[tuple[int, int, float]], basis: tuple[tuple[float, float], tuple[float, float]]
) -> Moments:
    """Return the moments of taps on a lattice; see Kernel.taps and Kernel.basis."""
    (ax, _), (bx, by) = basis
    sums = np.zeros(6)
    for row, column, weight in taps:
        x, y = column * ax + row * bx, row * by
        sums += weight * np.array([1, x, y, x * x + y * y, x * x - y * y, 2 * x * y])
    return Moments(*(float(s) for s in sums))


def load_kernel(path: Path) -> Kernel:
    """Read and check one kernel.toml. Raises NCAError that names the file, the key and the cure."""
    file = read_kernel_file(path)
    stencils = {"identity": IDENTITY, **file.stencils}
    return Kernel(file.name, file.title or file.name, file.description, file.basis, stencils, path)


@dataclass(frozen=True)
class Catalogue:
    """Every plugin found."""

    kernels: Mapping[str, Kernel]
    """By name."""
    broken: Mapping[Path, str]
    """What is wrong with each broken file, a sentence a line."""

    def get(self, name: str) -> Kernel:
        """Return the kernel called `name`. Raises NCAError that lists the available ones."""
        if name in self.kernels:
            return self.kernels[name]
        guess = did_you_mean(name, self.kernels)
        raise NCAError(
            f"There is no kernel {name!r}; choose from: {', '.join(self.kernels)}{guess}.",
            *(f"Broken: {complaint}" for complaint in self.complaints()),
        )

    def first(self, names: Iterable[str]) -> Kernel:
        """Return the kernel that a model starts on: the first of its kernels that is here, or else the square one.

        Raises NCAError if there is none.
        """
        return self.get(next((name for name in names if name in self.kernels), "square"))

    def complaints(self) -> list[str]:
        """Return a sentence for each thing that is wrong with a broken file, beginning with the file."""
        return [f"{path}: {line}" for path, reason in self.broken.items() for line in reason.splitlines()]


def discover(folders: Iterable[Path] = ()) -> Catalogue:
    """Find the built-in kernels, then those of installed packages, of the user's plugin folder and of `folders`.

    A kernel whose name is taken counts as broken. Raises NCAError if one of `folders` is not a folder or holds no
    kernel.
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
                first = kernels.setdefault(kernel.name, kernel)
                if first.source.resolve() != path.resolve():
                    raise NCAError(f"`name`: {kernel.name!r} is taken by {first.source}; choose another.")
            except NCAError as error:
                broken[path] = str(error).replace(f"{path}: ", "")
    return Catalogue(kernels, broken)


def _manifests(folder: Path) -> list[Path]:
    if not os.path.isdir(folder):  # unlike glob, this raises nothing where another user's home is $HOME
        return []
    return sorted(folder.glob("*/kernel.toml")) + sorted(folder.glob("kernel.toml"))


def user_folder() -> Path:
    """Return the folder of the user's own plugins, ~/.config/ncaengine/plugins on Linux. It may not exist."""
    return platformdirs.user_config_path("ncaengine") / "plugins"


def _installed(broken: dict[Path, str]) -> list[Path]:
    """Return the plugin folders of installed packages; note in `broken` those that can't be found.

    An entry point names a package that holds data. Only its place is looked up; the package itself is not imported.
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
