"""What helps a renderer without a GPU: a core for each thread, and images that the driver copies."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.backends.gl import llvmpipe
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.shader import source

linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds threads to cores")


@contextmanager
def workers(count: int) -> Iterator[list[int]]:
    """So many threads that wait; gives their numbers."""
    done = threading.Event()
    started = [threading.Thread(target=done.wait, daemon=True) for _ in range(count)]
    for thread in started:
        thread.start()
    try:
        yield [thread.native_id for thread in started if thread.native_id]
    finally:
        done.set()
        for thread in started:
            thread.join()


@linux
def test_new_threads_keep_to_a_core_each_in_turn() -> None:
    cores = sorted(os.sched_getaffinity(0))
    with workers(1) as (old,):
        since = llvmpipe.threads()
        with workers(2 * len(cores)) as new:
            llvmpipe.bind_threads(since)
            held = [os.sched_getaffinity(thread) for thread in sorted(new)]
            assert held == [{core} for core in cores] * 2
            assert os.sched_getaffinity(old) == os.sched_getaffinity(0) == set(cores)


@linux
def test_a_thread_that_ends_meanwhile_hurts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = max(llvmpipe.threads()) + 100_000
    monkeypatch.setattr(llvmpipe, "threads", lambda: frozenset({gone}))
    llvmpipe.bind_threads(frozenset())


@linux
def test_the_renderers_threads_are_spread(gl: GLBackend) -> None:
    if not gl.device.copier:
        pytest.skip("this renderer is a GPU")
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("on one core, the renderer has no threads")
    names = {thread: (llvmpipe.TASKS / str(thread) / "comm").read_text().strip() for thread in llvmpipe.threads()}
    own = [thread for thread, name in names.items() if name.startswith("llvmpipe-")]
    assert own
    assert {len(os.sched_getaffinity(thread)) for thread in own} == {1}


def test_the_driver_copies_what_is_asked(gl: GLBackend) -> None:
    copy = gl.device.copier
    if copy is None:
        pytest.skip("this renderer is a GPU")
    one, two = (gl.device.ctx.texture_array((7, 5, 3), 4, dtype="f4") for _ in range(2))
    planes = np.arange(3 * 5 * 7 * 4, dtype=np.float32).reshape(3, 5, 7, 4)
    one.write(planes)
    two.write(np.zeros_like(planes))
    copy(one, two, (6, 4))
    expected = np.zeros_like(planes)
    expected[:, :4, :6] = planes[:, :4, :6]
    assert np.array_equal(np.frombuffer(two.read(), np.float32).reshape(planes.shape), expected)
    one.release()
    two.release()


@given(st.sampled_from(sorted(source.GROUP)), st.integers(1, 16384), st.integers(1, 16384))
def test_workgroups_reach_every_cell(form: source.Form, width: int, height: int) -> None:
    group = source.GROUP[form]
    across, down = source.groups(group, (width, height))
    assert 1 <= across <= source.MOST_GROUPS
    assert 1 <= down <= source.MOST_GROUPS
    if group[1] > 1:
        assert across * group[0] >= width > (across - 1) * group[0]
        assert down * group[1] >= height > (down - 1) * group[1]
    else:
        # No more than a row of groups too many.
        assert across * down * group[0] >= width * height > (across * down - down) * group[0] - down * group[0]


WIDE = """
import sys
import numpy as np
import ncaengine as nca

sim = nca.Simulation()
grid = sim.add(nca.load("bubbles"), size=(20, 12), kernel="hexagonal")
sim.step(3, grid)
np.savez(sys.argv[1], state=grid.state(), image=grid.image(), what=sim.backend.description)
"""


def test_vectors_of_other_widths_compute_and_draw_the_same(tmp_path: Path) -> None:
    """In processes of their own, for Mesa reads the width once; 512 bits need no AVX-512, only time."""
    found = []
    for width in (256, 512):
        variables = {**os.environ, llvmpipe.WIDTH: str(width), "XDG_CACHE_HOME": str(tmp_path)}
        variables.pop(llvmpipe.CACHE, None)
        path = tmp_path / f"{width}.npz"
        subprocess.run([sys.executable, "-c", WIDE, str(path)], check=True, env=variables, cwd=ROOT)
        with np.load(path) as saved:
            found.append(dict(saved))
    narrow, wide = found
    if "llvmpipe" not in str(narrow["what"]):
        pytest.skip("this renderer is a GPU")
    assert "512 bits" in str(wide["what"])
    assert (tmp_path / "ncaengine" / "mesa-512").is_dir()
    np.testing.assert_allclose(narrow["state"], wide["state"], atol=1e-5)
    assert np.abs(narrow["image"].astype(int) - wide["image"]).max() <= 1


@pytest.mark.parametrize(("width", "left"), [("512", None), ("256", "256"), ("128", "128"), ("", ""), ("wide", "wide")])
def test_a_window_has_vectors_that_fragment_shaders_stand(
    monkeypatch: pytest.MonkeyPatch, width: str, left: str | None
) -> None:
    monkeypatch.setenv(llvmpipe.WIDTH, width)
    llvmpipe.limit_vector_width()
    assert os.environ.get(llvmpipe.WIDTH) == left


def test_a_cache_that_the_user_names_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(llvmpipe.WIDTH, "512")
    monkeypatch.setenv(llvmpipe.CACHE, "theirs")
    llvmpipe.separate_shader_cache()
    assert os.environ[llvmpipe.CACHE] == "theirs"
