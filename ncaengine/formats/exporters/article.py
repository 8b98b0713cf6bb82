"""What the Distill article's page and its notebook can both run: one hidden layer over four filters."""

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Model
from ncaengine.core.types import F64

STENCILS = ("identity", "gradient_x", "gradient_y", "laplacian")
"""In the order that both have."""


def first_layer(model: Model) -> F64:
    """Return the weights of the first layer for the kernel's own STENCILS: (hidden, 4, channels) float64.

    Gains are multiplied in, and features with the same stencil are added. The model must have passed
    `require_article_net`.
    """
    c = model.config
    out, start = np.zeros((c.hidden, len(STENCILS), c.channels)), 0
    for feature in c.features:
        seen = c.seen(feature)
        columns = feature.gain * model.w1[:, start : start + len(seen)].astype(np.float64)
        for channel, weights in zip(seen, columns.T, strict=True):
            out[:, STENCILS.index(feature.stencil), channel] += weights
        start += len(seen)
    return out


def require_article_net(c: Config, runner: str, also: dict[str, bool]) -> None:
    """Raise NCAError if a program of the article can't run the model.

    also: more reasons against it, see `refuse`.
    """
    other = sorted({f.stencil for f in c.features} - set(STENCILS))
    beyond = {
        "has no hidden units": not c.hidden,
        "has stencils of its own": bool(c.stencils),
        "perceives absolute values": c.absolute,
        f"has inputs besides its perception ({', '.join(c.extra)})": bool(c.extra),
        f"perceives through {', '.join(other)}": bool(other),
        "perceives coarser scales": c.scales != (0,),
        f"is integrated by {c.integrator}": c.integrator != "euler",
        "has diffusion": bool(c.diffusion),
        "lets cells die": c.alive is not None,
        "fires each channel separately": c.firing == "channel",
        f"has {c.padding} padding": c.padding != "circular",
    }
    refuse(c, runner, {**beyond, **also})


def refuse(c: Config, runner: str, reasons: dict[str, bool]) -> None:
    """Raise NCAError with the first reason that applies, if any.

    runner: the program that can't run the model.
    reasons: phrases that follow the model's name, such as "lets cells die", and whether each applies.
    """
    for words, applies in reasons.items():
        if applies:
            raise NCAError(f"The model {c.name!r} {words}, which {runner} does not support; export it in another form.")
