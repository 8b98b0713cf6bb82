"""Opening a backend: the best one is chosen, and its description is one line."""

import pytest

from ncaengine import backends
from ncaengine.backends import open_backend
from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.errors import NCAError


def test_auto_takes_the_processor_without_asking_opengl_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_may_have_gpu", lambda: False)
    monkeypatch.setattr(backends, "_open_gpu", lambda: pytest.fail("OpenGL was asked"))
    backend, line = open_backend("auto")
    assert (backend.name, line) == ("cpu", "")
    backend.release()


def test_auto_takes_a_gpu_and_no_other_opengl(gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_may_have_gpu", lambda: True)
    backend, line = open_backend("auto")
    from ncaengine.backends.gl.device import has_gpu

    assert backend.name == ("gl" if has_gpu(gl.device.ctx) else "cpu")
    assert line == ""
    backend.release()
    monkeypatch.setattr("ncaengine.backends.gl.device.has_gpu", lambda _: True)
    backend, _ = open_backend("auto")
    assert backend.name == "gl"
    backend.release()


def test_auto_falls_back_to_torch_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int | None) -> None:
        raise OSError("no LLVM for this processor")

    monkeypatch.setattr(backends, "_may_have_gpu", lambda: False)
    monkeypatch.setattr("ncaengine.backends.cpu.backend.CPUBackend", none)
    backend, line = open_backend("auto")
    assert backend.name == "torch"
    assert line == "Running on torch, slower: llvmlite can't be loaded (no LLVM for this processor)."


def test_what_is_asked_for_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise NCAError("OpenGL 4.3 is missing.")

    monkeypatch.setattr("ncaengine.backends.gl.backend.GLBackend", none)
    with pytest.raises(NCAError, match="is missing"):
        open_backend("gl")
    for choice in ("cpu", "torch"):
        with pytest.raises(NCAError, match=f"omit --half or --backend {choice}"):
            open_backend(choice, half=True)


def test_the_number_of_threads_can_be_given() -> None:
    backend, _ = open_backend("cpu", threads=1)
    assert "1 thread," in backend.description
    backend.release()


def test_a_backends_description_is_one_line(backend: Backend) -> None:
    assert backend.description
    assert "\n" not in backend.description
    backend.finish()
