"""Integrators on the GPU: several Euler steps, and the sums that combine.comp makes of them; see core.integration."""

from collections.abc import Callable

import moderngl

from ncaengine.backends.gl.passes import Passes, StepPrograms
from ncaengine.backends.gl.textures import StateImages
from ncaengine.core.integration import METHODS
from ncaengine.core.model import Integrator
from ncaengine.core.types import Size

Euler = Callable[[moderngl.TextureArray, moderngl.TextureArray], StepPrograms]


class Stages:
    """The states that an integrator keeps within a step of one grid; allocated when first needed."""

    def __init__(self, images: StateImages, passes: Passes) -> None:
        self._allocate, self._passes = images, passes
        self._images: list[moderngl.TextureArray] = []

    def step(
        self,
        integrator: Integrator,
        before: moderngl.TextureArray,
        after: moderngl.TextureArray,
        size: Size,
        euler: Euler,
    ) -> StepPrograms:
        """Make a step from one image into another, up to its limits; return the programs of its Euler steps.

        euler: makes an Euler step from an image into another.
        """
        method = METHODS[integrator]
        if not method:
            return euler(before, after)
        kept = {0: before, **dict(enumerate(self._places(max(stage.into or 0 for stage in method), before, size), 1))}
        at = 0
        for stage in method:
            programs = euler(kept[at], after)
            at = stage.into or 0
            self._passes.combine(programs, stage, kept, after, kept[at] if at else after, size)
        return programs

    def _places(self, count: int, like: moderngl.TextureArray, size: Size) -> list[moderngl.TextureArray]:
        if len(self._images) < count or self._images[0].size != like.size:
            self.release()
            while len(self._images) < count:
                self._images += self._allocate.pair(like.size, size)
        return self._images[:count]

    def release(self) -> None:
        """Free the images."""
        for image in self._images:
            image.release()
        self._images.clear()
