"""The page's controls in a real browser: brushes, keys, touch, links, sizes, and what it does without WebGL2."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ncaengine.formats import model_files

Page = Any  # Opened in conftest.py


def grid(page: Page, what: str, number: int = 0) -> Any:
    return page.evaluate(f"app.panes[{number}].grid.{what}")


def state(page: Page, number: int = 0) -> Any:
    """The state of a grid, (height, width, channels) float32."""
    flat = np.array(page.evaluate(f"Array.from(app.panes[{number}].grid.read())"), np.float32)
    return flat.reshape(grid(page, "height", number), grid(page, "width", number), -1)


def settle(page: Page) -> None:
    """Wait until what was asked for is done and drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("#cards .port").first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_page_runs_without_a_request_or_an_error(open_page: Any) -> None:
    page = open_page("#size=32x32")
    page.until("pane().grid.steps > 0")
    assert len(page.requests) == 1
    assert page.errors == []
    assert page.title()
    assert page.locator("#name").inner_text() == page.evaluate("app.data.models[0].name")


@pytest.mark.parametrize("tool", ["erase", "noise"])
def test_a_brush_changes_the_cells_below_it_only(open_page: Any, tool: str) -> None:
    page = open_page("#size=32x32&paused=1")
    page.evaluate("pane().grid.step(6)")
    page.keyboard.press({"erase": "e", "noise": "n"}[tool])
    page.evaluate("app.radius = 5")
    before = state(page)
    page.mouse.move(*middle(page))
    page.mouse.down()
    page.mouse.up()
    page.until("stroke === null")
    changed = np.any(state(page) != before, axis=2)
    row, column = np.nonzero(changed)
    far = np.hypot(row - 15.5, column - 15.5)
    assert changed.sum() > 40
    assert far.max() < 7


def test_another_model_is_painted_with_a_soft_border(open_page: Any) -> None:
    page = open_page("#size=48x48&paused=1")
    page.keyboard.press("m")
    page.evaluate("Object.assign(app, { radius: 16, softness: 0.8 })")
    page.mouse.move(*middle(page))
    page.mouse.down()
    page.mouse.up()
    page.until("stroke === null")
    slots = np.array(page.evaluate("Array.from(pane().grid.readFields())")).reshape(48, 48, 4)[..., 3]
    row, column = np.nonzero(slots)
    far = np.hypot(row - 23.5, column - 23.5)
    assert set(np.unique(slots)) == {0, 1}
    ring = [np.mean(slots[np.abs(np.hypot(*np.indices((48, 48)) - 23.5) - radius) < 1]) for radius in (2, 10, 14)]
    assert ring[0] == 1 > ring[1] > ring[2] > 0
    assert far.max() <= 16.8


def test_the_kernel_changes_and_the_cells_stay(open_page: Any) -> None:
    page = open_page("#size=32x32&paused=1")
    page.evaluate("pane().grid.step(4)")
    before = state(page)
    page.keyboard.press("k")
    assert grid(page, "kernel") == "hexagonal"
    assert np.array_equal(state(page), before)
    assert "Hexagonal" in page.locator(".kind").inner_text()
    page.locator("#section-model").get_by_role("button", name="Square").click()
    assert grid(page, "kernel") == "square"


def test_a_resize_of_the_window_keeps_what_is_there(open_page: Any) -> None:
    page = open_page("#paused=1")
    page.evaluate("pane().grid.step(4)")
    width, height = grid(page, "width"), grid(page, "height")
    before = state(page)
    page.set_viewport_size({"width": 900, "height": 640})
    page.until(f"pane().grid.width !== {width} || pane().grid.height !== {height}")
    after, steps = state(page), grid(page, "steps")
    rows, columns = min(before.shape[0], after.shape[0]) // 2, min(before.shape[1], after.shape[1]) // 2
    crops = [
        each[each.shape[0] // 2 - rows // 2 :, each.shape[1] // 2 - columns // 2 :][:rows, :columns]
        for each in (before, after)
    ]
    assert np.array_equal(*crops)
    assert steps == 4


def test_a_size_can_be_set_and_the_window_followed_again(open_page: Any) -> None:
    page = open_page("#paused=1")
    page.locator("#section-grids").get_by_role("button", name="64", exact=True).click()
    assert (grid(page, "width"), grid(page, "height")) == (64, 64)
    page.locator("[data-side=width]").fill("40")
    page.locator("[data-side=width]").press("Enter")
    assert (grid(page, "width"), grid(page, "height")) == (40, 64)
    page.get_by_role("button", name="Window").click()
    assert grid(page, "width") > 64


def test_the_link_holds_the_settings_and_restores_them(open_page: Any) -> None:
    page = open_page("#size=32x32&paused=1")
    page.keyboard.press("k")
    page.keyboard.press("ArrowUp")
    page.evaluate("commands.setting('fireRate', 0.25)")
    page.evaluate("commands.seed(77)")
    page.evaluate("commands.rate('halves')")
    page.until("location.hash.includes('fireRate=0.25') && location.hash.includes('speed=120')")
    link = page.evaluate("location.hash")
    again = open_page(link)
    assert again.evaluate("JSON.stringify(settingsNow())") == page.evaluate("JSON.stringify(settingsNow())")
    assert again.evaluate("settingsNow().grids[0]")["seed"] == 77
    assert again.locator(".kind").inner_text() == "Hexagonal · 32 × 32"


def test_the_random_seed_fixes_the_run(open_page: Any) -> None:
    states = []
    for seed in (5, 5, 6):
        page = open_page(f"#size=24x24&paused=1&seed={seed}")
        page.evaluate("pane().grid.step(8)")
        states.append(state(page))
    assert np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])


def test_a_page_starts_as_its_author_set_it(open_page: Any) -> None:
    start = {"kernel": "hexagonal", "size": "40x24", "seed": 3, "speed": 30, "grids": [{"model": "coral", "speed": 7}]}
    want = open_page("#paused=1").evaluate("(start) => fromTexts(startTexts(start), app.data)", start)
    assert want["size"] == "40x24"
    first = {"model": "zebra", "kernel": "hexagonal", "seed": 3, "speed": 30, "fireRate": 0.5, "scale": 1}
    assert [{key: each[key] for key in first} for each in want["grids"]] == [
        first,
        {**first, "model": "coral", "speed": 7},
    ]


def test_the_gallery_runs_all_shipped_models(open_page: Any) -> None:
    file = Path(__file__).parents[2] / "docs" / "gallery.html"
    assert file.stat().st_size <= 500_000
    page = open_page("#size=24x24&paused=1", file=file)
    paths = (file.parents[1] / "assets").glob("*.safetensors")
    shipped = {name for path in paths for name in model_files.load(path).config.textures or [path.stem]}
    assert set(page.evaluate("app.data.models.map(({ name }) => name)")) == shipped
    for index in range(len(shipped)):
        page.evaluate(f"commands.model({index}), pane().grid.step(2)")
        assert np.isfinite(state(page)).all()
    assert page.errors == []


def test_back_and_forward_move_between_settings(open_page: Any) -> None:
    page = open_page("#size=32x32&paused=1")
    page.keyboard.press("k")
    page.keyboard.press("r")
    seed = grid(page, "seed")
    page.go_back()
    page.until("pane().grid.seed === 0")
    page.go_back()
    page.until("pane().grid.kernel === 'square'")
    page.go_forward()
    page.go_forward()
    page.until(f"pane().grid.kernel === 'hexagonal' && pane().grid.seed === {seed}")


def test_a_link_with_nonsense_opens_the_default(open_page: Any) -> None:
    page = open_page("#model=nobody&kernel=round&speed=fast&size=axb&seed=-3&rate=odd&scale=1e9")
    page.until("pane().grid.steps > 0")
    assert grid(page, "model") == 0
    assert grid(page, "kernel") == "square"
    assert grid(page, "settings.scale") == 4  # a number out of range becomes the nearest
    assert page.errors == []


def test_keys_do_what_they_do_in_the_window(open_page: Any) -> None:
    page = open_page("#size=24x24&paused=1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert grid(page, "steps") == 2
    page.keyboard.press("Space")
    page.until("pane().grid.steps > 4")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+R")
    assert (grid(page, "steps"), grid(page, "seed")) == (0, 0)
    page.keyboard.press("]")
    assert page.evaluate("app.radius") == pytest.approx(8 * 1.15)
    page.keyboard.press("l")
    page.keyboard.press("Shift+X")
    assert [each["speed"] for each in page.evaluate("settingsNow().grids")] == [30, 120]
    page.keyboard.press("2")
    page.keyboard.press("Delete")
    assert page.evaluate("settingsNow().grids.map((each) => each.speed)") == [30]
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()


def test_the_window_has_the_keys_of_the_page() -> None:
    """A key that both have does the same; browsers keep some of the window's keys for themselves."""
    from ncaengine.viewer.keymap import TABLE

    text = (Path(__file__).parents[2] / "assets" / "page" / "ui_keys.js").read_text("utf-8")
    ours = dict(re.findall(r'^    \["[^"]*", "([^"]+)", "([^"]+)"', text, re.MULTILINE))
    theirs = {shortcut.shown: shortcut.help for shortcut in TABLE if shortcut.shown}
    assert len(ours) > 25
    only_here = set(ours) - set(theirs)
    assert only_here == {"1, 2", "Shift T"}  # the window has nine grids, and Ctrl T, which opens a tab in browsers
    differ = {shown for shown in ours if shown in theirs and ours[shown] != theirs[shown]}
    assert differ == {"Wheel", "Drag", "Shift P", "F"}  # the window's F also fills the card


def test_two_grids_run_at_their_own_speeds(open_page: Any) -> None:
    page = open_page("#size=16x16&grids=2&speed=2&b.speed=40")
    page.until("app.panes[1].grid.steps >= 12")
    slow, fast = grid(page, "steps", 0), grid(page, "steps", 1)
    assert slow < fast / 2
    boxes = page.locator("#cards .port")
    assert boxes.count() == 2
    assert boxes.nth(0).bounding_box()["x"] < boxes.nth(1).bounding_box()["x"]


def test_a_comparison_starts_from_the_same_cells(open_page: Any) -> None:
    page = open_page("#size=24x24&paused=1")
    page.evaluate("pane().grid.step(5)")
    page.get_by_role("button", name="Kernels").click()
    assert page.evaluate("app.panes.map(({ grid }) => grid.kernel)") == ["square", "hexagonal"]
    assert np.array_equal(state(page, 0), state(page, 1))
    assert grid(page, "steps", 1) == 5


def test_one_finger_paints_and_two_move_and_zoom(open_page: Any) -> None:
    page = open_page("#size=32x32&paused=1", phone=True)
    page.evaluate("pane().grid.step(6)")
    before = state(page)
    x, y = middle(page)
    zoom = page.evaluate("zoomOf(pane())")
    touch = page.context.new_cdp_session(page.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": at[0], "y": at[1], "id": number} for number, at in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (x - 40, y))
    fingers("touchStart", (x - 40, y), (x + 40, y))
    fingers("touchMove", (x - 60, y + 30), (x + 100, y + 30))
    fingers("touchEnd")
    settle(page)
    assert np.array_equal(state(page), before)  # two fingers paint nothing
    assert page.evaluate("view.zoom") == pytest.approx(2 * zoom)
    assert page.evaluate("view.y") < 0
    fingers("touchStart", (x, y))
    fingers("touchMove", (x + 10, y))
    fingers("touchEnd")
    page.until("stroke === null")
    assert not np.array_equal(state(page), before)


def test_the_wheel_zooms_at_the_pointer_and_changes_the_brush(open_page: Any) -> None:
    page = open_page("#size=32x32&paused=1")
    x, y = middle(page)
    page.mouse.move(x + 50, y + 20)
    page.mouse.wheel(0, -100)
    page.until("app.radius > 8")
    page.keyboard.press("v")
    at = "pointAt(pane(), pane().port.width / 2 + 50 + pane().port.x, pane().port.height / 2 + 20 + pane().port.y)"
    before, zoom = page.evaluate(at), page.evaluate("zoomOf(pane())")
    page.mouse.wheel(0, -300)
    page.until("view.zoom > 0")
    after = page.evaluate(at)
    assert page.evaluate("view.zoom") > 1.3 * zoom
    assert after["x"] == pytest.approx(before["x"], abs=0.1)
    assert after["y"] == pytest.approx(before["y"], abs=0.1)
    page.keyboard.press("f")
    assert page.evaluate("zoomOf(pane())") == zoom


def test_a_frame_shows_the_canvas_alone(open_page: Any) -> None:
    page = open_page("?embed#size=24x24")
    page.until("app.shown")
    box = page.locator("#canvas").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 800)
    for name in ("#side", "#tools", ".status", ".head"):
        assert not page.locator(name).first.is_visible()


def test_a_lost_context_comes_back_with_its_cells(open_page: Any) -> None:
    page = open_page("#size=24x24&paused=1")
    page.evaluate("pane().grid.step(3)")
    page.evaluate("pane().grid.write(pane().grid.read())")
    before = state(page)
    page.evaluate("window.loser = app.gl.getExtension('WEBGL_lose_context'), loser.loseContext()")
    page.until("app.lost")
    page.evaluate("loser.restoreContext()")
    page.until("!app.lost")
    assert np.allclose(state(page), before)
    page.keyboard.press("Space")
    page.until("pane().grid.steps > 3")
    assert page.errors == []


def test_a_picture_is_saved(open_page: Any, tmp_path: Path) -> None:
    page = open_page("#size=24x24&paused=1")
    page.evaluate("pane().grid.step(3)")
    with page.expect_download() as waiting:
        page.keyboard.press("Shift+P")
    path = tmp_path / "picture.png"
    waiting.value.save_as(path)
    picture = np.asarray(Image.open(path).convert("RGB")).astype(float)
    assert waiting.value.suggested_filename.endswith("-3.png")
    middle_part = picture[
        picture.shape[0] // 3 : -picture.shape[0] // 3, picture.shape[1] // 3 : -picture.shape[1] // 3
    ]
    assert middle_part.std() > 5  # it shows cells


def test_a_device_that_is_too_slow_says_so(open_page: Any) -> None:
    page = open_page("#size=64x64&speed=7000")
    page.until("/^This device makes \\d+ of 7000 steps.s[.]$/.test(byId('pace').textContent)")


def test_a_page_that_is_hidden_stands_still(open_page: Any) -> None:
    page = open_page("#size=16x16")
    page.until("pane().grid.steps > 1")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => window.covered }), window.covered = true,"
        " document.dispatchEvent(new Event('visibilitychange'))"
    )
    steps = grid(page, "steps")
    page.wait_for_timeout(700)
    assert grid(page, "steps") == steps
    page.evaluate("window.covered = false, document.dispatchEvent(new Event('visibilitychange'))")
    page.until(f"pane().grid.steps > {steps}")


def test_states_of_16_bits_are_named_on_the_page(open_page: Any) -> None:
    without = (
        "let floats = null;"
        "const check = WebGL2RenderingContext.prototype.checkFramebufferStatus, storage = 'texStorage3D';"
        "const make = WebGL2RenderingContext.prototype[storage];"
        "WebGL2RenderingContext.prototype[storage] = function (kind, levels, format, ...size) {"
        " floats = format === this.RGBA32F; return make.call(this, kind, levels, format, ...size); };"
        "WebGL2RenderingContext.prototype.checkFramebufferStatus = function (target) {"
        " return floats ? this.FRAMEBUFFER_UNSUPPORTED : check.call(this, target); };"
    )
    page = open_page("#size=24x24", script=without)
    page.until("pane().grid.steps > 2")
    assert page.evaluate("app.engine.half")
    assert page.locator("#device").inner_text() == "WebGL2, states are 16-bit here"
    assert page.errors == []


def test_a_video_is_recorded(open_page: Any, tmp_path: Path) -> None:
    page = open_page("#size=24x24")
    page.evaluate("toggleRecording()")
    page.until("pane().grid.steps > 5")
    page.wait_for_timeout(1500)
    with page.expect_download() as waiting:
        page.evaluate("toggleRecording()")
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    start = path.read_bytes()[:12]
    assert start.startswith(b"\x1aE\xdf\xa3") or start[4:8] == b"ftyp"  # WebM or MP4
    assert path.stat().st_size > 1000
    assert page.errors == []


def test_without_webgl2_a_still_and_a_sentence_are_left(open_page: Any) -> None:
    page = open_page("", script="HTMLCanvasElement.prototype.getContext = () => null;", wait=False)
    page.wait_for_selector("body.stopped")
    assert "WebGL" in page.locator("#sentence").inner_text()
    assert page.locator("#still img").is_visible()
    assert page.errors == []


def test_without_scripts_a_still_and_a_sentence_are_left(open_page: Any) -> None:
    page = open_page("", scripts=False, wait=False)
    assert "scripts" in page.locator("#sentence").inner_text()
    assert page.locator("#still img").is_visible()
    assert not page.locator("#side").is_visible()


@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1280, 800), (2560, 1440)], ids=str)
def test_nothing_is_cut_off_or_covers_the_picture(open_page: Any, size: tuple[int, int]) -> None:
    page = open_page("#size=24x24&paused=1", size=size, phone=min(size) < 500)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    port = page.locator(".port").bounding_box()
    assert port["width"] * port["height"] > 0.38 * size[0] * size[1]
    outside = page.evaluate(
        "[...document.querySelectorAll('button, input, summary')].filter((each) => each.offsetParent)"
        ".map((each) => [each.getAttribute('aria-label') || each.textContent, each.getBoundingClientRect()])"
        f".filter(([, box]) => box.left < -1 || box.right > {size[0]} + 1).map(([name]) => name)"
    )
    assert outside == []
    covering = page.evaluate(
        "(([x, y, w, h]) => { const hits = new Set(); for (let i = 1; i < 10; i++) for (let j = 1; j < 10; j++)"
        " hits.add(document.elementFromPoint(x + w * i / 10, y + h * j / 10).id); return [...hits]; })"
        f"({[port['x'], port['y'], port['width'], port['height']]})"
    )
    assert covering == ["canvas"]


def test_targets_are_large_on_touch_screens_and_all_have_names(open_page: Any) -> None:
    page = open_page("#size=24x24&paused=1", phone=True)
    small = page.evaluate(
        "[...document.querySelectorAll('.tools button, .run button, .tabs button')].filter((each) => each.offsetParent)"
        ".map((each) => [each.ariaLabel, each.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < 44 || box.width < 40).map(([name]) => name)"
    )
    assert small == []
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input')]"
        ".filter((each) => !each.ariaLabel && !each.textContent.trim()).length"
    )
    assert nameless == 0
