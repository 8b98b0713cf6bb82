"""Commands that make pictures need no OpenGL: not its libraries, and not ours for it."""

from pathlib import Path

from cli_calls import WITHOUT_OPENGL
from helpers import apart
from PIL import Image


def test_videos_sheets_and_facts_are_made_without_opengl(tmp_path: Path) -> None:
    still, sheet = tmp_path / "a.png", tmp_path / "sheet.png"
    apart(
        "-c", WITHOUT_OPENGL, "record", "bubbles", "-o", still, "--size", "24x16", "--steps", 6, "--kernel", "hexagonal"
    )
    apart("-c", WITHOUT_OPENGL, "sheet", "bubbles", "-o", sheet, "--steps", 4, "--size", 16)
    assert "bubbles" in apart("-c", WITHOUT_OPENGL, "info", "bubbles")
    for path in (still, sheet):
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(10**6) or []) > 20
