"""Grids that lie on a picture: which of their cells rest, what areas grow, and what edits and files keep of both."""

from pathlib import Path

import numpy as np
import pytest
from simulations import AnyBackend, C, D, contents, simulation

from ncaengine.core import lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View
from ncaengine.core.types import F32
from ncaengine.io import filling, journals, sessions
from ncaengine.io.photos import Photo
from ncaengine.simulation.commands import Mark, Revive, SetBackdrop, SetModel
from ncaengine.simulation.simulation import Simulation

PICTURE = np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8)


def on_picture(sim: Simulation, cell: float = 1) -> Simulation:
    sim.add(D, (9, 9), steps_per_second=0)
    sim.register_array("photo", PICTURE)
    sim.lay("photo", cell)
    return sim


@pytest.fixture
def sim(catalogue: Catalogue) -> Simulation:
    return on_picture(simulation(catalogue))


def makes(sim: Simulation, texture: str) -> F32:
    """Which cells fire and make exactly a texture."""
    grid = sim.grid()
    slot, code = grid.textures[texture]
    right = (grid.embedding() == np.float32(code)).all(-1) & (grid.field("model") == slot)
    out: F32 = right & (grid.field("rate") == 1)
    return out


def test_a_grid_takes_its_pictures_size_and_rests(sim: Simulation) -> None:
    grid = sim.grid()
    assert grid.size == (60, 40)
    before = grid.state()
    sim.step(3)
    assert np.array_equal(grid.state(), before)
    assert np.array_equal(grid.image(), PICTURE)


def test_only_cells_in_and_near_an_area_are_stepped(catalogue: Catalogue, backend: AnyBackend) -> None:
    sim = on_picture(simulation(catalogue, backend))
    before = sim.grid().state()
    sim.mark("green", (15, 20), 3)
    sim.step(6)
    changed = (sim.grid().state() != before).any(2)
    rows, columns = np.nonzero(changed)
    assert changed[20, 15]
    assert (abs(rows - 20) <= 15).all()
    assert (abs(columns - 15) <= 15).all()
    assert makes(sim, "green")[20, 15]
    shown = sim.image()
    assert np.array_equal(shown[:, 30:], PICTURE[:, 30:])
    assert (shown[20, 15] != PICTURE[20, 15]).any()


def test_each_area_has_a_texture_that_can_change(sim: Simulation) -> None:
    sim.submit(SetModel(1, "c", 1))
    sim.mark("blue", [(5, 5), (20, 5), (20, 30), (5, 30)], shape="lasso")
    sim.mark("c", (40, 20), 6)
    assert makes(sim, "blue")[5:30, 6:20].all()
    assert makes(sim, "c")[20, 34:46].all()
    sim.mark("red", (10, 10), shape="wand")
    assert makes(sim, "red")[5:30, 6:20].all()
    assert makes(sim, "c")[20, 34:46].all()
    sim.mark("", (40, 20), shape="wand")
    assert not (sim.grid().field("rate")[:, 40:44]).any()


def test_a_mark_changes_only_the_cells_that_it_concerns(sim: Simulation) -> None:
    sim.mark("red", (10, 20), 5)
    sim.paint("rate", (10, 20), 2, 0.5, softness=0)
    sim.paint_texture("blue", (10, 24), 1, softness=0)
    sim.mark("green", (45, 20), 5)
    assert sim.grid().field("rate")[20, 10] == 0.5
    assert makes(sim, "blue")[24, 10]
    sim.mark("green", (10, 20), 5)
    assert sim.grid().field("rate")[20, 10] == 0.5
    assert not makes(sim, "blue")[24, 10]


def test_undo_and_redo_take_areas_and_picture_back(sim: Simulation) -> None:
    sim.mark("green", (15, 20), 3)
    sim.step(2)
    after = contents(sim)["grids"]
    sim.submit(Mark(1, "brush", "red", ((30, 20),)))
    sim.submit(Mark(1, "brush", "red", ((35, 20),), more=True))
    assert sim.grid().can_undo == "Area"
    sim.undo()
    assert contents(sim)["grids"] == after
    sim.redo()
    assert makes(sim, "red")[20, 35]
    for _ in range(3):
        sim.undo()
    assert sim.grid().size == (9, 9)
    assert sim.grid().backdrop is None
    sim.redo()
    assert np.array_equal(sim.image(), PICTURE)


def test_the_feather_changes_and_areas_stay(sim: Simulation) -> None:
    sim.mark("green", (15, 20), 6)
    labels = sim.grid().backdrop.labels  # type: ignore[union-attr]
    sim.lay("photo", feather=0)
    here = sim.grid().backdrop
    assert here is not None
    assert here.labels is labels
    assert set(np.unique(here.share())) == {0, 1}
    sim.lay("")
    assert sim.grid().backdrop is None
    assert (sim.grid().field("rate") == 1).all()


def test_another_kernel_or_model_keeps_the_areas(sim: Simulation) -> None:
    sim.mark("blue", [(5, 5), (20, 5), (20, 30), (5, 30)], shape="lasso")
    sim.use_kernel("hexagonal")
    assert sim.grid().size == (60, 48)
    row, column = 20, 3  # at (13.5, 17.8) of the picture
    assert makes(sim, "blue")[row, column]
    assert np.array_equal(sim.image()[:40, 45:], PICTURE[:, 45:])
    sim.submit(SetModel(1, "c"))
    assert sim.grid().textures.keys() == {"c"}
    assert sim.grid().field("rate")[row, column] == 1


def test_what_is_refused(sim: Simulation) -> None:
    for call, word in (
        (lambda: sim.resize((30, 30)), "take the picture away"),
        (lambda: sim.load(np.zeros((8, 8, 5), np.float32)), "take the picture away"),
        (lambda: sim.mark("purple", (1, 1)), "no texture 'purple'"),
        (lambda: sim.lay("nothing"), "no image"),
        (lambda: sim.lay("photo", 0.5), "cell"),
        (lambda: (sim.lay(""), sim.lay("")), "no picture under this grid"),
        (lambda: sim.mark("red", (1, 1)), "no picture under this grid"),
    ):
        with pytest.raises(NCAError, match=word):
            call()


def test_sessions_and_journals_keep_pictures_and_areas(sim: Simulation, catalogue: Catalogue, tmp_path: Path) -> None:
    sim.mark("green", (15, 20), 3)
    sim.lay("photo", feather=2)
    sim.mark("blue", (50, 9), 30, shape="wand", tolerance=90)
    sim.step(3)
    for grids in (None, [sim.grid()]):
        other = simulation(catalogue)
        sessions.restore_session(other, sessions.unpack_session(sessions.pack_session(sim, grids)))
        assert contents(other)["grids"] == contents(sim)["grids"]
        assert np.array_equal(other.image(), sim.image())
        other.mark("red", (30, 30))
        assert makes(other, "red")[30, 30]
    journals.save_journal(sim, tmp_path / "a.jsonl")
    again = Simulation(sim.backend, catalogue)
    journals.load_journal(tmp_path / "a.jsonl").replay(again)
    assert np.array_equal(again.image(), sim.image())
    assert contents(again)["grids"] == contents(sim)["grids"]


def test_a_removed_or_copied_grid_keeps_its_picture(sim: Simulation) -> None:
    sim.mark("green", (15, 20), 3)
    copy = sim.duplicate()
    assert np.array_equal(copy.image(), sim.image())
    copy_image = copy.image()
    sim.remove(copy)
    sim.submit(Revive(copy.id))
    assert np.array_equal(sim.image(grid=copy.id), copy_image)


@pytest.mark.parametrize("cell", [1, 3])
def test_a_saved_picture_has_the_photos_depth_and_its_untouched_pixels(catalogue: Catalogue, cell: float) -> None:
    sim = on_picture(simulation(catalogue), cell)
    sim.mark("green", (20 / cell, 20 / cell), 10 / cell)
    sim.step(3)
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, :5] = 0
    deep = Photo(PICTURE.astype(np.uint16) * 257, alpha.astype(np.uint16) * 257)
    out = filling.of_grid(sim.grid(), deep)
    assert out.rgb.dtype == np.uint16
    assert np.array_equal(out.rgb[:, 40:], deep.rgb[:, 40:])
    cells = sim.grid().drawn(View(60, 40, cell, *lattice.corner(sim.grid().kernel), smooth=cell > 1))
    assert np.abs(out.rgb[20, 20] / 257 - cells[20, 20]).max() < 1
    alone = filling.of_grid(sim.grid(), deep, alone=True)
    assert alone.alpha is not None
    assert alone.alpha[20, 20] == 65535
    assert not alone.alpha[:, 40:].any()
    assert not alone.alpha[:, :5].any()
    with pytest.raises(NCAError, match="another picture"):
        filling.of_grid(sim.grid(), Photo(PICTURE[:9]))


def test_a_picture_with_areas_of_models_apart(catalogue: Catalogue) -> None:
    """A grid of one texture has this one for all areas."""
    sim = simulation(catalogue)
    sim.add(C, (9, 9), steps_per_second=0)
    sim.lay(PICTURE)
    sim.submit(Mark(1, "brush", "c", ((10, 10),)))
    assert makes(sim, "c")[10, 10]
    sim.submit(SetBackdrop(1, "picture", 2.0))
    assert sim.grid().size == (30, 20)
