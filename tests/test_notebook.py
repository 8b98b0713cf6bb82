"""docs/notebook.ipynb, run from its first cell to its last by a kernel of its own."""

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import ROOT
from nbclient import NotebookClient

PATH = ROOT / "docs/notebook.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each cell with code displays at its end, by media type."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("PYTHONPATH", str(ROOT))
        book = nbformat.read(PATH, 4)
        NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    (video,) = folder.glob("*.mp4")
    assert video.stat().st_size > 10_000
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    return [dict(cell.outputs[-1].data) if cell.outputs else {} for cell in cells]


def test_every_display_is_there(outputs: list[dict[str, Any]]) -> None:
    forms = [set(output) - {"text/plain"} for output in outputs]
    page, widget = {"text/html", "image/png"}, {"application/vnd.jupyter.widget-view+json", "image/png"}
    assert forms == [page, page, page, set(), {"text/html"}, widget, set(), set(), set(), widget]
    for output in outputs:
        if "image/png" in output:
            assert base64.b64decode(output["image/png"]).startswith(b"\x89PNG")
    frames = [re.findall(r'sandbox="([^"]*)"', output["text/html"]) for output in outputs[:3]]
    assert frames == [["allow-scripts allow-downloads"]] * 3


def test_it_is_stored_without_outputs() -> None:
    book = nbformat.read(PATH, 4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(cells) == 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert Path(PATH).stat().st_size < 10_000
