"""Configurations and models: round trips, and everything that is refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.core import model, model_dicts
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Clips, Colour, Config, Feature, Model, Seed
from ncaengine.formats import model_files

NUMBER = st.floats(-100, 100, width=32)
NAME = st.text(max_size=30)
STENCIL = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True).filter(str.isidentifier)
CLIP = st.none() | st.tuples(st.floats(-100, -0.5), st.floats(0, 100))

CONFIGS = st.builds(
    Config,
    channels=st.integers(3, 9),
    hidden=st.integers(1, 9),
    features=st.lists(st.builds(Feature, STENCIL, NUMBER), min_size=1, max_size=5).map(tuple),
    activation=st.sampled_from(["relu", "linear", "tanh"]),
    clips=st.builds(Clips, CLIP, CLIP, CLIP, CLIP),
    padding=st.sampled_from(["circular", "replicate", "zero"]),
    fire_rate=st.floats(0, 1),
    seed=st.builds(Seed, st.sampled_from(["zeros", "noise"]), NUMBER),
    colour=st.builds(Colour, NUMBER, NUMBER),
    name=NAME,
    family=NAME,
    attribution=st.dictionaries(NAME, NAME, max_size=3),
)


def arrays(config: Config, value: float = 0.5) -> dict[str, Any]:
    return {
        "w1": np.full((config.hidden, config.inputs), value, np.float32),
        "b1": np.full(config.hidden, value, np.float32),
        "w2": np.full((config.channels, config.hidden), value, np.float32),
        "b2": np.full(config.channels, value, np.float32),
    }


def assert_equal(a: Model, b: Model) -> None:
    assert a.config == b.config
    for name in model.WEIGHTS:
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype == np.float32
        assert np.array_equal(x, y)


@given(CONFIGS)
def test_a_configuration_survives_plain_containers(config: Config) -> None:
    plain = json.loads(json.dumps(model_dicts.config_to_dict(config)))
    assert model_dicts.model_from_dict(plain, arrays(config)).config == config


@settings(max_examples=25)
@given(CONFIGS, st.integers(0, 1000))
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".PT"])
def test_a_model_survives_its_file(tmp_path: Path, suffix: str, config: Config, seed: int) -> None:
    made = random_model(
        msgspec.structs.replace(config, features=tuple(Feature(f.stencil, 1) for f in config.features)), seed
    )
    path = tmp_path / f"model{suffix}"
    model_files.save(made, path)
    assert_equal(model_files.load(path), made)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_defaults_are_the_notebook_of_the_article() -> None:
    c = Config()
    assert (c.channels, c.hidden, c.inputs, c.activation, c.padding, c.fire_rate) == (
        12,
        96,
        48,
        "relu",
        "circular",
        0.5,
    )
    assert c.colour == Colour(1.0, 0.5)
    assert c.seed.kind == "zeros"
    assert c.clips == Clips()


def test_parameters_are_counted() -> None:
    assert random_model(SELFORG).parameters == 48 * 96 + 96 + 96 * 12 + 12


def test_weights_cannot_be_changed_and_are_a_copy_of_no_readers_concern() -> None:
    made = random_model(NOTEBOOK_CONFIG)
    with pytest.raises(ValueError, match="read-only"):
        made.w1[0, 0] = 1


def test_other_dtypes_and_orders_become_float32() -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"),))
    w = arrays(c)
    w["w1"] = np.asfortranarray(np.arange(12, dtype=np.int64).reshape(4, 3))
    w["b1"] = w["b1"].astype(np.float64)
    made = Model(c, **w)
    assert made.w1.dtype == made.b1.dtype == np.float32
    assert made.w1.flags["C_CONTIGUOUS"]
    assert made.w1[1].tolist() == [3, 4, 5]


@pytest.mark.parametrize("name", model.WEIGHTS)
@pytest.mark.parametrize("bad", ["shape", "transposed", "nan", "inf", "overflow"])
def test_misfits_are_refused(name: str, bad: str) -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"), Feature("laplacian")))
    w = arrays(c)
    if bad == "shape":
        w[name] = np.zeros((*w[name].shape[:-1], w[name].shape[-1] + 1), np.float32)
    elif bad == "transposed":
        w[name] = w[name].T[..., None] if w[name].ndim == 1 else w[name].T
    else:
        w[name] = w[name].astype(np.float64)
        w[name].flat[0] = {"nan": np.nan, "inf": -np.inf, "overflow": 1e300}[bad]
    with pytest.raises(NCAError, match=rf"weights {name} (have shape|hold NaN)"):
        Model(c, **w)


def test_a_huge_claimed_array_is_refused_before_it_is_copied() -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"),))
    w = arrays(c)
    w["w1"] = np.broadcast_to(np.float64(0), (2**20, 2**20))
    with pytest.raises(NCAError, match="weights w1 have shape"):
        Model(c, **w)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"channels": 2}, "channels"),
        ({"channels": 257}, "channels"),
        ({"channels": 10**9}, "channels"),
        ({"channels": "many"}, "channels"),
        ({"channels": 12.5}, "channels"),
        ({"hidden": -1}, "hidden"),
        ({"hidden": 10**9}, "hidden"),
        ({"features": []}, "features"),
        ({"features": [{"stencil": "identity"}] * 1025}, "features"),
        ({"features": [{"gain": 1.0}]}, "stencil"),
        ({"features": [{"stencil": "identity", "gain": "x"}]}, "gain"),
        ({"features": [{"stencil": "; discard;"}]}, "stencil"),
        ({"features": [{"stencil": "identity", "gain": 1e400}]}, "not finite"),
        ({"activation": "mish"}, "activation"),
        ({"padding": "mirror"}, "padding"),
        ({"fire_rate": 1.5}, "fire_rate"),
        ({"fire_rate": -0.5}, "fire_rate"),
        ({"fire_rate": float("nan")}, "(not finite|fire_rate)"),
        ({"clips": {"state": [1, -1]}}, "clip of the state"),
        ({"clips": {"hidden": [0, float("inf")]}}, "clip of the hidden"),
        ({"clips": {"state": [0]}}, "state"),
        ({"clips": {"states": [0, 1]}}, "states"),
        ({"seed": {"kind": "cat"}}, "seed"),
        ({"seed": {"level": float("nan")}}, "not finite"),
        ({"colour": {"scale": float("inf")}}, "not finite"),
        ({"name": 5}, "name"),
        ({"unknown": 1}, "unknown"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_bad_configurations_are_refused(changes: dict[str, Any], part: str) -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"),))
    plain = model_dicts.config_to_dict(c) | changes
    # As many weights as the features ask for, so that nothing but the change is wrong.
    count = len(plain["features"]) if isinstance(plain["features"], list) else 1
    w = arrays(c) | {"w1": np.zeros((4, 3 * count), np.float32)}
    with pytest.raises(NCAError, match=part):
        model_dicts.model_from_dict(plain, w)


@pytest.mark.parametrize("plain", [None, 3, "x", [], [1, 2]])
def test_what_is_no_configuration_is_refused(plain: object) -> None:
    with pytest.raises(NCAError, match="configuration is not valid"):
        model_dicts.model_from_dict(plain, {})


def test_missing_weights_are_named() -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"),))
    w = arrays(c)
    del w["b1"], w["w2"]
    with pytest.raises(NCAError, match=r"lack b1, w2\."):
        model_dicts.model_from_dict(model_dicts.config_to_dict(c), w)


def test_surplus_weights_are_ignored() -> None:
    c = Config(channels=3, hidden=4, features=(Feature("identity"),))
    assert (
        model_dicts.model_from_dict(model_dicts.config_to_dict(c), arrays(c) | {"w3": np.zeros(1, np.float32)}).config
        == c
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"ncaengine": "{"},
        {"ncaengine": "[]"},
        {"ncaengine": "3"},
        {"ncaengine": '{"version": 1}'},
        {"ncaengine": "[" * 100_000},
        {"ncaengine": '{"config": null}'},
    ],
    ids=lambda m: repr(m)[:40],
)
def test_safetensors_without_a_whole_configuration_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors.numpy.save(arrays(Config()), metadata))
    with pytest.raises(NCAError, match=r"m\.safetensors: "):
        model_files.load(path)


@pytest.mark.parametrize("metadata", [None, {"other": "x"}], ids=["none", "another program's"])
def test_safetensors_without_a_configuration_open_as_a_guess(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "m.safetensors"
    weights = arrays(Config())
    path.write_bytes(safetensors.numpy.save(weights, metadata))
    opened = model_files.load(path)
    assert all(np.array_equal(opened.arrays()[name], array) for name, array in weights.items())
    [note] = opened.config.notes
    assert note.startswith("a guess: ")


def test_safetensors_of_ten_million_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    head = {"ncaengine": json.dumps({"config": model_dicts.config_to_dict(Config())})}
    path.write_bytes(safetensors.numpy.save({"w1": np.zeros(10**7 + 1, np.int8)}, head))
    with pytest.raises(NCAError, match="over ten million numbers"):
        model_files.load(path)
