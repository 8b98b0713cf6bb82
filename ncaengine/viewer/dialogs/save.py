"""The dialog that asks for the name of a file to save."""

import os
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core.files import present_folder
from ncaengine.viewer.actions import session_files
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.session_file import SavedKind

TITLES: dict[SavedKind, tuple[str, str]] = {
    "session": (
        "Save the session",
        "All grids with their cells, maps and settings, and the models that they run.",
    ),
    "journal": (
        "Save the journal",
        "All commands since the start, or since a session was opened. Replay them with: ncaengine replay.",
    ),
    "picture": (
        "Save the picture",
        "The picture with its areas filled, of its own size. The name ends in png, tif, jpg or webp.",
    ),
    "layer": (
        "Save the layer",
        "The textures alone, transparent where the picture shows. The name ends in png, tif or webp.",
    ),
}
"""(title, help) of what is saved."""
NAME = "##save"
WIDTH, TOP = 30.0, 0.2
"""The dialog's width in em, and its distance from the window's upper edge as a share of the height."""


class SaveDialog:
    """The dialog, with the name that is being typed."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._kind: SavedKind = "session"
        self._typed = ""
        self._warned: Path | None = None
        """The existing file about which the dialog has warned."""

    def show(self, app: App) -> None:
        """Draw the dialog while it is open; `app.session_file.asks` opens it."""
        with widgets.shared_ids():
            file = app.session_file
            if file.asks and not imgui.is_popup_open(NAME):
                self._kind, self._warned = file.asks, None
                self._typed = session_files.suggested_name(app, self._kind)
                imgui.open_popup(NAME)
            file.asks = None
            width, _ = widgets.size_within_window(WIDTH, 0, 2)
            with widgets.dialog(NAME, (width, 0), top=TOP) as is_open:
                if is_open:
                    self._content(app)
                    if imgui.is_key_pressed(imgui.Key.escape) or widgets.clicked_outside():
                        imgui.close_current_popup()

    def _content(self, app: App) -> None:
        title, help_ = TITLES[self._kind]
        with theme.use_font(self._fonts.bold, 1.2):
            imgui.text_unformatted(title)
        widgets.text_in(theme.DIM, help_, wrapped=True)
        widgets.vertical_space(0.2)
        if imgui.is_window_appearing():
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(-1)
        flags = int(imgui.InputTextFlags_.enter_returns_true | imgui.InputTextFlags_.auto_select_all)
        entered, self._typed = imgui.input_text("##name", self._typed, flags)
        widgets.tooltip("The file's name, with or without a folder. Press Enter to save.")
        path = session_files.path_for(self._kind, self._typed) if self._typed.strip() else None
        warned = path is not None and path == self._warned
        folder = path.absolute().parent if path else present_folder()
        note = "This file exists. Replace it?" if warned else f"In {folder}"
        widgets.text_in(theme.AMBER if warned else theme.FAINT, note, wrapped=True)
        widgets.vertical_space(0.2)
        self._buttons(app, path, entered, warned)

    def _buttons(self, app: App, path: Path | None, entered: bool, warned: bool) -> None:
        width = widgets.equal_width(2)
        colours = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        text, help_ = ("Replace", "Overwrite the file. (Enter)") if warned else ("Save", "Write the file. (Enter)")
        pressed = widgets.button(f"{text}###write", width, help_, colours)
        imgui.same_line()
        if widgets.button("Cancel###cancel", width, "Don't save. (Esc)"):
            imgui.close_current_popup()
        if path is None or not (entered or pressed):
            return
        if os.path.isfile(path) and not warned and path != app.session_file.path:
            self._warned = path
            imgui.set_keyboard_focus_here(-1)
        elif session_files.write(app, self._kind, path):
            imgui.close_current_popup()
