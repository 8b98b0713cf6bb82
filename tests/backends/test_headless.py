"""OpenGL without a window: all Simulations of a thread share its context, and other threads are refused."""

import threading

import numpy as np
import pytest
from simulations import A, B

from ncaengine.backends.base import BackendChoice
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.core.types import F32
from ncaengine.simulation.simulation import Simulation


def _alone(choice: BackendChoice, model: Model) -> F32:
    with Simulation(choice) as sim:
        sim.add(model, 9)
        sim.step(4)
        return sim.state()


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("choice", ["gl", "fragment"])
def test_simulations_step_their_own_cells(choice: BackendChoice) -> None:
    first, second = _alone(choice, A), _alone(choice, B)
    with Simulation(choice) as outer:
        outer.add(A, 9)
        outer.step(2)
        with Simulation(choice) as inner:
            inner.add(B, 9)
            for sim in (inner, outer, inner):
                sim.step(1)
            inner.step(2)
            assert np.array_equal(inner.state(), second)
        outer.step(1)
        assert np.array_equal(outer.state(), first)


def test_a_backend_is_usable_after_another_context_was_made_current(gl: GLBackend, fragment: GLBackend) -> None:
    assert gl.device.ctx is not fragment.device.ctx
    assert np.isfinite(_alone("gl", A)).all()


@pytest.mark.usefixtures("gl")
def test_another_thread_is_told_to_open_its_own() -> None:
    found: list[object] = []

    def work(sim: Simulation) -> None:
        for use in (lambda: sim.step(1), sim.state, sim.image, lambda: sim.add(A, 3), sim.release):
            with pytest.raises(NCAError, match="open one in each thread"):
                use()
        found.append(_alone("gl", A))

    with Simulation("gl") as sim:
        sim.add(A, 9)
        thread = threading.Thread(target=work, args=(sim,))
        thread.start()
        thread.join()
        sim.step(4)
        assert np.array_equal(sim.state(), found[0])
