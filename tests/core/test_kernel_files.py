"""Files of kernels: what is refused, and what the message says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_plugins import VALID, replaced, write

from ncaengine.core import kernels
from ncaengine.core.errors import NCAError

GX = "weights = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]"
BASIS = "basis = [[1.0, 0.0], [0.0, 1.0]]"
BROKEN = {  # what is broken: (text, key named, part of the cure)
    "no name": (replaced('name = "mine"\n', ""), "`name`", "add it"),
    "name of capitals": (replaced('"mine"', '"My Kernel"'), "`name`", "small letters"),
    "name of another type": (replaced('"mine"', "7"), "`name`", "must be a text"),
    "no basis": (replaced(BASIS, ""), "`basis`", "add it"),
    "basis of one vector": (replaced(BASIS, "basis = [[1.0, 0.0]]"), "`basis`", "needs two entries"),
    "basis not along x": (replaced(BASIS, "basis = [[1.0, 0.1], [0.0, 1.0]]"), "`basis`", "along +x"),
    "basis upwards": (replaced(BASIS, "basis = [[1.0, 0.0], [0.5, -0.9]]"), "`basis`", "lead down"),
    "basis not finite": (replaced(BASIS, "basis = [[1.0, 0.0], [nan, 1.0]]"), "`basis`", "finite"),
    "basis huge": (replaced(BASIS, "basis = [[1.0, 0.0], [0.0, 100.0]]"), "`basis`", "from -16 to 16"),
    "basis tiny": (replaced(BASIS, "basis = [[0.01, 0.0], [0.0, 1.0]]"), "`basis`", "1/16"),
    "no stencils": (VALID.split("[stencils", maxsplit=1)[0], "`stencils`", "add it"),
    "a stencil missing": (
        VALID.split("[stencils.laplacian]", maxsplit=1)[0],
        "`stencils.laplacian`",
        "every kernel needs",
    ),
    "identity given": (VALID + "[stencils.identity]\nweights = [[1]]\n", "`stencils.identity`", "remove it"),
    "a stencil of capitals": (VALID + "[stencils.Edge]\nweights = [[1]]\n", "`stencils.Edge`", "small letters"),
    "no weights": (replaced(GX, ""), "`stencils.gradient_x.weights`", "add it"),
    "weights of text": (replaced(GX, 'weights = "x"'), "`stencils.gradient_x.weights`", "must be a list"),
    "a weight of text": (
        replaced("[[-1, 0, 1]", '[["a", 0, 1]'),
        "entry 1 of entry 1 of `stencils.gradient_x.weights`",
        "must be a number",
    ),
    "even side": (replaced(GX, "weights = [[-1, 1], [-1, 1]]"), "`stencils.gradient_x.weights`", "odd side"),
    "ragged rows": (
        replaced(GX, "weights = [[-1, 0, 1], [0, 0], [-1, 0, 1]]"),
        "`stencils.gradient_x.weights`",
        "square",
    ),
    "no rows": (replaced(GX, "weights = []"), "`stencils.gradient_x.weights`", "square"),
    "too wide": (replaced(GX, f"weights = {[[0] * 11] * 11}"), "`stencils.gradient_x.weights`", "the largest is 9"),
    "all zero": (replaced(GX, "weights = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]"), "`stencils.gradient_x.weights`", "all 0"),
    "not finite": (
        replaced(GX, "weights = [[-inf, 0, 1], [0, 0, 0], [0, 0, 0]]"),
        "`stencils.gradient_x.weights`",
        "finite",
    ),
    "beyond any float": (
        replaced("[[-1, 0, 1]", f"[[-1{'0' * 400}, 0, 1]"),
        "entry 1 of entry 1 of `stencils.gradient_x.weights`",
        "range",
    ),
    "a derivative of a constant": (replaced("-12", "-11"), "`stencils.laplacian.weights`", "must sum to 0"),
    "divisor 0": (replaced("divisor = 4", "divisor = 0"), "`stencils.laplacian.divisor`", "other than 0"),
    "divisor that overflows": (replaced("divisor = 4", "divisor = 1e-320"), "`stencils.laplacian.weights`", "finite"),
    "divisor of text": (
        replaced("divisor = 4", 'divisor = "four"'),
        "`stencils.laplacian.divisor`",
        "must be a number",
    ),
    "unknown key": (VALID + "radius = 3\n", "`stencils.laplacian.radius`", "choose from: weights, divisor"),
    "unknown key on top": ("colour = 1\n" + VALID, "`colour`", "choose from: name, basis"),
    "a key with a line break": ('"a\\nb" = 1\n' + VALID, "`a b`", "choose from: name, basis"),
}


def test_the_valid_manifest_is_valid(tmp_path: Path) -> None:
    kernel = kernels.load_kernel(write(tmp_path))
    assert (kernel.name, kernel.title, kernel.description) == ("mine", "Mine", "A kernel of a test.")
    assert kernel.unmatched() == []
    assert list(kernel.stencils) == ["identity", "gradient_x", "gradient_y", "laplacian"]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_manifest_is_reported_with_file_key_and_cure(tmp_path: Path, case: str) -> None:
    text, key, cure = BROKEN[case]
    path = write(tmp_path, text)
    with pytest.raises(NCAError) as caught:
        kernels.load_kernel(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert key in message
    assert cure in message
    assert message.endswith(".")
    assert "\n" not in message


def test_several_problems_are_reported_a_line_each(tmp_path: Path) -> None:
    text = replaced("-12", "-11").replace('"mine"', '"My Kernel"').replace("divisor = 8", 'divisor = "x"', 1)
    path = write(tmp_path, text)
    with pytest.raises(NCAError) as caught:
        kernels.load_kernel(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{path}: `") and line.endswith(".") for line in lines)
    for line, part in zip(lines, ("`name`", "`stencils.gradient_x.divisor`", "must sum to 0"), strict=True):
        assert part in line
    assert kernels.discover([tmp_path]).complaints() == lines


def test_of_thousands_of_problems_the_first_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"[stencils.A{number}]\n" for number in range(3000)))
    path.write_text('name = "a"\ntitle = "a"\nbasis = [[1, 0], [0, 1]]\n' + path.read_text("utf-8"), "utf-8")
    with pytest.raises(NCAError) as caught:
        kernels.load_kernel(path)
    *lines, last = str(caught.value).splitlines()
    assert "`stencils.gradient_x` is missing" in lines[0]
    assert last == f"There are {3003 - len(lines)} more problems; fix these first."
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"name = ", "not TOML"),
        (b"[" * 5000, "not TOML"),
        (b"", "`name` is missing"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"# " + b"x" * 70000, "64 KiB"),
        (b"\x7fELF", "not TOML"),
    ],
)
def test_a_file_that_is_no_manifest_is_reported(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "kernel.toml"
    path.write_bytes(content)
    with pytest.raises(NCAError) as caught:
        kernels.load_kernel(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "kernel.toml", tmp_path):
        with pytest.raises(NCAError, match="cannot be read"):
            kernels.load_kernel(path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kernel.toml"
    path.write_bytes(content)
    with pytest.raises(NCAError) as caught:
        kernels.load_kernel(path)
    assert "\n" not in str(caught.value)
