"""A section of the side bar: a control for each of the selected grid's settings."""

from imgui_bundle import imgui

from ncaengine.core.settings import SETTINGS
from ncaengine.viewer.actions import running
from ncaengine.viewer.kit import sliders, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App

SPEED = SETTINGS["steps_per_second"]
SPEEDS = (1.0, 15.0, 60.0, 240.0, SPEED.high)
"""Speeds with a button, in steps per second."""


def show(app: App) -> None:
    """Draw the section into the current window."""
    for name, info in SETTINGS.items():
        if name == "paused":  # has a button above the sections
            continue
        default = app.grid.model.config.fire_rate if name == "fire_rate" else info.default
        value = sliders.setting_control(info, getattr(app.grid.settings, name), default)
        if value is not None:
            running.change_setting(app, name, value)
        if name == SPEED.name:
            _speed_buttons(app)


def _speed_buttons(app: App) -> None:
    current = app.grid.settings.steps_per_second
    spacing = (imgui.StyleVar_.item_spacing, (em(0.25), em(0.5)))
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.15))), spacing]):
        widgets.row_label("")
        width = widgets.equal_width(len(SPEEDS))
        for speed in SPEEDS:
            if speed != SPEEDS[0]:
                imgui.same_line()
            colours = widgets.choice_colours(current == speed)
            text = "∞" if speed >= SPEED.high else f"{speed:g}"
            help_ = widgets.format_value(SPEED, speed).capitalize()
            if widgets.button(f"{text}###speed{speed:g}", width, help_, colours):
                running.change_setting(app, SPEED.name, speed)
