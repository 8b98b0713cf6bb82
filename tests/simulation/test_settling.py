"""Settling: which reading of bare weights is right."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from helpers import SHARED, random_model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.model import Colour, Config, Model
from ncaengine.formats import model_files
from ncaengine.simulation import settling
from ncaengine.simulation.settling import SIDE, Trial
from ncaengine.simulation.simulation import Simulation

RNG = np.random.default_rng(1)
STILL = random_model(Config(channels=3, hidden=1))
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] * 2 * np.pi / SIDE
WAVES = (np.stack([np.sin(4 * COLUMNS), np.cos(3 * ROWS), np.sin(3 * ROWS + 4 * COLUMNS)], -1) / 4).astype(np.float32)


def measured(*states: np.ndarray, model: Model = STILL) -> Trial:
    return settling.measure("it", model, list(states))


def noise(spread: float = 0.2) -> np.ndarray:
    return (RNG.standard_normal((SIDE, SIDE, 3)) * spread).astype(np.float32)


def test_a_texture_settles() -> None:
    trial = measured(WAVES, WAVES, WAVES)
    assert trial.failed == ""
    assert trial.largest == pytest.approx(0.25)
    assert trial.unrest == 0


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        ([WAVES, WAVES * np.nan], "runs away"),
        ([WAVES, WAVES * 1e30], "runs away"),
        ([WAVES * 0.01] * 2, "flat"),
        ([np.zeros_like(WAVES)] * 2, "flat"),
        ([WAVES * 30] * 2, "saturated"),
        ([noise()] * 2, "noise"),
        ([WAVES * 0.5, WAVES], "restless"),
    ],
)
def test_the_first_failed_criterion_is_named(states: list[np.ndarray], failed: str) -> None:
    assert measured(*states).failed == failed


def test_the_smoothest_that_clips_least_is_chosen() -> None:
    smooth, fine = measured(WAVES), measured((WAVES + noise(0.03)).astype(np.float32))
    dark = measured(WAVES, model=replace(STILL, config=msgspec.structs.replace(STILL.config, colour=Colour(1.0, 0.0))))
    assert not any(trial.failed for trial in (smooth, fine, dark))
    assert settling.choose_best([fine, dark, smooth]) is smooth
    assert settling.choose_best([measured(noise())]) is None


def test_readings_that_differ_only_in_colours_run_once(gl: GLBackend, simulate: Callable[..., Simulation]) -> None:
    other = replace(STILL, config=msgspec.structs.replace(STILL.config, colour=Colour(1.0, 0.0)))
    made: list[int] = []
    sim = simulate(gl)
    first, second = settling.run_trials(sim, [("a", STILL), ("b", other)], made.append)
    assert sum(made) == 2 * settling.STEPS
    assert not sim.grids
    assert sim.engine.world.next_id == 2, "one grid was made"
    assert first.largest == second.largest
    assert first.clipped != second.clipped


def test_the_order_of_a_published_state_dict_is_found(
    gl: GLBackend, simulate: Callable[..., Simulation], shared: object
) -> None:
    """Run two readings to be quick: the right one and one in the other order. The command tries all."""
    path = SHARED / "published/monash/texture.pth"
    readings = dict(model_files.open_file(path).candidates())
    assert len(readings) == 12
    assert next(iter(readings)) == "--order channel --filters undivided --offset 0", "the default reading comes first"
    wrong = next(label for label in readings if "filter " in label and "undivided" in label)
    chosen = settling.choose_best(
        settling.run_trials(simulate(gl), [(wrong, readings[wrong]), *list(readings.items())[:1]])
    )
    assert chosen is not None
    assert "--order channel" in chosen.label


@pytest.mark.parametrize("filters", ["eighths", "unit"])
def test_the_divisors_of_shipped_nets_are_found(
    gl: GLBackend, simulate: Callable[..., Simulation], filters: str
) -> None:
    """The same net as with undivided filters, whose readings with other divisors settle, too."""
    from ncaengine.formats.exporters import notebook
    from ncaengine.formats.importers import identify
    from ncaengine.formats.importers.base import Decoded

    tensors, _ = notebook.state_dict(model_files.load("bubbles"))
    w1 = tensors["w1.weight"].reshape(96, 12, 4).copy()
    w1[:, :, 1:3] *= 8
    w1[:, :, 3] *= {"eighths": 8, "unit": 4}[filters]
    found = identify(Decoded("tensors", {**tensors, "w1.weight": w1.reshape(96, 48, 1, 1)}, "bubbles"))
    readings = [each for each in found.candidates() if "channel" in each[0] and "offset 0.5" in each[0]]
    chosen = settling.choose_best(settling.run_trials(simulate(gl), readings))
    assert chosen is not None
    assert f"--filters {filters} " in chosen.label


def test_an_integrator_is_found(gl: GLBackend, simulate: Callable[..., Simulation]) -> None:
    """With updates of twice the size, Euler's steps run away; those of Runge and Kutta don't."""
    from ncaengine.formats.exporters import notebook
    from ncaengine.formats.importers import identify
    from ncaengine.formats.importers.base import Decoded

    tensors, _ = notebook.state_dict(model_files.load("bubbles"))
    twice = {name: 2 * array if name.startswith("w2") else array for name, array in tensors.items()}
    found = identify(Decoded("tensors", twice, "bubbles"))
    first = found.candidates()[0]
    rk4 = next(each for each in found.candidates(first[0]) if each[0] == f"{first[0]} --integrator rk4")
    euler, other = settling.run_trials(simulate(gl), [first, rk4])
    assert euler.failed == "runs away"
    assert not other.failed
    assert settling.least_bad([euler]) is euler
