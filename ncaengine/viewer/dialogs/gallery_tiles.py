"""The gallery's tiles: sections of pictures with names. Only visible ones are drawn."""

from collections.abc import Callable
from pathlib import Path

import moderngl
from imgui_bundle import imgui

from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.panels.model import size_text
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.model_library import LibraryEntry, ModelLibrary
from ncaengine.viewer.state.thumbnails import SIDE

LEAST_TILE, GAP, MARGIN = 9.6, 0.8, 0.5
"""The least width of a tile, the space between tiles and the margin of a picture, in em."""
HOVERED = int(imgui.HoveredFlags_.allow_when_overlapped_by_item | imgui.HoveredFlags_.allow_when_blocked_by_active_item)
"""A tile counts as hovered while the pointer is on its small button, and while that is pressed."""
Open = Callable[[Path, bool], object]
"""Opens a path, in a new grid or in the selected one."""


class GalleryTiles:
    """The tiles, with the selection, the filter and the textures of the thumbnails.

    selected: the index of the selected tile among `entries`.
    filter: the text that is typed to filter.
    described: the tile under the pointer, or the selected one.
    offers_grids: whether a tile has a button that opens the model in a new grid.
    content_height: the height that all tiles needed when they were last drawn, in pixels.
    rows_per_page: how many rows of tiles were fully visible.
    """

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts, library: ModelLibrary) -> None:
        self._ctx, self._fonts, self.library = ctx, fonts, library
        self.selected, self.filter, self.content_height, self.rows_per_page = 0, "", 0.0, 1
        self._textures: dict[LibraryEntry, tuple[moderngl.Texture, object]] = {}
        self._rows: list[list[int]] = []
        self._tops: list[float] = []
        self._tooltips = True
        self.described: LibraryEntry | None = None
        self.offers_grids = True
        # Where the next frame scrolls to: the selected tile, the collection or the top.
        self._to_selected = self._to_collection = self._to_top = False

    @property
    def entries(self) -> list[LibraryEntry]:
        """The entries that pass the filter, in the order in which they are shown."""
        return [entry for _, entries in self._sections() for entry in entries]

    def _sections(self) -> list[tuple[str, list[LibraryEntry]]]:
        """Return titles with the entries that pass the filter; the collection always comes last."""
        library, words = self.library, self.filter.lower().split()
        inside = library.inside
        collection = f"In {inside[0].file.name}   ·   {len(inside)} models" if inside else ""
        named = ("Shipped with ncaengine", library.shipped), ("Recent files", library.recent), (collection, inside)
        return [
            (title, [entry for entry in entries if all(word in entry.name.lower() for word in words)])
            for title, entries in named
        ]

    def refresh(self, current: Path | None, to_collection: bool) -> None:
        """Adapt to the library's new entries.

        current: the model to select, if it is there.
        to_collection: whether to select the first model of the collection if `current` isn't one of its models.
        """
        for entry in set(self._textures) - set(self.library.entries):
            self._textures.pop(entry)[0].release()
        self.filter = ""
        paths = [entry.path.absolute() for entry in self.library.entries]
        first = len(paths) - len(self.library.inside)
        indices = [index for index, path in enumerate(paths) if current and path == current.absolute()]
        inside = [index for index in indices if index >= first]
        self.selected = inside[0] if inside else first if to_collection else indices[0] if indices else 0
        self._to_selected, self._to_top = self.selected > 0, False
        self._to_collection = to_collection and self.selected == first

    def set_filter(self, typed: str) -> None:
        """Show the entries whose names contain all words that are typed, and select the first one."""
        if typed != self.filter:
            self.filter, self.selected, self._to_top = typed, 0, True

    def move_selection(self, right: int, down: int) -> None:
        """Select another tile by steps."""
        self.selected, self._to_selected = moved(self._rows, self.selected, right, down), True

    def show(self, width: float, height: float, open_: Open, tooltips: bool) -> None:
        """Draw the tiles into a part of the current window, `width` x `height` pixels.

        tooltips: whether the tile under the pointer is described by a tooltip, too.
        """
        imgui.begin_child("tiles", (width, height))
        entries = self.entries
        self.described = entries[self.selected] if self.selected < len(entries) else None
        self._tooltips, self._tops = tooltips, []
        gap, self._rows, self.library.visible = em(GAP), [], []
        free = imgui.get_content_region_avail().x
        columns = max(1, int((free + gap) // (em(LEAST_TILE) + gap)))
        width = (free - gap * (columns - 1)) // columns
        self.rows_per_page = max(1, int(height // (_tile_height(width) + gap)))
        first, sections = 0, self._sections()
        if self._to_top:
            imgui.set_scroll_y(0)
        for number, (title, entries) in enumerate(sections):
            if entries:
                if self._to_collection and number == len(sections) - 1:
                    imgui.set_scroll_y(imgui.get_cursor_pos_y())
                self._tops.append(imgui.get_cursor_pos_y())
                widgets.text_in(theme.DIM, title, free)
                self._section(entries, first, columns, width, open_)
                widgets.vertical_space(0.3)
            first += len(entries)
        if not first:
            imgui.text_disabled("No model matches the filter." if self.filter else "There are no models.")
        self.content_height = imgui.get_cursor_pos_y()
        imgui.end_child()
        self._to_selected = self._to_collection = self._to_top = False

    def _section(self, entries: list[LibraryEntry], first: int, columns: int, width: float, open_: Open) -> None:
        """Draw rows of tiles: the visible ones, and a tile that was just selected, to scroll there.

        first: the index of the first tile among all entries.
        """
        start, gap = imgui.get_cursor_screen_pos(), em(GAP)
        height = _tile_height(width)
        top = imgui.get_window_pos().y
        bottom = top + imgui.get_window_height()
        for row in range(-(-len(entries) // columns)):
            line = entries[row * columns : (row + 1) * columns]
            indices = range(first + row * columns, first + row * columns + len(line))
            self._rows.append(list(indices))
            y = start.y + row * (height + gap)
            self._tops += [y - top + imgui.get_scroll_y()] if row else []  # the first one's is its title
            if self._to_selected and not self._to_collection and self.selected in indices:
                self._scroll_to(y - top + imgui.get_scroll_y(), height)
            is_visible = y < bottom and y + height > top
            if is_visible:
                self.library.visible += line
            for column, (index, entry) in enumerate(zip(indices, line, strict=True)):
                if is_visible or (self._to_selected and index == self.selected):
                    at = start.x + column * (width + gap), y
                    imgui.set_cursor_screen_pos(at)
                    self._tile(index, entry, at, (width, height), open_)
        rows = -(-len(entries) // columns)
        imgui.set_cursor_screen_pos((start.x, start.y + rows * (height + gap)))
        imgui.dummy((0, 0))

    def _scroll_to(self, top: float, height: float) -> None:
        """Scroll so that a row is visible, and so that no other row is cut above it.

        top, height: of the row, in pixels of the scrolled content.
        """
        visible, now = imgui.get_window_height(), imgui.get_scroll_y()
        if not now <= self._tops[-1] <= now + visible - (top - self._tops[-1]) - height:
            first = self._tops[-1] if self._tops[-1] < now else top + height - visible
            imgui.set_scroll_y(min((at for at in self._tops if at >= first), default=top))

    def _tile(
        self, index: int, entry: LibraryEntry, at: tuple[float, float], size: tuple[float, float], open_: Open
    ) -> None:
        (x, y), (width, height) = at, size
        imgui.set_next_item_allow_overlap()
        if imgui.invisible_button(f"tile{index}", size):
            self.selected = index
            open_(entry.path, imgui.get_io().key_ctrl)
        hovered, selected = imgui.is_item_hovered(HOVERED), index == self.selected
        if hovered:
            self.described = entry
        if self._tooltips:
            widgets.tooltip(description(entry))
        draw = imgui.get_window_draw_list()
        face = theme.FIELD_OVER if hovered else theme.FIELD
        draw.add_rect_filled((x, y), (x + width, y + height), u32(face), em(0.5))
        margin = em(MARGIN) - (em(0.2) if hovered else 0)
        self._picture(entry, (x + margin, y + margin), width - 2 * margin)
        if selected:
            end = x + width - 1, y + height - 1
            draw.add_rect((x + 1, y + 1), end, u32(theme.ACCENT), em(0.5), thickness=em(0.13))
        self._title(entry, (x + em(0.6), y + width - em(0.1)), width - em(1.2))
        if self.offers_grids and (hovered or selected) and not entry.error and entry.count == 1:
            self._new_grid_button(index, entry, x + width - margin, y + margin, open_)

    def _title(self, entry: LibraryEntry, at: tuple[float, float], width: float) -> None:
        """Draw the two lines below a picture.

        In a file of several models, long names often differ only at the end: they fill both lines.
        """
        draw, (x, y) = imgui.get_window_draw_list(), at
        ink, below = u32(theme.DIM if entry.error else theme.TEXT), y + imgui.get_text_line_height() + em(0.1)
        with theme.use_font(self._fonts.bold):
            shown = widgets.shorten(entry.name, width)
            if shown != entry.name and entry.inside:
                start = _first_line(entry.name, len(shown) - 1)
                draw.add_text((x, y), ink, start)
                draw.add_text((x, below), ink, widgets.shorten(entry.name[len(start) :], width))
                return
            draw.add_text((x, y), ink, shown)
        draw.add_text((x, below), u32(theme.DIM), widgets.shorten(self._second_line(entry), width))

    def _second_line(self, entry: LibraryEntry) -> str:
        """Return the line below the name: where the model is stored, or the kernels of a shipped model."""
        if entry.inside:
            return entry.file.name
        if entry.count > 1:
            return f"{entry.count} models"
        if entry in self.library.recent:
            return entry.path.parent.name or str(entry.path.parent)
        return " · ".join(entry.model.config.kernels) if entry.model else ""

    def _new_grid_button(self, index: int, entry: LibraryEntry, right: float, top: float, open_: Open) -> None:
        """Draw the small button on a picture that opens the model in a new grid."""
        side = em(1.9)
        imgui.set_cursor_screen_pos((right - side - em(0.3), top + em(0.3)))
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (0, em(0.25)))]):
            colours = theme.CARD, theme.ACCENT_DEEP, theme.TEXT
            if widgets.button(f"{icons.PLUS}###beside{index}", side, "Open in a new grid (Ctrl-click)", colours):
                self.selected = index
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
        """Return the texture of the current thumbnail, or None."""
        picture = entry.thumbnail.picture if entry.thumbnail else None
        if picture is None:
            return None
        texture, shown = self._textures.get(entry) or (self._ctx.texture((SIDE, SIDE), 3, alignment=1), None)
        if shown is not picture:
            texture.write(picture.tobytes(), alignment=1)
            self._textures[entry] = texture, picture
        return texture

    def release(self) -> None:
        """Free the textures."""
        for texture, _ in self._textures.values():
            texture.release()
        self._textures.clear()


def _tile_height(width: float) -> float:
    """Return the height of a tile, given its width, in pixels."""
    return width + 2 * imgui.get_text_line_height() + em(0.5)


def moved(rows: list[list[int]], selected: int, right: int, down: int) -> int:
    """Return the index after a step among rows of tiles.

    A step to the right at the end of a row leads to the next row; a step to a shorter row may lead to its end.
    """
    last = sum(map(len, rows)) - 1
    if last < 0:
        return 0
    if right:
        return min(max(selected + right, 0), last)
    row, column = next((r, row.index(selected)) for r, row in enumerate(rows) if selected in row)
    target = rows[min(max(row + down, 0), len(rows) - 1)]
    return target[min(column, len(target) - 1)]


def _first_line(name: str, length: int) -> str:
    """Return the first of two lines of a long name, up to a break near its end if there is one."""
    end = max(name.rfind(mark, length // 2, length) for mark in "-_. ") + 1
    return name[: end or length]


def description(entry: LibraryEntry) -> str:
    """Return the tooltip of a tile."""
    lines = [entry.name]
    if entry.count > 1:
        lines += [f"{entry.count} models; click to show them."]
    elif entry.model:
        config = entry.model.config
        lines += [f"Model: {config.name}" if config.name != entry.name else "", size_text(entry.model)]
        lines += [f"Family: {config.family}" if config.family else ""]
        lines += [f"Grows on: {', '.join(config.kernels)}", *credits.attribution_lines(config)]
    return "\n".join(line for line in (*lines, entry.error, str(entry.path)) if line)
