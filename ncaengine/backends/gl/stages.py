"""Integrators on the GPU: several Euler steps, and the sums that combine.glsl makes of them; see core.integration."""

from collections.abc import Callable

import moderngl

from ncaengine.backends.gl.passes import StepPrograms, combine
from ncaengine.backends.gl.textures import GridImages
from ncaengine.core.integration import METHODS
from ncaengine.core.model import Integrator
from ncaengine.core.types import Size

Euler = Callable[[moderngl.TextureArray, moderngl.TextureArray], StepPrograms]


def integrate(
    integrator: Integrator, images: GridImages, size: Size, euler: Euler
) -> tuple[moderngl.TextureArray, StepPrograms]:
    """Make a step of the present state, up to its limits; return its image and the programs of its Euler steps.

    euler: makes an Euler step from an image into another.
    """
    before, stepped = images.now, images.take()
    method = METHODS[integrator]
    if not method:
        return stepped, euler(before, stepped)
    kept, at = {0: before}, 0
    for stage in method:
        programs = euler(kept[at], stepped)
        result = images.take()
        combine(programs, stage, kept, stepped, result, size)
        at = stage.into or 0
        if at in kept and at:
            images.give(kept[at])
        kept[at or -1] = result
    for place, image in kept.items():
        if place > 0:
            images.give(image)
    images.give(stepped)
    return kept[-1], programs
