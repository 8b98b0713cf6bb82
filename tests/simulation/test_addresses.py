"""Addresses by which other programs send commands."""

from typing import get_args

import pytest

from ncaengine.core.brushes import Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS
from ncaengine.core.looks import Look
from ncaengine.core.settings import SETTINGS
from ncaengine.simulation import commands as c
from ncaengine.simulation.addresses import ADDRESSES, commands_of


def test_every_setting_brush_and_command_has_an_address():
    assert {address.form for address in ADDRESSES.values()} == set(c.FORMS.values())
    assert {f"/set/{name}" for name in SETTINGS} <= ADDRESSES.keys()
    assert {f"/paint/{tool}" for tool in get_args(Tool)} <= ADDRESSES.keys()
    assert {f"/fill/{name}" for name in FIELDS} <= ADDRESSES.keys()


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        ("/set/fire_rate", [0.25], c.Set(1, "fire_rate", 0.25)),
        ("/set/paused", [1.0], c.Set(1, "paused", True)),
        ("/set/paused", [False], c.Set(1, "paused", False)),
        ("/grid/2/resize", [64.0, 32.0], c.Resize(2, (64, 32))),
        ("/resize", [64, 32, "tile"], c.Resize(1, (64, 32), "tile")),
        ("/paint/erase", [3, 4], c.Paint(1, "erase", ((3.0, 4.0),))),
        ("/paint/rate", [3, 4, 9.5, 1, 0, 0.25, "", 1], c.Paint(1, "rate", ((3.0, 4.0),), 9.5, 1, 0, 0.25, "", True)),
        ("/fill/rate", ["stripes", 0.25, 1, 3.0], c.Fill(1, "rate", "stripes", (0.25, 1), 3)),
        ("/copy", [1, 2, 3], c.Copy(1, (1, 2), 3)),
        ("/show/channel", [3.0, 1, 2, 2.0, "rate"], c.Show(1, Look("channel", (3, 1, 2), 2.0, "rate"))),
        ("/show/channel", [3], c.Show(1, Look("channel", (3, 1, 2)))),
        ("/show/rgb", [], c.Show(1, Look())),
        ("/fill/rate", ["halves", 0.25], c.Fill(1, "rate", "halves", (0.25, 1))),
        ("/add_grid", ["coral", 16], c.AddGrid("coral", (16, 256))),
        ("/add_grid", ["zebra", 16, 8], c.AddGrid("zebra", (16, 8))),
        ("/set_model", ["coral", 1], c.SetModel(1, "coral", 1)),
        ("/undo", [], c.Undo(1)),
    ],
)
def test_messages_become_commands(path, values, expected):
    [made] = commands_of(path, values, [1], [1, 2])
    assert c.checked(made) == c.checked(expected)


def test_a_message_is_for_the_meant_grids_or_for_those_it_names():
    assert commands_of("/step", [4], [2, 5], [1, 2, 5]) == [c.Step(2, 4), c.Step(5, 4)]
    assert commands_of("/grid/*/step", [], [2], [1, 2]) == [c.Step(1), c.Step(2)]
    assert commands_of("/grid/7/step", [], [2], [1, 2]) == [c.Step(7)]


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        ("/set/fire_rat", [0.5], "did you mean /set/fire_rate"),
        ("/grid/x/undo", [], "There is no address"),
        ("", [], "not a valid OSC message"),
        ("/undo", [1], "takes no values, not 1"),
        ("/resize", [64], r"takes 2 to 3 values \(width, height, keep\), not 1"),
        ("/resize", [2.5, 3], "must be a whole number"),
        ("/resize", [b"64", 3], "must be a whole number"),
        ("/paint/erase", ["a", "b"], "must be a number, not a text"),
        ("/paint/erase", [1, 2, -3.0], "must be above 0"),
        ("/grid/1/add_grid", ["zebra"], "not for one grid"),
        ("/step", [10**7], "must be at most"),
    ],
)
def test_wrong_messages_are_told_in_a_sentence(path, values, said):
    with pytest.raises(NCAError, match=said):
        commands_of(path, values, [1], [1])


def test_without_a_grid_there_is_nothing_to_change():
    with pytest.raises(NCAError, match="there is no grid"):
        commands_of("/undo", [], [], [])
