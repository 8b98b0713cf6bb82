"""Opening: what a path is, what the gallery offers, and what a drop on the window does. No imgui in here."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ncaengine import files, resources
from ncaengine.backend import Backend
from ncaengine.commands import AnyCommand, SetKernel, SetModel
from ncaengine.errors import NCAError
from ncaengine.kernels import Catalogue, Kernel
from ncaengine.model import Model
from ncaengine.viewer import arranging, thumbnails
from ncaengine.viewer.reload import stamp
from ncaengine.viewer.thumbnails import Thumbnail
from ncaengine.viewer.tools import use_picture

if TYPE_CHECKING:
    from ncaengine.viewer.app import App

Kind = Literal["model", "session"]
MODELS = (".safetensors", ".pt", ".pth")
SESSIONS = (".nca", ".png")
"""Sessions, and stills that hold one."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")
"""To paint with."""
MOST_DROPPED = 16


def kind(path: Path) -> Kind:
    """What a file is by its name. Raises NCAError, saying what can be opened, if it is not for this window."""
    ending = path.suffix.lower()
    if path.is_dir():
        raise NCAError(f"{path} is a folder; open the models or sessions in it.")
    if ending in SESSIONS:
        return "session"
    if ending in (*MODELS, ".json"):  # of which files.load says what to do
        return "model"
    raise NCAError(
        f"{path.name} cannot be opened here; models end in {', '.join(MODELS)}, sessions in .nca and stills in .png."
    )


def open_path(app: "App", path: Path, beside: bool = True) -> None:
    """Open a file: a model in a new grid or (not `beside`) in the selected one, a session in place of everything.

    Raises NCAError.
    """
    if kind(path) == "session":
        app.open_session(path)
    else:
        open_model(app, path, beside)


def open_model(app: "App", path: Path, beside: bool = True) -> None:
    """Open a model file in a new grid, or (not `beside`) in the selected one, whose state it takes over.

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
    return (path for path in shipped() if path.stem not in app.models and not on_offer(app, path))


def on_offer(app: "App", path: Path) -> bool:
    """Whether a model file is open, as one of the models on offer."""
    known = (app.watch.path_of(model) for model in app.models.values())
    return any(found and found.absolute() == path.absolute() for found in known)


def _add(app: "App", model: Model) -> None:
    """A new grid, in size and speed like the selected one."""
    arranging.check_room(app)
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
    commands: list[AnyCommand] = [SetModel(number, app.sim.register(model))]
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


def shipped() -> list[Path]:
    """The models that come with ncaengine."""
    try:
        return sorted(resources.folder("assets").glob("*.safetensors"))
    except FileNotFoundError:
        return []


@dataclass(eq=False)
class Entry:
    """A model in the gallery; `model` is None until it is read, `error` says why it cannot be."""

    path: Path
    version: object = None
    reading: Future[Model] | None = None
    model: Model | None = None
    thumbnail: Thumbnail | None = None
    error: str = ""

    @property
    def name(self) -> str:
        """The file's, without its ending."""
        return self.path.stem

    @property
    def waits(self) -> bool:
        """Whether something is still to be done for its picture."""
        return not self.error and (self.thumbnail is None or not self.thumbnail.done)

    @property
    def progress(self) -> int:
        """Steps of its picture, -1 before it is known whether one was kept."""
        return -1 if self.thumbnail is None else self.thumbnail.step


class Shelf:
    """What the gallery offers: the shipped models and the recent files, read and grown a little in a frame."""

    def __init__(self, backend: Backend, folder: Path | None) -> None:
        self._backend, self._folder = backend, folder
        self._reader = ThreadPoolExecutor(1, "reader")  # a .pt file needs torch, which takes seconds to come in
        self.shipped: list[Entry] = []
        self.recent: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """All of them, in the order in which they are shown."""
        return self.shipped + self.recent

    def fill(self, recent: Iterable[str]) -> None:
        """Look what there is now; pictures that are grown already stay, unless their file is another now."""
        known = {(entry.path, entry.version): entry for entry in self.entries if not entry.error}

        def entry(path: Path) -> Entry:
            version = stamp(path)
            return known.pop((path, version), None) or Entry(path, version)

        ours = shipped()
        self.shipped = [entry(path) for path in ours]
        paths = [path for path in dict.fromkeys(map(Path, recent)) if path not in ours and path.exists()]
        self.recent = [entry(path) for path in paths if path.suffix.lower() not in SESSIONS]
        for gone in known.values():
            _release(gone)

    def work(self, seconds: float, catalogue: Catalogue) -> bool:
        """Read a file or grow a picture for about so long; returns whether there was anything to do."""
        waiting = [entry for entry in self.entries if entry.waits]
        for entry in waiting:
            if entry.reading is None:
                entry.reading = self._reader.submit(files.load, entry.path)
        ready = [entry for entry in waiting if entry.reading and entry.reading.done()]
        if ready:
            self._grow(min(ready, key=lambda entry: entry.progress), seconds, catalogue)  # all grow together
        return bool(waiting)

    def _grow(self, entry: Entry, seconds: float, catalogue: Catalogue) -> None:
        assert entry.reading is not None
        try:
            model = entry.model = entry.reading.result()
            if entry.thumbnail is None:
                kernel = thumbnails.kernel_of(model, catalogue)
                entry.thumbnail = Thumbnail(self._backend, model, kernel, self._folder)
            entry.thumbnail.grow(seconds)
        except (NCAError, MemoryError) as error:
            entry.error = reason(str(error) or "There is not enough memory for it.", entry.path)
            _release(entry)

    def release(self) -> None:
        """Give the device's memory back."""
        for entry in self.entries:
            _release(entry)

    def close(self) -> None:
        """As release, for good."""
        self.release()
        self._reader.shutdown(cancel_futures=True)


def reason(said: str, path: Path) -> str:
    """What is wrong with a file, without its name, as a sentence."""
    short = said.removeprefix(f"{path}: ")
    return short[:1].upper() + short[1:]


def _release(entry: Entry) -> None:
    if entry.thumbnail is not None:
        entry.thumbnail.release()
