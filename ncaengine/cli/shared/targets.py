"""Targets that a command names."""

from typing import TYPE_CHECKING

from ncaengine.cli.shared.output import print_notice

if TYPE_CHECKING:
    from ncaengine.core.types import F32


def load_target(name: str, longest: int = 128) -> "F32":
    """Return a target as `targets.load_target`, and say what was taken of its image.

    The result is (height, width, 3) float32 RGB in [0, 1]. Raises NCAError.
    """
    from ncaengine.training import targets

    target = targets.load_target(name, longest)
    if target.taken:
        print_notice(f"{name}: {target.taken}.")
    return target.picture
