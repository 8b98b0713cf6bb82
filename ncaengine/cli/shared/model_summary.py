"""Summaries of one model, of all models in a file and of all files in a folder, for `ncaengine info`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError, UnknownFamilyError
from ncaengine.core.model import Config, Model
from ncaengine.formats import model_files
from ncaengine.formats.opened import MAX_NAMES_SHOWN


def statistics(model: Model) -> dict[str, dict[str, float]]:
    """Return the mean, the standard deviation and the largest magnitude of each weight array that is not empty."""
    return {
        name: {
            "mean": float(array.mean()), "deviation": float(array.std()), "largest": float(np.abs(array).max()),
        }
        for name, array in model.arrays().items() if array.size
    }  # fmt: skip


def rows(model: Model, recognised: str) -> list[tuple[str, str]]:
    """Return a name and a value for each fact about a model.

    recognised: why the file was taken for its family; '' for ncaengine's own files.
    """
    c = model.config
    clips = {name: getattr(c.clips, name) for name in c.clips.__struct_fields__}
    attribution = dict(c.attribution)
    recognised = recognised or attribution.get("recognised", "")
    attribution.pop("recognised", None)
    if recognised:
        more = "left out" in attribution
        attribution.setdefault(
            "reading", f"{'likely' if more else 'sure'}: files of this form say what a step computes"
            f"{'; something was left out' * more}"
        )  # fmt: skip
    weights = [
        f"{n}: mean {v['mean']:.3f}, deviation {v['deviation']:.3f}, largest {v['largest']:.3f}"
        for n, v in statistics(model).items()
    ]
    rows = [
        ("family", c.family + (f", because {recognised}" if recognised else "")),
        ("channels", str(c.channels)),
        ("features", ", ".join(_features(c))),
        ("hidden", f"{c.hidden}, {_activation(c)}" if c.hidden else "none"),
        ("clips", ", ".join(f"{k} {_signless_zero(v[0])}…{_signless_zero(v[1])}" for k, v in clips.items() if v)
            or "none"),
        *_optional_rows(c),
        ("kernels", ", ".join(c.kernels)),
        ("padding", c.padding),
        ("fire rate", f"{c.fire_rate:g}" + (", by channel" if c.firing == "channel" else "")),
        ("seed", c.seed.kind + (f" of level {c.seed.level:g}" if c.seed.kind in ("noise", "blobs") else "")),
        ("colour", _colour(c)),
        ("parameters", f"{model.parameters:,}"),
        ("weights", "\n".join(weights)),
    ]  # fmt: skip
    return rows + sorted(attribution.items())


def _signless_zero(value: float) -> str:
    """Return a number as text; negative zero as '0'."""
    return f"{value + 0.0:g}"


def _activation(c: Config) -> str:
    clip = c.clips.hidden
    if c.activation == "linear" and clip and clip[0] == 0:
        return f"relu, at most {_signless_zero(clip[1])}"
    return c.activation


def _colour(c: Config) -> str:
    scale, offset = c.colour.scale, c.colour.offset
    times = f" · {scale:g}" if scale != 1 else ""
    plus = f" {'+' if offset > 0 else '-'} {abs(offset):g}" if offset else ""
    return f"RGB = state{times}{plus}" + ", with opacity" * c.colour.alpha


def _features(c: Config) -> list[str]:
    """Return each perception feature as text, for example 'gradient_x ×8 of channels 0, 1'."""

    def of_channels(channels: tuple[int, ...] | None) -> str:
        return "" if channels is None else f" of channels {', '.join(map(str, channels))}"

    found = [f"{f.stencil} ×{f.gain:g}{of_channels(f.channels)}" for f in c.features]
    return [*found, *(["absolute values of all"] if c.absolute else []), *map(str, c.extra)]


def _optional_rows(c: Config) -> list[tuple[str, str]]:
    """Return rows that only some models have."""
    found = []
    if c.textures:
        found.append(("textures", f"{len(c.textures)}: {', '.join(c.textures)}; open one as FILE:NAME"))
    if c.scales != (0,):
        found.append(("scales", "mean of " + ", ".join(f"1/{2**s}" if s else "1" for s in c.scales)))
    if c.diffusion:
        found.append(("diffusion", ", ".join(f"{rate:g}" for rate in dict.fromkeys(c.diffusion))))
    if c.integrator != "euler":
        found.append(("integrator", c.integrator))
    if c.alive:
        when = "before and after" if c.alive.when == "both" else c.alive.when
        life = f"where channel {c.alive.channel} near a cell exceeds {c.alive.threshold:g} {when} the step"
        found.append(("alive", life))
    return found


def of_each(models: Sequence[Model]) -> list[dict[str, Any]]:
    """Return, for each model of a file, what may differ between them."""
    return [
        {
            "name": c.name, "channels": c.channels, "hidden": c.hidden, "kernels": list(c.kernels),
            "licence": c.attribution.get("licence", ""), "non_commercial": c.non_commercial, "authors": c.authors,
        }
        for c in (model.config for model in models)
    ]  # fmt: skip


def shared(models: Sequence[Model]) -> list[tuple[str, str]]:
    """Return the same facts as names and values for the whole file, with counts where models differ."""
    facts = {
        "channels": [str(m.config.channels) for m in models],
        "hidden": [str(m.config.hidden) for m in models],
        "kernels": [" and ".join(m.config.kernels) for m in models],
        "authors": [m.config.authors for m in models],
        "licence": [m.config.attribution.get("licence", "") for m in models],
    }
    return [(name, _counted(values)) for name, values in facts.items()]


def _counted(values: Sequence[str]) -> str:
    """Return '12' if all values agree, else '12 (3 of 5); 16 (2 of 5)', the most frequent first."""
    counts = Counter(value or "not known" for value in values).most_common()
    shown = [f"{value} ({count} of {len(values)})" for value, count in counts[:MAX_NAMES_SHOWN]]
    return counts[0][0] if len(counts) == 1 else "; ".join(shown) + "; …" * (len(counts) > len(shown))


def of_folder(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield, for each possible model file in a folder and its subfolders, its family, models and licence, or a problem.

    "recognised" is false where no family of models recognises what the file holds.

    Raises NCAError if there is no such file.
    """
    for path in model_files.find_files(folder):
        name = str(path.relative_to(folder))
        try:
            models = list(model_files.open_file(path).models.values())
        except NCAError as error:
            known = not isinstance(error, UnknownFamilyError)
            yield {"file": name, "recognised": known, "problem": str(error).removeprefix(f"{path}: ")}
            continue
        licences = [m.config.attribution.get("licence", "") for m in models]
        yield {
            "file": name, "recognised": True,
            "family": models[0].config.family, "models": len(models), "licence": _counted(licences),
        }  # fmt: skip
