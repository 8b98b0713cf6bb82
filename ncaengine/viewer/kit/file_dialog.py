"""A dialog to open a file: the file browser under a title."""

from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core.files import present_folder
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.file_browser import FileBrowser
from ncaengine.viewer.kit.theme import em


class FileDialog:
    """A file browser in a popup. It opens on the folder that it showed last.

    endings, picture_endings: see FileBrowser.
    """

    def __init__(
        self, name: str, title: str, fonts: theme.Fonts, endings: tuple[str, ...], picture_endings: tuple[str, ...]
    ) -> None:
        self._name, self._title, self._fonts = f"##{name}", title, fonts
        self._browser = FileBrowser(present_folder(), endings, picture_endings)

    def open(self) -> None:
        """Open the dialog."""
        self._browser.open_folder(self._browser.folder)
        widgets.open_popup(self._name)

    def show(self) -> Path | None:
        """Draw the dialog while it is open. Return the file that was picked, or None."""
        size = widgets.size_within_window(50, 36, 4)
        with widgets.shared_ids(), widgets.dialog(self._name, size, flags=widgets.DIALOG_WITHOUT_NAV) as is_open:
            return self._content() if is_open else None

    def _content(self) -> Path | None:
        with theme.use_font(self._fonts.bold, 1.2):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted(self._title)
        imgui.same_line(imgui.get_window_width() - em(1.4) - em(2.2))
        closed = widgets.button(f"{icons.CLOSE}###close", em(2.2), "Close (Esc)")
        path = self._browser.show(imgui.get_content_region_avail().y)
        leaves = imgui.is_key_pressed(imgui.Key.escape) and not imgui.get_io().want_text_input
        if path or closed or leaves:
            imgui.close_current_popup()
        return path
