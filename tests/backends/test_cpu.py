"""The step for processors at every width of vectors that this one has, and the parts that it is made of."""

import ctypes
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, random_state
from hypothesis import given, settings
from hypothesis import strategies as st
from one_step import SMALL, assert_one_step_agrees, random_fields, stepped

from ncaengine.backends.cpu import boxes, machine
from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.firing import BATCH, BLOCK
from ncaengine.backends.cpu.machine import WIDTHS, Compiler, host_width
from ncaengine.backends.cpu.peak import peak_gflops
from ncaengine.backends.cpu.product import Width, pack, product
from ncaengine.backends.cpu.values import F32, I64, Unit
from ncaengine.backends.torch import TorchCells
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Alive, Clips, Config
from ncaengine.core.settings import Settings


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
def test_a_step_agrees_at_every_width(narrow: CPUBackend, catalogue: Catalogue, kernel: str, name: str) -> None:
    for size, fire_rate in (((1, 1), 0.5), ((37, 12), 0.5), ((12, 37), 0.3), ((19, 11), 1.0)):
        assert_one_step_agrees(narrow, random_model(SMALL[name]), catalogue.get(kernel), size, fire_rate, states=3)


@pytest.mark.parametrize("base", [SELFORG, NOTEBOOK_CONFIG], ids=["selforg", "notebook"])
def test_a_step_of_full_size_agrees_at_every_width(narrow: CPUBackend, catalogue: Catalogue, base: Config) -> None:
    assert_one_step_agrees(narrow, random_model(base), catalogue.get("square"), (64, 48), 0.5, states=2)


def test_a_step_with_maps_agrees_at_every_width(narrow: CPUBackend, catalogue: Catalogue) -> None:
    config = Config(
        channels=7, hidden=13, activation="swish", absolute=True, diffusion=(0.1,) * 7, extra=("row", "cos_angle"),
        scales=(0, 1), firing="channel", clips=Clips(state=(-2, 2)),
    )  # fmt: skip
    models, state = [random_model(config, seed) for seed in range(3)], random_state(23, 17, 7)
    arguments = models, catalogue.get("hexagonal"), state, random_fields(23, 17, models=3), Settings(aspect=1.5, dt=0.7)
    np.testing.assert_allclose(stepped(narrow.cells(), *arguments), stepped(TorchCells(), *arguments), atol=1e-5)


def test_blocks_of_every_width_fill_the_list() -> None:
    assert BATCH % BLOCK == 0
    assert all(BLOCK % width.rows == 0 for width in WIDTHS.values())


@settings(max_examples=12)
@given(rows=st.integers(1, 5), columns=st.integers(1, 40), depth=st.integers(1, 6), seed=st.integers(0, 99))
def test_the_product_is_numpys(compiler: Compiler, rows: int, columns: int, depth: int, seed: int) -> None:
    width, rng = compiler.width, np.random.default_rng(seed)
    rows, depth = rows * width.rows, depth * width.lanes
    x, weights, bias = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((rows, depth), (columns, depth), columns)
    )
    out = np.zeros((rows, columns), np.float32)
    function = _product(compiler, width, columns, depth)
    packed = pack(weights, width)
    assert packed.size == weights.size
    function(*(array.ctypes.data for array in (x, packed, bias, out)), rows)
    np.testing.assert_allclose(out, x @ weights.T + bias, atol=1e-4)


def _product(compiler: Compiler, width: Width, columns: int, depth: int):
    code = Code(Unit(width.fused), "product", {"x": F32, "w": F32, "b": F32, "out": F32, "count": I64}, ("count",))

    def store(row, first, total) -> None:
        code.arrays["out"][row * columns + first] = total

    x, w, b = (code.arrays[name] for name in ("x", "w", "b"))
    product(code, width, columns, depth, x, w, b, code.args["count"], store)
    code.end()
    address = compiler.address("product", code.unit)
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(address)
    function.held = address  # its code is freed with it
    return function


def test_a_damaged_file_of_the_cache_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platformdirs, "user_cache_path", lambda _: tmp_path)
    width = host_width()
    _product(Compiler(width), width, 3, width.lanes)
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole[:80] + b"\0" + whole[81:], b"\n"):
        file.write_bytes(damaged)
        _product(Compiler(width), width, 3, width.lanes)
        assert file.read_bytes() == whole
    file.unlink()
    file.mkdir()  # can be neither read nor written
    _product(Compiler(width), width, 3, width.lanes)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of other systems counts otherwise")
def test_functions_that_are_linked_again_and_dropped_take_no_memory() -> None:
    compiler = Compiler(host_width())
    unit = boxes.pack_colours(compiler.width)
    for _ in range(20):
        compiler.address("pack_colours", unit)
    before = psutil.Process().memory_info().rss
    for _ in range(1000):
        compiler.address("pack_colours", unit)
    assert psutil.Process().memory_info().rss - before < 3 * 2**20  # one linker for all would keep 9 MB


def test_the_control_group_limits_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    file = tmp_path / "cpu.max"
    monkeypatch.setattr(machine, "CGROUP", file)
    assert machine.cores() == 8
    for text, cores in (("max 100000\n", 8), ("250000 100000\n", 3), ("1000 100000\n", 1), ("nonsense", 8)):
        file.write_text(text)
        assert machine.cores() == cores


def test_the_step_does_not_hold_pythons_lock(cpu: CPUBackend, catalogue: Catalogue) -> None:
    """Another thread goes on while steps are made."""
    cells = cpu.cells()
    cells.specialise(random_model(SELFORG), catalogue.get("square"))
    cells.write(random_state(64, 64, 12))
    ended, count = threading.Event(), 0
    for number in range(300):
        cells.step(number, 0, Settings())

    def watch() -> None:
        cells.read()
        ended.set()

    thread = threading.Thread(target=watch)
    thread.start()
    while not ended.is_set():
        count += 1
    thread.join()
    assert count > 100


def test_the_peak_is_a_number() -> None:
    assert peak_gflops(threads=1) > 0.1


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_threads_and_many_steps_a_call_change_nothing(catalogue: Catalogue, threads: int) -> None:
    """Also with coarser scales, life and death, which are phases of their own, on more threads than processors."""
    plain = Config(channels=5, hidden=8)
    rich = Config(channels=5, hidden=8, scales=(0, 1), alive=Alive(3, 0.1), padding="zero")
    backend, alone = CPUBackend(threads=threads), CPUBackend(threads=1)
    for config, size in ((plain, (64, 96)), (plain, (50, 61)), (rich, (48, 70))):
        states = []
        for each in (backend, alone):
            cells = each.cells()
            cells.specialise(random_model(config), catalogue.get("square-wide"))
            cells.write(random_state(*size, 5))
            for number in range(40):
                cells.step(number, 5, Settings())
                if each is alone:
                    cells.read()  # one step a call
            states.append(cells.read())
        assert np.array_equal(*states)
    backend.release()
    alone.release()
