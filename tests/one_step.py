"""One step of a backend from random states, against the torch reference, cell by cell."""

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_state, small

from ncaengine.backends.base import Backend, Cells
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.shader.perception import Form
from ncaengine.backends.torch import TorchCells
from ncaengine.core import fields, pcg
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32

STATES = 20
TOLERANCE = 1e-5
SMALL = {"selforg": small(SELFORG), "notebook": small(NOTEBOOK_CONFIG)}


def assert_one_step_agrees(
    device: Backend, model: Model, kernel: Kernel, size: tuple[int, int], fire_rate: float, states: int = STATES,
    antithetic: bool = True,
) -> float:  # fmt: skip
    """From `states` random states; returns the largest difference."""
    width, height = size
    ours, truth = device.cells(), TorchCells()
    worst, updates, fired = 0.0, 0.0, False
    try:
        ours.specialise(model, kernel)
        truth.specialise(model, kernel)
        for n in range(states):
            # Spread as states of a run are, from the seed's zeros to saturation.
            before = random_state(width, height, model.config.channels, seed=n, spread=0.05 + 0.025 * n)
            if model.config.clips.state:
                before = before.clip(*model.config.clips.state)
            step, rng_seed = 1000003 * n, 7919 * n + (n % 2) * 2**31
            mask = pcg.fire_mask(width, height, step, rng_seed, fire_rate, antithetic=antithetic)
            after, fired = [], fired or bool(mask.any())
            for cells in (ours, truth):
                cells.write(before)
                cells.step(step, rng_seed, Settings(fire_rate=fire_rate, antithetic=antithetic))
                after.append(cells.read())
                assert np.array_equal((after[-1] != before).any(-1), mask), "other cells changed than those that fire"
            assert after[0].dtype == np.float32
            assert after[0].shape == before.shape
            worst = max(worst, float(np.abs(after[0] - after[1]).max()))
            updates = max(updates, float(np.abs(after[1] - before).max()))
    finally:
        ours.release()
    assert updates > 1e-3 or not fired, "the test's own states and weights do nothing"
    assert worst <= TOLERANCE
    return worst


def in_form(gl: GLBackend, form: Form, monkeypatch: pytest.MonkeyPatch) -> GLBackend:
    """Return the backend with one form of the shader, as on a device that has no other."""
    monkeypatch.setattr(gl.device, "form", form)
    monkeypatch.setattr(gl.device, "forms", (form,))
    return gl


def random_fields(width: int, height: int, seed: int = 0, models: int = 1) -> F32:
    """Every field over its whole range, with many cells at the defaults, at rates beyond 1 and 0."""
    rng = np.random.default_rng(seed)
    out = fields.default_fields(width, height)
    for name, spec in FIELDS.items():
        high = models - 1 if name == "model" else spec.high
        values = rng.uniform(spec.low, high, (height, width))
        out[..., PLANE[name]] = np.where(rng.random((height, width)) < 0.25, spec.default, values)
    out[rng.random((height, width)) < 0.1, PLANE["rate"]] = 0
    return out


def all_fired(model: Model, state: F32, catalogue: Catalogue) -> F32:
    """The reference's state after one step on the square kernel in which all cells fire."""
    cells = TorchCells()
    cells.specialise(model, catalogue.get("square"))
    cells.write(state)
    cells.step(0, 0, Settings(fire_rate=1.0))
    return cells.read()


def stepped(
    cells: Cells,
    models: list[Model],
    kernel: Kernel,
    before: F32,
    field: F32 | None,
    settings: Settings | None = None,
    number: int = 3,
    rng_seed: int = 7,
) -> F32:
    """The state after one step; the cells are released."""
    cells.specialise(models[0], kernel, models[1:])
    cells.write(before)
    cells.write_fields(field)
    cells.step(number, rng_seed, settings or Settings())
    after = cells.read()
    cells.release()
    return after


def both(device: Backend) -> list[Cells]:
    """Cells of both backends."""
    return [device.cells(), TorchCells()]
