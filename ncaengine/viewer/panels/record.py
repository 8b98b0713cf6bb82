"""A section of the side bar: the options of a recording, or its progress."""

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SettingInfo
from ncaengine.core.texts import plural
from ncaengine.io.kinds import KINDS
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import recording
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.recorder import SCALES, Source

SOURCES: tuple[tuple[Source, str, str], ...] = (
    ("grid", "The selected grid", "The whole grid, even where it isn't visible."),
    ("all", "All grids, side by side", "The whole of every grid, in one picture."),
    ("window", "The window", "Everything that this window shows, pixel by pixel."),
)
"""(value, title, help)."""
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
PACE, PACE_SHORT = "Each grid at its own speed", "At their own speed"
PACE_HELP = "The video shows the grids at their steps per second."
FILE_HELP = "Leave it empty for a new name. The ending sets the format; / makes a folder of pictures."
OPAQUE = " and ".join(kind.title for kind in KINDS if not kind.alpha and not kind.states)
BACKGROUND_HELP = f"Behind transparent cells: transparent (not in {OPAQUE}), or a colour such as black or #ff8800."
SCALE_HELP = "Pixels per cell, also for stills."
LENGTH_HELP = "Seconds of video; 0 records until you stop."
LOOP_HELP = "The end meets the start without a jump: in the last second, cells turn into those of the start."
DELAY = SettingInfo("delay", "Recording delay", "Seconds to count down first.", 0, 60, "s")
SEED, LOOP = "From seed", "Loop"
LENGTH = SettingInfo("length", "Recording length", LENGTH_HELP, 0, 3600, "s")
NARROWEST = 3.5
"""Letters' heights that a number needs; where there is less room, what follows comes below it."""
CLAMPED = imgui.SliderFlags_.always_clamp


def show(app: App) -> None:
    """Draw the section into the current window."""
    _buttons(app)  # first, to be visible without scrolling, and in the same place while it records
    if app.recorder.active:
        _progress(app)
    else:
        _file_options(app)
        _time_options(app)


def _file_options(app: App) -> None:
    recorder = app.recorder
    widgets.row_label("Record", "What the video shows.")
    titles = {source: title for source, title, _ in SOURCES}
    if source := widgets.drop_down("##source", titles[recorder.source], SOURCES, recorder.source):
        recorder.source = source  # type: ignore[assignment]
    widgets.row_label("File", FILE_HELP)
    _, recorder.name = imgui.input_text_with_hint("##file", recorder.path(app.grid), recorder.name)
    widgets.tooltip(FILE_HELP)
    widgets.row_label("Format", "The kind of file and its frames per second.")
    width = widgets.equal_width(2)
    imgui.set_next_item_width(width)
    formats = ((kind.ending, kind.title, kind.help) for kind in KINDS)
    if ending := widgets.drop_down("##format", recorder.kind.title, formats, recorder.ending):
        recorder.ending = ending
    widgets.tooltip(recorder.kind.help)
    imgui.same_line()
    imgui.set_next_item_width(width)
    rates = ((str(fps), f"{fps} frames/s", "") for fps in recorder.rates)
    if fps := widgets.drop_down("##fps", f"{recorder.rate} fps", rates, str(recorder.rate)):
        recorder.fps = int(fps)
    widgets.tooltip("Frames per second of the video.")
    _background_option(app)
    _scale_option(app)


def _background_option(app: App) -> None:
    recorder = app.recorder
    grids = app.sim.grids.values() if recorder.source == "all" else (app.grid,)
    if recorder.takes_background(grids):
        widgets.row_label("Background", BACKGROUND_HELP)
        _, recorder.background = imgui.input_text_with_hint("##background", "The model's", recorder.background)
        widgets.tooltip(BACKGROUND_HELP)


def _scale_option(app: App) -> None:
    recorder = app.recorder
    widgets.row_label("Scale", SCALE_HELP)
    imgui.begin_disabled(recorder.source == "window")
    shown = "As on the screen" if recorder.source == "window" else _scale_title(app, recorder.scale)
    scales = ((str(n), _scale_title(app, n), "") for n in SCALES)
    if scale := widgets.drop_down("##pixels", shown, scales, str(recorder.scale)):
        recorder.scale = int(scale)
    imgui.end_disabled()
    widgets.tooltip(SCALE_HELP)


def _time_options(app: App) -> None:
    recorder = app.recorder
    widgets.row_label("Steps", "How many steps pass between two frames.")
    items = (("", PACE, PACE_HELP), *((str(n), steps_title(n), "At any speed of the grid.") for n in STEPS))
    count = recorder.steps_per_frame
    shown = PACE_SHORT if count is None else steps_title(count)
    picked = widgets.drop_down("##steps", shown, items, str(count or ""))
    if picked is not None:
        recorder.steps_per_frame = int(picked) if picked else None
    widgets.row_label("Start", "When the recording begins, and from which state.")
    is_wide = _leave_room(SEED)
    form = "In %.1f s" if recorder.delay else "At once"
    _, recorder.delay = imgui.drag_float("##delay", recorder.delay, 0.05, DELAY.low, DELAY.high, form, CLAMPED)
    widgets.tooltip(f"{DELAY.help} Drag, or double-click to type.")
    if is_wide:
        imgui.same_line()
    _, recorder.from_seed = imgui.checkbox(SEED, recorder.from_seed)
    widgets.tooltip("Restart each grid from its seed, so that the video can be reproduced.")
    widgets.row_label("Length", LENGTH_HELP)
    is_wide = _leave_room(LOOP)
    form = "%.1f s" if recorder.length else "Until stopped"
    _, length = imgui.drag_float("##length", recorder.length or 0, 0.1, LENGTH.low, LENGTH.high, form, CLAMPED)
    recorder.length = round(length, 1) or None
    widgets.tooltip(f"{LENGTH_HELP} Drag, or double-click to type.")
    if is_wide:
        imgui.same_line()
    imgui.begin_disabled(not recorder.can_loop)
    _, recorder.loop = imgui.checkbox(LOOP, recorder.loop)
    imgui.end_disabled()
    widgets.tooltip(LOOP_HELP)


def _leave_room(title: str) -> bool:
    """Make the next item so wide that a box with a title has room after it; return whether it has."""
    space = imgui.get_style()
    box = imgui.get_frame_height() + space.item_inner_spacing.x + imgui.calc_text_size(title).x
    room = imgui.get_content_region_avail().x - box - space.item_spacing.x
    is_wide = room > em(NARROWEST)
    imgui.set_next_item_width(room if is_wide else -1)
    return is_wide


def button(app: App, id_: str, width: float, shows_time: bool = False) -> None:
    """Draw the button that starts a recording and ends it.

    width: in pixels.
    shows_time: whether it shows how long the recording is.
    """
    recorder, colours = app.recorder, (theme.RED, theme.RED_OVER, theme.BACK)
    if not recorder.active:
        text, help_ = f"{icons.RECORD}  Record", "Start to record. While recording, time follows the video's frames."
        colours = (theme.BAR if shows_time else theme.FIELD, theme.FIELD_OVER, theme.RED)
    elif recorder.counting:
        text, help_ = f"{icons.CLOSE}  Cancel", "Don't record."
    else:
        text, help_ = f"{icons.STOP}  {recorder.clock if shows_time else 'Stop'}", "Finish the file."
    if widgets.button(f"{text}###{id_}", width, keymap.with_key(help_, recording.toggle), colours):
        recording.toggle(app)


def _buttons(app: App) -> None:
    button(app, "record", 2 * widgets.equal_width(3) + imgui.get_style().item_spacing.x)
    imgui.same_line()
    help_ = "Save a picture of the selected grid (PNG) that opens as a session."
    if widgets.button("Still###still", -1, keymap.with_key(help_, recording.save_still)):
        recording.save_still(app)


def _progress(app: App) -> None:
    recorder, film = app.recorder, app.recorder.recording
    width = imgui.get_content_region_avail().x
    widgets.text_in(theme.RED, f"{icons.RECORD}  {recorder.clock}")
    frames = "" if film is None else f"{widgets.format_count(film.frames)} frames"
    if recorder.turning:
        frames = "Turning the end into the start"
    imgui.same_line(em(theme.PADDING) + width - imgui.calc_text_size(frames).x)
    imgui.text_unformatted(frames)
    if recorder.progress is not None:
        _progress_bar(recorder.progress, width)
    path = str(recorder.output)
    widgets.text_in(theme.DIM, path.rstrip("/").rsplit("/", 1)[-1], width)
    widgets.tooltip(path)


def _progress_bar(share: float, width: float) -> None:
    at, height, draw = imgui.get_cursor_screen_pos(), em(0.25), imgui.get_window_draw_list()
    draw.add_rect_filled((at.x, at.y), (at.x + width, at.y + height), theme.u32(theme.FIELD), height / 2)
    draw.add_rect_filled((at.x, at.y), (at.x + width * share, at.y + height), theme.u32(theme.RED), height / 2)
    imgui.dummy((width, height))


def steps_title(count: int) -> str:
    """Return the title of a number of steps between two frames."""
    return f"{plural(count, 'step')} a frame"


def _scale_title(app: App, scale: int) -> str:
    """Return the title of a scale, with the size of the selected grid's pictures."""
    if app.recorder.source != "grid":
        return f"{scale}×"
    try:
        view = lattice.whole_view(app.grid.kernel, app.grid.size, scale)
    except NCAError:
        return f"{scale}×  ·  too large"
    return f"{scale}×  ·  {view.width} × {view.height} px"
