"""Generate the shader code of the perception, for one model and kernel; it replaces //@ marks in shaders/*.

Every function returns lines of GLSL. Generated variables, each a vec4 of four channels, layer by layer (0, 1, …):

    state_up1_left2_0   the state of a neighbour, by its row and column offset; state_here_0 is the cell's own
    laplacian_0         what a stencil gives, in the lattice's frame
    feature2_0          what the net sees of a feature, in the cell's own frame; feature2_absolute_0 its absolute value
    input_row           a further input, a float

The step shader's own names are explained in shaders/step.glsl; `cell` there is the ivec2 (column, row).
"""

import re
from collections.abc import Iterable
from typing import Literal

import numpy as np

from ncaengine.core import embedding_inputs, embeddings
from ncaengine.core import stencils as own_stencils
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.core.model import Config, Extra, Feature, Range
from ncaengine.core.names import unique_name

Form = Literal["unrolled", "looped", "blocked"]
"""How the net is written. unrolled: straight-line code, for llvmpipe, which gathers every weight in a loop. looped: for
GPUs. blocked: like looped, with two cells an invocation that share each loaded weight."""
FrameKind = Literal["", "turned", "stretched"]
"""What a cell's own frame can be. "": the lattice's. "turned": scaled and turned by settings and fields. "stretched":
also higher or lower than wide, which takes more stencils."""
Cover = Literal["every", "pairs", "listed"]
"""Which cells invocations step. every: all, and updates that don't fire are dropped. pairs: the one of two cells that
fires. listed: those that pick.comp listed."""
GRADIENTS = ("gradient_x", "gradient_y")
_EXTRA: dict[Extra | str, str] = {
    "row": "place.y", "column": "place.x", "cos_angle": "cos_angle", "sin_angle": "sin_angle",
    **{name: f"embedding_{n // 4}.{'xyzw'[n % 4]}" for n, name in enumerate(embedding_inputs.NAMES)},
}  # fmt: skip
_TAKEN = {
    "state",
    "row",
    "column",
    "base",
    "inside",
    "feature",
    "input",
    "embedding",
    "coarse",
    "corner",
    "low",
    "at",
    "gl",
}
"""First words of names that are in use, or reserved; no stencil's variable may begin with one."""


def layers(config: Config) -> int:
    """Return how many layers of four channels a state takes."""
    return -(-config.channels // 4)


def embedding_layers(config: Config) -> int:
    """Return how many layers of four numbers a cell's embedding takes."""
    return -(-embeddings.size(config) // 4)


def stencils(config: Config, frame: FrameKind) -> tuple[str, ...]:
    """Return the names of the stencils to apply: a turned or stretched frame mixes several."""
    wanted = [feature.stencil for feature in config.features] + ["laplacian"] * bool(config.diffusion)
    if frame and set(wanted) & set(GRADIENTS):
        wanted += GRADIENTS
    if frame == "stretched" and "laplacian" in wanted:
        wanted += [LAPLACIAN_COS, LAPLACIAN_SIN]
    return tuple(dict.fromkeys(wanted))


def stencil_variables(config: Config, frame: FrameKind) -> dict[str, str]:
    """Return the name of each stencil's variable, without the layer, by the stencil's name."""
    found: dict[str, str] = {}
    for stencil in stencils(config, frame):
        base = re.sub(r"\W|_+", "_", stencil).strip("_")  # GLSL reserves double underscores
        base = f"stencil_{base}" if re.split(r"[_\d]", base)[0] in _TAKEN else base
        found[stencil] = unique_name(base, lambda name: name in found.values(), "{base}_{number}")
    return found


def locate(
    taps: Iterable[own_stencils.Tap], config: Config, kernel: Kernel
) -> tuple[list[str], dict[tuple[int, int], str]]:
    """Locate the cells at some offsets from `cell`.

    Returns lines, and for each (row, column) offset an ivec2 expression inside the grid: wrapped on the torus, else the
    nearest cell at the edge. With zero padding, inside_… is 0.0 for cells outside the grid and 1.0 for others.
    """
    offsets = sorted({(row, column) for row, column, _ in taps})
    circular, out, found = config.padding == "circular", [], {}
    skewed = kernel.basis[1][0] != 0 and circular
    reach = range(own_stencils.radius(config, kernel))
    for row in sorted({r for r, _ in offsets}):
        y, base = f"row_{_vertical(row)}", f"base_{_vertical(row)}"  # base: the column of offset 0, shifted by wrapping
        out.append(f"int {y} = cell.y + ({row}), {base} = cell.x;")
        if circular:
            # Wrap as often as the radius, which is enough for every grid, also for 1 x 1.
            for _ in reach:
                if skewed and row:
                    out.append(f"{base} += {y} < 0 ? -row_shift : {y} >= size.y ? row_shift : 0;")
                out.append(f"{y} += {y} < 0 ? size.y : {y} >= size.y ? -size.y : 0;")
    for row, column in offsets:
        x = f"column_{_offset(row, column)}"
        out.append(f"int {x} = base_{_vertical(row)} + ({column});")
        place = f"ivec2({x}, row_{_vertical(row)})"
        if circular:
            out += [f"{x} += {x} < 0 ? size.x : {x} >= size.x ? -size.x : 0;" for _ in reach]
            found[row, column] = place
        else:
            found[row, column] = f"clamp({place}, ivec2(0), size - 1)"
            if config.padding == "zero":
                out.append(f"float inside_{_offset(row, column)} = float({place} == {found[row, column]});")
    return out, found


def neighbourhood(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """Load the state of the cell and of every neighbour that a stencil reads."""
    taps = [tap for name in stencils(config, frame) for tap in own_stencils.taps(config, kernel, name)]
    out, found = locate([*taps, (0, 0, 1.0)], config, kernel)
    for (row, column), place in found.items():
        inside = f" * inside_{_offset(row, column)}" if config.padding == "zero" else ""
        for k in range(layers(config)):
            out.append(f"vec4 {state_variable(row, column, k)} = LOAD(before, {place}, {k}){inside};")
    return out


def apply_stencils(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """Apply the stencils to the loaded states."""
    return [
        f"vec4 {variable}_{k} = {_weighted_sum(own_stencils.taps(config, kernel, name), k)};"
        for name, variable in stencil_variables(config, frame).items()
        for k in _layers_read(config, name)
    ]


def perception(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """Compute the features at all scales, in the cell's own frame, and the further inputs."""
    if 0 in config.scales:
        out = apply_stencils(config, kernel, frame)
    else:
        out = [f"vec4 {name} = vec4(0.0);" for name in _layer_variables(config, frame)]
    for n, _ in enumerate(coarse_scales(config)):
        out += _add_coarse(config, frame, n)
    if len(config.scales) > 1:
        share = number(1 / len(config.scales))
        out += [f"{name} *= {share};" for name in _layer_variables(config, frame)]
    for f, feature in enumerate(config.features):
        for k in _layers_of(config, feature):
            value = in_own_frame(config, kernel, feature.stencil, k, frame)
            value = value if feature.gain == 1 else f"{number(feature.gain)} * ({value})"
            out.append(f"vec4 feature{f}_{k} = {clipped(value, config.clips.perception)};")
            if config.absolute:
                out.append(f"vec4 feature{f}_absolute_{k} = abs(feature{f}_{k});")
    return out + _extra_inputs(config, kernel, frame)


def coarse_scales(config: Config) -> tuple[int, ...]:
    """Return the scales of perception except the state's own."""
    return tuple(scale for scale in config.scales if scale)


def _layer_variables(config: Config, frame: FrameKind) -> list[str]:
    return [f"{variable}_{k}" for variable in stencil_variables(config, frame).values() for k in range(layers(config))]


def _add_coarse(config: Config, frame: FrameKind, n: int) -> list[str]:
    """Add what coarse.glsl left in the n-th coarse image, interpolated between the four cells nearest to the cell."""
    out = [
        f"vec2 at_{n} = (vec2(cell) + 0.5) * (vec2(coarse_size_{n}) / vec2(size)) - 0.5;",
        f"ivec2 low_{n} = ivec2(floor(at_{n}));",
        f"at_{n} -= floor(at_{n});",
    ]
    corners = [(row, column) for row in (0, 1) for column in (0, 1)]
    for row, column in corners:
        place = f"bring_inside(low_{n} + ivec2({column}, {row}), coarse_size_{n}, coarse_row_shift_{n})"
        out.append(f"ivec2 corner_{n}_{row}{column} = {place};")
    for layer, name in enumerate(_layer_variables(config, frame)):
        a, b, c, d = (f"LOAD(coarse_{n}, corner_{n}_{row}{column}, {layer})" for row, column in corners)
        out.append(f"{name} += mix(mix({a}, {b}, at_{n}.x), mix({c}, {d}, at_{n}.x), at_{n}.y);")
    return out


def in_own_frame(config: Config, kernel: Kernel, stencil: str, layer: int, frame: FrameKind) -> str:
    """Return what a stencil gives in the cell's own frame, turned and scaled, as an expression."""
    variables = {name: f"{variable}_{layer}" for name, variable in stencil_variables(config, frame).items()}
    own = variables[stencil]
    if not frame:
        return own
    if stencil == "gradient_x":
        return f"inverse.x * (cos_angle * {variables['gradient_x']} + sin_angle * {variables['gradient_y']})"
    if stencil == "gradient_y":
        return f"inverse.y * (cos_angle * {variables['gradient_y']} - sin_angle * {variables['gradient_x']})"
    if stencil == "laplacian" and frame != "stretched":
        return f"mean_square * {own}"
    if stencil == "laplacian":
        turned = f"cos_twice * {variables[LAPLACIAN_COS]} + sin_twice * {variables[LAPLACIAN_SIN]}"
        return f"mean_square * {own} + half_difference * ({turned})"
    order = own_stencils.order(config, kernel, stencil)
    return ("{}", "mean_inverse * {}", "mean_inverse * mean_inverse * {}")[order].format(own)


def _extra_inputs(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    out = []
    if {"row", "column"} & set(config.extra):
        skew = kernel.basis[1][0] / kernel.basis[0][0]
        out += [
            f"float x_on_screen = float(cell.x) + float(cell.y) * {number(skew)};",
            "float columns = float(size.x);",
            "x_on_screen -= columns * floor(x_on_screen / columns);",
            # GPUs may divide a column by itself to just below 1.
            "x_on_screen += x_on_screen < 0.0 ? columns : x_on_screen >= columns ? -columns : 0.0;",
            "vec2 place = 2.0 * ((vec2(x_on_screen, cell.y) + 0.5) / vec2(size)) - 1.0;",
        ]
        if frame:
            own = "vec2(cos_angle * place.x + sin_angle * place.y, cos_angle * place.y - sin_angle * place.x)"
            out.append(f"place = {own};")
    if not frame and {"cos_angle", "sin_angle"} & set(config.extra):
        out.append("float cos_angle = 1.0, sin_angle = 0.0;")
    out += [f"vec4 embedding_{k} = LOAD(embedding, cell, {k});" for k in range(embedding_layers(config))]
    return out + [f"float input_{name} = {_EXTRA[name]};" for name in dict.fromkeys(config.extra)]


def fill_cell(config: Config, kernel: Kernel, frame: FrameKind) -> list[str]:
    """Fill step.glsl's Cell: its state, the net's inputs in the order of w1's columns, and its diffusion."""
    out = [f"c.state[{k}] = {state_variable(0, 0, k)};" for k in range(layers(config))]
    values = []
    for kind in ("", "_absolute") if config.absolute else ("",):
        for f, feature in enumerate(config.features):
            values += [f"feature{f}{kind}_{c // 4}.{'xyzw'[c % 4]}" for c in config.seen(feature)]
    values += [f"input_{name}" for name in config.extra]
    out += [f"c.inputs[{i // 4}] = {four(values[i : i + 4])};" for i in range(0, len(values), 4)]
    for k in range(layers(config)) if config.diffusion else ():
        rates = four([number(config.diffusion[c]) for c in channels_of(config, k)])
        out.append(f"c.diffusion[{k}] = {rates} * ({in_own_frame(config, kernel, 'laplacian', k, frame)});")
    return out


def find_life(config: Config, kernel: Kernel) -> list[str]:
    """Decide whether a cell lives, by the largest value of the channel of life near it before and after the step."""
    assert config.alive
    when = config.alive.when
    out, found = locate([*kernel.taps("laplacian"), (0, 0, 1.0)], config, kernel)
    layer, letter = config.alive.channel // 4, "xyzw"[config.alive.channel % 4]
    out.append("float life_before = -1e30, life_after = -1e30;")
    reads = {
        "before": f"LOAD(before, {{place}}, {layer}).{letter}",
        "after": f"LOAD(stepped, {{place}}, {layer}).{letter}",
    }
    for (row, column), place in found.items():
        inside = f" * inside_{_offset(row, column)}" if config.padding == "zero" else ""
        for time, read in reads.items():
            if when in (time, "both"):
                out.append(f"life_{time} = max(life_{time}, {read.format(place=place)}{inside});")
    threshold = number(config.alive.threshold)
    lives = [f"life_{time} > {threshold}" for time in reads if when in (time, "both")]
    out.append(f"bool lives = {' && '.join(lives)};")
    return out


def _layers_of(config: Config, feature: Feature) -> list[int]:
    return sorted({channel // 4 for channel in config.seen(feature)})


def _layers_read(config: Config, stencil: str) -> list[int]:
    """Return the layers in which a stencil's result is needed; only some where features see few channels."""
    if config.scales != (0,) or stencil in ("laplacian", *GRADIENTS, LAPLACIAN_COS, LAPLACIAN_SIN):
        return list(range(layers(config)))
    return sorted({k for f in config.features if f.stencil == stencil for k in _layers_of(config, f)})


def number(value: float) -> str:
    """Return a float32 as a GLSL literal, exactly."""
    text = f"{np.float32(value):.9g}"
    return text if re.search(r"[.e]", text) else text + ".0"


def _vertical(row: int) -> str:
    """Return a row offset as a name: up1, here, down1."""
    return f"up{-row}" if row < 0 else f"down{row}" if row else "here"


def _offset(row: int, column: int) -> str:
    """Return an offset as a name: up1_left2, left1, here."""
    sideways = f"left{-column}" if column < 0 else f"right{column}" if column else ""
    return "_".join(filter(None, [_vertical(row) if row or not column else "", sideways]))


def state_variable(row: int, column: int, layer: int) -> str:
    """Return the name of a layer of the state at an offset."""
    return f"state_{_offset(row, column)}_{layer}"


def _weighted_sum(taps: Iterable[own_stencils.Tap], layer: int) -> str:
    """Return the sum of weight·cell; cells of the same weight are added first, which saves products."""
    groups: dict[str, str] = {}
    for row, column, weight in taps:
        size = number(abs(weight))
        groups[size] = groups.get(size, "") + f" {'-' if weight < 0 else '+'} {state_variable(row, column, layer)}"
    products = [
        cells.removeprefix(" + ").strip() if size == "1.0" else f"{size} * ({cells.removeprefix(' + ').strip()})"
        for size, cells in groups.items()
    ]
    return " + ".join(f"({p})" if p.startswith("-") else p for p in products) or "vec4(0.0)"


def channels_of(config: Config, layer: int) -> range:
    """Return the channels of a layer: four, or fewer in the last one."""
    return range(4 * layer, min(4 * layer + 4, config.channels))


def four(values: list[str]) -> str:
    """Return a vec4 of up to four values, padded with zeros."""
    return f"vec4({', '.join(values + ['0.0'] * (4 - len(values)))})"


def clipped(expression: str, bounds: Range | None) -> str:
    """Return an expression limited to bounds, if there are any."""
    return expression if bounds is None else f"clamp({expression}, {number(bounds[0])}, {number(bounds[1])})"
