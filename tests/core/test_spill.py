"""Arrays that are kept for long lie on the disk, as they were."""

import errno
import os
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import NOTEBOOK_CONFIG, random_model

from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernels, spill
from ncaengine.core.spill import Spill
from ncaengine.io import journals
from ncaengine.simulation.simulation import Simulation


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "KEPT", 10_000)
    monkeypatch.setattr(spill, "SEGMENT", 2**16)


def test_arrays_come_back_as_they_were() -> None:
    kept, rng = Spill(), np.random.default_rng(0)
    given = [np.zeros((5, 5, 3), np.uint8)]
    given += [rng.integers(0, 256, (int(n), 7, 3), np.uint8) for n in rng.integers(1, 900, 60)]
    given += [rng.normal(size=(5, int(n), 4)).astype(np.float32) for n in rng.integers(1, 3000, 20)]
    held = [kept.kept(array) for array in given]
    assert held[0] is given[0]
    assert held[-1] is not given[-1]
    for array, copy in zip(given, held, strict=True):
        assert copy.dtype == array.dtype
        assert np.array_equal(copy, array)


def test_a_full_disk_leaves_them_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    array = np.zeros(99_999, np.float32)
    assert Spill().kept(array) is array


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of other systems counts otherwise")
def test_loaded_states_and_versions_of_a_model_take_no_memory(tmp_path: Path) -> None:
    sim = Simulation(TorchBackend(), kernels.discover(), history=0)
    grid = sim.add(random_model(NOTEBOOK_CONFIG), 8)
    kept, rng = [], np.random.default_rng(0)
    before = psutil.Process().memory_info().rss
    for number in range(100):
        state = rng.normal(size=(250, 250, 12)).astype(np.float32)  # 3 MB
        kept.append((sim.register_array("state", state), state[7, 9, 3]))
        sim.register(random_model(NOTEBOOK_CONFIG, number))
    assert psutil.Process().memory_info().rss - before < 60 * 2**20
    assert len({name for name, _ in kept}) == 100
    assert all(sim.arrays[name][7, 9, 3] == value for name, value in kept)
    assert sim.register_array("state", sim.arrays["state-50"].copy()) == "state-50"
    sim.load(np.ones((9, 9, 12)), grid)
    sim.step(2)
    for name in list(sim.arrays)[:95]:
        del sim.arrays[name]
    journals.save_journal(sim, path := tmp_path / "a.jsonl")
    assert len(journals.load_journal(path).begin.models) == len(sim.models) >= 100


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of other systems counts otherwise")
def test_arrays_that_were_read_take_no_memory_once_they_are_left() -> None:
    kept = Spill()
    held = [kept.kept(np.full(1_000_000, number, np.uint8)) for number in range(60)]
    before = psutil.Process().memory_info().rss
    assert [int(array.sum()) // len(array) for array in held] == list(range(60))
    assert psutil.Process().memory_info().rss - before > 40 * 2**20
    kept.leave()
    assert psutil.Process().memory_info().rss - before < 10 * 2**20
    assert int(held[7][-1]) == 7
