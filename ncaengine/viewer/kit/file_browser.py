"""The file browser: a folder's list, for mouse and keys. The system's own dialogs need helper programs."""

import time
from dataclasses import dataclass
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core import resources
from ncaengine.core.files import unreadable
from ncaengine.formats import model_files
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em

Key = imgui.Key
PAGE = 12
"""Lines that Page Up and Page Down move by."""


@dataclass(frozen=True)
class FileItem:
    """A line of the list."""

    path: Path
    is_folder: bool
    size: int = 0
    """In bytes."""
    modified: float = 0.0
    """In seconds since 1970."""


def list_folder(folder: Path, endings: tuple[str, ...]) -> list[FileItem]:
    """Return the folders in a folder, then its files with some endings; hidden ones are left out. Raises OSError."""
    items = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            status, is_folder = path.stat(), path.is_dir()
        except OSError:  # a broken link
            continue
        if is_folder or path.suffix.lower() in endings:
            items.append(FileItem(path, is_folder, status.st_size, status.st_mtime))
    return sorted(items, key=lambda item: (not item.is_folder, item.path.name.lower()))


class FileBrowser:
    """The folder that is shown and the selected line.

    endings: those of the files to list, in lower case.
    picture_endings: those of the files that have the icon of a picture.
    """

    def __init__(self, folder: Path, endings: tuple[str, ...], picture_endings: tuple[str, ...]) -> None:
        self.folder, self._endings, self._picture_endings = folder.absolute(), endings, picture_endings
        self.items: list[FileItem] = []
        self.selected = 0
        self.error = ""
        self._typed = ""
        self._scroll = False

    def open_folder(self, folder: Path) -> None:
        """Show a folder. Going up selects the folder that was shown before."""
        folder = folder.expanduser().absolute()
        try:
            items = list_folder(folder, self._endings)
        except OSError as error:
            self.error = str(unreadable(folder, error))
            return
        before, self.folder, self.items, self.error = self.folder, folder, items, ""
        self.selected = next((i for i, item in enumerate(items) if item.path == before), 0)
        self._typed, self._scroll = str(folder), True

    def open_path(self, path: Path) -> Path | None:
        """Open a folder, or return a file (or FILE:NAME) as picked."""
        path = path.expanduser()
        if not model_files.split_path(path)[0].exists():
            self.error = f"{path}: no such file or folder."
        elif path.is_dir():
            self.open_folder(path)
        else:
            return path
        return None

    def show(self, height: float) -> Path | None:
        """Draw it into the current window, `height` pixels high. Return the file that was picked, or None."""
        picked = self._top_row()
        free = height - imgui.get_frame_height_with_spacing() - (em(2.2) if self.error else 0)
        picked = self._list(free) or picked
        if self.error:
            widgets.text_in(theme.RED, self.error, imgui.get_content_region_avail().x)
        if not imgui.get_io().want_text_input:
            picked = self._handle_keys() or picked
        return picked

    def _top_row(self) -> Path | None:
        """Draw buttons for some folders, and the path as a field. Return the file that was typed, or None."""
        places = [
            (icons.ARROW_UP, "up", self.folder.parent, "The parent folder (Backspace)"),
            (icons.HOME, "home", Path.home(), "Your home folder"),
            (icons.FOLDER_OPEN, "here", Path.cwd(), "The folder in which ncaengine was started"),
            (icons.SHIPPED, "shipped", resources.folder("assets"), "The models that come with ncaengine"),
        ]
        for icon, name, folder, help_ in places:
            if widgets.button(f"{icon}###{name}", em(2.4), f"{help_}\n{folder}"):
                self.open_folder(folder)
            imgui.same_line()
        imgui.set_next_item_width(-1)
        entered, self._typed = imgui.input_text("##path", self._typed, imgui.InputTextFlags_.enter_returns_true)
        widgets.tooltip("Type a folder or a file and press Enter to open it.")
        return self.open_path(Path(self._typed)) if entered and self._typed.strip() else None

    def _list(self, height: float) -> Path | None:
        flags = imgui.TableFlags_.scroll_y | imgui.TableFlags_.pad_outer_x
        padding = em(0.5), em(0.3)
        variables: list[widgets.StyleVariable] = [(imgui.StyleVar_.cell_padding, padding)]
        variables.append((imgui.StyleVar_.item_spacing, (padding[0], 2 * padding[1])))  # the selection fills it
        picked = None
        with widgets.style(variables=variables):
            if imgui.begin_table("##files", 3, flags, (0, height)):
                picked = self._table()
                imgui.end_table()
        return self.open_path(picked) if picked else None

    def _table(self) -> Path | None:
        picked = None
        imgui.table_setup_scroll_freeze(0, 1)
        for name, width in (("Name", 0.0), ("Size", em(6)), ("Modified", em(10))):
            flag = imgui.TableColumnFlags_.width_fixed if width else imgui.TableColumnFlags_.width_stretch
            imgui.table_setup_column(name, flag, width)
        with widgets.style([(imgui.Col_.text, theme.DIM), (imgui.Col_.table_header_bg, theme.CARD)]):
            imgui.table_headers_row()
        clipper = imgui.ListClipper()
        clipper.begin(len(self.items))
        if self._scroll and self.items:
            clipper.include_item_by_index(self.selected)
        while clipper.step():
            for index in range(clipper.display_start, clipper.display_end):
                if self._row(index, self.items[index]):
                    picked = self.items[index].path
        self._scroll = False
        if not self.items:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_disabled("No files that can be opened.")
        return picked

    def _row(self, index: int, item: FileItem) -> bool:
        """Draw a line of the list. Return whether it was clicked."""
        imgui.table_next_row()
        imgui.table_next_column()
        flags = imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.no_auto_close_popups
        clicked = bool(imgui.selectable(f"##{item.path.name}", index == self.selected, flags)[0])
        if index == self.selected and self._scroll:
            imgui.set_scroll_here_y(0.5)
        imgui.same_line(0, 0)
        start = imgui.get_cursor_pos_x()
        is_picture = item.path.suffix.lower() in self._picture_endings
        icon = icons.FOLDER if item.is_folder else icons.PICTURE if is_picture else icons.FILE
        widgets.text_in(theme.ACCENT if item.is_folder else theme.DIM, icon)
        imgui.same_line(start + em(1.7))
        imgui.text_unformatted(widgets.shorten(item.path.name, imgui.get_content_region_avail().x))
        imgui.table_next_column()
        widgets.text_in(theme.DIM, "" if item.is_folder else format_size(item.size))
        imgui.table_next_column()
        widgets.text_in(theme.DIM, time.strftime("%Y-%m-%d %H:%M", time.localtime(item.modified)))
        if clicked:
            self.selected = index
        return clicked

    def _handle_keys(self) -> Path | None:
        """Move the selection and open it by keys. Return the file that was picked, or None."""
        steps = {Key.down_arrow: 1, Key.up_arrow: -1, Key.page_down: PAGE, Key.page_up: -PAGE}
        steps |= {Key.home: -len(self.items), Key.end: len(self.items)}
        for key, by in steps.items():
            if imgui.is_key_pressed(key) and self.items:
                self.selected, self._scroll = min(max(self.selected + by, 0), len(self.items) - 1), True
        if imgui.is_key_pressed(Key.backspace):
            self.open_folder(self.folder.parent)
        if self.items and any(imgui.is_key_pressed(key) for key in (Key.enter, Key.keypad_enter)):
            return self.open_path(self.items[self.selected].path)
        return None


def format_size(size: float) -> str:
    """Return a number of bytes with its unit, as 24 kB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.0f} GB"
