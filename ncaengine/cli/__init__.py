"""The command line: one dataclass a command, its fields the flags. Exit codes: 0 done, 1 a problem, 2 usage.

Modules here import only what `--help` needs; the engine is imported when a command runs.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import tyro

from ncaengine._version import __version__
from ncaengine.cli.bench.command import Bench
from ncaengine.cli.evaluate import Evaluate
from ncaengine.cli.export import Export
from ncaengine.cli.import_models import Import
from ncaengine.cli.info import Info, Kernels
from ncaengine.cli.record import Record
from ncaengine.cli.replay import Replay
from ncaengine.cli.sheet import Sheet
from ncaengine.cli.study import Study
from ncaengine.cli.train import Train
from ncaengine.cli.view import View
from ncaengine.core.errors import NCAError

COMMANDS: dict[str, Callable[..., Any]] = {
    "view": View,
    "record": Record,
    "replay": Replay,
    "train": Train,
    "study": Study,
    "sheet": Sheet,
    "evaluate": Evaluate,
    "import": Import,
    "export": Export,
    "info": Info,
    "kernels": Kernels,
    "bench": Bench,
}

DESCRIPTION = "A real-time engine for texture neural cellular automata."


def main(args: list[str] | None = None) -> int:
    """Run a command and return the exit code; `args` are those of the process if None.

    A usage error leaves through SystemExit(2), --help through SystemExit(0), as argparse does.
    """
    args = sys.argv[1:] if args is None else args
    if args == ["--version"]:
        print(f"ncaengine {__version__}")
        return 0
    try:
        _command(args).run()
    except NCAError as error:
        return _problem(str(error))
    except MemoryError:
        return _problem("There is not enough memory for this; use a smaller --size.")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as in `ncaengine import --help | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _command(args: list[str]) -> Any:
    """What the arguments ask for, to be run."""
    if args and args[0] in COMMANDS:  # by itself, so that a mistyped flag is not looked for in other commands
        return tyro.cli(COMMANDS[args[0]], prog=f"ncaengine {args[0]}", args=args[1:])
    return tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="ncaengine", description=DESCRIPTION, args=args or ["--help"], sort_subcommands=False
    )


def _problem(sentence: str) -> int:
    print(f"ncaengine: {sentence}", file=sys.stderr)
    return 1
