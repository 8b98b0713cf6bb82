"""Fill areas of a picture with living textures: a grid for each area, and the picture in which they show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ncaengine.core import backdrops, brushes, fields, lattice, masks
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import to_rgb
from ncaengine.core.model import Model
from ncaengine.core.types import F32, F64, I32, U8, Bools, Size
from ncaengine.io import alignment, areas
from ncaengine.io.photos import Photo, to_depth
from ncaengine.simulation import settling
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.rollout import StepReport, run_to
from ncaengine.simulation.simulation import Simulation

SIDE = 1000
"""Up to about this many pixels a side, a picture gets a cell for each pixel by default."""
SPARSE = 0.9
"""If a smaller share of a grid's cells is needed, the others rest; a grid without a map of rates is faster."""
LOOK, LOOKS, MOST = 50, 5, 3000
"""Steps between two looks at a texture that settles, how many looks must be alike, and when to give up."""
CALM = 0.05
"""How much these looks may differ: less than where `import` tells a texture from what is none."""
_APART = 0x9E3779B9
"""Between the random seeds of two areas, so that those of one texture differ."""


@dataclass(frozen=True)
class How:
    """How to fill."""

    kernel: str = "square"
    cell: float = 1.0
    """Pixels per cell."""
    feather: float = 6.0
    """Pixels over which a texture fades into its surroundings, half of them on either side of the edge."""
    smooth: bool = True
    """Whether cells that are larger than a pixel blend into each other."""
    seed: int = 0
    angles: F32 | None = None
    """Degrees by which the texture is turned, a map over the whole picture; None turns nothing."""
    scales: F32 | None = None
    """Scales of cells, likewise."""


@dataclass(frozen=True)
class Part:
    """An area, and the grid that grows its texture."""

    rows: slice
    """Of the picture, that the area and its fade touch."""
    columns: slice
    share: F32
    """Of the texture in each of these pixels, 0 to 1: (rows, columns) float32."""
    grid: Grid
    view: View
    """These pixels, as a view of the grid."""
    awake: Bools
    """Which of the grid's cells are stepped: (height, width) bool."""

    def settled(self, levels: list[tuple[float, float]]) -> bool:
        """Look at the texture once more, and return whether it has settled. levels: earlier looks, in order."""
        colours = to_rgb(self.grid.state(), self.grid.model.config.colour)[self.awake]
        levels.append((float(colours.mean()), float(colours.std(0).mean())))
        contrast, late = levels[-1][1], levels[-LOOKS:]
        calm = settling.unrest(late, contrast) <= CALM and contrast >= settling.FLATTEST
        return len(late) == LOOKS and calm


class Filling:
    """A picture whose areas are filled by the grids of a Simulation.

    Attributes:
        photo: The picture.
        parts: Its areas.
    """

    def __init__(self, sim: Simulation, photo: Photo, labels: I32, models: Sequence[Model], how: How) -> None:
        """Add a grid for each area. Raises NCAError if one can't be added.

        sim: Has no other grids.
        labels: Which area each pixel belongs to, counted from 1; 0 for none: (height, width) int32.
        models: The texture of each area.
        """
        self.sim, self.photo = sim, photo
        kernel = sim.catalogue.get(how.kernel)
        if photo.alpha is not None:
            labels = areas.under_edges(labels, photo.alpha == 0, masks.fade_of(how.feather) + 1)
        self.parts = [
            _add(sim, kernel, model, labels == number, replace(how, seed=_seed(how.seed, number)))
            for number, model in enumerate(models, 1)
        ]
        sim.engine.take_over([part.grid for part in self.parts], sim.tick, sim.engine.world.next_id)

    @property
    def cells(self) -> int:
        """How many cells are stepped."""
        return sum(int(part.awake.sum()) for part in self.parts)

    def reseed(self, seed: int) -> None:
        """Start again, with another random seed."""
        for number, part in enumerate(self.parts, 1):
            self.sim.reseed(_seed(seed, number), part.grid)

    def run(self, step: int, report: StepReport = lambda made: None) -> None:
        """Let each area make steps until it has made `step` of them."""
        for part in self.parts:
            for _ in run_to(self.sim, part.grid, [step], report):
                pass

    def settle(self, report: StepReport = lambda made: None) -> bool:
        """Let each area make steps until its texture stays alike. Return whether all do so within MOST steps."""
        calm = True
        for part in self.parts:
            levels: list[tuple[float, float]] = []
            calm &= any(part.settled(levels) for _ in run_to(self.sim, part.grid, range(LOOK, MOST + 1, LOOK), report))
        return calm

    def picture(self) -> Photo:
        """Return the filled picture. What no texture reaches is as it was, bit for bit."""
        colours, share = self._textures()
        return replace(self.photo, rgb=backdrops.composed(self.photo.rgb, colours, share))

    def layer(self) -> Photo:
        """Return the textures alone, transparent where the picture shows."""
        return layer(self.photo, *self._textures())

    def _textures(self) -> tuple[F32, F32]:
        """Return the sum of all textures by their shares, (height, width, 3) float32, and the sum of the shares."""
        width, height = self.photo.size
        colours, share = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
        for part in self.parts:
            drawn: U8 = part.grid.picture(part.view)
            colours[part.rows, part.columns] += drawn * (part.share / np.float32(255))[..., None]
            share[part.rows, part.columns] += part.share
        if self.photo.alpha is not None:  # areas go on under what is transparent, which is left as it is
            colours, share = colours * (self.photo.alpha > 0)[..., None], share * (self.photo.alpha > 0)
        return colours, np.minimum(share, 1)


def layer(photo: Photo, colours: F32, share: F32) -> Photo:
    """Return textures alone, transparent where the picture shows; see backdrops.composed."""
    rgb = to_depth(photo, colours / np.maximum(share, 1e-6)[..., None])
    alpha = 1.0 if photo.alpha is None else photo.alpha / np.float32(photo.white)
    return replace(photo, rgb=rgb, alpha=to_depth(photo, share * alpha))


def of_grid(grid: Grid, photo: Photo, alone: bool = False) -> Photo:
    """Return the picture on which a grid lies, filled by its cells. alone: the textures, see `layer`.

    photo: That picture, perhaps of more bits per colour, or with opacity.

    Raises NCAError if it isn't that picture.
    """
    here = grid.backdrop
    if here is None or here.size != photo.size:
        raise NCAError("The grid lies on another picture; open this one again, and mark its areas.")
    view = View(*photo.size, here.cell, *lattice.corner(grid.kernel), smooth=here.cell > 1)
    share = here.seen(grid.kernel, grid.size, view)[1]
    if photo.alpha is not None:
        share = np.where(photo.alpha > 0, share, 0)
    colours = grid.drawn(view) * (share / np.float32(255))[..., None]
    return layer(photo, colours, share) if alone else replace(photo, rgb=backdrops.composed(photo.rgb, colours, share))


def cell_for(size: Size) -> int:
    """Return how many pixels a cell gets by default in a picture of (width, height)."""
    return max(1, round(max(size) / SIDE))


def _seed(seed: int, number: int) -> int:
    """Return the random seed of an area, counted from 1."""
    return (seed + (number - 1) * _APART) % 2**32


def _add(sim: Simulation, kernel: Kernel, model: Model, area: Bools, how: How) -> Part:
    """Add the grid of an area."""
    fade = masks.fade_of(how.feather)
    rows, columns = masks.box_of(area, fade)
    wide, high = columns.stop - columns.start, rows.stop - rows.start
    margin = math.ceil(backdrops.MARGIN * how.cell)
    ax, by = lattice.extent(kernel, (1, 1))
    size = backdrops.grid_size(kernel, (wide + 2 * margin, high + 2 * margin), how.cell)
    x, y = (start + margin / how.cell for start in lattice.corner(kernel))
    view = View(wide, high, how.cell, x, y, how.smooth)
    if max(how.cell * ax, how.cell * by) > lattice.MAX_SCALE:
        raise NCAError(f"A cell of {how.cell:g} pixels is not possible; use at most {lattice.MAX_SCALE}.")
    grid = sim.add(model, size, kernel.name, rng_seed=how.seed)
    places = brushes.places(kernel, size, *np.meshgrid(*(np.arange(side, dtype=np.int32) for side in size)))
    right, down = (place * how.cell - margin for place in places)
    near = masks.widened(np.pad(area[rows, columns], margin), margin + fade)
    awake = near[
        np.clip((down + margin).astype(np.int64), 0, near.shape[0] - 1),
        np.clip((right + margin).astype(np.int64), 0, near.shape[1] - 1),
    ]
    across, along = (right + columns.start) / area.shape[1], (down + rows.start) / area.shape[0]
    maps = _fields(grid, awake, how, across, along)
    share = masks.faded(area[rows, columns], fade)
    return Part(rows, columns, share, _with_fields(sim, grid, maps), view, awake)


def _fields(grid: Grid, awake: Bools, how: How, x: F64, y: F64) -> F32 | None:
    """Return the fields of a grid whose cells lie at x, y, as shares of the picture; None for the defaults."""
    if how.angles is None and how.scales is None and awake.mean() > SPARSE:
        return None
    maps = grid.default_fields(*grid.size)
    maps[..., fields.PLANE["rate"]] = awake
    if how.angles is not None:
        maps[..., fields.PLANE["angle"]] = alignment.sampled(how.angles, x, y)
    if how.scales is not None:
        maps[..., fields.PLANE["scale"]] = alignment.sampled(how.scales, x, y)
    return maps


def _with_fields(sim: Simulation, grid: Grid, maps: F32 | None) -> Grid:
    """Return a grid like this one, with these fields."""
    snapshot = grid.snapshot()
    return Grid(replace(snapshot, moment=replace(snapshot.moment, fields=maps)), sim.backend, sim.history)
