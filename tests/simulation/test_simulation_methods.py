"""The methods that submit commands: NumPy arrays in and out, and errors that name the argument."""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest
from helpers import ROOT, random_model

from ncaengine.backends import open_backend
from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.formats import model_files
from ncaengine.io import sessions
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import (
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

MODEL = random_model(Config(channels=4, hidden=3, name="a"), 1)


def test_each_method_is_one_command(backend, simulate):
    sim = simulate(backend)
    sim.add(MODEL, (12, 8))
    second = sim.add(MODEL, (5, 5), rng_seed=4)
    picture = np.full((2, 3, 3), 200, np.uint8)
    sim.step(7)
    sim.resize((14, 8), "tile")
    sim.paint("erase", (3, 2.5), radius=2)
    sim.paint("rate", [(0, 0), (4, 4)], 1.5, 0.5, softness=0)
    sim.paint("image", (4, 4), 3, image=picture)
    sim.fill("angle", "halves", (0, 90), grid=second)
    sim.set("fire_rate", 1.0, 2)
    sim.use_kernel("hexagonal", second)
    sim.reseed(9, second)
    sim.undo(second)
    sim.step(grid=2)
    sim.rewind(3)
    submitted = [entry.command for entry in sim.journal[2:]]
    assert submitted == [
        Step(1, 7), Resize(1, (14, 8), "tile"), Paint(1, "erase", ((3.0, 2.5),), 2.0),
        Paint(1, "rate", ((0.0, 0.0), (4.0, 4.0)), 1.5, softness=0.0, value=0.5),
        Paint(1, "image", ((4.0, 4.0),), 3.0, image="image"), Fill(2, "angle", "halves", (0.0, 90.0)),
        Set(2, "fire_rate", 1.0), SetKernel(2, "hexagonal"), Reseed(2, 9), Undo(2), Step(2, 1), Rewind(1, 3),
    ]  # fmt: skip
    assert sim.image(scale=2).shape == (16, 24, 3)  # the step before the resize
    assert sim.grid().step == 4


def test_methods_about_whole_grids_and_the_last_edit(backend, simulate):
    sim = simulate(backend)
    grid = sim.add(MODEL, (12, 8))
    sim.resize(6)
    sim.undo()
    sim.redo()
    copy = sim.duplicate()
    assert (grid.size, copy.size, copy.id) == ((6, 6), (6, 6), 2)
    sim.remove(copy)
    assert list(sim.grids) == [1]
    assert [entry.command for entry in sim.journal[2:]] == [Undo(1), Redo(1), Duplicate(1), RemoveGrid(2)]


def test_a_simulation_lists_what_people_use(backend, simulate):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    page = (ROOT / "docs/api.md").read_text("utf-8")
    [members] = re.findall(r"autoclass:: ncaengine.Simulation\n   :members: (.*)", page)
    attributes = re.findall(r"^        (\w+): ", Simulation.__doc__ or "", re.MULTILINE)
    properties = {"catalogue", "history", "tick"}
    assert {name for name in dir(sim) if not name.startswith("_")} == {*members.split(", "), *attributes, *properties}


def test_every_method_has_a_docstring():
    for name, method in inspect.getmembers(Simulation, inspect.isfunction):
        assert name.startswith("_") or (method.__doc__ and method.__doc__.strip()), name


def test_ticks_are_whole(backend, simulate):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    sim.advance(1800.0)
    sim.replay([], np.float64(3600))
    assert type(sim.tick) is int
    assert isinstance(sim.grid().pace.gathered, Fraction)  # exact
    for ticks in (0.5, "1", None, np.nan, 10**400):
        with pytest.raises(NCAError, match="ticks"):
            sim.advance(ticks)
    with pytest.raises(NCAError, match=r"The number of ticks must be a whole number, not 7200.5"):
        sim.replay([], 7200.5)
    assert sim.tick == 3600


def test_time_ends_where_a_session_could_not_hold_it(backend, simulate, tmp_path):
    sim = simulate(backend)
    for _ in range(99):
        sim.advance(bounds.WAIT.high)
    sim.advance(bounds.TICK.high - sim.tick)
    with pytest.raises(NCAError, match=r"A session can hold .* ticks"):
        sim.advance(1)
    sessions.save_session(sim, tmp_path / "a.nca")
    sessions.open_session(sim, tmp_path / "a.nca")
    assert sim.tick == bounds.TICK.high


def test_painted_models_are_those_of_the_grid(backend, simulate):
    sim = simulate(backend)
    grid = sim.add(MODEL, 8)
    sim.submit(SetModel(1, sim.register(MODEL), 1))
    sim.paint("model", (4, 4), 2, value=1.6)
    assert grid.field("model").max() == 1
    assert grid.can_undo == "Model"
    sim.paint("angle", (4, 4), 2, value=30)
    assert grid.can_undo == "Alignment"


def test_a_loaded_state_is_read_back(backend, simulate):
    sim = simulate(backend)
    grid = sim.add(MODEL, (12, 8))
    state = np.random.default_rng(0).normal(size=(5, 9, 4)).astype(np.float32)
    sim.load(state)
    assert grid.size == (9, 5)
    assert np.array_equal(sim.state(), state)
    assert sim.journal[-1].command == Load(1, "state")
    before = state.copy()
    state += 1  # what was registered is a copy, so that a replay gives the same
    sim.load(state)
    assert sim.journal[-1].command == Load(1, "state-2")
    sim.undo()
    assert np.array_equal(sim.state(), before)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4), np.float32), "must be"),
        (np.zeros((4, 4, 4), np.complex64), "must be"),
        ([[[1.0], [1.0, 2.0]]], "must be"),
        (np.full((4, 4, 4), 1e300), "finite"),
        (np.zeros((0, 4, 4), np.float32), "must be"),
        (np.full((4, 4, 4), np.nan, np.float32), "finite"),
        (np.zeros((4, 4, 7), np.float32), "7 channels and the model 'a' 4"),
    ],
)
def test_an_invalid_state_is_refused(backend, simulate, array, message):
    sim = simulate(backend)
    sim.add(MODEL, (4, 4))
    with pytest.raises(NCAError, match=message):
        sim.load(array)


def test_an_invalid_image_is_refused(backend, simulate):
    with pytest.raises(NCAError, match="three channels"):
        simulate(backend).register_array("image", np.zeros((4, 4, 4), np.uint8))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.int8, np.uint8, np.bool_])
def test_a_state_of_another_number_type_becomes_float32(backend, simulate, dtype):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    state = np.random.default_rng(0).integers(0, 2, (3, 5, 4)).astype(dtype)
    sim.load(state)
    assert sim.state().dtype == np.float32
    assert np.array_equal(sim.state(), state.astype(np.float32))


def test_a_state_and_an_image_of_the_same_name_get_different_names(backend, simulate):
    sim = simulate(backend)
    image = np.ones((2, 2, 3), np.uint8)
    assert sim.register_array("a", image) == "a"
    assert sim.register_array("a", image.astype(np.int64)) == "a-2"
    assert sim.register_array("a", image) == "a"


def test_one_number_is_the_side_of_a_square(backend, simulate):
    sim = simulate(backend)
    assert sim.add(MODEL, size=6).size == (6, 6)
    sim.resize(np.int64(9))
    assert sim.grid().size == (9, 9)


def test_a_model_can_be_given_by_file_or_name(backend, simulate, tmp_path):
    sim = simulate(backend)
    model_files.save(MODEL, tmp_path / "b.safetensors")
    assert sim.add(tmp_path / "b.safetensors", 4).model.config == MODEL.config
    assert sim.add("zebra", 4).model.config.name == "zebra"
    with pytest.raises(NCAError, match="the shipped ones are: bricks, bubbles"):
        sim.add("zebrra", 4)


@pytest.mark.parametrize("path", [[], (), [[]], (1,), (1, 2, 3), [(1, 2), (3,)], "ab", None, [[[1, 2]]], {}])
def test_an_invalid_path_is_refused(backend, simulate, path):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    with pytest.raises(NCAError, match=r"`path` must be a point \(x, y\)"):
        sim.paint("erase", path, radius=3)


def test_a_path_can_be_an_array(backend, simulate):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    for given, expected in (
        (np.float32([1, 2]), ((1.0, 2.0),)),
        (np.array([[1, 2], [3, 4]]), ((1.0, 2.0), (3.0, 4.0))),
    ):
        sim.paint("erase", given)
        assert sim.journal[-1].command.path == expected


def test_rewind_returns_the_steps_gone_back(backend, simulate):
    sim = simulate(backend)
    grid = sim.add(MODEL, 4)
    sim.step(5)
    sim.engine.begin(TICKS_PER_SECOND // 20)  # three steps that are still to be made
    assert (sim.rewind(4), grid.step) == (4, 4)
    assert (sim.rewind(-3), grid.step) == (-3, 7)
    assert (sim.rewind(10**9), grid.step) == (7, 0)
    assert sim.rewind(1) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sim: sim.fill("rate", values=(1,)), "Fill: `values` needs two numbers."),
        (lambda sim: sim.fill("rat"), "Fill: `field` is 'rat'; choose from: angle, model, rate, scale."),
        (lambda sim: sim.fill("rate", count=0), "Fill: `count` must be at least 1."),
        (lambda sim: sim.step("many"), "Step: `count` must be a whole number, not a text."),
        (lambda sim: sim.set("angle", "wide"), "Set: `value` must be true or false or a number, not a text."),
        (lambda sim: sim.set(object(), 1), "Set: its values must be plain numbers, texts, and lists of these."),
        (lambda sim: sim.submit(7), "A command cannot be of the type int; choose from: SetModel, "),
        (
            lambda sim: sim.submit(Show(1, {"gane": 2})),
            "Show: `look.gane` is unknown; choose from: mode, channels, gain,",
        ),
    ],
)
def test_an_invalid_value_is_named_in_the_error(backend, simulate, call, message):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    with pytest.raises(NCAError) as found:
        call(sim)
    assert str(found.value).startswith(message)


def test_a_missing_grid_or_image_is_named(simulate, backend):
    sim: Simulation = simulate(backend)
    with pytest.raises(NCAError, match="no grid yet"):
        sim.step()
    sim.add(MODEL, (4, 4))
    with pytest.raises(NCAError, match="no grid 7"):
        sim.image(grid=7)
    with pytest.raises(NCAError, match="no image 'cat'"):
        sim.paint("image", (0, 0), image="cat")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sim: sim.resize(True), "A size is"),
        (lambda sim: sim.resize("x"), "A size is"),
        (lambda sim: sim.step(1, grid=True), "True is not a grid"),
        (lambda sim: sim.grid("a"), "'a' is not a grid"),
        (lambda sim: sim.image(scale="2"), "A scale is a number"),
        (lambda sim: sim.blend(float("nan")), "A texture is a name"),
        (lambda sim: sim.lay(np.zeros((4, 4, 3))), "uint8"),
        (lambda sim: sim.lay(None), "uint8"),
        (lambda sim: sim.paint("image", (1, 1), image=np.zeros((4, 4, 3))), "uint8"),
        (lambda sim: sim.register(None), "Only a Model"),
        (lambda sim: sim.register_array("a", [1]), "must be an array"),
        (lambda sim: sim.paint("erase", np.zeros((3, 2), complex)), "must be a point"),
        (lambda sim: sim.paint("erase", [(np.nan, 2)]), "`path` must hold finite numbers"),
        (lambda sim: sim.paint("erase", (1, 2), radius=np.nan), "`radius` must be a number, not NaN"),
        (lambda sim: sim.add(5), "not 5"),
        (lambda sim: model_files.save(None, "x.pt"), "Only a Model"),
        (lambda sim: sessions.save_session(sim, "x.foo"), "ends in .nca"),
        (lambda sim: Simulation("nope"), "There is no backend 'nope'"),
        (lambda sim: Simulation(3), "is not a backend"),
        (lambda sim: open_backend(None), "There is no backend None"),
        (lambda sim: open_backend("cpu", threads="x"), "The number of threads must be a whole number of at least 1"),
        (lambda sim: open_backend("cpu", threads=True), "The number of threads must be a whole number of at least 1"),
        (lambda sim: sim.morph("a", "b", 1.5), "The steps of a morph must be a whole number of at least 1, not 1.5"),
        (lambda sim: sim.morph("a", "b", "3"), "The steps of a morph must be"),
        (lambda sim: sim.morph("a", "b", None), "The steps of a morph must be"),
        (lambda sim: sim.morph({1: 1}, "b", 3), "A texture is a name, or shares by name"),
        (lambda sim: sim.morph({"a": "x"}, "b", 3), "The share of 'a' must be a number"),
        (lambda sim: sim.blend({"a": "x"}), "The share of 'a' must be a number"),
        (lambda sim: sim.submit(Step(1), at_step=1.5), "at_step must be a whole number, not 1.5"),
        (lambda sim: sim.submit(Step(None)), "Step: `grid` must be a Grid or its number, not None"),
        (lambda sim: sim.grid().field("x"), "There is no field 'x'; choose from: rate, scale"),
        (lambda sim: model_files.load(None), "A model is the path of a file, not None"),
        (lambda sim: model_files.load(""), "The name of the model is empty"),
        (lambda sim: sessions.save_session(sim, 5), "A session is the path of a file, not 5"),
        (lambda sim: sessions.open_session(sim, None), "A session is the path of a file, not None"),
        (lambda sim: Simulation("torch", history=-1), "The bytes of a history must be a whole number from 0 to"),
        (lambda sim: Simulation("torch", history=10**11), "The bytes of a history must be"),
        (lambda sim: setattr(sim, "history", "x"), "The bytes of a history must be"),
    ],
)
def test_values_of_another_kind_are_refused_in_a_sentence(backend, simulate, call, message):
    sim = simulate(backend)
    sim.add(MODEL, 4)
    before = len(sim.journal)
    with pytest.raises(NCAError, match=re.escape(message)):
        call(sim)
    assert len(sim.journal) == before
    assert (sim.grid().size, list(sim.arrays)) == ((4, 4), [])


def test_a_backend_can_be_named():
    with Simulation("torch") as sim:
        assert type(sim.backend).__name__ == "TorchBackend"
