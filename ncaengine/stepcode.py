"""Code of the step shader that is made for one model and kernel: what stands at the //@ marks of shaders/*.comp.

Every function gives lines of GLSL. Names in them: s_row_column_layer the state about a cell, r_stencil_layer what a
stencil makes of it, p_feature_layer the perception, e_input the inputs beside it, u_layer the update; each but e is a
vec4, four channels a layer.
"""

import re
from collections.abc import Iterable
from typing import Literal

import numpy as np

from ncaengine.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.model import Activation, Config, Extra, Feature, Range

Tap = tuple[int, int, float]
Frame = Literal["", "turned", "stretched"]
"""What the shader heeds of a cell's own frame: nothing; fields and the settings; also that cells are higher than wide,
which takes more stencils."""
GRADIENTS = ("gradient_x", "gradient_y")
ACTIVATIONS: dict[Activation, str] = {
    "relu": "max(h, 0.0)",
    "linear": "h",
    "tanh": "tanh(h)",
    "sigmoid": "1.0 / (1.0 + exp(-h))",
    "swish": "h / (1.0 + exp(-({beta}) * h))",
}
_EXTRA: dict[Extra, str] = {"row": "place.y", "column": "place.x", "cos_angle": "along", "sin_angle": "across"}


def layers(config: Config) -> int:
    """Layers of four channels that a state takes."""
    return -(-config.channels // 4)


def stencils(config: Config, frame: Frame) -> tuple[str, ...]:
    """What is to be known of a cell's surroundings: a turned or stretched frame mixes several stencils."""
    wanted = [feature.stencil for feature in config.features] + ["laplacian"] * bool(config.diffusion)
    if frame and set(wanted) & set(GRADIENTS):
        wanted += GRADIENTS
    if frame == "stretched" and "laplacian" in wanted:
        wanted += [LAPLACIAN_COS, LAPLACIAN_SIN]
    return tuple(dict.fromkeys(wanted))


def unit_count(config: Config) -> int:
    """Pieces in which the weights are shared: hidden units, or without them inputs."""
    return config.hidden or config.inputs


def unit_floats(config: Config) -> int:
    """Floats of a piece: of a hidden unit its bias, row of w1 and column of w2; of an input its column of w2."""
    return 1 + config.inputs + config.channels if config.hidden else config.channels


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


def neighbourhood(config: Config, kernel: Kernel, frame: Frame) -> list[str]:
    """The state at every place that some stencil looks at, the cell itself included."""
    taps = [tap for name in stencils(config, frame) for tap in kernel.taps(name)]
    out, found = places([*taps, (0, 0, 1.0)], config, kernel)
    for (row, column), place in found.items():
        for k in range(layers(config)):
            out.append(f"vec4 {_cell(row, column, k)} = {seen('before', row, column, place, str(k), config)};")
    return out


def surroundings(config: Config, kernel: Kernel, frame: Frame) -> list[str]:
    """What the stencils make of the state as it is."""
    return [
        f"vec4 r_{i}_{k} = {_weighted(kernel.taps(name), k)};"
        for i, name in enumerate(stencils(config, frame))
        for k in range(layers(config))
    ]


def perception(config: Config, kernel: Kernel, frame: Frame) -> list[str]:
    """The perception, at all scales, in the cell's own frame, and the inputs beside it."""
    out = surroundings(config, kernel, frame) if 0 in config.scales else _nothing(config, frame)
    for n, _ in enumerate(coarse(config)):
        out += _coarse(config, frame, n)
    if len(config.scales) > 1:
        share = _float(1 / len(config.scales))
        out += [f"{r} *= {share};" for r in _names(config, frame)]
    for f, feature in enumerate(config.features):
        for k in _layers_of(config, feature):
            value = _framed(config, kernel, feature.stencil, k, frame)
            value = value if feature.gain == 1 else f"{_float(feature.gain)} * ({value})"
            out.append(f"vec4 p_{f}_{k} = {_clipped(value, config.clips.perception)};")
            if config.absolute:
                out.append(f"vec4 q_{f}_{k} = abs(p_{f}_{k});")
    return out + _extra(config, kernel, frame)


def coarse(config: Config) -> tuple[int, ...]:
    """The scales of perception beyond the state's own."""
    return tuple(scale for scale in config.scales if scale)


def _names(config: Config, frame: Frame) -> list[str]:
    return [f"r_{i}_{k}" for i in range(len(stencils(config, frame))) for k in range(layers(config))]


def _nothing(config: Config, frame: Frame) -> list[str]:
    return [f"vec4 {name} = vec4(0.0);" for name in _names(config, frame)]


def _coarse(config: Config, frame: Frame, n: int) -> list[str]:
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


def _framed(config: Config, kernel: Kernel, stencil: str, layer: int, frame: Frame) -> str:
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


def _extra(config: Config, kernel: Kernel, frame: Frame) -> list[str]:
    out = []
    if {"row", "column"} & set(config.extra):
        skew = kernel.basis[1][0] / kernel.basis[0][0]
        out += [
            f"float x_place = float(cell.x) + float(cell.y) * {_float(skew)};",
            "x_place -= float(size.x) * floor(x_place / float(size.x));",
            "vec2 place = 2.0 * ((vec2(x_place, cell.y) + 0.5) / vec2(size)) - 1.0;",
        ]
        if frame:
            out.append("place = vec2(along * place.x + across * place.y, along * place.y - across * place.x);")
    if not frame and {"cos_angle", "sin_angle"} & set(config.extra):
        out.append("float along = 1.0, across = 0.0;")
    return out + [f"float e_{j} = {_EXTRA[name]};" for j, name in enumerate(config.extra)]


def inputs(config: Config) -> list[str]:
    """The net's inputs in the order of the columns of w1, each a float."""
    out = []
    for letter in "pq" if config.absolute else "p":
        for f, feature in enumerate(config.features):
            out += [f"{letter}_{f}_{c // 4}.{'xyzw'[c % 4]}" for c in config.seen(feature)]
    return out + [f"e_{j}" for j in range(len(config.extra))]


def network(config: Config, kernel: Kernel, unrolled: bool, chunk: int, frame: Frame) -> list[str]:
    """The update: b2, plus what each hidden unit adds, `chunk` of which share the workgroup's memory at a time."""
    stride = unit_floats(config)
    out = [f"vec4 u_{k} = {_four([f'part[{c}]' for c in _channels(config, k)])};" for k in range(layers(config))]
    out.append("float h;")
    for first in range(0, unit_count(config), chunk):
        count = min(chunk, unit_count(config) - first)
        start = 0 if first else config.channels  # b2 lies before the first part, which step.comp fills
        if first:
            out += ["barrier();", f"fill_part({config.channels + first * stride}, {count * stride});"]
        if not config.hidden:
            for j in range(count):
                out += _input(config, first + j, start + j * stride)
        elif unrolled:
            for j in range(count):
                out += _unit(config, str(start + j * stride))
        else:
            out.append(f"for (int base = {start}; base < {start + count * stride}; base += {stride}) {{")
            out += _unit(config, "base")
            out.append("}")
    return out + _finished(config, kernel, frame)


def _finished(config: Config, kernel: Kernel, frame: Frame) -> list[str]:
    out = []
    for k in range(layers(config)):
        if config.clips.update:
            out.append(f"u_{k} = {_clipped(f'u_{k}', config.clips.update)};")
        if config.diffusion:
            rates = _four([_float(config.diffusion[c]) for c in _channels(config, k)])
            out.append(f"u_{k} += {rates} * ({_framed(config, kernel, 'laplacian', k, frame)});")
        if frame:
            out.append(f"u_{k} *= dt;")
    return out


def _input(config: Config, index: int, base: int) -> list[str]:
    """One input of a net without hidden units, whose column of w2 starts at `base` of the shared part."""
    out = [f"h = {inputs(config)[index]};"]
    for k in range(layers(config)):
        out.append(f"u_{k} += h * {_four([f'part[{base + c}]' for c in _channels(config, k)])};")
    return out


def _unit(config: Config, base: str) -> list[str]:
    """One hidden unit, whose weights start at `base` of the shared part."""

    def weight(i: int) -> str:
        return f"part[{int(base) + i}]" if base.isdigit() else f"part[{base} + {i}]"

    terms = [f"h += {weight(i)} * {value};" for i, value in enumerate(inputs(config), 1)]
    lines = [" ".join(terms[i : i + 4]) for i in range(0, len(terms), 4)]
    out = [f"h = {weight(0)};", *lines]
    activated = ACTIVATIONS[config.activation].format(beta=_float(config.beta))
    out.append(f"h = {_clipped(activated, config.clips.hidden)};")
    for k in range(layers(config)):
        out.append(f"u_{k} += h * {_four([weight(1 + config.inputs + c) for c in _channels(config, k)])};")
    return out


def store(config: Config) -> list[str]:
    """The new state, where the cell, or each channel, fires."""
    out = ["bool fired = fires(pcg4d(uvec4(cell, step_number, rng_seed)).x, rate);"] if config.firing == "cell" else []
    for k in range(layers(config)):
        added = f"(fired ? u_{k} : vec4(0.0))"
        if config.firing == "channel":
            out.append(f"uvec4 words_{k} = pcg4d(uvec4(cell, step_number, rng_seed + {k}u * CHANNELS_SEED));")
            each = ", ".join(f"fires(words_{k}.{c}, rate)" for c in "xyzw")
            added = f"mix(vec4(0.0), u_{k}, bvec4({each}))"
        out.append(f"vec4 n_{k} = {_clipped(f'{_cell(0, 0, k)} + {added}', config.clips.state)};")
        out.append(f"imageStore(after, ivec3(cell, {k}), n_{k});")
    if config.alive:
        channel = config.alive.channel
        out.append(f"imageStore(fresh, cell, vec4(n_{channel // 4}.{'xyzw'[channel % 4]}));")
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
    threshold = _float(config.alive.threshold)
    out.append(f"bool lives = old > {threshold} && young > {threshold};")
    return out


def _layers_of(config: Config, feature: Feature) -> list[int]:
    return sorted({channel // 4 for channel in config.seen(feature)})


def _float(value: float) -> str:
    text = f"{np.float32(value):.9g}"
    return text if re.search(r"[.e]", text) else text + ".0"


def _tag(offset: int) -> str:
    return f"m{-offset}" if offset < 0 else str(offset)


def _cell(row: int, column: int, layer: int) -> str:
    return f"s_{_tag(row)}_{_tag(column)}_{layer}"


def _weighted(taps: Iterable[Tap], layer: int) -> str:
    """The sum of weight·cell, with cells of the same weight added up first: fewer products."""
    groups: dict[str, str] = {}
    for row, column, weight in taps:
        size = _float(abs(weight))
        groups[size] = groups.get(size, "") + f" {'-' if weight < 0 else '+'} {_cell(row, column, layer)}"
    products = [
        cells.removeprefix(" + ").strip() if size == "1.0" else f"{size} * ({cells.removeprefix(' + ').strip()})"
        for size, cells in groups.items()
    ]
    return " + ".join(f"({p})" if p.startswith("-") else p for p in products) or "vec4(0.0)"


def _channels(config: Config, layer: int) -> range:
    return range(4 * layer, min(4 * layer + 4, config.channels))


def _four(values: list[str]) -> str:
    return f"vec4({', '.join(values + ['0.0'] * (4 - len(values)))})"


def _clipped(expression: str, bounds: Range | None) -> str:
    return expression if bounds is None else f"clamp({expression}, {_float(bounds[0])}, {_float(bounds[1])})"
