"""What the README says runs: its Python, its script, its table of keys."""

import os
import re
import shutil

import numpy as np
import pytest
from helpers import ROOT

from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.io import scripts
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer import keymap_table

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, gl: GLBackend) -> None:
    os.symlink(ROOT / "assets", tmp_path / "assets")
    monkeypatch.chdir(tmp_path)

    def shared(choice: str = "auto") -> tuple[Backend, str]:
        return gl, ""

    monkeypatch.setattr("ncaengine.backends.open_backend", shared)
    names: dict[str, object] = {}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    assert np.asarray(names["picture"]).shape == (512, 512, 3)  # before the resize
    assert (tmp_path / "pebbles.mp4").stat().st_size > 10_000


def test_the_script_of_the_readme_plays(tmp_path, gl: GLBackend, simulate) -> None:
    [code] = [code for code in blocks("toml") if "[[commands]]" in code]
    (tmp_path / "demo.toml").write_text(
        code.replace("[160, 120]", "[40, 30]").replace("= 12\n", "= 9\n", 1).replace("= 40", "= 6")
    )
    shutil.copy(ROOT / "assets/zebra.safetensors", tmp_path)
    sim: Simulation = simulate(gl)
    script = scripts.load(tmp_path / "demo.toml")
    script.start(sim)
    for _ in script.play(sim, TICKS_PER_SECOND // 2):
        pass
    grid = sim.grid()
    assert [model.config.name for model in grid.models] == ["bubbles", "zebra"]
    assert set(np.unique(grid.field("model"))) == {0, 1}
    assert set(np.unique(grid.field("rate"))) == {0.25, 1}


def test_the_table_of_keys_is_the_windows() -> None:
    [told] = re.findall(r"<!-- keys -->\n(.*?)<!-- /keys -->", README, re.DOTALL)
    assert told == keymap_table.table(), "write it anew: python assets/pictures/make.py keys"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\((assets/[^)]+)\)", README))))
def test_what_the_readme_shows_is_there(name: str) -> None:
    assert (ROOT / name).is_file()
