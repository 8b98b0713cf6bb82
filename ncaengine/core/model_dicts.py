"""Models as plain containers, which files of any format hold."""

import json
from typing import Any

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import SEED, WEIGHTS, Config, Model
from ncaengine.core.types import F32
from ncaengine.core.validation import explain_invalid

FORMAT_VERSION = 1
_PLAIN = Config()


def config_to_dict(config: Config) -> dict[str, Any]:
    """Return the configuration as containers that JSON and torch.save can hold."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(config))
    # Later fields only where they say something: files of other models stay those of earlier versions.
    for name in ("stencils", "integrator", "textures"):
        if getattr(config, name) == getattr(_PLAIN, name):
            del plain[name]
    if config.alive and config.alive.when == "both":
        del plain["alive"]["when"]
    return plain


def model_from_dict(config: object, weights: dict[str, F32]) -> Model:
    """Return a Model from the result of `config_to_dict` and its arrays. Raises NCAError if anything doesn't fit."""
    try:
        checked = msgspec.convert(config, Config, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"the configuration is not valid: {explain_invalid(error, Config)}") from None
    missing = [name for name in WEIGHTS if name not in weights]
    if missing:
        raise NCAError(f"the weights lack {', '.join(missing)}.")
    return Model(checked, **{name: weights[name] for name in (*WEIGHTS, SEED) if name in weights})
