"""The shelf: what the gallery offers, read and grown a little in a frame. No imgui in here."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ncaengine.backends.base import Backend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.viewer.state import thumbnails
from ncaengine.viewer.state.thumbnails import Thumbnail

AT_ONCE = 12
"""Pictures that grow together: with more of them the first would be long in coming."""


Read = tuple[Model, int]
"""A model, and how many there are in the file if it is only the first of several."""


@dataclass(eq=False)
class Entry:
    """A model in the gallery; `model` is None until it is read, `error` says why it cannot be.

    count: of an atlas as a whole, whose first model is shown, how many models it holds. file, inside: the path's
    file, and the name of the model in it, see model_files.parted.
    """

    path: Path
    version: object = None
    reading: Future[Read] | None = None
    model: Model | None = None
    count: int = 1
    thumbnail: Thumbnail | None = None
    error: str = ""
    file: Path = field(init=False)
    inside: str = field(init=False)

    def __post_init__(self) -> None:
        self.file, self.inside = model_files.split_path(self.path)

    @property
    def name(self) -> str:
        """The file's, without its ending, or that of the model in it."""
        return self.inside or self.path.stem

    @property
    def waits(self) -> bool:
        """Whether something is still to be done for its picture."""
        return not self.error and (self.thumbnail is None or not self.thumbnail.done)

    @property
    def progress(self) -> int:
        """Steps of its picture, -1 before it is known whether one was kept."""
        return -1 if self.thumbnail is None else self.thumbnail.step

    def release(self) -> None:
        """Give the device's memory back."""
        if self.thumbnail is not None:
            self.thumbnail.release()


class Shelf:
    """The shipped models, the recent files and the models of one atlas.

    seen: the entries that are in sight, whose pictures come first.
    """

    def __init__(self, backend: Backend, folder: Path | None) -> None:
        self._backend, self._folder = backend, folder
        self._reader = ThreadPoolExecutor(1, "reader")  # files may be large, and an atlas takes a while to unpack
        self._atlas: Opened | None = None
        self.shipped: list[Entry] = []
        self.recent: list[Entry] = []
        self.inside: list[Entry] = []
        self.seen: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """All of them, in the order in which they are shown; one may be twice among them."""
        return self.shipped + self.recent + self.inside

    def fill(self, shipped: Iterable[Path], recent: Iterable[Path], atlas: Opened | None = None) -> None:
        """Look what there is now; pictures that are grown already stay, unless their file is another now."""
        known = {(entry.path, entry.version): entry for entry in self.entries if not entry.error}
        made: dict[tuple[Path, object], Entry] = {}

        def entry(path: Path, version: object) -> Entry:
            key = path, version
            if key not in made:
                made[key] = known.pop(key) if key in known else Entry(path, version)
            return made[key]

        self._atlas = atlas
        self.shipped = [entry(path, model_files.file_version(path)) for path in shipped]
        ours = {each.path for each in self.shipped}
        self.recent = [entry(path, model_files.file_version(path)) for path in recent if path not in ours]
        self.inside = [entry(path, atlas.version) for path in atlas.paths] if atlas else []
        self.seen = []
        for gone in known.values():
            gone.release()

    def work(self, seconds: float, catalogue: Catalogue, clock: Callable[[], float] = time.perf_counter) -> bool:
        """Read files and grow pictures for about so long; returns whether there was anything to do."""
        end, due = clock() + seconds, self._due()
        for entry in due:
            if entry.reading is None:
                entry.reading = self._reader.submit(self._read(entry))
        ready = [entry for entry in due if entry.reading and entry.reading.done()]
        while ready:
            self._grow(min(ready, key=lambda entry: entry.progress), end - clock(), catalogue)  # all grow together
            ready = [entry for entry in ready if entry.waits and clock() < end]
        return bool(due)

    def _due(self) -> Sequence[Entry]:
        """What is worked on now: of the entries that wait, those in sight before the others."""
        waiting = dict.fromkeys(entry for entry in (*self.seen, *self.entries) if entry.waits)
        return list(waiting)[:AT_ONCE]

    def _read(self, entry: Entry) -> Callable[[], Read]:
        """What reads an entry's model, for the other thread."""
        atlas = self._atlas
        if atlas and (entry.file, entry.version) == (atlas.path.absolute(), atlas.version) and entry.inside:
            return lambda: (atlas.model(entry.inside), 1)
        return partial(_read, entry.path)

    def _grow(self, entry: Entry, seconds: float, catalogue: Catalogue) -> None:
        assert entry.reading is not None
        try:
            model, entry.count = entry.reading.result()
            entry.model = model
            if entry.thumbnail is None:
                kernel = thumbnails.kernel_of(model, catalogue)
                entry.thumbnail = Thumbnail(self._backend, model, kernel, self._folder)
            entry.thumbnail.grow(seconds)
        except (NCAError, MemoryError) as error:
            entry.error = reason(str(error) or "There is not enough memory for it.", entry.file)
            entry.release()

    def release(self) -> None:
        """Give the device's memory back."""
        for entry in self.entries:
            entry.release()

    def close(self) -> None:
        """As release, for good."""
        self.release()
        self._reader.shutdown(cancel_futures=True)


def _read(path: Path) -> Read:
    file, name = model_files.split_path(path)
    opened = model_files.open_file(file)
    if name:
        return opened.model(name), 1
    return next(iter(opened.models.values())), len(opened.models)


def reason(said: str, path: Path) -> str:
    """What is wrong with a file, without its name, as a sentence."""
    short = said.removeprefix(f"{path}: ")
    return short[:1].upper() + short[1:]
