"""Keeping: the window's sessions, saved and opened again with all that it shows, its journal and stills. No imgui."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model, same
from ncaengine.formats import model_files
from ncaengine.io import journals, sessions
from ncaengine.io.sessions import SavedModel, Session
from ncaengine.simulation.commands import Fill, Load, Paint
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions.open_files import MODELS, ending
from ncaengine.viewer.state.camera import LARGEST, Camera
from ncaengine.viewer.state.preferences import Weights
from ncaengine.viewer.state.recorder import free_name

if TYPE_CHECKING:
    from ncaengine.viewer.actions.autosave import Autosave
    from ncaengine.viewer.state.app import App

Kind = Literal["session", "journal"]
ENDINGS: dict[Kind, str] = {"session": sessions.ENDING, "journal": ".jsonl"}
Place = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class SavedPane(msgspec.Struct, frozen=True):
    """What is seen of a grid; see camera.Camera."""

    grid: int
    zoom: Annotated[float, msgspec.Meta(gt=0, le=LARGEST)] | None = None
    x: Place = 0.0
    y: Place = 0.0
    repeat: bool = False


class Extras(msgspec.Struct, frozen=True):
    """What the window keeps in a session beside the grids. selected: a place; linked: numbers of grids."""

    panes: tuple[SavedPane, ...] = ()
    selected: Annotated[int, msgspec.Meta(ge=0)] = 0
    linked: tuple[int, ...] = ()
    columns: Weights = []
    rows: Weights = []


TYPES = get_type_hints(Extras, include_extras=True)


def sound(found: dict[str, Any]) -> Extras:
    """The extras of a session; what of them is missing or wrong has its default value."""
    kept = {}
    for name, type_ in TYPES.items():
        with suppress(KeyError, msgspec.ValidationError):
            kept[name] = msgspec.convert(found[name], type_)
    return Extras(**kept)


def extras_of(app: "App") -> Extras:
    """What the window shows now."""
    panes = tuple(
        SavedPane(pane.grid.id, camera.zoom, camera.x, camera.y, camera.repeat)
        for pane in app.panes
        for camera in [pane.camera]
    )
    return Extras(panes, app.selected, tuple(sorted(app.linked)), app.prefs.columns, app.prefs.rows)


def pack(app: "App", grids: Iterable[Grid] | None = None) -> bytes:
    """The window's grids, or some of them, as the bytes of a session. Raises NCAError."""
    paths = {name: path.absolute() for name, model in app.sim.models.items() if (path := app.watch.path_of(model))}
    return sessions.pack(app.sim, grids, paths, msgspec.to_builtins(extras_of(app)))


def save_session(app: "App", path: Path) -> None:
    """Save everything; from now on this is the session's file. Raises NCAError."""
    sessions.save(path, pack(app))
    app.keeping.path, app.keeping.saved, app.keeping.sure = path, len(app.sim.journal), False
    app.remember(path)


def open_session(app: "App", path: Path) -> None:
    """Open a session, or a still that holds one, in place of everything. Raises NCAError, and changes nothing then."""
    put(app, sessions.load(path))
    app.keeping.path = path if path.suffix.lower() == sessions.ENDING else None
    app.remember(path)


def put(app: "App", session: Session) -> None:
    """Show a session in place of everything; a recording that runs is finished. Raises NCAError."""
    for saved in session.head.models:
        session.models[saved.name] = _watched(app, saved, session.models[saved.name])
    if app.tools.active:
        app.tools.take("look")  # which puts back what a tool shows of grids that go
    sessions.restore(app.sim, session)
    app.keeping.path, app.keeping.saved, app.keeping.sure = None, 0, False
    if app.recorder.active:
        app.attempt(lambda: app.tell(app.recorder.stop()))
    for saved in session.head.models:
        model = session.models[saved.name]
        name = _offer(app, saved.name, model)
        app.offer(name, app.sim.models[app.sim.register(model, saved.name)])  # equal, but perhaps another object
    app.panes, app.selected = [], 0
    app.sync()
    _arrange(app, sound(session.head.window))


def _arrange(app: "App", extras: Extras) -> None:
    cameras = {saved.grid: Camera(saved.zoom, saved.x, saved.y, saved.repeat) for saved in extras.panes}
    for pane in app.panes:
        pane.camera = cameras.get(pane.grid.id, pane.camera)
    app.select(extras.selected)
    app.linked = set(extras.linked) & app.sim.grids.keys()
    app.prefs.columns, app.prefs.rows = extras.columns, extras.rows


def _watched(app: "App", saved: SavedModel, model: Model) -> Model:
    """The model as its file has it, to be loaded again when that changes; the session's own if it differs by now."""
    path = Path(saved.path)
    if not saved.path or ending(path) not in MODELS or not model_files.split_path(path)[0].is_file():
        return model
    try:
        if same(model_files.load(path), model):
            return app.watch.open(path)
    except NCAError:  # what is there now is of no use; the session needs none of it
        pass
    app.tell(f"{path.name} is another model by now; the session runs {saved.name} as it was saved.")
    return model


def _offer(app: "App", name: str, model: Model) -> str:
    """Put a model on offer, under a name that no other model has; returns the name."""
    known = app.known_name(model)
    if known is not None and app.models.get(known) is model:
        return known
    base, number = name, 1
    while name in app.models and not same(app.models[name], model):
        number += 1
        name = f"{base}-{number}"
    app.offer(name, model)
    return name


class Keeping:
    """The session's file and what is done with it.

    path: the file that saving writes, None before it has a name. asks: what the window asks a name
    for, if anything; see save_box. autosave: what guards against a crash, if anything.
    """

    def __init__(self, app: "App") -> None:
        self._app = app
        self.path: Path | None = None
        self.asks: Kind | None = None
        self.autosave: Autosave | None = None
        self.saved, self.sure = 0, False
        app.recorder.session = lambda: pack(app, [app.grid])

    def save(self) -> None:
        """Save the session in its file, or ask for a name."""
        if self.path is not None and self._app.panes:
            self.write("session", self.path)
        else:
            self.ask("session")

    def ask(self, kind: Kind) -> None:
        """Ask for the name of a file to save."""
        if self._app.panes:
            self.asks = kind
        else:
            self._app.tell("There is no grid to save; open a model first.", "error")

    def suggestion(self, kind: Kind) -> str:
        """A file's name to begin with: the present one, or one that no file has yet."""
        if kind == "session" and self.path is not None:
            return str(self.path)
        names = {self._app.name_of(pane.grid.model) for pane in self._app.panes}
        base = names.pop() if len(names) == 1 else "session"
        return free_name(base.replace("/", "-"), ending=ENDINGS[kind])

    def named(self, kind: Kind, name: str) -> Path:
        """The file that a typed name means; the ending may be left out."""
        path = Path(name.strip()).expanduser()
        return path if path.suffix.lower() == ENDINGS[kind] else path.with_name(path.name + ENDINGS[kind])

    def write(self, kind: Kind, path: Path) -> bool:
        """Save the session or the journal and tell; returns whether that went well."""

        def write() -> None:
            if kind == "session":
                save_session(self._app, path)
            else:
                journals.save(self._app.sim, path)
            self._app.tell(f"Saved {path.name} in {path.absolute().parent}.")

        return self._app.attempt(write)

    def still(self) -> None:
        """Save a picture of the selected grid that opens as it was."""
        if self._app.panes:
            self._app.attempt(lambda: self._app.tell(self._app.recorder.still(self._app.grid)))
        else:
            self._app.tell("There is no grid to save; open a model first.", "error")

    # Leaving

    @property
    def unsaved(self) -> int:
        """Strokes and maps since the session was opened or saved last."""
        made = (entry.command for entry in self._app.sim.journal[self.saved :])
        return sum(isinstance(command, Paint | Fill | Load) and not getattr(command, "more", False) for command in made)

    def may_close(self) -> bool:
        """Whether the window may be closed: not at once where work would be lost, but when it is asked again."""
        if self.sure or not self.unsaved:
            return True
        self.sure = True
        work = "1 edit is" if self.unsaved == 1 else f"{self.unsaved} edits are"
        self._app.ask(
            f"{work} not saved.",
            ("Save", "Save the session. (Ctrl S)", self._stay_and_save),
            ("Quit", "Close the window without saving. (Ctrl Q)", self._app.quit),
        )
        return False

    def _stay_and_save(self) -> None:
        self.sure = False
        self.save()
