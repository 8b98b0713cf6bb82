"""Assemble the source of shaders from files, includes and generated code, and find errors in our files."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncaengine.backends.gl.shader import network, perception
from ncaengine.backends.gl.shader.dialect import Dialect, Part
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind, layers
from ncaengine.core import resources, stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32

GROUP = {"unrolled": (1024, 1), "looped": (32, 4), "blocked": (32, 4)}
"""Invocations of a workgroup (x, y); see shaders/include/invocation.glsl."""
DRAWING = {"GROUP_X": 32, "GROUP_Y": 8}
"""The workgroups of the shaders that draw."""
LIST_COLUMNS = 1024
"""The width of the images that hold a list of cells."""
WHOLE = Part()
"""All of a result, by a compute shader."""
MOST_GROUPS = 65_535
"""Workgroups of a dispatch along one axis, as OpenGL promises."""
WEIGHTS_WIDTH = 256
"""The width of the image that holds the weights, in vec4s."""


@dataclass(frozen=True)
class ShaderSource:
    """The GLSL text of a shader."""

    text: str
    origins: tuple[str, ...]
    """Where each line came from, as 'file:line'."""
    group: tuple[int, int] = (1, 1)
    """The invocations (x, y) of a compute shader's workgroup."""

    @property
    def images(self) -> dict[str, int]:
        """The units of a compute shader's images, by their names."""
        declared = re.findall(r"^(?:READS|WRITES|CHANGES)(?:_2D)?\((\d+), \w+, (\w+)\)", self.text, re.M)
        return {name: int(unit) for unit, name in declared}

    def defining(self, name: str) -> "ShaderSource":
        """Return the same source with a name defined, after the version line."""
        version, rest = self.text.split("\n", 1)
        return ShaderSource(f"{version}\n#define {name} 1\n{rest}", (self.origins[0], *self.origins), self.group)

    def explain(self, log: str) -> str:
        """Return a compiler's log with its line numbers replaced by those of our files.

        Understands Mesa and Intel "0:12(3): error", NVIDIA "0(12) : error" and AMD "ERROR: 0:12:".
        """

        def place(match: re.Match[str]) -> str:
            line = int(match[1] or match[2])
            return self.origins[line - 1] if 0 < line <= len(self.origins) else match[0]

        return re.sub(r"\b0:(\d+)(?:\(\d+\))?|\b0\((\d+)\)", place, log)


def pack_weights(model: Model) -> F32:
    """Return the weights as step.glsl reads them: (rows, WEIGHTS_WIDTH, 4) float32, b2 and then each unit's."""
    c = model.config
    units = np.concatenate([model.b1[:, None], model.w1, model.w2.T], axis=1) if c.hidden else model.w2.T
    fours = [*_in_fours(model.b2[None]), *_in_fours(units)]
    packed = np.zeros((-(-len(fours) // WEIGHTS_WIDTH), WEIGHTS_WIDTH, 4), np.float32)
    packed.reshape(-1, 4)[: len(fours)] = fours
    return packed


def _in_fours(rows: F32) -> F32:
    """Return each row in fours, the last four padded with zeros: (n, 4)."""
    padded: F32 = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).astype(np.float32).reshape(-1, 4)
    return padded


def step_source(
    config: Config, kernel: Kernel, form: Form, shared_bytes: int, frame: FrameKind = "", cover: Cover = "every",
    copied: bool = False, part: Part = WHOLE, constants: F32 | None = None,
) -> ShaderSource:  # fmt: skip
    """Return the step shader for a configuration and a kernel.

    shared_bytes: the device's memory of a workgroup; the weights are loaded in as many chunks as they need to fit.
    frame: if not "", the shader reads fields and the settings of cells, and steps the cells of one of several models.
    cover: see perception.Cover.
    copied: whether the driver has already copied the cells that don't fire.
    part: the layers that it writes, and the kind of shader.
    constants: the packed weights, if they are to be constants of the program; only for the unrolled form.
    Raises NCAError if the kernel lacks a stencil that the model perceives.
    """
    stencils.require(config, kernel)
    fours, most = network.unit_fours(config), network.unit_count(config)
    if not part.dialect.fragment:
        most = _most_units(config, shared_bytes)
    chunks = network.chunks(config, form, most)
    first_weights = layers(config) + len(chunks[0]) * fours
    defines = {
        "SHARED_WEIGHTS": max(first_weights, len(chunks[-1]) * fours),
        "FIRST_WEIGHTS": first_weights,
        "WEIGHTS_WIDTH": WEIGHTS_WIDTH,
        "LAYERS": layers(config),
        "INPUTS": -(-config.inputs // 4),
        **_common(config, form),
        **_optional(frame),
        "COARSE": len(perception.coarse_scales(config)),
        "EMBEDDING": perception.embedding_layers(config),
        **({cover.upper(): 1} if cover != "every" else {}),
        **({"COPIED": 1} if copied else {}),
    }
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "perception": perception.perception(config, kernel, frame),
        "fill_cell": perception.fill_cell(config, kernel, frame),
        "network": network.network(
            config, form, chunks, frame, part, None if constants is None else constants.reshape(-1, 4)
        ),
        "store": network.store(config, cover, part),
        "copy": network.copy(config),
    }
    return assemble("step.glsl", defines, made, part)


def vertex_source(name: str, dialect: Dialect) -> str:
    """Return the text of a vertex shader."""
    return f"#version {dialect.version}\n{(resources.folder('shaders') / name).read_text('utf-8')}"


def _most_units(config: Config, shared_bytes: int) -> int:
    """Return the most units whose weights fit into a workgroup's memory."""
    fits = min(network.unit_count(config), (shared_bytes // 16 - layers(config)) // network.unit_fours(config))
    if fits < 1:
        raise NCAError(f"The model {config.name!r} has too many inputs for this device's workgroup memory.")
    return fits


def pick_source(config: Config, form: Form, frame: FrameKind = "", copied: bool = False) -> ShaderSource:
    """Return the shader that lists the cells that fire, before a step that covers those. See step_source."""
    defines = {**_common(config, form), **_optional(frame), **({"COPIED": 1} if copied else {})}
    return assemble("pick.comp", defines, {"copy": network.copy(config)})


def merge_source(config: Config, form: Form, part: Part) -> ShaderSource:
    """Return the fragment shader that follows a step of pairs."""
    return assemble("merge.glsl", _common(config, form), {"store": network.merge(config, part)}, part)


def shrink_source(config: Config, form: Form, part: Part = WHOLE) -> ShaderSource:
    """Return the shader that resamples a state to a coarser scale."""
    a, b, c, d = (f"LOAD(before, {corner}, {{k}})" for corner in ("p00", "p01", "p10", "p11"))
    mean = f"mix(mix({a}, {b}, at.x), mix({c}, {d}, at.x), at.y)"
    store = [f"STORE(after, cell, {k}, {mean.format(k=k)});" for k in part.of(layers(config))]
    return assemble("shrink.glsl", _common(config, form), {"store": store}, part)


def coarse_source(
    config: Config, kernel: Kernel, form: Form, frame: FrameKind = "", part: Part = WHOLE
) -> ShaderSource:
    """Return the shader that applies the stencils to a state at a coarser scale."""
    results = [f"{v}_{k}" for v in perception.stencil_variables(config, frame).values() for k in range(layers(config))]
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "apply_stencils": perception.apply_stencils(config, kernel, frame),
        "store": [f"STORE(after, cell, {n}, {results[n]});" for n in part.of(len(results))],
    }
    return assemble("coarse.glsl", _common(config, form), made, part)


def alive_source(config: Config, kernel: Kernel, form: Form, part: Part = WHOLE) -> ShaderSource:
    """Return the shader that sets cells to 0 that die in a step; see model.Alive."""
    made = {
        "find_life": perception.find_life(config, kernel),
        "store": [
            f"STORE(after, cell, {k}, lives ? LOAD(stepped, cell, {k}) : vec4(0.0));" for k in part.of(layers(config))
        ],
    }
    return assemble("alive.glsl", _common(config, form), made, part)


def combine_source(config: Config, form: Form, last: bool, part: Part = WHOLE) -> ShaderSource:
    """Return the shader that adds up a stage of an integrator, or the last one; see core.integration."""
    store = [
        f"STORE(after, cell, {k}, to_storage("
        f"{perception.clipped(f'combined(cell, {k})', config.clips.state if last else None)}));"
        for k in part.of(layers(config))
    ]
    return assemble("combine.glsl", _common(config, form), {"store": store}, part)


def gather_source(layers: int, part: Part = WHOLE) -> ShaderSource:
    """Return the fragment shader that copies the state of some cells."""
    store = [f"STORE(values, at, {k}, LOAD(state, cell, {k}));" for k in part.of(layers)]
    return assemble("gather.frag", made={"store": store}, part=part)


def scatter_source(part: Part) -> ShaderSource:
    """Return the fragment shader that sets the state of some cells."""
    written = range(part.first, part.first + part.count)
    store = [f"STORE(state, cell, {k}, to_storage(LOAD(values, at, {k})));" for k in written]
    return assemble("scatter.frag", {"COLUMNS": LIST_COLUMNS}, {"store": store}, part)


def look_source(mode: int, overlay: int, part: Part = WHOLE) -> ShaderSource:
    """Return the shader that gives each cell its colour; see shaders/look.glsl for the numbers."""
    return assemble("look.glsl", {**DRAWING, "MODE": mode, "OVERLAY": overlay}, part=part)


def canvas_source(raster: int, part: Part = WHOLE) -> ShaderSource:
    """Return the shader that draws cells in their shapes; see shaders/canvas.glsl for the number."""
    return assemble("canvas.glsl", {**DRAWING, "RASTER": raster}, part=part)


def _common(config: Config, form: Form) -> dict[str, int]:
    group = GROUP[form]
    sides = {"GROUP_X": group[0], "GROUP_Y": group[1], "CELLS": network.CELLS[form]}
    return {**sides, **({"TORUS": 1} if config.padding == "circular" else {})}


def groups(group: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the workgroups (x, y) of a dispatch over (width, height) cells.

    group: the invocations (x, y) of one.
    """
    across, down = group
    if down > 1:
        return -(-size[0] // across), -(-size[1] // down)
    count = -(-size[0] * size[1] // across)
    rows = max(1, -(-count // MOST_GROUPS))
    return -(-count // rows), rows


def _optional(frame: FrameKind) -> dict[str, int]:
    return {"FIELDS": 1} if frame else {}


def assemble(
    name: str,
    defines: dict[str, int] | None = None,
    made: dict[str, list[str]] | None = None,
    part: Part = WHOLE,
) -> ShaderSource:
    """Return a shader file with the head of its dialect, `defines`, its includes, and code at its //@ marks.

    made: the lines for each mark, by its name.
    part: the layers that it writes, and the kind of shader.
    Raises RecursionError if a file includes itself.
    """
    folder, defines = resources.folder("shaders"), defines or {}
    lines: list[tuple[str, str]] = []
    open_files = list[Path]()

    def take(path: Path, shown: str) -> None:
        if path in open_files:
            raise RecursionError(shown)
        open_files.append(path)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            at = f"{shown}:{number}"
            if match := re.fullmatch(r'#include "([\w.]+)"', line):
                take(folder / "include" / match[1], f"shaders/include/{match[1]}")
            elif match := re.fullmatch(r"(\s*)//@ (\w+)", line):
                indent, mark = match.groups()
                generated = enumerate((made or {})[mark], 1)
                lines.extend((indent + text, f"{at} ({mark}, line {i})") for i, text in generated)
            else:
                lines.append((line, at))
        open_files.pop()

    group = defines.get("GROUP_X", 1), defines.get("GROUP_Y", 1)
    head = [f"#version {part.dialect.version}"]
    head += [f"#define {k} {v}" for k, v in {**defines, **part.defines()}.items()]
    lines.extend((line, f"shaders/{name}:1") for line in head)
    take(folder / "include" / part.dialect.include, f"shaders/include/{part.dialect.include}")
    take(folder / name, f"shaders/{name}")
    return ShaderSource("\n".join(text for text, _ in lines) + "\n", tuple(at for _, at in lines), group)
