"""The file browser: a folder's list, for mouse and keys. The system's own dialogs need helper programs."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core import resources
from ncaengine.core.files import as_text, present_folder, unreadable
from ncaengine.core.texts import file_size
from ncaengine.formats import model_files
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em

Key = imgui.Key
WITH_SIZE, WITH_TIME = 18.0, 30.0
"""Widths of the list from which it has those columns, in em."""
LEAST_FILTER, MOST_FILTER = 10.0, 16.0
"""Widths of the field to filter, in em."""
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
        self._all: list[FileItem] = []
        self.items: list[FileItem] = []
        """Those whose names contain what is typed."""
        self.selected = 0
        self.filter = ""
        self._filtering = False
        self.error = ""
        self._typed = ""
        self._scroll = False

    def open_folder(self, folder: Path) -> None:
        """Show a folder. Going up selects the folder that was shown before."""
        folder = Path(os.path.expanduser(folder)).absolute()
        try:
            items = list_folder(folder, self._endings)
        except OSError as error:
            self.error = as_text(str(unreadable(folder, error)))
            return
        before, self.folder, self._all, self.error = self.folder, folder, items, ""
        self.set_filter("")
        self.selected = next((i for i, item in enumerate(items) if item.path == before), 0)
        self._typed, self._scroll = as_text(str(folder)), True

    def open_path(self, path: Path) -> Path | None:
        """Open a folder, or return a file (or FILE:NAME) as picked."""
        path = Path(os.path.expanduser(path))
        if not os.path.exists(model_files.split_path(path)[0]):
            self.error = f"{path}: no such file or folder."
        elif os.path.isdir(path):
            self.open_folder(path)
        else:
            return path
        return None

    def show(self, height: float) -> Path | None:
        """Draw it into the current window, `height` pixels high. Return the file that was picked, or None."""
        picked = self._top_rows()
        free = height - 2 * imgui.get_frame_height_with_spacing() - (em(2.2) if self.error else 0)
        picked = self._list(free) or picked
        if self.error:
            widgets.text_in(theme.RED, self.error, imgui.get_content_region_avail().x)
        if self._filtering or not imgui.get_io().want_text_input:
            picked = self._handle_keys() or picked
        return picked

    def _top_rows(self) -> Path | None:
        """Draw buttons for some folders, the field to filter, and the path. Return the file that was typed, or None."""
        places = [
            (icons.ARROW_UP, "Up", self.folder.parent, "The parent folder (Backspace)"),
            (icons.HOME, "Home", Path.home(), "Your home folder"),
            (icons.FOLDER_OPEN, "Start folder", present_folder(), "The folder in which ncaengine was started"),
            (icons.SHIPPED, "Shipped models", resources.folder("assets"), "The models that come with ncaengine"),
        ]
        start, free, gap = (
            imgui.get_cursor_pos_x(),
            imgui.get_content_region_avail().x,
            imgui.get_style().item_spacing.x,
        )
        texts = [f"{icon}  {title}" for icon, title, _, _ in places]
        widths = [imgui.calc_text_size(text).x + em(1.6) for text in texts]
        if sum(widths) + gap * len(places) + em(LEAST_FILTER) > free:
            widths = [em(2.4)] * len(places)
        for text, width, (_, title, folder, help_) in zip(texts, widths, places, strict=True):
            if widgets.button(f"{text}###{title.split()[0].lower()}", width, f"{help_}\n{folder}"):
                self.open_folder(folder)
            imgui.same_line()
        rest = start + free - imgui.get_cursor_pos_x()
        field = min(rest, em(MOST_FILTER))
        imgui.set_cursor_pos_x(start + free - field)
        self._filter_field(field)
        widgets.row_label("Folder", "Type a folder or a file and press Enter to open it.")
        imgui.set_next_item_width(start + free - imgui.get_cursor_pos_x())
        entered, self._typed = imgui.input_text("##path", self._typed, imgui.InputTextFlags_.enter_returns_true)
        widgets.tooltip("Type a folder or a file and press Enter to open it.")
        return self.open_path(Path(self._typed)) if entered and self._typed.strip() else None

    def _filter_field(self, width: float) -> None:
        if imgui.get_io().key_ctrl and imgui.is_key_pressed(Key.f, False):
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(width)
        flags = imgui.InputTextFlags_.escape_clears_all
        changed, typed = imgui.input_text_with_hint("##filter-files", "Filter by name", self.filter, flags)
        self._filtering = imgui.is_item_active() or (imgui.is_item_deactivated() and _enters())
        widgets.tooltip("Show only files and folders whose names contain these words (Ctrl F). Esc clears it.")
        if changed:
            self.set_filter(typed)

    def set_filter(self, typed: str) -> None:
        """Show what has all words that are typed in its name, and select the first line."""
        self.filter, words = typed, typed.lower().split()
        self.items = [item for item in self._all if all(word in item.path.name.lower() for word in words)]
        self.selected, self._scroll = 0, True

    def _list(self, height: float) -> Path | None:
        flags = imgui.TableFlags_.scroll_y | imgui.TableFlags_.pad_outer_x
        padding = em(0.5), em(0.3)
        variables: list[widgets.StyleVariable] = [(imgui.StyleVar_.cell_padding, padding)]
        variables.append((imgui.StyleVar_.item_spacing, (padding[0], 2 * padding[1])))  # the selection fills it
        picked = None
        with widgets.style(variables=variables):
            columns = self._columns()
            if imgui.begin_table(f"##files{len(columns)}", len(columns), flags, (0, height)):
                picked = self._table(columns)
                imgui.end_table()
        return self.open_path(picked) if picked else None

    def _columns(self) -> list[tuple[str, float]]:
        """Return the titles and widths of the columns that leave space for names; 0 for the rest of the width."""
        free = imgui.get_content_region_avail().x / em(1)
        more = [("Size", em(6))] * (free >= WITH_SIZE) + [("Modified", em(10))] * (free >= WITH_TIME)
        return [("Name", 0.0), *more]

    def _table(self, columns: list[tuple[str, float]]) -> Path | None:
        picked = None
        imgui.table_setup_scroll_freeze(0, 1)
        for name, width in columns:
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
                if self._row(index, self.items[index], len(columns)):
                    picked = self.items[index].path
        self._scroll = False
        if not self.items:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_disabled("No name matches the filter." if self._all else "No files that can be opened.")
        return picked

    def _row(self, index: int, item: FileItem, columns: int) -> bool:
        """Draw a line of the list. Return whether it was clicked."""
        imgui.table_next_row()
        imgui.table_next_column()
        flags = imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.no_auto_close_popups
        clicked = bool(imgui.selectable(f"##{as_text(item.path.name)}", index == self.selected, flags)[0])
        if index == self.selected and self._scroll:
            imgui.set_scroll_here_y(0.5)
        imgui.same_line(0, 0)
        start = imgui.get_cursor_pos_x()
        is_picture = item.path.suffix.lower() in self._picture_endings
        icon = icons.FOLDER if item.is_folder else icons.PICTURE if is_picture else icons.FILE
        widgets.text_in(theme.ACCENT if item.is_folder else theme.DIM, icon)
        imgui.same_line(start + em(1.7))
        imgui.text_unformatted(widgets.shorten(item.path.name, imgui.get_content_region_avail().x))
        texts = ["" if item.is_folder else file_size(item.size)]
        texts.append(time.strftime("%Y-%m-%d %H:%M", time.localtime(item.modified)))
        for text in texts[: columns - 1]:
            imgui.table_next_column()
            widgets.text_in(theme.TEXT if index == self.selected else theme.DIM, text)
        if clicked:
            self.selected = index
        return clicked

    def _handle_keys(self) -> Path | None:
        """Move the selection and open it by keys. Return the file that was picked, or None."""
        steps = {Key.down_arrow: 1, Key.up_arrow: -1, Key.page_down: PAGE, Key.page_up: -PAGE}
        if not self._filtering:
            steps |= {Key.home: -len(self.items), Key.end: len(self.items)}
        for key, by in steps.items():
            if imgui.is_key_pressed(key) and self.items:
                self.selected, self._scroll = min(max(self.selected + by, 0), len(self.items) - 1), True
        if imgui.is_key_pressed(Key.backspace) and not self._filtering:
            self.open_folder(self.folder.parent)
        if self.items and _enters():
            return self.open_path(self.items[self.selected].path)
        return None


def _enters() -> bool:
    return imgui.is_key_pressed(Key.enter) or imgui.is_key_pressed(Key.keypad_enter)
