"""The table of keys: what is pressed, what happens, and how the help describes it."""

from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import imgui

from ncaengine.viewer.actions import (
    areas,
    display_modes,
    grids,
    history,
    open_files,
    recording,
    running,
    session_files,
    tools,
)
from ncaengine.viewer.kit import widgets
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import TOOLS, Tool

Key = imgui.Key
SHIFT, CTRL = int(Key.mod_shift), int(Key.mod_ctrl)
ANY_POPUP = int(imgui.PopupFlags_.any_popup)
MODIFIERS = SHIFT | CTRL | int(Key.mod_alt) | int(Key.mod_super)


@dataclass(frozen=True)
class Shortcut:
    """A row of the help, and the keys that run its action."""

    group: str
    shown: str
    """The key's name in the help; '' to leave it out there."""
    chords: tuple[int, ...]
    """The keys, each with its modifiers; none if only the mouse does it."""
    help: str
    action: Callable[[App], object]
    repeats: bool = False
    """Whether it repeats while the key is held."""
    listed: bool = True
    """Whether the palette offers it."""


def _toggle_help(app: App) -> None:
    app.show_help = not app.show_help


def _toggle_side_bar(app: App) -> None:
    app.prefs.show_panel = not app.prefs.show_panel


def _quit(app: App) -> None:
    app.closing = True


def _toggle_theme(app: App) -> None:
    app.prefs.theme = "dark" if app.prefs.theme == "light" else "light"


def _open_palette(app: App) -> None:
    widgets.open_popup(PALETTE)


def _nothing(app: App) -> None:
    """Do nothing: the mouse does what these rows of the help describe."""


def _change_text_size(steps: int) -> Callable[[App], object]:
    return lambda app: app.prefs.change_text_size(steps)


def _digit(index: int) -> Shortcut:
    shown = "1 … 9" if index == 0 else ""
    chords = (int(Key._1) + index,)
    return Shortcut(
        GRIDS,
        shown,
        chords,
        "Select a grid by number; with the tool Areas, a texture",
        lambda app: areas.choose(app, index),
        listed=False,
    )


def _tool(tool: Tool) -> Shortcut:
    def select(app: App) -> None:
        if tool.name == app.brush.tool == "mark":
            areas.next_shape(app)
        else:
            tools.select(app, tool.name)

    key = int(getattr(Key, tool.letter.lower()))
    if tool.name == "look":
        return Shortcut(PAINT, tool.letter, (key,), "Look, without a tool (or Esc)", select)
    return Shortcut(PAINT, tool.letter, (key,), f"Tool: {tool.title}", select)


def _escape(app: App) -> None:
    """Clear the notices, or the last question if there are none, and look without a tool."""
    news = [toast for toast in app.toasts if not toast.buttons]
    app.toasts = [toast for toast in app.toasts if toast.buttons] if news else app.toasts[:-1]
    if app.panes:
        tools.select(app, "look")


def _change_radius(notches: int) -> Callable[[App], object]:
    return lambda app: app.brush.change_radius(notches)


PALETTE = "##palette"
_PLUS = (CTRL | int(Key.equal), CTRL | SHIFT | int(Key.equal), CTRL | int(Key.keypad_add))
_MINUS = (CTRL | int(Key.minus), CTRL | int(Key.keypad_subtract))
RUN, LOOK, PAINT, FILES, GRIDS, WINDOW = "Run", "Look", "Paint", "Files", "Grids", "Window"
WITHOUT_GRIDS = (FILES, WINDOW)
"""Groups of keys that also work while no grid is open."""
TABLE = (
    Shortcut(RUN, "Space", (int(Key.space),), "Pause or run", running.toggle_pause),
    Shortcut(RUN, "Shift Space", (SHIFT | int(Key.space),), "Pause or run all grids", running.toggle_pause_all),
    Shortcut(RUN, "→", (int(Key.right_arrow),), "Make one step", running.single_step, repeats=True),
    Shortcut(RUN, "←", (int(Key.left_arrow),), "Go one step back", history.step_back, repeats=True),
    Shortcut(RUN, "Ctrl Z", (CTRL | int(Key.z),), "Undo the last edit", history.undo, repeats=True),
    Shortcut(
        RUN,
        "Ctrl Y",
        (CTRL | int(Key.y), CTRL | SHIFT | int(Key.z)),
        "Redo the last undone edit",
        history.redo,
        repeats=True,
    ),
    Shortcut(RUN, "↑", (int(Key.up_arrow),), "Twice as fast", lambda app: running.multiply_speed(app, 2), repeats=True),
    Shortcut(
        RUN, "↓", (int(Key.down_arrow),), "Half as fast", lambda app: running.multiply_speed(app, 0.5), repeats=True
    ),
    Shortcut(RUN, "R", (int(Key.r),), "Restart from a new random seed", running.reseed),
    Shortcut(
        RUN,
        "Shift R",
        (SHIFT | int(Key.r),),
        "Restart from the same random seed",
        lambda app: running.reseed(app, same=True),
    ),
    Shortcut(LOOK, "Wheel", (), "Zoom at the pointer", _nothing),
    Shortcut(LOOK, "Swipe", (), "Move the view (two fingers, or Shift and the wheel)", _nothing),
    Shortcut(LOOK, "Drag", (), "Move the view", _nothing),
    Shortcut(
        LOOK, "F", (int(Key.f),), "Fit the grid (or double-click it), then fill the card", display_modes.fit_or_fill
    ),
    Shortcut(LOOK, "T", (int(Key.t),), "Repeat the grid as tiles", display_modes.toggle_repeat),
    Shortcut(LOOK, "L", (int(Key.l),), "Show lines between cells when zoomed in", display_modes.toggle_lines),
    Shortcut(
        LOOK, "O", (int(Key.o),), "Show each cell's channels and gradient when zoomed in", display_modes.toggle_details
    ),
    Shortcut(LOOK, "W", (int(Key.w),), "Next display mode: colours, channels, change …", display_modes.next_mode),
    Shortcut(LOOK, ".", (int(Key.period),), "Next channel", display_modes.next_channel, repeats=True),
    Shortcut(LOOK, ",", (int(Key.comma),), "Previous channel", display_modes.previous_channel, repeats=True),
    Shortcut(LOOK, "P", (int(Key.p),), "Pin the cell under the pointer (or Alt-click it)", display_modes.toggle_pin),
    *map(_tool, TOOLS.values()),
    Shortcut(
        PAINT, "Wheel [ ]", (int(Key.left_bracket),), "Smaller or larger brush", _change_radius(-1), True, listed=False
    ),
    Shortcut(PAINT, "", (int(Key.right_bracket),), "Larger brush", _change_radius(1), True, listed=False),
    Shortcut(PAINT, "Shift Wheel", (), "Weaker or stronger brush", _nothing),
    Shortcut(PAINT, "Shift Drag", (), "Paint a map's default", _nothing),
    Shortcut(PAINT, "Right Drag", (), "Move the view with a tool selected", _nothing),
    Shortcut(PAINT, "Ctrl Wheel", (), "Zoom with a tool selected", _nothing),
    Shortcut(FILES, "Ctrl O", (CTRL | int(Key.o),), "Open a model, a session or a picture", open_files.open_gallery),
    Shortcut(FILES, "Ctrl R", (CTRL | int(Key.r),), "Start or stop recording", recording.toggle),
    Shortcut(FILES, "Shift P", (SHIFT | int(Key.p),), "Save a picture that opens as a session", recording.save_still),
    Shortcut(FILES, "Ctrl S", (CTRL | int(Key.s),), "Save the session", session_files.save),
    Shortcut(FILES, "Ctrl Shift S", (CTRL | SHIFT | int(Key.s),), "Save the session as …", session_files.save_as),
    Shortcut(GRIDS, "K", (int(Key.k),), "Switch between square and hexagonal (next kernel)", grids.next_kernel),
    Shortcut(
        GRIDS, "Shift K", (SHIFT | int(Key.k),), "Next kernel of all", lambda app: grids.next_kernel(app, every=True)
    ),
    Shortcut(GRIDS, "Tab", (int(Key.tab),), "Select the next grid", grids.select_next),
    *(_digit(index) for index in range(9)),
    Shortcut(GRIDS, "Ctrl N", (CTRL | int(Key.n),), "Add a grid with another random seed", grids.add),
    Shortcut(GRIDS, "Ctrl D", (CTRL | int(Key.d),), "Duplicate the grid", grids.duplicate),
    Shortcut(GRIDS, "Del", (int(Key.delete),), "Remove the grid", grids.remove),
    Shortcut(GRIDS, "G", (int(Key.g),), "Link the grid: linked grids change together", grids.toggle_link),
    Shortcut(GRIDS, "Shift G", (SHIFT | int(Key.g),), "Link all grids, or none", grids.toggle_link_all),
    Shortcut(GRIDS, "X", (int(Key.x),), "Compare two kernels side by side", grids.compare_kernels),
    Shortcut(GRIDS, "Shift X", (SHIFT | int(Key.x),), "Compare two speeds", grids.compare_speeds),
    Shortcut(GRIDS, "Ctrl X", (CTRL | int(Key.x),), "Compare two models", grids.compare_models),
    Shortcut(
        WINDOW, "Ctrl P", (CTRL | int(Key.p), CTRL | SHIFT | int(Key.p)), "Find a command", _open_palette, listed=False
    ),
    Shortcut(WINDOW, "H", (int(Key.h),), "Hide or show the side bar", _toggle_side_bar),
    Shortcut(WINDOW, "Ctrl T", (CTRL | int(Key.t),), "Light or dark", _toggle_theme),
    Shortcut(WINDOW, "Ctrl +", _PLUS, "Larger text", _change_text_size(1), repeats=True),
    Shortcut(WINDOW, "Ctrl −", _MINUS, "Smaller text", _change_text_size(-1), repeats=True),
    Shortcut(
        WINDOW, "Ctrl 0", (CTRL | int(Key._0), CTRL | int(Key.keypad0)), "Reset the text size", _change_text_size(0)
    ),
    Shortcut(WINDOW, "Esc", (int(Key.escape),), "Close notices; look without a tool", _escape, listed=False),
    Shortcut(WINDOW, "?", (SHIFT | int(Key.slash), int(Key.f1)), "This help (or F1)", _toggle_help),
    Shortcut(WINDOW, "Ctrl Q", (CTRL | int(Key.q),), "Quit", _quit),
)


def handle(app: App) -> None:
    """Run the actions of the keys pressed in this frame, unless a text field, a list or the help takes them."""
    if app.show_help or imgui.get_io().want_text_input or imgui.is_popup_open("", ANY_POPUP):
        return
    held = _modifiers()
    for shortcut in TABLE:
        if shortcut.group not in WITHOUT_GRIDS and not app.panes:
            continue
        keys = [Key(chord & ~MODIFIERS) for chord in shortcut.chords if chord & MODIFIERS == held]
        if any(imgui.is_key_pressed(key, shortcut.repeats) for key in keys):
            shortcut.action(app)


def _modifiers() -> int:
    """Return the modifiers held or just released: a quick chord may release them in its key's own frame."""
    released = (key for key in (Key.mod_shift, Key.mod_ctrl) if imgui.is_key_released(key))
    return sum(map(int, released)) | imgui.get_io().key_mods


def key_of(action: Callable[[App], object]) -> str:
    """Return the name of an action's key in the help, for tooltips."""
    return next((shortcut.shown for shortcut in TABLE if shortcut.action is action), "")


def with_key(text: str, action: Callable[[App], object]) -> str:
    """Return a tooltip followed by the key of an action, if it has one."""
    key = key_of(action)
    return f"{text} ({key})" if key else text
