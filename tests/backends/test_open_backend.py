"""Opening a backend: the best one is chosen, and its description is one line."""

import pytest
from simulations import AnyBackend

from ncaengine.backends import open_backend
from ncaengine.core.errors import NCAError


def test_auto_falls_back_to_torch_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import ncaengine.backends.gl.backend

    def none(**_: object) -> None:
        raise NCAError("OpenGL 4.3 cannot be had here.")

    monkeypatch.setattr(ncaengine.backends.gl.backend, "GLBackend", none)
    backend, line = open_backend("auto")
    assert backend.name == "torch"
    assert line == "Running on torch, slower: OpenGL 4.3 cannot be had here."
    with pytest.raises(NCAError, match="cannot be had"):
        open_backend("gl")
    assert open_backend("torch")[1] == ""


def test_a_backends_description_is_one_line(backend: AnyBackend) -> None:
    assert backend.description
    assert "\n" not in backend.description
    backend.finish()
