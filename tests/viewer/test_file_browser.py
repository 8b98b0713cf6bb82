"""The file browser: what it lists, filters, enters and returns."""

from pathlib import Path

from apps import model

from ncaengine.formats.model_files import save
from ncaengine.viewer.dialogs.gallery import ENDINGS
from ncaengine.viewer.kit.file_browser import FileBrowser, list_folder
from ncaengine.viewer.state import file_kinds


def test_the_file_browser_lists_folders_and_then_files_that_can_be_opened(tmp_path: Path) -> None:
    for name in ("b.pt", "A.safetensors", "c.nca", "d.PNG", "e.txt", "f.md", "g.json", "h.js", ".hidden.pt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "z").mkdir()
    (tmp_path / "nowhere.pt").symlink_to(tmp_path / "none")
    assert [item.path.name for item in list_folder(tmp_path, ENDINGS)] == [
        "z", "A.safetensors", "b.pt", "c.nca", "d.PNG", "g.json",
    ]  # fmt: skip


def test_the_file_browser_enters_folders_and_returns_files(tmp_path: Path) -> None:
    inner = tmp_path / "b"
    (tmp_path / "a").mkdir()
    inner.mkdir()
    file = inner / "x.safetensors"
    save(model("x"), file)
    browser = FileBrowser(tmp_path, ENDINGS, file_kinds.PICTURE_ENDINGS)
    assert browser.open_path(inner) is None
    assert browser.folder == inner
    assert browser.open_path(file) == file
    assert browser.open_path(tmp_path) is None
    assert browser.items[browser.selected].path == inner  # the folder that was left
    for gone in ("none", "x" * 300, "~no-such-user"):
        assert browser.open_path(Path(gone)) is None
        assert browser.error == f"{gone}: no such file or folder."
    assert browser.folder == tmp_path
    browser.open_folder(tmp_path / "none")
    assert "cannot be read" in browser.error
    browser.open_folder(inner)
    assert browser.error == ""


def test_the_filter_shows_names_with_all_words(tmp_path: Path) -> None:
    names = ["zebra small.pt", "zebra.safetensors", "coral.pt", "picture.png"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "Zebras").mkdir()
    browser = FileBrowser(tmp_path, ENDINGS, file_kinds.PICTURE_ENDINGS)
    browser.open_folder(tmp_path)
    browser.selected = 3
    browser.set_filter("ZEB")
    assert [item.path.name for item in browser.items] == ["Zebras", "zebra small.pt", "zebra.safetensors"]
    assert browser.selected == 0
    browser.set_filter("small zeb")
    assert [item.path.name for item in browser.items] == ["zebra small.pt"]
    browser.set_filter("giraffe")
    assert browser.items == []
    browser.open_folder(tmp_path / "Zebras")
    browser.open_folder(tmp_path)
    assert len(browser.items) == 5
