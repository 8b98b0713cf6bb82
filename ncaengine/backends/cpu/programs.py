"""The phases of a step, and the compiled functions that they call."""

import contextlib
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import msgspec

from ncaengine.backends.cpu import boxes, drawing, firing, network, perception, phases, tickets
from ncaengine.backends.cpu.firing import Firing
from ncaengine.backends.cpu.machine import Address, Compiler
from ncaengine.backends.cpu.neighbours import coarse_scales
from ncaengine.backends.cpu.values import Unit
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config

MOST_KEPT = 96
"""Functions of models that are kept although no grid uses them."""


@dataclass(frozen=True)
class Phase:
    """What all threads do before any goes on to the next phase."""

    function: Address
    """Its address."""
    slot: int
    """Which of the grid's models it serves."""
    scale: int = 0
    """On which scale's rows it works; 0 is the grid's own."""
    firing: Firing = "all"
    """With pairs above each other, it works on the upper half's rows."""


class Programs:
    """Compiles the functions of steps and remembers them."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler, self.width = compiler, compiler.width
        self._known: dict[tuple[str, Hashable], Address] = {}
        self._lock = threading.RLock()
        self._prepared: set[Hashable] = set()

    def _address(self, name: str, key: Hashable, make: Callable[[], Unit]) -> Address:
        """Return a function's address, from the last MOST_KEPT or newly compiled; plans hold those that they use."""
        with self._lock:
            found = self._known.pop((name, key), None)
            if found is None:
                found = self._compiler.address(name, make())
                for known in [known for known in self._known if known[1] is not None][:-MOST_KEPT]:
                    del self._known[known]
            self._known[name, key] = found
            return found

    def prepare(self, config: Config, kernel: Kernel) -> None:
        """Begin to compile what a grid's first step usually needs, on another thread."""
        key = _shape(config), kernel
        if key not in self._prepared:
            self._prepared.add(key)
            if len(self._prepared) > MOST_KEPT:
                self._prepared = {key}
            kind: Firing = "pairs" if config.firing == "cell" and config.fire_rate == 0.5 else "all"
            threading.Thread(target=self._compile_first, args=(config, kernel, kind)).start()

    def _compile_first(self, config: Config, kernel: Kernel, kind: Firing) -> None:
        with contextlib.suppress(Exception):  # the first step raises it again
            self.net(config)
            self.perceive(config, kernel, framed=False)
            self.phases([config], kernel, framed=False, kinds=[kind])
            self.run()

    def run(self) -> Address:
        """Return the address of the threads' loop; see tickets.run."""
        return self._address("run", None, lambda: tickets.run(self.width))

    def draw_rows(self) -> Address:
        """Return the address of the function that draws; see drawing.draw_rows."""
        return self._address("draw_rows", None, lambda: drawing.draw_rows(self.width))

    def draw_boxes(self) -> Address:
        """Return the address of the function that draws rectangular cells; see boxes.draw_boxes."""
        return self._address("draw_boxes", None, lambda: boxes.draw_boxes(self.width))

    def pack_colours(self) -> Address:
        """Return the address of the function that turns states into colours; see boxes.pack_colours."""
        return self._address("pack_colours", None, lambda: boxes.pack_colours(self.width))

    def perceive(self, config: Config, kernel: Kernel, framed: bool) -> Address:
        """Return the address of a model's perception; see perception.perceive."""
        key = _shape(config), kernel, framed
        return self._address("perceive", key, lambda: perception.perceive(config, kernel, framed, self.width))

    def net(self, config: Config) -> Address:
        """Return the address of a model's net; see network.net."""
        return self._address("net", _shape(config), lambda: network.net(config, self.width))

    def phases(self, configs: list[Config], kernel: Kernel, framed: bool, kinds: list[Firing]) -> list[Phase]:
        """Return the phases of a step.

        configs: of the grid's models.
        kinds: which cells of each model are computed.
        """
        found: list[Phase] = []
        for slot, (config, kind) in enumerate(zip(configs, kinds, strict=True)):
            found += self._coarse_phases(config, kernel, framed, slot)
            several = len(configs) > 1
            key = kind, config.channels, config.clips.state, several
            rows = self._address("step_rows", key, _bind(firing.step_rows, kind, config, several, self.width))
            found.append(Phase(rows, slot, firing=kind))
        found += self._alive_phases(configs[0], kernel)
        return found

    def _alive_phases(self, config: Config, kernel: Kernel) -> list[Phase]:
        alive = config.alive
        if not alive:
            return []
        key = config.channels, alive, config.padding, kernel
        note = self._address("note_life", key[:2], _bind(phases.note_life, config, alive, self.width))
        die = self._address("let_die", key, _bind(phases.let_die, config, kernel, alive, self.width))
        return [Phase(note, 0), Phase(die, 0)]

    def _coarse_phases(self, config: Config, kernel: Kernel, framed: bool, slot: int) -> list[Phase]:
        found = []
        for number, scale in enumerate(coarse_scales(config)):
            key = _shape(config), kernel, framed, number
            shrink = self._address("shrink", key, _bind(phases.shrink, config, number, self.width))
            made = _bind(phases.filter_coarse, config, kernel, framed, number, self.width)
            found += [Phase(shrink, slot, scale), Phase(self._address("filter_coarse", key, made), slot, scale)]
        return found


def _bind(make: Callable[..., Unit], *arguments: object) -> Callable[[], Unit]:
    return lambda: make(*arguments)


def _shape(config: Config) -> bytes:
    """Return what identifies the functions of a configuration."""
    plain = Config()
    return msgspec.json.encode(
        msgspec.structs.replace(
            config, name="", family="", attribution={}, kernels=plain.kernels, colour=plain.colour, seed=plain.seed,
            fire_rate=plain.fire_rate,
        )
    )  # fmt: skip
