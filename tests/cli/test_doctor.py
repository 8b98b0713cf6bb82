"""`ncaengine doctor`: what it finds on machines with something missing or broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_calls import WITHOUT_TORCH

from ncaengine.cli import doctor, main


def findings(*program: str, **variables: str) -> dict[str, list[dict[str, str]]]:
    """Run the command and return what it finds, by part."""
    command = [sys.executable, *(program or ("-m", "ncaengine")), "doctor", "--json"]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    assert done.stderr == ""
    parts: dict[str, list[dict[str, str]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        parts.setdefault(each["part"], []).append(each)
    assert list(parts) == list(doctor.CHECKS)
    return parts


def test_it_names_all_parts_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert set(doctor.CHECKS) <= {line.split()[0] for line in printed.splitlines() if line.strip()}


def test_a_machine_without_opengl_display_torch_and_with_a_broken_kernel(tmp_path: Path) -> None:
    plugin = tmp_path / "config/ncaengine/plugins/odd/kernel.toml"
    plugin.parent.mkdir(parents=True)
    plugin.write_text('name = "odd"')
    (tmp_path / "file").touch()
    found = findings("-c", WITHOUT_TORCH, __EGL_VENDOR_LIBRARY_FILENAMES="/none", DISPLAY="", WAYLAND_DISPLAY="",
                     XDG_CONFIG_HOME=f"{tmp_path}/config", XDG_CACHE_HOME=f"{tmp_path}/file/x")  # fmt: skip
    for part in ("OpenGL", "display", "torch"):
        assert [each["verdict"] for each in found[part]] == ["missing"]
        assert found[part][0]["advice"]
    assert "pip install 'ncaengine[train]'" in found["torch"][0]["advice"]
    good, broken = found["kernels"]
    assert "hexagonal" in good["found"]
    assert (broken["verdict"], broken["found"].startswith(f"{plugin}: ")) == ("broken", True)
    [caches] = [each for each in found["folders"] if each["found"].startswith("caches")]
    assert caches["verdict"] == "broken"
    assert [each["verdict"] for each in found["encoders"]] == ["good", "good"]


def test_an_encoder_that_pillow_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    *_, found = doctor.CHECKS["encoders"]("encoders")
    assert (found.verdict, found.found.endswith("but not .avif")) == ("broken", True)


def test_a_machine_with_everything(tmp_path: Path) -> None:
    found = findings(MESA_GL_VERSION_OVERRIDE="4.1", MESA_GLSL_VERSION_OVERRIDE="410", XDG_CACHE_HOME=str(tmp_path))
    assert "without compute shaders" in found["OpenGL"][0]["found"]
    assert "torch" in found["torch"][0]["found"]
    assert "vectors: " in found["processor"][0]["found"]
    assert all(each["verdict"] == "good" for each in found["folders"])


def test_a_driver_that_crashes_or_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPENGL", "import os; os.abort()")
    [found] = doctor.CHECKS["OpenGL"]("OpenGL")
    assert (found.verdict, found.found) == ("missing", "the driver ended the process (signal 6)")
    monkeypatch.setattr(doctor, "OPENGL", "import time; time.sleep(60)")
    monkeypatch.setattr(doctor, "PATIENCE", 1)
    [found] = doctor.CHECKS["OpenGL"]("OpenGL")
    assert "does not answer" in found.found


def test_a_check_that_fails_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(part: str) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(doctor, "CHECKS", {"a": fails, "models": doctor.CHECKS["models"]})
    first, second = doctor.run_all()
    assert (first.verdict, first.found) == ("broken", "ZeroDivisionError: x")
    assert second.verdict == "good"
