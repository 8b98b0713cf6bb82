"""The one table of keys: what is pressed, what happens, and how the help says it."""

from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import imgui

from ncaengine.viewer import widgets
from ncaengine.viewer.app import App

Key = imgui.Key
SHIFT, CTRL = int(Key.mod_shift), int(Key.mod_ctrl)
ANY_POPUP = int(imgui.PopupFlags_.any_popup)
MODIFIERS = SHIFT | CTRL | int(Key.mod_alt) | int(Key.mod_super)


@dataclass(frozen=True)
class Shortcut:
    """`shown` is the key's name in the help, '' to leave it out there; `repeats` while it is held.

    listed: whether the palette offers it.
    """

    group: str
    shown: str
    chords: tuple[int, ...]
    help: str
    action: Callable[[App], object]
    repeats: bool = False
    listed: bool = True


def _help(app: App) -> None:
    app.show_help = not app.show_help


def _panel(app: App) -> None:
    app.show_panel = not app.show_panel


def _lines(app: App) -> None:
    app.lines = not app.lines


def _quit(app: App) -> None:
    app.closing = True


def _theme(app: App) -> None:
    kept = app.prefs
    kept.theme = "dark" if kept.theme == "light" else "light"


def _palette(app: App) -> None:
    widgets.summon(PALETTE)


def _text(steps: int) -> Callable[[App], object]:
    return lambda app: app.prefs.enlarge(steps)


def _digit(index: int) -> Shortcut:
    shown = "1 … 9" if index == 0 else ""
    chords = (int(Key._1) + index,)
    return Shortcut(GRIDS, shown, chords, "Select a grid by number", lambda app: app.select(index), listed=False)


PALETTE = "##palette"
_PLUS = (CTRL | int(Key.equal), CTRL | SHIFT | int(Key.equal), CTRL | int(Key.keypad_add))
_MINUS = (CTRL | int(Key.minus), CTRL | int(Key.keypad_subtract))
RUN, LOOK, GRIDS, WINDOW = "Run", "Look", "Grids", "Window"
TABLE = (
    Shortcut(RUN, "Space", (int(Key.space),), "Pause or run", App.toggle_pause),
    Shortcut(RUN, "Shift Space", (SHIFT | int(Key.space),), "Pause or run all grids", App.toggle_all),
    Shortcut(RUN, "→", (int(Key.right_arrow),), "Make a single step", App.step, repeats=True),
    Shortcut(RUN, "↑", (int(Key.up_arrow),), "Twice as fast", lambda app: app.faster(2), repeats=True),
    Shortcut(RUN, "↓", (int(Key.down_arrow),), "Half as fast", lambda app: app.faster(0.5), repeats=True),
    Shortcut(RUN, "R", (int(Key.r),), "Start afresh from a new seed", App.reseed),
    Shortcut(
        RUN, "Shift R", (SHIFT | int(Key.r),), "Start afresh from the same seed", lambda app: app.reseed(same=True)
    ),
    Shortcut(LOOK, "Wheel", (), "Zoom about the pointer", lambda app: None),
    Shortcut(LOOK, "Drag", (), "Move the picture", lambda app: None),
    Shortcut(LOOK, "F", (int(Key.f),), "Fit the grid (or double-click it)", App.fit),
    Shortcut(LOOK, "T", (int(Key.t),), "Repeat the grid as a tile", App.toggle_repeat),
    Shortcut(LOOK, "L", (int(Key.l),), "Lines between cells, up close", _lines),
    Shortcut(GRIDS, "K", (int(Key.k),), "Next kernel the model knows", App.next_kernel),
    Shortcut(GRIDS, "Shift K", (SHIFT | int(Key.k),), "Next of all kernels", lambda app: app.next_kernel(every=True)),
    Shortcut(GRIDS, "Tab", (int(Key.tab),), "Select the next grid", App.select_next),
    *(_digit(index) for index in range(9)),
    Shortcut(WINDOW, "Ctrl R", (CTRL | int(Key.r),), "Start or stop recording", App.toggle_recording),
    Shortcut(
        WINDOW, "Ctrl P", (CTRL | int(Key.p), CTRL | SHIFT | int(Key.p)), "Find a command", _palette, listed=False
    ),
    Shortcut(WINDOW, "H", (int(Key.h),), "Hide or show the side bar", _panel),
    Shortcut(WINDOW, "Ctrl T", (CTRL | int(Key.t),), "Light or dark", _theme),
    Shortcut(WINDOW, "Ctrl +", _PLUS, "Larger text", _text(1), repeats=True),
    Shortcut(WINDOW, "Ctrl −", _MINUS, "Smaller text", _text(-1), repeats=True),
    Shortcut(WINDOW, "Ctrl 0", (CTRL | int(Key._0), CTRL | int(Key.keypad0)), "Text in its plain size", _text(0)),
    Shortcut(WINDOW, "?", (SHIFT | int(Key.slash), int(Key.f1)), "This help (or F1)", _help),
    Shortcut(WINDOW, "Ctrl Q", (CTRL | int(Key.q),), "Quit", _quit),
)


def handle(app: App) -> None:
    """Do what the keys pressed in this frame ask for; typing into a field, lists and the help take precedence."""
    if app.show_help or imgui.get_io().want_text_input or imgui.is_popup_open("", ANY_POPUP):
        return
    held = _modifiers()
    for entry in TABLE:
        if entry.group != WINDOW and not app.panes:
            continue
        keys = [Key(chord & ~MODIFIERS) for chord in entry.chords if chord & MODIFIERS == held]
        if any(imgui.is_key_pressed(key, entry.repeats) for key in keys):
            entry.action(app)


def _modifiers() -> int:
    """The modifiers held, with those let go in this very frame: a quick chord's key may come with their release."""
    let_go = (key for key in (Key.mod_shift, Key.mod_ctrl) if imgui.is_key_released(key))
    return sum(map(int, let_go)) | imgui.get_io().key_mods


def key_of(action: Callable[[App], object]) -> str:
    """How the help names the key of an action, for tooltips."""
    return next((entry.shown for entry in TABLE if entry.action is action), "")
