"""A section of the side bar: the selected grid's maps (its fields), and the models that its cells run."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from imgui_bundle import ImVec4, imgui

from ncaengine.core.brushes import OF_ANGLES, Pattern
from ncaengine.core.fields import FIELDS, MAX_MODELS, Field
from ncaengine.core.looks import TINTS
from ncaengine.core.settings import SettingInfo
from ncaengine.core.texts import with_unit
from ncaengine.simulation.commands import Fill
from ncaengine.viewer.actions import display_modes, open_files, tools
from ncaengine.viewer.kit import icons, sliders, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.panels import look
from ncaengine.viewer.state.app import App

PATTERNS: dict[Pattern, tuple[str, str]] = {
    "even": ("Even", "One value everywhere."),
    "halves": ("Halves", "One value on the left and another on the right."),
    "stripes": ("Stripes", "Vertical stripes that alternate between two values."),
    "ramp": ("Ramp", "From one value at the left to another at the right."),
    "checks": ("Checks", "A checkerboard of two values."),
    "polar": ("Polar", "Directions away from the middle of the grid, turned by the value."),
    "bipolar": ("Bipolar", "Directions around two poles, turned by the value."),
    "polar-distill": ("Polar (Distill)", "The polar field of Self-Organising Textures, turned by the value."),
    "dipole": ("Dipole", "The field of two poles of Self-Organising Textures, turned by the value."),
}
"""(title, help) of each pattern."""
ANGLE_PATTERNS: tuple[Pattern, ...] = OF_ANGLES
"""Patterns for the alignment only."""
ONE_VALUE: tuple[Pattern, ...] = ("even", *ANGLE_PATTERNS)
COUNTED: tuple[Pattern, ...] = ("stripes", "checks")
FUZZY: tuple[Pattern, ...] = ("halves", *COUNTED)
COUNT = SettingInfo("map-count", "Count", "Number of stripes, or of checks along a side.", 1, 32)
FUZZ = SettingInfo("map-fuzz", "Fuzz", "Width of the borders between the values.", 0, 64, "cells")
OVERLAY_HELP = "The maps that are outlined. A map tints the cells only while its tool is taken."
OVERLAYS: dict[Field | Literal["", "all"], str] = {
    **{name: info.title for name, info in FIELDS.items()}, "all": "All", "": "None",
}  # fmt: skip
"""The titles of what may be outlined."""
MODELS_HELP = f"A grid runs up to {MAX_MODELS} models; paint or map the field Model to choose which cells run which."


@dataclass(frozen=True)
class Preset:
    """A map for one click."""

    title: str
    help: str
    fill: Fill
    """The command, for the grid with the number 0."""


PRESETS = (
    Preset("Halves", "Rate ¼× on the left and 1× on the right.", Fill(0, "rate", "halves", (0.25, 1.0))),
    Preset("Stripes", "Rate ¼× and 1× in four stripes.", Fill(0, "rate", "stripes", (0.25, 1.0))),
    Preset("Ramp", "Rate from 0.1× at the left to 1× at the right.", Fill(0, "rate", "ramp", (0.1, 1.0))),
    Preset("Polar", "The texture turns around the middle.", Fill(0, "angle", "polar", (0.0, 0.0))),
    Preset("Bipolar", "The texture turns around two poles.", Fill(0, "angle", "bipolar", (0.0, 0.0))),
)


def fill_map(app: App, fill: Fill) -> None:
    """Fill a map of the selected grid and those linked with it, and outline it if the brush shows maps."""
    if problem := _lacking_models(app, fill):
        app.notify(problem, "error")
    elif app.submit_linked(lambda number: msgspec.structs.replace(fill, grid=number)) and app.brush.shows_map:
        display_modes.choose_map(app, fill.field)


def _lacking_models(app: App, fill: Fill) -> str:
    """Return a sentence if a map of models names some that a grid doesn't run; '' if all do."""
    values = fill.values[:1] if fill.pattern in ONE_VALUE else fill.values
    for number in app.linked_grids() if fill.field == "model" else ():
        count = len(app.sim.grids[number].models)
        if max(values) > count - 0.5:
            grid = "This grid" if number == app.grid.id else "A linked grid"
            return f"{grid} runs {'one model' if count == 1 else f'{count} models'}; add another below."
    return ""


def clear_map(app: App, field: Field) -> None:
    """Reset a map of the selected grid and those linked with it, and no longer show it."""
    default = FIELDS[field].default
    done = app.submit_linked(lambda number: Fill(number, field, "even", (default, default)))
    if done and app.grid.look.overlay == field:
        display_modes.change_look(app, overlay="")


class MapsPanel:
    """The Maps section, with the map that is being edited and the last values of each field."""

    def __init__(self) -> None:
        self._fill = Fill(0, "rate", "halves", (0.25, 1.0))
        self._values: dict[Field, tuple[float, float]] = {
            "rate": (0.25, 1.0), "scale": (0.5, 1.0), "angle": (0.0, 90.0), "model": (0.0, 1.0),
        }  # fmt: skip

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        self._presets(app)
        self._form()
        width = widgets.equal_width(2)
        if widgets.button("Apply###map-apply", width, "Fill the whole grid with this map."):
            fill_map(app, self._fill)
        imgui.same_line()
        title = FIELDS[self._fill.field].title
        if widgets.button("Clear###map-clear", width, f"Reset {title} to its default everywhere."):
            clear_map(app, self._fill.field)
        self._overlay(app)
        _models(app)

    def _presets(self, app: App) -> None:
        texts = [imgui.calc_text_size(preset.title).x for preset in PRESETS]
        space = widgets.equal_width(len(PRESETS)) - sum(texts) / len(PRESETS)
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (0, em(0.38)))]):
            for number, preset in enumerate(PRESETS):
                if number:
                    imgui.same_line()
                if widgets.button(f"{preset.title}###map-{preset.title}", texts[number] + space, preset.help):
                    self._edit(preset.fill)
                    fill_map(app, preset.fill)

    def _edit(self, fill: Fill) -> None:
        self._fill, self._values[fill.field] = fill, fill.values

    def _change(self, **changes: object) -> None:
        self._edit(msgspec.structs.replace(self._fill, **changes))

    def _form(self) -> None:
        fill = self._fill
        widgets.row_label("Map", FIELDS[fill.field].help)
        items = ((name, info.title, info.help) for name, info in FIELDS.items())
        if field := widgets.drop_down("##map-field", FIELDS[fill.field].title, items, fill.field):
            pattern = "halves" if fill.pattern in ANGLE_PATTERNS and field != "angle" else fill.pattern
            self._change(field=field, pattern=pattern, values=self._values[field])  # type: ignore[index]
        fill = self._fill
        widgets.row_label("Pattern", PATTERNS[fill.pattern][1])
        patterns = [(name, *PATTERNS[name]) for name in PATTERNS if fill.field == "angle" or name not in ANGLE_PATTERNS]
        if picked := widgets.drop_down("##map-pattern", PATTERNS[fill.pattern][0], patterns, fill.pattern):
            self._change(pattern=picked)
        self._numbers()

    def _numbers(self) -> None:
        fill, info = self._fill, FIELDS[self._fill.field]
        count, values = 1 if fill.pattern in ONE_VALUE else 2, list(fill.values)
        limits = f"From {info.low:g} to {with_unit(f'{info.high:g}', info.unit)}."
        widgets.row_label("Value" if count == 1 else "Values", limits)
        width = widgets.equal_width(count)
        for place in range(count):
            if place:
                imgui.same_line()
            imgui.set_next_item_width(width)
            form = with_unit("%.4g", info.unit)
            _, values[place] = imgui.input_float(f"##map-value{place}", values[place], 0, 0, form)
            widgets.tooltip(f"{info.help} {limits}")
        if tuple(values) != fill.values:
            valid = [min(max(float(f"{value:.6g}"), info.low), info.high) for value in values]
            self._change(values=(valid[0], valid[1]))
        if fill.pattern in COUNTED and (number := sliders.slider(COUNT, float(fill.count))) is not None:
            self._change(count=max(1, round(number)))
        if fill.pattern in FUZZY and (fuzz := sliders.slider(FUZZ, fill.fuzz)) is not None:
            self._change(fuzz=fuzz)

    def _overlay(self, app: App) -> None:
        widgets.row_label("Outline", OVERLAY_HELP)
        overlay = app.grid.look.overlay
        current: Field | Literal["", "all"] = (overlay or "all") if app.pane.shows_maps else ""
        items = ((name, title, "") for name, title in OVERLAYS.items())
        picked = widgets.drop_down("##map-overlay", OVERLAYS[current], items, current)
        if picked is not None:
            display_modes.choose_map(app, picked)  # type: ignore[arg-type]
        widgets.tooltip(OVERLAY_HELP)
        if tools.tints(app, app.grid):
            look.overlay_legend(app.grid)


def _models(app: App) -> None:
    """Draw the models that the grid's cells run, with their tints, and ways to add and remove some."""
    grid = app.grid
    names = [app.name_of(model) for model in grid.models]
    if len(names) > 1:
        for slot, name in enumerate(names):
            _model(app, slot, name)
    if len(names) < MAX_MODELS:
        widgets.row_label("Models", MODELS_HELP)
        others = ((name, name, "") for name in app.models if name not in names)
        shipped = ((str(path), path.stem, "Comes with ncaengine.") for path in open_files.unopened_models(app))
        if picked := widgets.drop_down("##map-add", "Add a model…", others, "", shipped):
            app.attempt(partial(_add_model, app, picked))


def _add_model(app: App, picked: str) -> None:
    """Add an open model, by its name, or a shipped one, by its path, to the grid and those linked with it."""
    name = picked if picked in app.models else open_files.load_model(app, Path(picked))
    tools.add_model(app, name)


def _model(app: App, slot: int, name: str) -> None:
    """Draw a row for one of the grid's models."""
    at, side, draw = imgui.get_cursor_screen_pos(), imgui.get_text_line_height(), imgui.get_window_draw_list()
    end = imgui.get_cursor_pos_x() + imgui.get_content_region_avail().x
    middle = (at.x + side / 2, at.y + imgui.get_style().frame_padding.y + side / 2)
    if slot:
        draw.add_circle_filled(middle, side / 2, u32(_tint(slot)))
    else:  # the first model's cells have no tint
        draw.add_circle(middle, side / 2 - 0.5, u32(theme.FAINT))
    imgui.dummy((side, side))
    imgui.same_line()
    imgui.align_text_to_frame_padding()
    width = imgui.get_content_region_avail().x - (em(2.6) if slot else 0)
    imgui.text_unformatted(widgets.shorten_middle(f"{slot}  {name}", width))
    if slot:
        imgui.same_line(end - em(2.0))
        is_last = slot == len(app.grid.models) - 1
        help_ = "Remove this model." if is_last else "Remove this model and those below it."
        if widgets.button(f"{icons.BIN}###map-remove{slot}", em(2.0), help_):
            tools.remove_models(app, slot)


def _tint(slot: int) -> ImVec4:
    red, green, blue = (float(part) for part in TINTS["model"][slot])
    return ImVec4(red, green, blue, 1.0)
