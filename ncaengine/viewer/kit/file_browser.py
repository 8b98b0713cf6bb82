"""A file dialog of our own, since the system's needs helper programs: a folder's list, by mouse or keys alone."""

import time
from dataclasses import dataclass
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core import resources
from ncaengine.formats import model_files
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.file_kinds import LISTED_MODEL_ENDINGS, PICTURE_ENDINGS, SESSION_ENDINGS

Key = imgui.Key
FOLDER, FILE, PICTURE, UP, HOME, HERE, SHIPPED = "\uf07b", "\uf15b", "\uf03e", "\uf062", "\uf015", "\uf07c", "\uf49e"
PAGE = 12
"""Lines that Page Up and Page Down move by."""


@dataclass(frozen=True)
class Item:
    """A line of the list; `size` in bytes, `modified` in seconds since 1970."""

    path: Path
    folder: bool
    size: int = 0
    modified: float = 0.0


def listing(folder: Path, endings: tuple[str, ...] = LISTED_MODEL_ENDINGS + SESSION_ENDINGS) -> list[Item]:
    """The folders in a folder, then the files of some endings; hidden ones left out. Raises OSError."""
    items = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            found, is_folder = path.stat(), path.is_dir()
        except OSError:  # a link to nowhere
            continue
        if is_folder or path.suffix.lower() in endings:
            items.append(Item(path, is_folder, found.st_size, found.st_mtime))
    return sorted(items, key=lambda item: (not item.folder, item.path.name.lower()))


class Picker:
    """The dialog's state: the folder it shows and the line that is chosen."""

    def __init__(self, folder: Path, endings: tuple[str, ...] = LISTED_MODEL_ENDINGS + SESSION_ENDINGS) -> None:
        self.folder, self._endings = folder.absolute(), endings
        self.items: list[Item] = []
        self.chosen = 0
        self.problem = ""
        self._typed = ""
        self._moved = False

    def go(self, folder: Path) -> None:
        """Show a folder, from which its last one can be told apart: it is chosen when going up."""
        folder = folder.expanduser().absolute()
        try:
            items = listing(folder, self._endings)
        except OSError as error:
            self.problem = f"{folder}: cannot be read ({error.strerror})."
            return
        before, self.folder, self.items, self.problem = self.folder, folder, items, ""
        self.chosen = next((i for i, item in enumerate(items) if item.path == before), 0)
        self._typed, self._moved = str(folder), True

    def take(self, path: Path) -> Path | None:
        """Enter a folder, or return a file, or FILE:NAME, as picked."""
        path = path.expanduser()
        if not model_files.split_path(path)[0].exists():
            self.problem = f"{path}: there is no such file or folder."
        elif path.is_dir():
            self.go(path)
        else:
            return path
        return None

    def show(self, height: float) -> Path | None:
        """Draw it into the current window, `height` pixels high; returns the file picked, if any."""
        picked = self._places()
        left = height - imgui.get_frame_height_with_spacing() - (em(2.2) if self.problem else 0)
        picked = self._list(left) or picked
        if self.problem:
            with widgets.style([(imgui.Col_.text, theme.RED)]):
                imgui.text_unformatted(widgets.trimmed(self.problem, imgui.get_content_region_avail().x))
        if not imgui.get_io().want_text_input:
            picked = self._keys() or picked
        return picked

    def _places(self) -> Path | None:
        """Up, a few places to begin from, and the path, which can be typed."""
        places = [
            (UP, "up", self.folder.parent, "The folder above (Backspace)"),
            (HOME, "home", Path.home(), "Your home folder"),
            (HERE, "here", Path.cwd(), "The folder that ncaengine was started in"),
            (SHIPPED, "shipped", resources.folder("assets"), "The models that come with ncaengine"),
        ]
        for icon, name, place, help_ in places:
            if widgets.button(f"{icon}###{name}", em(2.4), f"{help_}\n{place}"):
                self.go(place)
            imgui.same_line()
        imgui.set_next_item_width(-1)
        entered, self._typed = imgui.input_text("##path", self._typed, imgui.InputTextFlags_.enter_returns_true)
        widgets.tooltip("A folder or a file; Enter goes there.")
        return self.take(Path(self._typed)) if entered and self._typed.strip() else None

    def _list(self, height: float) -> Path | None:
        flags = imgui.TableFlags_.scroll_y | imgui.TableFlags_.pad_outer_x
        room = em(0.5), em(0.3)
        variables: list[widgets.Variable] = [(imgui.StyleVar_.cell_padding, room)]
        variables.append((imgui.StyleVar_.item_spacing, (room[0], 2 * room[1])))  # which a chosen line fills
        picked = None
        with widgets.style(variables=variables):
            if imgui.begin_table("##files", 3, flags, (0, height)):
                picked = self._table()
                imgui.end_table()
        return self.take(picked) if picked else None

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
        if self._moved and self.items:
            clipper.include_item_by_index(self.chosen)
        while clipper.step():
            for index in range(clipper.display_start, clipper.display_end):
                if self._row(index, self.items[index]):
                    picked = self.items[index].path
        self._moved = False
        if not self.items:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_disabled("Nothing here that can be opened.")
        return picked

    def _row(self, index: int, item: Item) -> bool:
        """A line of the list; returns whether it was clicked."""
        imgui.table_next_row()
        imgui.table_next_column()
        flags = imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.no_auto_close_popups
        clicked = bool(imgui.selectable(f"##{item.path.name}", index == self.chosen, flags)[0])
        if index == self.chosen and self._moved:
            imgui.set_scroll_here_y(0.5)
        imgui.same_line(0, 0)
        start = imgui.get_cursor_pos_x()
        with widgets.style([(imgui.Col_.text, theme.ACCENT if item.folder else theme.DIM)]):
            picture = item.path.suffix.lower() in PICTURE_ENDINGS
            imgui.text_unformatted(FOLDER if item.folder else PICTURE if picture else FILE)
        imgui.same_line(start + em(1.7))
        imgui.text_unformatted(widgets.trimmed(item.path.name, imgui.get_content_region_avail().x))
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            imgui.table_next_column()
            imgui.text_unformatted("" if item.folder else _bytes(item.size))
            imgui.table_next_column()
            imgui.text_unformatted(time.strftime("%Y-%m-%d %H:%M", time.localtime(item.modified)))
        if clicked:
            self.chosen = index
        return clicked

    def _keys(self) -> Path | None:
        def pressed(key: imgui.Key) -> bool:
            return bool(imgui.is_key_pressed(key))

        steps = {Key.down_arrow: 1, Key.up_arrow: -1, Key.page_down: PAGE, Key.page_up: -PAGE}
        steps |= {Key.home: -len(self.items), Key.end: len(self.items)}
        for key, by in steps.items():
            if pressed(key) and self.items:
                self.chosen, self._moved = min(max(self.chosen + by, 0), len(self.items) - 1), True
        if pressed(Key.backspace):
            self.go(self.folder.parent)
        if (pressed(Key.enter) or pressed(Key.keypad_enter)) and self.items:
            return self.take(self.items[self.chosen].path)
        return None


def _bytes(size: int) -> str:
    """A size in words, as '24 kB'."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.0f} GB"
