"""A section of the side bar: the fields of the selected grid: patterns, and the models that its cells run."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec
from imgui_bundle import ImVec4, imgui

from ncaengine.core.brushes import Pattern
from ncaengine.core.fields import FIELDS, MAX_MODELS, Field
from ncaengine.core.looks import TINTS
from ncaengine.core.settings import SettingInfo
from ncaengine.simulation.commands import Fill, SetModel
from ncaengine.viewer.actions import display_modes, open_files
from ncaengine.viewer.actions.tools import add_to_grid
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

PATTERNS: dict[Pattern, tuple[str, str]] = {
    "even": ("Even", "One value everywhere."),
    "halves": ("Halves", "One value at the left and one at the right."),
    "stripes": ("Stripes", "Upright stripes of two values in turns."),
    "ramp": ("Ramp", "From one value at the left to another at the right."),
    "checks": ("Checks", "A board of two values in turns."),
    "polar": ("Polar", "Away from the middle of the grid, turned by the value."),
    "bipolar": ("Bipolar", "Around two poles, turned by the value."),
}
ROUND: tuple[Pattern, ...] = ("polar", "bipolar")
"""For the alignment only."""
ONE_VALUE: tuple[Pattern, ...] = ("even", *ROUND)
COUNTED: tuple[Pattern, ...] = ("stripes", "checks")
FUZZY: tuple[Pattern, ...] = ("halves", *COUNTED)
COUNT = SettingInfo("map-count", "Count", "How many stripes, or checks a side.", 1, 32)
FUZZ = SettingInfo("map-fuzz", "Fuzz", "How wide the borders between the values are.", 0, 64, "cells")
OVERLAY = "Tint the cells by a map, where it is not at its default."


@dataclass(frozen=True)
class Preset:
    """A map by one click: `fill` on the grid of number 0."""

    title: str
    what: str
    fill: Fill


PRESETS = (
    Preset("Halves", "Rate ¼× at the left and 1× at the right.", Fill(0, "rate", "halves", (0.25, 1.0))),
    Preset("Stripes", "Rate ¼× and 1× in four stripes.", Fill(0, "rate", "stripes", (0.25, 1.0))),
    Preset("Ramp", "Rate from 0.1× at the left to 1× at the right.", Fill(0, "rate", "ramp", (0.1, 1.0))),
    Preset("Polar", "The texture turns about the middle.", Fill(0, "angle", "polar", (0.0, 0.0))),
    Preset("Bipolar", "The texture turns about two poles.", Fill(0, "angle", "bipolar", (0.0, 0.0))),
)


def apply(app: App, fill: Fill) -> None:
    """Fill a map of the selected grid and those linked with it; show it, if maps are shown while they are painted."""
    if app.submit_linked(lambda number: msgspec.structs.replace(fill, grid=number)) and app.brush.shows_map:
        show_map(app, fill.field)


def clear(app: App, field: Field) -> None:
    """A map of the selected grid and those linked with it back to its default everywhere, and no longer shown."""
    default = FIELDS[field].default
    if (
        app.submit_linked(lambda number: Fill(number, field, "even", (default, default)))
        and app.grid.look.overlay == field
    ):
        show_map(app, "")


def show_map(app: App, field: str) -> None:
    """Tint the selected grid and those linked with it by a field, '' for none."""
    display_modes.change_look(app, overlay=field)


class MapsPanel:
    """It holds the form of a map."""

    def __init__(self) -> None:
        self._fill = Fill(0, "rate", "halves", (0.25, 1.0))
        self._values: dict[Field, tuple[float, float]] = {
            "rate": (0.25, 1.0), "scale": (0.5, 1.0), "angle": (0.0, 90.0), "model": (0.0, 1.0),
        }  # fmt: skip

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        self._presets(app)
        self._form()
        width = widgets.share(2)
        if widgets.button("Apply###map-apply", width, "Lay this map over the whole grid."):
            apply(app, self._fill)
        imgui.same_line()
        title = FIELDS[self._fill.field].title
        if widgets.button("Clear###map-clear", width, f"{title} back to its default everywhere."):
            clear(app, self._fill.field)
        self._overlay(app)
        _models(app)

    def _presets(self, app: App) -> None:
        texts = [imgui.calc_text_size(preset.title).x for preset in PRESETS]
        room = widgets.share(len(PRESETS)) - sum(texts) / len(PRESETS)
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (0, em(0.38)))]):
            for number, preset in enumerate(PRESETS):
                if number:
                    imgui.same_line()
                if widgets.button(f"{preset.title}###map-{preset.title}", texts[number] + room, preset.what):
                    self._take(preset.fill)
                    apply(app, preset.fill)

    def _take(self, fill: Fill) -> None:
        self._fill, self._values[fill.field] = fill, fill.values

    def _change(self, **changes: object) -> None:
        self._take(msgspec.structs.replace(self._fill, **changes))

    def _form(self) -> None:
        fill = self._fill
        widgets.label("Map", FIELDS[fill.field].help)
        fields = ((name, spec.title, spec.help) for name, spec in FIELDS.items())
        if field := widgets.choice("##map-field", FIELDS[fill.field].title, fields, fill.field):
            pattern = "halves" if fill.pattern in ROUND and field != "angle" else fill.pattern
            self._change(field=field, pattern=pattern, values=self._values[field])  # type: ignore[index]
        widgets.label("Pattern", PATTERNS[fill.pattern][0])
        patterns = [(name, *PATTERNS[name]) for name in PATTERNS if self._fill.field == "angle" or name not in ROUND]
        if picked := widgets.choice("##map-pattern", PATTERNS[self._fill.pattern][0], patterns, self._fill.pattern):
            self._change(pattern=picked)
        self._numbers()

    def _numbers(self) -> None:
        fill, spec = self._fill, FIELDS[self._fill.field]
        single = fill.pattern in ONE_VALUE
        widgets.label("Value" if single else "Values", f"{spec.low:g} to {spec.high:g} {spec.unit}".rstrip() + ".")
        width, values = widgets.share(1 if single else 2), list(fill.values)
        for place in range(1 if single else 2):
            if place:
                imgui.same_line()
            imgui.set_next_item_width(width)
            form = f"%.4g {spec.unit}".rstrip()
            _, values[place] = imgui.input_float(f"##map-value{place}", values[place], 0, 0, form)
            widgets.tooltip(f"{spec.help} From {spec.low:g} to {spec.high:g} {spec.unit}".rstrip() + ".")
        if tuple(values) != fill.values:
            held = [min(max(float(f"{value:.6g}"), spec.low), spec.high) for value in values]
            self._change(values=(held[0], held[1]))
        if fill.pattern in COUNTED and (count := widgets.setting(COUNT, float(fill.count))) is not None:
            self._change(count=max(1, round(count)))
        if fill.pattern in FUZZY and (fuzz := widgets.setting(FUZZ, fill.fuzz)) is not None:
            self._change(fuzz=fuzz)

    def _overlay(self, app: App) -> None:
        widgets.label("Tint by", OVERLAY)
        now = app.grid.look.overlay
        titles = {"none": "None", **{name: FIELDS[name].title for name in get_args(Field)}}
        options = ((name, title, "") for name, title in titles.items())
        if picked := widgets.choice("##map-overlay", titles[now or "none"], options, now or "none"):
            show_map(app, "" if picked == "none" else picked)
        widgets.tooltip(OVERLAY)


def _models(app: App) -> None:
    """The models that the grid's cells run, in their tints, and how to add one or take some away."""
    grid = app.grid
    names = [app.name_of(model) for model in grid.models]
    if len(names) > 1:
        for slot, name in enumerate(names):
            _slot(app, slot, name)
    if len(names) < MAX_MODELS:
        widgets.label("Models", "A grid runs up to eight; the Model brush and map say which cells run which.")
        others = ((name, name, "") for name in app.models if name not in names)
        shipped = ((str(path), path.stem, "Shipped with ncaengine.") for path in open_files.unopened_models(app))
        if added := widgets.choice("##map-add", "Add a model…", others, "", shipped):
            app.attempt(
                lambda: add_to_grid(
                    app, grid, added if added in app.models else open_files.load_model(app, Path(added))
                )
            )


def _slot(app: App, slot: int, name: str) -> None:
    at, side, draw = imgui.get_cursor_screen_pos(), imgui.get_text_line_height(), imgui.get_window_draw_list()
    end = imgui.get_cursor_pos_x() + imgui.get_content_region_avail().x
    middle = (at.x + side / 2, at.y + imgui.get_style().frame_padding.y + side / 2)
    if slot:
        draw.add_circle_filled(middle, side / 2, u32(_tint(slot)))
    else:  # which is not tinted
        draw.add_circle(middle, side / 2 - 0.5, u32(theme.FAINT))
    imgui.dummy((side, side))
    imgui.same_line()
    imgui.align_text_to_frame_padding()
    width = imgui.get_content_region_avail().x - (em(2.6) if slot else 0)
    imgui.text_unformatted(widgets.trimmed(f"{slot}  {name}", width))
    if slot:
        imgui.same_line(end - em(2.0))
        last = slot == len(app.grid.models) - 1
        help_ = "Take it away." if last else "Take it and those after it away."
        if widgets.button(f"{icons.BIN}###map-remove{slot}", em(2.0), help_):
            app.submit(SetModel(app.grid.id, "", slot))


def _tint(slot: int) -> ImVec4:
    red, green, blue = (float(part) for part in TINTS["model"][slot])
    return ImVec4(red, green, blue, 1.0)
