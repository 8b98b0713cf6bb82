"""The command line: what it prints, and one clear line for every problem."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import COMMANDS, main
from ncaengine.core.model import Config, Model, Seed
from ncaengine.formats import model_files
from ncaengine.io import journals, sessions
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import Paint, Reseed, Set
from ncaengine.simulation.simulation import Simulation


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(5)
    w1, w2 = (rng.normal(0, 0.05, shape).astype(np.float32) for shape in ((8, 48), (12, 8)))
    made = Model(Config(hidden=8, seed=Seed("noise")), w1, np.zeros(8, np.float32), w2, np.zeros(12, np.float32))
    for ending in ("safetensors", "pt"):
        model_files.save(made, tmp_path / f"m.{ending}")
    return str(tmp_path / "m.safetensors")


def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in its own process, as a user does."""
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "ncaengine", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def problem(capsys, *arguments: object) -> str:
    """Run a command that must fail with 1, and return its message."""
    assert main([str(a) for a in arguments]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("ncaengine: ")
    assert printed.count("\n") == 1, printed
    assert "Traceback" not in printed
    return printed


def test_help_lists_every_command_and_loads_no_engine():
    heavy = {"torch", "numpy", "moderngl", "av", "imgui_bundle"}
    code = f"import sys, ncaengine.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    printed = run("--help")
    assert printed.returncode == 0
    assert all(name in printed.stdout for name in COMMANDS)


def test_record_in_opengl_equals_torch_nearly_and_itself_exactly(tmp_path, model):
    frames = {}
    for name, backend in (("a", "gl"), ("b", "gl"), ("c", "torch")):
        out = f"{tmp_path}/{name}/"
        done = run("record", model, "-o", out, "--size", "12x8", "--steps", 9, "--kernel", "hexagonal", "--seed", 7,
                   "--scale", 3, "--backend", backend)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "5 frames, step 9, 36x21 pixels" in done.stdout
        frames[name] = [np.asarray(Image.open(p)).astype(int) for p in sorted(Path(out).iterdir())]
    assert all(np.array_equal(a, b) for a, b in zip(frames["a"], frames["b"], strict=True))
    assert max(np.abs(a - c).max() for a, c in zip(frames["a"], frames["c"], strict=True)) <= 2


def test_auto_runs_on_the_processor_where_there_is_no_opengl(tmp_path, model):
    hidden = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent", "MESA_GL_VERSION_OVERRIDE": "4.2"}
    command = ("record", model, "-o", f"{tmp_path}/a.png", "--size", 8, "--steps", 2)
    done = run(*command, **hidden)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "a.png").is_file()
    refused = run(*command, "--backend", "gl", **hidden)
    assert refused.returncode == 1
    assert "use --backend cpu" in refused.stderr


def test_opengl_below_3_3_is_refused_with_a_remedy(tmp_path, model):
    old = {"MESA_GL_VERSION_OVERRIDE": "3.2", "MESA_GLSL_VERSION_OVERRIDE": "150"}
    done = run("record", model, "-o", f"{tmp_path}/a.png", "--backend", "gl", **old)
    assert done.returncode == 1
    assert "3.3" in done.stderr
    assert "--backend cpu" in done.stderr
    assert done.stderr.count("\n") == 1


def test_view_without_a_display_suggests_record(model):
    bare = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY"), "")
    done = run("view", model, **bare)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ncaengine record" in done.stderr
    assert "ncaengine view --browser" in done.stderr


def test_kernels_lists_broken_plugins_with_reasons(capsys, tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "kernel.toml").write_text('name = "odd"\n')
    assert main(["kernels", "--plugins", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for name in ("square", "hexagonal", "hexagonal-distill", "von-neumann", "square-wide"):
        assert f"\n{name} " in f"\n{printed}"
    assert "not matched" in printed
    assert "broken" in printed
    assert "`basis` is missing" in printed


@pytest.mark.parametrize(
    "size", ["0", "-1", "1000000000", "0x5", "5x-1", "9999999999999x2", "16384x16384", "wide", "3x"]
)
def test_impossible_sizes_give_one_line(capsys, tmp_path, model, size):
    printed = problem(capsys, "record", model, "-o", tmp_path / "a.png", f"--size={size}", "--backend", "torch")
    assert "grid" in printed or "size" in printed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--kernel", "octagonal"], "choose from: "),
        (["--steps", "0"], "--steps"),
        (["--steps-per-frame", "-2"], "--steps-per-frame"),
        (["--scale", "0"], "--scale"),
        (["--fps", "seven"], "is not a frame rate"),
        (["--fps", "0"], "can't be recorded"),
        (["--fps", "24/0"], "is not a frame rate"),
        (["--crf", "52"], "from 0 to 51"),
        (["--quality", "5"], "no effect on MP4"),
        (["--format", "rgba"], "write -o -"),
        (["--fire-rate", "1.5"], "from 0 to 1"),
        (["--fire-rate", "nan"], "from 0 to 1"),
        (["--plugins", "/no/such/folder"], "not a folder"),
        (["--seed", "4294967296"], "--seed"),
        (["--seed=-1"], "--seed"),
    ],
)
def test_bad_flags_give_one_line(capsys, tmp_path, model, flags, message):
    assert message in problem(capsys, "record", model, "-o", tmp_path / "a.mp4", "--backend", "torch", *flags)


@pytest.mark.parametrize("command", ["info", "view"])
@pytest.mark.parametrize("make", ["missing", "empty", "truncated", "folder", "other"])
def test_bad_models_give_one_line(capsys, tmp_path, model, command, make):
    path = tmp_path / "bad.pt"
    whole = Path(model).with_suffix(".pt").read_bytes()
    if make == "folder":
        path.mkdir()
    elif make != "missing":
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "other": b"hello" * 99}[make])
    assert "bad.pt" in problem(capsys, command, path)


@pytest.mark.parametrize("name", ["a.xyz", "no/folder/a.mp4", "m.safetensors/"])
def test_unwritable_outputs_give_one_line(capsys, tmp_path, model, name):
    printed = problem(
        capsys, "record", model, "-o", f"{tmp_path}/{name}", "--size", "8", "--steps", "2", "--backend", "torch"
    )
    assert name in printed


@pytest.mark.parametrize("arguments", [["record"], ["dance"], ["record", "m.pt", "-o", "a.mp4", "--steps", "many"]])
def test_usage_errors_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_a_still_is_drawn_once(capsys, tmp_path, model):
    out = tmp_path / "a.png"
    assert main(["record", model, "-o", str(out), "--size", "8", "--steps", "7", "--backend", "torch"]) == 0
    assert "1 frame, step 7" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.size == (8, 8)


def test_antithetic_is_the_default_and_can_be_switched_off(tmp_path, model):
    pictures = []
    for n, more in enumerate(([], ["--antithetic"], ["--no-antithetic"])):
        command = [
            "record",
            model,
            "-o",
            f"{tmp_path}/{n}.png",
            "--size",
            "8",
            "--steps",
            "9",
            "--backend",
            "torch",
            "--raw",
        ]
        assert main([*command, *more]) == 0
        with Image.open(tmp_path / f"{n}.png") as picture:
            pictures.append(picture.tobytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_kernel_that_the_model_was_not_made_for_gives_a_notice(capsys, tmp_path, model):
    command = ["record", model, "-o", f"{tmp_path}/a.png", "--size", "8", "--steps", "2", "--backend", "torch"]
    assert main([*command, "--kernel", "von-neumann"]) == 0
    assert "was made for square and hexagonal" in capsys.readouterr().err
    assert main([*command, "--kernel", "hexagonal"]) == 0
    assert capsys.readouterr().err == ""


def test_a_broken_plugin_is_skipped_with_a_notice(capsys, tmp_path, model):
    (tmp_path / "kernel.toml").write_text('name = "odd"')
    command = ["record", model, "-o", f"{tmp_path}/a.png", "--size", "8", "--steps", "2", "--backend", "torch"]
    assert main([*command, "--plugins", str(tmp_path)]) == 0
    assert "Skipped a broken plugin" in capsys.readouterr().err


# Sessions, journals and scripts


@pytest.fixture
def performed(tmp_path, model):
    """A simulation that ran for a second and saved a session and a journal."""
    with Simulation(TorchBackend()) as sim:
        sim.add(model_files.load(model), (12, 8), rng_seed=1)
        sim.add(model_files.load(model), (9, 10), "hexagonal", 30.0, rng_seed=2)
        sim.advance(TICKS_PER_SECOND // 2)
        sim.submit(Paint(1, "erase", ((4.0, 4.0),), 2.0))
        sim.submit(Set(2, "angle", 45.0))
        sim.submit(Reseed(2, 8), at_step=40)
        sim.advance(TICKS_PER_SECOND // 2)
        sessions.save_session(sim, tmp_path / "s.nca")
        journals.save_journal(sim, tmp_path / "j.jsonl")
        yield sim


def test_record_continues_a_session(capsys, tmp_path, performed):
    out = tmp_path / "frames"
    command = [
        "record",
        "--session",
        str(tmp_path / "s.nca"),
        "-o",
        f"{out}/",
        "--seconds",
        "0.5",
        "--backend",
        "torch",
    ]
    assert main([*command, "--grids", "2", "--fps", "30"]) == 0
    performed.advance(TICKS_PER_SECOND // 2)
    assert performed.grids[2].step == 5  # a waiting command of the session was carried out
    assert "15 frames, step 5" in capsys.readouterr().out
    with Image.open(sorted(out.iterdir())[-1]) as last:
        assert np.array_equal(np.asarray(last), performed.grids[2].image())
    assert main(command) == 0
    with Image.open(out / "frame_000000.png") as both:
        assert both.width > 12 + 9  # side by side
    assert "There is no grid 7" in problem(capsys, *command, "--grids", "7")


def test_record_plays_a_script(capsys, tmp_path, model):
    script = tmp_path / "film.toml"
    script.write_text("""
        seconds = 0.5
        [[grids]]
        model = "m.safetensors"
        size = [12, 8]
        rng_seed = 4
        [[commands]]
        second = 0.25
        type = "Set"
        grid = 1
        setting = "angle"
        value = 90
    """)
    out = tmp_path / "a.png"
    assert main(["record", "--script", str(script), "-o", str(out), "--backend", "torch"]) == 0
    assert "1 frame, step 30" in capsys.readouterr().out
    with Simulation(TorchBackend()) as sim:
        grid = sim.add(model_files.load(model), (12, 8), rng_seed=4)
        sim.advance(TICKS_PER_SECOND // 4)
        sim.set("angle", 90.0)
        sim.advance(TICKS_PER_SECOND // 4)
        with Image.open(out) as picture:
            assert np.array_equal(np.asarray(picture), grid.image())


def test_commands_after_the_end_of_a_script_give_a_notice(capsys, tmp_path, model):
    script = tmp_path / "film.toml"
    script.write_text('seconds = 0.1\n[[grids]]\nmodel = "m.safetensors"\nsize = [8, 8]\n'
                      '[[commands]]\nsecond = 50\ntype = "Undo"\ngrid = 1\n')  # fmt: skip
    assert main(["record", "--script", str(script), "-o", f"{tmp_path}/a.png", "--backend", "torch"]) == 0
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "command 1 (Undo) comes at 50 s, after the script's end at 0.1 s" in printed


def test_a_shipped_model_opens_by_name(capsys, tmp_path, monkeypatch):
    from ncaengine.viewer import window

    command = ["record", "zebra", "-o", f"{tmp_path}/a.png", "--size", "8", "--steps", "1", "--backend", "torch"]
    assert main(command) == 0
    assert main(["info", "zebra"]) == 0
    shown = []
    monkeypatch.setattr(window, "show", lambda models, *rest: shown.extend(models))
    assert main(["view", "zebra"]) == 0
    assert [found.config.name for found in shown] == ["zebra"]
    capsys.readouterr()
    for command in ("info", "view"):
        assert "the shipped ones are: bricks, bubbles, " in problem(capsys, command, "zebrra")


def test_a_mistyped_flag_shows_help_of_its_own_command(capsys):
    with pytest.raises(SystemExit) as left:
        main(["view", "--sze", "3"])
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert "--size WxH" in printed.err + printed.out
    assert "ncaengine view --help" in printed.err + printed.out
    assert "record" not in printed.err + printed.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_defaults(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert not [shown for shown in ("(default: )", "(default: None)", "(default: '')", "{None}") if shown in printed]


def test_record_takes_one_source(capsys, tmp_path, model):
    for sources in ([], [model, "--session", "s.nca"], ["--session", "s.nca", "--script", "f.toml"]):
        assert "Name one source to record" in problem(capsys, "record", *sources, "-o", tmp_path / "a.png")
    for seconds in ("0", "nan", "1e9"):
        printed = problem(capsys, "record", "--session", "s.nca", "--seconds", seconds, "-o", tmp_path / "a.png")
        assert "--seconds" in printed
    for flag, name in (("--session", "gone.nca"), ("--script", "gone.toml")):
        command = ("record", flag, tmp_path / name, "-o", tmp_path / "a.png", "--backend", "torch")
        assert name in problem(capsys, *command)


def test_record_makes_a_video_of_the_given_seconds(capsys, tmp_path, model):
    out = f"{tmp_path}/frames/"
    command = ["record", model, "-o", out, "--size", "8", "--seconds", "0.2", "--fps", "20", "--steps-per-frame", "3"]
    assert main([*command, "--backend", "torch"]) == 0
    assert f"{out}: 4 frames, step 12," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["m.pt", "--seconds", "2", "--steps", "9"], "Use --steps or --seconds, not both."),
        (["--script", "s.toml", "--seconds", "2"], "--seconds does not work with --script"),
        (["--script", "s.toml", "--steps", "2"], "--steps works only with a model"),
        (["--session", "s.nca", "--steps", "2"], "--steps works only with a model"),
    ],
)
def test_record_refuses_lengths_that_it_cannot_use(capsys, tmp_path, flags, message):
    assert message in problem(capsys, "record", *flags, "-o", tmp_path / "a.png")


def test_replay_repeats_a_journal(capsys, tmp_path, performed):
    again = tmp_path / "again.nca"
    command = ["replay", str(tmp_path / "j.jsonl"), "--backend", "torch", "-o", str(again)]
    assert main(command) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed[:2]] == ["grid 1", "grid 2"]
    assert printed[2] == f"5 commands, 1 s, states {sessions.fingerprint(performed)}"
    assert sessions.read_header(again).grids == sessions.read_header(tmp_path / "s.nca").grids
    assert not capsys.readouterr().err  # no progress bar without a terminal
    assert "not a journal" in problem(capsys, "replay", tmp_path / "s.nca", "--backend", "torch")
    assert "gone.jsonl" in problem(capsys, "replay", tmp_path / "gone.jsonl", "--backend", "torch")


def test_a_replay_reports_progress(tmp_path, performed):
    performed.advance(2 * TICKS_PER_SECOND + 7)
    journals.save_journal(performed, tmp_path / "long.jsonl")
    seen = []
    with Simulation(TorchBackend()) as sim:
        journals.load_journal(tmp_path / "long.jsonl").replay(sim, seen.append)
        assert sessions.fingerprint(sim) == sessions.fingerprint(performed)
    assert seen == sorted(set(seen))
    assert seen[-1] == performed.tick
    assert all(b - a <= TICKS_PER_SECOND for a, b in zip([0, *seen], seen, strict=False))


def test_view_shows_models_in_the_browser(capsys, tmp_path, monkeypatch):
    import webbrowser

    import platformdirs

    opened = []
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_: tmp_path / "cache")
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) == 1)
    arguments = ["view", "zebra", "coral", "--browser", "-r", "30", "7", "--size", "40x24", "--seed", "3"]
    assert main(arguments) == 0
    path = tmp_path / "cache" / "pages" / "zebra-coral.html"
    assert opened == [path.as_uri()]
    assert capsys.readouterr().out == f"2 models in {path}\n"
    assert "<title>zebra, coral</title>" in path.read_text("utf-8")
    assert main(arguments) == 0
    assert f"open {path} in one yourself" in " ".join(capsys.readouterr().err.split())
    assert "not sessions" in problem(capsys, "view", "a.nca", "--browser")
    assert "--half does not work with --browser" in problem(capsys, "view", "zebra", "--browser", "--half")
    assert "one or two models" in problem(capsys, "view", "zebra", "coral", "knit", "--browser")
    assert "There is no speed" in problem(capsys, "view", "zebra", "--browser", "-r")
    assert "3 speeds for 2 models" in problem(capsys, "view", "zebra", "coral", "--browser", "-r", "1", "2", "3")
    assert "from 0 to 7200" in problem(capsys, "view", "zebra", "-r", "9999")


def test_the_second_grid_in_the_browser_begins_with_the_first_of_many_textures(capsys, tmp_path, monkeypatch):
    import platformdirs

    from ncaengine.cli import view

    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_: tmp_path)
    monkeypatch.setattr(view, "open_page", lambda path: None)
    started = []
    monkeypatch.setattr(view, "page_text", lambda models, kernels, plugins, start, more: started.append(start) or "")
    assert main(["view", "coral", "many", "--browser"]) == 0
    assert started[0]["grids"][0]["model"] == "zebra"


def test_view_opens_a_session_alone_and_as_it_was_saved(capsys, tmp_path, model, performed, monkeypatch):
    from ncaengine.viewer import window

    shown = []
    monkeypatch.setattr(window, "show", lambda models, options, catalogue, watch, session: shown.append(session))
    path = tmp_path / "s.nca"
    assert main(["view", str(path)]) == 0
    assert shown == [path]
    assert "opens alone" in problem(capsys, "view", path, model)
    assert "as it was saved" in problem(capsys, "view", path, "--size", "64")
    assert "as it was saved" in problem(capsys, "view", path, "-r", "30")
    Image.new("RGB", (3, 3)).save(tmp_path / "plain.png")
    assert "without a session" in problem(capsys, "view", tmp_path / "plain.png")
    path.write_bytes(path.read_bytes()[:-5])
    assert "s.nca: is not a valid session" in problem(capsys, "view", path)
    path.write_text("a letter")
    assert "s.nca: is not a session of ncaengine; choose one saved as" in problem(capsys, "view", path)
    assert "gone.nca: cannot be read" in problem(capsys, "view", tmp_path / "gone.nca")
    assert shown == [path]
