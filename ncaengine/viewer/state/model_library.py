"""The model library: what the gallery shows, read and grown a little in each frame."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ncaengine.backends.base import Backend
from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.viewer.state.notices import message_of
from ncaengine.viewer.state.thumbnails import Thumbnail

AT_ONCE = 12
"""How many pictures grow together. With more of them the first would take long to appear."""


ModelAndCount = tuple[Model, int]
"""A model, and how many there are in its file if it is only the first of several."""


@dataclass(eq=False)
class LibraryEntry:
    """A model in the gallery."""

    path: Path
    version: object = None
    reading: Future[ModelAndCount] | None = None
    model: Model | None = None
    """None until it is read."""
    count: int = 1
    """How many models the file holds; the first of them is shown."""
    thumbnail: Thumbnail | None = None
    error: str = ""
    """Why it can't be read."""
    file: Path = field(init=False)
    """The path's file, see model_files.split_path."""
    inside: str = field(init=False)
    """The name of the model in that file, if the path has one."""

    def __post_init__(self) -> None:
        self.file, self.inside = model_files.split_path(self.path)

    @property
    def name(self) -> str:
        """The model's name in its file, or the file's name without its ending."""
        return as_text(self.inside or self.path.stem)

    @property
    def waits(self) -> bool:
        """Whether its picture isn't finished."""
        return not self.error and (self.thumbnail is None or not self.thumbnail.done)

    @property
    def progress(self) -> int:
        """Steps that its picture has grown; -1 before the cache was searched for it."""
        return -1 if self.thumbnail is None else self.thumbnail.step

    def release(self) -> None:
        """Free the device's memory."""
        if self.thumbnail is not None:
            self.thumbnail.release()


class ModelLibrary:
    """The shipped models, the recent files and the models of one collection.

    visible: the entries that can be seen, whose pictures come first.
    """

    def __init__(self, backend: Backend, folder: Path | None) -> None:
        self._backend, self._folder = backend, folder
        self._reader = ThreadPoolExecutor(1, "reader")  # files may be large, and a collection takes a while to unpack
        self._collection: Opened | None = None
        self.shipped: list[LibraryEntry] = []
        self.recent: list[LibraryEntry] = []
        self.inside: list[LibraryEntry] = []
        self.visible: list[LibraryEntry] = []

    @property
    def entries(self) -> list[LibraryEntry]:
        """All entries in the order in which they are shown. An entry may occur twice."""
        return self.shipped + self.recent + self.inside

    def fill(self, shipped: Iterable[Path], recent: Iterable[Path], collection: Opened | None = None) -> None:
        """Update the entries. Finished pictures stay unless their file has changed."""
        known = {(entry.path, entry.version): entry for entry in self.entries if not entry.error}
        made: dict[tuple[Path, object], LibraryEntry] = {}

        def entry(path: Path, version: object) -> LibraryEntry:
            key = path, version
            if key not in made:
                made[key] = known.pop(key) if key in known else LibraryEntry(path, version)
            return made[key]

        self._collection = collection
        self.shipped = [entry(path, model_files.file_version(path)) for path in shipped]
        shipped_paths = {each.path for each in self.shipped}
        self.recent = [entry(path, model_files.file_version(path)) for path in recent if path not in shipped_paths]
        self.inside = [entry(path, collection.version) for path in collection.paths] if collection else []
        self.visible = []
        for gone in known.values():
            gone.release()

    def work(self, seconds: float, catalogue: Catalogue, clock: Callable[[], float] = time.perf_counter) -> bool:
        """Read files and grow pictures for about `seconds`. Return whether there was anything to do."""
        end, due = clock() + seconds, self._due()
        for entry in due:
            if entry.reading is None:
                entry.reading = self._reader.submit(self._read(entry))
        ready = [entry for entry in due if entry.reading and entry.reading.done()]
        while ready:
            self._grow(min(ready, key=lambda entry: entry.progress), end - clock(), catalogue)  # all grow together
            ready = [entry for entry in ready if entry.waits and clock() < end]
        return bool(due)

    def _due(self) -> Sequence[LibraryEntry]:
        """Return the unfinished entries to work on now, the visible ones first."""
        waiting = dict.fromkeys(entry for entry in (*self.visible, *self.entries) if entry.waits)
        return list(waiting)[:AT_ONCE]

    def _read(self, entry: LibraryEntry) -> Callable[[], ModelAndCount]:
        """Return a function for the reader's thread that reads an entry's model."""
        collection = self._collection
        if (
            collection
            and (entry.file, entry.version) == (collection.path.absolute(), collection.version)
            and entry.inside
        ):
            return lambda: (collection.model(entry.inside), 1)
        return partial(_read, entry.path)

    def _grow(self, entry: LibraryEntry, seconds: float, catalogue: Catalogue) -> None:
        assert entry.reading is not None
        try:
            model, entry.count = entry.reading.result()
            entry.model = model
            if entry.thumbnail is None:
                kernel = catalogue.first(model.config.kernels)
                entry.thumbnail = Thumbnail(self._backend, model, kernel, self._folder)
            entry.thumbnail.grow(seconds)
        except (NCAError, MemoryError) as error:
            entry.error = without_path(message_of(error), entry.file)
            entry.release()

    def release(self) -> None:
        """Free the device's memory."""
        for entry in self.entries:
            entry.release()

    def close(self) -> None:
        """Free the device's memory and stop reading files."""
        self.release()
        self._reader.shutdown(cancel_futures=True)


def _read(path: Path) -> ModelAndCount:
    file, name = model_files.split_path(path)
    opened = model_files.open_file(file)
    if name:
        return opened.model(name), 1
    return next(iter(opened.models.values())), len(opened.models)


def without_path(message: str, path: Path) -> str:
    """Return an error message about a file without the file's name, as a sentence."""
    short = message.removeprefix(as_text(f"{path}: "))
    return short[:1].upper() + short[1:]
