"""Code of the step shader that is made for one model and kernel: what stands at the //@ marks of shaders/*.comp.

Every function gives lines of GLSL. Names in them: s_row_column_layer the state about a cell, r_stencil_layer what a
stencil makes of it, p_feature_layer the perception, e_input the inputs beside it; each but e is a vec4, four channels a
layer; c is step.comp's Cell.
"""

import re
from collections.abc import Iterable
from typing import Literal

import numpy as np

from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.core.model import Config, Extra, Feature, Range

Tap = tuple[int, int, float]
Form = Literal["unrolled", "looped", "blocked"]
"""unrolled: straight-line code for llvmpipe, whose loops gather every weight; looped: for GPUs; blocked: the same with
two cells an invocation, which share what it loads of the weights."""
FrameKind = Literal["", "turned", "stretched"]
"""What the shader heeds of a cell's own frame: nothing; fields and the settings; also that cells are higher than wide,
which takes more stencils."""
Cover = Literal["every", "pairs", "listed"]
"""Which cells invocations step: each every one, and drops what it need not have computed; of two cells the one that
fires; one of those that pick.comp listed."""
GRADIENTS = ("gradient_x", "gradient_y")
_EXTRA: dict[Extra, str] = {"row": "place.y", "column": "place.x", "cos_angle": "along", "sin_angle": "across"}


def layers(config: Config) -> int:
    """Layers of four channels that a state takes."""
    return -(-config.channels // 4)


def stencils(config: Config, frame: FrameKind) -> tuple[str, ...]:
    """What is to be known of a cell's surroundings: a turned or stretched frame mixes several stencils."""
    wanted = [feature.stencil for feature in config.features] + ["laplacian"] * bool(config.diffusion)
    if frame and set(wanted) & set(GRADIENTS):
        wanted += GRADIENTS
    if frame == "stretched" and "laplacian" in wanted:
        wanted += [LAPLACIAN_COS, LAPLACIAN_SIN]
    return tuple(dict.fromkeys(wanted))


def places(taps: Iterable[Tap], config: Config, kernel: Kernel) -> tuple[list[str], dict[tuple[int, int], str]]:
    """Where the cells at some offsets lie: lines, and for each (row, column) offset an ivec2 that is inside the grid.

    Wrapped on the torus, else held at the edge; outside_row_column then is 0.0 beyond it, 1.0 within.
    """
    offsets = sorted({(row, column) for row, column, _ in taps})
    circular, out, found = config.padding == "circular", [], {}
    skewed = kernel.basis[1][0] != 0 and circular
    reach = range(kernel.radius)
    for row in sorted({r for r, _ in offsets}):
        y = f"y_{_tag(row)}"
        out.append(f"int {y} = cell.y + ({row}), x0_{_tag(row)} = cell.x;")
        if circular:
            # Folded as often as the radius: enough for every grid, 1 x 1 too.
            for _ in reach:
                if skewed and row:
                    out.append(f"x0_{_tag(row)} += {y} < 0 ? -row_shift : {y} >= size.y ? row_shift : 0;")
                out.append(f"{y} += {y} < 0 ? size.y : {y} >= size.y ? -size.y : 0;")
    for row, column in offsets:
        name = f"{_tag(row)}_{_tag(column)}"
        out.append(f"int x_{name} = x0_{_tag(row)} + ({column});")
        place = f"ivec2(x_{name}, y_{_tag(row)})"
        if circular:
            out += [f"x_{name} += x_{name} < 0 ? size.x : x_{name} >= size.x ? -size.x : 0;" for _ in reach]
            found[row, column] = place
        else:
            found[row, column] = f"clamp({place}, ivec2(0), size - 1)"
            if config.padding == "zero":
                out.append(f"float within_{name} = float({place} == {found[row, column]});")
    return out, found


def seen(image: str, row: int, column: int, place: str, layer: str, config: Config) -> str:
    """The load of a layer of an image at an offset."""
    load = f"imageLoad({image}, ivec3({place}, {layer}))"
    return load + f" * within_{_tag(row)}_{_tag(column)}" if config.padding == "zero" else load


def neighbourhood(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """The state at every place that some stencil looks at, the cell itself included."""
    taps = [tap for name in stencils(config, frame) for tap in kernel.taps(name)]
    out, found = places([*taps, (0, 0, 1.0)], config, kernel)
    for (row, column), place in found.items():
        for k in range(layers(config)):
            out.append(f"vec4 {at(row, column, k)} = {seen('before', row, column, place, str(k), config)};")
    return out


def surroundings(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """What the stencils make of the state as it is."""
    return [
        f"vec4 r_{i}_{k} = {_weighted(kernel.taps(name), k)};"
        for i, name in enumerate(stencils(config, frame))
        for k in range(layers(config))
    ]


def perception(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """The perception, at all scales, in the cell's own frame, and the inputs beside it."""
    out = surroundings(config, kernel, frame) if 0 in config.scales else _nothing(config, frame)
    for n, _ in enumerate(coarse(config)):
        out += _coarse(config, frame, n)
    if len(config.scales) > 1:
        share = number(1 / len(config.scales))
        out += [f"{r} *= {share};" for r in _names(config, frame)]
    for f, feature in enumerate(config.features):
        for k in _layers_of(config, feature):
            value = framed(config, kernel, feature.stencil, k, frame)
            value = value if feature.gain == 1 else f"{number(feature.gain)} * ({value})"
            out.append(f"vec4 p_{f}_{k} = {clipped(value, config.clips.perception)};")
            if config.absolute:
                out.append(f"vec4 q_{f}_{k} = abs(p_{f}_{k});")
    return out + _extra(config, kernel, frame)


def coarse(config: Config) -> tuple[int, ...]:
    """The scales of perception beyond the state's own."""
    return tuple(scale for scale in config.scales if scale)


def _names(config: Config, frame: FrameKind) -> list[str]:
    return [f"r_{i}_{k}" for i in range(len(stencils(config, frame))) for k in range(layers(config))]


def _nothing(config: Config, frame: FrameKind) -> list[str]:
    return [f"vec4 {name} = vec4(0.0);" for name in _names(config, frame)]


def _coarse(config: Config, frame: FrameKind, n: int) -> list[str]:
    """Add what the n-th coarse image holds about the cell, between its four nearest cells there (see coarse.glsl)."""
    out = [
        f"vec2 at_{n} = (vec2(cell) + 0.5) * (vec2(coarse_size_{n}) / vec2(size)) - 0.5;",
        f"ivec2 low_{n} = ivec2(floor(at_{n}));",
        f"at_{n} -= floor(at_{n});",
    ]
    corners = [(row, column) for row in (0, 1) for column in (0, 1)]
    for row, column in corners:
        place = f"placed(low_{n} + ivec2({column}, {row}), coarse_size_{n}, coarse_shift_{n})"
        out.append(f"ivec2 c_{n}_{row}{column} = {place};")
    for layer, name in enumerate(_names(config, frame)):
        a, b, c, d = (f"imageLoad(coarse_{n}, ivec3(c_{n}_{row}{column}, {layer}))" for row, column in corners)
        out.append(f"{name} += mix(mix({a}, {b}, at_{n}.x), mix({c}, {d}, at_{n}.x), at_{n}.y);")
    return out


def framed(config: Config, kernel: Kernel, stencil: str, layer: int, frame: FrameKind) -> str:
    """What a stencil gives in the cell's own frame, turned and scaled."""
    known = stencils(config, frame)

    def r(name: str) -> str:
        return f"r_{known.index(name)}_{layer}"

    if not frame:
        return r(stencil)
    if stencil == "gradient_x":
        return f"per.x * (along * {r('gradient_x')} + across * {r('gradient_y')})"
    if stencil == "gradient_y":
        return f"per.y * (along * {r('gradient_y')} - across * {r('gradient_x')})"
    if stencil == "laplacian" and frame != "stretched":
        return f"both * {r(stencil)}"
    if stencil == "laplacian":
        return f"both * {r(stencil)} + apart * (along2 * {r(LAPLACIAN_COS)} + across2 * {r(LAPLACIAN_SIN)})"
    return ("{}", "first * {}", "first * first * {}")[kernel.order(stencil)].format(r(stencil))


def _extra(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    out = []
    if {"row", "column"} & set(config.extra):
        skew = kernel.basis[1][0] / kernel.basis[0][0]
        out += [
            f"float x_place = float(cell.x) + float(cell.y) * {number(skew)};",
            "x_place -= float(size.x) * floor(x_place / float(size.x));",
            "vec2 place = 2.0 * ((vec2(x_place, cell.y) + 0.5) / vec2(size)) - 1.0;",
        ]
        if frame:
            out.append("place = vec2(along * place.x + across * place.y, along * place.y - across * place.x);")
    if not frame and {"cos_angle", "sin_angle"} & set(config.extra):
        out.append("float along = 1.0, across = 0.0;")
    return out + [f"float e_{j} = {_EXTRA[name]};" for j, name in enumerate(config.extra)]


def known(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """What step.comp keeps of a cell: its state, the net's inputs in the order of w1's columns, and its diffusion."""
    out = [f"c.own[{k}] = {at(0, 0, k)};" for k in range(layers(config))]
    values = []
    for letter in "pq" if config.absolute else "p":
        for f, feature in enumerate(config.features):
            values += [f"{letter}_{f}_{c // 4}.{'xyzw'[c % 4]}" for c in config.seen(feature)]
    values += [f"e_{j}" for j in range(len(config.extra))]
    out += [f"c.seen[{i // 4}] = {four(values[i : i + 4])};" for i in range(0, len(values), 4)]
    for k in range(layers(config)) if config.diffusion else ():
        rates = four([number(config.diffusion[c]) for c in channels_of(config, k)])
        out.append(f"c.spread[{k}] = {rates} * ({framed(config, kernel, 'laplacian', k, frame)});")
    return out


def living(config: Config, kernel: Kernel) -> list[str]:
    """Whether a cell lives: the highest value of the channel of life about it, before and after the step."""
    assert config.alive
    out, found = places([*kernel.taps("laplacian"), (0, 0, 1.0)], config, kernel)
    layer, letter = config.alive.channel // 4, "xyzw"[config.alive.channel % 4]
    out.append("float old = -1e30, young = -1e30;")
    for (row, column), place in found.items():
        within = f" * within_{_tag(row)}_{_tag(column)}" if config.padding == "zero" else ""
        out.append(f"old = max(old, imageLoad(before, ivec3({place}, {layer})).{letter}{within});")
        out.append(f"young = max(young, imageLoad(fresh, {place}).x{within});")
    threshold = number(config.alive.threshold)
    out.append(f"bool lives = old > {threshold} && young > {threshold};")
    return out


def _layers_of(config: Config, feature: Feature) -> list[int]:
    return sorted({channel // 4 for channel in config.seen(feature)})


def number(value: float) -> str:
    """A float32 as GLSL reads it, exactly."""
    text = f"{np.float32(value):.9g}"
    return text if re.search(r"[.e]", text) else text + ".0"


def _tag(offset: int) -> str:
    return f"m{-offset}" if offset < 0 else str(offset)


def at(row: int, column: int, layer: int) -> str:
    """The name of a layer of the state at an offset."""
    return f"s_{_tag(row)}_{_tag(column)}_{layer}"


def _weighted(taps: Iterable[Tap], layer: int) -> str:
    """The sum of weight·cell, with cells of the same weight added up first: fewer products."""
    groups: dict[str, str] = {}
    for row, column, weight in taps:
        size = number(abs(weight))
        groups[size] = groups.get(size, "") + f" {'-' if weight < 0 else '+'} {at(row, column, layer)}"
    products = [
        cells.removeprefix(" + ").strip() if size == "1.0" else f"{size} * ({cells.removeprefix(' + ').strip()})"
        for size, cells in groups.items()
    ]
    return " + ".join(f"({p})" if p.startswith("-") else p for p in products) or "vec4(0.0)"


def channels_of(config: Config, layer: int) -> range:
    """The channels of a layer, four or in the last one fewer."""
    return range(4 * layer, min(4 * layer + 4, config.channels))


def four(values: list[str]) -> str:
    """A vec4 of up to four values, filled up with zeros."""
    return f"vec4({', '.join(values + ['0.0'] * (4 - len(values)))})"


def clipped(expression: str, bounds: Range | None) -> str:
    """An expression held within bounds, if there are any."""
    return expression if bounds is None else f"clamp({expression}, {number(bounds[0])}, {number(bounds[1])})"
