"""A web page that runs models in the browser: one HTML file with everything in it, assets/page/ with data.

The page's own scripts, the shaders, the models and their pictures are one compressed block; data.js unpacks it.
"""

import base64
import html
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ncaengine._version import __version__
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.gl.shader.dialect import WEB, Part, parts
from ncaengine.backends.gl.shader.perception import Cover, FrameKind
from ncaengine.backends.gl.shader.source import ShaderSource
from ncaengine.core import resources, stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.integration import METHODS, stage_config
from ncaengine.core.kernels import Kernel
from ncaengine.core.looks import RAMPS, TINTS
from ncaengine.core.model import Config, Model
from ncaengine.core.names import unique_name
from ncaengine.core.states import check_models
from ncaengine.core.types import F32

MOST_LAYERS = 256
"""Layers of a texture that every WebGL 2 has; a layer holds four channels."""
MOST_INPUTS = 1024
"""The most inputs of a net; drivers refuse shaders with more variables."""
FRAMES: dict[str, FrameKind] = {"plain": "", "framed": "stretched"}
"""The shaders of a model: for cells that are all alike, and for settings and maps of scale and direction."""
_IN_HTML = str.maketrans("&<>", ".,:")
"""Digits of base 85 that would mean something in HTML, and what the page writes for them."""


def page(
    models: Sequence[Model], kernels: Sequence[Kernel], pictures: Sequence[str], title: str, start: Mapping[str, Any]
) -> str:
    """Return the HTML text of a page that runs models.

    models: of one name, later ones get a number; see `names`.
    kernels: at least one, which the page offers, the first at its start; a model runs on those that have its stencils.
    pictures: of each model, as data URLs.
    title: of the browser's tab.
    start: settings at the start by their names in the page's link, as {"size": "128x96", "seed": 7}.

    Raises NCAError if the page can't run a model, saying why.
    """
    packed = _Packed()
    described = [packed.model(model, kernels, picture) for model, picture in zip(models, pictures, strict=True)]
    for one, name, model in zip(described, names(models), models, strict=True):
        one["name"], one["title"] = name, name.replace("_", " ")
        one["canPaint"] = [n for n, other in enumerate(models) if other is not model and _share(model, other)]
    folder = resources.folder("assets") / "page"
    template = (folder / "index.html").read_text("utf-8")
    loader, *scripts = re.findall(r'<script src="([\w.]+)"></script>\n?', template)
    data = {
        "version": __version__,
        "kernels": {k.name: {"title": k.title, "basis": k.basis} for k in kernels},
        "models": described,
        "start": dict(start),
        "shaders": {
            "look": _text(source.look_source(0, 0, _part())),
            "canvas": _text(source.canvas_source(0, _part())),
        },
        "ramps": {name: _rounded(ramp) for name, ramp in RAMPS.items()},
        "tints": {name: _rounded(tint) for name, tint in TINTS.items()},
        "script": "\n".join((folder / name).read_text("utf-8") for name in scripts),
        "texts": packed.texts,
    }
    filled = {
        "title": html.escape(title),
        "still": pictures[0],
        "data": _block(data, np.concatenate(packed.numbers)),
    }
    text = re.sub(
        r'<link rel="stylesheet" href="([\w.]+)">',
        lambda match: f"<style>{_dense((folder / match[1]).read_text('utf-8'))}</style>",
        template,
    )
    text = re.sub(r'<script src="([\w.]+)"></script>\n?', lambda match: _inlined(folder, match[1], loader), text)
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], text)


def names(models: Sequence[Model]) -> list[str]:
    """Return what a page calls its models: no two have one name, because its link and its settings know them by it."""
    found: list[str] = []
    for model in models:
        found.append(unique_name(model.config.name, found.__contains__))
    return found


def _dense(style: str) -> str:
    """Return a style sheet without comments, and without spaces that mean nothing."""
    spaced = re.sub(r"(?:\s|/\*.*?\*/)+", " ", style, flags=re.DOTALL)
    return re.sub(r" ?([{};,]) ?", r"\1", spaced).replace(";}", "}").strip()


def _inlined(folder: Any, name: str, loader: str) -> str:
    return f"<script>\n{(folder / name).read_text('utf-8')}</script>\n" if name == loader else ""


def usable(config: Config, kernels: Sequence[Kernel]) -> list[Kernel]:
    """Return the kernels that a model runs on, in the same order."""
    return [kernel for kernel in kernels if stencils.runs_on(config, kernel)]


def require_page(config: Config, kernels: Sequence[Kernel]) -> None:
    """Raise NCAError, saying why, if a page with these kernels can't run a model."""
    if not usable(config, kernels):
        stencils.require(config, kernels[0])
    layers = perception.layers(config)
    found = layers * len(perception.stencils(config, "stretched")) if perception.coarse_scales(config) else layers
    problems = {
        f"makes {len(config.textures)} textures; name one of them, as FILE:NAME": bool(config.textures),
        f"has {config.inputs} inputs of its net, more than {MOST_INPUTS}": config.inputs > MOST_INPUTS,
        f"perceives through more than {MOST_LAYERS} layers at coarser scales": found > MOST_LAYERS,
    }
    for problem, there in problems.items():
        if there:
            raise NCAError(f"A page cannot run the model {config.name!r}, because it {problem}.")


def _share(model: Model, other: Model) -> bool:
    """Return whether cells of one grid can run both; on a page, all cells have the same limits and fire alike."""
    one, two = model.config, other.config
    if (one.clips.state, one.firing) != (two.clips.state, two.firing):
        return False
    try:
        check_models([model, other])
    except NCAError:
        return False
    return True


class _Packed:
    """The shaders and numbers of a page; equal ones are there once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.numbers: list[F32] = []
        self._count = 0

    def model(self, model: Model, kernels: Sequence[Kernel], picture: str) -> dict[str, Any]:
        """Describe a model for the page; its weights and shaders are added."""
        config = model.config
        require_page(config, kernels)
        runs = usable(config, kernels)
        fours = network.unit_count(config) * network.unit_fours(config) + perception.layers(config)
        seed = config.seed
        return {
            "picture": picture, "credit": dict(config.attribution),
            "channels": config.channels, "hidden": config.hidden, "weights": model.parameters,
            "fireRate": config.fire_rate, "firing": config.firing,
            "kernels": [kernel.name for kernel in runs],
            "colour": {"scale": config.colour.scale, "offset": config.colour.offset, "alpha": config.colour.alpha,
                       "background": config.colour.background},
            "seed": {"kind": seed.kind, "level": seed.level, "first": seed.first, **self._image(model)},
            "stages": [[s.own, s.shares, s.into] for s in METHODS[config.integrator]],
            "scales": perception.coarse_scales(config), "clip": config.clips.state,
            "fours": fours, "first": self._add(source.pack_weights(model).reshape(-1)[: 4 * fours]),
            "forms": {kernel.name: self._forms(config, kernel) for kernel in runs},
        }  # fmt: skip

    def _image(self, model: Model) -> dict[str, Any]:
        """Add the image of a seed that is one; return its shape and place."""
        return {} if model.seed is None else {"shape": model.seed.shape, "at": self._add(model.seed.reshape(-1))}

    def _add(self, numbers: F32) -> int:
        """Add numbers and return the place of the first."""
        self.numbers.append(numbers)
        self._count += numbers.size
        return self._count - numbers.size

    def _forms(self, config: Config, kernel: Kernel) -> dict[str, Any]:
        """Return the passes of a model on a kernel; see assets/page/passes.js."""
        layers, stage = perception.layers(config), stage_config(config)
        forms: dict[str, Any] = {}
        for name, frame in FRAMES.items():
            forms[name] = {"step": self._parts(layers, _step(stage, kernel, frame, "every"))}
            if config.firing == "cell":
                forms[name] |= {"pairs": self._parts(layers, _step(stage, kernel, frame, "pairs"))}
            if perception.coarse_scales(config):
                found = layers * len(perception.stencils(config, frame))
                forms[name] |= {"found": found, "coarse": self._parts(found, _coarse(stage, kernel, frame))}
        if perception.coarse_scales(config):
            forms["shrink"] = self._parts(layers, lambda part: source.shrink_source(stage, "looped", part))
        if config.firing == "cell":
            forms["merge"] = self._parts(layers, lambda part: source.merge_source(stage, "looped", part))
        if METHODS[config.integrator]:
            forms["combine"] = [self._parts(layers, _combine(config, last)) for last in (False, True)]
        if config.alive:
            forms["alive"] = self._parts(layers, lambda part: source.alive_source(config, kernel, "looped", part))
        return forms

    def _parts(self, layers: int, make: Callable[[Part], ShaderSource]) -> list[list[int]]:
        """Return the shaders that write a pass's layers: first layer, layers, and place among the texts."""
        return [[part.first, part.count, self._place(_text(make(part)))] for part in parts(WEB, layers)]

    def _place(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)


def _step(config: Config, kernel: Kernel, frame: FrameKind, cover: Cover) -> Callable[[Part], ShaderSource]:
    return lambda part: source.step_source(config, kernel, "looped", 0, frame, cover, part=part)


def _coarse(config: Config, kernel: Kernel, frame: FrameKind) -> Callable[[Part], ShaderSource]:
    return lambda part: source.coarse_source(config, kernel, "looped", frame, part)


def _combine(config: Config, last: bool) -> Callable[[Part], ShaderSource]:
    return lambda part: source.combine_source(config, "looped", last, part)


def _part() -> Part:
    return Part(WEB, 0, 1)


def _text(shader: ShaderSource) -> str:
    """Return a shader's text without comments and indentation."""
    lines = (re.sub(r"\s*//.*", "", line).strip() for line in shader.text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _rounded(colours: F32) -> list[list[float]]:
    return [[round(float(value), 4) for value in colour] for colour in colours]


def _block(data: Mapping[str, Any], numbers: F32) -> str:
    """Compress data and numbers into digits that are safe in HTML; assets/page/data.js reads them."""
    described = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    planes = np.ascontiguousarray(numbers, "<f4").view(np.uint8).reshape(-1, 4).T.tobytes()
    packed = zlib.compress(struct.pack("<I", len(described)) + described + planes, 9)
    return base64.b85encode(struct.pack(">I", len(packed)) + packed, pad=True).decode().translate(_IN_HTML)
