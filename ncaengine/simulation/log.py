"""The commands of a long session, of which the older ones are packed."""

import zlib
from collections.abc import Iterator, Sequence
from operator import eq
from typing import overload

import numpy as np

from ncaengine.core import memory
from ncaengine.core.spill import Spill
from ncaengine.core.types import U8
from ncaengine.simulation import commands
from ncaengine.simulation.commands import JournalEntry

BLOCK = 1024
"""Entries that are packed together: some 30 bytes each instead of a kilobyte."""


class Log(Sequence[JournalEntry]):
    """A list of journal entries that grows at its end. It equals a list of the same entries."""

    def __init__(self) -> None:
        self._packed: list[U8] = []  # blocks of BLOCK entries
        self._spill = Spill()
        self._latest: list[JournalEntry] = []
        self._opened: tuple[int, list[JournalEntry]] = (-1, [])  # the block that was read last, by its number

    def append(self, entry: JournalEntry) -> None:
        """Add an entry."""
        self._latest.append(entry)
        if len(self._latest) == 2 * BLOCK:  # so that the last BLOCK are at hand
            packed = zlib.compress(commands.encode(self._latest[:BLOCK]), 1)
            self._packed.append(self._spill.kept(np.frombuffer(packed, np.uint8)))
            del self._latest[:BLOCK]
            memory.give_back()  # of the entries, between which small things lie that stay

    def clear(self) -> None:
        """Remove all entries."""
        self._packed.clear()
        self._spill = Spill()
        self._latest.clear()
        self._opened = (-1, [])

    def __len__(self) -> int:
        return len(self._packed) * BLOCK + len(self._latest)

    @overload
    def __getitem__(self, index: int) -> JournalEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[JournalEntry]: ...
    def __getitem__(self, index: int | slice) -> JournalEntry | list[JournalEntry]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        block, place = divmod(number, BLOCK)
        if block >= len(self._packed):
            return self._latest[number - len(self._packed) * BLOCK]
        return self._block(block)[place]

    def __iter__(self) -> Iterator[JournalEntry]:
        for number in range(len(self._packed)):
            yield from self._block(number)
        yield from self._latest

    def _block(self, number: int) -> list[JournalEntry]:
        if self._opened[0] != number:
            self._opened = number, commands.decode(zlib.decompress(self._packed[number].tobytes()))
        return self._opened[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Log | list) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]
