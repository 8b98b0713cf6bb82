"""The journal: any story of commands and time replays to the same states."""

from collections.abc import Iterable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulations import contents, simulation

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.brushes import Pattern, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import PLANE
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import Look
from ncaengine.simulation import commands
from ncaengine.simulation.commands import (
    AddGrid,
    Blend,
    Copy,
    Duplicate,
    Fill,
    Load,
    Paint,
    Redo,
    RemoveGrid,
    Reseed,
    Resize,
    Rewind,
    Set,
    SetKernel,
    SetModel,
    Show,
    Step,
    Undo,
)
from ncaengine.simulation.simulation import Simulation

SIZE = st.tuples(st.integers(1, 5), st.integers(1, 5))
NUMBER = st.sampled_from([1, 1, 1, 2, 2, 3])
KERNEL = st.sampled_from(["square", "hexagonal", "square-wide"])
RATE = st.sampled_from([0.0, 1.0, 24.0, 60.0, 59.94, 480.0])
PLACE = st.tuples(st.sampled_from([0.0, 1.5, -7.0]), st.sampled_from([0.0, 2.25, 40.0]))
TEXTURE = st.sampled_from(["red", "blue", "b", {"red": 0.25, "green": 0.5}])
ON_GRID = st.one_of(
    st.builds(SetModel, NUMBER, st.sampled_from("abcd")),
    st.builds(SetKernel, NUMBER, KERNEL),
    st.builds(Resize, NUMBER, SIZE, st.sampled_from(["centre", "tile", "nothing"])),
    st.builds(Set, NUMBER, st.just("steps_per_second"), RATE),
    st.builds(Set, NUMBER, st.just("fire_rate"), st.sampled_from([0.0, 0.5, 1.0])),
    st.builds(Set, NUMBER, st.just("paused"), st.booleans()),
    st.builds(Step, NUMBER, st.integers(0, 3)),
    st.builds(Reseed, NUMBER, st.integers(-5, 2**32)),
    st.builds(RemoveGrid, NUMBER),
    st.builds(commands.Revive, NUMBER),
    st.builds(Duplicate, NUMBER),
    st.builds(SetModel, NUMBER, st.sampled_from("abcd"), st.integers(0, 2)),
    st.builds(Set, NUMBER, st.sampled_from(["scale", "angle"]), st.sampled_from([0.5, 1.0, 0.0, 45.0])),
    st.builds(Paint, NUMBER, st.sampled_from(get_args(Tool)), st.lists(PLACE, min_size=1, max_size=3).map(tuple),
              st.sampled_from([0.5, 2.0]), st.just(0.75), st.just(0.5), st.sampled_from([0.5, 1.0]), st.just("image"),
              st.booleans(), TEXTURE),
    st.builds(Blend, NUMBER, TEXTURE, TEXTURE, st.sampled_from(get_args(Pattern)), st.integers(1, 3),
              st.sampled_from([0.0, 2.0]), st.booleans()),
    st.builds(Fill, NUMBER, st.sampled_from(list(PLANE)), st.sampled_from(get_args(Pattern)),
              st.just((0.5, 1.0)), st.integers(1, 3), st.sampled_from([0.0, 2.0])),
    st.builds(Copy, NUMBER, PLACE, st.sampled_from([0.5, 2.5])),
    st.builds(Load, NUMBER, st.just("state")),
    st.builds(Undo, NUMBER),
    st.builds(Redo, NUMBER),
    st.builds(Rewind, NUMBER, st.integers(-5, 9)),
    st.builds(Show, NUMBER, st.builds(Look, st.sampled_from(["rgb", "update"]))),
)  # fmt: skip
ADD = st.builds(AddGrid, st.sampled_from("abcd"), SIZE, KERNEL, RATE, st.none() | st.just(0.75), st.integers(0, 99))
SUBMIT = st.tuples(ADD, st.none()) | st.tuples(ON_GRID, st.none()) | st.tuples(ON_GRID, st.integers(0, 12))
STORY = st.lists(SUBMIT | st.integers(0, 150), min_size=1, max_size=14)


def run_story(sim: Simulation, story: Iterable[Any]) -> Simulation:
    """Submit the story's commands, some of which fail, and let its ticks pass."""
    sim.submit(AddGrid("b", (4, 3), rng_seed=1))
    for event in story:
        try:
            if isinstance(event, int):
                sim.advance(event)
            else:
                sim.submit(event[0], event[1])
        except NCAError:  # from this command, or from one that had waited
            pass
    return sim


def assert_replays(lived: Simulation, again: Simulation) -> None:
    text = commands.encode(lived.journal)
    again.replay(commands.decode(text), until_tick=lived.tick)
    assert contents(again) == contents(lived)
    assert commands.encode(again.journal) == text


@given(STORY)
def test_a_journal_replays_to_the_same_state(catalogue: Catalogue, story: list[Any]) -> None:
    assert_replays(run_story(simulation(catalogue), story), simulation(catalogue))


@settings(max_examples=12)
@given(STORY)
def test_a_journal_replays_to_the_same_state_on_opengl(gl: GLBackend, catalogue: Catalogue, story: list[Any]) -> None:
    lived, again = run_story(simulation(catalogue, gl), story), simulation(catalogue, gl)
    assert_replays(lived, again)
    for sim in (lived, again):
        for grid in sim.grids.values():
            grid.cells.release()


@given(STORY.filter(lambda s: any(isinstance(e, int) for e in s)), st.integers(1, 50))
def test_the_stride_of_time_makes_no_difference(catalogue: Catalogue, story: list[Any], stride: int) -> None:
    cut: list[Any] = []
    for event in story:
        if isinstance(event, int):
            cut += [stride] * (event // stride) + [event % stride]
        else:
            cut.append(event)
    assert contents(run_story(simulation(catalogue), story)) == contents(run_story(simulation(catalogue), cut))


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"tick": 0}', b'{"tick": 0, "command": {"type": "Explode"}}', b"\xff",
     b'{"tick": 0, "command": {"type": "Step", "grid": "x"}}',
     b'{"tick": 0, "command": {"type": "Step", "grid": 1, "count": -1}}',
     b'{"tick": 0, "command": {"type": "Resize", "grid": 1, "size": [3]}}'],
)  # fmt: skip
def test_an_invalid_journal_line_is_named(line: bytes) -> None:
    good = commands.encode([commands.JournalEntry(0, Step(1))])
    with pytest.raises(NCAError, match="Line 2 of the journal"):
        commands.decode(good + line + b"\n")
