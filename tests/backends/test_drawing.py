"""The processor's compiled drawing, compared with NumPy's: any lattice, any view, every look."""

import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import SELFORG, random_model, random_state
from hypothesis import assume, given
from hypothesis import strategies as st
from one_step import random_fields

from ncaengine.backends.cpu import machine, pictures
from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.cpu.workers import Workers
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import canvas, kernels, lattice, looks
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import MAX_SCALE, View
from ncaengine.core.looks import Look
from ncaengine.core.model import Colour
from ncaengine.core.settings import Settings

HEXAGONAL, SQUARE = (kernels.discover().get(name) for name in ("hexagonal", "square"))
PLAIN = Colour(1, 0)


def of_basis(ax: float, bx: float, by: float) -> Kernel:
    return Kernel("k", "", "", ((ax, 0.0), (bx, by)), SQUARE.stencils, Path())


def furthest(backend: CPUBackend, rgb: np.ndarray, kernel: Kernel, view: View, lines: float = 0.0) -> int:
    """The largest difference to NumPy's drawing."""
    expected = canvas.draw(rgb, kernel, PLAIN, view, lines=lines)
    drawn = pictures.draw(backend.programs, backend.workers, pictures.pack(rgb), kernel, view, lines)
    assert drawn.shape == expected.shape
    assert drawn.dtype == np.uint8
    return int(np.abs(drawn.astype(int) - expected).max())


def colours(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


LATTICES = {
    "hexagonal": HEXAGONAL,
    "skewed": of_basis(1.9**0.5, -(0.37**0.5), 0.7**0.5),
    "far": of_basis(0.9, 7.3, 1.1),
    "flat": of_basis(1.0, 1.0, 0.8),
}


@pytest.mark.parametrize("scale", [0.1, 0.31, 0.7, 1.0, 1.37, 2.0, 3.3, 8.0, 64.0])
@pytest.mark.parametrize("name", LATTICES)
def test_it_draws_as_numpy_does_at_every_width(narrow: CPUBackend, name: str, scale: float) -> None:
    for size, pixels, lines in (
        ((1, 1), (1, 1), 0.0),
        ((33, 21), (61, 47), 0.0),
        ((7, 5), (16, 3), 0.4),
        ((2, 9), (5, 31), 1),
    ):
        view = View(*pixels, scale, 0.31 * len(name), -57.3 / scale)
        assert furthest(narrow, colours(*size), LATTICES[name], view, lines) <= 1


SIDE = st.integers(1, 40)


@given(
    size=st.tuples(SIDE, SIDE), pixels=st.tuples(SIDE, SIDE),
    scale=st.floats(-1, 1).map(lambda e: 2.5 * 25.0**e), at=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    shape=st.floats(0.9, 1.2), skew=st.floats(-3, 3), lines=st.sampled_from([0.0, 0.0, 0.25, 1.0]),
)  # fmt: skip
def test_any_view_of_any_lattice_is_drawn_as_numpy_does(
    cpu: CPUBackend, size, pixels, scale: float, at, shape: float, skew: float, lines: float
) -> None:
    kernel, view = of_basis(shape, skew, 1 / shape), View(*pixels, scale, *at)
    assume(view.raster(kernel) == "sampled")
    assert furthest(cpu, colours(*size), kernel, view, lines) <= 1


def test_a_square_grid_seen_from_afar_is_sampled(cpu: CPUBackend) -> None:
    for scale in (0.49, 0.2, 0.1, 0.03):
        assert furthest(cpu, colours(100, 70), SQUARE, View(45, 33, scale, -3.3, 2.1)) <= 1


@pytest.mark.parametrize("scale", [0.7, 1.37, 6.0, float(MAX_SCALE)])
@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look("channel", (4, 0, 0), 2.0),
        Look("three", (9, 3, 1)),
        Look("update"),
        Look("alive"),
        Look(overlay="angle"),
    ],
    ids=lambda look: look.overlay or look.mode,
)
def test_every_look_is_drawn_as_numpy_and_opengl_do(cpu: CPUBackend, gl: GLBackend, look: Look, scale: float) -> None:
    model, fields, first = random_model(SELFORG), random_fields(13, 11), random_state(13, 11, 12)
    view, drawn = View(50, 37, scale, -1.3, 7.7), []
    for backend in (cpu, gl):
        cells = backend.cells()
        cells.specialise(model, HEXAGONAL)
        cells.write(first)
        cells.write_fields(fields)
        cells.step(0, 0, Settings())
        after = cells.read()
        drawn += [cells.draw(view, look, 0.5), cells.draw_newest(view, look, 0.5)]
        expected = canvas.draw(after, HEXAGONAL, model.config.colour, view, look, first, fields, 0.5)
        cells.release()
        assert max(np.abs(each.astype(int) - expected).max() for each in drawn) <= 1


def test_nan_is_black(cpu: CPUBackend) -> None:
    state = np.full((9, 7, 12), np.nan, np.float32)
    cells = cpu.cells()
    cells.specialise(random_model(SELFORG), HEXAGONAL)
    for scale in (0.3, 1.0, 7.3):
        cells.write(state)
        assert not cells.draw(View(40, 30, scale, 0, 0)).any()
        state[4, 3] = 5.0
        cells.write(state)
        assert cells.draw(View(40, 30, scale, 0, 0)).max() > 0
        state[4, 3] = np.nan
    cells.release()


def test_the_same_view_shows_the_state_of_now(cpu: CPUBackend) -> None:
    cells = cpu.cells()
    cells.specialise(random_model(SELFORG), HEXAGONAL)
    drawn = []
    for seed in (1, 2, 1):
        cells.write(random_state(9, 8, 12, seed))
        drawn.append(cells.draw(View(50, 40, 3.3, 0.2, -0.4)))
    cells.release()
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[0] != drawn[1]).any()


def test_one_function_serves_all(cpu: CPUBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu.programs.draw_rows()

    def refuse(*_: object) -> None:
        raise AssertionError("compiles")

    monkeypatch.setattr(machine.Compiler, "address", refuse)
    for kernel in LATTICES.values():
        for scale in (0.7, 9.0):
            assert furthest(cpu, colours(5, 4), kernel, View(20, 10, scale, 0, 0), 0.5) <= 1


# The threads


@pytest.fixture
def workers():
    workers = Workers(3)
    yield workers
    workers.release()


def test_each_part_is_done_once(workers: Workers) -> None:
    for parts in (0, 1, 2, 50):
        done: list[int] = []
        workers.share(done.append, parts)
        assert sorted(done) == list(range(parts))


def test_the_caller_does_the_work_if_all_others_are_busy(workers: Workers) -> None:
    """As while steps are made."""
    gate, begun = threading.Event(), threading.Barrier(4)

    def occupy(_: int) -> None:
        begun.wait(20)
        gate.wait(20)

    other = threading.Thread(target=workers.share, args=(occupy, 3))
    other.start()
    begun.wait(20)
    names: list[str] = []
    workers.share(lambda _: names.append(threading.current_thread().name), 5)
    gate.set()
    other.join()
    assert names == [threading.current_thread().name] * 5


def test_the_error_of_a_part_is_raised(workers: Workers) -> None:
    both = threading.Barrier(3)

    def fail(part: int) -> None:
        both.wait(20)
        if part == fails:
            raise ValueError(str(part))

    for fails in range(3):
        with pytest.raises(ValueError, match=str(fails)):
            workers.share(fail, 3)


def test_pictures_are_drawn_while_steps_are_made(cpu: CPUBackend) -> None:
    stepping, shown = cpu.cells(), cpu.cells()
    for cells in (stepping, shown):
        cells.specialise(random_model(SELFORG), HEXAGONAL)
        cells.write(random_state(64, 64, 12))
    view = View(150, 110, 2.3, 1.0, 2.0)
    expected = shown.draw(view)
    for number in range(200):
        stepping.step(number, 0, Settings())
        assert (shown.draw(view) == expected).all()
    stepping.read()
    stepping.release()
    shown.release()


def test_the_torus_repeats_beyond_its_sides(cpu: CPUBackend) -> None:
    across, down = lattice.extent(HEXAGONAL, (9, 8))
    rgb = colours(9, 8)
    home, away = (
        pictures.draw(cpu.programs, cpu.workers, pictures.pack(rgb), HEXAGONAL, View(50, 40, 6.1, x, y), 0.0).astype(
            int
        )
        for x, y in ((0.3, 0.2), (0.3 + 1000 * across, 0.2 - 2000 * down))
    )
    assert np.abs(home - away).max() <= 1


RECTANGLES = {"square": SQUARE, "wide": of_basis(1.3, 0.0, 0.8), "tall": of_basis(0.7, 0.0, 1.9)}


@pytest.mark.parametrize("lines", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("name", RECTANGLES)
def test_rectangular_cells_are_drawn_as_numpy_does_at_every_width(narrow: CPUBackend, name: str, lines: float) -> None:
    for n, (size, scale) in enumerate(
        (((1, 1), 7.3), ((5, 3), 0.8), ((17, 33), 2.0), ((64, 9), 1.37), ((30, 40), 23.0))
    ):
        view = View(71, 46, scale, -3.7 + n, 0.31 * n)
        if view.raster(RECTANGLES[name]) != "sampled":
            assert furthest(narrow, colours(*size, n), RECTANGLES[name], view, lines) <= 1


@given(
    width=st.integers(1, 40), height=st.integers(1, 40), scale=st.floats(0.8, MAX_SCALE), x=st.floats(-99, 99),
    y=st.floats(-99, 99), across=st.integers(1, 80), down=st.integers(1, 60), lines=st.sampled_from([0.0, 0.3]),
)  # fmt: skip
def test_any_view_of_squares_is_drawn_as_numpy_does(
    cpu: CPUBackend, width: int, height: int, scale: float, x: float, y: float, across: int, down: int, lines: float
) -> None:
    assert furthest(cpu, colours(width, height), SQUARE, View(across, down, scale, x, y), lines) <= 1


@pytest.mark.parametrize("channels", [3, 4, 12])
def test_plain_colours_are_packed_as_numpy_does(narrow: CPUBackend, channels: int) -> None:
    state = random_state(19, 7, channels, spread=2.0)
    state[0, :3, :2] = np.nan, np.inf
    state[1, 0] = -np.inf
    flat = np.concatenate([state.reshape(-1, channels), np.zeros((1, channels), np.float32)])
    for colour in (Colour(), Colour(0.5, 0.5), Colour(-1.3, 0.2)):
        packed = pictures.pack_state(narrow.programs, flat, (19, 7), colour)
        with np.errstate(invalid="ignore"):
            expected = pictures.pack(looks.to_rgb(state, colour))
        ours, theirs = (each.view(np.uint8).reshape(7, 19, 4)[..., :3].astype(int) for each in (packed, expected))
        assert np.abs(ours - theirs).max() <= 1
