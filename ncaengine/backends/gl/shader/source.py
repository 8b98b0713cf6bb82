"""Assemble the source of shaders from files, includes and generated code, and find errors in our files."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncaengine.backends.gl.shader import network, perception
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind, layers
from ncaengine.core import resources, stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32

GROUP = {"unrolled": (1024, 1), "looped": (32, 4), "blocked": (32, 4)}
"""Invocations of a workgroup (x, y); see shaders/include/invocation.glsl."""
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

    def defining(self, name: str) -> "ShaderSource":
        """Return the same source with a name defined, after the version line."""
        version, rest = self.text.split("\n", 1)
        return ShaderSource(f"{version}\n#define {name} 1\n{rest}", (self.origins[0], *self.origins))

    def explain(self, log: str) -> str:
        """Return a compiler's log with its line numbers replaced by those of our files.

        Understands Mesa and Intel "0:12(3): error", NVIDIA "0(12) : error" and AMD "ERROR: 0:12:".
        """

        def place(match: re.Match[str]) -> str:
            line = int(match[1] or match[2])
            return self.origins[line - 1] if 0 < line <= len(self.origins) else match[0]

        return re.sub(r"\b0:(\d+)(?:\(\d+\))?|\b0\((\d+)\)", place, log)


def pack_weights(model: Model) -> F32:
    """Return the weights as step.comp reads them: (rows, WEIGHTS_WIDTH, 4) float32, b2 and then each unit's."""
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
    copied: bool = False,
) -> ShaderSource:  # fmt: skip
    """Return the step shader for a configuration and a kernel.

    shared_bytes: the device's memory of a workgroup; the weights are loaded in as many chunks as they need to fit.
    frame: if not "", the shader reads fields and the settings of cells, and steps the cells of one of several models.
    cover: see perception.Cover.
    copied: whether the driver has already copied the cells that don't fire.
    Raises NCAError if the kernel lacks a stencil that the model perceives.
    """
    stencils.require(config, kernel)
    fours, count = network.unit_fours(config), network.unit_count(config)
    fits = min(count, (shared_bytes // 16 - layers(config)) // fours)
    if fits < 1:
        raise NCAError(f"The model {config.name!r} has too many inputs for this device's workgroup memory.")
    chunks = -(-count // fits)
    chunk = -(-count // chunks)
    defines = {
        "SHARED_WEIGHTS": layers(config) + chunk * fours,
        "WEIGHTS_WIDTH": WEIGHTS_WIDTH,
        "LAYERS": layers(config),
        "INPUTS": -(-config.inputs // 4),
        **_common(config, form),
        **_optional(config, frame),
        "COARSE": len(perception.coarse_scales(config)),
        **({cover.upper(): 1} if cover != "every" else {}),
        **({"COPIED": 1} if copied else {}),
    }
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "perception": perception.perception(config, kernel, frame),
        "fill_cell": perception.fill_cell(config, kernel, frame),
        "network": network.network(config, form, chunk, frame),
        "store": network.store(config, cover),
        "copy": network.copy(config),
    }
    return assemble("step.comp", defines, made)


def pick_source(config: Config, form: Form, frame: FrameKind = "", copied: bool = False) -> ShaderSource:
    """Return the shader that lists the cells that fire, before a step that covers those. See step_source."""
    defines = {**_common(config, form), **_optional(config, frame), **({"COPIED": 1} if copied else {})}
    return assemble("pick.comp", defines, {"copy": network.copy(config)})


def shrink_source(config: Config, form: Form) -> ShaderSource:
    """Return the shader that resamples a state to a coarser scale."""
    return assemble("shrink.comp", {**_common(config, form), "LAYERS": layers(config)})


def coarse_source(config: Config, kernel: Kernel, form: Form, frame: FrameKind = "") -> ShaderSource:
    """Return the shader that applies the stencils to a state at a coarser scale."""
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "apply_stencils": perception.apply_stencils(config, kernel, frame),
        "store": [
            f"imageStore(after, ivec3(cell, {i * layers(config) + k}), {variable}_{k});"
            for i, variable in enumerate(perception.stencil_variables(config, frame).values())
            for k in range(layers(config))
        ],
    }
    return assemble("coarse.comp", _common(config, form), made)


def alive_source(config: Config, kernel: Kernel, form: Form) -> ShaderSource:
    """Return the shader that sets cells to 0 that die in a step; see model.Alive."""
    made = {
        "find_life": perception.find_life(config, kernel),
        "store": [
            f"imageStore(after, ivec3(cell, {k}), lives ? imageLoad(after, ivec3(cell, {k})) : vec4(0.0));"
            for k in range(layers(config))
        ],
    }
    return assemble("alive.comp", _common(config, form), made)


def combine_source(config: Config, form: Form, last: bool) -> ShaderSource:
    """Return the shader that adds up a stage of an integrator, or the last one; see core.integration."""
    store = [f"vec4 new = {perception.clipped('sum', config.clips.state if last else None)};"]
    store.append("imageStore(result, at, to_storage(new));")
    defines = {**_common(config, form), "LAYERS": layers(config), **({"LAST": 1} if last else {})}
    if last and config.alive:
        defines["ALIVE"] = 1
        channel = config.alive.channel
        store.append(f"if (k == {channel // 4}) imageStore(life, cell, vec4(new.{'xyzw'[channel % 4]}));")
    return assemble("combine.comp", defines, {"store": store})


def _common(config: Config, form: Form) -> dict[str, int]:
    group = GROUP[form]
    sides = {"GROUP_X": group[0], "GROUP_Y": group[1], "CELLS": network.CELLS[form]}
    return {**sides, **({"TORUS": 1} if config.padding == "circular" else {})}


def groups(form: Form, size: tuple[int, int]) -> tuple[int, int]:
    """Return the workgroups (x, y) of a dispatch over (width, height) cells."""
    across, down = GROUP[form]
    if down > 1:
        return -(-size[0] // across), -(-size[1] // down)
    count = -(-size[0] * size[1] // across)
    rows = max(1, -(-count // MOST_GROUPS))
    return -(-count // rows), rows


def _optional(config: Config, frame: FrameKind) -> dict[str, int]:
    return {**({"FIELDS": 1} if frame else {}), **({"ALIVE": 1} if config.alive else {})}


def assemble(
    name: str, defines: dict[str, int] | None = None, made: dict[str, list[str]] | None = None
) -> ShaderSource:
    """Return a shader file with its includes, `defines` after the version line, and code at its //@ marks.

    made: the lines for each mark, by its name.
    """
    folder = resources.folder("shaders")
    lines: list[tuple[str, str]] = []

    def take(path: Path, shown: str) -> None:
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
                if line.startswith("#version"):
                    lines.extend((f"#define {k} {v}", at) for k, v in (defines or {}).items())

    take(folder / name, f"shaders/{name}")
    return ShaderSource("\n".join(text for text, _ in lines) + "\n", tuple(at for _, at in lines))
