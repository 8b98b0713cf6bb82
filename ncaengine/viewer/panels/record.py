"""The form of a recording, and its progress."""

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.errors import NCAError
from ncaengine.viewer.actions import recording
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.recorder import FORMATS, SCALES, Source

SOURCES: tuple[tuple[Source, str, str], ...] = (
    ("grid", "The selected grid", "The whole grid, however much of it is seen."),
    ("all", "All grids, side by side", "The whole of every grid, in one picture."),
    ("window", "The window", "All that is seen here, pixel by pixel."),
)
FORMAT_HELP = {
    ".mp4": ("MP4", "H.264 video, which plays everywhere."),
    ".gif": ("GIF", "256 colours a frame; 50 frames a second at most."),
    ".webp": ("WebP", "An animation for web pages, every pixel exact."),
    "/": ("PNGs", "A folder of numbered pictures, every pixel exact."),
    ".png": ("PNG", "The last picture alone."),
}
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
PACE, PACE_SHORT = "Each grid at its own pace", "At their own pace"
PACE_HELP = "The video runs as fast as the grids, at their steps per second."
NAME_HELP = "Leave it empty for a free name. The ending decides the format; / makes a folder of pictures."
LONGEST_DELAY, LONGEST = 60.0, 3600.0


class RecordPanel:
    """The last section of the side bar."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        if app.recorder.active:
            self._progress(app)
        else:
            self._buttons(app)  # first, where they are seen without scrolling
            self._form(app)
            self._time(app)

    def _form(self, app: App) -> None:
        recorder = app.recorder
        widgets.label("What", "What the pictures show.")
        titles = {source: title for source, title, _ in SOURCES}
        if source := widgets.choice("##source", titles[recorder.source], SOURCES, recorder.source):
            recorder.source = source  # type: ignore[assignment]
        widgets.label("File", NAME_HELP)
        _, recorder.name = imgui.input_text_with_hint("##file", recorder.path(app.grid), recorder.name)
        widgets.tooltip(NAME_HELP)
        widgets.label("Format", "The kind of file, and how many frames a second it shows.")
        width = widgets.share(2)
        imgui.set_next_item_width(width)
        formats = ((ending, *FORMAT_HELP[ending]) for ending in FORMATS)
        if ending := widgets.choice("##format", FORMAT_HELP[recorder.ending][0], formats, recorder.ending):
            recorder.ending = ending
        widgets.tooltip(FORMAT_HELP[recorder.ending][1])
        imgui.same_line()
        imgui.set_next_item_width(width)
        rates = ((str(fps), f"{fps} frames/s", "") for fps in recorder.rates)
        if fps := widgets.choice("##fps", f"{recorder.rate} fps", rates, str(recorder.rate)):
            recorder.fps = int(fps)
        widgets.tooltip("Frames a second of the video.")
        self._scale(app)

    def _scale(self, app: App) -> None:
        recorder = app.recorder
        widgets.label("Scale", "Pixels a cell, of a still too.")
        imgui.begin_disabled(recorder.source == "window")
        shown = "As on the screen" if recorder.source == "window" else _scale(app, recorder.scale)
        scales = ((str(n), _scale(app, n), "") for n in SCALES)
        if scale := widgets.choice("##pixels", shown, scales, str(recorder.scale)):
            recorder.scale = int(scale)
        imgui.end_disabled()
        widgets.tooltip("Pixels a cell. A still of the selected grid takes as many.")

    def _time(self, app: App) -> None:
        recorder = app.recorder
        widgets.label("Steps", "What passes between two frames.")
        options = (("", PACE, PACE_HELP), *((str(n), _steps(n), "Whatever the grid's speed.") for n in STEPS))
        count = recorder.steps_per_frame
        picked = widgets.choice("##steps", PACE_SHORT if count is None else _steps(count), options, str(count or ""))
        if picked is not None:
            recorder.steps_per_frame = int(picked) if picked else None
        widgets.label("Start", "When the recording begins, and from what.")
        seed, space = "From seed", imgui.get_style()
        box = imgui.get_frame_height() + space.item_inner_spacing.x + imgui.calc_text_size(seed).x
        imgui.set_next_item_width(-box - space.item_spacing.x)
        form, flags = "In %.1f s" if recorder.delay else "At once", imgui.SliderFlags_.always_clamp
        _, recorder.delay = imgui.drag_float("##delay", recorder.delay, 0.05, 0, LONGEST_DELAY, form, flags)
        widgets.tooltip("Seconds to count down first. Drag, or double-click to type.")
        imgui.same_line()
        _, recorder.from_seed = imgui.checkbox(seed, recorder.from_seed)
        widgets.tooltip("Each grid starts afresh with the recording, so that the video can be made again.")
        widgets.label("Length", "Seconds of video; 0 records until it is stopped.")
        form = "%.1f s" if recorder.length else "Until stopped"
        _, length = imgui.drag_float("##length", recorder.length or 0, 0.1, 0, LONGEST, form, flags)
        recorder.length = round(length, 1) or None
        widgets.tooltip("Seconds of video; 0 records until it is stopped. Drag, or double-click to type.")

    def _buttons(self, app: App) -> None:
        colours = (theme.FIELD, theme.FIELD_OVER, theme.RED)
        help_ = "Record. Time then follows the video's frames. (Ctrl R)"
        width = widgets.share(3)
        both = 2 * width + imgui.get_style().item_spacing.x
        if widgets.button(f"{icons.RECORD}  Record###record", both, help_, colours):
            recording.toggle(app)
        imgui.same_line()
        help_ = "Save the selected grid as a PNG, with its settings in it."
        if widgets.button("Still###still", -1, help_):
            recording.save_still(app)

    def _progress(self, app: App) -> None:
        recorder, film = app.recorder, app.recorder.recording
        width = imgui.get_content_region_avail().x
        with widgets.style([(imgui.Col_.text, theme.RED)]):
            imgui.text_unformatted(f"{icons.RECORD}  {recorder.clock}")
        frames = "" if film is None else f"{film.frames} frames"
        imgui.same_line(em(theme.PADDING) + width - imgui.calc_text_size(frames).x)
        imgui.text_unformatted(frames)
        if recorder.progress is not None:
            _bar(recorder.progress, width)
        path = str(recorder.output)
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            imgui.text_unformatted(widgets.trimmed(path.rstrip("/").rsplit("/", 1)[-1], width))
        widgets.tooltip(path)
        widgets.gap(0.1)
        if film is None:
            text, help_ = f"{icons.CLOSE}  Cancel", "Call it off. (Ctrl R)"
        else:
            text, help_ = f"{icons.STOP}  Stop", "Finish the file. (Ctrl R)"
        if widgets.button(f"{text}###record", -1, help_, (theme.RED_DEEP, theme.RED, theme.TEXT)):
            recording.toggle(app)


def _bar(share: float, width: float) -> None:
    """How far a recording of a given length has come."""
    at, height, draw = imgui.get_cursor_screen_pos(), em(0.25), imgui.get_window_draw_list()
    draw.add_rect_filled((at.x, at.y), (at.x + width, at.y + height), theme.u32(theme.FIELD), height / 2)
    draw.add_rect_filled((at.x, at.y), (at.x + width * share, at.y + height), theme.u32(theme.RED), height / 2)
    imgui.dummy((width, height))


def _steps(count: int) -> str:
    return "1 step a frame" if count == 1 else f"{count} steps a frame"


def _scale(app: App, scale: int) -> str:
    """The scale, and the size of the selected grid's pictures."""
    if app.recorder.source != "grid":
        return f"{scale}×"
    try:
        shape = lattice.whole_view(app.grid.kernel, app.grid.size, scale)
    except NCAError:
        return f"{scale}×  ·  too large"
    return f"{scale}×  ·  {shape.width} × {shape.height} px"
