"""Journals (.jsonl): a header line with the session that the journal begins with, then one JournalEntry per line."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.validation import explain_invalid, shortened
from ncaengine.io.session_format import VERSION, Session, unpack_session
from ncaengine.io.sessions import pack_origin, read_checked, restore_session
from ncaengine.simulation import commands
from ncaengine.simulation.commands import JournalEntry, Ticks
from ncaengine.simulation.simulation import Simulation


class JournalHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a journal file."""

    ncaengine_journal: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    """The version of the format."""
    history: Annotated[int, bounds.HISTORY.meta]
    """See Simulation.history."""
    until: Ticks
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
    return read_checked(path, _parse_journal, bounds.JOURNAL_BYTES)


class _Version(msgspec.Struct):
    """What the first line of a journal of any version says."""

    ncaengine_journal: int


def _parse_journal(data: bytes) -> Journal:
    first, _, rest = data.partition(b"\n")
    try:
        if msgspec.json.decode(first, type=_Version).ncaengine_journal > VERSION:
            raise NCAError("was written by a newer ncaengine; update ncaengine to replay it.")
        header = msgspec.json.decode(first, type=JournalHeader)
        begin = unpack_session(base64.b85decode(header.session))
    except msgspec.ValidationError as error:
        raise NCAError(
            f"is not a journal of ncaengine; in its first line, {explain_invalid(error, JournalHeader)}"
        ) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NCAError(f"is not a journal of ncaengine ({shortened(str(error))}).") from None
    entries = commands.decode(rest)
    span = max([header.until, *(entry.tick for entry in entries)]) - begin.header.tick
    if span > bounds.SPAN.high:
        raise NCAError(f"covers {span / bounds.SPAN.high:.3g} years; a journal can cover at most one.")
    return Journal(header, begin, entries)
