"""A small matrix product for rows in a list: out = x · w + bias, its sums kept in the processor's registers.

A block of rows times a group of columns is summed at a time. The weights are packed in the order of their reading.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.values import F32, Array, Value, Variable
from ncaengine.core.types import F32 as Floats

Store = Callable[[Value, Value, Value], None]
"""Emits what becomes of a result: (row, first column, the columns' values)."""


@dataclass(frozen=True)
class Width:
    """How a processor's vectors and registers are used."""

    name: str
    lanes: int
    """Float32 numbers of a vector."""
    rows: int
    """Rows of a block."""
    vectors: int
    """Vectors of columns of a group: rows·vectors sums, `vectors` weights and a row's number fit into the registers."""
    fused: bool = True
    """Whether one instruction multiplies and adds."""


@dataclass(frozen=True)
class Part:
    """A vector of sums: some columns, each of them `terms` times, for that many terms of the sum."""

    offset: int
    """Of its first column in the group."""
    columns: int
    terms: int


@dataclass(frozen=True)
class Group:
    """Columns whose sums are made together."""

    first: int
    parts: tuple[Part, ...]

    @property
    def terms(self) -> int:
        """The most terms of one of its vectors."""
        return max(part.terms for part in self.parts)

    @property
    def columns(self) -> int:
        """The number of its columns."""
        return sum(part.columns for part in self.parts)


def chunks(count: int, lanes: int) -> list[tuple[int, int]]:
    """Cover numbers by vectors, as (first, lanes): 12 by (0, 8) and (8, 4)."""
    found, first = [], 0
    while first < count:
        while lanes > count - first:
            lanes //= 2
        found.append((first, lanes))
        first += lanes
    return found


def groups(columns: int, width: Width) -> list[Group]:
    """Divide columns into groups. Vectors that few columns would leave half empty hold several terms of the sum."""
    pieces = chunks(columns, width.lanes)
    found = []
    for at in range(0, len(pieces), width.vectors):
        piece = pieces[at : at + width.vectors]
        first = piece[0][0]
        found.append(Group(first, tuple(Part(start - first, n, width.lanes // n) for start, n in piece)))
    return found


def pack(weights: Floats, width: Width) -> Floats:
    """Return the weights in the order in which `product` reads them.

    weights: (columns, depth); depth is a multiple of the lanes.
    """
    packed = [
        weights[group.first + part.offset :][: part.columns, k + term : k + term + part.terms].ravel()
        for group in groups(len(weights), width)
        for k in range(0, weights.shape[1], group.terms)
        for part in group.parts
        for term in range(0, group.terms, part.terms)
    ]
    return np.concatenate(packed).astype(np.float32)


def product(
    code: Code,
    width: Width,
    columns: int,
    depth: int,
    x: Array,
    weights: Array,
    bias: Array,
    count: Value,
    store: Store,
) -> None:
    """Emit the product for `count` rows, a multiple of width.rows.

    x: (count, depth) float32; depth is a multiple of the lanes.
    weights: (columns, depth), packed.
    bias: (columns,).
    """
    found = groups(columns, width)
    same = sum(group.parts == found[0].parts for group in found)
    size = found[0].columns
    with code.loop(same) as turn:
        _group(code, width, found[0], depth, x, weights.since(turn * (size * depth)), bias, turn * size, count, store)
    for group in found[same:]:
        start = weights.since(group.first * depth)
        _group(code, width, group, depth, x, start, bias, code.constant(group.first), count, store)


def _group(
    code: Code, width: Width, group: Group, depth: int, x: Array, weights: Array, bias: Array, first: Value,
    count: Value, store: Store,
) -> None:  # fmt: skip
    """Emit one group's columns, which begin at `first`, for all rows."""
    lanes, terms = width.lanes, group.terms
    unroll = terms * next(n for n in (4, 3, 2, 1) if depth % (n * terms) == 0)
    with code.loop(count, width.rows) as row:
        starts = [(row + i) * depth for i in range(width.rows)]
        sums = [[_Sum(code, part, terms, lanes, bias, first) for part in group.parts] for _ in starts]
        with code.loop(depth, unroll) as k:
            read = weights.since(k * group.columns)
            at = 0
            for step in range(0, unroll, terms):
                loaded = []
                for part in group.parts:
                    turns = range(0, terms, part.terms)
                    loaded.append([(turn, read.load(at + i * lanes, lanes)) for i, turn in enumerate(turns)])
                    at += len(turns) * lanes
                for start, mine in zip(starts, sums, strict=True):
                    known: dict[tuple[int, int], Value] = {}
                    for total, vectors in zip(mine, loaded, strict=True):
                        for turn, vector in vectors:
                            key = turn, total.part.terms
                            if key not in known:
                                known[key] = _terms(x, start + k + (step + turn), total.part.terms, lanes)
                            total.add(known[key], vector, turn)
            assert at == unroll * group.columns
        for i, mine in enumerate(sums):
            for total in mine:
                store(row + i, first + total.part.offset, total.result())


def _terms(x: Array, at: Value, count: int, lanes: int) -> Value:
    """Return `count` neighbouring numbers again and again in a vector."""
    return x.load(at, count).picked([i % count for i in range(lanes)])


class _Sum:
    """The sums of one vector's columns, in one register, or in two where they would wait for each other."""

    def __init__(self, code: Code, part: Part, terms: int, lanes: int, bias: Array, first: Value) -> None:
        self.part = part
        self._bias = bias.load(first + part.offset, part.columns)
        zero = code.constant(0.0, F32, lanes)
        self._even = code.variable(self._bias if part.terms == 1 else zero)
        self._odd: Variable | None = code.variable(zero) if part.terms < terms else None

    def add(self, factor: Value, weights: Value, turn: int) -> None:
        total = self._odd if self._odd is not None and turn else self._even
        total.set(factor.times_plus(weights, total.get()))

    def result(self) -> Value:
        total = self._even.get()
        if self._odd is not None:
            total = total + self._odd.get()
        if self.part.terms == 1:
            return total
        result, terms = self._bias, self.part.terms
        for term in range(terms):
            result = result + total.picked([column * terms + term for column in range(self.part.columns)])
        return result
