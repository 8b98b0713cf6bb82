"""`ncaengine bench`: it times only what computes the same, and reports everything that it skips."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, small

from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.reference import Reference
from ncaengine.cli import main
from ncaengine.cli.bench import command, host_info, overhead, report, runners, timing, torch_runners
from ncaengine.cli.bench.timing import BenchPlan, RefusedError, StepTime
from ncaengine.core import memory
from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config
from ncaengine.formats import model_files

MODEL = random_model(small(NOTEBOOK_CONFIG))
QUICK = ("--seconds", "0.01", "--rounds", "2")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile returns the function as it is, at once."""
    monkeypatch.setattr(torch_runners, "compile_function", lambda function: function)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a small model; settings of the process stay as they are."""
    monkeypatch.setattr(host_info, "yield_to_others", lambda: "")
    monkeypatch.setattr(host_info, "keep_memory", lambda: "kept")
    model_files.save(MODEL, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def state(width: int, height: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return 0.5 * torch.randn(1, MODEL.config.channels, height, width, generator=rng)


def problem(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["bench", *map(str, arguments)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ncaengine: ")
    assert error.count("\n") == 1, error
    return error


# Counting operations


def test_the_articles_model_has_5760_multiply_adds() -> None:
    assert timing.multiply_adds(Config()) == 5760
    assert timing.multiply_adds(Config(hidden=0)) == 48 * 12


def test_only_cells_that_fire_count() -> None:
    assert timing.operations(Config(), 100, 0.5) == 2 * 5760 * 50
    assert timing.operations(Config(), 100, 1) == 2 * 5760 * 100
    some = timing.operations(Config(firing="channel"), 100, 0.5)
    assert some == pytest.approx(2 * 5760 * 100 * (1 - 0.5**12))


def test_host_info_names_the_machine() -> None:
    assert host_info.cores() >= 1
    assert host_info.cpu_name()
    assert memory.free_bytes() > 1e6
    assert host_info.matmul_gflops("cpu") > 0


def test_torch_threads_sleep_while_waiting_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    monkeypatch.setattr(host_info.os, "environ", variables)
    monkeypatch.setattr(host_info.psutil, "getloadavg", lambda: (0.0, 9.0, 9.0))
    assert host_info.yield_to_others() == ""
    assert variables == {}
    monkeypatch.setattr(host_info.psutil, "getloadavg", lambda: (host_info.cores() + 0.25, 0.0, 0.0))
    assert "the machine did other work (load " in host_info.yield_to_others()
    assert variables == {"OMP_WAIT_POLICY": "passive"}
    variables["OMP_WAIT_POLICY"] = "active"  # set by the user
    assert "OMP_WAIT_POLICY=active" in host_info.yield_to_others()


# Runners


@pytest.mark.parametrize("size", [(12, 8), (7, 4), (5, 16)])
@pytest.mark.parametrize("name", torch_runners.LOOPS)
@pytest.mark.usefixtures("eager")
def test_every_torch_loop_equals_the_reference(name: str, size: tuple[int, int], catalogue: Catalogue) -> None:
    for kernel in ("square", "square-wide") if name == "torch" else ("square", "hexagonal", "square-wide"):
        nca = Reference(MODEL, catalogue.get(kernel))
        runner = torch_runners.TorchRunner(name, MODEL, nca.kernel, size)
        assert timing.check_runner(runner, nca, state(*size)) < 1e-5
        runner.run(3)


@pytest.mark.parametrize("name", [name for name in command.NAMES if not name.startswith("torch")])
def test_every_engine_runner_equals_the_reference(
    name: str, gl: GLBackend, cpu: CPUBackend, catalogue: Catalogue
) -> None:
    device, _, variant = name.partition("-")
    for kernel in ("square", "hexagonal"):
        nca = Reference(MODEL, catalogue.get(kernel))
        runner = runners.EngineRunner(variant, cpu if device == "cpu" else gl, MODEL, nca.kernel)
        worst = timing.check_runner(runner, nca, state(9, 6))
        assert worst < 1e-5 if variant != "half" else 1e-5 < worst < 2**-11 * 3
        runner.run(2)
        runner.release()


@pytest.mark.usefixtures("eager")
def test_one_cell_of_each_pair_fires_and_coins_are_fair(catalogue: Catalogue) -> None:
    nca = Reference(MODEL, catalogue.get("square"))
    torch.manual_seed(0)
    for make in (torch_runners.compiled_loop, torch_runners.paired_loop):
        loop = make(nca, (100, 60))
        fires = loop.fires(loop.draw())
        assert fires.shape == (1, 1, 60, 100)
        assert set(fires.unique().tolist()) == {0, 1}
        upper, lower = fires[:, :, :30], fires[:, :, 30:]
        assert abs(float(upper.float().mean()) - 0.5) < 0.05
        assert bool((upper + lower == 1).all()) == (make is torch_runners.paired_loop)


@pytest.mark.usefixtures("eager")
def test_torch_names_what_it_cannot_run(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    square, hexagonal = catalogue.get("square"), catalogue.get("hexagonal")
    with pytest.raises(NCAError, match="only models like those of the article's notebook; this one has other clips"):
        torch_runners.TorchRunner("torch", random_model(small(SELFORG)), square, (8, 8))
    with pytest.raises(NCAError, match="does not fit the skewed lattice hexagonal"):
        torch_runners.TorchRunner("torch", MODEL, hexagonal, (8, 8))
    with pytest.raises(NCAError, match="even number of rows"):
        torch_runners.TorchRunner("torch-compile-pairs", MODEL, square, (8, 7))
    monkeypatch.setattr(torch_runners, "can_compile", lambda device: False)
    for name in ("torch-compile", "torch-compile-pairs"):
        with pytest.raises(NCAError, match=r"needs a C\+\+ compiler"):
            torch_runners.TorchRunner(name, MODEL, square, (8, 8))


def test_the_command_knows_all_runners() -> None:
    engine, torch_loops = ([n for n in command.NAMES if n.startswith("torch") == torch] for torch in (False, True))
    assert torch_loops == list(torch_runners.LOOPS)
    assert {name.partition("-")[2] for name in engine} == set(runners.DIFFERENCES)
    assert set(command.NAMES) - set(command.DEFAULT_NAMES.split(",")) == {"gl-half", "gl-fragment"}


# Measuring


class Wrong(torch_runners.TorchRunner):
    """The notebook's loop with a small error in one cell."""

    error = 1e-4
    released = 0

    def release(self) -> None:
        super().release()
        type(self).released += 1

    def step_once(self, x: torch.Tensor) -> torch.Tensor:
        y = super().step_once(x)
        y[0, 0, 1, 1] += self.error
        return y


class Broken(Wrong):
    """One cell is not a number."""

    error = float("nan")


def wrong(kind: type[Wrong], catalogue: Catalogue) -> timing.MakeRunner:
    square = catalogue.get("square")
    return lambda name, size: (kind if name == "wrong" else torch_runners.TorchRunner)("torch", MODEL, square, size)


@pytest.mark.parametrize("kind", [Wrong, Broken])
def test_a_runner_that_computes_something_else_is_not_timed(kind: type[Wrong], catalogue: Catalogue) -> None:
    shown: list[str] = []
    kind.released = 0
    plan = BenchPlan(((8, 6), (4, 4)), ("torch", "wrong"), rounds=2, seconds=0.01)
    report = timing.time_steps(plan, MODEL, catalogue.get("square"), wrong(kind, catalogue), shown.append)
    assert [(r.backend, r.size) for r in report.results] == [("torch", "8x6"), ("torch", "4x4")]
    assert [(s.backend, s.refused) for s in report.skipped] == [("wrong", True)] * 2
    assert "at 8x6 it differs from the reference by" in report.skipped[0].reason
    assert kind.released == 2
    assert len(shown) <= plan.total
    square = catalogue.get("square")
    with pytest.raises(RefusedError):
        timing.check_runner(kind("torch", MODEL, square, (8, 6)), Reference(MODEL, square), state(8, 6))


def test_a_runner_that_fails_is_skipped_with_one_reason(catalogue: Catalogue) -> None:
    def make(name: str, size: tuple[int, int]) -> runners.Runner:
        if name == "torch":
            return torch_runners.TorchRunner(name, MODEL, catalogue.get("square"), size)
        raise {"a": NCAError("Not here."), "b": RuntimeError("first\nsecond"), "c": MemoryError()}[name]

    plan = BenchPlan(((8, 8), (4, 4)), ("a", "b", "c", "torch"), 1, 0.01)
    report = timing.time_steps(plan, MODEL, catalogue.get("square"), make)
    reasons = {s.backend: s.reason for s in report.skipped}
    assert reasons == {"a": "Not here.", "b": "first", "c": NO_MEMORY}
    assert len(report.skipped) == 3
    for r in report.results:
        assert 0 < r.best_ms_per_step <= r.ms_per_step
        assert r.cell_steps_per_second == pytest.approx(r.cells / (r.ms_per_step / 1e3))
        assert r.gflops == pytest.approx(
            timing.operations(MODEL.config, r.cells, 0.5) / r.ms_per_step / 1e6,
        )
        assert r.fraction_of_peak == pytest.approx(r.gflops / report.peaks["cpu"])


def test_all_take_turns_and_make_the_same_steps_per_round() -> None:
    made: list[tuple[str, int]] = []

    def run(name: str) -> Callable[[int], None]:
        return lambda steps: made.append((name, steps))

    took = timing.time_in_turn({"a": run("a"), "b": run("b")}, BenchPlan((), (), rounds=3, seconds=1e-9))
    assert {name: len(times) for name, times in took.items()} == {"a": 3, "b": 3}
    rounds = [made[-12:][k : k + 4] for k in (0, 4, 8)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert [name for name, _ in rounds[0]] == ["a", "a", "b", "b"]
    assert rounds[0][0][1] == rounds[0][2][1] == 1  # the steps that do not count


def test_sizes_too_large_for_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    timing.check_memory(Config(), (64, 64))
    monkeypatch.setattr(memory, "free_bytes", lambda: 1e9)
    with pytest.raises(
        NCAError,
        match=r"4096x4096 cells needs 41\.\d GB of memory here and 1\.0 GB are free; .* fits is 6\d\dx6\d\d",
    ):
        timing.check_memory(Config(), (4096, 4096))


def test_many_grids_are_compared_with_one_grid_of_as_many_cells(gl: GLBackend, catalogue: Catalogue) -> None:
    square, plan = catalogue.get("square"), BenchPlan((), (), rounds=1, seconds=0.01)
    many, one = overhead.time_many_grids(gl, MODEL, square, (16, 8), 6, plan)
    assert (many.what, many.size, one.size) == ("step 6 grids", "16x8", "48x16")
    assert many.ratio == pytest.approx(many.ms / one.ms)


# The command


def test_json_prints_one_object_only(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    flags = ("--sizes", "16,24x16", "--backends", "gl,torch", "--grids", "2", "--json", *QUICK)
    assert main(["bench", str(path), *flags]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"device", "driver", "results", "overhead", "peak_gflops", "skipped"} <= set(found)
    assert [(r["backend"], r["size"]) for r in found["results"]] == [
        (backend, size) for size in ("16x16", "24x16") for backend in ("gl", "torch")
    ]
    numbers = ("ms_per_step", "cell_steps_per_second", "gflops")
    assert all(r[key] > 0 for r in found["results"] for key in numbers)
    assert all(r["max_error"] < 1e-5 for r in found["results"])
    assert found["skipped"] == []
    assert "torch" in found["driver"]
    assert "OpenGL" in found["driver"]
    actions = {one["what"] for one in found["overhead"] if one["size"] == "16x16"}
    assert actions >= {"seed", "read back", "draw a frame", "draw and encode a frame", "step 2 grids"}
    assert {"specialise and step, first", "specialise and step, again"} <= {one["what"] for one in found["overhead"]}


@pytest.mark.usefixtures("eager")
def test_the_tables_show_everything(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    picture = tmp_path / "bench.png"
    assert main(["bench", str(path), "--sizes", "16,12x10", *QUICK, "--plot", str(picture)]) == 0
    output = capsys.readouterr().out
    joined = output.replace(" ", "")
    for title, _ in report.COLUMNS:
        assert all(word in output for word in title.split("\n"))
    for name in command.DEFAULT_NAMES.split(","):
        assert output.count(f"\n  {name} ") == 2
    assert all(word in joined for word in ("16x16", "12x10", "kept"))
    assert "in the cpu's registers alone: " in output
    assert "Peak of the cpu" in output
    assert "Besides the step" in output
    assert host_info.cpu_name() in output
    assert picture.stat().st_size > 1000


@pytest.mark.usefixtures("eager")
def test_missing_runners_are_listed_with_their_reasons(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch
) -> None:
    def none() -> None:
        raise NCAError("No OpenGL.")

    monkeypatch.setattr("ncaengine.backends.gl.backend.GLBackend", none)
    monkeypatch.setattr(torch_runners, "can_compile", lambda device: False)
    assert main(["bench", str(path), "--sizes", "8", "--json", *QUICK]) == 0
    found = json.loads(capsys.readouterr().out)
    run = ["cpu", "cpu-bernoulli", "cpu-all", "torch"]
    assert [r["backend"] for r in found["results"]] == run
    reasons = {s["backend"]: s["reason"] for s in found["skipped"]}
    assert set(reasons) == {*command.DEFAULT_NAMES.split(","), "overhead"} - set(run)
    assert reasons["gl"] == "No OpenGL."
    assert "compiler" in reasons["torch-compile"]
    assert main(["bench", str(path), "--sizes", "8", *QUICK]) == 0
    output = capsys.readouterr().out
    assert all(f"Skipped, {name}: " in output for name in reasons)
    monkeypatch.setattr(torch_runners, "LOOPS", {})
    assert "Nothing could be timed. gl: No OpenGL." in problem(capsys, path, "--sizes", "8", "--backends", "gl")


def test_a_refused_runner_is_an_error(capsys: pytest.CaptureFixture[str], path: Path, monkeypatch) -> None:
    def biased(nca: Reference, size: tuple[int, int]) -> torch_runners.TorchLoop:
        loop = torch_runners.notebook_loop(nca, size)
        return torch_runners.TorchLoop(
            lambda x, mask: loop.step(x, mask) + 1e-3, loop.draw, loop.fires, loop.channels_last
        )

    monkeypatch.setitem(torch_runners.LOOPS, "torch", biased)
    assert main(["bench", str(path), "--backends", "torch", "--sizes", "8", "--json", *QUICK]) == 1
    printed = capsys.readouterr()
    assert "torch was refused: at 8x8 it differs from the reference by 0.001" in printed.err
    found = json.loads(printed.out)
    assert found["results"] == []
    assert found["skipped"][0]["refused"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backends", "gl,vulkan"), "There is no backend 'vulkan' to time; choose from: cpu, "),
        (("--sizes", "0"), "each side must be from 1"),
        (("--sizes", "-3x8"), "each side must be from 1"),
        (("--sizes", "128,"), "The size '' cannot be read"),
        (("--sizes", "large"), "The size 'large' cannot be read"),
        (("--sizes", "99999"), "each side must be from 1"),
        (("--sizes", "16384"), "is too large"),
        (("--rounds", "0"), "--rounds is 0"),
        (("--seconds", "0"), "--seconds is 0"),
        (("--seconds", "nan"), "--seconds is nan"),
        (("--grids", "1"), "--grids is 1"),
        (("--plot", "a.jpg"), "ends in .png"),
        (("--kernel", "heptagonal"), "heptagonal"),
        (("nothing.pt",), "nothing.pt"),
    ],
)
def test_bad_flags_give_one_line(arguments: tuple[str, ...], message: str, capsys, path: Path) -> None:
    assert message in problem(capsys, *arguments)


def test_a_broken_model_gives_one_line(capsys: pytest.CaptureFixture[str], path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(path.read_bytes()[:200])
    assert "broken.safetensors" in problem(capsys, broken)


def test_numbers_have_three_digits() -> None:
    values = (0.01234, 0.5, 1.234, 12.34, 123.4, 12345.6)
    assert [report.three_digits(v) for v in values] == ["0.0123", "0.500", "1.23", "12.3", "123", "12,346"]


def test_the_fastest_torch_ignores_other_runners() -> None:
    rows = [
        StepTime(name, "8x8", 64, ms, ms, 1.0, 1.0, "cpu", 0.0)
        for name, ms in (("gl", 1), ("torch", 3), ("torch-b", 2))
    ]
    best = timing.fastest_torch(rows)
    assert best
    assert best.backend == "torch-b"
    assert timing.fastest_torch(rows[:1]) is None
