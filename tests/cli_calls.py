"""Calls of the command line in the test's own process."""

import pytest

from ncaengine.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command and return what it printed."""
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def problem(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that is refused and return its message."""
    assert main([str(a) for a in arguments]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("ncaengine: ")
    assert "Traceback" not in printed
    return printed


WITHOUT_OPENGL = """
import sys
for name in ("moderngl", "glcontext", "glfw", "imgui_bundle"):
    sys.modules[name] = None  # an import raises
from ncaengine.cli import main
sys.exit(main(sys.argv[1:]))
"""
WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from ncaengine.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""A program that runs a command where no package of the extra `train` can be imported."""
