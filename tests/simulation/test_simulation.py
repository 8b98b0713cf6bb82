"""Simulation: commands, their journal, the clock, resizing, and both backends behind one face."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, random_state, small
from hypothesis import given, settings
from hypothesis import strategies as st

import ncaengine as nca
from ncaengine.backends import open_backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import looks, pcg, states
from ncaengine.core.brushes import Pattern, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import PLANE
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import Look
from ncaengine.core.model import Config, Feature, Model, Seed
from ncaengine.core.settings import Settings
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND, Pace
from ncaengine.simulation.commands import (
    AddGrid,
    AnyCommand,
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

NOISE = Seed("noise", 1.0)
A = random_model(small(SELFORG, hidden=3, channels=5, name="a"), 1)
B = random_model(Config(channels=3, hidden=2, seed=NOISE, name="b"), 2)
C = random_model(Config(channels=5, hidden=2, seed=NOISE, name="c"), 3)
MODELS = {m.config.name: m for m in (A, B, C)}

Make = Callable[..., Simulation]
Any_ = TorchBackend | GLBackend


def simulation(catalogue: Catalogue, backend: Any_ | None = None) -> Simulation:
    sim = Simulation(backend or TorchBackend(), catalogue)
    for model in MODELS.values():
        sim.register(model)
    sim.register_array("image", np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3))
    sim.register_array("state", np.full((3, 2, 5), 0.25, np.float32))
    return sim


def picture(sim: Simulation) -> dict[str, Any]:
    """All that there is to know of a Simulation, for comparisons."""
    return {
        "tick": sim.tick,
        "journal": len(sim.journal),
        "grids": {
            n: (
                g.model.config.name,
                g.kernel.name,
                g.size,
                g.settings,
                g.rng_seed,
                g.step,
                g.look,
                None if g.fields is None else g.fields.tobytes(),
                g.state().tobytes(),
            )
            for n, g in sim.grids.items()
        },
    }


# Commands


def test_a_grid_starts_as_asked(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, size=(7, 4), kernel="hexagonal", steps_per_second=30, fire_rate=0.25, rng_seed=9)
    assert (grid.model, grid.kernel.name, grid.size, grid.step, grid.rng_seed) == (B, "hexagonal", (7, 4), 0, 9)
    assert (grid.settings.steps_per_second, grid.settings.fire_rate, grid.settings.paused) == (30, 0.25, False)
    assert np.array_equal(grid.state(), pcg.uniform_noise(7, 4, 3, 9))
    assert sim.journal == [commands.JournalEntry(0, AddGrid("b", (7, 4), "hexagonal", 30, 0.25, 9))]


def test_the_fire_rate_is_the_models_unless_given(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    slow = random_model(Config(channels=3, hidden=2, fire_rate=0.125), 1)
    assert sim.add(slow, (2, 2)).settings.fire_rate == 0.125


def test_a_seed_of_zeros_is_zeros(backend: Any_, simulate: Make) -> None:
    state = simulate(backend).add(A, (3, 2)).state()
    assert state.shape == (2, 3, 5)
    assert not state.any()


def test_each_command_does_what_it_says(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (6, 5), rng_seed=1)
    sim.register(C)
    sim.submit(Step(grid, 3))
    assert grid.step == 3
    sim.submit(SetKernel(grid, "hexagonal"))
    assert grid.kernel.name == "hexagonal"
    sim.submit(SetModel(grid, "c"))
    assert grid.model is C
    sim.submit(Resize(grid, (4, 9)))
    assert grid.size == (4, 9)
    assert grid.state().shape == (9, 4, 5)
    sim.submit(Set(grid, "fire_rate", 1.0))
    sim.submit(Set(grid, "paused", True))
    assert (grid.settings.fire_rate, grid.settings.paused) == (1.0, True)
    sim.submit(Reseed(grid, 77))
    assert (grid.step, grid.rng_seed) == (0, 77)
    assert np.array_equal(grid.state(), pcg.uniform_noise(4, 9, 5, 77))
    sim.submit(RemoveGrid(grid))
    assert not sim.grids
    assert [type(e.command).__name__ for e in sim.journal] == [
        "AddGrid", "Step", "SetKernel", "SetModel", "Resize", "Set", "Set", "Reseed", "RemoveGrid",
    ]  # fmt: skip


def test_switching_kernel_or_model_keeps_the_state(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (6, 5), rng_seed=1)
    sim.register(C)
    before = grid.state()
    for kernel in ("hexagonal", "square-wide", "square"):
        sim.submit(SetKernel(grid, kernel))
        assert np.array_equal(grid.state(), before)
    sim.submit(SetModel(grid, "c"))  # 3 -> 5 channels
    assert np.array_equal(grid.state()[..., :3], before)
    assert not grid.state()[..., 3:].any()
    sim.submit(Step(grid, 1))
    after = grid.state()
    sim.submit(SetModel(grid, "b"))  # 5 -> 3 channels
    assert np.array_equal(grid.state(), after[..., :3])


def test_changes_are_counted(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (3, 3))
    for command in (
        Step(grid, 1),
        SetKernel(grid, "hexagonal"),
        Resize(grid, (2, 2)),
        Set(grid, "fire_rate", 0.1),
        Reseed(grid, 1),
    ):
        before = grid.changes
        sim.submit(command)
        assert grid.changes > before
    before = grid.changes
    sim.advance(0)
    assert grid.changes == before


def test_two_models_of_one_name_get_names_of_their_own(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    other = random_model(B.config, 9)
    assert [sim.register(m) for m in (B, other, B, other)] == ["b", "b-2", "b", "b-2"]


BAD: dict[str, Callable[[Any], AnyCommand]] = {
    "no such grid": lambda g: Step(99),
    "no such model": lambda g: SetModel(g, "nobody"),
    "no such kernel": lambda g: SetKernel(g, "octagonal"),
    "a model that the kernel cannot serve": lambda g: SetModel(g, "blind"),
    "size 0": lambda g: Resize(g, (0, 5)),
    "size -1": lambda g: Resize(g, (5, -1)),
    "size 10⁹": lambda g: Resize(g, (10**9, 10**9)),
    "size beyond the device": lambda g: Resize(g, (16385, 1)),
    "size too much in all": lambda g: Resize(g, (16384, 16384)),
    "size of fractions": lambda g: Resize(g, (2.5, 3)),  # type: ignore[arg-type]
    "size of three": lambda g: Resize(g, (2, 3, 4)),  # type: ignore[arg-type]
    "size of text": lambda g: Resize(g, "big"),  # type: ignore[arg-type]
    "an unknown way to keep": lambda g: Resize(g, (2, 3), "some"),  # type: ignore[arg-type]
    "an unknown setting": lambda g: Set(g, "colour", 1.0),
    "a fire rate above 1": lambda g: Set(g, "fire_rate", 1.01),
    "a negative rate": lambda g: Set(g, "steps_per_second", -1.0),
    "a rate of NaN": lambda g: Set(g, "steps_per_second", float("nan")),
    "an infinite rate": lambda g: Set(g, "steps_per_second", float("inf")),
    "a rate of text": lambda g: Set(g, "steps_per_second", "fast"),  # type: ignore[arg-type]
    "a bool for a number": lambda g: Set(g, "fire_rate", True),
    "a number for a bool": lambda g: Set(g, "paused", 1.0),
    "negative steps": lambda g: Step(g, -1),
    "steps of fractions": lambda g: Step(g, 1.5),  # type: ignore[arg-type]
    "a seed beyond a journal": lambda g: Reseed(g, 2**70),
    "a new grid of no model": lambda g: AddGrid("nobody"),
    "a new grid on no kernel": lambda g: AddGrid("b", kernel="octagonal"),
    "a new grid of size 0": lambda g: AddGrid("b", (0, 0)),
    "a new grid of 10⁹ cells a side": lambda g: AddGrid("b", (10**9, 10**9)),
    "a new grid at a negative rate": lambda g: AddGrid("b", (2, 2), steps_per_second=-5.0),
    "a new grid of a fire rate above 1": lambda g: AddGrid("b", (2, 2), fire_rate=2.0),
    "a new grid that cannot run": lambda g: AddGrid("blind", (2, 2)),
    "no command at all": lambda g: "step",  # type: ignore[return-value]
}
KNOWN_AT_ONCE = {
    k for k in BAD if "new grid" not in k and k not in ("no command at all", "a model that the kernel cannot serve")
}


def with_a_blind_model(sim: Simulation) -> nca.Simulation:
    sim.register(random_model(Config(channels=3, hidden=2, features=(Feature("bilaplacian"),), name="blind")))
    return sim


@pytest.mark.parametrize("case", BAD)
def test_a_bad_command_is_told_and_changes_nothing(backend: Any_, simulate: Make, case: str) -> None:
    sim = with_a_blind_model(simulate(backend))
    grid = sim.add(B, (4, 3))
    sim.submit(Step(grid, 1))
    before = picture(sim)
    with pytest.raises(NCAError) as caught:
        sim.submit(BAD[case](grid))
    assert "\n" not in str(caught.value)
    assert picture(sim) == before
    sim.submit(Step(grid, 1))  # and it still runs
    assert grid.step == 2


@pytest.mark.parametrize("case", sorted(KNOWN_AT_ONCE))
def test_a_bad_command_that_would_wait_is_told_at_once(simulate: Make, case: str) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (4, 3))
    before = picture(sim)
    with pytest.raises(NCAError):
        sim.submit(BAD[case](grid), at_step=5)
    sim.advance(10 * TICKS_PER_SECOND // 60)
    assert grid.step == 10
    assert picture(sim) | {"tick": 0, "grids": 0} == before | {"grids": 0}


def test_numbers_of_numpy_are_taken(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (np.int64(4), np.int32(3)), rng_seed=np.uint32(5))
    sim.submit(Set(grid, "fire_rate", np.float32(0.25)))
    assert grid.settings.fire_rate == 0.25
    assert commands.decode(commands.encode(sim.journal)) == sim.journal


# Waiting for a step


@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_at_step_is_that_step_however_time_is_cut(simulate: Make, chunk: int) -> None:
    """Between the 200th and the 201st step, not at the end of a call of `advance`."""
    sim, other = simulate(TorchBackend()), simulate(TorchBackend())
    grid, plain = sim.add(B, (5, 5)), other.add(B, (5, 5))
    sim.submit(Resize(grid, (7, 6)), at_step=20)
    for done in range(0, 3000, chunk):
        sim.advance(min(chunk, 3000 - done))
    other.submit(Step(plain, 20))
    other.submit(Resize(plain, (7, 6)))
    other.submit(Step(plain, 30))
    assert grid.step == plain.step == 50
    assert np.array_equal(grid.state(), plain.state())


@pytest.mark.parametrize("chunk", [1, 13, 3600])
def test_a_waiting_change_of_pace_does_not_depend_on_how_time_is_cut(simulate: Make, chunk: int) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (2, 2), steps_per_second=60)
    sim.submit(Set(grid, "steps_per_second", 10.0), at_step=30)
    for done in range(0, 3600, chunk):
        sim.advance(min(chunk, 3600 - done))
    assert grid.step == 30 + 5  # half a second at 60, half a second at 10


def test_a_waiting_pause_and_removal(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    one, two = sim.add(B, (2, 2)), sim.add(B, (2, 2))
    sim.submit(Set(one, "paused", True), at_step=3)
    sim.submit(RemoveGrid(two), at_step=4)
    sim.advance(TICKS_PER_SECOND)
    assert one.step == 3
    assert two.step == 4
    assert list(sim.grids) == [one.id]


def test_commands_that_wait_for_the_same_step_keep_their_order(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (2, 2))
    for size in ((3, 3), (5, 4), (2, 6)):
        sim.submit(Resize(grid, size), at_step=2)
    sim.submit(Step(grid, 2))
    assert grid.size == (2, 6)


def test_only_a_command_to_a_grid_can_wait(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    sim.register(B)
    with pytest.raises(NCAError, match="wait for a step"):
        sim.submit(AddGrid("b"), at_step=3)
    assert not sim.journal


# The journal

SIZE = st.tuples(st.integers(1, 5), st.integers(1, 5))
NUMBER = st.sampled_from([1, 1, 1, 2, 2, 3])
KERNEL = st.sampled_from(["square", "hexagonal", "square-wide"])
RATE = st.sampled_from([0.0, 1.0, 24.0, 60.0, 59.94, 480.0])
PLACE = st.tuples(st.sampled_from([0.0, 1.5, -7.0]), st.sampled_from([0.0, 2.25, 40.0]))
ON_GRID = st.one_of(
    st.builds(SetModel, NUMBER, st.sampled_from("abc")),
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
    st.builds(SetModel, NUMBER, st.sampled_from("abc"), st.integers(0, 2)),
    st.builds(Set, NUMBER, st.sampled_from(["scale", "angle"]), st.sampled_from([0.5, 1.0, 0.0, 45.0])),
    st.builds(Paint, NUMBER, st.sampled_from(get_args(Tool)), st.lists(PLACE, min_size=1, max_size=3).map(tuple),
              st.sampled_from([0.5, 2.0]), st.just(0.75), st.just(0.5), st.sampled_from([0.5, 1.0]), st.just("image"),
              st.booleans()),
    st.builds(Fill, NUMBER, st.sampled_from(list(PLANE)), st.sampled_from(get_args(Pattern)),
              st.just((0.5, 1.0)), st.integers(1, 3), st.sampled_from([0.0, 2.0])),
    st.builds(Copy, NUMBER, PLACE, st.sampled_from([0.5, 2.5])),
    st.builds(Load, NUMBER, st.just("state")),
    st.builds(Undo, NUMBER),
    st.builds(Redo, NUMBER),
    st.builds(Rewind, NUMBER, st.integers(-5, 9)),
    st.builds(Show, NUMBER, st.builds(Look, st.sampled_from(["rgb", "update"]))),
)  # fmt: skip
ADD = st.builds(AddGrid, st.sampled_from("abc"), SIZE, KERNEL, RATE, st.none() | st.just(0.75), st.integers(0, 99))
SUBMIT = st.tuples(ADD, st.none()) | st.tuples(ON_GRID, st.none()) | st.tuples(ON_GRID, st.integers(0, 12))
STORY = st.lists(SUBMIT | st.integers(0, 150), min_size=1, max_size=14)


def told(sim: Simulation, story: Iterable[Any]) -> Simulation:
    """A story lived: commands submitted (refusals are part of it) and time passed."""
    sim.submit(AddGrid("b", (4, 3), rng_seed=1))
    for event in story:
        try:
            if isinstance(event, int):
                sim.advance(event)
            else:
                sim.submit(event[0], event[1])
        except NCAError:  # of this command, or of one that had waited
            pass
    return sim


def assert_replays(lived: Simulation, again: Simulation) -> None:
    text = commands.encode(lived.journal)
    again.replay(commands.decode(text), until_tick=lived.tick)
    assert picture(again) == picture(lived)
    assert commands.encode(again.journal) == text


@given(STORY)
def test_a_journal_replays_to_the_same_state(catalogue: Catalogue, story: list[Any]) -> None:
    assert_replays(told(simulation(catalogue), story), simulation(catalogue))


@settings(max_examples=12)
@given(STORY)
def test_a_journal_replays_on_the_gpu(gl: GLBackend, catalogue: Catalogue, story: list[Any]) -> None:
    lived, again = told(simulation(catalogue, gl), story), simulation(catalogue, gl)
    assert_replays(lived, again)
    for sim in (lived, again):
        for grid in sim.grids.values():
            grid.cells.release()


@given(STORY.filter(lambda s: any(isinstance(e, int) for e in s)), st.integers(1, 50))
def test_how_time_is_cut_makes_no_difference(catalogue: Catalogue, story: list[Any], stride: int) -> None:
    cut: list[Any] = []
    for event in story:
        if isinstance(event, int):
            cut += [stride] * (event // stride) + [event % stride]
        else:
            cut.append(event)
    assert picture(told(simulation(catalogue), story)) == picture(told(simulation(catalogue), cut))


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"tick": 0}', b'{"tick": 0, "command": {"type": "Explode"}}', b"\xff",
     b'{"tick": 0, "command": {"type": "Step", "grid": "x"}}',
     b'{"tick": 0, "command": {"type": "Step", "grid": 1, "count": -1}}',
     b'{"tick": 0, "command": {"type": "Resize", "grid": 1, "size": [3]}}'],
)  # fmt: skip
def test_a_journal_of_something_else_is_told_by_its_line(line: bytes) -> None:
    good = commands.encode([commands.JournalEntry(0, Step(1))])
    with pytest.raises(NCAError, match="Line 2 of the journal"):
        commands.decode(good + line + b"\n")


def test_a_grid_serves_as_its_number() -> None:
    class Seven:
        def __index__(self) -> int:
            return 7

    assert commands.encode([commands.JournalEntry(3, Step(Seven(), 2), 5)]) == (  # type: ignore[arg-type]
        b'{"tick":3,"command":{"type":"Step","grid":7,"count":2},"at_step":5}\n'
    )


# The clock


@given(st.fractions(0, 7200, max_denominator=1000), st.lists(st.integers(0, 10_000), max_size=20))
def test_steps_are_the_floor_of_ticks_times_rate(rate: Fraction, strides: list[int]) -> None:
    pace, made, ticks = Pace(float(rate)), 0, 0
    for stride in strides:
        made += pace.advance(stride)
        ticks += stride
        assert made == ticks * rate // TICKS_PER_SECOND


@given(st.floats(0, 7200), st.integers(0, 10**6))
def test_any_rate_is_kept_to_a_thousandth(rate: float, ticks: int) -> None:
    assert abs(Pace(rate).advance(ticks) - ticks * rate / TICKS_PER_SECOND) <= 1 + ticks * 1e-3 / TICKS_PER_SECOND


@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from([0.0, 0.5, 24.0, 60.0, 144.0])), max_size=12))
def test_a_change_of_rate_loses_no_time(parts: list[tuple[int, float]]) -> None:
    pace, made, due = Pace(0), 0, Fraction(0)
    for ticks, rate in parts:
        pace.steps_per_second = rate
        made += pace.advance(ticks)
        due += ticks * Fraction(rate) / TICKS_PER_SECOND
    assert made == due // 1


def test_common_frame_rates_are_whole_ticks() -> None:
    assert all(
        TICKS_PER_SECOND % fps == 0 for fps in (1, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 144)
    )


@given(st.lists(st.integers(0, 300), max_size=8), st.sampled_from([0.0, 15.0, 59.94, 60.0, 1000.0]))
def test_a_grid_runs_at_its_rate_and_a_paused_one_does_not(
    catalogue: Catalogue, strides: list[int], rate: float
) -> None:
    sim = simulation(catalogue)
    sim.submit(AddGrid("b", (1, 1), steps_per_second=rate))
    sim.submit(AddGrid("b", (1, 1), steps_per_second=rate))
    sim.submit(Set(2, "paused", True))
    for stride in strides:
        sim.advance(stride)
    assert sim.tick == sum(strides)
    assert sim.grids[1].step == int(sum(strides) * Fraction(rate).limit_denominator(1000) / TICKS_PER_SECOND)
    assert sim.grids[2].step == 0


# Resizing


def test_a_resize_command_resizes_as_that_function_does(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    for kernel in ("square", "hexagonal"):
        grid = sim.add(B, (6, 5), kernel, rng_seed=3)
        sim.submit(Step(grid, 2))
        for size, keep in (((9, 8), "centre"), ((4, 5), "centre"), ((11, 3), "tile"), ((2, 2), "nothing")):
            expected = states.resized(grid.state(), pcg.uniform_noise(*size, 3, 3), keep, grid.kernel)
            sim.submit(Resize(grid, size, keep))
            assert np.array_equal(grid.state(), expected)
            assert grid.step == 2


def test_the_largest_side_works(gl: GLBackend, simulate: Make) -> None:
    sim = simulate(gl)
    grid = sim.add(random_model(Config(channels=3, hidden=1, seed=NOISE)), (gl.max_side, 1))
    before = grid.state()
    sim.submit(Step(grid, 1))
    assert np.array_equal((grid.state() != before).any(-1), pcg.fire_mask(gl.max_side, 1, 0, 0, 0.5))


# Reproducible, and alike on both backends


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_the_same_run_gives_the_same_state(backend: Any_, simulate: Make, kernel: str) -> None:
    runs = []
    for extra in (0, 2):
        sim = simulate(backend)
        for _ in range(extra):
            sim.add(C, (9, 4))  # other grids are of no influence
        grid = sim.add(C, (13, 6), kernel, rng_seed=5)
        sim.advance(TICKS_PER_SECOND // 2)
        runs.append(grid.state())
    assert np.array_equal(*runs)
    sim = simulate(backend)
    other = sim.add(C, (13, 6), kernel, rng_seed=6)
    sim.advance(TICKS_PER_SECOND // 2)
    assert not np.array_equal(other.state(), runs[0])


@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
@pytest.mark.parametrize("model", [A, C, random_model(small(NOTEBOOK_CONFIG), 4)], ids=["a", "c", "notebook"])
def test_both_backends_agree_over_five_steps(gl: GLBackend, simulate: Make, model: Model, kernel: str) -> None:
    states, pictures = [], []
    for backend in (gl, TorchBackend()):
        grid = simulate(backend).add(model, (17, 10), kernel, rng_seed=2)
        grid.cells.write(random_state(17, 10, 5))
        run = []
        for n in range(5):
            grid.cells.step(n, 2, Settings())
            run.append(grid.state())
        states.append(run)
        pictures.append(grid.image(scale=2).astype(int))
    np.testing.assert_allclose(states[0], states[1], atol=1e-4)
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.5


def test_pictures_have_the_size_of_their_view(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (8, 6), "hexagonal")
    assert grid.image(scale=4).shape == (round(6 * 4 * 3**0.5 / 2), 32, 3)
    assert grid.image(raw=True).shape == (6, 8, 3)
    assert np.array_equal(grid.image(raw=True), looks.raw_picture(grid.state(), B.config.colour))


# Backends


def test_auto_falls_back_to_torch_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import ncaengine.backends.gl.backend

    def none(**_: object) -> None:
        raise NCAError("OpenGL 4.3 cannot be had here.")

    monkeypatch.setattr(ncaengine.backends.gl.backend, "GLBackend", none)
    backend, line = open_backend("auto")
    assert backend.name == "torch"
    assert line == "Running on torch, slower: OpenGL 4.3 cannot be had here."
    with pytest.raises(NCAError, match="cannot be had"):
        open_backend("gl")
    assert open_backend("torch")[1] == ""


def test_descriptions_are_one_line(backend: Any_) -> None:
    assert backend.description
    assert "\n" not in backend.description
    backend.finish()


def test_a_simulation_gives_back_what_it_holds(catalogue: Catalogue) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(B, (4, 4))
    assert not sim.grids


def test_a_waiting_command_that_fails_stops_no_grid() -> None:
    with Simulation(TorchBackend()) as sim:
        a, b = (sim.add(random_model(Config(hidden=4)), (4, 4)) for _ in range(2))
        blind = random_model(Config(hidden=4, features=(Feature("sixth_sense"),), name="blind"))
        sim.submit(SetModel(a.id, sim.register(blind)), at_step=10)
        with pytest.raises(NCAError, match="sixth_sense"):
            sim.advance(TICKS_PER_SECOND)
        assert (a.step, b.step) == (60, 60)
        sim.advance(TICKS_PER_SECOND)
        assert (a.step, b.step) == (120, 120)


def test_what_grids_share_does_not_depend_on_which_of_them_is_ahead(catalogue: Catalogue) -> None:
    """A patch that is copied while another grid is behind, which has an older one to paste yet."""
    states = []
    for whole in (True, False):
        with Simulation(TorchBackend(), catalogue) as sim:
            for seed in range(2):
                sim.add(random_model(Config(channels=4, hidden=3, seed=Seed("noise", 1.0)), 1), (9, 7), rng_seed=seed)
            sim.submit(commands.Copy(1, (2.0, 2.0), 2.0))
            sim.submit(commands.Paint(2, "patch", ((5.0, 3.0),)), at_step=5)
            sim.begin(TICKS_PER_SECOND // 4)
            if whole:
                sim.work()
            sim.submit(commands.Copy(1, (7.0, 5.0), 3.0))
            sim.work()
            states.append(sim.grids[2].state())
    assert np.array_equal(*states)


@pytest.mark.parametrize("command", [commands.Duplicate(1), commands.Copy(1, (0.0, 0.0))])
def test_what_grids_share_cannot_wait_for_a_step(catalogue: Catalogue, command: commands.AnyCommand) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(random_model(Config(channels=4, hidden=3), 1), (5, 4))
        with pytest.raises(NCAError, match="can't wait for a step"):
            sim.submit(command, at_step=3)
        assert len(sim.journal) == 1


def test_a_fuzzy_border_between_two_models_runs_no_third(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    sim.submit(AddGrid("c", (40, 9)))
    for slot in (1, 2):
        sim.submit(SetModel(1, "c", slot))
    sim.submit(Fill(1, "model", "halves", (0.0, 2.0), fuzz=12.0))
    found = sim.grids[1].field("model")
    assert set(np.unique(found)) == {0, 2}
    assert (found[:, 8:12] == 0).all()
    assert (found[:, 28:32] == 2).all()
    assert 0 < (found[:, 18:22] == 2).mean() < 1
    with pytest.raises(NCAError, match="for the alignment only"):
        sim.submit(Fill(1, "rate", "polar"))


def test_a_removed_grid_comes_back_as_it_was(backend: Any_, simulate: Make) -> None:
    sim = simulate(backend)
    for model in MODELS.values():
        sim.register(model)
    grids = [sim.add(B, (4, 3), rng_seed=n) for n in range(6)]
    sim.submit(Fill(3, "rate", "halves", (0.5, 1.0)))
    sim.submit(Reseed(3, 9), at_step=50)
    sim.advance(1800)
    before = picture(sim)["grids"]
    for number in (3, 1, 2, 5, 6):
        sim.submit(RemoveGrid(number))
    assert list(sim.grids) == [4]
    with pytest.raises(NCAError, match="no removed grid 3 to bring back"):  # only the last four are kept
        sim.submit(commands.Revive(3))
    for number in (6, 1, 5, 2):
        sim.submit(commands.Revive(number))
    assert picture(sim)["grids"] == {n: one for n, one in before.items() if n != 3}
    with pytest.raises(NCAError, match="no removed grid 6 to bring back"):
        sim.submit(commands.Revive(6))
    assert sim.add(B, (2, 2)).id == len(grids) + 1
