"""Save and open sessions and journals, with what the window shows, and close the window without losing work."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from ncaengine.core.brushes import Coordinate
from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text
from ncaengine.core.model import Model, equal_models
from ncaengine.core.names import as_file_name, unique_name
from ncaengine.core.validation import valid_entries
from ncaengine.formats import model_files
from ncaengine.io import journals, picture_files, sessions
from ncaengine.io.session_format import SavedModel, Session
from ncaengine.simulation.commands import Blend, Fill, Load, Mark, Paint, SetBackdrop
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import pictures, tools
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import LARGEST, Camera
from ncaengine.viewer.state.file_kinds import is_model_file
from ncaengine.viewer.state.file_names import free_name
from ncaengine.viewer.state.notices import Button, Toast
from ncaengine.viewer.state.preferences import Weights
from ncaengine.viewer.state.session_file import ENDINGS, SavedKind


class SavedPane(msgspec.Struct, frozen=True):
    """What a pane shows of its grid, as a session stores it; see camera.Camera."""

    grid: int
    zoom: Annotated[float, msgspec.Meta(gt=0, le=LARGEST)] | None = None
    x: Coordinate = 0.0
    y: Coordinate = 0.0
    repeat: bool = False
    fill: bool | None = None


class Extras(msgspec.Struct, frozen=True):
    """What the window stores in a session besides the grids."""

    panes: tuple[SavedPane, ...] = ()
    selected: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The place of the selected pane."""
    linked: tuple[int, ...] = ()
    """The numbers of the linked grids."""
    columns: Weights = []
    rows: Weights = []


def valid_extras(found: dict[str, Any]) -> Extras:
    """Return the extras of a session, with defaults for missing or invalid entries."""
    return Extras(**valid_entries(found, Extras))


def extras_of(app: App) -> Extras:
    """Return what the window shows now."""
    panes = tuple(
        SavedPane(pane.grid.id, camera.zoom, camera.x, camera.y, camera.repeat, camera.fill)
        for pane in app.panes
        for camera in [pane.camera]
    )
    return Extras(panes, app.selected, tuple(sorted(app.linked)), app.prefs.columns, app.prefs.rows)


# Save


QUIT, REPLACE = "Quit", "Replace"
"""The answers that close the window, or open a session, without saving."""


def has_grids(app: App) -> bool:
    """Return whether there is a grid to save, and show a notice if there isn't."""
    if not app.panes:
        app.notify("There is no grid to save; open a model first.", "error")
    return bool(app.panes)


def pack(app: App, grids: Iterable[Grid] | None = None) -> bytes:
    """Return the window's grids, or some of them, as the bytes of a session. Raise NCAError if that fails."""
    paths = {name: path.absolute() for name, model in app.sim.models.items() if (path := app.watch.path_of(model))}
    return sessions.pack_session(app.sim, grids, paths, msgspec.to_builtins(extras_of(app)))


def save_session(app: App, path: Path) -> None:
    """Save all grids in a file, which is the session's from now on. Raise NCAError if it can't be written."""
    sessions.write_session(path, pack(app))
    app.session_file.mark_saved(path, len(app.sim.journal))
    _forget_questions(app)
    app.add_recent(path)


def save(app: App) -> None:
    """Save the session in its file, or ask for a name."""
    path = app.session_file.path
    if path is not None and app.panes:
        write(app, "session", path)
    else:
        save_as(app)


def save_as(app: App) -> None:
    """Ask for another name for the session, then save it."""
    ask_name(app, "session")


def ask_name(app: App, kind: SavedKind) -> None:
    """Open the dialog that asks for the name of a file to save."""
    if has_grids(app):
        app.session_file.asks = kind


def suggested_name(app: App, kind: SavedKind) -> str:
    """Return the file name that the dialog starts with: the session's, or one that no file has yet."""
    if kind == "session" and app.session_file.path is not None:
        return as_text(str(app.session_file.path))
    if kind in ("picture", "layer") and (here := app.grid.backdrop):
        return free_name(f"{as_file_name(here.name)}-{'filled' if kind == 'picture' else kind}", ENDINGS[kind])
    names = {app.name_of(pane.grid.model) for pane in app.panes}
    base = names.pop() if len(names) == 1 else "session"
    return free_name(as_file_name(base), ENDINGS[kind])


def path_for(kind: SavedKind, name: str) -> Path:
    """Return the file that a typed name means. The ending may be left out."""
    path = Path(os.path.expanduser(name.strip()))
    if path.name in ("", ".."):  # a folder, which `write` refuses
        return path
    known = tuple(picture_files.FORMATS) if kind in ("picture", "layer") else (ENDINGS[kind],)
    return path if path.suffix.lower() in known else path.with_name(path.name + ENDINGS[kind])


def write(app: App, kind: SavedKind, path: Path) -> bool:
    """Save the session, the journal or a picture and show a notice. Return whether it succeeded."""

    def save_file() -> str:
        if kind == "session":
            save_session(app, path)
        elif kind in ("picture", "layer"):
            pictures.save(app, path, alone=kind == "layer")
        else:
            journals.save_journal(app.sim, path)
        return f"Saved {path.name} in {path.absolute().parent}."

    return app.report(save_file)


# Open


def open_session(app: App, path: Path) -> None:
    """Replace everything by a session, or by a still that contains one. Raise NCAError and change nothing on error."""
    show_session(app, sessions.load_session(path))
    app.session_file.path = path if path.suffix.lower() == sessions.ENDING else None
    app.add_recent(path)


def ask_to_open(app: App, path: Path) -> None:
    """Open a session; ask first if edits would be lost. Raise NCAError on error."""
    if unsaved(app):
        help_ = f"Open {path.name} without saving what is here."
        _ask(app, Button(REPLACE, help_, lambda: open_session(app, path)))
    else:
        open_session(app, path)


def show_session(app: App, session: Session) -> None:
    """Replace everything by a session and finish a recording that runs. Raise NCAError if it can't be shown."""
    for saved in session.header.models:
        session.models[saved.name] = _watched(app, saved, session.models[saved.name])
    if app.brush.active:
        tools.select(app, "look")  # which restores the overlays of grids that go
    sessions.restore_session(app.sim, _without_overlays(session))
    app.session_file.mark_saved(None, 0)
    _forget_questions(app)
    app.session_file.opened = True
    app.photos.clear()  # their names may mean other pictures now
    if app.recorder.active:
        app.report(app.recorder.stop)
    for saved in session.header.models:
        model = session.models[saved.name]
        name = _open_model_name(app, saved.name, model)
        app.set_model(name, model)
        app.set_model(name, app.sim.models[app.sim.register(model, saved.name)])  # equal, but perhaps another object
    app.panes, app.selected = [], 0
    app.sync()
    extras = valid_extras(session.header.window)
    cameras = {pane.grid: Camera(pane.zoom, pane.x, pane.y, pane.repeat, pane.fill) for pane in extras.panes}
    for pane in app.panes:
        pane.shows_maps = False
        pane.camera = cameras.get(pane.grid.id, pane.camera)
    app.select(extras.selected)
    app.linked = set(extras.linked) & app.sim.grids.keys()
    app.prefs.columns, app.prefs.rows = extras.columns, extras.rows


def _without_overlays(session: Session) -> Session:
    """Return the session with pictures in their own colours, which no map tints."""
    grids = tuple(replace(saved, look=replace(saved.look, overlay="")) for saved in session.header.grids)
    return dataclasses.replace(session, header=replace(session.header, grids=grids))


def _watched(app: App, saved: SavedModel, model: Model) -> Model:
    """Return the model from its file, which is then watched; the session's own if the file holds another model now."""
    path = Path(saved.path)
    if not saved.path or not is_model_file(path) or not os.path.isfile(model_files.split_path(path)[0]):
        return model
    try:
        if equal_models(model_files.load(path), model):
            return app.watch.open(path)
    except NCAError:  # the file can't be opened now; the session doesn't need it
        pass
    app.notify(f"{path.name} contains another model now; the session runs {saved.name} as it was saved.")
    return model


def _open_model_name(app: App, name: str, model: Model) -> str:
    """Return the name that a model has among the open models, or a name for it that no other model has."""
    known = app.known_name(model)
    if known is not None and app.models.get(known) is model:
        return known
    return unique_name(name, lambda name: name in app.models and not equal_models(app.models[name], model))


# Lose no work


def unsaved_edits(app: App) -> int:
    """Return the number of strokes and fields made since the session was last opened or saved."""
    made = (entry.command for entry in app.sim.journal[app.session_file.saved_commands :])
    return sum(
        isinstance(command, Paint | Fill | Blend | Load | Mark | SetBackdrop) and not getattr(command, "more", False)
        for command in made
    )


def unsaved(app: App) -> str:
    """Return a sentence about what would be lost without saving; '' if nothing would be."""
    edits = unsaved_edits(app)
    if edits:
        return "1 edit is not saved." if edits == 1 else f"{edits} edits are not saved."
    return "What was restored is not saved." if app.session_file.restored else ""


def may_close(app: App) -> bool:
    """Return whether the window may close. If work would be lost, ask, and allow it while the question is shown."""
    if app.session_file.quit_confirmed or not unsaved(app):
        return True
    if any(_asks(toast, QUIT) for toast in app.toasts):
        return True
    _ask(app, Button(QUIT, "Close the window without saving. (Ctrl Q)", lambda: quit_window(app)))
    return False


def _ask(app: App, loses: Button) -> None:
    """Ask whether to save what would be lost. `loses`: the answer that goes on without saving."""
    _forget_questions(app)
    app.ask_question(unsaved(app), Button("Save", "Save the session. (Ctrl S)", lambda: save(app)), loses)


def _asks(toast: Toast, *answers: str) -> bool:
    return any(button.title in answers for button in toast.buttons)


def _forget_questions(app: App) -> None:
    app.toasts = [toast for toast in app.toasts if not _asks(toast, QUIT, REPLACE)]


def quit_window(app: App) -> None:
    """Close the window without asking."""
    app.session_file.quit_confirmed = app.closing = True
