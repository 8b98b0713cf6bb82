"""Pictures under grids: open one to fill areas of it, grow variants, save what has become of it."""

from dataclasses import replace
from pathlib import Path

from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.io import filling, photos, picture_files
from ncaengine.io.photos import Photo
from ncaengine.simulation.commands import RemoveGrid, Reseed, SetBackdrop, SetModel
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import grids, running, tools
from ncaengine.viewer.state.app import App

MODEL = "many"
"""The shipped model whose textures are offered unless the selected grid makes several."""
VARIANTS = 3
"""How many grids with other random seeds are added."""


def open_picture(app: App, path: Path) -> None:
    """Lay a picture under a new grid and take the tool Areas. Raise NCAError and change nothing if that fails."""
    photo = photos.read_photo(path)
    app.sim.engine.world.check_room()
    models = app.grid.models if app.panes and len(app.grid.textures) > 1 else (_shipped(app),)
    grid = app.sim.add(models[0], app.default_size, grids.kernel_for(app, models[0]).name)
    try:
        for slot, model in enumerate(models[1:], 1):
            app.sim.submit(SetModel(grid.id, app.sim.register(model), slot))
        name = app.sim.register_array(as_text(path.stem), photos.to_8_bits(photos.without_opacity(photo).rgb))
        app.sim.submit(SetBackdrop(grid.id, name, filling.cell_for(photo.size)))
    except NCAError:
        app.sim.submit(RemoveGrid(grid.id))
        raise
    alpha = None if photo.alpha is None else app.spill.kept(photo.alpha)
    app.photos[name] = replace(photo, rgb=app.spill.kept(photo.rgb), alpha=alpha)
    app.select_grid(grid.id)
    app.pane.camera.fill, app.pane.shows_maps = False, False
    tools.select(app, "mark")
    if photo.frames > 1:
        app.notify(f"{path.name}: the first of its {photo.frames} pictures.")


def _shipped(app: App) -> Model:
    path = next(path for path in model_files.shipped_models() if path.stem == MODEL)
    model = app.watch.open(path)
    app.add_model(model)
    return model


def ask_file(app: App) -> None:
    """Take the tool Areas, and open the dialog that asks for a picture."""
    tools.select(app, "mark")
    app.brush.asks_picture = True


def add_variants(app: App) -> None:
    """Add grids with the same picture and areas and other random seeds, and link them all."""

    def add() -> None:
        here, seed = app.grid.id, max(grid.rng_seed for grid in app.sim.grids.values())
        for number in range(1, VARIANTS + 1):
            app.select_grid(here)
            new = grids.copy(app)
            app.sim.submit(Reseed(new, running.seed_after(seed, number)))
            app.pane.shows_maps = False
            app.linked |= {here, new}
        app.select_grid(here)

    app.attempt(add)


def take_away(app: App) -> None:
    """Take the picture under the selected grid away."""
    app.submit(SetBackdrop(app.grid.id, ""))


def save(app: App, path: Path, alone: bool) -> None:
    """Save the picture under the selected grid, filled, or the textures alone. Raise NCAError if that fails."""
    picture_files.check_output(path, *(app.grid.backdrop.size if app.grid.backdrop else (1, 1)))
    if alone and picture_files.FORMATS[path.suffix.lower()] == "JPEG":
        raise NCAError(f"{path}: a JPEG can't be transparent; choose .png, .tif or .webp.")
    filling.of_grid(app.grid, _photo(app, app.grid), alone).write(path)


def _photo(app: App, grid: Grid) -> Photo:
    """Return the picture under a grid as it was read; as its session has it if that was opened."""
    here = grid.backdrop
    if here is None:
        raise NCAError("There is no picture under this grid; select a grid that has one.")
    photo = app.photos.get(here.name)
    return photo if photo and photo.size == here.size else Photo(here.picture)
