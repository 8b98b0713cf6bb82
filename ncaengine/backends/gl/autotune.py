"""Find the form of the step that a GPU runs fastest, by a trial of some milliseconds, and remember it.

Which perception.Form wins depends on the GPU's registers and caches, the model and the number of cells; the GPU's name
doesn't tell. Renderers without a GPU have one form and need no trial.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import msgspec
import platformdirs

from ncaengine._version import __version__
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.inputs import read_input
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config
from ncaengine.core.types import Size

ROUNDS, SHORTEST, MANY = 3, 0.002, 1000
"""A trial's rounds, in each of which every form has a turn; the least seconds, or the runs, of a turn."""
MOST = 1000
"""Results that are remembered; the oldest are forgotten first."""
MOST_BYTES = 2**20
"""Of the file that remembers them."""
T = TypeVar("T")


def size_class(size: Size) -> int:
    """Return the class of a grid's size; the largest of a class has at most four times as many cells as the least."""
    return (size[0] * size[1]).bit_length() // 2


class Autotuner:
    """The choices of a device."""

    def __init__(self, device: Device, path: Path | None = None) -> None:
        """Keep the choices in the file `path`, by default in the user's cache folder."""
        self._device = device
        self._path = path or platformdirs.user_cache_path("ncaengine") / "forms.json"
        self._known: dict[str, str] | None = None

    def choose(self, what: tuple[object, ...], make: Callable[[Form], T], run: Callable[[T], None]) -> T:
        """Return the result of `make` for the form that `run` runs fastest; `run` is called many times or never.

        what: everything that the choice depends on, except the device.
        Raises NCAError if the device's first form can't be made; others that can't are skipped.
        """
        first, *others = self._device.forms
        if not others:
            return make(self._device.form)
        name = " ".join(map(str, (__version__, self._device.description, "half" * self._device.half, *what)))
        known = self._remembered().get(name)
        for form in self._device.forms:
            if form == known:
                return make(form)
        made = {first: make(first)}
        for form in others:
            try:
                made[form] = make(form)
            except NCAError:
                continue
        best = self._fastest({form: partial(run, one) for form, one in made.items()})
        self._remember(name, best)
        return made[best]

    def _fastest(self, runs: dict[Form, Callable[[], None]]) -> Form:
        counts, best = {}, dict.fromkeys(runs, float("inf"))
        for form, run in runs.items():
            self._seconds(run, 1)  # the first time, a driver may still compile
            count = 1
            while count < MANY and self._seconds(run, count) < SHORTEST:
                count *= 2
            counts[form] = count
        for _ in range(ROUNDS):
            for form, run in runs.items():
                best[form] = min(best[form], self._seconds(run, counts[form]) / counts[form])
        return min(best, key=lambda form: best[form])

    def _seconds(self, run: Callable[[], None], count: int) -> float:
        self._device.ctx.finish()
        before = perf_counter()
        for _ in range(count):
            run()
        self._device.ctx.finish()
        return perf_counter() - before

    def _remembered(self) -> dict[str, str]:
        if self._known is None:
            try:
                self._known = msgspec.json.decode(read_input(self._path, MOST_BYTES), type=dict[str, str])
            except (OSError, NCAError, msgspec.MsgspecError, UnicodeDecodeError):
                self._known = {}
        return self._known

    def _remember(self, name: str, form: Form) -> None:
        known = self._remembered()
        known[name] = form
        for oldest in list(known)[:-MOST]:
            del known[oldest]
        with suppress(OSError, NCAError):  # otherwise it is tried again next time
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(known))


def subject(config: Config, kernel: Kernel, frame: FrameKind, cover: Cover, size: Size) -> tuple[object, ...]:
    """Return what a choice depends on."""
    shape = config.channels, config.inputs, config.hidden, config.activation
    return (*shape, kernel.name, frame or "plain", cover, size_class(size))
