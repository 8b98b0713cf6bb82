"""Journals (.jsonl): a header line with the session that the journal begins with, then one JournalEntry per line."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.io.sessions import VERSION, Count, Session, pack_origin, read_checked, restore_session, unpack_session
from ncaengine.simulation import commands
from ncaengine.simulation.commands import JournalEntry
from ncaengine.simulation.simulation import Simulation


class JournalHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a journal file."""

    ncaengine_journal: int
    """The version of the format."""
    history: int
    """See Simulation.history."""
    until: Count
    """The tick at which the journal was saved."""
    session: str
    """The session that the journal begins with, in base85."""


@dataclass(frozen=True, eq=False)
class Journal:
    """An opened journal."""

    header: JournalHeader
    begin: Session
    """The session that it begins with."""
    entries: list[JournalEntry]

    def replay(self, sim: Simulation, progress: Callable[[int], object] | None = None) -> None:
        """Replay the journal in `sim`, whose grids, models and arrays are removed; see Simulation.replay."""
        sim.models.clear()
        sim.arrays.clear()
        restore_session(sim, self.begin)
        sim.replay(self.entries, self.header.until, progress)


def save_journal(sim: Simulation, path: str | Path) -> None:
    """Write all commands since the start, or since the last session was opened. Raises NCAError."""
    begin = base64.b85encode(pack_origin(sim)).decode()
    header = msgspec.json.encode(JournalHeader(VERSION, sim.history, sim.tick, begin)) + b"\n"
    replace_file(Path(path), header + commands.encode(sim.journal))


def load_journal(path: Path) -> Journal:
    """Open a journal file. Raises NCAError with the file's name."""
    return read_checked(path, _parse_journal)


def _parse_journal(data: bytes) -> Journal:
    first, _, rest = data.partition(b"\n")
    try:
        header = msgspec.json.decode(first, type=JournalHeader)
        begin = unpack_session(base64.b85decode(header.session))
    except (msgspec.MsgspecError, ValueError) as error:
        raise NCAError(f"is not a journal of ncaengine ({error}).") from None
    return Journal(header, begin, commands.decode(rest))
