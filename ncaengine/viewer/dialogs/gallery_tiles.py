"""The gallery's tiles: sections of pictures with names, of which only what is in sight is drawn."""

from collections.abc import Callable
from pathlib import Path

import moderngl
from imgui_bundle import imgui

from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.model_library import LibraryEntry, ModelLibrary
from ncaengine.viewer.state.thumbnails import SIDE

PLUS = "\uf067"
TILE, GAP, INSET = 9.6, 0.8, 0.5
"""Width of a tile at least, between tiles, and of a picture's margin, in em."""
OVER = int(imgui.HoveredFlags_.allow_when_overlapped_by_item | imgui.HoveredFlags_.allow_when_blocked_by_active_item)
"""A tile stays under the pointer while that is on its small button, and while that is pressed."""
Open = Callable[[Path, bool], object]
"""Opens a path, in the selected grid or beside it."""


class Tiles:
    """What is chosen and what is typed to filter by. It holds the thumbnails' textures.

    content: how high all tiles were when drawn last, in pixels. page: how many rows of them were wholly in sight.
    """

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts, shelf: ModelLibrary) -> None:
        self._ctx, self._fonts, self.shelf = ctx, fonts, shelf
        self.chosen, self.filter, self.content, self.page = 0, "", 0.0, 1
        self._textures: dict[LibraryEntry, tuple[moderngl.Texture, object]] = {}
        self._rows: list[list[int]] = []
        self._moved = self._jumps = self._to_top = False

    @property
    def entries(self) -> list[LibraryEntry]:
        """Those that the filter leaves, in the order in which they are shown."""
        return [entry for _, entries in self._sections() for entry in entries]

    def _sections(self) -> list[tuple[str, list[LibraryEntry]]]:
        """Titles and what the filter leaves below them; that of the atlas is always the last."""
        shelf, words = self.shelf, self.filter.lower().split()
        atlas = f"In {shelf.inside[0].file.name}   ·   {len(shelf.inside)} models" if shelf.inside else ""
        named = ("Shipped with ncaengine", shelf.shipped), ("Recent files", shelf.recent), (atlas, shelf.inside)
        return [
            (title, [entry for entry in entries if all(word in entry.name.lower() for word in words)])
            for title, entries in named
        ]

    def renew(self, here: Path | None, jump: bool) -> None:
        """The shelf holds other entries now: choose `here`, or to `jump`, what is first of the atlas."""
        for entry in set(self._textures) - set(self.shelf.entries):
            self._textures.pop(entry)[0].release()
        self.filter = ""
        paths, inside = [entry.path.absolute() for entry in self.shelf.entries], len(self.shelf.inside)
        before = len(paths) - inside
        places = [place for place, path in enumerate(paths) if here and path == here.absolute()]
        among = [place for place in places if place >= before]
        self.chosen = among[0] if among else before if jump else places[0] if places else 0
        self._moved, self._jumps, self._to_top = self.chosen > 0, jump and self.chosen == before, False

    def sift(self, typed: str) -> None:
        """Leave the entries whose names hold all words typed, and choose the first of them."""
        if typed != self.filter:
            self.filter, self.chosen, self._to_top = typed, 0, True

    def move(self, right: int, down: int) -> None:
        """Choose another tile, by steps among the rows."""
        self.chosen, self._moved = moved(self._rows, self.chosen, right, down), True

    def show(self, height: float, open_: Open) -> None:
        """Draw them into a part of the current window, `height` pixels high."""
        imgui.begin_child("tiles", (0, height))
        gap, self._rows, self.shelf.visible = em(GAP), [], []
        free = imgui.get_content_region_avail().x
        columns = max(1, int((free + gap) // (em(TILE) + gap)))
        width = (free - gap * (columns - 1)) // columns
        self.page = max(1, int(height // (self._height(width) + gap)))
        first, sections = 0, self._sections()
        if self._to_top:
            imgui.set_scroll_y(0)
        for number, (title, entries) in enumerate(sections):
            if entries:
                if self._jumps and number == len(sections) - 1:
                    imgui.set_scroll_y(imgui.get_cursor_pos_y())
                with widgets.style([(imgui.Col_.text, theme.DIM)]):
                    imgui.text_unformatted(widgets.trimmed(title, free))
                self._section(entries, first, columns, width, open_)
                widgets.gap(0.3)
            first += len(entries)
        if not first:
            imgui.text_disabled("No model's name holds that." if self.filter else "There are no models here.")
        self.content = imgui.get_cursor_pos_y()
        imgui.end_child()
        self._moved = self._jumps = self._to_top = False

    def _height(self, width: float) -> float:
        """Of a tile so wide."""
        return width + 2 * imgui.get_text_line_height() + em(0.5)

    def _section(self, entries: list[LibraryEntry], first: int, columns: int, width: float, open_: Open) -> None:
        """Rows of tiles; only those in sight are drawn, and one that was just chosen, to scroll there."""
        start, gap = imgui.get_cursor_screen_pos(), em(GAP)
        height = self._height(width)
        top = imgui.get_window_pos().y
        bottom = top + imgui.get_window_height()
        for row in range(-(-len(entries) // columns)):
            line = entries[row * columns : (row + 1) * columns]
            indices = range(first + row * columns, first + row * columns + len(line))
            self._rows.append(list(indices))
            y = start.y + row * (height + gap)
            in_sight = y < bottom and y + height > top
            if in_sight:
                self.shelf.visible += line
            for column, (index, entry) in enumerate(zip(indices, line, strict=True)):
                if in_sight or (self._moved and index == self.chosen):
                    at = start.x + column * (width + gap), y
                    imgui.set_cursor_screen_pos(at)
                    self._tile(index, entry, at, (width, height), open_)
        rows = -(-len(entries) // columns)
        imgui.set_cursor_screen_pos((start.x, start.y + rows * (height + gap)))
        imgui.dummy((0, 0))

    def _tile(
        self, index: int, entry: LibraryEntry, at: tuple[float, float], size: tuple[float, float], open_: Open
    ) -> None:
        (x, y), (width, height) = at, size
        imgui.set_next_item_allow_overlap()
        if imgui.invisible_button(f"tile{index}", size):
            self.chosen = index
            open_(entry.path, imgui.get_io().key_ctrl)
        over, chosen = imgui.is_item_hovered(OVER), index == self.chosen
        widgets.tooltip(facts(entry))
        if chosen and self._moved and not self._jumps:
            imgui.internal.scroll_to_item(imgui.internal.ScrollFlags_.keep_visible_edge_y)
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled((x, y), (x + width, y + height), u32(theme.FIELD_OVER if over else theme.FIELD), em(0.5))
        inset = em(INSET) - (em(0.2) if over else 0)
        self._picture(entry, (x + inset, y + inset), width - 2 * inset)
        if chosen:
            end = x + width - 1, y + height - 1
            draw.add_rect((x + 1, y + 1), end, u32(theme.ACCENT), em(0.5), thickness=em(0.13))
        self._names(entry, (x + em(0.6), y + width - em(0.1)), width - em(1.2))
        if (over or chosen) and not entry.error and entry.count == 1:
            self._beside(index, entry, x + width - inset, y + inset, open_)

    def _names(self, entry: LibraryEntry, at: tuple[float, float], width: float) -> None:
        """The two lines below a picture. A long name of one of several models, whose end tells it apart, has both."""
        draw, (x, y) = imgui.get_window_draw_list(), at
        ink, below = u32(theme.DIM if entry.error else theme.TEXT), y + imgui.get_text_line_height() + em(0.1)
        with theme.face(self._fonts.bold):
            shown = widgets.trimmed(entry.name, width)
            if shown != entry.name and entry.inside:
                head = _head(entry.name, len(shown) - 1)
                draw.add_text((x, y), ink, head)
                draw.add_text((x, below), ink, widgets.trimmed(entry.name[len(head) :], width))
                return
            draw.add_text((x, y), ink, shown)
        draw.add_text((x, below), u32(theme.DIM), widgets.trimmed(self._under(entry), width))

    def _under(self, entry: LibraryEntry) -> str:
        """The second line: where a file or one of several models lies, which neighbourhoods a shipped model is for."""
        if entry.inside:
            return entry.file.name
        if entry.count > 1:
            return f"{entry.count} models"
        if entry in self.shelf.recent:
            return entry.path.parent.name or str(entry.path.parent)
        return " · ".join(entry.model.config.kernels) if entry.model else ""

    def _beside(self, index: int, entry: LibraryEntry, right: float, top: float, open_: Open) -> None:
        """The small button on the picture that opens it beside."""
        side = em(1.9)
        imgui.set_cursor_screen_pos((right - side - em(0.3), top + em(0.3)))
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (0, em(0.25)))]):
            colour = theme.CARD, theme.ACCENT_DEEP, theme.TEXT
            if widgets.button(f"{PLUS}###beside{index}", side, "Open beside, in a new grid (Ctrl-click)", colour):
                self.chosen = index
                open_(entry.path, True)

    def _picture(self, entry: LibraryEntry, at: tuple[float, float], side: float) -> None:
        draw, (x, y) = imgui.get_window_draw_list(), at
        end = x + side, y + side
        if entry.error:
            draw.add_rect_filled(at, end, u32(theme.CARD), em(0.35))
            draw.add_text((x + em(0.6), y + em(0.6)), u32(theme.AMBER), icons.WARNING)
            imgui.push_clip_rect(at, end, True)
            font, size = imgui.get_font(), imgui.get_font_size() * 0.87
            draw.add_text(font, size, (x + em(0.6), y + em(2)), u32(theme.DIM), entry.error, side - em(1.2))
            imgui.pop_clip_rect()
        elif texture := self._texture(entry):
            white = imgui.get_color_u32((1.0, 1.0, 1.0, 1.0))
            draw.add_image_rounded(imgui.ImTextureRef(texture.glo), at, end, (0, 0), (1, 1), white, em(0.35))
        else:
            draw.add_rect_filled(at, end, u32(theme.WELL), em(0.35))

    def _texture(self, entry: LibraryEntry) -> moderngl.Texture | None:
        """The thumbnail as it is now, on the device."""
        picture = entry.thumbnail.picture if entry.thumbnail else None
        if picture is None:
            return None
        texture, shown = self._textures.get(entry) or (self._ctx.texture((SIDE, SIDE), 3, alignment=1), None)
        if shown is not picture:
            texture.write(picture.tobytes(), alignment=1)
            self._textures[entry] = texture, picture
        return texture

    def release(self) -> None:
        """Give the textures back."""
        for texture, _ in self._textures.values():
            texture.release()
        self._textures.clear()


def moved(rows: list[list[int]], chosen: int, right: int, down: int) -> int:
    """What is chosen after a step among rows of tiles: on to the next row at an end, and to the end of a short one."""
    last = sum(map(len, rows)) - 1
    if last < 0:
        return 0
    if right:
        return min(max(chosen + right, 0), last)
    row, column = next((r, row.index(chosen)) for r, row in enumerate(rows) if chosen in row)
    target = rows[min(max(row + down, 0), len(rows) - 1)]
    return target[min(column, len(target) - 1)]


def _head(name: str, room: int) -> str:
    """What of a long name stands on the first of two lines of so many letters: up to a break, if one is near."""
    at = max(name.rfind(mark, room // 2, room) for mark in "-_. ") + 1
    return name[: at or room]


def facts(entry: LibraryEntry) -> str:
    """The tooltip of a tile."""
    lines = [entry.name]
    if entry.count > 1:
        lines += [f"{entry.count} models; a click shows them."]
    elif entry.model:
        config = entry.model.config
        numbers = f"{config.channels} channels · {config.hidden} hidden · {entry.model.parameters:,} weights"
        lines += [f"Model: {config.name}" if config.name != entry.name else ""]
        lines += [numbers.replace(",", " "), f"Family: {config.family}" if config.family else ""]
        lines += [f"Grows on: {', '.join(config.kernels)}", *credits.attribution_lines(config)]
    return "\n".join(line for line in (*lines, entry.error, str(entry.path)) if line)
