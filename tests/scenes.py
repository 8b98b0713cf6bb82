"""Pictures of five kinds with areas to fill, at any size: `python tests/scenes.py FOLDER` writes and fills them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FINE = 4
"""Drawn so many times as large, so that edges are smooth."""


@dataclass(frozen=True)
class Scene:
    """A picture, its labels, and what to fill them with."""

    picture: Image.Image
    labels: Image.Image
    flags: tuple[str, ...]


def _plane(size: int) -> tuple[np.ndarray, np.ndarray]:
    line = (np.arange(size) + 0.5) / size
    return np.meshgrid(line, line)


def _coloured(share: np.ndarray, low: tuple[int, int, int], high: tuple[int, int, int]) -> np.ndarray:
    return np.array(low) + share[..., None] * (np.array(high) - np.array(low))


def _labels(size: int, *shapes: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """Draw shapes with smooth edges on black."""
    page = Image.new("RGB", (size * FINE, size * FINE))
    for shape in shapes:
        shape(ImageDraw.Draw(page), size * FINE)
    return page.resize((size, size), Image.Resampling.LANCZOS)


def _hill(height: float, wave: float, phase: float, colour: str) -> Callable[[ImageDraw.ImageDraw, int], None]:
    def draw(pen: ImageDraw.ImageDraw, side: int) -> None:
        x = np.linspace(0, 1, 200)
        y = height + wave * np.sin(2 * np.pi * (1.3 * x + phase)) + wave / 3 * np.sin(2 * np.pi * (3.1 * x + phase))
        pen.polygon([*zip(x * side, y * side, strict=True), (side, side), (0, side)], fill=colour)

    return draw


def hills(size: int = 512) -> Scene:
    """A landscape with a sky, a sun and three ranges of hills that touch each other and the picture's edges."""
    x, y = _plane(size)
    sky = _coloured(y, (72, 110, 168), (246, 212, 170))
    sun = np.clip((0.09 - np.hypot(x - 0.7, y - 0.24)) * size + 0.5, 0, 1)[..., None]
    sky = sky * (1 - sun) + np.array((255, 244, 214)) * sun
    ranges = _hill(0.45, 0.05, 0.1, "red"), _hill(0.62, 0.06, 0.55, "lime"), _hill(0.8, 0.05, 0.8, "blue")
    labels = _labels(size, *ranges)
    picture = np.where((np.asarray(labels).max(2) > 127)[..., None], (96, 104, 92), sky)
    mapped = ("--map", "red=scales", "lime=leopard", "blue=coral")
    return Scene(Image.fromarray(picture.astype(np.uint8)), labels, mapped)


def poster(size: int = 512) -> Scene:
    """Large letters on a flat ground: thin strokes, and no shading to hide a halo."""

    def word(pen: ImageDraw.ImageDraw, side: int) -> None:
        face = ImageFont.load_default(side * 0.42)
        for number, letter in enumerate("NCA"):
            place = side * (0.2 + 0.3 * number), side * 0.5
            pen.text(place, letter, ("red", "lime", "blue")[number], face, anchor="mm", stroke_width=side // 60)

    labels = _labels(size, word)
    mapped = ("--map", "red=zebra", "lime=bubbles", "blue=weave")
    return Scene(Image.new("RGB", (size, size), (244, 239, 228)), labels, mapped)


def portrait(size: int = 512) -> Scene:
    """A head in soft light: the shirt, the hair and the wall are filled, along the picture's edges."""
    x, y = _plane(size)
    light = 0.5 + 0.5 * np.clip(1 - np.hypot(x - 0.3, y - 0.25), -1, 1)
    picture = _coloured(light, (40, 44, 60), (190, 180, 170))
    noise = np.random.default_rng(1).normal(0, 4, (size, size, 1))

    def shape(fill: tuple[str, str, str, str]) -> Callable[[ImageDraw.ImageDraw, int], None]:
        def draw(pen: ImageDraw.ImageDraw, side: int) -> None:
            wall, shirt, hair, skin = fill
            pen.rectangle((0, 0, side, side), fill=wall)
            pen.ellipse((0.12 * side, 0.7 * side, 0.88 * side, 1.5 * side), fill=shirt)
            pen.ellipse((0.28 * side, 0.12 * side, 0.72 * side, 0.62 * side), fill=hair)
            pen.rectangle((0.43 * side, 0.6 * side, 0.57 * side, 0.76 * side), fill=skin)
            pen.ellipse((0.33 * side, 0.22 * side, 0.67 * side, 0.7 * side), fill=skin)

        return draw

    labels = _labels(size, shape(("lime", "red", "blue", "black")))
    skin = _labels(size, shape(("black", "black", "black", "white")))
    share = np.asarray(skin).max(2)[..., None] / 255
    picture = picture * (1 - share) + _coloured(light, (120, 74, 60), (252, 214, 190)) * share + noise
    mapped = ("--map", "red=zebra", "lime=lichen", "blue=coral", "--align", "edges")
    return Scene(Image.fromarray(picture.clip(0, 255).astype(np.uint8)), labels, mapped)


def sticker(size: int = 512) -> Scene:
    """A ring and a star with smooth edges on nothing: the opacity must stay."""

    def shapes(pen: ImageDraw.ImageDraw, side: int) -> None:
        pen.ellipse((0.06 * side, 0.06 * side, 0.94 * side, 0.94 * side), fill="red")
        pen.ellipse((0.2 * side, 0.2 * side, 0.8 * side, 0.8 * side), fill="lime")
        turns = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
        far = np.where(np.arange(10) % 2, 0.13, 0.3) * side
        points = zip(side / 2 + far * np.cos(turns), side / 2 + far * np.sin(turns), strict=True)
        pen.polygon([*points], fill="blue")

    labels = _labels(size, shapes)
    picture = Image.new("RGB", (size, size), (230, 60, 90))
    picture.putalpha(Image.fromarray(np.asarray(labels).sum(2).clip(0, 255).astype(np.uint8)))
    return Scene(picture, labels, ("--map", "red=giraffe", "lime=honeycomb", "blue=zebra"))


def deep(size: int = 512) -> Scene:
    """Grey rings of 16 bits, which 8 bits would show as bands, with two areas on hexagonal cells of two pixels."""
    x, y = _plane(size)
    rings = 0.5 + 0.12 * np.cos(9 * np.hypot(x - 0.5, y - 0.5))

    def shapes(pen: ImageDraw.ImageDraw, side: int) -> None:
        pen.rectangle((0.08 * side, 0.1 * side, 0.45 * side, 0.9 * side), fill="red")
        pen.polygon([(0.55 * side, 0.9 * side), (0.95 * side, 0.9 * side), (0.75 * side, 0.1 * side)], fill="blue")

    mapped = ("--map", "red=pebbles", "blue=cracks", "--kernel", "hexagonal", "--cell", "2")
    return Scene(Image.fromarray((rings * 65535).astype(np.uint16)), _labels(size, shapes), mapped)


SCENES = {draw.__name__: draw for draw in (hills, poster, portrait, sticker, deep)}


def write(name: str, folder: Path, size: int = 512) -> tuple[object, ...]:
    """Write a scene and return the command that fills it."""
    scene = SCENES[name](size)
    picture, labels = folder / f"{name}.png", folder / f"{name}_areas.png"
    scene.picture.save(picture)
    scene.labels.save(labels)
    return ("fill", picture, "--labels", labels, *scene.flags, "-o", folder / f"{name}_filled.png")


if __name__ == "__main__":
    from ncaengine.cli import main

    for scene_name in sys.argv[2:] or SCENES:
        main([*map(str, write(scene_name, Path(sys.argv[1])))])
