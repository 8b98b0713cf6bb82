"""What all importers share: Decoded (a file's content), Hints (what the user knows) and Family (how to read it)."""

import dataclasses
import functools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Integrator, Model, Padding, Range
from ncaengine.core.names import as_file_name
from ncaengine.core.validation import explain_invalid
from ncaengine.formats.importers.names import DICTIONARIES, is_silent, kind_of
from ncaengine.formats.pickle.attributes import Value

ARTICLE_KERNELS = ("square", "hexagonal-distill")
"""Kernels that the article's models were published for. On the moment-matched hexagonal kernel, whose response to the
finest detail is 1.5 times the square's, some of them turn to noise or die out."""

ASK = "unknown: ask who trained it"
"""Authors and licence of weights that anybody may have trained."""

Order = Literal["channel", "filter"]
"""Order of the perception. channel: all filters of channel 0, then of channel 1, …; filter: all channels of the first
filter, then of the second, …"""
Filters = Literal["undivided", "eighths", "unit"]
"""Filters that a net was trained with. undivided: S and L9; eighths: S/8 and L9/8; unit: S/8 and L9/4, the kernel's
own. S = [-1 0 1; -2 0 2; -1 0 1], L9 = [1 2 1; 2 -12 2; 1 2 1]."""

SeedForm = Literal["zeros", "noise", "point", "opaque"]
"""Initial states. point: one cell in the middle whose channels from the fourth on are 1; opaque: only its fourth is."""

Choice = Literal[
    "order", "filters", "offset", "gradient_sign", "padding", "seed_form", "alive", "fire_rate", "integrator",
    "state_clip",
]  # fmt: skip
"""Hints that `import --detect` can vary."""

FURTHER: tuple[Choice, ...] = (
    "gradient_sign",
    "padding",
    "seed_form",
    "alive",
    "fire_rate",
    "integrator",
    "state_clip",
)
"""Choices that every state dict leaves open."""

T = TypeVar("T")
Makers = dict[str, Callable[[], Model]]
"""Functions that make the models of a file, by name. They raise NCAError without the file's name."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A file's content, not yet identified."""

    form: Literal["json", "tensors", "arrays", "floats", "text", "graph"]
    data: Any
    """json: what json.loads returns. tensors: float32 arrays by name. arrays: an array or a list of arrays.
    floats: (n,) float32. text: a str. graph: an onnx.Graph."""
    name: str
    """The file's name without folder and ending, or that of a model in it; used only to name models."""
    notes: tuple[str, ...] = ()
    """What of the file is not in `data`, a sentence each without its end."""
    unread: str = ""
    """What of the file can't be read although it may matter, a sentence without its end; '' if there is nothing."""
    default: bool = False
    """Whether it is the model to open if the file has several and none is named."""
    stated: Mapping[str, Value] = field(default_factory=dict)
    """What the file says about a step beside its tensors, by dotted names; see `statements`."""


@dataclass(frozen=True)
class Hints:
    """What the user knows about a file; overrides the family's conventions."""

    family: str = ""
    """Name of a family; '' to recognise it."""
    order: Order | Literal[""] = ""
    """Order of the perception; '' for the family's."""
    filters: Filters | Literal[""] = ""
    """Filters of the training; '' for the family's."""
    channels: int = 0
    """Channels of a file that is a plain row of numbers; 0 if not known."""
    hidden: int = 0
    """Hidden units of a file that is a plain row of numbers; 0 if not known."""
    offset: float | None = None
    """RGB is state + offset; None for the family's."""
    padding: Padding | Literal[""] = ""
    """What cells at the edge see beyond it; '' for the family's."""
    seed_form: SeedForm | Literal[""] = ""
    """The initial state; '' for the family's."""
    gradient_sign: Literal["down", "up", ""] = ""
    """Where the second gradient points; '' for the family's."""
    alive: Literal["none", "before", "after", "both", ""] = ""
    """When a cell must be alive so as not to die; none: cells don't die; '' for the family's."""
    fire_rate: float | None = None
    """Share of the cells that update in a step; None for the family's."""
    integrator: Integrator | Literal[""] = ""
    """How a step follows the update; '' for the family's."""
    state_clip: float | Range | None = None
    """The largest |state|, 0 for no limit, or the lowest and the highest state; None for the family's."""

    def given(self) -> tuple[str, ...]:
        """Return the names of the hints that say something."""
        return tuple(each.name for each in dataclasses.fields(self) if getattr(self, each.name) != each.default)


@dataclass(frozen=True)
class Family:
    """Models that were published in one form."""

    name: str
    """What --family and Hints.family call it."""
    authors: str
    """Authors of what the project published."""
    source: str
    """Where it was published."""
    licence: str
    """Licence of what the project published."""
    recognise: Callable[[Decoded, Hints], str]
    """Return why a file is of this family, a short clause; '' if it isn't."""
    open_models: Callable[[Decoded, Hints], Makers]
    """Return the makers of a file's models, recognised or not. Raises NCAError without the file's name."""
    owned: Callable[[Decoded], bool] = lambda _: False
    """Return whether a file holds what the project itself published, so that the authors are known."""
    ambiguous: tuple[Choice, ...] = ()
    """Hints that a state dict of this family leaves open."""


MAX_FACTS = 16
"""Facts of an attribution that are read."""
MAX_FACT_LETTERS = 500
MAX_SHOWN = 4
"""Names that a message lists."""

ABOUT_THE_FILE = ("recognised", "reading", "stated in the file", "left out", "not needed", "file")
"""Facts of an attribution that say how a file was read, not who made it."""


def bounded_attribution(facts: Mapping[Any, Any]) -> dict[str, str]:
    """Return an attribution as an atlas holds it: texts of limited number and length.

    What is about the file is left out, and so are losses: they were measured before the weights were rounded.
    """
    texts = {k[:40]: v[:MAX_FACT_LETTERS] for k, v in facts.items() if isinstance(k, str) and isinstance(v, str)}
    return {k: texts[k] for k in list(texts)[:MAX_FACTS] if k not in ABOUT_THE_FILE and not k.startswith("loss on ")}


def as_value(array: Value) -> Value:
    """Return an array of one number as that number, of two as a tuple; anything else as it is."""
    if not isinstance(array, np.ndarray):
        return array
    numbers = array.ravel()[:3].tolist()
    if array.dtype == np.float32:
        numbers = [float(str(number)) for number in array.ravel()[:3]]  # 0.1, not the nearest float32
    return numbers[0] if len(numbers) == 1 else tuple(numbers) if len(numbers) == 2 else array


def listed(names: Iterable[str]) -> str:
    """Return some names for a message, as "loss.vgg.0.weight, loss.vgg.0.bias and 30 more"."""
    every = ["".join(letter if letter.isprintable() else "\ufffd" for letter in name[:60]) for name in names]
    if len(every) <= MAX_SHOWN:
        return ", ".join(every)
    return f"{', '.join(every[: MAX_SHOWN - 1])} and {len(every) - MAX_SHOWN + 1} more"


def left_out(names: Collection[str]) -> str:
    """Return a sentence about things in a file whose meaning is not known; '' if there are none."""
    return f"left out, because its meaning is not known: {listed(names)}" if names else ""


def unread_keys(data: Mapping[str, Any], known: Collection[str], stated: Collection[str] = ()) -> list[str]:
    """Return the keys of a table that nothing reads and that may say something about a step.

    known: the keys that the table's form has. stated: those that state something, see Decoded.
    """

    def is_neutral(key: str) -> bool:
        if isinstance(data[key], dict):
            return bool(DICTIONARIES.fullmatch(key[:100]))  # what it says is in `stated`
        return not isinstance(data[key], list) and is_silent(key)

    return [key for key in data if key not in known and key not in stated and not is_neutral(key)]


def unread_layer_keys(layers: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[str]:
    """Return those of layers, as "layers.0.note". Raises NCAError if one has the name of a setting of a step."""
    found = []
    for number, layer in enumerate(layers):
        for key in unread_keys(layer, known):
            if kind_of(key):
                raise NCAError(
                    f"its layer {number} has the key {quoted(key)}, which is not of its form and may change the step; "
                    "take it out if it says nothing new."
                )
            found.append(f"layers.{number}.{key}")
    return found


def quoted(key: object) -> str:
    """Return a key of a file for a message, shortened; strings in quotes."""
    return f"'{key[:40]}'" if isinstance(key, str) else str(key)[:40]


_BARE = re.compile(r"\d*|weights|model|checkpoint")
_KEPT = "-_."


def file_names(names: Sequence[str], stem: str, motion: re.Pattern[str] | None = None) -> list[str]:
    """Turn a file's model names into unique names that are valid as file names.

    names: as the file has them, perhaps with folders.
    stem: the file's own name. It is put before numbers and before what fits `motion`, and replaces names such as
    "weights", which say nothing without it.
    """
    taken: set[str] = set()
    last_number: dict[str, int] = {}
    unique_names = []
    for name in names:
        base = name.rsplit("/", 1)[-1][:100]
        base = "".join(c if c.isalnum() or c in _KEPT or (c > "~" and c.isprintable()) else "_" for c in base)
        if _BARE.fullmatch(base) or (motion and motion.fullmatch(base)):
            base = stem if base in ("", "weights", "model", "checkpoint") else f"{stem}-{base}"
        base = as_file_name(base)
        unique = base
        # Not core.names.unique_name, which would take hours for a hostile file with a million equal names.
        while unique in taken:
            last_number[base] = last_number.get(base, 1) + 1
            unique = f"{base}-{last_number[base]}"
        taken.add(unique)
        unique_names.append(unique)
    return unique_names


def make_each(names: Sequence[str], make: Callable[[int, str], Model]) -> Makers:
    """Return makers by name from one function that makes a model from its number and name."""
    return {name: functools.partial(make, number, name) for number, name in enumerate(names)}


def converted(data: Any, form: type[T], what: str) -> T:
    """Convert data of a JSON file to a type that msgspec knows.

    what: the form of the data, for the message.

    Raises NCAError saying which key is wrong.
    """
    if not isinstance(data, dict | list):  # msgspec fails on arrays
        raise NCAError(f"is not {what}.")
    try:
        return msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        raise NCAError(f"is not {what}: {explain_invalid(error, form)[:200]}") from None
    except RecursionError:
        raise NCAError(f"is not {what}: it is nested too deeply.") from None
