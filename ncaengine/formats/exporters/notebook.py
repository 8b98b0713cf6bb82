"""State dicts for the class CA of the Distill article's PyTorch notebook."""

import numpy as np

from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32
from ncaengine.formats.exporters import article

RUNNER = "the notebook's class CA"
DIVISORS = np.array([[1.0], [8.0], [8.0], [4.0]])
"""A kernel's stencils are identity, S/8, Sᵀ/8 and L9/4; the notebook divides none of them."""


def state_dict(model: Model) -> tuple[dict[str, F32], list[str]]:
    """Return the notebook's tensors by name, and notes on what differs from the notebook, a sentence each.

    w1.weight: (hidden, 4·channels, 1, 1), channel-major.
    w1.bias: (hidden,).
    w2.weight: (channels, hidden, 1, 1).
    w2.bias: (channels,); only if it is not 0, since the notebook has none.

    The notebook shows state + 0.5; for a model that shows a multiple of its state, the state is multiplied by it.
    `torch_zip.as_pt` makes a file of them.
    Raises NCAError if the notebook can't run the model.
    """
    c = model.config
    clipped = [stage for stage in c.clips.__struct_fields__ if getattr(c.clips, stage)]
    also = {
        f"has the activation {c.activation}": c.activation != "relu",
        f"clips its {' and '.join(clipped)}": bool(clipped),
        f"shows {c.colour.scale:g} times its state": c.colour.scale <= 0,
    }
    article.require_article_net(c, RUNNER, also)
    size = np.float64(c.colour.scale)
    first = article.first_layer(model) / DIVISORS / size
    tensors = {
        "w1.weight": first.transpose(0, 2, 1).reshape(c.hidden, -1, 1, 1),  # the four filters of channel 0, of 1, …
        "w1.bias": model.b1,
        "w2.weight": (model.w2 * size)[:, :, None, None],
    }
    if model.b2.any():
        tensors["w2.bias"] = model.b2 * size
    return {name: np.array(a, np.float32) for name, a in tensors.items()}, _notes(c, "w2.bias" in tensors)


def _notes(c: Config, biased: bool) -> list[str]:
    notes = []
    if biased:
        notes.append("it has w2.bias, which the notebook's CA lacks: create w2 with bias=True.")
    if c.fire_rate != 0.5:
        notes.append(f"its fire rate is {c.fire_rate:g}: call ca(x, update_rate={c.fire_rate:g}).")
    if c.seed.kind != "zeros":
        notes.append(f"it starts from a {c.seed.kind} seed, the notebook from zeros.")
    if c.colour.offset != 0.5 or c.colour.alpha:
        shown = f"state + {c.colour.offset:g}{' with opacity' * c.colour.alpha}"
        notes.append(f"its RGB is {shown}, the notebook's state + 0.5.")
    return notes
