"""Large grids: what they need is known before it is taken, and what does not fit is refused with what does."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader.source import GROUP
from ncaengine.backends.gl.textures import StateImages
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import memory, pcg, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Seed
from ncaengine.core.settings import Settings
from ncaengine.simulation.commands import Resize
from ncaengine.simulation.simulation import Simulation

WIDE = random_model(Config(channels=12, hidden=8))
HEAPS = """
import ctypes, sys, threading
from ncaengine.core import memory
{before}
libc, together = ctypes.CDLL(None), threading.Barrier(4)
libc.fopen.restype = ctypes.c_void_p
libc.malloc.restype = ctypes.c_void_p

def take():
    libc.malloc(ctypes.c_size_t(100))
    together.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
for each in threads:
    each.start()
for each in threads:
    each.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""
"""A program whose threads take memory at once, and that writes what glibc says of its heaps."""


def test_a_grid_that_does_not_fit_is_refused_with_the_largest_that_does(
    backend: GLBackend | TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = Simulation(backend)
    grid = sim.add(WIDE, (8, 8))
    each = backend.bytes_a_cell(WIDE.config)
    monkeypatch.setattr(memory, "free_bytes", lambda: 100.0 * 100 * each)
    with pytest.raises(NCAError, match=r"^A grid of 101x100 cells needs .* MB of memory here and .* MB are free; the "
                                       r"largest square that fits is 100x100 cells\.$"):  # fmt: skip
        sim.add(WIDE, (101, 100))
    with pytest.raises(NCAError, match="largest square that fits is 100x100"):
        sim.submit(Resize(grid, (8, 2000)))
    assert grid.size == (8, 8)
    sim.submit(Resize(grid, (100, 100)))
    assert grid.size == (100, 100)


def test_a_grid_that_the_device_refuses_is_reported_with_the_largest_that_fits(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llvmpipe takes no image of over 1 GB or so; whatever a GPU has, it has not 3 TB."""
    monkeypatch.setattr(StateImages, "largest", lambda *_: 77)
    cells = gl.cells()
    cells.specialise(WIDE, catalogue.get("square"))
    cells.write(np.full((3, 3, 12), 0.5, np.float32))
    huge = np.broadcast_to(np.float32(0), (gl.max_side, gl.max_side, 3000))
    with pytest.raises(
        NCAError, match=r"cannot hold \d+x\d+ cells, [\d.]+ GB for each of two states; a square of 77x77"
    ):
        cells.write(huge)
    assert (cells.read() == 0.5).all()
    cells.release()


def test_the_largest_square_is_found_by_trying(gl: GLBackend) -> None:
    tried: list[int] = []

    class Tries:
        error = "GL_NO_ERROR"

        def texture_array(self, size: tuple[int, int, int], *_: object, **__: object) -> "Tries":
            tried.append(size[0])
            self.error = "GL_OUT_OF_MEMORY" if size[0] > 3000 else "GL_NO_ERROR"
            return self

        def release(self) -> None:
            pass

    device = Device(gl.device.ctx)
    device.ctx = Tries()
    assert 3000 - gl.max_side // 32 <= StateImages(device).largest(3) <= 3000
    assert len(tried) <= 6


def test_noise_in_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(Config(channels=5, hidden=2, seed=Seed("noise", 0.5)))
    monkeypatch.setattr(states, "BAND", 30)
    state = states.initial(model, (13, 11), 3)
    assert np.array_equal(state, pcg.uniform_noise(13, 11, 5, 3) * np.float32(0.5))


def test_a_state_is_written_in_bands_as_it_is(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ncaengine.backends.gl.textures.BAND", 30)
    state = np.random.default_rng(0).standard_normal((11, 13, 12)).astype(np.float32)
    cells = gl.cells()
    cells.specialise(WIDE, catalogue.get("square"))
    cells.write(state)
    assert np.array_equal(cells.read(), state)
    cells.release()


def test_a_grid_beyond_the_reach_of_a_dispatch_is_not_listed(
    gl_formed: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else cells that fire would be dropped."""
    covers: list[str] = []
    real = gl_formed.step_programs
    monkeypatch.setattr(
        gl_formed, "step_programs", lambda m, k, f, cover, *form: covers.append(cover) or real(m, k, f, cover, *form)
    )
    monkeypatch.setattr("ncaengine.backends.gl.shader.source.MOST_GROUPS", 1)
    group = GROUP[gl_formed.device.form]
    for height in (group[1], group[1] + 1):
        cells = gl_formed.cells()
        cells.specialise(WIDE, catalogue.get("square"))
        cells.write(np.zeros((height, group[0], 12), np.float32))
        cells.step(0, 0, Settings(fire_rate=0.3))
        cells.release()
    first = "every" if gl_formed.device.fragment else "listed"  # fragments have no list
    assert [cover for cover in covers if cover != "pairs"] == [first, "every"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of threads are glibc's")
def test_threads_share_one_heap(tmp_path: Path) -> None:
    counts = []
    for before in ("", "memory.share_heap()"):
        path = tmp_path / "heaps.xml"
        subprocess.run([sys.executable, "-c", HEAPS.format(before=before), path], check=True)
        counts.append(path.read_text("utf-8").count("<heap nr="))
    assert counts[0] > counts[1] == 1
