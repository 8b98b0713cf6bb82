"""Model and kernel -> the source of the step shader; includes; and where its errors lie in our files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ncaengine import resources
from ncaengine.errors import NCAError
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Activation, Config, Model, Range

Form = Literal["unrolled", "looped"]
"""unrolled: straight-line code for llvmpipe, whose loops gather every weight; looped: for GPUs."""

GROUP = {"unrolled": (128, 8), "looped": (32, 4)}
"""Invocations of a workgroup (x, y)."""

_GRADIENTS = {
    "gradient_x": "along * gradient_x_{0} + across * gradient_y_{0}",
    "gradient_y": "along * gradient_y_{0} - across * gradient_x_{0}",
}
"""What a cell takes for its gradients, by layer, where its own x axis is turned."""
_ACTIVATIONS: dict[Activation, str] = {"relu": "max(h, 0.0)", "linear": "h", "tanh": "tanh(h)"}


@dataclass(frozen=True)
class Source:
    """GLSL text whose line i + 1 came from origins[i], 'file:line'."""

    text: str
    origins: tuple[str, ...]

    def explain(self, log: str) -> str:
        """A compiler's log with its line numbers turned into those of our files.

        Understands Mesa and Intel "0:12(3): error", NVIDIA "0(12) : error" and AMD "ERROR: 0:12:".
        """

        def place(match: re.Match[str]) -> str:
            line = int(match[1] or match[2])
            return self.origins[line - 1] if 0 < line <= len(self.origins) else match[0]

        return re.sub(r"\b0:(\d+)(?:\(\d+\))?|\b0\((\d+)\)", place, log)


def unit_floats(config: Config) -> int:
    """Floats that one hidden unit takes in the weights buffer: bias, row of w1, column of w2."""
    return 1 + config.inputs + config.channels


def pack_weights(model: Model) -> F32:
    """The weights buffer of shaders/step.comp: (channels + hidden·unit_floats,) float32."""
    units = np.concatenate([model.b1[:, None], model.w1, model.w2.T], axis=1)
    packed: F32 = np.concatenate([model.b2, units.ravel()]).astype(np.float32)
    return packed


def step_source(config: Config, kernel: Kernel, form: Form, shared_bytes: int, fields: bool = False) -> Source:
    """The step shader for a configuration and a kernel.

    `shared_bytes` is the device's memory of a workgroup; hidden units are taken in as many parts
    as they need to fit. `fields`: heed fields and the settings scale and angle, and step the cells of
    one of several models. Raises NCAError if the kernel lacks a stencil that the model perceives.
    """
    kernel.require((f.stencil for f in config.features), config.name)
    stride = unit_floats(config)
    fits = min(config.hidden, (shared_bytes // 4 - config.channels) // stride)
    if fits < 1:
        raise NCAError(f"The model {config.name!r} has too many inputs for this device's workgroup memory.")
    parts = -(-config.hidden // fits)
    chunk = -(-config.hidden // parts)
    group = GROUP[form]
    defines = {
        "PART": config.channels + chunk * stride,
        "GROUP_X": group[0],
        "GROUP_Y": group[1],
        **({"FIELDS": 1} if fields else {}),
    }
    made = {
        "neighbourhood": _neighbourhood(config, kernel, fields),
        "perception": _perception(config, kernel, fields),
        "network": _network(config, form, chunk),
        "store": _store(config),
    }
    return assemble("step.comp", defines, made)


def layers(config: Config) -> int:
    """Layers of four channels that a state takes."""
    return -(-config.channels // 4)


def assemble(name: str, defines: dict[str, int] | None = None, made: dict[str, list[str]] | None = None) -> Source:
    """A shader file with its includes, `defines` after the version line, and `made` code at its marks."""
    folder = resources.folder("shaders")
    lines: list[tuple[str, str]] = []

    def take(path: Path, shown: str) -> None:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            at = f"{shown}:{number}"
            if match := re.fullmatch(r'#include "([\w.]+)"', line):
                take(folder / "include" / match[1], f"shaders/include/{match[1]}")
            elif match := re.fullmatch(r"\s*//@ (\w+)", line):
                lines.extend((text, f"{at} ({match[1]}, line {i})") for i, text in enumerate((made or {})[match[1]], 1))
            else:
                lines.append((line, at))
                if line.startswith("#version"):
                    lines.extend((f"#define {k} {v}", at) for k, v in (defines or {}).items())

    take(folder / name, f"shaders/{name}")
    return Source("\n".join(text for text, _ in lines) + "\n", tuple(at for _, at in lines))


def _float(value: float) -> str:
    text = f"{np.float32(value):.9g}"
    return text if re.search(r"[.e]", text) else text + ".0"


def _tag(offset: int) -> str:
    return f"m{-offset}" if offset < 0 else str(offset)


def _cell(row: int, column: int, layer: int) -> str:
    return f"s_{_tag(row)}_{_tag(column)}_{layer}"


def _taps(config: Config, kernel: Kernel, fields: bool) -> list[tuple[int, int]]:
    """Every place that some feature looks at, the cell itself included; a turned gradient needs both."""
    stencils = {feature.stencil for feature in config.features}
    if fields and stencils & _GRADIENTS.keys():
        stencils |= _GRADIENTS.keys()
    seen = {(row, column) for stencil in stencils for row, column, _ in kernel.stencils[stencil].taps()}
    return sorted(seen | {(0, 0)})


def _neighbourhood(config: Config, kernel: Kernel, fields: bool) -> list[str]:
    """vec4 s_row_column_layer of every place seen, wrapped, held at the edge, or 0 beyond it."""
    taps, out = _taps(config, kernel, fields), []
    skewed = kernel.basis[1][0] != 0 and config.padding == "circular"
    reach = range(kernel.radius)
    for row in sorted({r for r, _ in taps}):
        y = f"y_{_tag(row)}"
        out.append(f"int {y} = cell.y + ({row}), x0_{_tag(row)} = cell.x;")
        if config.padding == "circular":
            # Folded as often as the radius: enough for every grid, 1 x 1 too.
            for _ in reach:
                if skewed and row:
                    out.append(f"x0_{_tag(row)} += {y} < 0 ? -row_shift : {y} >= size.y ? row_shift : 0;")
                out.append(f"{y} += {y} < 0 ? size.y : {y} >= size.y ? -size.y : 0;")
    for row, column in taps:
        name = f"{_tag(row)}_{_tag(column)}"
        out.append(f"int x_{name} = x0_{_tag(row)} + ({column});")
        if config.padding == "circular":
            out += [f"x_{name} += x_{name} < 0 ? size.x : x_{name} >= size.x ? -size.x : 0;" for _ in reach]
        place = f"ivec2(x_{name}, y_{_tag(row)})"
        inside = f"clamp({place}, ivec2(0), size - 1)"
        for layer in range(layers(config)):
            load = f"imageLoad(before, ivec3({place if config.padding == 'circular' else inside}, {layer}))"
            if config.padding == "zero":
                load += f" * float({place} == {inside})"
            out.append(f"vec4 {_cell(row, column, layer)} = {load};")
    return out


def _perception(config: Config, kernel: Kernel, fields: bool) -> list[str]:
    """vec4 p_feature_layer of every feature."""
    out = []
    if fields and any(feature.stencil in _GRADIENTS for feature in config.features):
        for name in _GRADIENTS:
            taps = list(kernel.stencils[name].taps())
            out += [f"vec4 {name}_{k} = first * ({_weighted(taps, k)});" for k in range(layers(config))]
    for f, feature in enumerate(config.features):
        taps = [(row, column, weight * feature.gain) for row, column, weight in kernel.stencils[feature.stencil].taps()]
        for layer in range(layers(config)):
            value = _weighted(taps, layer)
            if fields and feature.stencil in _GRADIENTS:
                value = f"{_float(feature.gain)} * ({_GRADIENTS[feature.stencil].format(layer)})"
            elif fields:
                value = ("{}", "first * ({})", "second * ({})")[kernel.order(feature.stencil)].format(value)
            out.append(f"vec4 p_{f}_{layer} = {_clipped(value, config.clips.perception)};")
    return out


def _weighted(taps: list[tuple[int, int, float]], layer: int) -> str:
    """The sum of weight·cell, with cells of the same weight added up first: fewer products."""
    groups: dict[str, str] = {}
    for row, column, weight in taps:
        size = _float(abs(weight))
        groups[size] = groups.get(size, "") + f" {'-' if weight < 0 else '+'} {_cell(row, column, layer)}"
    return (
        " + ".join(f"{size} * ({cells.removeprefix(' + ').strip()})" for size, cells in groups.items()) or "vec4(0.0)"
    )


def _network(config: Config, form: Form, chunk: int) -> list[str]:
    """vec4 u_layer, the update: b2 plus what each hidden unit adds."""
    stride = unit_floats(config)
    out = [f"vec4 u_{k} = {_four([f'part[{c}]' for c in _channels(config, k)])};" for k in range(layers(config))]
    out.append("float h;")
    for first in range(0, config.hidden, chunk):
        count = min(chunk, config.hidden - first)
        start = 0 if first else config.channels  # b2 lies before the first part, which step.comp fills
        if first:
            out += ["barrier();", f"fill_part({config.channels + first * stride}, {count * stride});"]
        if form == "unrolled":
            for j in range(count):
                out += _unit(config, str(start + j * stride))
        else:
            out.append(f"for (int base = {start}; base < {start + count * stride}; base += {stride}) {{")
            out += _unit(config, "base")
            out.append("}")
    for k in range(layers(config)):
        out.append(f"u_{k} = {_clipped(f'u_{k}', config.clips.update)};")
    return out


def _unit(config: Config, base: str) -> list[str]:
    """One hidden unit, whose weights start at `base` of the shared part."""

    def weight(i: int) -> str:
        return f"part[{int(base) + i}]" if base.isdigit() else f"part[{base} + {i}]"

    out, i = [f"h = {weight(0)};"], 1
    for f in range(len(config.features)):
        for layer in range(layers(config)):
            terms = []
            for c in _channels(config, layer):
                terms.append(f"h += {weight(i)} * p_{f}_{layer}.{'xyzw'[c % 4]};")
                i += 1
            out.append(" ".join(terms))
    out.append(f"h = {_clipped(_ACTIVATIONS[config.activation], config.clips.hidden)};")
    for layer in range(layers(config)):
        four = _four([weight(i + c) for c in _channels(config, layer)])
        out.append(f"u_{layer} += h * {four};")
    return out


def _store(config: Config) -> list[str]:
    out = []
    for k in range(layers(config)):
        value = _clipped(f"{_cell(0, 0, k)} + (fires ? u_{k} : vec4(0.0))", config.clips.state)
        out.append(f"imageStore(after, ivec3(cell, {k}), {value});")
    return out


def _channels(config: Config, layer: int) -> range:
    return range(4 * layer, min(4 * layer + 4, config.channels))


def _four(values: list[str]) -> str:
    return f"vec4({', '.join(values + ['0.0'] * (4 - len(values)))})"


def _clipped(expression: str, bounds: Range | None) -> str:
    return expression if bounds is None else f"clamp({expression}, {_float(bounds[0])}, {_float(bounds[1])})"
