"""What the article's page and its notebook have in common: nets with one hidden layer over four filters."""

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Model

F64 = npt.NDArray[np.float64]

STENCILS = ("identity", "gradient_x", "gradient_y", "laplacian")
"""In the order of both."""


def weights(model: Model) -> F64:
    """The first layer over what the kernel's own STENCILS make of each channel: (hidden, 4, channels) float64.

    Gains are folded in; features that see the same are added up. For models that have passed `check`.
    """
    c = model.config
    out, at = np.zeros((c.hidden, len(STENCILS), c.channels)), 0
    for feature in c.features:
        seen = c.seen(feature)
        columns = feature.gain * model.w1[:, at : at + len(seen)].astype(np.float64)
        for channel, column in zip(seen, columns.T, strict=True):
            out[:, STENCILS.index(feature.stencil), channel] += column
        at += len(seen)
    return out


def check(c: Config, runner: str, also: dict[str, bool]) -> None:
    """Raises NCAError if the model is not of this kind, or does one of the things in `also`; see `refuse`."""
    other = sorted({f.stencil for f in c.features} - set(STENCILS))
    beyond = {
        "has no hidden units": not c.hidden,
        "perceives absolute values": c.absolute,
        f"has inputs beside its perception ({', '.join(c.extra)})": bool(c.extra),
        f"perceives through {', '.join(other)}": bool(other),
        "perceives coarser scales": c.scales != (0,),
        "diffuses": bool(c.diffusion),
        "lets cells die": c.alive is not None,
        "lets each channel fire by itself": c.firing == "channel",
        f"has {c.padding} padding": c.padding != "circular",
    }
    refuse(c, runner, {**beyond, **also})


def refuse(c: Config, runner: str, reasons: dict[str, bool]) -> None:
    """Raises NCAError with the first of the `reasons`, words such as "lets cells die", that holds."""
    for words, holds in reasons.items():
        if holds:
            raise NCAError(f"The model {c.name!r} {words}, which {runner} cannot do; export it in another form.")
