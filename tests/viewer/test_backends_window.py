"""The window on OpenGL, on the processor, and with an OpenGL that only draws.

Other tests leave the choice of the backend to the window, which is the processor where there is no GPU.
`python tests/viewer/test_backends_window.py SCENARIO FOLDER BACKEND` runs one scenario by hand, see window_driver.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, apart
from window_driver import BACKEND, model

from ncaengine.core import kernels
from ncaengine.core.looks import Look
from ncaengine.simulation.commands import Paint, Rewind, SetKernel, Show, Step
from ncaengine.viewer.actions import running
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences

SCENARIOS_OF_OTHERS = [
    ("test_window", "work"),
    ("test_window", "seed"),
    ("test_window", "idle"),
    ("test_painting_window", "brushes"),
    ("test_cell_overlay", "cells"),
    ("test_timeline", "bar"),
    ("test_collections_window", "gallery"),
]


def views(folder: Path) -> None:
    """Save pictures of a window with two lattices, zoomed in and out, with lines, brushes and other looks."""
    from ncaengine.viewer.window import Window

    options, prefs = Options((24, 20), backend=BACKEND), Preferences(closed=[])
    pictures = []
    with Window([model("a"), model("b")], options, kernels.discover(), (900, 600), hidden=True, prefs=prefs) as window:
        app = window.app
        running.toggle_pause_all(app)
        window.frame()
        app.submit(SetKernel(2, "hexagonal"), *(Step(number) for number in (1, 2) for _ in range(4)))
        app.submit(Paint(1, "erase", ((5.0, 5.0),), 3.0), Rewind(2, 2))
        app.sim.backend.finish()  # else the window shows the state before the stroke, and the stroke later
        for zoom in (None, 3.7, 30.0, 1.2):
            for look in (Look(), Look("update")):
                for pane in app.panes:
                    pane.camera.zoom, pane.camera.repeat = zoom, True
                    app.submit(Show(pane.grid.id, look))
                window.frame()
                pictures.append(window.pixels()[:540])  # without the status bar, which names the device
        (folder / f"{app.sim.backend.name}.txt").write_text(app.sim.backend.description)
        np.save(folder / f"{BACKEND}.npy", pictures)


SCENARIOS = {scenario.__name__: scenario for scenario in (views,)}


# Tests that run the scenarios


@pytest.fixture
def old_opengl(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mesa says that it is an older version, which has no compute shaders; macOS has 4.1. '' changes nothing."""
    version = request.param
    if not version:
        return
    if not sys.platform.startswith("linux"):
        pytest.skip("only Mesa can say that it is older")
    monkeypatch.setenv("MESA_GL_VERSION_OVERRIDE", version)
    monkeypatch.setenv("MESA_GLSL_VERSION_OVERRIDE", version.replace(".", "") + "0")


@pytest.mark.usefixtures("old_opengl")
@pytest.mark.parametrize("old_opengl", ["", "4.1"], indirect=True)
@pytest.mark.parametrize(("file", "scenario"), SCENARIOS_OF_OTHERS)
def test_the_window_works_with_and_without_compute_shaders(file: str, scenario: str, tmp_path: Path) -> None:
    apart(ROOT / f"tests/viewer/{file}.py", scenario, tmp_path, "gl")


def test_the_window_shows_the_same_on_every_backend(tmp_path: Path) -> None:
    for backend in ("gl", "fragment", "cpu"):
        apart(__file__, "views", tmp_path, backend)
        assert (tmp_path / f"{'cpu' if backend == 'cpu' else 'gl'}.txt").is_file()
    truth, *others = (np.load(tmp_path / f"{backend}.npy").astype(int) for backend in ("gl", "fragment", "cpu"))
    assert truth.shape == (8, 540, 900, 3)
    assert len({picture.tobytes() for picture in truth}) == 8
    for pictures in others:
        # The states differ by rounding, and the root that the look "update" takes of small numbers enlarges that.
        assert np.abs(truth - pictures).max() <= 2


@pytest.mark.usefixtures("old_opengl")
@pytest.mark.parametrize("old_opengl", ["4.1", "3.3"], indirect=True)
@pytest.mark.parametrize("backend", ["auto", "gl"])
def test_an_opengl_without_compute_shaders_draws_the_window(backend: str, tmp_path: Path) -> None:
    apart(__file__, "views", tmp_path, backend)
    (name,) = [path.stem for path in tmp_path.glob("*.txt")]
    assert (name == "gl") == (backend == "gl")


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
