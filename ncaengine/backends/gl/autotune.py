"""Which form of the step a GPU runs fastest: tried for some milliseconds, and remembered.

Which of perception.Form wins depends on a GPU's registers and caches, the model and the number of cells, and cannot be
told from its name. Renderers without a GPU have one form, and nothing is tried there.
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
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config
from ncaengine.core.types import Size

ROUNDS, SHORTEST, MANY = 3, 0.002, 1000
"""Of a trial: rounds in which the forms take turns, the seconds or runs of each turn at least."""
MOST = 1000
"""Results that are remembered; then the oldest are forgotten."""
T = TypeVar("T")


def size_class(size: Size) -> int:
    """Grids of one class have about as many cells: no more than four times as many as each other."""
    return (size[0] * size[1]).bit_length() // 2


class Autotuner:
    """The choices of a device. path: where they are kept, None for the user's own folder."""

    def __init__(self, device: Device, path: Path | None = None) -> None:
        self._device = device
        self._path = path or platformdirs.user_cache_path("ncaengine") / "forms.json"
        self._known: dict[str, str] | None = None

    def choose(self, what: tuple[object, ...], make: Callable[[Form], T], run: Callable[[T], None]) -> T:
        """The fastest of what `make` makes of each form, as `run` runs it; `run` may be called many times or never.

        what: all that the choice depends on beside the device. Raises NCAError if the device's first form cannot be
        made; others that cannot are not tried.
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
            self._seconds(run, 1)  # the first time a driver may still compile
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
                self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
                self._known = {}
        return self._known

    def _remember(self, name: str, form: Form) -> None:
        known = self._remembered()
        known[name] = form
        for oldest in list(known)[:-MOST]:
            del known[oldest]
        with suppress(OSError, NCAError):  # else it will be tried again
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, lambda part: part.write_bytes(msgspec.json.encode(known)))


def subject(config: Config, kernel: Kernel, frame: FrameKind, cover: Cover, size: Size) -> tuple[object, ...]:
    """What a choice depends on."""
    shape = config.channels, config.inputs, config.hidden, config.activation
    return (*shape, kernel.name, frame or "plain", cover, size_class(size))
