"""Fixtures for the whole suite.

Tests of OpenGL fail where OpenGL is missing. Set NCAENGINE_TEST_NO_GL=1 to skip them on a machine that has none.
"""

import os

# Before torch and NumPy are imported: threads that wait for each other are slow on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import contextlib

# Before OpenGL: torch's optimisers load triton, whose LLVM crashes the process if Mesa's is loaded first.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from helpers import SHARED
from one_step import in_form

from ncaengine.backends.base import Backend
from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device, headless_context
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.formats.model_files import open_file
from ncaengine.simulation.simulation import Simulation

hypothesis.settings.register_profile(
    "ncaengine",
    derandomize=True,
    deadline=None,
    database=None,
    # Examples do not change what fixtures hold, and a busy machine is no reason to fail.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ncaengine")


@pytest.fixture(scope="session")
def _gl_of_session() -> Iterator[GLBackend]:
    if os.environ.get("NCAENGINE_TEST_NO_GL") == "1":
        pytest.skip("NCAENGINE_TEST_NO_GL=1: this machine has no OpenGL 4.3")
    try:
        backend = GLBackend()
    except NCAError as error:
        pytest.fail(f"{error} The suite needs OpenGL 4.3; NCAENGINE_TEST_NO_GL=1 skips what does.", pytrace=False)
    yield backend
    backend.device.ctx.__enter__()  # not `with`, because releasing destroys the context
    backend.release()


@pytest.fixture
def gl(_gl_of_session: GLBackend) -> Iterator[GLBackend]:
    """The OpenGL backend of the process, with its context current; the test must cause no OpenGL error."""
    with _gl_of_session.device.ctx as ctx:
        yield _gl_of_session
        assert ctx.error == "GL_NO_ERROR"


@pytest.fixture(scope="session")
def _fragment_of_session(_gl_of_session: GLBackend) -> Iterator[GLBackend]:
    backend = GLBackend(Device(headless_context(), fragment=True))
    yield backend
    backend.device.ctx.__enter__()
    backend.release()


@pytest.fixture
def fragment(_fragment_of_session: GLBackend) -> Iterator[GLBackend]:
    """OpenGL without compute shaders, with its context current; the test must cause no OpenGL error."""
    with _fragment_of_session.device.ctx as ctx:
        yield _fragment_of_session
        assert ctx.error == "GL_NO_ERROR"


@pytest.fixture
def looped(gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> GLBackend:
    """OpenGL with the looped shader, a form for GPUs."""
    return in_form(gl, "looped", monkeypatch)


@pytest.fixture
def blocked(gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> GLBackend:
    """OpenGL with the blocked shader, a form for GPUs that steps two cells per invocation."""
    return in_form(gl, "blocked", monkeypatch)


@pytest.fixture(params=["looped", "blocked"])
def looping(request: pytest.FixtureRequest) -> GLBackend:
    """OpenGL with each form for GPUs in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def unrolled(gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> GLBackend:
    return in_form(gl, "unrolled", monkeypatch)


@pytest.fixture(params=["unrolled", "looped", "blocked", "fragment"])
def gl_formed(request: pytest.FixtureRequest) -> GLBackend:
    """OpenGL with each form of the shader in turn, and without compute shaders."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def cpu() -> Iterator[CPUBackend]:
    """The processor on two threads, with the widest vectors that it has."""
    backend = CPUBackend(threads=2)
    yield backend
    backend.release()


@pytest.fixture(params=["gl", "fragment", "cpu"])
def device(request: pytest.FixtureRequest) -> Backend:
    """Each backend that isn't the reference in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["unrolled", "looped", "blocked", "fragment", "cpu"])
def formed(request: pytest.FixtureRequest) -> Backend:
    """OpenGL with each form of the shader, and the processor, in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["torch", "gl", "fragment", "cpu"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn."""
    return TorchBackend() if request.param == "torch" else request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Only the built-in kernels, whatever plugins this machine has."""
    return kernels.Catalogue(
        {
            k.name: k
            for k in map(kernels.load_kernel, sorted(kernels.resources.folder("plugins").glob("*/kernel.toml")))
        },
        {},
    )


@pytest.fixture
def simulate(catalogue: Catalogue) -> Iterator[Callable[..., Simulation]]:
    """Make simulations on a backend; after the test their grids are released and the backend stays."""
    made: list[Simulation] = []

    def make(backend: Backend) -> Simulation:
        made.append(Simulation(backend, catalogue))
        return made[-1]

    yield make
    for simulation in made:
        for grid in simulation.grids.values():
            grid.cells.release()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread: threads that wait for each other are slow on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party data."""
    if not SHARED.is_dir():
        pytest.skip(f"third-party data is missing ({SHARED}); see its README for where each file comes from")
    return SHARED


@pytest.fixture(scope="session")
def hexells(shared: Path) -> dict[str, Model]:
    """The 173 published models of hexells by name."""
    return {m.config.name: m for m in open_file(shared / "published/selforg-textures/hexells.json").models.values()}
