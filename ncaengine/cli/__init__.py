"""The command line: one dataclass per command, whose fields are the flags.

Exit codes: 0 done, 1 a problem, 2 wrong usage, 70 a mistake in ncaengine. The module of a command is imported when the
command is named or listed, and the engine when the command runs.
"""

import os
import pkgutil
import sys
import traceback
from contextlib import suppress
from functools import partial
from typing import Any

import tyro

from ncaengine._version import __version__
from ncaengine.cli.shared import console, usage
from ncaengine.cli.shared.flag_effects import check_effects
from ncaengine.cli.shared.options import check_ranges, join_help_lines
from ncaengine.cli.shared.overwriting import check_inputs_kept
from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.core.optional import missing

COMMANDS = {
    "view": "view:View",
    "record": "record:Record",
    "replay": "replay:Replay",
    "train": "train:Train",
    "study": "study:Study",
    "sheet": "sheet:Sheet",
    "tile": "tile:Tile",
    "fill": "fill:Fill",
    "evaluate": "evaluate:Evaluate",
    "import": "import_models:Import",
    "export": "export:Export",
    "info": "info:Info",
    "kernels": "kernels:Kernels",
    "bench": "bench.command:Bench",
    "doctor": "doctor:Doctor",
}
"""The module and the class of each command."""

COMPLETION = "--tyro-write-completion"
"""The flag by which tyro writes what a shell needs to complete commands."""

DESCRIPTION = """A real-time engine for texture neural cellular automata.

--version prints the version. --debug, anywhere on the line, prints the traceback of a problem."""

FIRST_STEPS = """ncaengine runs texture neural cellular automata. Three things to do next:

  ncaengine view                        open a window with a model that ships with ncaengine; paint into it
  ncaengine record zebra                write a video, zebra.mp4
  ncaengine train photo.jpg -o mine.pt  learn the texture of your own image

`ncaengine --help` lists all commands, `ncaengine record --help` what one of them can do,
`ncaengine doctor` what this machine lacks."""


def main(args: list[str] | None = None) -> int:
    """Run a command and return the exit code.

    args: the command's name and its flags; None takes those of the process. With --debug, problems come with their
    traceback.
    Wrong usage raises SystemExit(2), --help raises SystemExit(0), as in argparse.
    """
    console.prepare_streams()
    signals: list[int] = []
    try:
        with console.ended_by_signals(signals):
            code = _run(sys.argv[1:] if args is None else args)
    except KeyboardInterrupt:  # just before or after the command
        code = 130
    if args is None:
        console.end_at_once()
    if code == 2:
        raise SystemExit(2)
    return 128 + signals[0] if signals else code


def _run(args: list[str]) -> int:
    """Run a command and return the exit code, with all that it printed written."""
    try:
        try:
            _carry_out([arg for arg in args if arg != "--debug"])
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as in `ncaengine import --help | head -1`
        console.drop_output()
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):  # which rich takes for a problem
            raise
        console.drop_output()
    except Exception as error:
        if "--debug" in args:
            traceback.print_exc()
        sentence, code = _explain(error, " ".join(["ncaengine", *args[:1]]))
        print(f"ncaengine: {sentence}", file=sys.stderr)
        return code
    return 0


def _check_folder() -> None:
    """Raise NCAError if the current folder was removed."""
    try:
        os.getcwd()
    except OSError:
        raise NCAError("The current folder no longer exists; change to another one.") from None


def _carry_out(args: list[str]) -> None:
    _check_folder()
    if not args:
        print(FIRST_STEPS)
    elif args[0] == "--version":
        print(f"ncaengine {__version__}")
    else:
        command = _parse(args)
        check_ranges(command)
        check_effects(command)
        check_inputs_kept(command)
        with suppress(ImportError):  # of a package that the command may do without, as doctor does
            from ncaengine.core.memory import share_heap

            share_heap()
        command.run()


def _explain(error: Exception, command: str) -> tuple[str, int]:
    """Return a sentence about a problem of a command, and the exit code."""
    if isinstance(error, usage.UsageError):
        return str(error), 2
    if isinstance(error, NCAError):
        return str(error), 1
    if isinstance(error, ImportError) and (sentence := missing(f"`{command}`", error)):
        return sentence, 1
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return NO_MEMORY, 1
    if isinstance(error, OSError):  # of a library, as on a full disk for temporary files
        return f"{error.filename or 'A file'}: cannot be used ({error.strerror or error}).", 1
    places = [place for place in traceback.extract_tb(error.__traceback__) if "ncaengine" in place.filename]
    where = f"{os.path.basename(places[-1].filename)}, line {places[-1].lineno}"
    said = f"This is a mistake in ncaengine ({type(error).__name__} in {where}: {error}); "
    return str(NCAError(f"{said}please report it, with what it prints with --debug.")), 70


def load_command(name: str) -> Any:
    """Import the class of a command."""
    return pkgutil.resolve_name(f"ncaengine.cli.{COMMANDS[name]}")


def _parse(args: list[str]) -> Any:
    """Parse a command and its flags into an instance of the command's class."""
    if args[0] in COMMANDS:  # this command alone, so that a mistyped flag is not searched in the others
        command, program = join_help_lines(load_command(args[0])), f"ncaengine {args[0]}"
        own = {"default": command.defaults(args[1:])} if hasattr(command, "defaults") else {}
        try:
            return usage.parse(program, lambda rest: tyro.cli(command, prog=program, args=rest, **own), args[1:])
        except SystemExit:  # after --help
            if more := getattr(command, "more_help", None):
                print(more())
            raise
    if args[0] == COMPLETION:
        usage.check_completion(args)
    elif args[0] not in ("--help", "-h"):
        raise usage.unknown_command(args[0], COMMANDS)
    commands = {name: load_command(name) for name in COMMANDS}
    parser = partial(
        tyro.extras.subcommand_cli_from_dict,
        commands,
        prog="ncaengine",
        description=DESCRIPTION,
        sort_subcommands=False,
    )
    return usage.parse("ncaengine", lambda rest: parser(args=rest), args)
