"""Regular textures: a whole number of equal elements fits each side."""

import numpy as np

from ncaengine.core.types import F32, F64, I64
from ncaengine.training.patterns.drawing import (
    OVERSAMPLING,
    downsample,
    gaussian,
    lambert_light,
    mix,
    noise,
    pixel_centres,
    ramp,
    shingles,
    smoothstep,
    specular_light,
    voronoi_cells,
)


def _even(side: int, size: float) -> int:
    """Return how many elements of about `size` pixels fill the side: an even number."""
    return 2 * max(1, round(side / size / 2))


def scales(side: int = 128, rng_seed: int = 1) -> F32:
    """Dragon scales, each row on top of the next: blue at the root, green to gold at a lit rim."""
    rng = np.random.default_rng(rng_seed)
    columns, rows, radius = _even(side, 16), _even(side, 10.7), 0.6
    scale = shingles(side * OVERSAMPLING, columns, rows, radius)
    away = np.hypot(scale.x, scale.y) / radius
    height = 0.42 * np.sqrt(np.clip(1.15 - away**2, 0, None)) + 0.16 * scale.y
    unit = len(away) / columns
    shade, gloss = lambert_light(height, unit), specular_light(height, unit, 20)
    hue = away + rng.uniform(-0.16, 0.16, columns * rows)[scale.number]
    root = (0.0, (0.03, 0.16, 0.50)), (0.4, (0.00, 0.42, 0.66))
    colour = ramp(hue, *root, (0.65, (0.00, 0.66, 0.60)), (0.85, (0.26, 0.82, 0.40)), (1.05, (0.75, 0.90, 0.25)))
    colour = colour * (0.25 + 1.0 * shade[..., None]) + gloss[..., None] * np.array([0.30, 0.42, 0.38])
    under = smoothstep((away * radius + 1.1 * scale.y + 0.02) / 0.5)  # the shadow of the row above
    colour = mix(np.array([0.01, 0.02, 0.12]), colour, 0.1 + 0.9 * under)
    return downsample(mix(colour, np.array([1.0, 0.96, 0.62]), 0.75 * gaussian(away, 0.93, 0.09)))


def weave(side: int = 128, rng_seed: int = 2) -> F32:
    """Basketwork: straw and blue strands of four fibres, about 21 px wide, that pass over and under in turn."""
    rng = np.random.default_rng(rng_seed)
    count = _even(side, 21.3)
    n = side * OVERSAMPLING
    u, v = np.broadcast_arrays(pixel_centres(n)[None] * count, pixel_centres(n)[:, None] * count)
    column, row = u.astype(np.int64), v.astype(np.int64)

    def strand(along: F64, across: F64, lane: I64, phase: int) -> tuple[F64, F64, F64]:
        inside = 1 - np.abs(2 * (across % 1) - 1) / 0.86
        wave = np.cos(np.pi * (along - 0.5 + lane + phase))
        fibre = np.abs(np.sin(4 * np.pi * ((across % 1 - 0.07) / 0.86)))
        round_top = 0.17 * np.sqrt(np.clip(inside * (2 - inside), 0, 1)) + 0.03 * np.sqrt(fibre)
        return np.where(inside > 0, 0.24 * wave + round_top, -0.5), wave, fibre

    (level, rise, grain), (upright, plunge, other) = strand(u, v, row, 0), strand(v, u, column, 1)
    flat = level > upright
    height, wave, fibre = np.maximum(level, upright), np.where(flat, rise, plunge), np.where(flat, grain, other)
    shade, gloss = lambert_light(height, n / count), specular_light(height, n / count, 10)
    tint = rng.uniform(0.88, 1.1, (2, count, 1))
    straw, blue = np.array([0.99, 0.74, 0.34]) * tint[0][row], np.array([0.13, 0.42, 0.72]) * tint[1][column]
    worn = np.where(flat, noise(rng, side, 5, 0.3), noise(rng, side, 5, 3.0))
    colour = np.where(flat[..., None], straw, blue) * (1 + 0.06 * worn[..., None])
    colour = colour * ((0.15 + 1.05 * shade) * (0.62 + 0.38 * smoothstep(fibre / 0.5)))[..., None]
    colour = (colour + 0.20 * gloss[..., None]) * (0.25 + 0.75 * smoothstep((wave + 0.75) / 1.1))[..., None]
    return downsample(np.where(height[..., None] < -0.4, np.array([0.07, 0.04, 0.08]), colour))


def bricks(side: int = 128, rng_seed: int = 3) -> F32:
    """Old bricks in running bond, from apricot to plum, with worn edges in sandy mortar, each about 25 px wide."""
    rng = np.random.default_rng(rng_seed)
    columns, rows = max(2, round(side / 25.6)), _even(side, 12.8)
    n = side * OVERSAMPLING
    row = np.floor(pixel_centres(n) * rows).astype(np.int64)[:, None]
    u = pixel_centres(n)[None] * columns + row % 2 / 2
    number = row * columns + u.astype(np.int64) % columns
    wide, high = side / columns, side / rows  # lengths below are pixels of the picture
    x, y = np.abs(u % 1 - 0.5) * wide, np.abs(pixel_centres(n)[:, None] * rows % 1 - 0.5) * high
    corner = 2.4
    beyond = np.hypot(np.clip(x - wide / 2 + corner, 0, None), np.clip(y - high / 2 + corner, 0, None))
    wear = 0.38 * noise(rng, side, 9) + 0.22 * noise(rng, side, 5)
    edge = np.minimum(corner - beyond, np.minimum(wide / 2 - x, high / 2 - y)) - wear
    brick = smoothstep((edge - 1.0) / 0.5)
    grain = noise(rng, side, 3.5)
    height = 1.3 * smoothstep((edge - 0.7) / 1.5) + brick * (0.22 * noise(rng, side, 9) + 0.05 * grain)
    shade = lambert_light(height, OVERSAMPLING)
    palette = np.array(
        [[0.84, 0.36, 0.20], [0.72, 0.24, 0.16], [0.95, 0.55, 0.31], [0.50, 0.15, 0.20], [0.80, 0.29, 0.14]]
    )
    clay = palette[rng.permutation(columns * rows) % len(palette)][number] * (1 + 0.04 * grain[..., None])
    clay = mix(clay, np.array([0.42, 0.11, 0.17]), 0.45 * smoothstep((noise(rng, side, 12) - 0.5) / 1.2))
    clay = mix(clay, np.array([1.0, 0.72, 0.48]), 0.32 * gaussian(edge, 1.7, 0.6))  # rubbed bright at the edge
    mortar = np.array([1.0, 0.92, 0.78]) * (1 + 0.05 * grain[..., None])
    shadow = np.roll(brick, (5, 4), (0, 1))[..., None]
    mortar = mortar * (1 - shadow * np.array([0.42, 0.48, 0.42]))
    return downsample(mix(mortar, clay, brick) * (0.28 + 1.0 * shade[..., None]))


def knit(side: int = 128, rng_seed: int = 4) -> F32:
    """Stockinette of berry wool: columns of V stitches, each of two strands of twisted yarn, about 21 px wide."""
    rng = np.random.default_rng(rng_seed)
    columns, rows = _even(side, 21.3), _even(side, 16)
    n = side * OVERSAMPLING
    u, v = np.broadcast_arrays(pixel_centres(n)[None] * columns, pixel_centres(n)[:, None] * rows)
    x = (u % 1 - 0.5) * 4 / 3  # in units of a row's height
    height, number = np.full((n, n), -1.0), np.zeros((n, n), np.int64)
    depth, twist = np.zeros((n, n)), np.zeros((n, n))
    for up in (-1, 0, 1):  # a leg reaches into its neighbours above and below
        row = np.floor(v).astype(np.int64) + up
        along, across = v - row - 0.5, np.abs(x) - 0.33
        lean = (across + 0.42 * along - 0.10 * np.sin(2 * along)) / 0.345  # from the outside above to the middle below
        body = 1 - lean**2 - np.abs(along / 0.88) ** 2.5
        leg = np.sqrt(np.clip(body, 0, 1)) * 0.30 + 0.20 * along
        on = (body > 0) & (leg > height)
        height[on], number[on], depth[on] = leg[on], (row % rows * columns + u.astype(np.int64))[on], body[on]
        twist[on] = (3.2 * along + 0.8 * np.arcsin(np.clip(lean, -1, 1)))[on]
    ply = np.abs(np.cos(np.pi * twist))
    shade = lambert_light(np.clip(height, -0.3, 1) + 0.035 * np.sqrt(ply), n / rows)
    fibre = 1 + 0.05 * noise(rng, side, 3.0)
    colour = ramp(
        shade * (0.55 + 0.45 * smoothstep(depth / 0.6)) * (0.72 + 0.28 * smoothstep(ply / 0.6)) * fibre,
        (0.1, (0.20, 0.02, 0.16)),
        (0.45, (0.66, 0.05, 0.26)),
        (0.75, (0.93, 0.25, 0.34)),
        (1.0, (1.0, 0.66, 0.56)),
    )
    colour = colour * rng.uniform(0.9, 1.06, (columns * rows, 1))[number]
    return downsample(mix(np.array([0.14, 0.01, 0.13]), colour, smoothstep(depth / 0.12)))


def honeycomb(side: int = 128, rng_seed: int = 5) -> F32:
    """Golden wax around deep cells of honey, each with a glint.

    The hexagons are the Voronoi cells of a staggered lattice.
    """
    rng = np.random.default_rng(rng_seed)
    columns, rows = max(3, round(side / 18.3)), _even(side, 16)
    row, column = np.divmod(np.arange(columns * rows), columns)
    at = pixel_centres(side * OVERSAMPLING)
    hexagons = voronoi_cells(at[None], at[:, None], np.stack([(column + row % 2 / 2) / columns, row / rows], 1))
    edge = hexagons.edge(22)
    unit = len(at) / np.sqrt(columns * rows)
    wall = smoothstep((0.17 - edge) / 0.07)
    shade = lambert_light(0.22 * smoothstep((0.30 - edge) / 0.26), unit)
    x, y = hexagons.x, hexagons.y
    fill = rng.uniform(0.75, 1.15, columns * rows)[hexagons.owner]
    glow = smoothstep((x + 1.3 * y + 0.35) / 1.1) * fill
    honey = ramp(glow, (0.0, (0.20, 0.06, 0.01)), (0.5, (0.62, 0.25, 0.02)), (1.0, (1.0, 0.62, 0.08)))
    honey = mix(honey, np.array([1.0, 0.95, 0.72]), 0.9 * gaussian(np.hypot(x + 0.13, (y + 0.15) * 1.2), 0.0, 0.085))
    wax = np.array([1.0, 0.78, 0.30]) * (0.25 + 0.95 * shade[..., None])
    return downsample(mix(honey, wax, wall))


def waves(side: int = 128, rng_seed: int = 6) -> F32:
    """Seigaiha, the Japanese blue sea: fans of cream arcs on indigo to aqua, each row in front of the one above."""
    rng = np.random.default_rng(rng_seed)
    columns, rows, radius = max(2, round(side / 25.6)), _even(side, 9.2), 0.54
    fan = shingles(side * OVERSAMPLING, columns, rows, radius)
    away = np.hypot(fan.x, fan.y)[::-1] / radius
    tone = away + rng.uniform(-0.14, 0.10, columns * rows)[fan.number[::-1]]
    deep = (0.75, (0.03, 0.24, 0.56)), (1.0, (0.06, 0.08, 0.36))
    ink = ramp(tone, (0.05, (0.56, 0.90, 0.84)), (0.4, (0.08, 0.52, 0.74)), *deep)
    arc = np.abs((1 - away) * 2.75 % 1 - 0.19)
    return downsample(mix(ink, np.array([1.0, 0.95, 0.83]), smoothstep((0.30 - arc) / 0.12)))


def feathers(side: int = 128, rng_seed: int = 7) -> F32:
    """Pheasant feathers, each row on top of the next: cream barbs, a copper ring, and an eye of teal and indigo."""
    rng = np.random.default_rng(rng_seed)
    columns, rows = max(2, round(side / 25.6)), _even(side, 16)
    feather = shingles(side * OVERSAMPLING, columns, rows, 0.56, length=1.65)
    x, y = feather.x, feather.y
    away = np.hypot(x, y / 1.65) / 0.56
    barb = np.cos(2 * np.pi * (y - 1.3 * np.abs(x)) * 6.4)
    shade = lambert_light(0.14 * np.sqrt(np.clip(1.1 - away**2, 0, None)) - 0.16 * np.abs(x), len(away) / columns)
    eye = np.hypot(1.7 * x, 1.15 * (y - 0.46)) + rng.uniform(-0.025, 0.025, columns * rows)[feather.number]
    ink = (0.10, (0.05, 0.07, 0.34)), (0.14, (0.02, 0.46, 0.60)), (0.20, (0.16, 0.74, 0.64)), (0.22, (0.42, 0.18, 0.10))
    gold = (0.25, (0.76, 0.32, 0.10)), (0.32, (0.93, 0.54, 0.18)), (0.40, (1.0, 0.86, 0.56)), (0.6, (1.0, 0.93, 0.78))
    colour = ramp(eye, *ink, *gold)
    vane = smoothstep((eye - 0.24) / 0.05)
    colour = mix(colour, colour * np.array([0.84, 0.60, 0.42]), vane * smoothstep((barb + 0.35) / 0.7))
    colour = colour * (0.40 + 0.92 * shade[..., None])
    under = smoothstep((1.0 - away + 0.03 * barb) / 0.12)
    colour = mix(np.array([0.22, 0.04, 0.10]), colour, under)
    return downsample(colour)
