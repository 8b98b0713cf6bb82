"""Irregular textures, modelled on living and weathered things."""

import numpy as np

from ncaengine.core.types import F32, F64
from ncaengine.training.patterns.drawing import (
    OVERSAMPLING,
    band_pass,
    downsample,
    gaussian,
    labyrinth,
    lambert_light,
    mix,
    noise,
    pixel_centres,
    ramp,
    smoothstep,
    spread_points,
    voronoi_cells,
    wrap_offset,
)


def pebbles(side: int = 128, rng_seed: int = 1) -> F32:
    """River stones in warm colours with dark joints, each about 15 px wide.

    Voronoi cells of relaxed points (Lloyd 1982), rounded by a smooth minimum of the distances to the cell's
    edges, and lit as domes.
    """
    rng = np.random.default_rng(rng_seed)
    count = max(12, round((side / 15.0) ** 2))
    at = pixel_centres(side * OVERSAMPLING)
    stones = voronoi_cells(at[None], at[:, None], spread_points(rng, count))
    edge = stones.edge(14)
    inside = np.clip((edge - 0.05) / 0.38, 0, 1)
    height = np.sqrt(1 - (1 - inside) ** 2) * 0.30
    shade = lambert_light(height, len(at) / np.sqrt(count))
    palette = np.array(
        [[0.86, 0.36, 0.16], [0.95, 0.62, 0.22], [0.72, 0.20, 0.14], [0.93, 0.80, 0.56], [0.55, 0.30, 0.22]]
    )
    kinds = np.arange(count) % len(palette)
    rng.shuffle(kinds)
    stone = np.clip(palette[kinds] * rng.uniform(0.9, 1.08, (count, 1)), 0, 1)[stones.owner]
    mask = smoothstep((edge - 0.02) / 0.09)[..., None]
    colour = stone * (0.25 + 0.95 * shade[..., None]) + 0.35 * np.clip(shade[..., None] - 0.78, 0, 1)
    return downsample(mask * colour + (1 - mask) * np.array([0.08, 0.05, 0.07]))


def coral(side: int = 128, rng_seed: int = 5) -> F32:
    """Brain coral: rounded salmon ridges with pale crests over teal valleys, wavelength about 17 px."""
    rng = np.random.default_rng(rng_seed)
    field = labyrinth(rng, band_pass(side, 17.0, 0.2))
    shade = lambert_light(0.30 * np.tanh(1.3 * field), len(field) / (side / 17.0))
    valley = (-1.0, (0.01, 0.30, 0.36)), (-0.35, (0.02, 0.22, 0.32))
    wall = (-0.05, (0.20, 0.05, 0.18)), (0.1, (0.86, 0.20, 0.26))
    colour = ramp(field, *valley, *wall, (0.6, (0.99, 0.46, 0.34)), (1.0, (1.0, 0.83, 0.6)))
    return downsample(colour * (0.45 + 0.65 * shade[..., None]))


def zebra(side: int = 128, rng_seed: int = 3) -> F32:
    """Bold black stripes that fork on a warm cream hide, wavelength about 17 px (Swift & Hohenberg 1977)."""
    rng = np.random.default_rng(rng_seed)
    f = np.fft.fftfreq(side)
    turn = np.cos(np.arctan2(f[:, None], f[None]) - 0.45) ** 2  # the stripes lean, mostly the same way
    field = labyrinth(rng, band_pass(side, 17.0, 0.35) * (0.8 + 0.2 * turn))
    shade = lambert_light(0.16 * np.tanh(2.0 * field), len(field) / (side / 17.0))
    stripe = (-0.9, (0.16, 0.12, 0.13)), (-0.25, (0.05, 0.03, 0.04)), (-0.06, (0.10, 0.05, 0.04))
    hide = (0.10, (0.80, 0.56, 0.34)), (0.4, (0.96, 0.86, 0.70)), (1.0, (1.0, 0.96, 0.86))
    return downsample(ramp(field, *stripe, *hide) * (0.35 + 0.82 * shade[..., None]))


def bubbles(side: int = 128, rng_seed: int = 4) -> F32:
    """Translucent teal beads of several sizes, crowded like caviar.

    Spheres around relaxed points (Lloyd 1982), of which the highest is visible; a glint where the light enters
    and a glow where it leaves.
    """
    rng = np.random.default_rng(rng_seed)
    count = max(12, round((side / 14.5) ** 2))
    points, scale = spread_points(rng, count), np.sqrt(count)
    radius = rng.uniform(0.46, 0.66, count)
    at = pixel_centres(side * OVERSAMPLING)
    x = wrap_offset(at[None, :, None] - points[:, 0]) * scale
    y = wrap_offset(at[:, None, None] - points[:, 1]) * scale
    top = (radius**2 - x**2 - y**2).argmax(2)
    x, y = (np.take_along_axis(a, top[..., None], 2)[..., 0] / radius[top] for a in (x, y))
    rise = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    along = (x + 1.3 * y) / 1.64  # from the light's side, -1, to the far side, 1
    water = ramp(rise, (0.0, (0.0, 0.10, 0.20)), (0.45, (0.01, 0.34, 0.48)), (1.0, (0.05, 0.50, 0.62)))
    water = water * rng.uniform(0.82, 1.12, (count, 3))[top]
    glow = smoothstep((along + 0.25) / 1.0) * smoothstep(rise / 0.6)
    colour = water * (0.55 + 0.3 * rise[..., None]) + glow[..., None] * np.array([0.22, 0.68, 0.58])
    spark = gaussian(np.hypot(x + 0.33, y + 0.42), 0.0, 0.24)
    colour = mix(colour, np.array([0.97, 1.0, 0.98]), np.clip(1.25 * spark, 0, 1))
    return downsample(mix(np.array([0.01, 0.04, 0.10]), colour, smoothstep(rise / 0.35)))


def leopard(side: int = 128, rng_seed: int = 6) -> F32:
    """Rosettes on golden fur: broken dark rings around amber centres.

    One ring for each Voronoi cell of relaxed points (Lloyd 1982), at a set distance from its border.
    """
    rng = np.random.default_rng(rng_seed)
    at = pixel_centres(side * OVERSAMPLING)
    x, y = at[None] + 0.8 / side * noise(rng, side, 16), at[:, None] + 0.8 / side * noise(rng, side, 16)
    count = max(12, round((side / 20.0) ** 2))
    spots = voronoi_cells(x, y, spread_points(rng, count))
    edge = spots.edge(10)
    angle = np.arctan2(spots.y, spots.x)
    gaps = np.cos(rng.integers(3, 5, count)[spots.owner] * angle + rng.uniform(0, 2 * np.pi, count)[spots.owner])
    ring = 0.085 * (1 + 0.25 * gaps) - np.abs(edge - 0.15) - 0.12 * smoothstep((-gaps - 0.5) / 0.5)
    ink = smoothstep((ring + 0.02) / 0.05)
    middle = smoothstep((edge - 0.08) / 0.14)
    pale = ramp(edge, (0.0, (1.0, 0.87, 0.60)), (0.10, (0.95, 0.70, 0.36)))
    fur = mix(pale, ramp(edge, (0.2, (0.86, 0.50, 0.16)), (0.5, (0.70, 0.33, 0.08))), middle)
    shade = lambert_light(0.05 * ink + 0.08 * middle, len(at) / np.sqrt(count))
    return downsample(mix(fur, np.array([0.11, 0.05, 0.03]), ink) * (0.42 + 0.84 * shade[..., None]))


def cracks(side: int = 128, rng_seed: int = 7) -> F32:
    """Lava between plates of dark basalt: white-hot in the clefts, red light on the plates' flanks.

    Voronoi borders (Worley 1996), distorted by smooth noise (Perlin 1985).
    """
    rng = np.random.default_rng(rng_seed)
    at = pixel_centres(side * OVERSAMPLING)
    x, y = at[None] + 1.0 / side * noise(rng, side, 14), at[:, None] + 1.0 / side * noise(rng, side, 14)
    count = max(12, round((side / 18.0) ** 2))
    plates = voronoi_cells(x, y, spread_points(rng, count, 4))
    edge = plates.edge(30) - 0.015 * noise(rng, side, 22)
    height = 0.26 * smoothstep((edge - 0.02) / 0.24) + 0.025 * noise(rng, side, 10) * smoothstep((edge - 0.1) / 0.2)
    unit = len(at) / np.sqrt(count)
    shade = lambert_light(height, unit)
    rock = np.array([0.30, 0.28, 0.33]) * rng.uniform(0.8, 1.2, (count, 1))[plates.owner]
    colour = rock * (0.08 + 1.0 * shade[..., None])
    fire = (0.0, (1.0, 0.97, 0.70)), (0.04, (1.0, 0.78, 0.20)), (0.08, (0.98, 0.36, 0.03))
    glow = ramp(edge, *fire, (0.13, (0.55, 0.06, 0.02)), (0.26, (0.10, 0.01, 0.02)), (0.4, (0.0, 0.0, 0.0)))
    return downsample(1 - (1 - np.clip(colour, 0, 1)) * (1 - glow))


def giraffe(side: int = 128, rng_seed: int = 8) -> F32:
    """Chestnut patches with a darker centre in a cream net: Voronoi cells of relaxed points (Lloyd 1982)."""
    rng = np.random.default_rng(rng_seed)
    at = pixel_centres(side * OVERSAMPLING)
    x, y = at[None] + 0.5 / side * noise(rng, side, 12), at[:, None] + 0.5 / side * noise(rng, side, 12)
    count = max(12, round((side / 17.5) ** 2))
    patches = voronoi_cells(x, y, spread_points(rng, count, 4))
    edge = patches.edge(24)
    heart = ramp(edge, (0.08, (0.80, 0.43, 0.16)), (0.22, (0.66, 0.28, 0.08)), (0.5, (0.36, 0.12, 0.04)))
    patch = heart * rng.uniform(0.84, 1.14, (count, 1))[patches.owner]
    inside = smoothstep((edge - 0.075) / 0.05)
    shade = lambert_light(0.09 * smoothstep((edge - 0.06) / 0.16), len(at) / np.sqrt(count))
    return downsample(mix(np.array([1.0, 0.91, 0.72]), patch, inside) * (0.42 + 0.84 * shade[..., None]))


def lichen(side: int = 128, rng_seed: int = 9) -> F32:
    """Leafy rosettes of lichen on slate, about 24 px wide: pale lobes around a rusty cup.

    One rosette around each relaxed point (Lloyd 1982), flattened where it meets a neighbour.
    """
    rng = np.random.default_rng(rng_seed)
    at = pixel_centres(side * OVERSAMPLING)
    count = max(6, round((side / 23.5) ** 2))
    rosettes = voronoi_cells(at[None], at[:, None], spread_points(rng, count, 12))
    owner, far = rosettes.owner, np.hypot(rosettes.x, rosettes.y)
    turn = np.arctan2(rosettes.y, rosettes.x) + rng.uniform(0, 2 * np.pi, count)[owner]
    petals = np.abs(np.cos(rng.integers(6, 9, count)[owner] * turn / 2)) ** 0.7  # sharp clefts, round lobes
    rim = np.minimum(0.385 + 0.155 * petals - far, rosettes.edge(18) - 0.015)
    leaf, cup = smoothstep(rim / 0.035), smoothstep((0.155 - far) / 0.03)
    cleft = petals * smoothstep((far - 0.12) / 0.2) + 1 - smoothstep((far - 0.12) / 0.2)
    height = 0.16 * smoothstep(rim / 0.16) * (0.45 + 0.55 * cleft) + 0.10 * np.sqrt(
        np.clip(1 - (far / 0.17) ** 2, 0, 1)
    )
    shade = lambert_light(height, len(at) / np.sqrt(count))
    green = ramp(
        rim, (0.0, (0.98, 1.0, 0.80)), (0.07, (0.78, 0.92, 0.62)), (0.2, (0.42, 0.72, 0.50)), (0.4, (0.16, 0.46, 0.40))
    )
    green = green * (rng.uniform(0.88, 1.10, (count, 1))[owner] * (0.62 + 0.38 * cleft[..., None]))
    rust = ramp(far, (0.0, (0.98, 0.52, 0.14)), (0.09, (0.80, 0.30, 0.08)), (0.14, (0.36, 0.12, 0.08)))
    slate = np.array([0.14, 0.15, 0.24]) * (1 + 0.12 * noise(rng, side, 7)[..., None])
    return downsample(mix(slate, mix(green, rust, cup), leaf) * (0.32 + 0.98 * shade[..., None]))


def marble(side: int = 128, rng_seed: int = 12) -> F32:
    """Polished marble: slanting grey veins with gold in warm white.

    Veins are the contours of a slope with noise (Perlin 1985); dividing by its gradient makes their width even.
    """
    rng = np.random.default_rng(rng_seed)
    at, waves = pixel_centres(side * OVERSAMPLING), max(1, round(side / 42))

    def veins(x_waves: int, y_waves: int) -> F64:
        bend = 6.2 * noise(rng, side, 44) + 1.9 * noise(rng, side, 18) + 0.4 * noise(rng, side, 9)
        density = np.hypot(x_waves, y_waves) / side
        phase = at[None] * x_waves + at[:, None] * y_waves + bend * density
        down, across = (wrap_offset(np.roll(phase, -1, axis) - np.roll(phase, 1, axis)) for axis in (0, 1))
        slope = np.hypot(down, across) * OVERSAMPLING / 2
        return np.asarray(wrap_offset(phase) / np.maximum(slope, 0.35 * density))  # pixels to the nearest vein

    away, fine = veins(waves, waves), veins(2 * waves, -waves)
    width = 1.15 * np.exp(0.7 * noise(rng, side, 30))
    thin = 0.45 * np.exp(0.7 * noise(rng, side, 26))
    stone = ramp(noise(rng, side, 24), (-1.5, (0.93, 0.86, 0.79)), (0.5, (0.99, 0.96, 0.91)), (1.5, (1.0, 0.99, 0.96)))
    smoke = np.exp(-np.where(away > 0, away / 7.0, -away / 1.8)) * smoothstep((noise(rng, side, 26) + 1.2) / 2.2)
    stone = mix(stone, np.array([0.42, 0.45, 0.57]), 0.8 * smoke)
    stone = mix(stone, np.array([0.58, 0.48, 0.46]), 0.65 * smoothstep(1.5 - np.abs(fine) / thin))
    vein = mix(np.array([0.20, 0.20, 0.31]), np.array([0.90, 0.64, 0.24]), smoothstep(1.3 - np.abs(away + 0.5) / 0.8))
    return downsample(mix(stone, vein, smoothstep(1.6 - np.abs(away) / width)))


def wood(side: int = 128, rng_seed: int = 14) -> F32:
    """Pine boards: honey rings with dark late wood, that flow around knots as water around a post."""
    rng = np.random.default_rng(rng_seed)
    at = pixel_centres(side * OVERSAMPLING)
    rings = max(2, round(side / 11))
    knots = spread_points(rng, max(1, round((side / 74.0) ** 2)), 3)
    shift = 5.0 * noise(rng, side, 44, stretch=2.5) + 0.5 * noise(rng, side, 14, stretch=4)
    heart = np.full((len(at), len(at)), np.inf)
    for centre, radius in zip(knots, rng.uniform(5.0, 7.5, len(knots)), strict=True):
        dx = wrap_offset(at[None] - centre[0]) * side
        dy = wrap_offset(at[:, None] - centre[1]) * side / 1.5
        far = np.hypot(dx, dy) / radius
        shift = shift - dx * np.exp(-((far / 4.5) ** 2)) / np.maximum(far, 1) ** 2
        heart = np.minimum(heart, far)
    phase = (at[None] + shift / side) * rings % 1
    late = phase**1.8 * smoothstep((1 - phase) / 0.14)
    inside = smoothstep((1.0 - heart) / 0.12)
    late = late * (1 - inside) + inside * (0.60 + 0.17 * np.cos(2 * np.pi * 2.0 * heart) + 0.25 * (1 - heart))
    late = late + 0.9 * gaussian(heart, 1.05, 0.16)
    fibre = noise(rng, side, 3.0, stretch=7)
    early = (0.0, (0.98, 0.80, 0.50)), (0.35, (0.90, 0.62, 0.31))
    colour = ramp(late + 0.06 * fibre, *early, (0.7, (0.66, 0.34, 0.13)), (1.1, (0.34, 0.12, 0.06)))
    pore = smoothstep((noise(rng, side, 4.0, stretch=6) - 1.5) / 0.9)
    return downsample(mix(colour, np.array([0.50, 0.20, 0.07]), 0.6 * pore))
