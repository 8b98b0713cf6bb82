"""Integrators: steps against the methods' own formulas, written over a plain net."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from helpers import random_model, random_state
from plain_nca import L9, Array, S, filter_major, filtered, net

from ncaengine.backends.torch import TorchCells
from ncaengine.core import pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.integration import METHODS, stage_config
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Clips, Config, Integrator, Model
from ncaengine.core.settings import Settings
from ncaengine.core.states import check_models

SMALL = Config(channels=4, hidden=6, fire_rate=1.0, clips=Clips(update=(-0.05, 0.05)))
"""Limited updates, so that implicit steps converge."""
ONE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float)


def update(model: Model, x: Array) -> Array:
    seen = filter_major([filtered(x, f, "circular") for f in (ONE, S / 8, S.T / 8, L9 / 4)])
    return net(seen, model.w1, model.b1, model.w2, model.b2).clip(-0.05, 0.05)


def heun(f: Callable[[Array], Array], x: Array, m: Array | float) -> Array:
    k1 = f(x) * m
    k2 = f(x + k1) * m
    return x + (k1 + k2) / 2


def rk4(f: Callable[[Array], Array], x: Array, m: Array | float) -> Array:
    """NoiseNCA's step: cells that don't fire stand still in every stage."""
    k1 = f(x)
    k2 = f(x + k1 * 0.5 * m)
    k3 = f(x + k2 * 0.5 * m)
    k4 = f(x + k3 * m)
    return x + (k1 + 2 * k2 + 2 * k3 + k4) * m / 6


def implicit(f: Callable[[Array], Array], x: Array, m: Array | float) -> Array:
    y = x + f(x) * m
    for _ in range(10):
        y = x + f(y) * m
    return y


FORMULAS = {"heun": heun, "rk4": rk4, "implicit": implicit}


@pytest.mark.parametrize("rate", [1.0, 0.5])
@pytest.mark.parametrize("integrator", FORMULAS)
def test_a_step_is_the_methods(catalogue: Catalogue, integrator: Integrator, rate: float) -> None:
    model = random_model(msgspec.structs.replace(SMALL, integrator=integrator))
    before = random_state(6, 5, 4)
    cells = TorchCells()
    cells.specialise(model, catalogue.get("square"))
    cells.write(before)
    cells.step(3, 4, Settings(fire_rate=rate, antithetic=False))
    mask = pcg.fire_mask(6, 5, 3, 4, rate, None, False)[..., None]
    x = before.astype(float)
    expected = FORMULAS[integrator](lambda y: update(model, y), x, mask)
    assert np.abs(expected - (x + update(model, x) * mask)).max() > 1e-4, "Euler's method would do"
    np.testing.assert_allclose(cells.read(), expected, atol=1e-5)
    still = np.broadcast_to(mask == 0, before.shape)
    np.testing.assert_array_equal(cells.read()[still], before[still])


def test_a_stage_has_no_limits_and_lets_no_cell_die() -> None:
    config = msgspec.structs.replace(SMALL, integrator="rk4", clips=Clips(update=(-1, 1), state=(-1, 1)))
    assert stage_config(config).clips == Clips(update=(-1, 1))
    assert stage_config(config).integrator == "euler"
    plain = msgspec.structs.replace(config, integrator="euler")
    assert stage_config(plain) is plain


def test_every_method_ends() -> None:
    for integrator, stages in METHODS.items():
        assert [stage.into is None for stage in stages] == [False] * (len(stages) - 1) + [True] * bool(stages), (
            integrator
        )


def test_one_grid_has_one_integrator() -> None:
    models = [random_model(msgspec.structs.replace(SMALL, integrator=each)) for each in ("euler", "rk4")]
    with pytest.raises(NCAError, match="differ in integrator"):
        check_models(models)
    limits = [Clips(state=(-1, 1)), Clips()]
    models = [random_model(msgspec.structs.replace(SMALL, integrator="rk4", clips=each)) for each in limits]
    with pytest.raises(NCAError, match="limits of the state"):
        check_models(models)
