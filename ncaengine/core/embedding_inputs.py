"""The inputs of a net that hold an embedding, and whether a model's textures fit them; see core.embeddings."""

from collections.abc import Mapping, Sequence

import numpy as np

from ncaengine.core.errors import NCAError

NAMES = tuple(f"embed_{n}" for n in range(8))
"""Those inputs, in order."""
Embedding = tuple[float, ...]


def check(extra: Sequence[str], textures: Mapping[str, Embedding]) -> None:
    """Raise NCAError, without a file's name, unless the textures' embeddings fit the inputs."""
    used = [name for name in extra if name in NAMES]
    if used != [*NAMES[: len(used)]]:
        raise NCAError(f"the configuration names the embedding's inputs {', '.join(used)}; they count up from embed_0.")
    if bool(used) != bool(textures):
        raise NCAError("the configuration has inputs for an embedding without textures, or textures without inputs.")
    for name, code in textures.items():
        if len(code) != len(used):
            raise NCAError(f"the texture {name[:100]!r} has {len(code)} numbers; the model reads {len(used)}.")
        if not np.abs(np.array(code, np.float64)).max() <= np.finfo(np.float32).max:  # which is false for NaN, too
            raise NCAError(f"the embedding of the texture {name[:100]!r} holds a number that is not finite.")
        if not name or len(name) > 100 or not name.isprintable():
            raise NCAError(f"the name of a texture, {name[:100]!r}, is empty, over 100 characters or not printable.")
