"""Sessions and journals: a saved file gives everything back, and a damaged one raises NCAError with its name."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from helpers import random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import Look
from ncaengine.core.model import Config, Seed
from ncaengine.io import journals, sessions
from ncaengine.simulation.commands import (
    AddGrid,
    Copy,
    Fill,
    Paint,
    Reseed,
    Resize,
    Rewind,
    Set,
    SetKernel,
    SetModel,
    Show,
    Step,
)
from ncaengine.simulation.simulation import Simulation

NOISE = Seed("noise", 1.0)
A = random_model(Config(channels=4, hidden=3, seed=NOISE, name="a"), 1)
B = random_model(Config(channels=4, hidden=2, seed=NOISE, name="b"), 2)
IMAGE = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def simulation(catalogue: Catalogue, backend: TorchBackend | GLBackend | None = None) -> Simulation:
    return Simulation(backend or TorchBackend(), catalogue)


def lively(catalogue: Catalogue, backend: TorchBackend | GLBackend | None = None) -> Simulation:
    """Return two grids that have everything a session must keep."""
    sim = simulation(catalogue, backend)
    sim.add(A, (9, 7), rng_seed=3, steps_per_second=59.94)
    sim.register(B)
    sim.register_array("image", IMAGE)
    sim.add(B, (5, 8), "hexagonal", 24.0)
    sim.submit(SetModel(1, "b", 1))
    sim.submit(Fill(1, "model", "halves", (0.0, 1.0)))
    sim.submit(Paint(2, "image", ((2.0, 2.0),), 2.0, image="image"))
    sim.submit(Set(2, "angle", 30.0))
    sim.submit(Show(2, Look("channel", (3, 0, 0))))
    sim.submit(Reseed(2, 77), at_step=60)
    sim.advance(1234)
    return sim


def test_an_opened_session_runs_on_as_the_simulation_would(catalogue: Catalogue) -> None:
    sim, again = lively(catalogue), simulation(catalogue)
    again.add(A, (3, 3))
    sessions.restore_session(again, sessions.unpack_session(sessions.pack_session(sim)))
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)
    assert [(g.look, g.settings, g.waiting) for g in again.grids.values()] == [
        (g.look, g.settings, g.waiting) for g in sim.grids.values()
    ]
    for one in (sim, again):
        one.advance(9999)  # past the step that a command waits for
        one.submit(Paint(1, "noise", ((1.0, 1.0),), 3.0))
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)
    assert again.grids[2].rng_seed == 77
    assert again.add(A).id == sim.add(A).id == 3
    assert (again.arrays["image"] == IMAGE).all()


def test_what_waiting_commands_name_is_saved_and_keeps_its_meaning(catalogue: Catalogue) -> None:
    made = [simulation(catalogue) for _ in range(3)]
    for one, other, image in zip(made, (B, A, A), (IMAGE, IMAGE[::-1], IMAGE[::-1]), strict=True):
        one.add(A, (9, 7))
        one.register(other, "other")
        one.register_array("image", image)
    sim, *others = made
    sim.submit(SetModel(1, "other"), at_step=10)
    sim.submit(Paint(1, "image", ((2.0, 2.0),), 2.0, image="image"), at_step=12)
    for again, grids in zip(others, (None, [sim.grids[1]]), strict=True):
        sessions.restore_session(again, sessions.unpack_session(sessions.pack_session(sim, grids)))
    for one in made:
        one.step(20)
        assert one.grid().model.config.name == "b"
        assert sessions.fingerprint(one) == sessions.fingerprint(sim)


def test_commands_keep_their_order_after_a_session_is_opened(catalogue: Catalogue) -> None:
    sim, again = simulation(catalogue), simulation(catalogue)
    sim.add(A, (9, 7))
    sim.step(5)
    sim.submit(Fill(1, "rate", "even", (0.25, 1.0)), at_step=20)
    sessions.restore_session(again, sessions.unpack_session(sessions.pack_session(sim)))
    for one in (sim, again):
        one.submit(Fill(1, "rate", "even", (0.75, 1.0)), at_step=20)
        one.step(30)
        assert one.grid().field("rate").max() == 0.75


def test_a_session_saved_after_a_rewind_makes_what_waited_again(catalogue: Catalogue) -> None:
    sim, again = simulation(catalogue), simulation(catalogue)
    sim.add(A, (9, 7))
    sim.submit(Paint(1, "noise", ((1.0, 1.0),), 3.0), at_step=10)
    sim.step(15)
    sim.submit(Rewind(1, 12))
    sessions.restore_session(again, sessions.unpack_session(sessions.pack_session(sim)))
    for one in (sim, again):
        one.step(20)
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)


def test_a_journal_begins_with_all_names_and_without_copied_cells(catalogue: Catalogue, tmp_path: Path) -> None:
    sim, again = simulation(catalogue), simulation(catalogue)
    sim.register(A, "one")
    sim.register(A, "two")
    for name in ("one", "two"):
        sim.submit(AddGrid(name, (9, 7)))
    sim.submit(Copy(1, (2.0, 2.0), 2.0))
    sessions.restore_session(sim, sessions.unpack_session(sessions.pack_session(sim)))
    with pytest.raises(NCAError, match="Nothing has been copied"):
        sim.paint("patch", (3.0, 3.0))
    for name in ("one", "two"):
        sim.submit(SetModel(1, name, 1))
    journals.save_journal(sim, tmp_path / "a.jsonl")
    journals.load_journal(tmp_path / "a.jsonl").replay(again)
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)


def test_a_journal_file_is_enough_for_a_replay(catalogue: Catalogue, tmp_path: Path) -> None:
    sim = lively(catalogue)
    journals.save_journal(sim, tmp_path / "a.jsonl")
    again = simulation(catalogue)
    journals.load_journal(tmp_path / "a.jsonl").replay(again)
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)
    assert again.tick == sim.tick
    # from a session that was opened, too
    sessions.restore_session(sim, sessions.unpack_session(sessions.pack_session(sim)))
    assert sim.journal == []
    sim.advance(100)
    sim.submit(Resize(1, (12, 12)))
    sim.advance(100)
    journals.save_journal(sim, tmp_path / "b.jsonl")
    journals.load_journal(tmp_path / "b.jsonl").replay(again)
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)


def test_a_session_that_cannot_be_restored_replaces_nothing(catalogue: Catalogue) -> None:
    sim = lively(catalogue)
    sim.submit(SetKernel(2, "square-wide"))
    data = sessions.pack_session(sim)
    poor = simulation(Catalogue({k: v for k, v in catalogue.kernels.items() if k != "square-wide"}, {}))
    poor.add(A, (3, 3))
    before = sessions.fingerprint(poor)
    with pytest.raises(NCAError, match="no kernel 'square-wide'"):
        sessions.restore_session(poor, sessions.unpack_session(data))
    assert sessions.fingerprint(poor) == before
    poor.advance(3600)
    assert poor.grids[1].step == 60


def test_some_grids_are_saved_with_only_their_models(catalogue: Catalogue) -> None:
    sim = lively(catalogue)
    opened = sessions.unpack_session(
        sessions.pack_session(sim, [sim.grids[2]], {"b": Path("models/b.pt")}, {"selected": 2})
    )
    assert [grid.id for grid in opened.header.grids] == [2]
    assert [(m.name, m.path, m.sha256) for m in opened.header.models] == [
        ("b", "models/b.pt", sessions.weights_hash(B))
    ]
    assert opened.header.window == {"selected": 2}
    assert not opened.arrays


def test_a_session_file_restores_on_opengl(gl: GLBackend, catalogue: Catalogue, tmp_path: Path) -> None:
    sim = lively(catalogue, gl)
    sessions.write_session(tmp_path / "s.nca", sessions.pack_session(sim))
    again = simulation(catalogue, gl)
    sessions.restore_session(again, sessions.load_session(tmp_path / "s.nca"))
    for one in (sim, again):
        one.submit(Step(1, 40))
    assert sessions.fingerprint(again) == sessions.fingerprint(sim)
    for one in (sim, again):
        for grid in one.grids.values():
            grid.cells.release()


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_file_raises_only_ncaerror(catalogue: Catalogue, data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(BROKEN.setdefault("packed", [sessions.pack_session(lively(catalogue))])))
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken), 6000) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NCAError):
        sessions.unpack_session(bytes(broken[: data.draw(st.sampled_from([len(broken), len(broken) // 2, 7, 0]))]))


BROKEN: dict[str, list[bytes]] = {}


def head_of(data: bytes) -> tuple[dict[str, object], str]:
    size = int.from_bytes(data[:8], "little")
    return safetensors.numpy.load(data), json.loads(data[8 : 8 + size])["__metadata__"][sessions.METADATA_KEY]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"version":1', '"version":9', "newer ncaengine"),
        ('"id":2', '"id":1', "not a valid session|two grids with|does not fit"),
        ('"models":["a","b"]', '"models":["z"]', "that it does not contain"),
        ('"models":["a","b"]', '"models":[]', "that it does not contain"),
        ('"pace":"', '"pace":"x', "not a valid session"),
        ('"tick":1234', '"tick":-1', "not a valid session"),
        ('"channels":4', '"channels":5', "w1 have shape"),
    ],
)
def test_each_mistake_in_the_header_is_named(catalogue: Catalogue, old: str, new: str, message: str) -> None:
    tensors, head = head_of(sessions.pack_session(lively(catalogue)))
    assert old in head
    broken = safetensors.numpy.save(tensors, {sessions.METADATA_KEY: head.replace(old, new, 1)})
    with pytest.raises(NCAError, match=message):
        sessions.unpack_session(broken)


def test_files_of_other_kinds_raise_with_their_name(tmp_path: Path, catalogue: Catalogue) -> None:
    other = tmp_path / "other.nca"
    other.write_bytes(safetensors.numpy.save({"x": np.zeros(3, np.float32)}))
    with pytest.raises(NCAError, match=r"other\.nca: is not a session"):
        sessions.load_session(other)
    with pytest.raises(NCAError, match=r"none\.nca: cannot be read"):
        sessions.load_session(tmp_path / "none.nca")
    with pytest.raises(NCAError, match=r"other\.nca: is not a journal"):
        journals.load_journal(other)
    journals.save_journal(lively(catalogue), tmp_path / "j.jsonl")
    text = (tmp_path / "j.jsonl").read_bytes()
    (tmp_path / "j.jsonl").write_bytes(text + b'{"tick": 0}\n')
    with pytest.raises(NCAError, match=r"j\.jsonl: Line \d+ of the journal is not a command"):
        journals.load_journal(tmp_path / "j.jsonl")


def test_a_session_that_cannot_be_written_raises(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(NCAError, match="cannot be written"):
        sessions.write_session(tmp_path / "no/s.nca", sessions.pack_session(lively(catalogue)))
