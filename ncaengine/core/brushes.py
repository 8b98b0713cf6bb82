"""Brushes: the cells that a stroke touches, and how much; and patterns over a whole grid. Geometry in NumPy."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt

from ncaengine.core import bounds, lattice, pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.types import F32, F64, I32, I64, U8, Bools, Size

Coordinate = Annotated[float, bounds.COORDINATE.meta]
Point = tuple[Coordinate, Coordinate]
"""A place on the endless plane of the screen, in cell widths, y downwards; (0, 0) is the middle of cell (0, 0)."""
Tool = Literal["erase", "noise", "image", "patch", "rate", "scale", "angle", "model", "texture"]
Pattern = Literal["even", "halves", "stripes", "ramp", "checks", "polar", "bipolar", "polar-distill", "dipole"]
TITLES: dict[Tool, str] = {
    "erase": "Erase", "noise": "Noise", "image": "Picture", "patch": "Paste", "texture": "Texture",
}  # fmt: skip
"""What undo and the window call the brushes for states; those for maps have the titles of their fields."""
OF_ANGLES: tuple[Pattern, ...] = ("polar", "bipolar", "polar-distill", "dipole")
"""Patterns of directions, for the field `angle` only."""

_ROWS, _COLUMNS = 32, 64
"""A tile: a block of cells whose distances to the path are computed at once."""
_LONGEST = 128.0
"""In cell widths; longer segments are cut into pieces."""
_PIECES = 512
"""Pieces of a path that are compared with the tiles at a time."""
_FULL = 0.999
"""Once every cell has a larger weight, a stroke ends."""


def stroke(kernel: Kernel, size: Size, path: Sequence[Point], radius: float, softness: float) -> tuple[I32, F32]:
    """Return the cells that a brush touches along a path on the torus, each once and row by row, and their weights.

    path: points of a line, in cell widths within ±10⁶; a single point gives a disc.
    radius: above 0, in cell widths.
    softness: 0 to 1, the share of the radius over which the weight falls.

    Returns (n, 2) int32 (column, row) and (n,) float32 weights above 0: 1 up to radius·(1 - softness) from the path,
    then falling smoothly to 0 at `radius`. The cells nearest to the path's points are always included, with weight 1.
    If several copies of the torus touch a cell, it has the largest weight. A path that winds around the torus many
    times may end early, once every cell has a weight above 0.999.
    Raises NCAError if `path` is empty.
    """
    if not len(path):
        raise NCAError("A stroke needs at least one point; give it a path.")
    width, height = size
    points = np.asarray(path, np.float64)
    # Zeros that no tile touches cost no memory: a small stroke on a large grid stays cheap.
    weights, touched = np.zeros((height, width), np.float32), np.zeros(height, np.bool_)
    for number, (start, along) in enumerate(_pieces(kernel, size, points)):
        if number and weights.min() > _FULL:
            break
        for columns, rows, squared in _near(kernel, size, start, along, radius):
            weight = _fade(np.sqrt(squared), radius, softness)
            found = weight > 0
            column, row = lattice.on_torus(kernel, size, columns, rows[:, None])
            np.maximum.at(weights.reshape(-1), (row * width + column)[found], weight[found])
            touched[row[found.any(1)]] = True
    column, row = lattice.on_torus(kernel, size, *lattice.nearest_cell(kernel, *_reduced(kernel, size, points).T))
    weights[row, column], touched[row] = 1, True
    band = np.flatnonzero(touched)
    row, column = np.nonzero(weights[band])
    return np.stack([column, band[row]], 1).astype(np.int32), weights[band[row], column]


def _fade(distance: F64, radius: float, softness: float) -> F32:
    fade = radius * softness
    inside = np.clip((radius - distance) / fade, 0, 1) if fade > 1e-9 else (distance <= radius).astype(np.float64)
    return _smooth(inside).astype(np.float32)


def _smooth(t: F64) -> F64:
    """Return the smoothstep of t in [0, 1]."""
    return t * t * (3 - 2 * t)


def _turn(kernel: Kernel, size: Size) -> float:
    """Return by how many cell widths the torus is shifted right where it closes over the bottom: 0 … a column."""
    (ax, _), (bx, _) = kernel.basis
    return size[1] * bx - kernel.row_shift(size[1]) * ax


def _reduced(kernel: Kernel, size: Size, points: F64) -> F64:
    """Return the copies of points, (n, 2), that lie within one period of the torus from (0, 0)."""
    width, height = lattice.extent(kernel, size)
    wraps = np.floor(points[:, 1] / height)
    x = points[:, 0] - wraps * _turn(kernel, size)
    return np.stack([x - np.floor(x / width) * width, points[:, 1] - wraps * height], 1)


def _pieces(kernel: Kernel, size: Size, points: F64) -> Iterator[tuple[F64, F64]]:
    """Cut a path into short pieces, at most _PIECES at a time; yield their starts, near (0, 0), and their vectors."""
    start = points[:-1] if len(points) > 1 else points
    along = points[1:] - start if len(points) > 1 else np.zeros_like(points)
    parts = np.maximum(np.ceil(np.hypot(*along.T) / _LONGEST), 1).astype(np.int64)
    ends = parts.cumsum()
    for first in range(0, int(ends[-1]), _PIECES):
        piece = np.arange(first, min(first + _PIECES, int(ends[-1])))
        segment = np.searchsorted(ends, piece, "right")
        step = along[segment] / parts[segment, None]
        done = piece - (ends - parts)[segment]
        yield _reduced(kernel, size, start[segment] + step * done[:, None]), step


def _reach(kernel: Kernel, size: Size, radius: float) -> tuple[float, float]:
    """Return how far across and down the nearest copy of a cell can be from a point, if it is within `radius`."""
    width, height = lattice.extent(kernel, size)
    turn = _turn(kernel, size)
    # A copy some turns up or down may be nearer, because each turn shifts it sideways.
    turns = math.ceil(width / 2 * turn / (turn**2 + height**2)) if turn > 1e-9 else 0
    return min(radius, width / 2 + 1e-6), min(radius, (turns + 0.5) * height + 1e-6)


def _near(kernel: Kernel, size: Size, start: F64, along: F64, radius: float) -> Iterator[tuple[I64, I64, F64]]:
    """Yield the tiles of the unrolled plane that are near pieces of a path.

    Each is columns (rows, columns), rows (rows,) and squared distances to the nearest piece (rows, columns).
    """
    (ax, _), (bx, by) = kernel.basis
    reach = _reach(kernel, size, radius)
    low = np.minimum(start, start + along).min(0) - reach
    high = np.maximum(start, start + along).max(0) + reach
    pitch = np.array([_COLUMNS * ax, _ROWS * by])
    # Tiles start at the low corner, so a small stroke needs few. Each row begins within half a cell of it.
    first = np.floor(low / (ax, by)).astype(np.int64)
    across, down = np.ceil((high - first * (ax, by) + ax) / pitch).astype(np.int64)
    half = math.hypot(pitch[0] + ax, pitch[1]) / 2
    group = max(1, 2**18 // len(start))
    for begin in range(0, int(across * down), group):
        tiles = np.arange(begin, min(begin + group, int(across * down)))
        corner = first + np.stack([tiles % across * _COLUMNS, tiles // across * _ROWS], 1)
        middle = corner * (ax, by) + (pitch - (ax, by)) / 2
        apart = np.sqrt(_squared(middle[:, :1], middle[:, 1:], start, along))
        # A piece matters to a tile if it may touch it, unless another piece is nearer to all its cells.
        matters = apart <= np.minimum(apart.min(1, keepdims=True) + 2 * half, radius + half)
        for tile in np.flatnonzero(matters.any(1)):
            rows = corner[tile, 1] + np.arange(_ROWS)
            columns = corner[tile, 0] + np.arange(_COLUMNS) - np.rint(rows * (bx / ax)).astype(np.int64)[:, None]
            x, y = columns * ax + rows[:, None] * bx, np.broadcast_to(rows[:, None] * by, columns.shape)
            use = np.flatnonzero(matters[tile])
            squared = np.full(columns.shape, np.inf)
            for some in np.array_split(use, -(-len(use) // 32)):
                found = _squared(x[..., None], y[..., None], start[some], along[some]).min(-1)
                np.minimum(squared, found, out=squared)
            yield columns, rows, squared


def _squared(x: F64, y: F64, start: F64, along: F64) -> F64:
    """Return squared distances from points to segments: (…, 1) and (n, 2) give (…, n)."""
    (from_x, from_y), (dx, dy) = start.T, along.T
    over = np.maximum(dx * dx + dy * dy, 1e-300)  # a segment of no length is a point
    px, py = x - from_x, y - from_y
    t = np.clip((px * dx + py * dy) / over, 0, 1)
    squared: F64 = (px - t * dx) ** 2 + (py - t * dy) ** 2
    return squared


def places(kernel: Kernel, size: Size, column: I32, row: I32) -> tuple[F64, F64]:
    """Return where the picture's rectangle shows cells: their middles from its upper left corner, in cell widths."""
    (ax, _), (bx, by) = kernel.basis
    width = size[0] * ax
    x = (column.astype(np.float64) + 0.5) * ax + row * bx
    y = (row.astype(np.float64) + 0.5) * by
    return x - np.floor(x / width) * width, y


def pattern(
    kernel: Kernel, size: Size, which: Pattern, values: tuple[float, float], count: int = 4, fuzz: float = 0.0
) -> F32:
    """Return a pattern on the picture's rectangle, as the screen shows it: (height, width) float32.

    Each cell takes the value at its middle. On a skewed lattice, shifted rows re-enter on the other side.

    which:
        even: values[0] everywhere.
        halves: values[0] on the left, values[1] on the right.
        stripes: `count` vertical stripes, alternating, values[0] first.
        checks: a board of `count` x `count`, values[0] at the upper left.
        ramp: linear from values[0] at the left edge to values[1] at the right.
        polar: the direction from the middle of the picture to the cell.
        bipolar: the direction from a pole at a quarter of the width, at half height, minus that from a pole at three
            quarters.
        polar-distill: the polar field of Self-Organising Textures (Distill 2021): polar - 90 degrees.
        dipole: that article's field of two poles, at a quarter and at three quarters of the columns and rows, minus 90
            degrees: the direction of the sum of v/|v|³, v from the first pole to the cell and from it to the second.
        The last four are for the `angle` field, in degrees from +x towards +y, plus values[0], within -180 … 180.
    count: at least 1.
    fuzz: cell widths, at least 0, over which halves, stripes and checks change smoothly from one value to the other,
        at most the width of a stripe; 0 is sharp. The edge where the torus closes is such a border too, if the values
        on its sides differ; with an odd `count` they don't.
    """
    across, down = lattice.extent(kernel, size)
    x, y = places(kernel, size, *np.meshgrid(*(np.arange(side, dtype=np.int32) for side in size)))
    if which in OF_ANGLES:
        degrees = _dipole(size) if which == "dipole" else _poles(which, x - across / 2, y - down / 2, across / 4)
        return ((values[0] + degrees + 180) % 360 - 180).astype(np.float32)
    if which == "even":
        share = np.zeros_like(x)
    elif which == "ramp":
        share = x / across
    else:
        share = _stripes(x, across, 2 if which == "halves" else count, fuzz)
    if which == "checks":
        other = _stripes(y, down, count, fuzz)
        share = share + other - 2 * share * other
    return (values[0] * (1 - share) + values[1] * share).astype(np.float32)


def _poles(which: Pattern, x: F64, y: F64, pole: float) -> F64:
    """Return polar, polar-distill or bipolar in degrees at places that are measured from the middle."""
    if which == "bipolar":
        return _direction(x + pole, y) - _direction(x - pole, y)
    return _direction(x, y) - (90 if which == "polar-distill" else 0)


def _dipole(size: Size) -> F64:
    """Return the article's dipole in degrees: in columns and rows as they are stored, also on skewed lattices."""
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float64) + 0.5 for side in size))
    width, height = size
    total = np.zeros((2, height, width))
    for v in ((x - width / 4, y - height / 4), (width * 0.75 - x, height * 0.75 - y)):
        total += np.stack(v) / np.maximum(np.hypot(*v), 1e-9) ** 3
    return _direction(*total) - 90


def _direction(x: F64, y: F64) -> F64:
    """Return the direction in degrees from +x towards +y."""
    degrees: F64 = np.degrees(np.arctan2(y, x))
    return degrees


def _stripes(x: F64, across: float, count: int, fuzz: float) -> F64:
    """Return 0 and 1 alternating over `count` stripes of 0 … `across`, with borders blended over `fuzz`."""
    stripe = across / count
    border = np.rint(x / stripe)
    before, after = (border - 1) % count % 2, border % count % 2
    beyond = x - border * stripe
    fuzz = min(fuzz, stripe)
    share = _smooth(np.clip(beyond / fuzz + 0.5, 0, 1)) if fuzz > 1e-9 else beyond >= 0
    blend: F64 = before + (after - before) * share
    return blend


def dither(mix: F32, cells: I32, number: int, rng_seed: int) -> Bools:
    """Return which cells a soft brush switches to another model: (n,) bool.

    mix: (n,) float32 shares in [0, 1].
    cells: (n, 2) int32 (column, row).
    number: counts the strokes; it and `rng_seed` are taken modulo 2**32.

    A cell is switched if its random number is below `mix`: the upper 24 bits of the second word of pcg4d(column, row,
    number, rng_seed XOR 0xB5297A4D), as a fraction in [0, 1). So a mix of 1 always switches, 0 never does, and a larger
    mix switches all cells of a smaller one.
    """
    column, row = cells.astype(np.uint32).T
    seed = (rng_seed ^ 0xB5297A4D) & pcg.ALWAYS
    word = pcg.pcg4d(column, row, np.uint32(number & pcg.ALWAYS), np.uint32(seed))[1]  # type: ignore[arg-type]
    given: Bools = (word >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24) < mix
    return given


@dataclass(frozen=True, eq=False)
class Patch:
    """A round piece of a grid, to paste elsewhere."""

    kernel: Kernel
    radius: float
    """In cell widths."""
    cells: I32
    """(n, 2) int32 offsets (column, row) from the middle cell on the lattice of `kernel`, see `disc`."""
    state: F32
    """(n, channels) float32 of these cells."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self.cells.nbytes + self.state.nbytes


def disc(kernel: Kernel, radius: float) -> I32:
    """Return the offsets (column, row) of the cells within `radius` cell widths of a middle cell: (n, 2) int32."""
    (ax, _), (bx, by) = kernel.basis
    down = int(radius / by + 1e-9)
    across = int((radius + down * abs(bx)) / ax + 1e-9)
    row, column = np.mgrid[-down : down + 1, -across : across + 1]
    near = np.hypot(column * ax + row * bx, row * by) <= radius + 1e-9
    return np.stack([column[near], row[near]], 1).astype(np.int32)


def paste(patch: Patch, kernel: Kernel, offsets: I32) -> tuple[Bools, npt.NDArray[np.intp]]:
    """Match the cells where a patch is pasted, on the lattice of any kernel, with those of the patch.

    offsets: (n, 2) int32 (column, row) from the middle cell on the target's lattice.

    Returns for each whether the patch has a cell there, and the index of the patch's nearest cell by place on the
    screen (0 where it has none). On its own kernel, a patch is pasted cell by cell.
    """
    (ax, _), (bx, by) = kernel.basis
    column, row = lattice.nearest_cell(patch.kernel, offsets[:, 0] * ax + offsets[:, 1] * bx, offsets[:, 1] * by)
    low, high = patch.cells.min(0), patch.cells.max(0)
    table = np.full(high - low + 1, -1, np.intp)
    table[tuple((patch.cells - low).T)] = np.arange(len(patch.cells))
    place = np.stack([column, row], 1)
    index = np.where(((place >= low) & (place <= high)).all(1), table[tuple((np.clip(place, low, high) - low).T)], -1)
    return index >= 0, np.maximum(index, 0)


def image_at(image: U8, kernel: Kernel, size: Size, cells: I32) -> F32:
    """Return the colours of an image at cells: (n, 3) float32 in [0, 1].

    image: (h, w, 3) uint8, laid over the plane with one pixel per cell width from the upper left corner of the picture,
        and repeated endlessly.
    cells: (n, 2) int32 (column, row); each takes the pixel that contains its middle.
    """
    x, y = places(kernel, size, cells[:, 0], cells[:, 1])
    row, column = np.floor(y).astype(np.int64) % image.shape[0], np.floor(x).astype(np.int64) % image.shape[1]
    colours: F32 = image[row, column].astype(np.float32) / np.float32(255)
    return colours
