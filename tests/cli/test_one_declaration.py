"""A setting is declared in one place: a new one becomes a flag, a control, a key in files and a uniform."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, ROOT, random_model, small
from PIL import Image

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.formats import model_files

LAST = "    paused: Paused = False\n"
DECLARATION = """    glow: Annotated[
        float, _number("Glow", "Multiplies the width of every cell.", 0.5, 3, "×", "cell")
    ] = 1.0
"""
FIELD_OF = "return LOAD_2D(fields, min(cell, SIZE_2D(fields) - 1)); }"
"""The line of the shader that the new setting takes part in."""

FILES = """
import json
from pathlib import Path
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.settings import Settings
from ncaengine.io import scripts, sessions
from ncaengine.simulation.simulation import Simulation

found = {}
with Simulation(TorchBackend()) as sim:
    sim.add("m.safetensors", 8)
    sim.set("glow", 2.5)
    sessions.save_session(sim, "s.nca")
with Simulation(TorchBackend()) as sim:
    sessions.open_session(sim, "s.nca")
    found["session"] = sim.grid().settings.glow
with Simulation(TorchBackend()) as sim:
    script = scripts.load_script(Path("film.toml"))
    script.start(sim)
    for _ in script.play(sim, 60):
        pass
    found["script"] = sim.grid().settings.glow
found["uniform"] = Settings(glow=1.5).uniforms()["glow"]
print(json.dumps(found))
"""
SCRIPT = """
seconds = 0.1
[[grids]]
model = "m.safetensors"
size = [8, 8]
[[commands]]
second = 0.05
type = "Set"
grid = 1
setting = "glow"
value = 0.75
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more setting, which the shader multiplies cell widths by."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("ncaengine", "shaders", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "assets").symlink_to(ROOT / "assets")
    settings, shader = folder / "ncaengine/core/settings.py", folder / "shaders/include/fields.glsl"
    text = settings.read_text()
    assert text.count(LAST) == 1
    settings.write_text(text.replace(LAST, DECLARATION + LAST))
    text = shader.read_text()
    assert text.count(FIELD_OF) == 1
    changed = FIELD_OF.replace("return LOAD_2D", "return vec4(1, glow, 1, 1) * LOAD_2D")
    shader.write_text(
        text.replace("uniform int model_count;", "uniform float glow;\nuniform int model_count;").replace(
            FIELD_OF, changed
        )
    )
    model_files.save(random_model(small(NOTEBOOK_CONFIG)), folder / "m.safetensors")
    (folder / "film.toml").write_text(SCRIPT)
    return folder


def run(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run Python with the package in a folder."""
    paths = os.pathsep.join((str(folder), str(ROOT / "tests")))
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip


def test_record_has_a_flag_for_a_new_setting(copy: Path) -> None:
    text = " ".join(run(copy, "-m", "ncaengine", "record", "--help").stdout.replace("│", " ").split())
    assert "--glow FLOAT Multiplies the width of every cell. From 0.5 to 3×. (default: 1)" in text


def test_the_flag_reaches_the_shader(copy: Path, gl: GLBackend) -> None:
    pictures = []
    for name, *flags in (("plain",), ("glow", "--glow", 2), ("scale", "--cell-scale", 2)):
        command = ("record", "m.safetensors", "-o", f"{name}.png", "--size", 12, "--steps", 9, "--backend", "gl")
        done = run(copy, "-m", "ncaengine", *command, *flags)
        assert done.returncode == 0, done.stderr
        with Image.open(copy / f"{name}.png") as picture:
            pictures.append(np.asarray(picture))
    plain, glow, scale = pictures
    assert np.array_equal(glow, scale)
    assert not np.array_equal(glow, plain)


def test_the_flag_has_the_range_of_the_declaration(copy: Path) -> None:
    done = run(copy, "-m", "ncaengine", "record", "m.safetensors", "-o", "a.png", "--glow", 9, "--backend", "torch")
    assert (done.returncode, done.stderr) == (1, "ncaengine: Glow is 9; it must be from 0.5 to 3×.\n")


def test_sessions_scripts_and_uniforms_have_a_key_for_a_new_setting(copy: Path) -> None:
    done = run(copy, "-c", FILES)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"session": 2.5, "script": 0.75, "uniform": 1.5}


def test_the_panel_has_a_control_for_a_new_setting(copy: Path, tmp_path: Path) -> None:
    done = run(copy, ROOT / "tests/viewer/test_controls.py", "sliders", tmp_path)
    assert done.returncode == 0, done.stderr
