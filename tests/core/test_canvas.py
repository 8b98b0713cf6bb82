"""Pictures of a grid: the same from NumPy, from OpenGL and from the processor's compiled code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model, random_state

from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import canvas, kernels, lattice, looks
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Colour, Config

BUILT_IN = {p.parent.name: kernels.load_kernel(p) for p in kernels.resources.folder("plugins").glob("*/kernel.toml")}
SQUARE, HEXAGONAL = BUILT_IN["square"], BUILT_IN["hexagonal"]
WIDE = Kernel(
    "k", "", "", ((1.9**0.5, 0.0), (-(0.37**0.5), 0.7**0.5)), SQUARE.stencils, Path()
)  # cells of another shape, skewed leftwards
COLOUR = Colour(0.5, 0.5)


@pytest.mark.parametrize("scale", [1, 2, 5])
@pytest.mark.parametrize("size", [(1, 1), (7, 4), (33, 21)])
def test_a_square_grid_at_a_whole_scale_repeats_its_pixels(
    backend_draws: Callable[..., np.ndarray], size: tuple[int, int], scale: int
) -> None:
    state = random_state(*size, 3)
    expected = looks.raw_picture(state, COLOUR).repeat(scale, 0).repeat(scale, 1)
    for picture in backend_draws(state, SQUARE, lattice.whole_view(SQUARE, size, scale)):
        assert np.abs(picture.astype(int) - expected).max() <= 1


@pytest.fixture
def backend_draws(gl: GLBackend, cpu: CPUBackend) -> Callable[..., list[np.ndarray]]:
    """The pictures of NumPy, of OpenGL and of the processor."""

    def draw(state: np.ndarray, kernel: Kernel, look: View, lines: float = 0.0) -> list[np.ndarray]:
        pictures = [canvas.draw(state, kernel, COLOUR, look, lines=lines)]
        for backend in (gl, cpu):
            cells = backend.cells()
            cells.specialise(random_model(Config(channels=state.shape[2], hidden=1, colour=COLOUR)), kernel)
            cells.write(state)
            pictures.append(cells.draw(look, lines=lines))
            cells.release()
        return pictures

    return draw


LOOKS = [
    (1.0, None),
    (2.0, None),
    (5.0, None),
    (3.7, None),
    (0.6, None),
    (5.0, (-3.3, 2.71)),
    (2.3, (101.9, -57.3)),
    (24.0, (0.13, 0.77)),
    (128.0, (-0.31, 1.07)),
]


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL, WIDE], ids=["square", "hexagonal", "wide"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 12), (33, 21)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize(("scale", "at"), LOOKS)
def test_all_draw_the_same(
    backend_draws: Callable[..., list[np.ndarray]],
    kernel: Kernel,
    size: tuple[int, int],
    scale: float,
    at: tuple[float, float] | None,
) -> None:
    x, y = at or lattice.corner(kernel)
    look = View(61, 47, scale, x, y)
    here, *others = (p.astype(int) for p in backend_draws(random_state(*size, 4), kernel, look))
    assert len(np.unique(here)) > 2
    for there in others:
        assert here.shape == there.shape == (47, 61, 3)
        assert np.abs(here - there).max() <= 1


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_a_whole_grid_is_upright(backend_draws: Callable[..., list[np.ndarray]], kernel: Kernel) -> None:
    state = np.full((8, 8, 3), -1.0, np.float32)
    state[0, 5] = 1  # top row, right of the middle
    for picture in backend_draws(state, kernel, lattice.whole_view(kernel, (8, 8), 8)):
        rows, columns = np.nonzero(picture[..., 0] > 128)
        assert rows.max() < 10
        assert columns.min() > 38
        assert columns.max() < 50


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_a_picture_of_the_torus_tiles(backend_draws: Callable[..., list[np.ndarray]], kernel: Kernel) -> None:
    """A view shifted by the whole torus shows the same: seamless sideways, and downwards if the height is even."""
    size, scale = (9, 8), 6.0
    across, down = lattice.extent(kernel, size)
    x, y = lattice.corner(kernel)
    state = random_state(*size, 3)
    home = backend_draws(state, kernel, View(50, 40, scale, x, y))
    for dx, dy in ((across, 0), (-across, 0), (0, down), (0, -down), (2 * across, -3 * down)):
        away = backend_draws(state, kernel, View(50, 40, scale, x + dx, y + dy))
        for a, b in zip(home, away, strict=True):
            different = (np.abs(a.astype(int) - b) > 1).mean()
            assert different < 0.01  # a sample on the very border of two cells may fall to either


def test_a_hexagonal_grid_of_odd_height_tiles_but_for_half_a_cell() -> None:
    size = (9, 7)
    _, down = lattice.extent(HEXAGONAL, size)
    state = random_state(*size, 3)
    x, y = lattice.corner(HEXAGONAL)
    home, moved, half = (
        canvas.draw(state, HEXAGONAL, COLOUR, View(50, 30, 6.0, x + dx, y + dy)).astype(int)
        for dx, dy in ((0, 0), (0, down), (0.5, down))
    )
    assert (np.abs(home - moved) > 1).mean() > 0.02
    assert (np.abs(home - half) > 1).mean() < 0.01


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_pixels_show_the_cell_that_is_found_under_them(kernel: Kernel) -> None:
    """What the brush will paint is what is seen: at a large scale, away from borders."""
    size = (9, 7)
    state = random_state(*size, 3)
    look = View(90, 70, 10.0, -1.3, 2.2)
    picture, colours = canvas.draw(state, kernel, COLOUR, look), looks.raw_picture(state, COLOUR)
    checked = 0
    for py in range(2, 68, 3):
        for px in range(2, 88, 3):
            corners = {lattice.cell_at(kernel, size, look, px + dx, py + dy) for dx in (0, 1) for dy in (0, 1)}
            if len(corners) == 1:
                column, row = corners.pop()
                assert np.abs(picture[py, px].astype(int) - colours[row, column]).max() <= 1
                checked += 1
    assert checked > 300


@pytest.mark.parametrize("lines", [0.0, 1.0])
def test_lines_between_cells_darken_borders_and_spare_middles(
    backend_draws: Callable[..., list[np.ndarray]], lines: float
) -> None:
    state = np.full((4, 4, 3), 1.0, np.float32)
    for kernel in (SQUARE, HEXAGONAL):
        for picture in backend_draws(state, kernel, View(80, 60, 20.0, 0.0, 0.0), lines):
            assert picture[0, 0].tolist() == [255, 255, 255]  # the middle of cell (0, 0)
            assert (picture.min() < 64) == (lines == 1.0)


LINED = [(3.0, None), (5.3, (-3.3, 2.71)), (24.0, (0.13, 0.77)), (1.7, (0.5, 0.25)), (0.4, (0.1, 0.2))]


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL, WIDE], ids=["square", "hexagonal", "wide"])
@pytest.mark.parametrize(("scale", "at"), LINED)
@pytest.mark.parametrize("lines", [0.35, 1.0])
def test_lines_are_drawn_alike(
    backend_draws: Callable[..., list[np.ndarray]],
    kernel: Kernel,
    scale: float,
    at: tuple[float, float] | None,
    lines: float,
) -> None:
    look = View(61, 47, scale, *(at or lattice.corner(kernel)))
    here, *others = (p.astype(int) for p in backend_draws(random_state(9, 7, 4), kernel, look, lines))
    assert max(np.abs(here - there).max() for there in others) <= 1


def test_the_weights_of_a_pixel_add_up_to_one(backend_draws: Callable[..., list[np.ndarray]]) -> None:
    for kernel, scale in ((SQUARE, 1.37), (HEXAGONAL, 2.0), (HEXAGONAL, 0.3), (WIDE, 0.9)):
        white = np.ones((7, 5, 3), np.float32)
        for picture in backend_draws(white, kernel, View(64, 48, scale, 0.31, -5.2)):
            assert (picture == 255).all()
