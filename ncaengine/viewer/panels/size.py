"""A section of the side bar: the selected grid's size, and what happens to its cells when it changes."""

from collections.abc import Iterable

from imgui_bundle import imgui

from ncaengine.core import framing
from ncaengine.core.states import Keep
from ncaengine.core.types import Size
from ncaengine.viewer.actions import grids
from ncaengine.viewer.kit import widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App

DIGITS = int(imgui.InputTextFlags_.chars_decimal)
PRESETS = (64, 128, 256, 512, 1024)
KEEPS: tuple[tuple[Keep, str, str], ...] = (
    ("centre", "Keep the middle", "The cells stay in the middle; new cells start from the seed."),
    ("corner", "Keep the corner", "The cells stay at the upper left; new cells start from the seed."),
    ("tile", "Repeat as a tile", "The cells are repeated over the new size."),
    ("nothing", "Restart", "All cells start from the seed."),
)
"""(value, title, help) of the ways to resize."""


class SizePanel:
    """The Size section, with the size that is being typed."""

    def __init__(self) -> None:
        self._typed: list[int] | None = None

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        self._numbers(app)
        widgets.row_label("Resizing", "What happens to the cells when the size changes.")
        titles = {value: title for value, title, _ in KEEPS}
        if keep := widgets.drop_down("##keep", titles[app.resize_keep], KEEPS, app.resize_keep):
            app.resize_keep = keep  # type: ignore[assignment]
        _buttons(app, ((str(side), f"preset{side}", (side, side), "") for side in PRESETS))
        width, height = app.grid.size
        _buttons(
            app,
            (
                ("×½", "half", (max(1, width // 2), max(1, height // 2)), "Halve both sides"),
                ("×2", "double", (2 * width, 2 * height), "Double both sides"),
                ("16:9", "wide", framing.size_of_shape(app.grid.kernel, width, (16, 9)), "Same width, picture in 16:9"),
                ("Swap", "swap", (height, width), "Swap width and height"),
            ),
        )

    def _numbers(self, app: App) -> None:
        size = self._typed or list(app.grid.size)
        widgets.row_label("Cells", "Width and height of the grid.")
        width = widgets.equal_width(2)
        active = entered = False
        for axis, name in enumerate(("width", "height")):
            if axis:
                imgui.same_line()
            imgui.set_next_item_width(width)
            _, size[axis] = imgui.input_int(f"##{name}", size[axis], 0, 0, DIGITS)
            active |= imgui.is_item_active()
            entered |= imgui.is_item_deactivated_after_edit()
            widgets.tooltip(f"{name.capitalize()} in cells.")
        if entered:
            grids.resize(app, (size[0], size[1]))
        self._typed = size if active and not entered else None


def _buttons(app: App, sizes: Iterable[tuple[str, str, Size, str]]) -> None:
    """Draw a row of buttons that resize, each (text, id, size, help)."""
    sizes = list(sizes)
    width = widgets.equal_width(len(sizes))
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.25)))]):
        for index, (text, id_, size, help_) in enumerate(sizes):
            if index:
                imgui.same_line()
            cells = f"{size[0]} × {size[1]} cells"
            in_use = not help_ and app.grid.size == size
            colours = widgets.choice_colours(in_use)
            if widgets.button(f"{text}###{id_}", width, f"{help_}: {cells}" if help_ else cells, colours):
                grids.resize(app, size)
