"""The form of a recording, and its progress."""

from imgui_bundle import imgui

from ncaengine import view
from ncaengine.viewer import icons, theme, widgets
from ncaengine.viewer.app import App
from ncaengine.viewer.recorder import FRAME_RATES, SCALES, free_name


class RecordPanel:
    """The last section of the side bar."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        if app.recorder.recording is None:
            self._form(app)
            self._start(app)
        else:
            self._progress(app)

    def _form(self, app: App) -> None:
        recorder = app.recorder
        widgets.label("File", "Ends in .mp4, .gif or .png, or in / for a folder of pictures. Empty for a free name.")
        _, recorder.name = imgui.input_text_with_hint("##file", free_name(app.grid), recorder.name)
        widgets.tooltip("Ends in .mp4, .gif or .png, or in / for a folder of pictures. Leave it empty for a free name.")
        widgets.label("Frames", "Frames a second of the video.")
        rates = ((str(fps), f"{fps} frames/s", "") for fps in FRAME_RATES)
        if fps := widgets.choice("##fps", f"{recorder.fps} frames/s", rates, str(recorder.fps)):
            recorder.fps = int(fps)
        widgets.label("Scale", "Pixels a cell.")
        scales = ((str(n), _scale(app, n), "") for n in SCALES)
        if scale := widgets.choice("##scale", _scale(app, recorder.scale), scales, str(recorder.scale)):
            recorder.scale = int(scale)
        widgets.label("Start")
        _, recorder.from_seed = imgui.checkbox("from the seed", recorder.from_seed)
        widgets.tooltip("The grid starts afresh with the recording, so that the video can be made again.")

    def _start(self, app: App) -> None:
        colours = (theme.FIELD, theme.FIELD_OVER, theme.RED)
        help_ = "Record the selected grid. Time then follows the video's frames. (Ctrl R)"
        if widgets.button(f"{icons.RECORD}  Record###record", -1, help_, colours):
            app.toggle_recording()

    def _progress(self, app: App) -> None:
        recording = app.recorder.recording
        assert recording is not None
        width = imgui.get_content_region_avail().x
        with widgets.style([(imgui.Col_.text, theme.RED)]):
            imgui.text_unformatted(f"{icons.RECORD}  {app.recorder.clock}")
        frames = f"{recording.frames} frames"
        imgui.same_line(theme.em(theme.PADDING) + width - imgui.calc_text_size(frames).x)
        imgui.text_unformatted(frames)
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            name = str(recording.path).rsplit("/", 1)[-1] or str(recording.path)
            imgui.text_unformatted(widgets.trimmed(name, width))
        widgets.tooltip(str(recording.path))
        widgets.gap(0.1)
        colours = (theme.RED_DEEP, theme.RED, theme.TEXT)
        if widgets.button(f"{icons.STOP}  Stop###record", -1, "Finish the file. (Ctrl R)", colours):
            app.toggle_recording()


def _scale(app: App, scale: int) -> str:
    shape = view.whole(app.grid.kernel, app.grid.size, scale)
    return f"{scale}×  ·  {shape.width} × {shape.height} px"
