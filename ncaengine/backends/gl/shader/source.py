"""Model and kernel -> the source of the step shader; includes; and where its errors lie in our files."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncaengine.backends.gl.shader import network, perception
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind, layers
from ncaengine.core import resources
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32

GROUP = {"unrolled": (1024, 1), "looped": (32, 4), "blocked": (32, 4)}
"""Invocations of a workgroup (x, y); see shaders/include/invocation.glsl."""
MOST_GROUPS = 65_535
"""Workgroups of a dispatch along one axis, as OpenGL promises."""
WEIGHTS_WIDTH = 256
"""Of the image that holds the weights."""


@dataclass(frozen=True)
class ShaderSource:
    """GLSL text whose line i + 1 came from origins[i], 'file:line'."""

    text: str
    origins: tuple[str, ...]

    def defining(self, name: str) -> "ShaderSource":
        """The same with a name defined, after the version line."""
        version, rest = self.text.split("\n", 1)
        return ShaderSource(f"{version}\n#define {name} 1\n{rest}", (self.origins[0], *self.origins))

    def explain(self, log: str) -> str:
        """A compiler's log with its line numbers turned into those of our files.

        Understands Mesa and Intel "0:12(3): error", NVIDIA "0(12) : error" and AMD "ERROR: 0:12:".
        """

        def place(match: re.Match[str]) -> str:
            line = int(match[1] or match[2])
            return self.origins[line - 1] if 0 < line <= len(self.origins) else match[0]

        return re.sub(r"\b0:(\d+)(?:\(\d+\))?|\b0\((\d+)\)", place, log)


def pack_weights(model: Model) -> F32:
    """The weights of shaders/step.comp: (rows, WEIGHTS_WIDTH, 4) float32, b2 and then the units of netcode."""
    c = model.config
    units = np.concatenate([model.b1[:, None], model.w1, model.w2.T], axis=1) if c.hidden else model.w2.T
    fours = [*_in_fours(model.b2[None]), *_in_fours(units)]
    packed = np.zeros((-(-len(fours) // WEIGHTS_WIDTH), WEIGHTS_WIDTH, 4), np.float32)
    packed.reshape(-1, 4)[: len(fours)] = fours
    return packed


def _in_fours(rows: F32) -> F32:
    """(n, 4): each row in fours, the last one filled up with zeros."""
    padded: F32 = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).astype(np.float32).reshape(-1, 4)
    return padded


def step_source(
    config: Config, kernel: Kernel, form: Form, shared_bytes: int, frame: FrameKind = "", cover: Cover = "every",
    copied: bool = False,
) -> ShaderSource:  # fmt: skip
    """The step shader for a configuration and a kernel.

    `shared_bytes` is the device's memory of a workgroup; hidden units are taken in as many parts
    as they need to fit. With a `frame` it heeds fields and the settings beyond the fire rate, and steps the
    cells of one of several models. copied: the driver has brought the cells that do not fire over already.
    Raises NCAError if the kernel lacks a stencil that the model perceives.
    """
    kernel.require((f.stencil for f in config.features), config.name)
    fours, count = network.unit_fours(config), network.unit_count(config)
    fits = min(count, (shared_bytes // 16 - layers(config)) // fours)
    if fits < 1:
        raise NCAError(f"The model {config.name!r} has too many inputs for this device's workgroup memory.")
    parts = -(-count // fits)
    chunk = -(-count // parts)
    defines = {
        "PART": layers(config) + chunk * fours,
        "WEIGHTS_WIDTH": WEIGHTS_WIDTH,
        "LAYERS": layers(config),
        "SEEN": -(-config.inputs // 4),
        **_common(config, form),
        **_also(config, frame),
        "COARSE": len(perception.coarse(config)),
        **({cover.upper(): 1} if cover != "every" else {}),
        **({"COPIED": 1} if copied else {}),
    }
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "perception": perception.perception(config, kernel, frame),
        "known": perception.known(config, kernel, frame),
        "network": network.network(config, form, chunk, frame),
        "store": network.store(config, cover),
        "copy": network.copy(config),
    }
    return assemble("step.comp", defines, made)


def pick_source(config: Config, form: Form, frame: FrameKind = "", copied: bool = False) -> ShaderSource:
    """The shader that lists the cells that fire for the step shader that covers those. See step_source."""
    defines = {**_common(config, form), **_also(config, frame), **({"COPIED": 1} if copied else {})}
    return assemble("pick.comp", defines, {"copy": network.copy(config)})


def shrink_source(config: Config, form: Form) -> ShaderSource:
    """The shader that brings a state to a coarser scale."""
    return assemble("shrink.comp", {**_common(config, form), "LAYERS": layers(config)})


def coarse_source(config: Config, kernel: Kernel, form: Form, frame: FrameKind = "") -> ShaderSource:
    """The shader that applies the stencils to a state at a coarser scale."""
    made = {
        "neighbourhood": perception.neighbourhood(config, kernel, frame),
        "surroundings": perception.surroundings(config, kernel, frame),
        "store": [
            f"imageStore(after, ivec3(cell, {i * layers(config) + k}), r_{i}_{k});"
            for i in range(len(perception.stencils(config, frame)))
            for k in range(layers(config))
        ],
    }
    return assemble("coarse.comp", _common(config, form), made)


def alive_source(config: Config, kernel: Kernel, form: Form) -> ShaderSource:
    """The shader that lets cells die after a step; see model.Alive."""
    made = {
        "living": perception.living(config, kernel),
        "store": [
            f"imageStore(after, ivec3(cell, {k}), lives ? imageLoad(after, ivec3(cell, {k})) : vec4(0.0));"
            for k in range(layers(config))
        ],
    }
    return assemble("alive.comp", _common(config, form), made)


def _common(config: Config, form: Form) -> dict[str, int]:
    group = GROUP[form]
    sides = {"GROUP_X": group[0], "GROUP_Y": group[1], "CELLS": network.CELLS[form]}
    return {**sides, **({"TORUS": 1} if config.padding == "circular" else {})}


def groups(form: Form, size: tuple[int, int]) -> tuple[int, int]:
    """Workgroups (x, y) of a dispatch over (width, height) cells."""
    across, down = GROUP[form]
    if down > 1:
        return -(-size[0] // across), -(-size[1] // down)
    count = -(-size[0] * size[1] // across)
    rows = max(1, -(-count // MOST_GROUPS))
    return -(-count // rows), rows


def _also(config: Config, frame: FrameKind) -> dict[str, int]:
    return {**({"FIELDS": 1} if frame else {}), **({"ALIVE": 1} if config.alive else {})}


def assemble(
    name: str, defines: dict[str, int] | None = None, made: dict[str, list[str]] | None = None
) -> ShaderSource:
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
    return ShaderSource("\n".join(text for text, _ in lines) + "\n", tuple(at for _, at in lines))
