"""Sessions and journals whose numbers would run for ever, take all memory or reach the cells as NaN."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from helpers import random_model

from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.io import journals, scripts, session_format, sessions
from ncaengine.simulation.simulation import Simulation


@pytest.fixture
def sim():
    with Simulation(TorchBackend(), kernels.discover()) as simulation:
        simulation.add(random_model(Config(channels=4, hidden=3)), (6, 5))
        simulation.fill("scale", values=(0.5, 0.5))
        simulation.load(np.zeros((6, 5, 4)))
        yield simulation


def changed(sim: Simulation, tensor: str, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    data = sessions.pack_session(sim)
    tensors = safetensors.numpy.load(data)
    tensors[tensor] = change(tensors[tensor].copy())
    size = int.from_bytes(data[:8], "little")
    return safetensors.numpy.save(tensors, json.loads(data[8 : 8 + size])["__metadata__"])


@pytest.mark.parametrize("value", [np.nan, np.inf, 5.0, -1.0])
def test_maps_out_of_range_are_refused(sim: Simulation, value: float) -> None:
    sim.fill("rate")
    sim.fill("scale", values=(0.5, 0.5))

    def spoil(maps: np.ndarray) -> np.ndarray:
        maps[1, 2, 1] = value
        return maps

    with pytest.raises(NCAError, match=r"a map \(Cell scale\) for grid 1 with values out of its range"):
        session_format.unpack_session(changed(sim, "grid.1.fields", spoil))


def test_arrays_of_a_session_are_checked_as_registered_ones(sim: Simulation) -> None:
    for spoil in (lambda a: a * np.nan, lambda a: a[0], lambda a: a.astype(np.complex64).real[..., None]):
        with pytest.raises(NCAError):
            session_format.unpack_session(changed(sim, "array.state", spoil))


@pytest.mark.parametrize("pace", ["1e999999999", "1/0", "2", "1/00", "nan", "9" * 5000, "-1/3", "0.5"])
def test_a_pace_that_is_no_fraction_is_refused_at_once(sim: Simulation, pace: str) -> None:
    data = sessions.pack_session(sim)
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])["__metadata__"]
    head[session_format.METADATA_KEY] = head[session_format.METADATA_KEY].replace('"pace":"0"', f'"pace":"{pace}"')
    assert pace in head[session_format.METADATA_KEY]
    with pytest.raises(NCAError):
        session_format.unpack_session(safetensors.numpy.save(safetensors.numpy.load(data), head))


def test_a_long_session_s_pace_is_opened(sim: Simulation) -> None:
    for rate in (59.9, 7.123, 1234.567, 0.987, 3.331):
        sim.set("steps_per_second", rate)
        sim.advance(1)
    again = session_format.unpack_session(sessions.pack_session(sim))
    assert "/" in again.header.grids[0].pace


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("ncaengine_journal", 999, "newer ncaengine"),
        ("ncaengine_journal", -1, "`ncaengine_journal` must be at least 1"),
        ("until", 2**62, "`until` must be at most"),
        ("until", 2**40, "covers 9.66 years; a journal can cover at most one"),
        ("until", -1, "`until` must be at least 0"),
        ("history", 2**60, "`history` must be at most"),
        ("history", -1, "`history` must be at least 0"),
    ],
)
def test_a_journal_s_head_is_bounded(sim: Simulation, tmp_path: Path, key: str, value: int, message: str) -> None:
    journals.save_journal(sim, path := tmp_path / "a.jsonl")
    head, rest = path.read_bytes().split(b"\n", 1)
    plain = {**json.loads(head), key: value}
    path.write_bytes(msgspec.json.encode(plain) + b"\n" + rest)
    with pytest.raises(NCAError, match=message):
        journals.load_journal(path)


@pytest.mark.parametrize(
    "command",
    [
        '{"type":"Step","grid":1,"count":1000000000}',
        '{"type":"Step","grid":1,"count":-1}',
        '{"type":"Rewind","grid":1,"steps":9223372036854775807}',
        '{"type":"Paint","grid":1,"tool":"noise","path":[[1e300,0]]}',
        '{"type":"Paint","grid":1,"tool":"noise","path":[[1,0]],"value":1e300}',
        '{"type":"Resize","grid":1,"size":[4611686018427387905,1]}',
    ],
)
def test_a_journal_s_commands_are_bounded(sim: Simulation, tmp_path: Path, command: str) -> None:
    journals.save_journal(sim, path := tmp_path / "a.jsonl")
    with path.open("a") as file:
        file.write(f'{{"tick":1,"command":{command}}}\n')
    with pytest.raises(NCAError, match="Line 4 of the journal is not a command"):
        journals.load_journal(path)


def test_an_entry_years_later_is_refused(sim: Simulation, tmp_path: Path) -> None:
    journals.save_journal(sim, path := tmp_path / "a.jsonl")
    with path.open("a") as file:
        file.write('{"tick":1000000000000,"command":{"type":"Step","grid":1}}\n')
    with pytest.raises(NCAError, match="a journal can cover at most one"):
        journals.load_journal(path)


@pytest.mark.parametrize("value", ["nan", "inf", "1e300", "9" * 4000, '"' + "a" * 5000 + '"'])
def test_a_script_s_values_are_bounded_and_not_repeated(tmp_path: Path, value: str) -> None:
    for key, rest in (
        ("value", 'type="Set"\ngrid=1\nsetting="dt"\nsecond=1'),
        ("second", 'type="Undo"\ngrid=1'),
        ("value", 'type="Paint"\ngrid=1\ntool="noise"\npath=[[1,1]]\nsecond=1'),
        ("count", 'type="Step"\ngrid=1\nsecond=1'),
        ("grid", 'type="Undo"\nsecond=1'),
    ):
        (path := tmp_path / "a.toml").write_text(f'[[grids]]\nmodel="zebra"\n[[commands]]\n{rest}\n{key}={value}\n')
        with pytest.raises(NCAError) as found:
            scripts.load_script(path).start(Simulation(TorchBackend(), kernels.discover()))
        assert len(str(found.value)) < 500


@pytest.mark.parametrize(
    "spoil", [lambda a: a[1:], lambda a: a + 1, lambda a: a.astype(np.float32), lambda a: a[..., None], lambda a: a[:0]]
)
def test_areas_that_do_not_fit_their_picture_are_refused(sim: Simulation, spoil: Callable[..., np.ndarray]) -> None:
    sim.lay(np.zeros((7, 9, 3), np.uint8))
    session_format.unpack_session(sessions.pack_session(sim))
    with pytest.raises(NCAError, match="areas for grid 1"):
        session_format.unpack_session(changed(sim, "grid.1.areas", spoil))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"cell":1.0', '"cell":0.001', "cell"),
        ('"image":"picture"', '"image":"state"', "names a picture"),
        ('"image":"picture"', '"image":"none"', "names a picture"),
        ('"kernel":"square"', '"kernel":"hexagonal"', "size of its picture"),
    ],
)
def test_pictures_that_a_session_cannot_lay_are_refused(sim: Simulation, old: str, new: str, word: str) -> None:
    sim.lay(np.zeros((7, 9, 3), np.uint8))
    data = sessions.pack_session(sim)
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])["__metadata__"]
    assert old in head[session_format.METADATA_KEY]
    head[session_format.METADATA_KEY] = head[session_format.METADATA_KEY].replace(old, new)
    spoiled = safetensors.numpy.save(safetensors.numpy.load(data), head)
    with pytest.raises(NCAError, match=word):
        sessions.restore_session(Simulation(sim.backend, sim.catalogue), session_format.unpack_session(spoiled))
