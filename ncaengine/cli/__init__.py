"""The command line: one dataclass per command, whose fields are the flags.

Exit codes: 0 done, 1 a problem, 2 wrong usage. The module of a command is imported when the command is named or listed,
and the engine when the command runs.
"""

import pkgutil
import sys
from typing import Any

import tyro

from ncaengine._version import __version__
from ncaengine.cli.shared import console
from ncaengine.cli.shared.options import check_ranges, join_help_lines
from ncaengine.core.errors import NCAError

COMMANDS = {
    "view": "view:View",
    "record": "record:Record",
    "replay": "replay:Replay",
    "train": "train:Train",
    "study": "study:Study",
    "sheet": "sheet:Sheet",
    "evaluate": "evaluate:Evaluate",
    "import": "import_models:Import",
    "export": "export:Export",
    "info": "info:Info",
    "kernels": "kernels:Kernels",
    "bench": "bench.command:Bench",
}
"""The module and the class of each command."""

DESCRIPTION = "A real-time engine for texture neural cellular automata."


def main(args: list[str] | None = None) -> int:
    """Run a command and return the exit code.

    args: the command's name and its flags; None takes those of the process.
    Wrong usage raises SystemExit(2), --help raises SystemExit(0), as in argparse.
    """
    console.prepare_streams()
    with console.ended_by_signals() as signals:
        code = _run(sys.argv[1:] if args is None else args)
    return 128 + signals[0] if signals else code


def _run(args: list[str]) -> int:
    """Run a command and return the exit code, with all that it printed written."""
    try:
        try:
            if args == ["--version"]:
                print(f"ncaengine {__version__}")
            else:
                command = _parse(args)
                check_ranges(command)
                command.run()
        finally:
            sys.stdout.flush()
    except NCAError as error:
        return _print_problem(str(error))
    except MemoryError:
        return _print_problem("There is not enough memory for this; use a smaller --size.")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as in `ncaengine import --help | head -1`
        console.drop_output()
    except OSError as error:  # of a library, as on a full disk for temporary files
        return _print_problem(f"{error.filename or 'A file'}: cannot be used ({error.strerror or error}).")
    return 0


def load_command(name: str) -> Any:
    """Import the class of a command."""
    return pkgutil.resolve_name(f"ncaengine.cli.{COMMANDS[name]}")


def _parse(args: list[str]) -> Any:
    """Parse a command and its flags into an instance of the command's class."""
    if args and args[0] in COMMANDS:  # this command alone, so that a mistyped flag is not searched in the others
        return tyro.cli(join_help_lines(load_command(args[0])), prog=f"ncaengine {args[0]}", args=args[1:])
    commands = {name: load_command(name) for name in COMMANDS}
    return tyro.extras.subcommand_cli_from_dict(
        commands, prog="ncaengine", description=DESCRIPTION, args=args or ["--help"], sort_subcommands=False
    )


def _print_problem(sentence: str) -> int:
    print(f"ncaengine: {sentence}", file=sys.stderr)
    return 1
