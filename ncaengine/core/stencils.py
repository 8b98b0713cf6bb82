"""The stencils that a model perceives through: its own, as its file held them, before those of the kernel.

A model's own stencils were trained on a square lattice. On kernels of that lattice they run as they are; on others the
sum of the kernel's stencils that has the same moments takes their place, if it resembles them.
"""

import functools
from collections.abc import Iterable

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.kernel_files import Stencil
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel, moments_of
from ncaengine.core.model import Config, Weights
from ncaengine.core.types import F32

Tap = tuple[int, int, float]
"""(row offset, column offset, weight)."""
SQUARE = ((1.0, 0.0), (0.0, 1.0))
"""The basis of the lattice of a model's own stencils."""
FIT = 0.65
"""How far a stencil may be from the fit of its moments: the root mean square of the difference over that of the
stencil. [-1 0 1]/2 is 0.61 from Sobel's gradient; filters with random weights are usually further from their fits."""
_PARTS = ("identity", "gradient_x", "gradient_y", "laplacian", LAPLACIAN_COS, LAPLACIAN_SIN)
_ORDERS = {"identity": 0, "gradient_x": 1, "gradient_y": 1, "laplacian": 2}


def taps(config: Config, kernel: Kernel, name: str) -> tuple[Tap, ...]:
    """Return the (row offset, column offset, weight) of a stencil, the model's own or else the kernel's.

    name: of a feature's stencil, or one of the names that Kernel.taps also knows.
    Raises NCAError if neither has it, or if the model's own can't run on this kernel.
    """
    weights = config.stencils.get(name)
    if weights is None:
        kernel.require([name] if name not in _PARTS else (), config.name)
        return kernel.taps(name)
    if np.allclose(kernel.basis, SQUARE):
        return tuple(Stencil(weights).taps())
    fit = moment_fit(weights)
    if fit is None:
        raise NCAError(
            f"The model {config.name!r} has filters of its own ({name}) that only run on a square lattice; choose the "
            "kernel 'square'."
        )
    total: dict[tuple[int, int], float] = {}
    for part, factor in fit.items():
        for row, column, weight in kernel.taps(part):
            total[row, column] = total.get((row, column), 0.0) + factor * weight
    return tuple((row, column, weight) for (row, column), weight in total.items() if abs(weight) > 1e-9)


def radius(config: Config, kernel: Kernel) -> int:
    """Return the largest radius of the kernel's and the model's stencils, in cells."""
    return max([kernel.radius, *(len(weights) // 2 for weights in config.stencils.values())])


def dense(config: Config, kernel: Kernel, name: str) -> F32:
    """Return the weights of a stencil: (2r + 1, 2r + 1) float32, padded to the radius r of `radius`."""
    r = radius(config, kernel)
    out = np.zeros((2 * r + 1, 2 * r + 1), np.float32)
    for row, column, weight in taps(config, kernel, name):
        out[row + r, column + r] = weight
    return out


def order(config: Config, kernel: Kernel, name: str) -> int:
    """Return the order of a stencil's derivative, 0 to 2: that of its lowest moment other than 0.

    A stencil's result is divided by this power of the cell scale.
    """
    if name in _ORDERS and name not in config.stencils:
        return _ORDERS[name]
    found = moments_of(taps(config, kernel, name), kernel.basis)
    stencil = Stencil(config.stencils[name]) if name in config.stencils else kernel.stencils[name]
    least = 1e-4 * sum(abs(weight) for _, _, weight in stencil.taps())
    return 0 if abs(found.constant) > least else 1 if max(abs(found.x), abs(found.y)) > least else 2


def require(config: Config, kernel: Kernel) -> None:
    """Raise NCAError if the model can't run on a kernel: neither has a stencil, or the model's own can't run there."""
    for name in dict.fromkeys(feature.stencil for feature in config.features):
        taps(config, kernel, name)


def runs_on(config: Config, kernel: Kernel) -> bool:
    """Return whether a model has all stencils that it needs on a kernel."""
    try:
        require(config, kernel)
    except NCAError:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def moment_fit(weights: Weights) -> dict[str, float] | None:
    """Return how much of each of a kernel's stencils has the moments of these weights; None if the fit is poor."""
    own = moments_of(Stencil(weights).taps(), SQUARE)
    shares = (own.constant, own.x, own.y, own.round / 4, own.stretch / 2, own.shear / 2)
    fit = {part: share for part, share in zip(_PARTS, shares, strict=True) if abs(share) > 1e-9}
    plane = np.asarray(weights, np.float64)
    side = max(len(plane), 3)
    rest = np.pad(plane, (side - len(plane)) // 2)
    size = float(np.sqrt((rest**2).sum()))
    middle = slice(side // 2 - 1, side // 2 + 2)
    for part, share in fit.items():
        rest[middle, middle] -= share * _SQUARE_PARTS[part]
    return fit if size and float(np.sqrt((rest**2).sum())) <= FIT * size else None


_SQUARE_PARTS = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "gradient_x": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8,
    "gradient_y": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 8,
    "laplacian": np.array([[1, 2, 1], [2, -12, 2], [1, 2, 1]]) / 4,
    LAPLACIAN_COS: np.array([[0, -1, 0], [1, 0, 1], [0, -1, 0]]) / 2,
    LAPLACIAN_SIN: np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]) / 4,
}
"""The square kernel's stencils, which the moments are fitted by."""


def fitted(config: Config, kernel: Kernel) -> tuple[str, ...]:
    """Return the names of the model's own stencils that run on this kernel only as fits of their moments."""
    if np.allclose(kernel.basis, SQUARE) or not runs_on(config, kernel):
        return ()
    return tuple(dict.fromkeys(f.stencil for f in config.features if f.stencil in config.stencils))


def as_weights(rows: Iterable[Iterable[float]]) -> Weights:
    """Return the weights of a stencil of Config from an array or rows of numbers."""
    return tuple(tuple(float(weight) for weight in row) for row in rows)
