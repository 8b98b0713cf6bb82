"""What models, grids, simulations and recordings display in a notebook.

A model or a grid is shown as a page, which runs it on the browser's graphics device: it is live on a machine without
one, too. With it comes a picture, for viewers that show no HTML.
"""

from collections.abc import Sequence
from functools import partial, singledispatch
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ncaengine import backends
from ncaengine.core import embeddings, kernels, lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Model
from ncaengine.core.types import F32, U8
from ncaengine.formats.exporters import page
from ncaengine.io import pages
from ncaengine.io.film import Film
from ncaengine.io.kinds import KINDS
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.rollout import rollout
from ncaengine.simulation.simulation import Simulation, Which
from ncaengine.viewer.notebook import frame, packed
from ncaengine.viewer.notebook.frame import HEIGHT, Display

SCALE = 4
"""Pixels per cell in a model's picture."""
MOST_VIDEO = 2**26
"""Bytes of a video in a notebook's file."""
SHOWN = {kind.ending: kind.media for kind in KINDS if kind.media}
"""Media types by the endings of recordings."""

_grown: WeakKeyDictionary[Model, dict[str, tuple[U8, U8]]] = WeakKeyDictionary()
"""Pictures of models that were displayed before, by the kernel's name."""


@singledispatch
def of(thing: object) -> Display | None:
    """Return what a notebook displays as the last value of a cell; None where only text can be shown."""
    raise NotImplementedError(f"A {type(thing).__name__} has no display.")


@of.register
def of_model(model: Model, kernel: str = "", controls: bool = True, height: int = HEIGHT) -> Display:
    """Return the display of a model; see Model.show. Raises NCAError if it can't run on the kernel."""
    frame.check_height(height)
    catalogue = kernels.discover()
    first = catalogue.get(kernel) if kernel else catalogue.first(model.config.kernels)
    models = embeddings.each(model)
    (small, large), *more = (_pictures_of(one, first) for one in models)
    shown = [pages.small_picture(picture) for picture in (small, *(one[0] for one in more))]
    try:
        page.require_page(models[0].config, [first])
        offered = _offered(first, models, catalogue)
        text = page.page(models, offered, shown, model.config.name, {"embed": not controls})
    except NCAError as error:
        return frame.still(frame.png_of(large), str(error))
    return frame.framed(text, frame.png_of(large), shown[0], model.config.name, height)


@of.register
def of_grid(grid: Grid, catalogue: Catalogue | None = None, controls: bool = True, height: int = HEIGHT) -> Display:
    """Return the display of a grid as it is; see Simulation.show."""
    frame.check_height(height)
    picture = frame.png_of(grid.picture(packed.whole(grid)))
    try:
        text = page_of(grid, catalogue or kernels.discover(), controls)
    except NCAError as error:
        return frame.still(picture, str(error))
    return frame.framed(text, picture, pages.small_picture(_middle(grid)), grid.model.config.name, height)


@of.register
def _(sim: Simulation) -> Display | None:
    return of_grid(sim.grid(), sim.catalogue) if sim.grids else None


@of.register
def _(film: Film) -> Display | None:
    path = Path(film.path)
    kind, size = SHOWN.get(path.suffix.lower()), path.stat().st_size if path.is_file() else 0
    if not film.closed or kind is None or not 0 < size <= MOST_VIDEO:
        return None
    return frame.moving(kind, path.read_bytes(), path.name)


def of_simulation(sim: Simulation, which: Which, live: bool, stream: bool, controls: bool, height: int) -> Any:
    """Return the display of a simulation's grid, or a widget that is live; see Simulation.show. Raises NCAError."""
    grid = sim.grid(which)
    frame.check_height(height)
    if not (live or stream):
        return of_grid(grid, sim.catalogue, controls, height)
    try:
        from ncaengine.viewer.notebook import live as widgets
    except ImportError as error:
        raise NCAError(
            f"A live widget needs what is missing here ({error}); run: pip install 'ncaengine[notebook]'"
        ) from None
    if not stream:
        try:
            return widgets.PageWidget(sim, grid, partial(page_of, grid, sim.catalogue, controls, True), height)
        except NCAError:
            pass  # the page can't run the model, so Python does
    return widgets.StreamWidget(sim, grid)


def page_of(
    grid: Grid, catalogue: Catalogue, controls: bool, live: bool = False, at: tuple[F32, int] | None = None
) -> str:
    """Return the text of a page that goes on from a grid's cells. Raises NCAError if a page can't run its models.

    at: see packed.with_cells.
    """
    for model in grid.models:
        page.require_page(model.config, [grid.kernel])
    small = [_middle(grid), *(_pictures_of(model, grid.kernel)[0] for model in grid.models[1:])]
    pictures = [pages.small_picture(picture) for picture in small]
    offered = _offered(grid.kernel, grid.models, catalogue)
    text = page.page(grid.models, offered, pictures, grid.model.config.name, _start(grid, controls))
    return packed.with_cells(text, grid, live, at)


def _start(grid: Grid, controls: bool) -> dict[str, Any]:
    settings, (width, height) = grid.settings, grid.size
    return {
        "model": grid.model.config.name, "kernel": grid.kernel.name, "size": f"{width}x{height}",
        "seed": grid.rng_seed % 2**32, "speed": settings.steps_per_second, "fireRate": settings.fire_rate,
        "scale": settings.scale, "angle": settings.angle, "paused": settings.paused, "embed": not controls,
    }  # fmt: skip


def _offered(first: Kernel, models: Sequence[Model], catalogue: Catalogue) -> list[Kernel]:
    """Return the kernels of a page: one, then the others that the models were made for."""
    names = [name for model in models for name in model.config.kernels if name in catalogue.kernels]
    return [first, *(catalogue.get(name) for name in dict.fromkeys(names) if name != first.name)]


def _middle(grid: Grid) -> U8:
    """Return a picture of the cells in a grid's middle, a pixel each."""
    wide, high = lattice.extent(grid.kernel, grid.size)
    x, y = lattice.corner(grid.kernel)
    return grid.picture(View(pages.SIDE, pages.SIDE, 1.0, x + (wide - pages.SIDE) // 2, y + (high - pages.SIDE) // 2))


def _pictures_of(model: Model, kernel: Kernel) -> tuple[U8, U8]:
    """Grow a model's texture, on the processor, and return a small and a large picture."""
    known = _grown.setdefault(model, {})
    if kernel.name not in known:
        # Not on a GPU, which belongs to the user's cells.
        with Simulation(backends.best_without_gpu()[0], Catalogue({kernel.name: kernel}, {}), history=0) as sim:
            for grid in rollout(sim, model, [pages.STEPS], pages.SIDE, kernel.name):
                known[kernel.name] = grid.image(), grid.image(SCALE)
    return known[kernel.name]
