"""Kernel plugins: the built-in ones, the moment check, and where plugins are found."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_plugins import VALID, replaced, write

from ncaengine.cli import main
from ncaengine.core import kernel_files, kernels, stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Config

BUILT_IN = {"square", "hexagonal", "hexagonal-distill", "von-neumann", "square-wide"}


@pytest.fixture(autouse=True)
def no_plugins_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernels, "user_folder", lambda: tmp_path / "nobody")


def test_all_built_ins_load() -> None:
    found = kernels.discover()
    assert set(found.kernels) == BUILT_IN
    assert not found.broken
    for name, kernel in found.kernels.items():
        assert kernel.name == name == kernel.source.parent.name
        assert kernel.title != name
        assert kernel.description


@pytest.mark.parametrize("name", sorted(BUILT_IN - {"hexagonal-distill"}))
def test_a_built_in_is_moment_matched(catalogue: Catalogue, name: str) -> None:
    kernel = catalogue.get(name)
    assert kernel.unmatched() == []
    assert kernel.gains() == pytest.approx((1, 1, 1), abs=1e-6)


def test_the_published_hexagonal_kernel_has_its_published_gains(catalogue: Catalogue) -> None:
    kernel = catalogue.get("hexagonal-distill")
    assert kernel.gains() == pytest.approx((0.75, 0.75**0.5, 0.75), abs=1e-6)
    message = kernel.unmatched()
    assert len(message) == 3
    assert any("gradient_x on x gives 0.75, not 1" in line for line in message)


def test_radii(catalogue: Catalogue) -> None:
    assert {name: k.radius for name, k in catalogue.kernels.items()} == {
        name: 2 if name == "square-wide" else 1 for name in BUILT_IN
    }


@pytest.mark.parametrize("name", sorted(BUILT_IN))
@pytest.mark.parametrize("stencil", kernel_files.REQUIRED)
def test_moments_are_what_a_convolution_over_the_plane_gives(catalogue: Catalogue, name: str, stencil: str) -> None:
    """Each polynomial is laid out on the cells about one and the padded stencil applied as a sum."""
    kernel = catalogue.get(name)
    dense, r = stencils.dense(Config(), kernel, stencil).astype(float), kernel.radius
    rows, columns = np.mgrid[-r : r + 1, -r : r + 1]
    at = columns[..., None] * np.array(kernel.basis[0]) + rows[..., None] * np.array(kernel.basis[1])
    x, y = at[..., 0], at[..., 1]
    found = kernel.moments(stencil)
    for key, plane in {
        "constant": np.ones_like(x), "x": x, "y": y, "round": x**2 + y**2, "stretch": x**2 - y**2, "shear": 2 * x * y,
    }.items():  # fmt: skip
        assert getattr(found, key) == pytest.approx((dense * plane).sum(), abs=1e-5), key


def test_a_stencil_answers_to_a_tilted_plane_with_its_slopes(catalogue: Catalogue) -> None:
    """The point of matched kernels: the same picture has the same gradients on every lattice."""
    for name in BUILT_IN - {"hexagonal-distill"}:
        kernel = catalogue.get(name)
        (ax, _), (bx, by) = kernel.basis

        def height(row: int, column: int, ax: float = ax, bx: float = bx, by: float = by) -> float:
            x, y = 5 + column * ax + row * bx, -3 + row * by
            return 2 + 0.7 * x - 1.3 * y

        for stencil, slope in (("gradient_x", 0.7), ("gradient_y", -1.3), ("laplacian", 0)):
            taps = kernel.stencils[stencil].taps()
            assert sum(w * height(row, column) for row, column, w in taps) == pytest.approx(slope, abs=1e-6)


def test_a_changed_weight_is_reported(tmp_path: Path) -> None:
    kernel = kernels.load_kernel(write(tmp_path, VALID.replace("divisor = 4", "divisor = 2")))
    assert kernel.gains() == pytest.approx((1, 1, 2))
    assert kernel.unmatched() == ["laplacian on x²+y² gives 8, not 4"]


@pytest.mark.parametrize(
    ("stencil", "divisor", "wrong"), [("gradient_x", 8, 3), ("gradient_y", 8, -8), ("laplacian", 4, 7)]
)
def test_a_divisor_that_would_match_is_found_and_matches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stencil: str, divisor: float, wrong: float
) -> None:
    head, tail = VALID.split(f"[stencils.{stencil}]\n")
    text = f"{head}[stencils.{stencil}]\n{tail.replace(f'divisor = {divisor}', f'divisor = {wrong}', 1)}"
    kernel = kernels.load_kernel(write(tmp_path, text))
    assert kernel.unmatched()
    assert kernel.matching_divisors() == {stencil: pytest.approx(divisor)}
    assert main(["kernels", "--plugins", str(tmp_path)]) == 0
    assert f"{stencil} matches with divisor = {divisor} " in capsys.readouterr().out


def test_no_divisor_matches_a_stencil_of_another_shape(tmp_path: Path) -> None:
    skewed = VALID.replace("[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]", "[[-1, 0, 1], [-2, 0, 2], [-1, 1, 0]]")
    kernel = kernels.load_kernel(write(tmp_path, skewed))
    assert kernel.unmatched()
    assert kernel.matching_divisors() == {}


def test_a_broken_plugin_is_listed_and_stops_no_other(tmp_path: Path) -> None:
    bad = write(tmp_path, replaced("divisor = 4", "divisor = 0"), "a-bad")
    write(tmp_path, VALID, "good")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder" / "kernel.toml").mkdir(parents=True)
    found = kernels.discover([tmp_path])
    assert set(found.kernels) == BUILT_IN | {"mine"}
    assert found.broken[bad] == "`stencils.laplacian.divisor` must be a number other than 0."
    assert set(found.broken) == {bad, tmp_path / "folder" / "kernel.toml"}


def test_a_plugin_folder_may_hold_the_manifest_itself(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert "mine" in kernels.discover([path.parent]).kernels


def test_a_folder_that_is_none_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NCAError, match=r"nowhere is not a folder of plugins"):
        kernels.discover([tmp_path / "nowhere"])


def test_an_unknown_kernel_is_reported_with_the_available_ones(catalogue: Catalogue) -> None:
    with pytest.raises(NCAError, match=r"no kernel 'octagonal'; choose from: .*square"):
        catalogue.get("octagonal")


def test_a_model_starts_on_the_first_of_its_kernels_that_is_there(catalogue: Catalogue) -> None:
    assert catalogue.first(("gone", "hexagonal", "square")).name == "hexagonal"
    assert catalogue.first(("gone",)).name == "square"


def test_a_name_that_is_taken_counts_as_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built-ins come first, then the user's folder, then those given, in their order."""
    places = [tmp_path / name for name in ("user", "one", "two")]
    monkeypatch.setattr(kernels, "user_folder", lambda: places[0])
    for place in places:
        write(place, VALID.replace('"Mine"', f'"{place.name}"'))
    write(places[0], VALID.replace('"mine"', '"square"'), "extra")
    found = kernels.discover([*places[1:], places[1]])  # a folder given twice is no clash
    assert (found.get("mine").title, found.get("square").title) == ("user", "Square")
    assert len(found.broken) == 3
    assert all("choose another" in reason and "`name`" in reason for reason in found.broken.values())


def test_an_unknown_name_names_broken_plugins(tmp_path: Path) -> None:
    write(tmp_path, VALID.replace('"mine"', '"My kernel"'))
    with pytest.raises(NCAError, match=r"no kernel 'mine'.*\nBroken: .*kernel\.toml: `name`"):
        kernels.discover([tmp_path]).get("mine")


def test_a_folder_without_plugins_is_said(tmp_path: Path) -> None:
    with pytest.raises(NCAError, match=r"holds no NAME/kernel\.toml"):
        kernels.discover([tmp_path])


def test_the_user_folder_follows_the_desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    if not sys.platform.startswith("linux"):
        pytest.skip("XDG_CONFIG_HOME is Linux's")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert kernels.user_folder() == tmp_path / "ncaengine" / "plugins"
    write(kernels.user_folder())
    assert kernels.discover().get("mine").title == "Mine"


def test_a_user_folder_that_cannot_be_looked_at_holds_no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "user_folder", lambda: Path("n" * 300))
    assert kernels.discover().get("square")


def installed(folder: Path, value: str) -> None:
    """A distribution that announces plugins, as an installer leaves it."""
    info = folder / f"fake_{value.replace('.', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fake-{value}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ncaengine.plugins]\nfake = {value}\n")


def test_installed_packages_announce_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "my_nca_kernels"
    write(package)
    (package / "__init__.py").write_text("raise SystemExit('a plugin ran code')\n")
    (tmp_path / "a_module.py").write_text("raise SystemExit('a plugin ran code')\n")
    for value in ("my_nca_kernels", "not_there", "a_module", "not_there.either"):
        installed(tmp_path, value)
    found = kernels.discover()
    assert found.get("mine").source == package / "mine" / "kernel.toml"
    assert set(found.broken) == {Path("not_there"), Path("a_module"), Path("not_there.either")}
    assert "must name a package" in found.broken[Path("a_module")]
    assert "my_nca_kernels" not in sys.modules


@given(st.integers(1, 10_000))
def test_row_shift_of_a_hexagonal_grid_is_half_its_height(height: int) -> None:
    assert HEXAGONAL.row_shift(height) == height // 2


@given(st.integers(1, 10_000))
def test_row_shift_of_a_square_grid_is_0(height: int) -> None:
    assert SQUARE.row_shift(height) == 0


@given(st.integers(1, 500), st.floats(-2, 2), st.floats(0.1, 2))
def test_row_shift_brings_the_torus_back_to_less_than_a_cell(height: int, skew: float, pitch: float) -> None:
    kernel = Kernel("k", "", "", ((pitch, 0.0), (skew, 1.0)), SQUARE.stencils, Path())
    left = height * skew - kernel.row_shift(height) * pitch
    assert -1e-6 <= left <= pitch + 1e-6


HEXAGONAL, SQUARE = (
    kernels.load_kernel(kernels.resources.folder("plugins") / n / "kernel.toml") for n in ("hexagonal", "square")
)
