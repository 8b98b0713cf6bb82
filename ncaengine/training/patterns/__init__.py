"""Procedural target textures: NumPy only, seamless on the torus, the same for the same seed.

They are our own work, so models trained on them may be shipped. Every generator takes the side in pixels and a
number `rng_seed`, and returns (side, side, 3) float32 RGB in [0, 1].
"""

from collections.abc import Callable, Mapping

from ncaengine.core.types import F32
from ncaengine.training.patterns.organic import (
    bubbles,
    coral,
    cracks,
    giraffe,
    leopard,
    lichen,
    marble,
    pebbles,
    wood,
    zebra,
)
from ncaengine.training.patterns.regular import bricks, feathers, honeycomb, knit, scales, waves, weave

PATTERNS: Mapping[str, Callable[..., F32]] = {
    "pebbles": pebbles,
    "coral": coral,
    "zebra": zebra,
    "leopard": leopard,
    "giraffe": giraffe,
    "bubbles": bubbles,
    "cracks": cracks,
    "lichen": lichen,
    "weave": weave,
    "scales": scales,
    "bricks": bricks,
    "knit": knit,
    "honeycomb": honeycomb,
    "waves": waves,
    "wood": wood,
    "marble": marble,
    "feathers": feathers,
}
"""The generators by name: (side, rng_seed) -> picture."""
