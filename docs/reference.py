"""The API reference: docstrings of plain text, and signatures as the source has them."""

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any, get_type_hints

import msgspec
from sphinx.application import Sphinx

FIELD = re.compile(r"[a-z]\w*(, \w+)*: ")
"""How a line of a docstring begins that describes a field or an argument."""
DIRECTIVE = re.compile(r"\.\. auto(?:class|function):: (?P<path>[\w.]+).*(?:\n   :members:(?P<members>.*))?")
"""How a page names what it describes."""
HEADING = re.compile(r"(Attributes|Arguments|Args|Fields|Raises|Returns):")


def docstring(app: Sphinx, kind: str, name: str, thing: Any, options: object, lines: list[str]) -> None:
    """Turn a docstring into reStructuredText: fields become a list, other indented lines become code."""
    out: list[str] = []
    code = in_section = False
    for line in lines:
        if HEADING.fullmatch(line):
            out += ["", f"**{line.rstrip(':')}**", ""]
            in_section = True
            continue
        if line.startswith("    ") and not in_section and (code or not out or not out[-1]):
            out += [line] if code else ["::", "", line]
            code = True
            continue
        code = code and not line
        in_section = in_section and (not line or line.startswith("    "))
        out += item(line.strip() if in_section else line, out)
    if kind == "class" and issubclass(thing, msgspec.Struct):
        out += ["", *described(thing), ""]
    lines[:] = out


def item(line: str, before: list[str]) -> list[str]:
    """Return a line of text as an item of a list if it describes a field, or as what continues the item before it."""
    text, in_list = escaped(line), bool(before) and before[-1].startswith(("- ", "  "))
    if FIELD.match(line):
        field, _, rest = text.partition(": ")
        return [*([""] if before and before[-1] and not in_list else []), f"- **{field}**: {rest}"]
    return [f"  {text.strip()}" if in_list and text else text]


def escaped(line: str) -> str:
    """Return a line whose `code` is code in reStructuredText, too, and in which nothing else is markup."""
    parts = re.split(r"`+([^`]+)`+", line)
    plain = [re.sub(r"([*|])|(?<=\w)_(?=\W|$)", r"\\\g<0>", part) for part in parts[::2]]
    code = [f"``{part}``" for part in parts[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def described(struct: type[msgspec.Struct]) -> list[str]:
    """List the fields that carry their own description, with range and unit."""
    lines = []
    for field, hint in get_type_hints(struct, include_extras=True).items():
        for meta in getattr(hint, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.description:
                unit = (meta.extra or {}).get("unit", "")
                span = (
                    "" if meta.ge is None or meta.le is None else f" ({meta.ge:g} to {meta.le:g} {unit}".rstrip() + ")"
                )
                lines.append(f"- **{field}**{span}: {escaped(meta.description)}")
    return lines


def signature(
    app: Sphinx, kind: str, name: str, thing: Any, options: object, shown: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Return a signature as the source has it: with the names of types, not with all that they stand for."""
    if kind == "class" and (issubclass(thing, msgspec.Struct) or dataclasses.is_dataclass(thing)):
        return f"({', '.join(fields(thing))})", None
    target = thing.__init__ if kind == "class" and "__init__" in vars(thing) else thing
    if kind not in ("class", "function", "method") or not inspect.isfunction(target):
        return shown, returns
    node = ast.parse(textwrap.dedent(inspect.getsource(target))).body[0]
    assert isinstance(node, ast.FunctionDef)
    if node.args.args and node.args.args[0].arg in ("self", "cls"):
        del node.args.args[0]
    return f"({ast.unparse(node.args)})", ast.unparse(node.returns) if node.returns and kind != "class" else None


def fields(struct: type) -> list[str]:
    """List the fields of a Struct or dataclass with types and defaults, those of its bases first."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base.__module__.startswith("ncaengine"):
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
            assert isinstance(body, ast.ClassDef)
            for node in body.body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    default = f" = {ast.unparse(node.value)}" if node.value else ""
                    found[node.target.id] = f"{node.target.id}: {ast.unparse(bare(node.annotation))}{default}"
    return list(found.values())


def bare(annotation: ast.expr) -> ast.expr:
    """Return the type without what `Annotated` adds to it."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        assert isinstance(annotation.slice, ast.Tuple)
        return annotation.slice.elts[0]
    return annotation


def overview(page: str) -> str:
    """Return a table of the classes, functions and methods that a page describes, a line each, in its order."""
    rows = [row for found in DIRECTIVE.finditer(page) for row in _rows(found["path"], found["members"])]
    return "\n".join(["| name | what it does |", "|---|---|", *rows]) + "\n"


def _rows(path: str, members: str | None) -> Iterator[str]:
    module, _, name = path.rpartition(".")
    thing = getattr(resolve_name(module), name)
    yield _row(f"nca.{name}" if module == "ncaengine" else name, thing)
    methods = (
        [each for each, value in vars(thing).items() if inspect.isfunction(value)] if inspect.isclass(thing) else []
    )
    for member in re.findall(r"\w+", members or "") or methods:
        value = getattr(thing, member, None)
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield _row(f"{name}.{member}", value)


def _row(name: str, thing: Any) -> str:
    called = thing.__init__ if inspect.isclass(thing) and "__init__" in vars(thing) else thing
    taken = (
        "" if isinstance(thing, property) else f"({', '.join(each for each in _parameters(called) if each != 'self')})"
    )
    return f"| `{name}{taken}` | {inspect.getdoc(thing).splitlines()[0]} |"  # type: ignore[union-attr]


def _parameters(thing: Any) -> list[str]:
    return [] if inspect.isclass(thing) and issubclass(thing, Exception) else list(inspect.signature(thing).parameters)
