"""Rewind, undo and redo give the states of before, whatever was done to the grid in between."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Seed
from ncaengine.simulation import commands
from ncaengine.simulation.commands import (
    AnyCommand,
    Copy,
    Duplicate,
    Fill,
    Load,
    Paint,
    Redo,
    Reseed,
    Resize,
    Rewind,
    Set,
    SetKernel,
    SetModel,
    Step,
    Undo,
)
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import Edit, Moment, Timeline
from ncaengine.simulation.simulation import Simulation

NOISE = Seed("noise", 1.0)
A = random_model(Config(channels=4, hidden=3, seed=NOISE, name="a"), 1)
B = random_model(Config(channels=4, hidden=2, seed=NOISE, name="b"), 2)
IMAGE = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)

Make = Callable[..., Simulation]
AnyBackend = TorchBackend | GLBackend


def simulation(catalogue: Catalogue, backend: AnyBackend | None = None, history: int = 2**20) -> Simulation:
    sim = Simulation(backend or TorchBackend(), catalogue, history)
    sim.register(B)
    sim.register_array("image", IMAGE)
    sim.register_array("state", np.zeros((3, 5, 4), np.float32))
    sim.add(A, (9, 7), rng_seed=3)
    return sim


def known(grid: Grid) -> tuple[object, ...]:
    """Return everything that decides how a grid goes on."""
    maps = None if grid.fields is None else grid.fields.tobytes()
    names = tuple(model.config.name for model in grid.models)
    return grid.step, grid.size, grid.kernel.name, names, grid.rng_seed, grid.settings, maps, grid.state().tobytes()


places = st.tuples(st.floats(-30, 30, width=16), st.floats(-30, 30, width=16))
SIDE = st.integers(1, 12)
EDITS: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(
        Paint, st.just(1), st.sampled_from(["erase", "noise", "image", "rate", "scale", "angle"]),
        st.lists(places, min_size=1, max_size=3).map(tuple), st.floats(0.5, 9, width=16), st.floats(0, 1, width=16),
        st.floats(0, 1, width=16), st.floats(0.25, 2, width=16), st.just("image"), st.booleans(),
    ),
    st.builds(Fill, st.just(1), st.sampled_from(["rate", "angle"]), st.sampled_from(["even", "halves", "ramp"])),
    st.builds(Resize, st.just(1), st.tuples(SIDE, SIDE), st.sampled_from(["centre", "corner", "tile"])),
    st.builds(Reseed, st.just(1), st.integers(0, 5)),
    st.builds(SetKernel, st.just(1), st.sampled_from(["square", "hexagonal"])),
    st.builds(SetModel, st.just(1), st.sampled_from(["a", "b"])),
    st.just(Load(1, "state")),
)  # fmt: skip
SETTINGS = st.builds(Set, st.just(1), st.sampled_from(["fire_rate", "scale"]), st.floats(0.25, 1, width=16))
LIFE = st.lists(st.one_of(EDITS, SETTINGS, st.builds(Step, st.just(1), st.integers(1, 40))), max_size=10)


@given(LIFE, st.integers(0, 60), st.integers(0, 60))
def test_rewinding_and_returning_gives_the_same_states(
    catalogue: Catalogue, life: list[AnyCommand], back: int, on: int
) -> None:
    sim = simulation(catalogue)
    grid = sim.grids[1]
    seen: dict[int, tuple[object, ...]] = {}
    for command in [*life, Step(1)]:
        steps = command.count if isinstance(command, Step) else 0
        for _ in range(steps):
            sim.submit(Step(1))
            seen[grid.age] = known(grid)
        if not steps:
            sim.submit(command)
            seen[grid.age] = known(grid)
    end = grid.age
    sim.submit(Rewind(1, back))
    assert grid.age == max(end - back, grid.timeline.start)
    if grid.age in seen:
        assert known(grid) == seen[grid.age]
    sim.submit(Rewind(1, -(end - grid.age)))  # forward again, through all edits
    assert known(grid) == seen[end]


@given(LIFE, EDITS, st.integers(0, 30))
def test_undo_gives_the_state_before_an_edit_and_redo_makes_it_again(
    catalogue: Catalogue, life: list[AnyCommand], edit: AnyCommand, steps: int
) -> None:
    sim = simulation(catalogue)
    grid = sim.grids[1]
    for command in life:
        sim.submit(command)
    if isinstance(edit, Paint):
        edit = Paint(**{**{n: getattr(edit, n) for n in edit.__struct_fields__}, "more": False})
    before = known(grid)
    sim.submit(edit)
    after = known(grid)
    sim.submit(Redo(1)) if grid.can_redo else None
    sim.submit(Step(1, steps))
    sim.submit(Undo(1))
    assert known(grid) == before
    sim.submit(Redo(1))
    assert known(grid) == after
    sim.submit(Undo(1))
    assert known(grid) == before


def test_500_steps_back_and_forward_again_change_nothing(gl: GLBackend, catalogue: Catalogue) -> None:
    sim = simulation(catalogue, gl)
    grid = sim.grids[1]
    for step in (100, 350, 420):
        sim.submit(Paint(1, "noise", ((4.0, 3.0),), 3.0), at_step=step)
    sim.submit(Step(1, 700))
    end = known(grid)
    sim.submit(Rewind(1, 500))
    assert grid.step == 200
    sim.submit(Step(1, 500))  # commands that wait for a step come again
    assert known(grid) == end
    grid.cells.release()


def test_an_edit_in_the_past_changes_the_future(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    grid = sim.grids[1]
    sim.submit(Step(1, 50))
    end = known(grid)
    sim.submit(Rewind(1, 20))
    sim.submit(Paint(1, "erase", ((2.0, 2.0),), 2.0))
    sim.submit(Rewind(1, -20))
    assert grid.age == 30
    sim.submit(Step(1, 20))
    assert known(grid) != end


def test_a_stroke_is_one_edit(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    grid = sim.grids[1]
    before = known(grid)
    for k in range(4):
        sim.submit(Paint(1, "noise", ((float(k), 1.0), (k + 1.0, 1.0)), 1.0, more=k > 0))
        sim.submit(Step(1))
    assert grid.can_undo == "Noise"
    sim.submit(Undo(1))
    assert known(grid) == before
    assert (grid.can_undo, grid.can_redo) == ("", "Noise")


def test_a_new_edit_clears_the_redo_list(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    sim.submit(Reseed(1, 8))
    sim.submit(Undo(1))
    sim.submit(Resize(1, (4, 4)))
    with pytest.raises(NCAError, match="Nothing to redo on this grid"):
        sim.submit(Redo(1))


def test_without_a_timeline_undo_and_rewind_raise(catalogue: Catalogue) -> None:
    sim = simulation(catalogue, history=0)
    sim.submit(Step(1, 5))
    sim.submit(Reseed(1, 8))
    for command, message in ((Undo(1), "Nothing to undo"), (Rewind(1, 3), "has no timeline")):
        with pytest.raises(NCAError, match=message):
            sim.submit(command)
    assert not sim.grids[1].timeline.edits
    assert not sim.grids[1].timeline.moments


def test_a_grid_too_large_for_the_budget_has_no_timeline_until_it_is_small_again(catalogue: Catalogue) -> None:
    sim = simulation(catalogue, history=2**16)
    grid = sim.grids[1]
    sim.submit(Step(1, 40))
    assert grid.timeline.moments
    sim.submit(Resize(1, (64, 64)))  # 64 KB a state
    assert not grid.timeline.moments
    sim.submit(Step(1, 40))
    sim.submit(Paint(1, "erase", ((3.0, 3.0),)))
    for command in (Undo(1), Rewind(1, 5)):
        with pytest.raises(NCAError):
            sim.submit(command)
    sim.submit(Resize(1, (8, 8)))
    before = known(grid)
    sim.submit(Step(1, 7))
    sim.submit(Rewind(1, 7))
    assert known(grid) == before


def test_a_change_of_the_budget_holds_for_new_grids(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    sim.history = 0
    grid = sim.add(A, (4, 4))
    sim.submit(Step(grid.id, 40))
    assert sim.grids[1].timeline.budget == 2**20
    assert (grid.timeline.budget, grid.timeline.moments) == (0, [])


def test_a_failed_edit_does_not_change_the_timeline(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    grid = sim.grids[1]
    sim.submit(Step(1, 30))
    sim.submit(Rewind(1, 10))
    edits = len(grid.timeline.edits)
    for bad in (Paint(1, "model", ((0.0, 0.0),), value=3.0), Paint(1, "rate", ((0.0, 0.0),), value=99.0),
                Paint(1, "image", ((0.0, 0.0),), image="none"), Paint(1, "patch", ((0.0, 0.0),)),
                Fill(1, "rate", "even", (9.0, 9.0)), Load(1, "image"), SetModel(1, "b", 3),
                SetModel(1, "")):  # fmt: skip
        with pytest.raises(NCAError):
            sim.submit(bad)
    assert len(grid.timeline.edits) == edits
    sim.submit(Rewind(1, -10))
    assert grid.age == 30


def test_a_duplicate_starts_equal_and_changes_independently(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    first = sim.add(A, (9, 7), rng_seed=3, steps_per_second=33.0)
    sim.submit(Fill(1, "rate", "halves", (0.25, 1.0)))
    sim.advance(700)
    sim.submit(Duplicate(1))
    second = sim.grids[2]
    assert known(first) == known(second)
    sim.advance(1234)  # the fraction of a step that was due is the same too
    assert known(first) == known(second)
    sim.submit(Paint(2, "erase", ((1.0, 1.0),), 2.0))
    assert known(first) != known(second)
    with pytest.raises(NCAError, match="Nothing to undo on this grid"):
        sim.submit(Undo(sim.submit(Duplicate(2))))


def test_a_copied_patch_is_pasted_cell_by_cell(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    first, second = sim.add(A, (20, 20), rng_seed=1), sim.add(A, (20, 20), rng_seed=2)
    sim.submit(Copy(1, (5.0, 5.0), 3.0))
    sim.submit(Paint(2, "patch", ((10.0, 19.0),), softness=0.0))
    copied, pasted = first.state(), second.state()
    assert (pasted[19, 10] == copied[5, 5]).all()
    assert (pasted[2, 10] == copied[8, 5]).all()  # beyond the lower edge of the torus
    assert (pasted[5, 5] != copied[5, 5]).any()


# The timeline itself


def moment(age: int, edits: int = 0, size: int = 100) -> Moment:
    state = np.zeros((1, size, 1), np.float32)
    return Moment(age, edits, age, state, None, (), None, None, 0)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(2, 12))
@settings(max_examples=50)
def test_the_budget_is_kept_and_the_first_and_last_moments_stay(gaps: list[int], room: int) -> None:
    timeline, age = Timeline(room * 400), 0
    for gap in gaps:
        timeline.keep(moment(age))
        age += gap
    ages = [m.age for m in timeline.moments]
    assert len(ages) <= max(room, 2)
    assert ages == sorted(ages)
    assert ages[0] == 0
    assert ages[-1] == age - gaps[-1]


def test_older_moments_lie_further_apart() -> None:
    timeline = Timeline(16 * 400)
    for age in range(0, 3200, 16):
        timeline.keep(moment(age))
    gaps = np.diff([m.age for m in timeline.moments])
    assert gaps[-1] == 16
    assert gaps[0] > 4 * gaps[-1]


def test_a_timeline_knows_which_commands_had_waited() -> None:
    waited = (5, 0, commands.Step(1))
    timeline = Timeline(edits=[Edit(5, lambda: None, "a", waited=waited), Edit(7, lambda: None, "b")], tip=9)
    assert timeline.waiting_after(0) == [waited]
    assert timeline.waiting_after(1) == []
    assert timeline.cut(4, 0) == [waited]
    assert timeline.waiting_after(0) == []


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="raise", over="ignore", invalid="ignore", under="ignore"):
        yield


def test_a_grid_that_shrinks_until_it_keeps_a_timeline_has_nothing_to_undo(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    sim.history = 100_000
    grid = sim.add(A, (200, 200))
    sim.step(2)
    for _ in range(2):
        sim.resize((8, 8))
        with pytest.raises(NCAError, match="Nothing to undo"):
            sim.undo()
        sim.paint("erase", (3, 3))
        sim.undo()
        sim.step(3)
        sim.resize((200, 200))
        with pytest.raises(NCAError, match="Nothing to undo"):
            sim.undo()
    assert not grid.timeline.edits


def test_old_edits_are_forgotten_with_what_they_hold(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(A, (8, 8))
    grid.timeline.budget = 20_000
    for number in range(60):
        sim.submit(commands.Copy(grid.id, (number % 7, 3), 3.0))
        sim.paint("patch", (3, 3))
        sim.step(1)
    held = {id(each): each.nbytes for edit in grid.timeline.edits for each in edit.holds}
    assert 8_000 < sum(held.values()) <= 20_000
    states = []
    while grid.can_undo:
        sim.undo()
        states.append(grid.state())
    assert 10 < len(states) < 60
    assert sim.rewind(10**6) == 0


def test_edits_alone_do_not_grow_a_timeline(simulate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ncaengine.simulation.history.MOST_EDITS", 30)
    sim = simulate(TorchBackend())
    grid = sim.add(A, (8, 8))
    for number in range(200):
        sim.set("dt", number / 200)
        sim.paint("noise", (3, 3), radius=1)
    assert len(grid.timeline.edits) <= 32
    before = grid.state()
    sim.paint("erase", (3, 3), radius=30)
    sim.undo()
    assert (grid.state() == before).all()
