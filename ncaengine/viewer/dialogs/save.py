"""The box that asks for a file's name, and the section of the side bar that opens it."""

from pathlib import Path

from imgui_bundle import imgui

from ncaengine.viewer.actions import open_files, session_files
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.session_file import Kind

TITLES: dict[Kind, tuple[str, str]] = {
    "session": (
        "Save the session",
        "Every grid with its cells, maps and settings, and the models that they run. It opens as it is now.",
    ),
    "journal": (
        "Save the journal",
        "Every command since the start, or since a session was opened: ncaengine replay makes all of it again.",
    ),
}
NAME = "##save"
WIDTH = 30.0
"""Of the box, in em."""
INSIDE = int(imgui.HoveredFlags_.root_and_child_windows | imgui.HoveredFlags_.allow_when_blocked_by_active_item)


class SaveBox:
    """What is typed, and the file that it was said of that there is one."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._kind: Kind = "session"
        self._typed = ""
        self._warned: Path | None = None

    def show(self, app: App) -> None:
        """The box, while it is open; `app.session_file.asks` opens it."""
        with widgets.rooted():
            self._box(app)

    def _box(self, app: App) -> None:
        file = app.session_file
        if file.asks and not imgui.is_popup_open(NAME):
            self._kind, self._warned = file.asks, None
            self._typed = session_files.suggested_name(app, self._kind)
            imgui.open_popup(NAME)
        file.asks = None
        view = imgui.get_main_viewport()
        at = view.get_center().x, view.pos.y + 0.2 * view.size.y
        imgui.set_next_window_pos(at, imgui.Cond_.always, (0.5, 0))
        imgui.set_next_window_size((min(em(WIDTH), view.size.x - em(2)), 0))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1.4), em(1.2)))]):
            visible, _ = imgui.begin_popup_modal(NAME, None, flags)
        if not visible:
            return
        self._inside(app)
        outside = imgui.is_mouse_clicked(0) and not imgui.is_window_hovered(INSIDE) and not imgui.is_window_appearing()
        if imgui.is_key_pressed(imgui.Key.escape) or outside:
            imgui.close_current_popup()
        imgui.end_popup()

    def _inside(self, app: App) -> None:
        title, help_ = TITLES[self._kind]
        with theme.face(self._fonts.bold, 1.2):
            imgui.text_unformatted(title)
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            _wrapped(help_)
        widgets.gap(0.2)
        if imgui.is_window_appearing():
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(-1)
        flags = int(imgui.InputTextFlags_.enter_returns_true | imgui.InputTextFlags_.auto_select_all)
        entered, self._typed = imgui.input_text("##name", self._typed, flags)
        widgets.tooltip("The file's name, with a folder or without one; Enter saves it.")
        path = session_files.path_for(self._kind, self._typed) if self._typed.strip() else None
        there = path is not None and path == self._warned
        with widgets.style([(imgui.Col_.text, theme.AMBER if there else theme.FAINT)]):
            warning = "There is such a file already; replace it?"
            _wrapped(warning if there else f"In {path.absolute().parent if path else Path.cwd()}")
        widgets.gap(0.2)
        self._buttons(app, path, entered, there)

    def _buttons(self, app: App, path: Path | None, entered: bool, there: bool) -> None:
        width = widgets.share(2)
        face = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        help_ = "Write the file in place of the one that is there." if there else "Write the file. (Enter)"
        pressed = widgets.button(f"{'Replace' if there else 'Save'}###write", width, help_, face)
        imgui.same_line()
        if widgets.button("Cancel###cancel", width, "Save nothing. (Escape)"):
            imgui.close_current_popup()
        if path is None or not (entered or pressed):
            return
        if path.exists() and not there and path != app.session_file.path:
            self._warned = path
            imgui.set_keyboard_focus_here(-1)
        elif session_files.write(app, self._kind, path):
            imgui.close_current_popup()


def _wrapped(text: str) -> None:
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(text)
    imgui.pop_text_wrap_pos()


class KeepPanel:
    """A section of the side bar: the session's file, and the ways to keep what there is."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        file = app.session_file
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            name = file.path.name if file.path else "Not saved in a file yet."
            imgui.text_unformatted(widgets.trimmed(name, imgui.get_content_region_avail().x))
            widgets.tooltip(str(file.path.absolute()) if file.path else "Ctrl S saves all grids in one file.")
        width = widgets.share(2)
        if widgets.button("Save###save", width, "Save all grids in one file. (Ctrl S)"):
            session_files.save(app)
        imgui.same_line()
        if widgets.button("Save as …###saveas", width, "Save them under another name. (Ctrl Shift S)"):
            session_files.ask_name(app, "session")
        if widgets.button("Open …###open", width, "Open a session, a still or a model. (Ctrl O)"):
            open_files.open_gallery(app)
        imgui.same_line()
        if widgets.button("Journal …###journal", width, "Save all commands since the start, to be made again."):
            session_files.ask_name(app, "journal")
