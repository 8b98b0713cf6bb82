"""A grid's view in a notebook, and its cells, packed for a page; assets/notebook/begin.js unpacks them."""

import base64
import json
import struct
import zlib

import numpy as np

from ncaengine.core import lattice, resources
from ncaengine.core.lattice import View
from ncaengine.core.types import F32
from ncaengine.simulation.grid import Grid

SIDE = 480
"""The longest side of a grid's picture, in pixels."""
MOST_NUMBERS = 2**20
"""Of a state and its fields in a notebook's file, which takes about three bytes for each."""
SHARED = ("aspect", "dt", "antithetic")
"""Settings that a page has, but not its link."""


def whole(grid: Grid) -> View:
    """Return the view of a whole grid in at most SIDE pixels a side; cells have whole pixels, or less than one."""
    wide, high = lattice.extent(grid.kernel, grid.size)
    scale = SIDE / max(wide, high)
    if scale >= 1:
        return lattice.whole_view(grid.kernel, grid.size, min(int(scale), lattice.MAX_SCALE))
    return View(max(1, round(wide * scale)), max(1, round(high * scale)), scale, *lattice.corner(grid.kernel))


def cells(grid: Grid, exact: bool = False, at: tuple[F32, int] | None = None) -> bytes:
    """Return state, fields and settings of a grid, compressed.

    exact: whether numbers keep all their bits; else 11, as 16-bit floats have.
    at: a state and its step, instead of the grid's own.
    """
    state, steps = at or (grid.state(), grid.step)
    described = {
        "size": grid.size, "channels": grid.model.config.channels, "steps": steps,
        "settings": {name: getattr(grid.settings, name) for name in SHARED}, "hasFields": grid.fields is not None,
    }  # fmt: skip
    numbers = np.concatenate([part.ravel() for part in (state, grid.fields) if part is not None])
    text = json.dumps(described).encode()
    planes = (numbers if exact else _rounded(numbers)).astype("<f4").view(np.uint8).reshape(-1, 4).T.tobytes()
    return zlib.compress(struct.pack("<I", len(text)) + text + planes, 1 if exact else 9)


def _rounded(numbers: F32) -> F32:
    most = float(np.finfo(np.float16).max)
    return np.clip(numbers, -most, most).astype(np.float16).astype(np.float32)


def with_cells(page: str, grid: Grid, live: bool = False, at: tuple[F32, int] | None = None) -> str:
    """Return a page that goes on from a grid's cells, unless they are too many, or those of the seed.

    live: whether the page also tells a widget what happens to its cells.
    at: a state and its step, instead of the grid's own.
    """
    width, height = grid.size
    numbers = width * height * (grid.model.config.channels + (0 if grid.fields is None else grid.fields.shape[2]))
    pristine = grid.age == 0 and grid.edit_count == 0
    parts = []
    if live or (not pristine and numbers <= MOST_NUMBERS):
        block = base64.b64encode(cells(grid, live, at)).decode()
        parts = [f'<script type="application/octet-stream+base64" id="begin">{block}</script>']
    for name in ("begin.js", "bridge.js")[: 2 if live else len(parts)]:
        parts.append(f"<script>\n{(resources.folder('assets') / 'notebook' / name).read_text('utf-8')}</script>")
    head, end, tail = page.rpartition("</body>")
    return "\n".join([head, *parts, end + tail])
