"""The numbers of a μNCA in a program: lists of JavaScript, or matrices and vectors of a shader.

Nothing is run. Arithmetic with all numbers of a literal, as `vec4(2, -5, -14, 9) / 2.`, is evaluated if it is the sum,
the product or the quotient with one number at a time; a program that does anything else with them is refused.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ncaengine.core.errors import NCAError

MATRIX = 64
"""Numbers in the demo's four 4x4 matrices."""
MAX_LETTERS = 2**20
"""Letters of a text that are searched."""
MAX_LISTS = 1000
"""Lists of numbers in a text that are searched."""

_N = r"[+-]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:e[+-]?\d{1,3})?f?"
_I = re.IGNORECASE
_NUMBER = re.compile(_N, _I)
_QUOTIENT = re.compile(rf"({_N})(?:\s?([*/])\s?({_N}))?(?:\s?([*/])\s?({_N}))?", _I)
_LIST = re.compile(r"\[([^\[\]]*)\]")
_MATRIX = re.compile(r"\bmat4\s?\(([^()]*)\)")
_VECTOR = re.compile(r"\bvec4\s?\(([^()]*)\)")
_SCALE = re.compile(rf"(?<![\w.])([\d.][\de.+-]{{0,15}})\s?\*\s?\(\s?(?:(b\b|bias\b)(?:\s?([*/])\s?({_N}))?|vec4)", _I)
_BEFORE = re.compile(rf"(?<![\w.)\]])({_N})\s?\*\s?$", _I)
"""A number that a literal is multiplied by."""
_MINUS = re.compile(r"(?:[=(,:;{?]|\breturn)\s?-\s?$")
_AFTER = re.compile(rf"\s?([*/])\s?({_N})(?![\w.(])|\s?([+-])\s?({_N})(?![\w.(])(?!\s?[*/])", _I)
"""What is done to a literal; a number that is added may belong to a product behind it."""
_MAP = re.compile(
    rf"[\s)]{{0,4}}\.map\(\s?\(?\s?(\w{{1,20}})\s?\)?\s?=>\s?(?:\1\s?([*/+-])\s?({_N})|({_N})\s?\*\s?\1)\s?\)", _I
)
_MORE = re.compile(r"[\s)]{0,4}\.[a-z]", _I)
_SCALED_MATRIX = re.compile(rf"\bW\s?\[\s?\d\s?\]\s?[*/]\s?{_N}(?!\w)|(?<![\w.]){_N}\s?\*\s?W\s?\[", _I)


class Numbers(NamedTuple):
    """The numbers of a model, 64 of its matrices and 4 of its bias."""

    values: list[float]
    whole: bool
    """Whether all are integers as they are written, before any arithmetic."""


def plain(values: list[float]) -> Numbers:
    """Return numbers that no arithmetic is done with."""
    return Numbers(values, all(n % 1 == 0 for n in values))


def numbers_in_text(text: str) -> Iterator[Numbers]:
    """Yield the 68 numbers of each model in a program.

    They are a list of 64 and the nearest list of 4, or four mat4(…) and a vec4(…). Raises NCAError if the program does
    something with them that is not evaluated.
    """
    if len(text) > MAX_LETTERS:
        return
    text = _uncommented(text)
    rows = ((m, row) for m in _LIST.finditer(text) if len(row := _numbers_in_list(m[1])) in (4, MATRIX))
    lists = list(itertools.islice(rows, MAX_LISTS))
    biases = [(m, row) for m, row in lists if len(row) == 4]
    for m, row in lists:
        if len(row) == MATRIX and biases:
            at, bias = min(biases, key=lambda each: abs(each[0].start() - m.start()))
            if scaled := _SCALED_MATRIX.search(text):
                raise _unevaluated(scaled[0])
            yield _joined([_mapped(text, m, row), _mapped(text, at, bias)], row + bias)
    matrices = [(m, row) for m in _MATRIX.finditer(text) if len(row := _numbers_in_list(m[1])) == 16]
    vectors = [
        (m, row) for m in _VECTOR.finditer(text) if len(row := _numbers_in_list(m[1])) == 4 and not _is_filter(text, m)
    ]
    if len(matrices) == 4 and len(vectors) == 1:
        parts = [*matrices, *vectors]
        yield _joined([_evaluated(text, m, row) for m, row in parts], [n for _, row in parts for n in row])


def scale_in_text(text: str) -> float | None:
    """Return the factor of the sum with the bias, or None if the program has none."""
    found = _SCALE.search(_uncommented(text[:MAX_LETTERS]))
    return float(found[1]) if found and _NUMBER.fullmatch(found[1]) else None


def _joined(parts: list[list[float]], written: list[float]) -> Numbers:
    return Numbers([number for part in parts for number in part], all(n % 1 == 0 for n in written))


def _is_filter(text: str, m: re.Match[str]) -> bool:
    """Return whether a vec4(…) is multiplied by a variable, as the filters of the perception are."""
    before, after = text[max(0, m.start() - 40) : m.start()].rstrip(), text[m.end() : m.end() + 40]
    if before.endswith("*") and not _BEFORE.search(before):
        return True
    return bool(re.match(r"\s?\*", after)) and not _AFTER.match(after)


def _evaluated(text: str, m: re.Match[str], row: list[float]) -> list[float]:
    """Return a shader's literal after what is done to it at its place. Raises NCAError if that is not evaluated."""
    start, at = m.start(), m.end()
    while True:
        before = text[max(0, start - 40) : start]
        if factor := _BEFORE.search(before):
            row = _apply("*", factor[1], row)
            start -= len(before) - factor.start()
        elif minus := _MINUS.search(before):
            row = [-n for n in row]
            start -= len(before) - minus.end() + 1
        elif before.rstrip().endswith("/"):
            raise _unevaluated(before[-10:] + m[0])
        while step := _AFTER.match(text, at):
            row = _apply(step[1] or step[3], step[2] or step[4], row)
            at = step.end()
        before, after = text[max(0, start - 40) : start].rstrip(), text[at : at + 2].strip()
        if after.startswith((".", "[", "/")) or (after.startswith(")") and re.search(r"\w\($", before)):
            raise _unevaluated(text[m.start() : m.start() + 9] + "…" + text[m.end() - 1 : at + 12])
        if not (after.startswith(")") and before.endswith("(")):
            return row
        start, at = text.rindex("(", 0, start), text.index(")", at) + 1


def _mapped(text: str, m: re.Match[str], row: list[float]) -> list[float]:
    """Return a list of JavaScript after `.map(x => x / 2)`. Raises NCAError if another method is called."""
    at = m.end()
    while step := _MAP.match(text, at):
        row = _apply(step[2] or "*", step[3] or step[4], row)
        at = step.end()
    if _MORE.match(text, at):
        raise _unevaluated(text[m.end() - 1 : at + 20])
    if len(row) == 4 and (scale := _SCALE.search(text)) and scale[3]:
        row = _apply(scale[3], scale[4], row)
    return row


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
}


def _apply(sign: str, number: str, row: list[float]) -> list[float]:
    value = float(number.rstrip("fF"))
    if sign == "/" and value == 0:
        raise NCAError("divides its weights by 0.")
    return [_OPERATIONS[sign](n, value) for n in row]


def _unevaluated(what: str) -> NCAError:
    return NCAError(
        f"does something with its weights that ncaengine does not evaluate ({what.strip()[:60]!r}); "
        "write the numbers themselves into the file."
    )


def _uncommented(text: str) -> str:
    """Return a program without comments, with each run of spaces replaced by one space."""
    kept, end = [], 0
    while (start := text.find("/*", end)) >= 0 and (stop := text.find("*/", start + 2)) >= 0:
        kept.append(text[end:start])
        end = stop + 2
    lines = "".join((*kept, text[end:])).splitlines()
    return " ".join(" ".join(line.partition("//")[0] for line in lines).split())


def _numbers_in_list(text: str) -> list[float]:
    """Return the numbers between commas, or products and quotients of two or three; empty if there is anything else.

    Quotients of integers are 0 in a shader and not in JavaScript, so the numbers must have a point.
    """
    if text.count(",") > 2 * MATRIX:
        return []
    found = [_QUOTIENT.fullmatch(part.strip()) for part in text.strip().removesuffix(",").split(",")]
    row = []
    for m in found:
        if m is None or (m[2] == "/" and "." not in m[0]):
            return []
        [value] = [float(m[1].rstrip("fF"))]
        for sign, number in ((m[2], m[3]), (m[4], m[5])):
            [value] = _apply(sign, number, [value]) if sign else [value]
        row.append(value)
    return row
