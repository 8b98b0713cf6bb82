"""Open Sound Control: other programs, such as mixers, sequencers and phones, send commands to a simulation.

Messages arrive by UDP and wait until `poll` submits them as commands, so they are checked and journalled as all are.
simulation/addresses.py says what they mean.
"""

import re
import socket
from collections.abc import Iterator, Sequence
from typing import Self

from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.formats import model_files
from ncaengine.simulation import addresses
from ncaengine.simulation.commands import AddGrid, AnyCommand, Duplicate, Revive, SetModel
from ncaengine.simulation.simulation import Simulation

Place = tuple[str, int]
"""The address of a network device of this machine, and a port."""
LOOPBACK, PORT = "127.0.0.1", 9000
MOST_AT_ONCE = 256
"""Packets that are carried out at a time; others wait, and the system drops those that it has no room for."""
MOST_BYTES = 65535
MOST_LEVELS = 16
"""Bundles in bundles."""
MOST_TOLD = 100
"""Different problems that are told."""
_TYPES = re.compile(rb",(?!.*\[\[)[ifhdsbrmtTFN\[\]]*\0")
"""The types of a message's values, without arrays in arrays."""


def parse_place(text: str) -> Place:
    """Return where to listen: a port, as in 9000, or an address of this machine and a port, as in 0.0.0.0:9000.

    An empty text is PORT. Raises NCAError.
    """
    host, _, port = (text or str(PORT)).rpartition(":")
    if not (port.isdecimal() and port.isascii() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise NCAError(
            f"{text[:60]!r} is not an address to listen on; write a port, as in --osc 9000, or an address of this "
            "machine and a port, as in --osc 0.0.0.0:9000, and name models before --osc."
        )
    return host.strip("[]") or LOOPBACK, int(port)


def _parts(packet: bytes, levels: int = MOST_LEVELS) -> Iterator[bytes]:
    """Yield the messages of a packet, which may be a bundle. Raises ValueError if it is none.

    What they say of their sizes and types is checked, because python-osc trusts it: a negative size stops it for ever.
    """
    if not packet.startswith(b"#bundle\0"):
        types = packet[(packet.find(b"\0") // 4 + 1) * 4 :]
        if not packet.startswith(b"/") or (types and not _TYPES.match(types)):
            raise ValueError("no message")
        yield packet
        return
    at = 16  # behind its time
    while at != len(packet):
        size = int.from_bytes(packet[at : at + 4], "big", signed=True)
        if size <= 0 or size % 4 or at + 4 + size > len(packet) or not levels:
            raise ValueError("no bundle")
        yield from _parts(packet[at + 4 : at + 4 + size], levels - 1)
        at += 4 + size


class Listener:
    """Takes messages for a simulation.

    Attributes:
        place: Where it listens.
        received: The packets that it has taken so far.
    """

    def __init__(self, sim: Simulation, place: Place = (LOOPBACK, PORT)) -> None:
        """Listen. Raises NCAError if that can't be, or python-osc is not installed."""
        try:
            from pythonosc.osc_message import OscMessage
        except ImportError:
            raise NCAError("OSC needs python-osc, which is not installed: pip install 'ncaengine[osc]'") from None
        self._parse, self._sim, self.received = OscMessage, sim, 0
        self._told: set[str] = set()
        try:
            family, kind, *_, address = socket.getaddrinfo(*place, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
            self._socket = socket.socket(family, kind)
            try:
                self._socket.setblocking(False)
                self._socket.bind(address)
            except OSError:
                self._socket.close()
                raise
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no such address"
            raise NCAError(
                f"OSC can't listen on {place[0]}:{place[1]} ({reason}); choose another address or port."
            ) from None
        self.place: Place = self._socket.getsockname()[:2]

    @property
    def greeting(self) -> str:
        """A sentence that says where it listens, and who may send."""
        host, port = self.place
        if host in (LOOPBACK, "::1"):
            return f"Listening for OSC on port {port}, from programs on this machine."
        return f"Listening for OSC on {host}:{port}: whoever can reach this address can change the grids."

    def poll(self, grids: Sequence[int] | None = None) -> list[str]:
        """Carry out the messages that have come. Return the problems that were not told before, a sentence each.

        grids: The grids that are meant where an address names none; None for the first one.
        """
        problems = []
        for path, values in self._messages():
            meant = list(self._sim.grids)[:1] if grids is None else [each for each in grids if each in self._sim.grids]
            try:
                for command in addresses.commands_of(path, values, meant, list(self._sim.grids)):
                    self._submit(command)
            except (NCAError, MemoryError) as error:
                problems.append(f"OSC: {str(error) or NO_MEMORY}")
        fresh = [problem for problem in dict.fromkeys(problems) if problem not in self._told]
        fresh = fresh[: MOST_TOLD - len(self._told)]
        self._told.update(fresh)
        return fresh

    def _messages(self) -> Iterator[tuple[str, list[addresses.Plain]]]:
        """Yield the addresses and values of what has come. Bundles are taken apart; their times are ignored."""
        for _ in range(MOST_AT_ONCE):
            try:
                data = self._socket.recv(MOST_BYTES)
            except OSError:  # nothing has come, or an earlier answer of ours found nobody
                return
            self.received += 1
            try:
                messages = [(each.address, list(each)) for each in map(self._parse, _parts(data))]
            except Exception:  # it trusts what it reads
                messages = [("", [])]
            yield from messages

    def _submit(self, command: AnyCommand) -> None:
        sim = self._sim
        if isinstance(command, AddGrid | Duplicate | Revive):
            sim.engine.world.check_room()
        if isinstance(command, AddGrid | SetModel) and command.model not in sim.models:
            shipped = {path.stem: path for path in model_files.shipped_models()}
            if command.model in shipped:  # no other file: a message may come from anyone
                sim.register(model_files.load(shipped[command.model]), command.model)
        sim.submit(command)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
