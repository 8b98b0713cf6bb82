"""Wrong usage: one sentence, exit code 2, and the name that was probably meant."""

import subprocess
import sys
from typing import get_type_hints

import pytest

from ncaengine.cli import COMMANDS, main
from ncaengine.cli.shared import usage
from ncaengine.cli.shared.options import join_help_lines
from ncaengine.cli.train import Train
from ncaengine.training.config import TrainingSettings


def usage_error(capsys, *arguments: object) -> str:
    """Run a command that must fail with 2, and return its one line."""
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ncaengine: ")
    assert printed.err.count("\n") == 1, printed.err
    assert not set("╭│─╰") & set(printed.err)
    return printed.err


def test_without_arguments_three_things_to_do_are_named(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(f"  ncaengine {name} " in printed for name in ("view", "record", "train"))
    assert "ncaengine --help" in printed


@pytest.mark.parametrize(("typed", "meant"), [("recrod", "record"), ("veiw", "view"), ("Train", "train"),
                                              ("exprot", "export"), ("kernel", "kernels")])  # fmt: skip
def test_a_mistyped_command_names_the_nearest(capsys, typed, meant):
    assert f"did you mean {meant}" in usage_error(capsys, typed, "zebra")


def test_a_name_that_is_like_no_command(capsys):
    assert "did you mean" not in usage_error(capsys, "dance")
    assert "ncaengine view zebra" in usage_error(capsys, "zebra")
    assert "did you mean --version" in usage_error(capsys, "--verison")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["view", "--sze", "3"], "There is no flag --sze; did you mean --size WxH?"),
        (["record", "zebra", "--outptu=a.mp4"], "did you mean --output FILE?"),
        (["info", "--jsn"], "did you mean --json?"),
        (["record", "zebra", "--no-rwa"], "did you mean --no-raw?"),
        (["record", "zebra", "--qqqqqq"], "There is no flag --qqqqqq."),
        (["record", "zebra", "--steps", "many"], "--steps cannot be 'many'; it must be a whole number"),
        (["record", "zebra", "--fire-rate", "x"], "--fire-rate cannot be 'x'; it must be a number"),
        (["record", "zebra", "--backend", "cpuu"], "did you mean cpu?"),
        (["record", "zebra", "--size"], "--size needs a value: --size WxH"),
        (["info"], "MODEL is missing"),
        (["info", "zebra", "coral"], "'coral' is unexpected"),
        (["sheet"], "-o FILE is missing"),
        (["tile"], "MODEL is missing"),
        (["record"], "ncaengine record zebra"),
        (["import", ""], "An argument is empty"),
        (["record", "zebra", "-o", ""], "An argument after -o is empty"),
        (["--tyro-write-completion", "dash", "x"], "bash, zsh"),
    ],
)
def test_wrong_flags_are_told_in_one_sentence(capsys, monkeypatch, arguments, expected):
    for columns in ("40", "80", "300"):  # tyro breaks its lines by the terminal's width
        monkeypatch.setenv("COLUMNS", columns)
        assert expected in usage_error(capsys, *arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_nearest_flag_is_named_for_every_command(capsys, command):
    assert "did you mean --help" in usage_error(capsys, command, "--hlep")


def test_wording_of_tyro_that_is_not_known_is_kept(capsys):
    for box in ("╭─ Other ────────╮\n│ Some new words │\n│ of tyro.       │\n╰──────╯",
                " Other            \n ---------------- \n  Some new words  \n  of tyro.        "):  # fmt: skip

        def parser(args: list[str], box: str = box) -> None:
            print(box, file=sys.stderr)
            raise SystemExit(0 if args == ["--help"] else 2)

        with pytest.raises(usage.UsageError, match=r"^Some new words of tyro\. `nca x --help` says more\.$"):
            usage.parse("nca x", parser, [])


@pytest.mark.parametrize(("typed", "meant"), [("zbera", "zebra"), ("girafe", "giraffe"), ("BUBBLE", "bubbles")])
def test_a_mistyped_model_names_the_nearest(capsys, typed, meant):
    for command in ("info", "view"):
        assert main([command, typed]) == 1
        printed = capsys.readouterr().err
        assert f"(did you mean {meant}?); the shipped ones are: bricks, bubbles, " in printed


def test_mistyped_kernels_patterns_and_families_name_the_nearest(capsys, tmp_path, bare):
    for arguments, meant in (
        (["record", "zebra", "-o", f"{tmp_path}/a.png", "--kernel", "hexagnal"], "hexagonal"),
        (["train", "corall"], "coral"),
        (["import", str(bare), "--family", "nosie-nca", "-o", f"{tmp_path}/a.safetensors"], "noise-nca"),
    ):
        assert main(arguments) == 1
        assert f"did you mean {meant}" in capsys.readouterr().err


def test_debug_adds_the_traceback(capsys):
    assert main(["info", "zbera"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    for arguments in (["--debug", "info", "zbera"], ["info", "zbera", "--debug"]):
        assert main(arguments) == 1
        printed = capsys.readouterr().err
        assert "Traceback" in printed
        assert printed.splitlines()[-1].startswith("ncaengine: zbera: ")


def test_a_mistake_of_ours_is_told_as_one(capsys, monkeypatch):
    from ncaengine.formats import model_files

    def broken(path: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(model_files, "find_file", broken)
    assert main(["info", "zebra"]) == 70
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "mistake in ncaengine (ZeroDivisionError in info.py" in printed
    assert "--debug" in printed


def test_the_shells_completion_knows_commands_and_flags(tmp_path):
    script = tmp_path / "ncaengine"
    with pytest.raises(SystemExit) as left:
        main(["--tyro-write-completion", "bash", str(script)])
    assert not left.value.code
    ask = f"""source {script}
        COMP_WORDS=(ncaengine re) COMP_CWORD=1; _tyro_ncaengine; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(ncaengine record --ste) COMP_CWORD=2; _tyro_ncaengine; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    commands, flags = done.stdout.splitlines()
    assert set(commands.split()) == {"record", "replay"}
    assert {"--steps", "--steps-per-frame"} <= set(flags.split())
    assert main(["--tyro-write-completion", "bash", str(tmp_path / "none" / "x")]) == 1


def test_help_of_settings_is_not_broken_where_its_source_is() -> None:
    join_help_lines(Train)
    hints = get_type_hints(TrainingSettings, include_extras=True)
    assert "64 is enough for many textures" in hints["size"].__metadata__[-1].help
