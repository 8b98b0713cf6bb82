"""Open files: models, files of several models, sessions, and whatever is dropped on the window."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ncaengine.core import stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.io import stills
from ncaengine.simulation.commands import SetKernel
from ncaengine.viewer.actions import grids, pictures, session_files, tools
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_kinds import PICTURE_ENDINGS, SESSION_ENDINGS, is_model_file, kind_of
from ncaengine.viewer.state.notices import Button
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.recorder import usual_scale

MOST_DROPPED = 16


def open_models(app: App, models: Sequence[Model], options: Options) -> None:
    """Add a grid for each model. Raise NCAError if a grid can't be made."""
    size = options.size or app.default_size
    app.recorder.scale = usual_scale(size)
    for model, rate in zip(models, options.rates(len(models)), strict=True):
        app.sim.add(model, size, options.kernel, rate, rng_seed=options.rng_seed)
        app.add_model(model)
        if path := app.watch.path_of(model):
            app.add_recent(path)
    if options.collection:
        show_collection(app, options.collection)
    app.sync()


def open_gallery(app: App) -> None:
    """Show the models that can be opened."""
    app.show_gallery = True


def open_path(app: App, path: Path, new_grid: bool = True) -> None:
    """Open a file: a model in a new grid or in the selected one, a session in place of everything, a picture to fill.

    If a session would replace edits that are not saved, this asks first.

    If a file contains several models and the path doesn't name one, the gallery shows them.
    Raises NCAError if the file can't be opened.
    """
    if path.suffix.lower() in PICTURE_ENDINGS and path.suffix.lower() not in SESSION_ENDINGS:
        pictures.open_picture(app, path)
    elif kind_of(path) == "session":
        session_files.ask_to_open(app, path)
    elif is_open(app, path) or not show_collection(app, path):
        open_model(app, path, new_grid)


def drop(app: App, paths: Sequence[Path]) -> None:
    """Open the files dropped on the window, each model in a new grid. Show a notice for each file that fails.

    While the tool Areas is taken, a picture is laid under a new grid. Else it is used to paint with if it can't be a
    still or if the Picture tool is selected.
    """
    opened = sum([app.attempt(partial(_drop, app, path)) for path in paths[:MOST_DROPPED]])
    if len(paths) > MOST_DROPPED:
        app.notify(f"Opened {opened} of {len(paths)} dropped files; drop at most {MOST_DROPPED} at once.", "error")


def _drop(app: App, path: Path) -> None:
    ending = path.suffix.lower()
    if ending not in PICTURE_ENDINGS:
        open_path(app, path)
    elif app.brush.tool == "mark":
        pictures.open_picture(app, path)
    elif ending not in SESSION_ENDINGS or app.brush.tool == "image":
        tools.use_picture(app, path)
    else:
        _open_still(app, path)


def _open_still(app: App, path: Path) -> None:
    """Open a still. If it is a picture like any other, offer to fill areas of it. Raise NCAError on error."""
    if not path.is_file() or stills.read_still(path)[1] is not None:
        open_path(app, path)
        return
    fill = Button("Fill areas", "Mark areas of the picture; textures grow there.", lambda: app.attempt(open_))
    paint = Button("Paint", "Paint with the picture.", lambda: app.attempt(lambda: tools.use_picture(app, path)))
    open_ = partial(pictures.open_picture, app, path)
    app.ask_question(f"{path.name} is a picture without a session.", fill, paint, kind="error")


# Models


def open_model(app: App, path: Path, new_grid: bool = True) -> None:
    """Open a model file in a new grid or in the selected one, see grids.commands_for_model.

    If the model is not known to grow on the selected grid's kernel, its own first kernel is used.
    Raises NCAError if the file can't be opened.
    """
    model = app.watch.open(path)
    if new_grid or not app.panes:
        _add_grid(app, model)
    else:
        _use_model(app, model)
    app.add_model(model)
    app.add_recent(path)


def load_model(app: App, path: Path) -> str:
    """Add a model file to the open models without a grid. Return the model's name. Raise NCAError if it can't be."""
    model = app.watch.open(path)
    app.add_model(model)
    app.add_recent(path)
    return app.name_of(model)


def paint_with(app: App, path: Path) -> None:
    """Paint with the model of a file. If the file has several, the gallery shows them. Raise NCAError on error."""
    if is_open(app, path) or not show_collection(app, path):
        app.brush.model = load_model(app, path)


def _add_grid(app: App, model: Model) -> None:
    """Add a grid with the size and speed of the selected one."""
    app.sim.engine.world.check_room()
    kernel = grids.kernel_for(app, model).name
    if app.panes:
        like = app.grid
        app.sim.add(model, like.size, kernel, like.settings.steps_per_second, rng_seed=like.rng_seed)
    else:
        app.sim.add(model, app.default_size, kernel)
    app.sync()
    app.select(len(app.panes) - 1)


def _use_model(app: App, model: Model) -> None:
    """Run the model on the selected grid and those linked with it. Raise NCAError at the first command that fails.

    A grid's kernel changes first if the present one lacks a stencil.
    """
    change = object()
    for number in app.linked_grids():
        grid = app.sim.grids[number]
        commands, kernel = grids.commands_for_model(app, number, model), grids.kernel_for(app, model, grid)
        if kernel is not grid.kernel:
            lacks = not stencils.runs_on(model.config, grid.kernel)
            commands.insert(0 if lacks else 1, SetKernel(number, kernel.name))
        for command in commands:
            app.submit_as(change, command)


def is_open(app: App, path: Path) -> bool:
    """Return whether a file's model is one of the open models."""
    known = (app.watch.path_of(model) for model in app.models.values())
    return any(found and found.absolute() == path.absolute() for found in known)


def unopened_models(app: App) -> Iterator[Path]:
    """Yield the shipped models that aren't open."""
    return (path for path in model_files.shipped_models() if path.stem not in app.models and not is_open(app, path))


def recent_models(app: App) -> list[Path]:
    """Return the model files that were opened before and still exist, the latest first."""
    paths = dict.fromkeys(map(Path, app.prefs.recent))
    return [path for path in paths if is_model_file(path) and model_files.split_path(path)[0].exists()]


# Files of several models


def show_collection(app: App, path: Path) -> bool:
    """Show a file's models in the gallery if there are several. Return whether there are. Raise NCAError on error."""
    collection = app.watch.collection(path)
    if collection and collection is app.collection:
        collection = app.watch.read(path)  # another object, by which the gallery notices that it was opened again
    if collection:
        app.collection, app.show_gallery = collection, True
        app.add_recent(path)
    return collection is not None


def refresh_collection(app: App) -> None:
    """Read the gallery's collection again if its file changed. Without one, read that of the selected grid's model."""
    here = app.watch.path_of(app.grid.model) if app.panes else None
    file, name = model_files.split_path(here) if here else (None, "")
    if app.collection:
        file = None if model_files.file_version(app.collection.path) == app.collection.version else app.collection.path
    elif not name:
        file = None
    if file:
        try:
            app.collection = app.watch.collection(file)
        except NCAError:  # the error is shown when the file is opened
            app.collection = None
