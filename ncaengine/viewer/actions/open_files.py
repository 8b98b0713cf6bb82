"""Opening: what a path is, what the gallery offers, and what a drop on the window does. No imgui in here."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.formats import model_files, sniffing
from ncaengine.formats.opened import Opened
from ncaengine.simulation.commands import SetKernel
from ncaengine.viewer.actions import grids
from ncaengine.viewer.actions.tools import use_picture
from ncaengine.viewer.state import thumbnails
from ncaengine.viewer.state.file_watch import Watch

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App

Kind = Literal["model", "session"]
MODELS = sniffing.ENDINGS
LISTED = tuple(ending for ending in MODELS if ending not in (".js", ".ts", ".glsl", ".txt"))
"""Of models, in lists of files: of texts few are models. They open all the same."""
SESSIONS = (".nca", ".png")
"""Sessions, and stills that hold one."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")
"""To paint with."""
MOST_DROPPED = 16


def ending(path: Path) -> str:
    """A path's, in small letters; of FILE:NAME the file's."""
    return model_files.split_path(path)[0].suffix.lower()


def title(path: Path) -> str:
    """What a model file is called in lists: its name without the ending, of FILE:NAME the model's."""
    return model_files.split_path(path)[1] or path.stem


def place(path: Path) -> Path:
    """Where a model lies: its file's folder, of FILE:NAME the file."""
    file, name = model_files.split_path(path)
    return file if name else file.parent


def kind(path: Path) -> Kind:
    """What a file is by its name. Raises NCAError, saying what can be opened, if it is not for this window."""
    if path.is_dir():
        raise NCAError(f"{path} is a folder; open the models or sessions in it.")
    if ending(path) in SESSIONS:
        return "session"
    if ending(path) in MODELS:
        return "model"
    raise NCAError(
        f"{path.name} cannot be opened here; models end in {', '.join(LISTED)}, sessions in .nca and stills in .png."
    )


def open_path(app: "App", path: Path, beside: bool = True) -> None:
    """Open a file: a model in a new grid or (not `beside`) in the selected one, a session in place of everything.

    Of a file that holds several models, and no name that says which, the gallery shows them. Raises NCAError.
    """
    if kind(path) == "session":
        app.open_session(path)
    elif on_offer(app, path) or not show_atlas(app, path):
        open_model(app, path, beside)


def show_atlas(app: "App", path: Path) -> bool:
    """Show the models of a file in the gallery; returns whether they are several. Raises NCAError."""
    atlas = find_atlas(app.watch, path)
    if atlas and atlas is app.atlas:
        atlas = app.watch.read(path)  # another object, by which the gallery notices that it was opened again
    if atlas:
        app.atlas, app.show_gallery = atlas, True
        app.remember(path)
    return atlas is not None


def renew_atlas(app: "App") -> None:
    """Look into the atlas that the gallery shows anew if its file has changed; without one, that of the model here."""
    here = app.watch.path_of(app.grid.model) if app.panes else None
    file, name = model_files.split_path(here) if here else (None, "")
    if app.atlas:
        file = None if model_files.file_version(app.atlas.path) == app.atlas.version else app.atlas.path
    elif not name:
        file = None
    if file:
        try:
            app.atlas = find_atlas(app.watch, file)
        except NCAError:  # told when it is opened
            app.atlas = None


def find_atlas(watch: Watch, path: Path) -> Opened | None:
    """Return a file that holds several models, if the path names none of them; else None. Raises NCAError."""
    if model_files.split_path(path)[1]:
        return None
    opened = watch.current(path)
    return opened if len(opened.models) > 1 else None


def first(watch: Watch, path: Path) -> Path:
    """Return what opens the first model of a file that holds several; any other path as it is. Raises NCAError."""
    atlas = find_atlas(watch, path)
    return atlas.paths[0] if atlas else path


def open_model(app: "App", path: Path, beside: bool = True) -> None:
    """Open a model file in a new grid, or (not `beside`) in the selected one; see grids.as_trained.

    Where the kernel of the selected grid is not one that the model is known to grow on, the model's
    first one takes its place. Raises NCAError.
    """
    model = app.watch.open(path)
    if beside or not app.panes:
        _add(app, model)
    else:
        _put(app, model)
    app.make_known(model)
    app.remember(path)


def load(app: "App", path: Path) -> str:
    """Put a model file on offer without opening it anywhere; returns the model's name there. Raises NCAError."""
    model = app.watch.open(path)
    app.make_known(model)
    app.remember(path)
    return app.name_of(model)


def others(app: "App") -> Iterator[Path]:
    """The shipped models that are not on offer yet."""
    return (path for path in model_files.shipped_models() if path.stem not in app.models and not on_offer(app, path))


def on_offer(app: "App", path: Path) -> bool:
    """Whether a model file is open, as one of the models on offer."""
    known = (app.watch.path_of(model) for model in app.models.values())
    return any(found and found.absolute() == path.absolute() for found in known)


def _add(app: "App", model: Model) -> None:
    """A new grid, in size and speed like the selected one."""
    grids.check_room(app)
    kernel = _kernel_for(app, model).name
    if app.panes:
        like = app.grid
        app.sim.add(model, like.size, kernel, like.settings.steps_per_second, rng_seed=like.rng_seed)
    else:
        app.sim.add(model, app.usual_size, kernel)
    app.sync()
    app.select(len(app.panes) - 1)


def _put(app: "App", model: Model) -> None:
    """The model on the selected grid; the kernel changes first where the present one lacks a stencil."""
    number, now, kernel = app.grid.id, app.grid.kernel, _kernel_for(app, model)
    commands = grids.as_trained(app, number, model)
    if kernel is not now:
        lacks = any(feature.stencil not in now.stencils for feature in model.config.features)
        commands.insert(0 if lacks else 1, SetKernel(number, kernel.name))
    for command in commands:
        app.sim.submit(command)


def _kernel_for(app: "App", model: Model) -> Kernel:
    """The selected grid's kernel, if the model is known to grow on it."""
    if app.panes and app.grid.kernel.name in model.config.kernels:
        return app.grid.kernel
    return thumbnails.kernel_of(model, app.sim.catalogue)


def drop(app: "App", paths: Sequence[Path]) -> None:
    """Open what was dropped on the window, each model in a grid of its own; what fails is told and the rest opens.

    A picture that cannot be a still, or any while the Picture tool is in hand, is taken to paint with.
    """
    for path in paths[:MOST_DROPPED]:
        ending = path.suffix.lower()
        to_paint = ending in PICTURES and (ending not in SESSIONS or app.tools.name == "image")
        app.attempt(partial(use_picture if to_paint else open_path, app, path))
    if len(paths) > MOST_DROPPED:
        app.tell(f"The first {MOST_DROPPED} of {len(paths)} dropped files were opened; drop fewer at once.", "error")


def recent(app: "App") -> list[Path]:
    """The model files that were opened before and are still there, the last one first."""
    paths = dict.fromkeys(map(Path, app.prefs.recent))
    return [path for path in paths if ending(path) in MODELS and model_files.split_path(path)[0].exists()]
