"""Generate the shader code of the net and of the store, for one model.

Every function returns lines of GLSL. Generated variables:

    hidden_3_a     the sum of a hidden unit for cell_a; units 0, 1, … of those that are summed side by side
    update_a[0]    the update of cell_a, a vec4 a layer
"""

import re
from functools import partial

from ncaengine.backends.gl.shader.dialect import Part
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind, channels_of, clipped, four, layers, number
from ncaengine.core.model import Activation, Config
from ncaengine.core.types import F32

CELLS: dict[Form, int] = {"unrolled": 1, "looped": 1, "blocked": 2}
"""Cells that an invocation steps; each weight is loaded once for all of them."""
NAMES = "ab"
"""The suffixes of these cells."""
TOGETHER: dict[Form, int] = {"unrolled": 8, "looped": 2, "blocked": 2}
"""The largest number of hidden units that are summed side by side. llvmpipe, which tests all forms, takes a quarter of
a minute to compile eight in a loop."""
ACTIVATIONS: dict[Activation, str] = {
    "relu": "max({h}, 0.0)",
    "linear": "{h}",
    "tanh": "tanh({h})",
    "sigmoid": "1.0 / (1.0 + exp(-{h}))",
    "swish": "{h} / (1.0 + exp(-({beta}) * {h}))",
}


def unit_count(config: Config) -> int:
    """Return the number of units into which the weights are divided: hidden units, or inputs if there are none."""
    return config.hidden or config.inputs


def unit_fours(config: Config) -> int:
    """Return how many vec4s a unit's weights take.

    A hidden unit has its bias, row of w1 and column of w2; an input has its column of w2.
    """
    return -(-(1 + config.inputs + config.channels) // 4) if config.hidden else layers(config)


def chunks(config: Config, form: Form, most: int) -> list[range]:
    """Divide the units into those whose weights are in memory at a time, at most `most`; the first are the fewest.

    In the unrolled form the others are as many as fit. llvmpipe takes longest to compile those before a barrier: the
    time grows with the square of their number.
    """
    units = unit_count(config)
    size = most if form == "unrolled" else -(-units // -(-units // most))
    return [range(max(0, end - size), end) for end in range(units, 0, -size)][::-1]


def network(
    config: Config, form: Form, chunks: list[range], frame: FrameKind, part: Part, constants: F32 | None = None
) -> list[str]:
    """Compute the update: b2 and what each unit adds; the weights of one of the chunks are in memory at a time.

    constants: the packed weights, (n, 4) float32, if they are to be constants of a program without loops.
    """
    out = _network(config, form, chunks, frame, part)
    return out if constants is None else [_WEIGHT.sub(partial(_constant, constants), line) for line in out]


_WEIGHT = re.compile(r"WEIGHT\((\d+)\)")
_LOAD = re.compile(r"WEIGHT\(\d+\)|cell_a\.inputs\[\d+\]")


def _constant(weights: F32, match: re.Match[str]) -> str:
    return four([number(value) for value in weights[int(match[1])]])


def _loaded_once(lines: list[str]) -> list[str]:
    """Load each four of weights and inputs before the first line that reads it.

    Mesa and LLVM compile all loads that are written, one by one, and Mesa compares each with all others.
    """
    out, names = ["{"], dict[str, str]()
    for line in lines:
        for load in dict.fromkeys(_LOAD.findall(line)):
            if load not in names:
                names[load] = f"four_{len(names)}"
                out.append(f"vec4 {names[load]} = {load};")
        out.append(_LOAD.sub(lambda match: names[match[0]], line))
    return [*out, "}"]


def _network(config: Config, form: Form, chunks: list[range], frame: FrameKind, part: Part) -> list[str]:
    fours, most, cells = unit_fours(config), TOGETHER[form], NAMES[: CELLS[form]]
    written = part.of(layers(config))
    biases = [f"update_{{c}}[{k}] = WEIGHT({k});" for k in written]
    out = [f"vec4 update_{c}[LAYERS]; {' '.join(biases).format(c=c)}" for c in cells]
    out += [f"float {', '.join(f'hidden_{j}_{c}' for j in range(most))};" for c in cells]
    for chunk in chunks:
        first, count = chunk.start, len(chunk)
        start = 0 if first else layers(config)  # b2 precedes the first chunk, which step.glsl loads
        if first:
            out += ["barrier();", f"load_weights({layers(config) + first * fours}, {count * fours});"]
        if not config.hidden:
            for j in range(count):
                out += _add_input(written, cells, first + j, start + j * fours)
        elif form == "unrolled":
            places = [str(start + j * fours) for j in range(count)]
            sides = [_add_units(config, written, cells, places[j : j + most]) for j in range(0, count, most)]
            out += _loaded_once([line for lines in sides for line in lines])
        else:
            together = next(n for n in range(most, 0, -1) if count % n == 0)
            out.append(f"for (int base = {start}; base < {start + count * fours}; base += {together * fours}) {{")
            out += _add_units(config, written, cells, [f"base + {j * fours}" for j in range(together)])
            out.append("}")
    return out + [line for c in cells for line in _finish(config, written, c, frame)]


def _finish(config: Config, written: range, c: str, frame: FrameKind) -> list[str]:
    """Clip the update, add diffusion, and apply the time step."""
    out = []
    for k in written:
        update = f"update_{c}[{k}]"
        if config.clips.update:
            out.append(f"{update} = {clipped(update, config.clips.update)};")
        if config.diffusion:
            out.append(f"{update} += cell_{c}.diffusion[{k}];")
        if frame:
            out.append(f"{update} *= dt;")
    return out


def _add_input(written: range, cells: str, index: int, base: int) -> list[str]:
    """Add one input of a net without hidden units; its column of w2 starts at `base`."""
    return [f"update_{c}[{k}] += {_input(c, index)} * WEIGHT({base + k});" for k in written for c in cells]


def _input(c: str, index: int) -> str:
    return f"cell_{c}.inputs[{index // 4}].{'xyzw'[index % 4]}"


def _add_units(config: Config, written: range, cells: str, bases: list[str]) -> list[str]:
    """Add some hidden units, summed side by side; their weights start at `bases`.

    Each sum waits for its own last term; several at once keep the processor busy (1.7 times as fast on llvmpipe).
    """

    def weight(base: str, i: int) -> str:
        four = str(int(base) + i // 4) if base.isdigit() else f"{base} + {i // 4}"
        return f"WEIGHT({four}).{'xyzw'[i % 4]}"

    each = [(f"hidden_{j}_{c}", base, c) for j, base in enumerate(bases) for c in cells]
    out = [" ".join(f"{hidden} = {weight(base, 0)};" for hidden, base, c in each)]
    for i in range(config.inputs):
        out.append(" ".join(f"{hidden} += {weight(base, 1 + i)} * {_input(c, i)};" for hidden, base, c in each))
    for hidden, _, _ in each:
        activated = ACTIVATIONS[config.activation].format(beta=number(config.beta), h=hidden)
        out.append(f"{hidden} = {clipped(activated, config.clips.hidden)};")
    for k in written:
        for hidden, base, c in each:
            column = [weight(base, 1 + config.inputs + channel) for channel in channels_of(config, k)]
            out.append(f"update_{c}[{k}] += {hidden} * {four(column)};")
    return out


def store(config: Config, cover: Cover, part: Part) -> list[str]:
    """Store the new state; where every cell is stepped, add the update only where a cell, or a channel, fires."""
    every = cover == "every"
    out = []
    if every and config.firing == "cell":
        out.append("bool fired = fires(pcg4d(uvec4(cell, step_number, rng_seed)).x, rate);")
    for k in part.of(layers(config)):
        added = f"(fired ? update[{k}] : vec4(0.0))" if every else f"update[{k}]"
        if config.firing == "channel":
            out.append(f"uvec4 hash_{k} = pcg4d(uvec4(cell, step_number, rng_seed + {k}u * CHANNELS_SEED));")
            each = ", ".join(f"fires(hash_{k}.{c}, rate)" for c in "xyzw")
            added = f"mix(vec4(0.0), update[{k}], bvec4({each}))"
        out.append(f"STORE(after, cell, {k}, to_storage({clipped(f'c.state[{k}] + {added}', config.clips.state)}));")
    return out


def copy(config: Config) -> list[str]:
    """Copy the state of a cell that doesn't fire."""
    return [
        f"STORE(after, other, {k}, to_storage({clipped(f'LOAD(before, other, {k})', config.clips.state)}));"
        for k in range(layers(config))
    ]


def merge(config: Config, part: Part) -> list[str]:
    """Bring the cells that fired to their places, after a step of pairs by fragment shaders, and copy the others."""
    return [
        f"STORE(after, cell, {k}, fires ? LOAD(fired, first, {k}) : "
        f"to_storage({clipped(f'LOAD(before, cell, {k})', config.clips.state)}));"
        for k in part.of(layers(config))
    ]
