"""`ncaengine bench`: nothing is timed that computes something else, and nothing is left out in silence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.reference import Reference
from ncaengine.cli import main
from ncaengine.cli.bench import command, host_info, overhead, report, runners, timing
from ncaengine.cli.bench.timing import Plan, RefusedError, Result
from ncaengine.core import memory
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config
from ncaengine.core.settings import SETTINGS
from ncaengine.formats import model_files

MODEL = random_model(small(NOTEBOOK_CONFIG))
QUICK = ("--seconds", "0.01", "--rounds", "2")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be compiled runs as it is, in no time."""
    monkeypatch.setattr(runners, "compiled_piece", lambda piece: piece)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model's file; the process keeps its settings."""
    monkeypatch.setattr(host_info, "yield_to_others", lambda: "")
    monkeypatch.setattr(host_info, "keep_memory", lambda: "kept")
    model_files.save(MODEL, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def state(width: int, height: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return 0.5 * torch.randn(1, MODEL.config.channels, height, width, generator=rng)


def problem(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["bench", *map(str, arguments)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("ncaengine: ")
    assert said.count("\n") == 1, said
    return said


# What is counted


def test_the_articles_model_has_5760_multiply_adds() -> None:
    assert timing.multiply_adds(Config()) == 5760
    assert timing.multiply_adds(Config(hidden=0)) == 48 * 12


def test_only_cells_that_fire_count() -> None:
    assert timing.operations(Config(), 100, 0.5) == 2 * 5760 * 50
    assert timing.operations(Config(), 100, 1) == 2 * 5760 * 100
    some = timing.operations(Config(firing="channel"), 100, 0.5)
    assert some == pytest.approx(2 * 5760 * 100 * (1 - 0.5**12))


def test_the_machine_is_named() -> None:
    assert host_info.cores() >= 1
    assert host_info.cpu_name()
    assert memory.free_bytes() > 1e6
    assert host_info.matmul_gflops("cpu") > 0


def test_on_a_busy_machine_torch_waits_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    monkeypatch.setattr(host_info.os, "environ", variables)
    monkeypatch.setattr(host_info.os, "getloadavg", lambda: (0.0, 9.0, 9.0))
    assert host_info.yield_to_others() == ""
    assert variables == {}
    monkeypatch.setattr(host_info.os, "getloadavg", lambda: (host_info.cores() + 0.25, 0.0, 0.0))
    assert "the machine did other work (load " in host_info.yield_to_others()
    assert variables == {"OMP_WAIT_POLICY": "passive"}
    variables["OMP_WAIT_POLICY"] = "active"  # as its user wants it
    assert "OMP_WAIT_POLICY=active" in host_info.yield_to_others()


# Contenders


@pytest.mark.parametrize("size", [(12, 8), (7, 4), (5, 16)])
@pytest.mark.parametrize("name", runners.LOOPS)
@pytest.mark.usefixtures("eager")
def test_torch_in_each_way_equals_the_reference(name: str, size: tuple[int, int], catalogue: Catalogue) -> None:
    for kernel in ("square", "square-wide") if name == "torch" else ("square", "hexagonal", "square-wide"):
        nca = Reference(MODEL, catalogue.get(kernel))
        contender = runners.Torch(name, MODEL, nca.kernel, size)
        assert timing.check(contender, nca, state(*size)) < 1e-5
        contender.run(3)


@pytest.mark.parametrize("name", runners.DIFFERENCES)
def test_the_engine_in_each_way_equals_the_reference(name: str, gl: GLBackend, catalogue: Catalogue) -> None:
    if not set(runners.DIFFERENCES[name]) <= set(SETTINGS):
        with pytest.raises(NCAError, match="is what gl does here, for this version has no setting"):
            runners.Engine(name, gl, MODEL, catalogue.get("square"))
        return
    for kernel in ("square", "hexagonal"):
        nca = Reference(MODEL, catalogue.get(kernel))
        contender = runners.Engine(name, gl, MODEL, nca.kernel)
        worst = timing.check(contender, nca, state(9, 6))
        assert worst < 1e-5 if name != runners.HALF else 1e-5 < worst < 2**-11 * 3
        contender.run(2)
        contender.release()


@pytest.mark.usefixtures("eager")
def test_of_each_pair_one_cell_fires_and_coins_are_fair(catalogue: Catalogue) -> None:
    nca = Reference(MODEL, catalogue.get("square"))
    torch.manual_seed(0)
    for make in (runners.whole, runners.pairs):
        loop = make(nca, (100, 60))
        fires = loop.fires(loop.draw())
        assert fires.shape == (1, 1, 60, 100)
        assert set(fires.unique().tolist()) == {0, 1}
        upper, lower = fires[:, :, :30], fires[:, :, 30:]
        assert abs(float(upper.float().mean()) - 0.5) < 0.05
        assert bool((upper + lower == 1).all()) == (make is runners.pairs)


@pytest.mark.usefixtures("eager")
def test_what_torch_cannot_run_is_told(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    square, hexagonal = catalogue.get("square"), catalogue.get("hexagonal")
    with pytest.raises(NCAError, match="like those of the article's notebook; this one has other clips"):
        runners.Torch("torch", random_model(small(SELFORG)), square, (8, 8))
    with pytest.raises(NCAError, match="closes no torus of the lattice hexagonal"):
        runners.Torch("torch", MODEL, hexagonal, (8, 8))
    with pytest.raises(NCAError, match="even number of rows"):
        runners.Torch("torch-compile-pairs", MODEL, square, (8, 7))
    monkeypatch.setattr(runners, "can_compile", lambda device: False)
    for name in ("torch-compile", "torch-compile-pairs"):
        with pytest.raises(NCAError, match=r"needs a C\+\+ compiler"):
            runners.Torch(name, MODEL, square, (8, 8))


def test_the_command_knows_all_contenders() -> None:
    assert command.NAMES == runners.NAMES
    assert set(runners.NAMES) - set(command.USUAL.split(",")) == {runners.HALF}


# Measuring


class Wrong(runners.Torch):
    """The notebook's loop, and something more in one cell."""

    more = 1e-4

    def once(self, x: torch.Tensor) -> torch.Tensor:
        y = super().once(x)
        y[0, 0, 1, 1] += self.more
        return y


class Broken(Wrong):
    """A cell is no number."""

    more = float("nan")


def wrong(kind: type[Wrong], catalogue: Catalogue) -> timing.Make:
    square = catalogue.get("square")
    return lambda name, size: (kind if name == "wrong" else runners.Torch)("torch", MODEL, square, size)


@pytest.mark.parametrize("kind", [Wrong, Broken])
def test_a_contender_that_computes_something_else_gets_no_number(kind: type[Wrong], catalogue: Catalogue) -> None:
    told: list[str] = []
    plan = Plan(((8, 6), (4, 4)), ("torch", "wrong"), rounds=2, seconds=0.01)
    report = timing.measure(plan, MODEL, catalogue.get("square"), wrong(kind, catalogue), told.append)
    assert [(r.backend, r.size) for r in report.results] == [("torch", "8x6"), ("torch", "4x4")]
    assert [(s.backend, s.refused) for s in report.skipped] == [("wrong", True)] * 2
    assert "at 8x6 it differs from the reference by" in report.skipped[0].reason
    assert len(told) <= plan.total
    with pytest.raises(RefusedError):
        timing.check(kind("torch", MODEL, catalogue.get("square"), (8, 6)), _reference(catalogue), state(8, 6))


def _reference(catalogue: Catalogue) -> Reference:
    return Reference(MODEL, catalogue.get("square"))


def test_what_fails_is_left_out_with_its_reason_once(catalogue: Catalogue) -> None:
    def make(name: str, size: tuple[int, int]) -> runners.Contender:
        if name == "torch":
            return runners.Torch(name, MODEL, catalogue.get("square"), size)
        raise {"a": NCAError("Not here."), "b": RuntimeError("first\nsecond"), "c": MemoryError()}[name]

    plan = Plan(((8, 8), (4, 4)), ("a", "b", "c", "torch"), 1, 0.01)
    report = timing.measure(plan, MODEL, catalogue.get("square"), make)
    reasons = {s.backend: s.reason for s in report.skipped}
    assert reasons == {"a": "Not here.", "b": "first", "c": "there is not enough memory for it."}
    assert len(report.skipped) == 3
    for r in report.results:
        assert 0 < r.best_ms_per_step <= r.ms_per_step
        assert r.cell_steps_per_second == pytest.approx(r.cells / (r.ms_per_step / 1e3))
        assert r.gflops == pytest.approx(
            timing.operations(MODEL.config, r.cells, 0.5) / r.ms_per_step / 1e6,
        )
        assert r.fraction_of_peak == pytest.approx(r.gflops / report.peaks["cpu"])


def test_all_take_turns_and_make_the_same_steps_a_round() -> None:
    made: list[tuple[str, int]] = []

    def run(name: str) -> Callable[[int], None]:
        return lambda steps: made.append((name, steps))

    took = timing.in_turn({"a": run("a"), "b": run("b")}, Plan((), (), rounds=3, seconds=1e-9))
    assert {name: len(times) for name, times in took.items()} == {"a": 3, "b": 3}
    rounds = [made[-12:][k : k + 4] for k in (0, 4, 8)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert [name for name, _ in rounds[0]] == ["a", "a", "b", "b"]
    assert rounds[0][0][1] == rounds[0][2][1] == 1  # the steps that do not count


def test_sizes_that_memory_cannot_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    timing.check_memory(Config(), (64, 64))
    monkeypatch.setattr(memory, "free_bytes", lambda: 1e9)
    with pytest.raises(
        NCAError,
        match=r"4096x4096 cells needs 41\.\d GB of memory here and 1\.0 GB are free; .* fits is 6\d\dx6\d\d",
    ):
        timing.check_memory(Config(), (4096, 4096))


def test_many_grids_are_compared_with_one_of_as_many_cells(gl: GLBackend, catalogue: Catalogue) -> None:
    square, plan = catalogue.get("square"), Plan((), (), rounds=1, seconds=0.01)
    many, one = overhead.crowd(gl, MODEL, square, (16, 8), 6, plan)
    assert (many.what, many.size, one.size) == ("step 6 grids", "16x8", "48x16")
    assert many.ratio == pytest.approx(many.ms / one.ms)


# The command


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    asked = ("--sizes", "16,24x16", "--backends", "gl,torch", "--grids", "2", "--json", *QUICK)
    assert main(["bench", str(path), *asked]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert {"device", "driver", "results", "beside", "peak_gflops", "skipped"} <= set(found)
    assert [(r["backend"], r["size"]) for r in found["results"]] == [
        (backend, size) for size in ("16x16", "24x16") for backend in ("gl", "torch")
    ]
    numbers = ("ms_per_step", "cell_steps_per_second", "gflops")
    assert all(r[key] > 0 for r in found["results"] for key in numbers)
    assert all(r["max_error"] < 1e-5 for r in found["results"])
    assert found["skipped"] == []
    assert "torch" in found["driver"]
    assert "OpenGL" in found["driver"]
    done = {one["what"] for one in found["beside"] if one["size"] == "16x16"}
    assert done >= {"seed", "read back", "draw a frame", "draw and encode a frame", "step 2 grids"}
    assert {"specialise and step, first", "specialise and step, again"} <= {one["what"] for one in found["beside"]}


@pytest.mark.usefixtures("eager")
def test_the_table_has_everything(capsys: pytest.CaptureFixture[str], path: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    picture = tmp_path / "bench.png"
    assert main(["bench", str(path), "--sizes", "16,12x10", *QUICK, "--plot", str(picture)]) == 0
    told = capsys.readouterr().out
    joined = told.replace(" ", "")
    for row, _ in report.ROWS:
        assert told.count(f"  {row} ") == 2
    assert all(word in joined for word in ("16x16", "12x10", "gl-", "torch-", "compile-", "pairs", "kept"))
    assert "Peak of the cpu" in told
    assert "Beside the step" in told
    assert host_info.cpu_name() in told
    assert picture.stat().st_size > 1000


@pytest.mark.usefixtures("eager")
def test_what_is_not_there_is_named(capsys: pytest.CaptureFixture[str], path: Path, monkeypatch) -> None:
    def none() -> None:
        raise NCAError("No OpenGL.")

    monkeypatch.setattr("ncaengine.backends.gl.backend.GLBackend", none)
    monkeypatch.setattr(runners, "can_compile", lambda device: False)
    assert main(["bench", str(path), "--sizes", "8", "--json", *QUICK]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [r["backend"] for r in found["results"]] == ["torch"]
    reasons = {s["backend"]: s["reason"] for s in found["skipped"]}
    assert set(reasons) == {*command.USUAL.split(","), "beside"} - {"torch"}
    assert reasons["gl"] == "No OpenGL."
    assert "compiler" in reasons["torch-compile"]
    assert main(["bench", str(path), "--sizes", "8", *QUICK]) == 0
    told = capsys.readouterr().out
    assert all(f"Left out, {name}: " in told for name in reasons)
    monkeypatch.setattr(runners, "LOOPS", {})
    assert "Nothing could be timed. gl: No OpenGL." in problem(capsys, path, "--sizes", "8", "--backends", "gl")


def test_a_refused_contender_is_an_error(capsys: pytest.CaptureFixture[str], path: Path, monkeypatch) -> None:
    def biased(nca: Reference, size: tuple[int, int]) -> runners.Loop:
        loop = runners.notebook(nca, size)
        return runners.Loop(lambda x, mask: loop.step(x, mask) + 1e-3, loop.draw, loop.fires, loop.last)

    monkeypatch.setitem(runners.LOOPS, "torch", biased)
    assert main(["bench", str(path), "--backends", "torch", "--sizes", "8", "--json", *QUICK]) == 1
    said = capsys.readouterr()
    assert "torch was refused: at 8x8 it differs from the reference by 0.001" in said.err
    found = json.loads(said.out)
    assert found["results"] == []
    assert found["skipped"][0]["refused"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--backends", "gl,vulkan"), "There is no backend 'vulkan' to time; there are: gl, "),
        (("--backends", ""), "There is no backend ''"),
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
def test_bad_input_is_one_sentence(arguments: tuple[str, ...], sentence: str, capsys, path: Path) -> None:
    assert sentence in problem(capsys, *arguments)


def test_a_broken_model_is_one_sentence(capsys: pytest.CaptureFixture[str], path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(path.read_bytes()[:200])
    assert "broken.safetensors" in problem(capsys, broken)


def test_numbers_have_three_digits() -> None:
    given_ = (0.01234, 0.5, 1.234, 12.34, 123.4, 12345.6)
    assert [report.rounded(v) for v in given_] == ["0.0123", "0.500", "1.23", "12.3", "123", "12,346"]


def test_the_fastest_torch_is_of_torch() -> None:
    rows = [
        Result(name, "8x8", 64, ms, ms, 1.0, 1.0, "cpu", 0.0) for name, ms in (("gl", 1), ("torch", 3), ("torch-b", 2))
    ]
    best = timing.fastest_torch(rows)
    assert best
    assert best.backend == "torch-b"
    assert timing.fastest_torch(rows[:1]) is None
