"""Wrong usage in one sentence, with the name that was probably meant; tyro would draw a box of several lines."""

import contextlib
import io
import itertools
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from ncaengine.core.errors import NCAError
from ncaengine.core.names import choices, did_you_mean, nearest

T = TypeVar("T")

KINDS = {"INT": "a whole number", "FLOAT": "a number"}
"""What a flag takes, by the word in its help."""

RULE = re.compile(r"[─-]{3,}")
"""A line across a box."""
SHELLS = ("bash", "zsh", "fish", "tcsh")
"""Shells that can complete commands."""


class UsageError(NCAError):
    """Wrong usage; the command line exits with 2."""


def parse(program: str, parser: Callable[[list[str]], T], args: list[str]) -> T:
    """Parse arguments with tyro.

    program: what the user typed before the arguments.
    parser: calls tyro.
    Raises UsageError for wrong usage, SystemExit(0) after --help.
    """
    if "" in args:
        before = next((arg for arg in reversed(args[: args.index("")]) if arg.startswith("-")), "")
        where = f" after {before}" if before else ""
        raise UsageError(
            f"An argument{where} is empty; perhaps a shell variable is not set. Fill it in, or leave it out."
        )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parser(args)
    except SystemExit as left:
        if not left.code:
            raise
    flags = _flags(parser)
    sentence = _unknown_flag(args, flags) or _sentence(_lines(said.getvalue()), flags)
    raise UsageError(f"{sentence} `{program} --help` says more.") from None


def check_completion(args: list[str]) -> None:
    """Raise UsageError if the arguments do not ask for a completion that tyro can write."""
    if len(args) != 3 or args[1] not in SHELLS:
        raise UsageError(f"{args[0]} takes a shell ({', '.join(SHELLS)}) and the file to write.")


def unknown_command(name: str, commands: Iterable[str]) -> UsageError:
    """Return the error for a name that is no command."""
    if name.startswith("-"):
        guess = did_you_mean(name, ["--help", "--version", "--debug"])
        return UsageError(f"There is no flag {name} before a command{guess}; `ncaengine --help` lists the commands.")
    if not nearest(name, commands) and _is_model(name):
        return UsageError(f"{name} is a model, not a command; open it with: ncaengine view {name}")
    return UsageError(f"There is no command {name}{did_you_mean(name, commands)}; `ncaengine --help` lists them all.")


def _is_model(name: str) -> bool:
    from ncaengine.formats import model_files

    try:
        return model_files.split_path(model_files.find_file(name))[0].is_file()
    except (NCAError, OSError, ValueError):
        return False


def _lines(box: str) -> list[str]:
    """Return the lines of a box of tyro, without its frame, title, and codes of colours."""
    lines = [line.rstrip(" │") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    if len(lines) > 1 and RULE.fullmatch(lines[1].strip()):  # where the frame's letters can't be shown
        lines = lines[2:]
    return [line[2:] for line in lines if not line.startswith(("╭", "╰"))]


def _unknown_flag(args: list[str], flags: dict[str, str]) -> str:
    """Return what is wrong with the first flag that the command does not have, '' if it has all."""
    given = args[: args.index("--")] if "--" in args else args
    names = [arg.partition("=")[0] for arg in given if re.match(r"--?[A-Za-z]", arg)]
    unknown = next((name for name in names if name.replace("_", "-") not in flags), "")
    near = nearest(unknown, flags)
    meant = f"; did you mean {flags[near[0]]}?" if near else "."
    return unknown and f"There is no flag {unknown}{meant}"


def _sentence(lines: list[str], flags: dict[str, str]) -> str:
    """Return what is wrong. Wording that is not known is kept as it is.

    lines: what tyro says.
    flags: the flags of the command, with what they take.
    """
    above = list(itertools.takewhile(lambda line: not RULE.fullmatch(line.strip()), lines))
    said = " ".join(" ".join(above).split())
    if found := re.search(r"Unrecognized options: (.+)", said):
        return f"{found[1]!r} is unexpected; leave it out, or put its flag in front of it."
    if found := re.search(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*)\)", said):
        known = re.findall(r"'([^']*)'", found[3])
        return f"{found[2]} cannot be {found[1]!r}{choices(found[1], known)}."
    if found := re.search(r"Missing value for argument (.*?)\. Expected", said):
        name = re.findall(r"[\w-]+", found[1])[-1]
        return f"{name} needs a value: {flags[name]}." if name in flags else f"{name.upper()} is missing."
    if said.startswith("Missing from ") and len(above) > 1:
        return f"{above[1].strip().split(', ')[0]} is missing."
    if found := re.search(r"Error parsing (\S+?):.*?(?:\['(.*?)'\]|: '(.*?)')", said):
        name = found[1].split("/")[-1]
        takes = flags.get(name, name)
        wanted = KINDS.get(takes.rpartition(" ")[2], f"as in {takes}")
        return f"{name} cannot be {found[2] or found[3] or ''!r}; it must be {wanted}."
    return said.rstrip(".") + "."


def _flags(parser: Callable[[list[str]], object]) -> dict[str, str]:
    """Return the flags of a command and what they take, from its help: {'--size': '--size WxH'}."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        parser(["--help"])
    flags = {}
    for line in _lines(shown.getvalue()):
        if line.startswith("-") and not RULE.match(line):
            for usage in re.split(r"\s{2,}", line)[0].split(", "):
                flags[usage.split(" ")[0]] = usage
    return flags
