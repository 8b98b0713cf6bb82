"""A section of the side bar: the textures of a model of several, which a pad and sliders blend on the whole grid."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from imgui_bundle import imgui

from ncaengine.core.embedding_inputs import Embedding
from ncaengine.core.fields import FIELDS
from ncaengine.core.settings import SettingInfo
from ncaengine.core.types import F32, F64
from ncaengine.simulation.commands import Blend
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.kit import sliders, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

PAD_HEIGHT, PAD_MARGIN = 11.0, 1.6
"""Of the pad, and from its edge to the outermost textures, in em."""
NEAREST = 3
"""How many textures a place of the pad mixes."""
ROOM_X, ROOM_Y = 0.3, 0.16
"""The room that a name has on the pad, as shares of its sides."""
PAD_HELP = "Drag to blend the textures on the whole grid; a name alone gives that texture."
PAINT_HELP = "The Texture tool (U) paints them with soft borders."


class Place(NamedTuple):
    """A place on the pad, both from 0 to 1."""

    x: float
    y: float


class TexturesPanel:
    """The Textures section, with the shares that were set last on each grid."""

    def __init__(self) -> None:
        self._shares: dict[int, tuple[F32 | None, dict[str, float]]] = {}  # with the map for which they hold
        self._journal_length = -1  # after the last blend of the drag that goes on

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        names = blendable(app.grid)
        shares = self._shares_of(app.grid, names)
        if place := _pad(names, shares):
            self._blend(app, near(projected(names), place))
        for number, name in enumerate(names):
            info = SettingInfo(f"texture-{number}", name, f"Share of {name} on the whole grid.", 0, 1, default=0.0)
            if (share := sliders.slider(info, shares.get(name, 0.0))) is not None:
                self._blend(app, _with_share(shares, name, share))
        widgets.text_in(theme.DIM, PAINT_HELP, wrapped=True)

    def _shares_of(self, grid: Grid, names: Mapping[str, Embedding]) -> dict[str, float]:
        """Return the shares that were set here last; after any other change of the map, those that cells have."""
        if grid.id not in self._shares or self._shares[grid.id][0] is not grid.fields:
            self._shares[grid.id] = grid.fields, made(grid, names)  # every edit makes a new array
        return self._shares[grid.id][1]

    def _blend(self, app: App, shares: dict[str, float]) -> None:
        if shares == self._shares[app.grid.id][1]:
            return
        more = self._journal_length == len(app.sim.journal)

        def blend(number: int) -> Blend | None:
            here = app.sim.grids[number]
            fits = applies(here) and shares.keys() <= blendable(here).keys()
            return Blend(number, shares, more=more) if fits else None

        if app.submit_linked(blend):
            self._shares[app.grid.id] = app.grid.fields, shares
            self._journal_length = len(app.sim.journal)
        if not imgui.is_mouse_down(imgui.MouseButton_.left):  # a click is an edit of its own
            self._journal_length = -1


def applies(grid: Grid) -> bool:
    """Return whether the section is for a grid: one of several textures, which are not those of a picture's areas."""
    return bool(blendable(grid)) and grid.backdrop is None


def blendable(grid: Grid) -> dict[str, Embedding]:
    """Return the textures of the grid's first model of several, by their names on the grid."""
    slots = [slot for slot, model in enumerate(grid.models) if model.config.textures]
    return {name: code for name, (slot, code) in grid.textures.items() if slot in slots[:1]}


def made(grid: Grid, names: Mapping[str, Embedding]) -> dict[str, float]:
    """Return the shares of the grid's cells whose embedding is nearest to each texture's, from a sample of them."""
    if grid.fields is None:
        return {next(iter(names)): 1.0}
    stride = max(1, max(grid.size) // 64)
    cells = grid.fields[::stride, ::stride, len(FIELDS) :].reshape(-1, 1, len(next(iter(names.values()))))
    nearest = np.square(cells - np.array([*names.values()], np.float32)).sum(2).argmin(1)
    counts = np.bincount(nearest, minlength=len(names)) / len(nearest)
    return {name: round(float(share), 4) for name, share in zip(names, counts, strict=True) if share}


def projected(codes: Mapping[str, Embedding]) -> dict[str, Place]:
    """Return a place on the pad for each texture: alike ones are near, on the plane that spreads them most.

    Places whose names would cover each other are moved apart.
    """
    numbers = np.array([*codes.values()], np.float64)
    centred = numbers - numbers.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(numbers), 2))
    flat[:, : len(axes[:2])] = centred @ axes[:2].T
    span = np.ptp(flat, axis=0)
    places: F64 = np.where(span > 1e-9, (flat - flat.min(0)) / np.maximum(span, 1e-9), 0.5)
    _move_apart(places)
    return {name: Place(*place) for name, place in zip(codes, places.tolist(), strict=True)}


def _move_apart(places: F64) -> None:
    """Move places apart, up and down, until their names don't cover each other, as far as there is room."""
    for _ in range(60):
        for i, (x, y) in enumerate(places):
            for j in range(i):
                gap = y - places[j, 1]
                if abs(x - places[j, 0]) < ROOM_X and abs(gap) < ROOM_Y:
                    push = (ROOM_Y - abs(gap)) / 2 * (1 if gap >= 0 else -1)
                    places[i, 1], places[j, 1] = np.clip((places[i, 1] + push, places[j, 1] - push), 0, 1)


def near(places: Mapping[str, Place], at: Place) -> dict[str, float]:
    """Return the shares of the textures near a place, which add up to 1: all of one that lies there."""
    distances = {name: float(np.hypot(at.x - place.x, at.y - place.y)) for name, place in places.items()}
    nearest = sorted(distances, key=lambda name: distances[name])[:NEAREST]
    if distances[nearest[0]] < 0.03 or len(nearest) == 1:
        return {nearest[0]: 1.0}
    weights = {name: distances[name] ** -2 for name in nearest}
    total = sum(weights.values())
    return {name: round(weight / total, 4) for name, weight in weights.items()}


def _with_share(shares: Mapping[str, float], name: str, share: float) -> dict[str, float]:
    """Return shares that add up to 1 with another one of a texture; the others keep their proportions."""
    others = {other: kept for other, kept in shares.items() if other != name and kept > 0}
    total = sum(others.values())
    if not total:
        return {name: 1.0}
    scaled = {other: kept / total * (1 - share) for other, kept in others.items() if share < 1}
    return {**scaled, **({name: share} if share > 0 else {})}


def middle(places: Mapping[str, Place], shares: Mapping[str, float]) -> Place:
    """Return the place of a mixture: the weighted mean of its textures' places."""
    total = sum(shares.values())
    parts = [(places[name], share / total) for name, share in shares.items()]
    return Place(sum(place.x * part for place, part in parts), sum(place.y * part for place, part in parts))


def _pad(codes: Mapping[str, Embedding], shares: Mapping[str, float]) -> Place | None:
    """Draw the pad. Return where the pointer is while it is dragged."""
    at, draw = imgui.get_cursor_screen_pos(), imgui.get_window_draw_list()
    width, height, margin = imgui.get_content_region_avail().x, em(PAD_HEIGHT), em(PAD_MARGIN)
    imgui.invisible_button("##texture-pad", (width, height))
    widgets.tooltip(PAD_HELP)
    held, mouse = imgui.is_item_active(), imgui.get_mouse_pos()
    draw.add_rect_filled((at.x, at.y), (at.x + width, at.y + height), u32(theme.FIELD), em(0.35))
    places = projected(codes)

    def on_screen(place: Place) -> tuple[float, float]:
        return at.x + margin + place.x * (width - 2 * margin), at.y + margin + place.y * (height - 2 * margin)

    now = on_screen(middle(places, shares))
    for name, share in shares.items():
        draw.add_line(now, on_screen(places[name]), u32(theme.ACCENT_DEEP), max(1.0, em(0.3) * share))
    _labels({name: on_screen(place) for name, place in places.items()}, at.x, width)
    draw.add_circle_filled(now, em(0.42), u32(theme.ACCENT))
    if not held:
        return None
    x, y = (mouse.x - at.x - margin) / (width - 2 * margin), (mouse.y - at.y - margin) / (height - 2 * margin)
    return Place(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))


def _labels(points: Mapping[str, Sequence[float]], left: float, width: float) -> None:
    """Draw a dot and a name for each texture; names stay inside the pad."""
    draw = imgui.get_window_draw_list()
    for name, (x, y) in points.items():
        draw.add_circle_filled((x, y), em(0.2), u32(theme.DIM))
        size = imgui.calc_text_size(name)
        start = min(max(x - size.x / 2, left + em(0.3)), left + width - size.x - em(0.3))
        draw.add_text((start, y + em(0.3)), u32(theme.DIM), name)
