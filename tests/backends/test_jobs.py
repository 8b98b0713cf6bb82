"""Steps on the processor go on beside the caller, in order, and what reads the state waits for them."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from helpers import SELFORG, random_model, random_state, small

from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.cpu.cells import CPUCells
from ncaengine.backends.cpu.jobs import Dispatcher, Turns
from ncaengine.backends.torch import TorchCells
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View
from ncaengine.core.settings import Settings


class Gate:
    """A job that waits until it is let through."""

    def __init__(self, log: list[str], name: str, error: Exception | None = None) -> None:
        self.log, self.name, self.error, self.open, self.begun = log, name, error, threading.Event(), threading.Event()
        self.done = False

    def take(self) -> Callable[[int], object]:
        self.done = True
        return self._work

    def _work(self, threads: int) -> None:
        self.threads = threads
        self.begun.set()
        assert self.open.wait(20)
        self.log.append(self.name)
        if self.error:
            raise self.error

    def absorb(self, other: object) -> bool:
        return False


def test_a_grids_jobs_are_done_in_order_and_grids_take_turns() -> None:
    dispatcher, log = Dispatcher(1), []
    one, two = dispatcher.jobs(), dispatcher.jobs()
    gates = [Gate(log, name) for name in ("a1", "a2", "b1", "b2")]
    for jobs, gate in zip((one, one, two, two), gates, strict=True):
        jobs.add(gate)
    assert not dispatcher.wait(0)
    for gate in gates:
        gate.open.set()
    one.wait()
    two.wait()
    assert log == ["a1", "b1", "a2", "b2"]
    assert dispatcher.wait(0)
    dispatcher.end()


def test_one_grid_gets_all_threads_and_several_share_them() -> None:
    dispatcher, log = Dispatcher(4), []
    alone = Gate(log, "alone")
    alone.open.set()
    dispatcher.jobs().add(alone)
    assert dispatcher.wait(20)
    held = Gate(log, "held")
    dispatcher.jobs().add(held)
    assert held.begun.wait(20)
    assert (alone.threads, held.threads) == (4, 4)
    gates = [Gate(log, name) for name in "abcd"]
    for gate in gates:  # none begins before a thread is free
        dispatcher.jobs().add(gate)
    assert not any(gate.begun.is_set() for gate in gates)
    held.open.set()
    assert all(gate.begun.wait(20) for gate in gates)
    assert [gate.threads for gate in gates] == [1] * 4
    for gate in gates:
        gate.open.set()
    assert dispatcher.wait(20)
    dispatcher.end()


def test_a_failed_job_is_reported_once_and_those_after_it_are_not_done() -> None:
    dispatcher, log = Dispatcher(1), []
    jobs = dispatcher.jobs()
    first, second = Gate(log, "first", ValueError("it failed")), Gate(log, "second")
    jobs.add(first)
    jobs.add(second)
    first.open.set()
    with pytest.raises(ValueError, match="it failed"):
        jobs.wait()
    jobs.wait()
    assert log == ["first"]
    again = Gate(log, "again")
    again.open.set()
    jobs.add(again)
    jobs.wait()
    assert log == ["first", "again"]
    dispatcher.end()


@pytest.mark.parametrize("interrupted", [(threading.Thread, "start"), (Turns, "begin")])
def test_a_signal_while_a_job_is_added_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, interrupted: tuple[type, str]
) -> None:
    dispatcher, log = Dispatcher(2), []
    function = getattr(*interrupted)

    def signalled(*arguments: object) -> None:
        monkeypatch.undo()
        function(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(*interrupted, signalled)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.jobs().add(Gate(log, "first"))
    after, gate = dispatcher.jobs(), Gate(log, "second")
    gate.open.set()
    after.add(gate)
    assert dispatcher.wait(5)
    assert log == ["second"]
    dispatcher.end()


def test_an_ended_dispatcher_leaves_what_was_not_begun() -> None:
    dispatcher, log = Dispatcher(1), []
    jobs = dispatcher.jobs()
    gates = [Gate(log, "first"), Gate(log, "second")]
    for gate in gates:
        jobs.add(gate)
    assert gates[0].begun.wait(20)
    gates[0].open.set()
    dispatcher.end()
    assert "second" not in log


@pytest.fixture
def grid(cpu: CPUBackend, catalogue: Catalogue) -> CPUCells:
    cells = cpu.cells()
    cells.specialise(random_model(small(SELFORG)), catalogue.get("hexagonal"))
    cells.write(random_state(37, 24, 5).clip(-1, 1))
    return cells


def test_many_steps_and_edits_give_the_references_state(grid: CPUCells, catalogue: Catalogue) -> None:
    truth = TorchCells()
    truth.specialise(random_model(small(SELFORG)), catalogue.get("hexagonal"))
    truth.write(random_state(37, 24, 5).clip(-1, 1))
    places = np.array([[0, 0], [36, 23], [5, 7]], np.int32)
    weight, target = np.array([1, 0.5, 0.25], np.float32), np.ones((3, 3), np.float32)
    for number in range(12):
        settings = Settings(fire_rate=0.5 if number < 8 else 0.25)
        for cells in (grid, truth):
            if number == 5:
                cells.blend(places, weight, target)
            cells.step(number, 3, settings)
    np.testing.assert_allclose(grid.read(), truth.read(), atol=1e-4)
    np.testing.assert_allclose(grid.read_cells(places), truth.read_cells(places), atol=1e-4)


def test_the_newest_whole_state_is_drawn_while_a_step_is_made(
    grid: CPUCells, cpu: CPUBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(37, 24, 1.0, -0.5, -0.5)
    held, entered = threading.Event(), threading.Event()
    run = cpu.workers.run

    def slow(*arguments: object) -> None:
        entered.set()
        assert held.wait(20)
        run(*arguments)

    before = grid.draw(view)
    monkeypatch.setattr(cpu.workers, "run", slow)
    grid.step(0, 1, Settings(fire_rate=1.0))
    assert entered.wait(20)
    assert grid.busy
    assert not cpu.finish(0)
    assert np.array_equal(grid.draw_newest(view), before)
    held.set()
    after = grid.draw(view)
    assert not np.array_equal(after, before)
    assert np.array_equal(grid.draw_newest(view), after)
    assert not grid.busy
    assert cpu.finish(0)


def test_an_error_in_a_step_reaches_who_reads_and_the_grid_goes_on(
    grid: CPUCells, cpu: CPUBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr(cpu.workers, "run", lambda *_: pytest.fail("no memory"))
        grid.step(0, 1, Settings())
        with pytest.raises(pytest.fail.Exception, match="no memory"):
            grid.read()
    before = grid.read()
    assert not grid.busy
    grid.step(0, 1, Settings(fire_rate=1.0))
    assert not np.array_equal(grid.read(), before)
