"""What a training runs on, and which numbers it multiplies there: 16 bits where these are faster.

Sums and states keep 32 bits.
"""

from typing import TYPE_CHECKING, Any

import torch

from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.training.config import PrecisionName

FAST_ON = ("avx512_bf16", "amx_bf16")
"""Features of a processor that multiplies bfloat16 faster than float32."""


def pick_device(name: str) -> torch.device:
    """Return the torch device called `name`; "auto" is CUDA, else Apple's GPU, else the CPU.

    Raises NCAError if the device is not available.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [key for key, found in available.items() if found]
    if name == "auto":
        name = usable[0]
    if name not in usable:
        raise NCAError(f"--device {name} is not available; use {' or '.join(usable)}.")
    return torch.device(name)


def pick_precision(name: "PrecisionName", device: torch.device) -> torch.dtype:
    """Return the numbers that the products of the nets are made of, bfloat16 or float32.

    name: "auto" is bfloat16 if the device is faster with it.
    """
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # torch before 2.9 can't tell
        found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
        fast = any(found.get(feature) for feature in FAST_ON)
    return torch.bfloat16 if fast else torch.float32
