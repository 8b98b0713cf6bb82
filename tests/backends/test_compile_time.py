"""How long a software renderer takes to compile the step of what we ship: some forms of it would take minutes.

In processor time, which other work on the machine hardly lengthens, with no cache of compiled shaders.
"""

import json
import os
import subprocess
import sys

import pytest
from helpers import ROOT

from ncaengine.formats import model_files

LIMIT = 5.0
"""Seconds."""
SETTINGS = {
    "plain": {},
    "turned": {"scale": 1.1},
    "stretched": {"scale": 1.1, "aspect": 1.2},
}
"""What makes each of perception.FrameKind."""
COVERS = {"pairs": (0.5, True), "listed": (0.5, False), "every": (1.0, True)}
"""Fire rate, and whether antithetic, that make each of perception.Cover."""
KERNELS = ("square", "hexagonal", "hexagonal-distill", "von-neumann", "square-wide")

ALL = [(kernel, frame, cover) for kernel in KERNELS for frame in SETTINGS for cover in COVERS]
FEW = [each for each in ALL if each[1:] == ("plain", "pairs") or each[0] == "hexagonal"]
"""Each kernel, and on one of them everything."""

SCRIPT = """
import json, sys, time
import numpy as np
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import kernels
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files

backend, catalogue = GLBackend(), kernels.discover()
for path, kernel, settings, (rate, antithetic) in json.load(sys.stdin):
    model, cells = model_files.load(path), backend.cells()
    cells.write(np.zeros((4, 6, model.config.channels), np.float32))
    before = time.process_time()
    cells.specialise(model, catalogue.get(kernel))
    cells.step(0, 0, Settings(fire_rate=rate, antithetic=antithetic, **settings))
    backend.finish()
    print(json.dumps(time.process_time() - before), flush=True)
    cells.release()
"""


def seconds(jobs: list[tuple[str, str, str]], model: str) -> list[float]:
    asked = [(model, kernel, SETTINGS[frame], COVERS[cover]) for kernel, frame, cover in jobs]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False,
        timeout=60 + 4 * LIMIT * len(jobs), env={**os.environ, "MESA_SHADER_CACHE_DISABLE": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [float(line) for line in done.stdout.split()]


def shapes() -> dict[str, str]:
    """A shipped model of each configuration that compiles to a shader of its own."""
    found = {}
    for path in sorted((ROOT / "assets").glob("*.safetensors")):
        config = model_files.load(path).config
        key = repr((config.channels, config.hidden, config.features, config.activation, config.clips, config.padding))
        found.setdefault(key, str(path))
    return found


@pytest.mark.parametrize("model", shapes().values(), ids=os.path.basename)
def test_every_shipped_variant_compiles_in_time(model: str) -> None:
    jobs = ALL if os.environ.get("NCAENGINE_FULL") else FEW
    took = dict(zip(jobs, seconds(jobs, model), strict=True))
    print("\n".join(f"{' '.join(job)}: {time:.1f} s" for job, time in took.items()))
    for _ in range(2):  # who was slow may have been disturbed
        slow = [job for job, time in took.items() if time >= LIMIT]
        if slow:
            took |= dict(zip(slow, seconds(slow, model), strict=True))
    assert {job: time for job, time in took.items() if time >= LIMIT} == {}
