"""Grids whose cells make several textures: painted, blended and morphed, in one model or in several."""

from pathlib import Path

import numpy as np
import pytest
from simulations import CODES, AnyBackend, C, D, Make, contents, simulation

from ncaengine.core import embeddings
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.types import F32
from ncaengine.io import sessions
from ncaengine.simulation.commands import Blend, Paint, Rewind, SetModel
from ncaengine.simulation.simulation import Simulation

SIZE = (32, 24)


@pytest.fixture
def sim(catalogue: Catalogue) -> Simulation:
    made = simulation(catalogue)
    made.add(D, SIZE, steps_per_second=0)
    return made


def cells(sim: Simulation, texture: str) -> F32:
    """Which cells make exactly a texture."""
    grid = sim.grid()
    slot, code = grid.textures[texture]
    out: F32 = (grid.embedding() == np.float32(code)).all(-1) & (grid.field("model") == slot)
    return out


def test_a_grid_starts_with_the_first_texture(sim: Simulation) -> None:
    assert cells(sim, "red").all()
    assert sim.grid().fields is None
    assert list(sim.grid().textures) == ["red", "green", "blue"]


def test_a_soft_brush_blends_textures_of_one_model(sim: Simulation) -> None:
    sim.paint_texture("green", (16, 12), radius=8, softness=0.5)
    middle, rim = sim.grid().embedding()[12, 16], sim.grid().embedding()[12, 22]
    assert tuple(middle) == CODES["green"]
    assert 0 < rim[1] < 1
    assert rim[0] == pytest.approx(1 - rim[1])
    assert cells(sim, "red")[0].all()


def test_a_soft_brush_scatters_textures_of_two_models(sim: Simulation) -> None:
    sim.submit(SetModel(1, "c", 1))
    sim.paint_texture("c", (16, 12), radius=10, softness=1)
    share = (sim.grid().field("model") == 1).mean()
    assert 0.1 < share < 0.35
    assert set(np.unique(sim.grid().field("model"))) == {0, 1}
    sim.paint_texture("blue", (16, 12), radius=40, softness=0)
    assert cells(sim, "blue").all()


def test_patterns_of_textures(sim: Simulation) -> None:
    sim.blend("red", "blue", "halves", fuzz=4)
    assert cells(sim, "red")[:, 3:13].all()
    assert cells(sim, "blue")[:, 19:29].all()
    across = sim.grid().embedding()[0, 13:19, 0]
    assert (np.diff(across) < 0).all()
    sim.blend({"red": 1, "green": 3})
    assert np.allclose(sim.grid().embedding(), (0.25, 0.75))


def test_a_blend_back_to_the_first_texture_leaves_no_map(sim: Simulation) -> None:
    sim.blend("green")
    assert sim.grid().fields is not None
    sim.blend("red")
    assert sim.grid().fields is None


def test_what_cells_do_follows_their_texture(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    sim.add(D, SIZE)
    sim.blend("red", "blue", "halves")
    sim.step(3)
    halves = sim.state()
    for texture, columns in (("red", slice(8, 10)), ("blue", slice(22, 24))):
        alone = simulate(backend)
        alone.add(embeddings.texture(D, texture), SIZE)
        alone.step(3)
        assert np.abs(alone.state()[:, columns] - halves[:, columns]).max() < 1e-5


def test_a_morph_ends_at_its_texture_and_replays(sim: Simulation, catalogue: Catalogue) -> None:
    again = simulation(catalogue)
    sim.morph("red", "blue", steps=150)
    sim.step(75)
    assert np.allclose(sim.grid().embedding(), np.mean([CODES["red"], CODES["blue"]], 0), atol=0.05)
    sim.step(80)
    assert cells(sim, "blue").all()
    again.replay(sim.journal, sim.tick)
    assert contents(again) == contents(sim)
    sim.undo()
    assert cells(sim, "red").all()


def test_resizing_undo_and_rewind_keep_the_map(sim: Simulation) -> None:
    sim.step(4)
    sim.paint_texture("blue", (16, 12), radius=4, softness=0)
    painted = cells(sim, "blue")
    sim.resize((48, 40))
    assert cells(sim, "blue").sum() == painted.sum()
    assert (cells(sim, "blue") | cells(sim, "red")).all()
    sim.undo()
    assert np.array_equal(cells(sim, "blue"), painted)
    sim.step(4)
    sim.submit(Rewind(1, 4))
    assert np.array_equal(cells(sim, "blue"), painted)
    sim.undo()
    assert cells(sim, "red").all()


def test_another_model_starts_with_its_first_texture(sim: Simulation) -> None:
    sim.fill("rate", "halves", (0.5, 1))
    sim.blend("blue")
    sim.submit(SetModel(1, "c"))
    assert sim.grid().fields is not None
    assert sim.grid().fields.shape == (*SIZE[::-1], 4)
    assert list(sim.grid().textures) == ["c"]
    sim.submit(SetModel(1, "d"))
    assert cells(sim, "red").all()
    assert (sim.grid().field("rate")[:, :16] == 0.5).all()


def test_textures_of_a_session(sim: Simulation, catalogue: Catalogue, tmp_path: Path) -> None:
    sim.paint_texture({"green": 1, "blue": 1}, (16, 12), radius=4)
    sim.step(2)
    sessions.save_session(sim, tmp_path / "s.nca")
    again = simulation(catalogue)
    sessions.open_session(again, tmp_path / "s.nca")
    assert contents(again)["grids"] == contents(sim)["grids"]


def test_equal_names_get_numbers(sim: Simulation) -> None:
    sim.submit(SetModel(1, "d", 1))
    assert list(sim.grid().textures) == ["red", "green", "blue", "red-2", "green-2", "blue-2"]
    sim.paint_texture("blue-2", (16, 12))
    assert sim.grid().field("model").max() == 1


def test_what_cannot_be_made_is_said(sim: Simulation) -> None:
    sim.submit(SetModel(1, "c", 1))
    before = contents(sim)["grids"]
    for command, said in (
        (Blend(1, "grene"), "no texture 'grene' .did you mean green..; choose from: red, green, blue, c"),
        (Blend(1, "red", "no", "halves"), "no texture 'no'"),
        (Blend(1, {"red": 0.5, "c": 0.5}), "can't mix textures of different models"),
        (Blend(1, {"red": 0.0}), "shares"),
        (Blend(1, {"red": -1.0}), "texture"),
        (Blend(1, "red", "blue", "polar"), "angles"),
        (Paint(1, "texture", ((1, 1),)), "no texture ''"),
        (Paint(1, "texture", ((1, 1),), texture={}), "texture"),
    ):
        with pytest.raises(NCAError, match=said):
            sim.submit(command)
    with pytest.raises(NCAError, match="The steps of a morph must be a whole number of at least 1"):
        sim.morph("red", "blue", 0)
    assert contents(sim)["grids"] == before
    assert C.config.name in sim.models
