"""GLSL for shadertoy.com (GLSL ES 3.00): a model with its weights as the text of a few tabs.

Frame n shows the state after n steps, the same as the engine's with the same rng_seed.
"""

import textwrap
from string import Template

import numpy as np

from ncaengine._version import __version__
from ncaengine.backends.gl.shader import network, perception
from ncaengine.core import pcg, resources
from ncaengine.core import stencils as own_stencils
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Extra, Model, Range, Seed
from ncaengine.core.states import BLOB_CELLS, BLOB_RADIUS
from ncaengine.core.texts import printable
from ncaengine.core.types import F32
from ncaengine.formats.exporters import article, tabs
from ncaengine.formats.exporters.literals import constants, exact, floats, fours, vec4

RUNNER = "the GLSL export"
MAX_TILES = 8
WIDTH = 117
"""Characters of a line of the head."""
_EXTRA: dict[Extra, str] = {"row": "place.y", "column": "place.x", "cos_angle": "1.0", "sin_angle": "0.0"}


def source(model: Model, kernel: Kernel, rng_seed: int = 0) -> str:
    """Return the text of all tabs, each below a line "// ---- NAME", after a head that says what to paste where.

    Raises NCAError if the kernel lacks a stencil of the model, or if the export can't run the model, saying why.
    """
    c = model.config
    own_stencils.require(c, kernel)
    refused = {
        "perceives coarser scales": c.scales != (0,),
        f"has {c.channels} channels, more than {4 * MAX_TILES},": c.channels > 4 * MAX_TILES,
        f"is integrated by {c.integrator}": c.integrator != "euler",
        "starts from an image": c.seed.kind == "image",
    }
    article.refuse(c, RUNNER, refused)
    parts = {"Common": _common(c, kernel), "Buffer A": _buffer_a(model, kernel, rng_seed)}
    if c.alive:
        parts["Buffer B"] = _buffer_b(c, kernel)
    parts["Image"] = Template(tabs.IMAGE).substitute(RGB=_rgb(c))
    sections = [f"// ---- {name}\n\n{text.strip()}" for name, text in parts.items()]
    return "\n\n".join([_head(model, kernel), *sections]) + "\n"


def _head(model: Model, kernel: Kernel) -> str:
    c = model.config
    credits = [f"{key}: {value}" for key, value in sorted(c.attribution.items())] or ["Author and licence: unknown."]
    size = f"{c.channels} channels, {c.hidden} hidden units, {model.parameters} weights; kernel: {kernel.name}."
    facts = [f"{c.name}, a neural cellular automaton", *credits, size, f"{tabs.MADE_BY} {__version__} (Apache-2.0)."]
    # Line breaks and backslashes could end the comment that a fact is in.
    safe = [printable(fact).replace("\\", " ") for fact in facts]
    inputs = tabs.INPUTS_ALIVE if c.alive else tabs.INPUTS
    how = Template(tabs.HEAD).substitute(INPUTS=inputs, TILES=perception.layers(c))
    lines = [line for fact in safe for line in textwrap.wrap(fact, WIDTH)]
    return "\n".join(f"// {line}".rstrip() for line in [*lines, "", *how.strip().splitlines()])


def _common(c: Config, kernel: Kernel) -> str:
    (ax, _), (bx, by) = kernel.basis
    return Template(tabs.COMMON).substitute(
        TILES=perception.layers(c),
        ZOOM=max(2, perception.layers(c)),
        PITCH=f"vec2({exact(ax)}, {exact(by)})",
        SKEW=exact(bx / ax),
        EVEN="\n    size.y -= size.y % 2; // so that the torus has no seam" if bx else "",
        NEAREST=tabs.NEAREST_SKEWED if bx else tabs.NEAREST,
        AROUND=tabs.AROUND[c.padding],
    )


def _buffer_a(model: Model, kernel: Kernel, rng_seed: int) -> str:
    c, stencils = model.config, perception.stencils(model.config, "")
    inputs, rows = _inputs(c), [f"r{i}" for i in range(len(stencils))]
    unit = _clipped(network.ACTIVATIONS[c.activation].format(beta=exact(c.beta), h="h"), c.clips.hidden)
    spread = f"\n    u += RATES[tile] * r{stencils.index('laplacian')}[tile];" if c.diffusion else ""
    update = f"\n    u = {_clipped('u', c.clips.update)};" if c.clips.update else ""
    net = Template(tabs.HIDDEN if c.hidden else tabs.DIRECT).substitute(UNIT=f"({unit})")
    return Template(tabs.BUFFER_A).substitute(
        SEED=f"{rng_seed & pcg.ALWAYS}u",
        HASH=(resources.folder("shaders") / "include/pcg4d.glsl").read_text("utf-8").strip(),
        CONSTANTS="\n".join([*_stencils(c, kernel), *_weights(model, len(inputs)), *_seeding(c.seed)[:1]]),
        SEEDED=_seeding(c.seed)[1],
        STENCILS=", ".join(f"{r}[TILES]" for r in rows),
        CLEAR=" = ".join(f"{r}[k]" for r in rows),
        ADD=" ".join(f"{r}[k] += S{i}[i] * there;" for i, r in enumerate(rows)),
        INPUTS=(tabs.PLACE if {"row", "column"} & set(c.extra) else "")
        + "\n".join(f"    p[{i}] = {value};" for i, value in enumerate(inputs)),
        NETWORK=net.strip("\n") + update + spread,
        FIRED=_fired(c),
        CLIPPED=_clipped("u", c.clips.state),
    )


def _stencils(c: Config, kernel: Kernel) -> list[str]:
    """Return constants: the places of all taps, and each stencil's weights there."""
    names = perception.stencils(c, "")
    places = sorted({tap[:2] for name in names for tap in own_stencils.taps(c, kernel, name)})
    out = [f"const int TAPS = {len(places)};"]
    out.append(constants("TAP", "ivec2", [f"ivec2({column},{row})" for row, column in places]))
    for i, name in enumerate(names):
        found = {tap[:2]: tap[2] for tap in own_stencils.taps(c, kernel, name)}
        out.append(f"// {name}")
        out.append(constants(f"S{i}", "float", [exact(found.get(place, 0.0)) for place in places]))
    return out


def _inputs(c: Config) -> list[str]:
    """Return the net's inputs as vec4 expressions: perception, its absolute values, then extra inputs."""
    names = perception.stencils(c, "")
    seen = [(names.index(f.stencil), channel, f.gain) for f in c.features for channel in c.seen(f)]
    out = [_clipped(_four(seen[i : i + 4]), c.clips.perception) for i in range(0, len(seen), 4)]
    if c.absolute:
        out += [f"abs(p[{i}])" for i in range(len(out))]
    extra = [_EXTRA[name] for name in c.extra]
    return out + [vec4(extra[i : i + 4]) for i in range(0, len(extra), 4)]


def _four(seen: list[tuple[int, int, float]]) -> str:
    """Return up to four of a cell's inputs, each (stencil, channel, gain), as one vec4."""
    (stencil, first, gain), lanes = seen[0], range(4)
    times = "" if gain == 1 else f"{exact(gain)} * "
    if first % 4 == 0 and seen == [(stencil, first + k, gain) for k in lanes[: len(seen)]]:
        return f"{times}r{stencil}[{first // 4}]"  # components beyond the last channel have zero weights
    return vec4([f"{'' if g == 1 else exact(g) + ' * '}r{s}[{ch // 4}].{'xyzw'[ch % 4]}" for s, ch, g in seen])


def _weights(model: Model, inputs: int) -> list[str]:
    """Return constants: biases and weights in the order in which tabs.HIDDEN and tabs.DIRECT read them."""
    c = model.config
    out = [f"const int HIDDEN = {c.hidden}, INPUTS = {inputs}; // inputs in fours"]
    out.append(floats("B2", fours(model.b2[None])[0]))
    if c.hidden:
        out.append(floats("B1", model.b1))
        out.append(floats("W1", _columns(c, model.w1).reshape(-1, 4)))
        out.append(floats("W2", fours(model.w2.T).reshape(-1, 4)))
    else:
        columns = _columns(c, model.w2).reshape(c.channels, -1).T
        tiles = fours(columns).reshape(inputs, 4, -1, 4)
        out.append(floats("W2", tiles.transpose(0, 2, 1, 3).reshape(-1, 4, 4)))
    if c.diffusion:
        out.append(floats("RATES", fours(np.array([c.diffusion], np.float32))[0]))
    return out


def _columns(c: Config, weights: F32) -> F32:
    """Return the weights in the order of `_inputs`: (n, inputs) -> (n, fours, 4)."""
    seen = sum(len(c.seen(feature)) for feature in c.features)
    parts = np.split(weights, np.cumsum([seen] * (1 + c.absolute)), 1)
    return np.concatenate([fours(part) for part in parts], 1)


def _seeding(seed: Seed) -> tuple[str, str]:
    """Return a helper function and the body of the function that seeds a cell."""
    level, chance = exact(seed.level), tabs.CHANCE.strip("\n")
    match seed.kind:
        case "noise":
            return chance, Template(tabs.NOISE).substitute(LEVEL=level)
        case "point":
            return "", Template(tabs.POINT).substitute(LEVEL=level, FIRST=seed.first)
        case "blobs":
            area, radius = exact(BLOB_CELLS**2), exact(BLOB_RADIUS)
            return chance, Template(tabs.BLOBS).substitute(LEVEL=level, AREA=area, RADIUS=radius)
    return "", tabs.ZEROS


def _fired(c: Config) -> str:
    threshold = pcg.fire_threshold(c.fire_rate)
    if threshold == pcg.ALWAYS:
        return "// Every cell fires at every step."
    test = Template(tabs.FIRED[c.firing]).substitute(APART=f"{pcg.CHANNELS_SEED}u")
    return f"const uint FIRES = {threshold}u; // of 2^32\n    {test}"


def _buffer_b(c: Config, kernel: Kernel) -> str:
    assert c.alive
    places = sorted({tap[:2] for tap in kernel.taps("laplacian")} | {(0, 0)})
    after, before = (f"life({store}, cell, size)" for store in ("iChannel0", "iChannel1"))
    life = {"both": f"min({after}, {before})", "before": before, "after": after}[c.alive.when]
    return Template(tabs.BUFFER_B).substitute(
        CONSTANTS=constants("NEAR", "ivec2", [f"ivec2({column},{row})" for row, column in places]),
        COUNT=len(places),
        WHEN="before and after" if c.alive.when == "both" else c.alive.when,
        LIFE=life,
        TILE=c.alive.channel // 4,
        LANE=c.alive.channel % 4,
        THRESHOLD=exact(c.alive.threshold),
    )


def _rgb(c: Config) -> str:
    colour = c.colour
    rgb = f"state.rgb * {exact(colour.scale)} + ({exact(colour.offset)})"
    if colour.alpha:
        background = ", ".join(exact(v) for v in colour.background)
        rgb += f" + (1.0 - clamp(state.a, 0.0, 1.0)) * vec3({background})"
    return f"clamp({rgb}, 0.0, 1.0)"


def _clipped(expression: str, bounds: Range | None) -> str:
    return expression if bounds is None else f"clamp({expression}, {exact(bounds[0])}, {exact(bounds[1])})"
