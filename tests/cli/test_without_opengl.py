"""Commands that make pictures need no OpenGL: not its libraries, and not ours for it."""

from pathlib import Path

from helpers import apart
from PIL import Image

PROGRAM = """
import sys
for name in ("moderngl", "glcontext", "glfw", "imgui_bundle"):
    sys.modules[name] = None  # an import raises
from ncaengine.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_videos_sheets_and_facts_are_made_without_opengl(tmp_path: Path) -> None:
    still, sheet = tmp_path / "a.png", tmp_path / "sheet.png"
    apart("-c", PROGRAM, "record", "bubbles", "-o", still, "--size", "24x16", "--steps", 6, "--kernel", "hexagonal")
    apart("-c", PROGRAM, "sheet", "bubbles", "-o", sheet, "--steps", 4, "--size", 16)
    assert "bubbles" in apart("-c", PROGRAM, "info", "bubbles")
    for path in (still, sheet):
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(10**6) or []) > 20
