"""Steps in parts: the same bits as whole steps, drawn and painted meanwhile."""

from collections.abc import Iterator

import numpy as np
import pytest
from helpers import SELFORG, random_model, random_state, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.cells import GLCells
from ncaengine.backends.gl.parts import Parts
from ncaengine.core.fields import default_fields
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View
from ncaengine.core.settings import Settings

WIDTH, HEIGHT = 37, 29


class ThreeRows(Parts):
    """Parts of three rows, however long they take."""

    def needed(self, cells: int) -> bool:
        return True

    def rows(self, width: int) -> int:
        return 3


@pytest.fixture(params=["gl", "gl looped", "gl blocked", "fragment"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[GLBackend]:
    """A backend that makes whole steps at first, and again afterwards; also with the forms of shaders for GPUs."""
    name, *forms = request.param.split()
    found: GLBackend = request.getfixturevalue(name)
    if forms:
        monkeypatch.setattr(found.device, "forms", tuple(forms))
        monkeypatch.setattr(found.device, "form", forms[0])
    yield found
    found.parts = None


def make(backend: GLBackend, catalogue: Catalogue, kernel: str) -> GLCells:
    cells = backend.cells()
    model = random_model(small(SELFORG))
    cells.specialise(model, catalogue.get(kernel))
    cells.write(random_state(WIDTH, HEIGHT, model.config.channels))
    return cells


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@pytest.mark.parametrize(("rate", "paired"), [(0.5, True), (1.0, False), (0.3, False)])
def test_steps_in_parts_have_the_bits_of_whole_steps(
    backend: GLBackend, catalogue: Catalogue, kernel: str, rate: float, paired: bool
) -> None:
    states, settings = [], Settings(fire_rate=rate, antithetic=paired)
    places, weight = np.array([(3, 4), (20, 28)], np.int32), np.array([1.0, 0.5], np.float32)
    fields = default_fields(WIDTH, HEIGHT)
    fields[:, :9, 0] = 0.25
    for parts in (None, ThreeRows(backend.device.ctx)):
        backend.parts = parts
        cells = make(backend, catalogue, kernel)
        for number in range(3):
            cells.step(number, 7, settings)
            cells.blend(places, weight, np.ones((2, 3), np.float32))  # comes after the step
        cells.write_fields(fields)
        cells.step(3, 7, settings)
        while not backend.finish(1e-6):
            assert cells.busy
        assert not cells.busy
        states.append(cells.read())
        cells.release()
    assert np.array_equal(states[0], states[1])


def test_a_picture_shows_the_state_before_a_step_until_it_is_whole(backend: GLBackend, catalogue: Catalogue) -> None:
    backend.parts = ThreeRows(backend.device.ctx)
    cells, view = make(backend, catalogue, "square"), View(WIDTH, HEIGHT, 1.0, -0.5, -0.5)
    before, version = cells.draw(view), cells.version
    cells.step(0, 1, Settings(fire_rate=1.0, antithetic=False))
    assert not backend.finish(0)
    backend.finish(1e-9)  # one part
    assert cells.busy
    assert cells.version == version
    assert np.array_equal(cells.draw_newest(view), before)
    assert backend.finish()
    assert cells.version > version
    assert not np.array_equal(cells.draw_newest(view), before)
    cells.step(1, 1, Settings(fire_rate=1.0, antithetic=False))
    cells.release()  # a step of a grid that is gone is dropped
    assert backend.finish()
