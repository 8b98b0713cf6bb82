"""What a page does when the browser takes its graphics device away, and how it records and gives the device back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model, small
from paged import STILL
from playwright.sync_api import Browser

from ncaengine.core.kernels import Catalogue
from ncaengine.formats.exporters.page import page

LOSE = "window.device = app.gl.getExtension('WEBGL_lose_context'), device.loseContext()"


@pytest.fixture
def small_file(tmp_path: Path, catalogue: Catalogue) -> Path:
    model = random_model(small(NOTEBOOK_CONFIG))
    path = tmp_path / "small.html"
    path.write_text(page([model], [catalogue.get("square")], [STILL], "Small", {"size": "24x16"}), "utf-8")
    return path


def cells(opened: Any) -> Any:
    return np.array(opened.evaluate("Array.from(pane().grid.read())"), np.float32)


def test_what_was_painted_on_a_page_that_stands_still_outlives_the_device(open_page: Any, small_file: Path) -> None:
    opened = open_page("#paused=1", file=small_file)
    opened.evaluate("commands.step(), commands.step()")
    opened.evaluate("pane().grid.paint({ x: 5, y: 5 }, { x: 9, y: 5 }, 4, 'noise', 2)")
    opened.evaluate("pane().grid.paint({ x: 5, y: 5 }, { x: 9, y: 5 }, 4, 'rate', 0.5)")
    opened.until("pane().grid.saved.changes === pane().grid.changes")
    before, fields = cells(opened), opened.evaluate("Array.from(pane().grid.readFields())")
    opened.evaluate(LOSE)
    opened.until("app.lost")
    opened.wait_for_timeout(2600)
    assert opened.locator("#toast.on").inner_text() == opened.evaluate("LOST")
    opened.evaluate("savePicture(), toggleRecording()")
    assert not opened.evaluate("app.recorder")
    assert opened.locator("#toast").inner_text() == opened.evaluate("LOST")
    opened.evaluate("device.restoreContext()")
    opened.until("!app.lost")
    assert np.array_equal(cells(opened), before)
    assert opened.evaluate("Array.from(pane().grid.readFields())") == fields
    assert opened.evaluate("pane().grid.steps") == 2
    opened.until("!byId('toast').classList.contains('on')")
    # A page that is hidden saves at once, because browsers take devices from such pages.
    opened.evaluate(
        "pane().grid.paint({ x: 15, y: 5 }, { x: 15, y: 5 }, 4, 'noise', 2),"
        " Object.defineProperty(document, 'hidden', { get: () => true }),"
        " document.dispatchEvent(new Event('visibilitychange')), device.loseContext()"
    )
    opened.until("app.lost")
    assert not np.array_equal(cells(opened), before)


def test_erasing_after_a_reseed_paints_the_new_seed(open_page: Any) -> None:
    opened = open_page("#paused=1&size=24x16")
    changed = opened.evaluate(
        "(() => { const { grid } = pane(), erase = () => grid.paint({ x: 5, y: 5 }, { x: 5, y: 5 }, 3, 'erase');"
        " grid.info.seed = { kind: 'noise', level: 2 }; grid.reseed(1); erase(); grid.reseed(99);"
        " const before = grid.read(); erase(); return grid.read().some((value, i) => value !== before[i]); })()"
    )
    assert not changed


def test_a_page_that_stands_still_is_recorded(open_page: Any, small_file: Path, tmp_path: Path) -> None:
    opened = open_page("#paused=1", file=small_file, size=(400, 400))
    opened.wait_for_timeout(500)
    opened.evaluate("toggleRecording()")
    opened.wait_for_timeout(1500)
    with opened.expect_download() as waiting:
        opened.evaluate("toggleRecording()")
    waiting.value.save_as(tmp_path / "video")
    assert (tmp_path / "video").stat().st_size > 1000
    opened.evaluate("window.Blob = class { size = 0; }, toggleRecording(), toggleRecording()")
    opened.until("!app.recorder")
    assert opened.locator("#toast").inner_text().startswith("Nothing was recorded")


def test_a_document_can_show_more_pages_than_it_has_devices(browser: Browser, small_file: Path) -> None:
    tab, count = browser.new_page(viewport={"width": 500, "height": 400}), 18
    text = small_file.read_text("utf-8").replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{text}" style="height:120px"></iframe>'
    tab.set_content("<!doctype html>" + f"<p>{frame}</p>" * count)
    frames = tab.main_frame.child_frames

    def seen(number: int) -> None:
        tab.evaluate("(number) => document.querySelectorAll('iframe')[number].scrollIntoView()", number)
        for _ in range(400):
            shown = "typeof app === 'object' && app.ready && app.shown && !app.lost && !app.gl.isContextLost()"
            if frames[number].evaluate(shown):
                return
            tab.wait_for_timeout(50)
        raise AssertionError(f"Frame {number} shows nothing.")

    seen(0)
    frames[0].evaluate("app.paused = true, pane().grid.step(7)")
    steps, held = frames[0].evaluate("pane().grid.steps"), frames[0].evaluate("Array.from(pane().grid.read())")
    for number in (*range(1, count), 0):
        seen(number)
    assert frames[0].evaluate("Array.from(pane().grid.read())") == held
    assert frames[0].evaluate("pane().grid.steps") == steps
    assert frames[0].evaluate("byId('toast').textContent") == ""
    assert frames[-1].evaluate("app.asleep && app.gl.isContextLost()")
    tab.close()
