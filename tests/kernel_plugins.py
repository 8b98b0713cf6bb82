"""Kernel plugins that tests write."""

from pathlib import Path

VALID = """\
name = "mine"
title = "Mine"
description = "A kernel of a test."
basis = [[1.0, 0.0], [0.0, 1.0]]

[stencils.gradient_x]
divisor = 8
weights = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]

[stencils.gradient_y]
divisor = 8
weights = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]

[stencils.laplacian]
divisor = 4
weights = [[1, 2, 1], [2, -12, 2], [1, 2, 1]]
"""


def write(folder: Path, text: str = VALID, name: str = "mine") -> Path:
    path = folder / name / "kernel.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return path


def replaced(old: str, new: str) -> str:
    assert old in VALID
    return VALID.replace(old, new, 1)
