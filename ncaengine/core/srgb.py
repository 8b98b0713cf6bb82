"""Colours as sRGB (IEC 61966-2-1) codes them, as light, and how bright they are."""

import numpy as np

from ncaengine.core.types import F32

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""What red, green and blue add to brightness (ITU-R BT.709)."""


def to_light(coded: F32) -> F32:
    """Return the light of colours: any shape, float32, 0 to 1."""
    bright = ((coded + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(coded <= 0.04045, coded / np.float32(12.92), bright)


def from_light(light: F32) -> F32:
    """Return the colours of light, the inverse of `to_light`."""
    bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= 0.0031308, np.float32(12.92) * light, bright)
