"""The window's shell: palette, themes, text size, splitters, help and notices.

`python tests/viewer/test_shell.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import itertools
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from helpers import apart
from window_driver import ask, drive, frames, model, wait_until

from ncaengine.core import kernels
from ncaengine.simulation import commands
from ncaengine.viewer.actions import running
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.fuzzy import PaletteCommand
from ncaengine.viewer.state.notices import Button
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences

SMALL = Options((40, 40), rng_seed=3)


# In the window


def palette(folder: Path) -> None:
    """Run commands, settings, sizes, kernels, models, grids, theme and text size by typing."""
    from imgui_bundle import imgui

    from ncaengine.viewer.dialogs.palette_commands import matching

    key = imgui.Key

    def opened() -> bool:
        return bool(imgui.is_popup_open("", imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level))

    def script(engine: Any, app: App) -> None:
        grid = app.grid
        frames(engine)
        ask(engine, "pause or run")
        assert grid.settings.paused
        assert not opened()
        ask(engine, "fire rate 0.3")
        assert grid.settings.fire_rate == 0.3
        ask(engine, "rotat -90")
        assert grid.settings.angle == -90
        ask(engine, "size 48x32")
        assert grid.size == (48, 32)
        ask(engine, "hexagonal")
        assert grid.kernel.name == "hexagonal"
        ask(engine, "model: b")
        assert app.name_of(grid.model) == "b"
        ask(engine, "grid 2")
        assert app.selected == 1
        ask(engine, "theme light")
        assert app.prefs.theme == "light"
        ask(engine, "text size 125 %")
        assert app.prefs.text_size == 1.25
        ask(engine, "reset the text")
        assert app.prefs.text_size == 1
        # A setting without a number waits for one.
        ask(engine, "fire rate")
        assert opened()
        engine.key_chars("0.75")
        frames(engine)
        engine.key_press(int(key.enter))
        frames(engine)
        assert app.grid.settings.fire_rate == 0.75
        # A number out of range is an error.
        ask(engine, "fire rate 7")
        assert [toast.kind for toast in app.toasts] == ["error"]
        # The arrows move the selection, Escape closes the palette, and keys do nothing else meanwhile.
        second = matching(app, "theme:")[1].title.lower()
        ask(engine, "theme:", enter=False)
        engine.key_press(int(key.down_arrow))
        engine.key_press(int(key.down_arrow))
        engine.key_press(int(key.up_arrow))
        engine.key_press(int(key.enter))
        frames(engine)
        assert second == f"theme: {app.prefs.theme}"
        ask(engine, "quit", enter=False)
        engine.key_press(int(key.escape))
        frames(engine)
        assert not opened()
        assert not app.closing
        ask(engine, "no such thing at all")
        assert opened()
        engine.key_press(int(key.escape))
        frames(engine)
        ask(engine, "this help")
        assert app.show_help
        engine.key_press(int(key.escape))
        frames(engine)
        assert not app.show_help
        # The mouse works, too.
        engine.set_ref("ncaengine")
        engine.item_click("**/###commands")
        frames(engine)
        engine.key_chars("theme: dark")
        frames(engine)
        engine.set_ref("//##palette")
        engine.item_click("**/###entry0")
        frames(engine)
        assert app.prefs.theme == "dark"

    drive(SMALL, 2, script, (800, 500))


def themes(folder: Path) -> None:
    """Change the theme and the text size; both take effect in the next frames."""
    from imgui_bundle import hello_imgui, imgui

    from ncaengine.viewer.kit import theme

    key = imgui.Key
    ctrl = int(key.mod_ctrl)

    def looks(which: str) -> bool:
        found = imgui.get_style().color_(imgui.Col_.text)
        wanted = theme.THEMES[which]["TEXT"]
        return theme.name == which and abs(found.x - wanted.x) < 1e-6

    def script(engine: Any, app: App) -> None:
        frames(engine)
        assert looks("dark")
        engine.key_press(ctrl | int(key.t))
        wait_until(engine, lambda: looks("light"))
        engine.key_press(ctrl | int(key.t))
        wait_until(engine, lambda: looks("dark"))
        size, rounding = hello_imgui.em_size(), imgui.get_style().window_padding.x
        engine.key_press(ctrl | int(key.equal))
        engine.key_press(ctrl | int(key.equal))
        wait_until(engine, lambda: abs(hello_imgui.em_size() / size - 1.2) < 0.05)
        frames(engine)
        assert imgui.get_style().window_padding.x > rounding
        engine.key_press(ctrl | int(key.minus))
        assert app.prefs.text_size == pytest.approx(1.1)
        engine.key_press(ctrl | int(key._0))
        wait_until(engine, lambda: hello_imgui.em_size() == size)
        app.prefs.text_size, app.show_help = 2.0, True  # the help scrolls if it does not fit
        frames(engine, 6)
        window = engine.window_info("//##help").window
        assert window.pos.x >= 0
        assert window.pos.x + window.size.x <= 640
        assert window.pos.y >= 0
        assert window.pos.y + window.size.y <= 400
        engine.key_press(int(key.page_down))
        frames(engine)
        assert window.scroll.y > 0
        assert window.scroll_max.x == 0  # its texts are wrapped
        engine.key_press(int(key.escape))
        frames(engine)
        assert not app.show_help

    drive(SMALL, 1, script, (640, 400))


def splits(folder: Path) -> None:
    """Drag the gaps between the cards and the edge of the side bar; a double-click resets them."""

    from ncaengine.viewer.dialogs import palette_commands

    def more(app: App, typed: str) -> list[PaletteCommand]:
        """Yield another command: add two grids."""
        add = commands.AddGrid("a", (40, 40))
        return [PaletteCommand("Two more of them", "", lambda: app.submit(add, add))]

    palette_commands.PROVIDERS.append(more)

    def width(engine: Any, number: int) -> float:
        return float(engine.item_info(f"**/canvas{number}").rect_full.get_width())

    def script(engine: Any, app: App) -> None:
        frames(engine)
        ask(engine, "two more")
        wait_until(engine, lambda: len(app.panes) == 4)
        frames(engine)
        before = width(engine, 1), width(engine, 2)
        engine.item_drag_with_delta("**/##columns0", (60, 0))
        frames(engine)
        assert abs(width(engine, 1) - before[0] - 60) < 3
        assert abs(width(engine, 2) - before[1] + 60) < 3
        assert abs(width(engine, 3) - width(engine, 1)) < 1
        assert app.prefs.columns[0] > app.prefs.columns[1]
        engine.item_drag_with_delta("**/##columns0", (-900, 0))  # a card keeps some width
        frames(engine)
        assert width(engine, 1) > 60
        engine.item_double_click("**/##columns0")
        frames(engine)
        assert app.prefs.columns == [1, 1]
        assert abs(width(engine, 1) - before[0]) < 2
        gap = engine.item_info("**/##rows0").rect_full
        engine.mouse_move_to_pos((gap.min.x + 30, gap.min.y + gap.get_height() / 2))
        engine.mouse_drag_with_delta((0, -40))
        frames(engine)
        assert app.prefs.rows[0] < app.prefs.rows[1]
        side = app.prefs.side
        engine.item_drag_with_delta("**/##edge", (-60, 0))
        frames(engine)
        assert app.prefs.side == pytest.approx(side + 4)
        engine.item_drag_with_delta("**/##edge", (900, 0))
        frames(engine)
        assert app.prefs.side == 15
        engine.item_double_click("**/##edge")
        frames(engine)
        assert app.prefs.side == side

    drive(SMALL, 2, script, (1000, 700))


def cramped(folder: Path) -> None:
    """No size of the window or the text and no number of grids makes the window fail."""
    from imgui_bundle import imgui  # before glfw

    import glfw  # isort: skip
    from imgui_bundle.glfw_utils import glfw_window_hello_imgui  # isort: skip

    from ncaengine.viewer.actions import grids
    from ncaengine.viewer.window import Window

    prefs = Preferences(closed=[])
    options = Options((8, 8), rng_seed=3)
    with Window([model("a")], options, kernels.discover(), (640, 400), hidden=True, prefs=prefs) as window:
        app = window.app
        running.toggle_pause(app)
        answers = Button("Restore", "", lambda: None), Button("Not now", "", lambda: None)
        app.ask_question("Was it closed by mistake? " * 9, *answers)
        for count in (1, 7, 16):
            while len(app.panes) < count:
                grids.duplicate(app)
            for size in ((640, 400), (640, 150), (200, 120), (120, 90), (90, 500)):
                glfw.set_window_size(glfw_window_hello_imgui(), *size)
                for text, panel in itertools.product((0.8, 1.7, 2.0), (True, False)):
                    prefs.text_size, prefs.show_panel = text, panel
                    app.notify("Something went wrong. " * 20, "error")
                    for _ in range(2):
                        window.frame()
                assert imgui.get_io().display_size.x == size[0]
    with Window([model("a")], options, kernels.discover(), (120, 90), hidden=True) as window:
        window.frame()


def toasts(folder: Path) -> None:
    """Notices disappear after a while, but not under the pointer; questions stay until they are answered."""

    def script(engine: Any, app: App) -> None:
        answers: list[int] = []
        app.notify("There is nothing to undo.")
        app.notify("This went wrong. " * 40, "error")
        app.ask_question("Shall it?", Button("Yes", "", lambda: answers.append(1)))
        frames(engine)
        news, error, question = app.toasts
        assert math.isfinite(error.until)
        assert question.until == math.inf
        window = engine.window_info(f"//##toast{error.text}").window
        assert window.size.y < 6 * hello_imgui.em_size()  # at most three lines
        engine.mouse_move_to_pos((window.pos.x + 40, window.pos.y + 20))
        wait_until(engine, lambda: error.until == math.inf)
        engine.mouse_move_to_pos((1, 1))
        wait_until(engine, lambda: math.isfinite(error.until))
        error.until = news.until = 0
        wait_until(engine, lambda: app.toasts == [question])
        engine.set_ref(f"//##toast{question.text}")
        engine.item_click("**/###answer0")
        wait_until(engine, lambda: answers == [1])
        assert not app.toasts

    from imgui_bundle import hello_imgui

    drive(SMALL, 1, script, (640, 400))


def room(folder: Path) -> None:
    """In a small window with large text the side bar hides; all tools and timeline buttons stay visible."""
    from ncaengine.viewer.state.brush import TOOLS

    def inside(engine: Any, name: str) -> bool:
        box = engine.item_info(f"**/###{name}").rect_clipped
        full = engine.item_info(f"**/###{name}").rect_full
        return bool(box.get_width() > 0.9 * full.get_width() and box.get_height() > 0.9 * full.get_height())

    def script(engine: Any, app: App) -> None:
        for text in (1.7, 1.0):
            app.prefs.text_size = text
            frames(engine, 5)
            for name in (*TOOLS, "undo", "redo", "back", "run", "forward"):
                assert inside(engine, name), (text, name)
            assert engine.item_exists("**/###reseed") == (text == 1.0)

    drive(SMALL, 1, script, (640, 400))


def help_search(folder: Path) -> None:
    """The help shows the lines that contain what is typed. Esc clears the field, then closes the help."""
    from imgui_bundle import imgui

    from ncaengine.viewer.dialogs import help

    key = imgui.Key

    def shown() -> list[str]:
        table = help.arranged(1e4, typed.lower().split())
        return [shortcut.shown for column in table.columns for group in column for shortcut in group]

    def script(engine: Any, app: App) -> None:
        nonlocal typed
        engine.key_press(int(key.f1))
        frames(engine, 4)
        before = engine.window_info("//##help").window.size.x
        engine.key_chars("Duplicate ctrl")
        frames(engine, 3)
        typed = "Duplicate ctrl"
        assert shown() == ["Ctrl D"]
        assert app.show_help
        assert engine.window_info("//##help").window.size.x == before
        assert len(app.panes) == 1  # the letters ran nothing
        engine.key_press(int(key.escape))
        frames(engine, 2)
        assert app.show_help
        engine.key_press(int(key.escape))
        frames(engine, 2)
        assert not app.show_help
        typed = "no such words"
        assert shown() == []

    typed = ""
    drive(SMALL, 1, script, (900, 600))


def large_text(folder: Path) -> None:
    """At twice the text size, the time slider and the button Record stay whole beside the side bar."""

    def script(engine: Any, app: App) -> None:
        app.prefs.text_size = 2.0
        frames(engine, 5)
        bar = engine.item_info("**/##scrub").rect_full
        record = engine.item_info("**/###record-bar")
        assert bar.get_width() > 200
        assert record.rect_clipped.get_width() == record.rect_full.get_width()
        assert bar.max.y <= record.rect_full.min.y
        assert engine.item_exists("**/###reseed")  # the side bar is there

    drive(SMALL, 1, script, (900, 600))


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (palette, themes, splits, cramped, toasts, room, help_search, large_text)
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_shell(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
