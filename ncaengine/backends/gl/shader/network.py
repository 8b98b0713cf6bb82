"""Code of the step shader that is made for one model: the net that feeds on the perception, and what is stored.

Every function gives lines of GLSL, in the names of step.comp and its own: a and b the cells of an invocation,
h_unit_cell a hidden unit, u_cell the update, n_layer the new state, o_layer that of a cell that does not fire.
"""

from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind, channels_of, clipped, four, layers, number
from ncaengine.core.model import Activation, Config

CELLS: dict[Form, int] = {"unrolled": 1, "looped": 1, "blocked": 2}
"""Cells that an invocation steps, each weight being loaded once for all of them."""
NAMES = "ab"
TOGETHER: dict[Form, int] = {"unrolled": 8, "looped": 2, "blocked": 2}
"""Hidden units that are summed side by side, at most. llvmpipe, with which all forms are tested, compiles eight in a
loop for a quarter of a minute."""
ACTIVATIONS: dict[Activation, str] = {
    "relu": "max({h}, 0.0)",
    "linear": "{h}",
    "tanh": "tanh({h})",
    "sigmoid": "1.0 / (1.0 + exp(-{h}))",
    "swish": "{h} / (1.0 + exp(-({beta}) * {h}))",
}


def unit_count(config: Config) -> int:
    """Pieces in which the weights are shared: hidden units, or without them inputs."""
    return config.hidden or config.inputs


def unit_fours(config: Config) -> int:
    """Fours of floats in a piece: a hidden unit's bias, row of w1 and column of w2; an input's column of w2."""
    return -(-(1 + config.inputs + config.channels) // 4) if config.hidden else layers(config)


def network(config: Config, form: Form, chunk: int, frame: FrameKind) -> list[str]:
    """The update: b2, plus what each hidden unit adds, `chunk` of which share the workgroup's memory at a time."""
    fours, most, cells = unit_fours(config), TOGETHER[form], NAMES[: CELLS[form]]
    out = [f"vec4 u_{c}[LAYERS]; " + " ".join(f"u_{c}[{k}] = part[{k}];" for k in range(layers(config))) for c in cells]
    out += [f"float {', '.join(f'h_{j}_{c}' for j in range(most))};" for c in cells]
    for first in range(0, unit_count(config), chunk):
        count = min(chunk, unit_count(config) - first)
        start = 0 if first else layers(config)  # b2 lies before the first part, which step.comp fills
        if first:
            out += ["barrier();", f"fill_part({layers(config) + first * fours}, {count * fours});"]
        if not config.hidden:
            for j in range(count):
                out += _input(config, cells, first + j, start + j * fours)
        elif form == "unrolled":
            for j in range(0, count, most):
                out += _units(config, cells, [str(start + i * fours) for i in range(j, min(j + most, count))])
        else:
            together = next(n for n in range(most, 0, -1) if count % n == 0)
            out.append(f"for (int base = {start}; base < {start + count * fours}; base += {together * fours}) {{")
            out += _units(config, cells, [f"base + {j * fours}" for j in range(together)])
            out.append("}")
    return out + [line for c in cells for line in _finished(config, c, frame)]


def _finished(config: Config, c: str, frame: FrameKind) -> list[str]:
    out = []
    for k in range(layers(config)):
        u = f"u_{c}[{k}]"
        if config.clips.update:
            out.append(f"{u} = {clipped(u, config.clips.update)};")
        if config.diffusion:
            out.append(f"{u} += {c}.spread[{k}];")
        if frame:
            out.append(f"{u} *= dt;")
    return out


def _input(config: Config, cells: str, index: int, base: int) -> list[str]:
    """One input of a net without hidden units, whose column of w2 starts at `base` of the shared part."""
    return [f"u_{c}[{k}] += {_seen(c, index)} * part[{base + k}];" for k in range(layers(config)) for c in cells]


def _seen(c: str, index: int) -> str:
    return f"{c}.seen[{index // 4}].{'xyzw'[index % 4]}"


def _units(config: Config, cells: str, bases: list[str]) -> list[str]:
    """Some hidden units side by side, whose weights start at `bases` of the shared part.

    Each sum waits for its own last term; several at once keep the processor busy (1.7 times as fast on llvmpipe).
    """

    def weight(base: str, i: int) -> str:
        four = str(int(base) + i // 4) if base.isdigit() else f"{base} + {i // 4}"
        return f"part[{four}].{'xyzw'[i % 4]}"

    each = [(j, base, c) for j, base in enumerate(bases) for c in cells]
    out = [" ".join(f"h_{j}_{c} = {weight(base, 0)};" for j, base, c in each)]
    for i in range(config.inputs):
        out.append(" ".join(f"h_{j}_{c} += {weight(base, 1 + i)} * {_seen(c, i)};" for j, base, c in each))
    for j, _, c in each:
        activated = ACTIVATIONS[config.activation].format(beta=number(config.beta), h=f"h_{j}_{c}")
        out.append(f"h_{j}_{c} = {clipped(activated, config.clips.hidden)};")
    for k in range(layers(config)):
        for j, base, c in each:
            column = [weight(base, 1 + config.inputs + channel) for channel in channels_of(config, k)]
            out.append(f"u_{c}[{k}] += h_{j}_{c} * {four(column)};")
    return out


def store(config: Config, cover: Cover) -> list[str]:
    """The new state; if every cell is stepped, where it, or each channel of it, fires."""
    every = cover == "every"
    out = []
    if every and config.firing == "cell":
        out.append("bool fired = fires(pcg4d(uvec4(cell, step_number, rng_seed)).x, rate);")
    for k in range(layers(config)):
        added = f"(fired ? u[{k}] : vec4(0.0))" if every else f"u[{k}]"
        if config.firing == "channel":
            out.append(f"uvec4 words_{k} = pcg4d(uvec4(cell, step_number, rng_seed + {k}u * CHANNELS_SEED));")
            each = ", ".join(f"fires(words_{k}.{c}, rate)" for c in "xyzw")
            added = f"mix(vec4(0.0), u[{k}], bvec4({each}))"
        out.append(f"vec4 n_{k} = {clipped(f'c.own[{k}] + {added}', config.clips.state)};")
    return out + _stored(config, "cell", "n")


def copy(config: Config) -> list[str]:
    """The state of a cell that does not fire."""
    loads = [f"imageLoad(before, ivec3(other, {k}))" for k in range(layers(config))]
    out = [f"vec4 o_{k} = {clipped(load, config.clips.state)};" for k, load in enumerate(loads)]
    return out + _stored(config, "other", "o")


def _stored(config: Config, cell: str, value: str) -> list[str]:
    out = [f"imageStore(after, ivec3({cell}, {k}), held({value}_{k}));" for k in range(layers(config))]
    if config.alive:
        channel = config.alive.channel
        out.append(f"imageStore(fresh, {cell}, vec4({value}_{channel // 4}.{'xyzw'[channel % 4]}));")
    return out
