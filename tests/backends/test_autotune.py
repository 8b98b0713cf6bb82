"""Which form of the step a GPU runs: the faster one of a trial, which is remembered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from helpers import SELFORG, random_model, small
from one_step import assert_one_step_agrees

from ncaengine.backends.gl import autotune
from ncaengine.backends.gl.autotune import Autotuner
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader.perception import Form
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue

WHAT = (12, 48, 96, "square", 7)


class Context:
    def finish(self) -> None: ...


@dataclass
class Pretended:
    """A device, and a clock that goes on only while a form runs."""

    costs: dict[str, float]
    description: str = "a GPU"
    forms: tuple[Form, ...] = ("looped", "blocked")
    refused: tuple[str, ...] = ()
    half: bool = False
    ctx: Context = field(default_factory=Context)
    now: float = 0.0
    ran: list[str] = field(default_factory=list)

    @property
    def form(self) -> Form:
        return self.forms[0]

    def make(self, form: Form) -> str:
        if form in self.refused:
            raise NCAError("no")
        return f"made {form}"

    def run(self, made: str) -> None:
        self.ran.append(made)
        self.now += self.costs[made.removeprefix("made ")]

    def choose(self, path: Path, what: tuple[object, ...] = WHAT) -> str:
        return Autotuner(cast(Device, self), path).choose(what, self.make, self.run)


Start = Callable[..., Pretended]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Makes a pretended device, whose clock is then the one that counts."""

    def made(looped: float = 2e-4, blocked: float = 1e-4, **more: object) -> Pretended:
        device = Pretended({"looped": looped, "blocked": blocked, "unrolled": 1.0}, **more)  # type: ignore[arg-type]
        monkeypatch.setattr(autotune, "perf_counter", lambda: device.now)
        return device

    return made


@pytest.mark.parametrize(
    ("looped", "blocked", "best"), [(2e-4, 1e-4, "blocked"), (1e-5, 3e-5, "looped"), (9, 8, "blocked")]
)
def test_the_faster_form_is_chosen(start: Start, tmp_path: Path, looped: float, blocked: float, best: str) -> None:
    assert start(looped, blocked).choose(tmp_path / "forms.json") == f"made {best}"


def test_a_choice_is_remembered(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "forms.json"
    start().choose(path)
    later = start(looped=1e-9)
    assert later.choose(path) == "made blocked"
    assert later.ran == []


@pytest.mark.parametrize("what", [(*WHAT[:-1], 8), (16, *WHAT[1:])])
def test_another_subject_or_device_is_tried_again(start: Start, tmp_path: Path, what: tuple[object, ...]) -> None:
    path = tmp_path / "forms.json"
    start().choose(path)
    assert start(looped=1e-9).choose(path, what) == "made looped"
    assert start(looped=1e-9, description="another GPU").choose(path) == "made looped"
    assert start(looped=1e-9).choose(path) == "made blocked"


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"a": 1}', b"\xff\xfe", b"{}"])
def test_a_broken_file_is_as_none(start: Start, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "forms.json"
    path.write_bytes(content)
    assert start().choose(path) == "made blocked"
    later = start()
    assert later.choose(path) == "made blocked"
    assert later.ran == []


def test_a_form_that_there_is_no_more_is_forgotten(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    start().choose(path)
    path.write_text(path.read_text().replace("blocked", "baked"))
    assert start().choose(path) == "made blocked"


def test_where_nothing_can_be_kept_it_is_tried_each_time(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert start().choose(tmp_path / "file" / "forms.json") == "made blocked"


def test_the_file_does_not_grow_without_end(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "MOST", 3)
    path = tmp_path / "forms.json"
    for number in range(5):
        start().choose(path, (number,))
    assert path.read_text().count("blocked") == 3
    newest = start()
    newest.choose(path, (4,))
    assert newest.ran == []


def test_a_form_that_the_driver_refuses_is_not_tried(start: Start, tmp_path: Path) -> None:
    assert start(refused=("blocked",)).choose(tmp_path / "forms.json") == "made looped"
    with pytest.raises(NCAError):
        start(refused=("looped",)).choose(tmp_path / "other.json")


def test_one_form_needs_no_trial(start: Start, tmp_path: Path) -> None:
    device = start(forms=("unrolled",))
    assert device.choose(tmp_path / "forms.json") == "made unrolled"
    assert device.ran == []
    assert not (tmp_path / "forms.json").exists()


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("size", [(36, 10), (37, 53)], ids=str)
def test_a_trial_leaves_the_state_alone(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    size: tuple[int, int], antithetic: bool,
) -> None:  # fmt: skip
    """The first step is made with a trial before it, the others without."""
    monkeypatch.setattr(gl.device, "form", "looped")
    monkeypatch.setattr(gl.device, "forms", ("looped", "blocked"))
    monkeypatch.setattr(gl, "autotuner", Autotuner(gl.device, tmp_path / "forms.json"))
    monkeypatch.setattr(autotune, "SHORTEST", 1e-4)
    model = random_model(small(SELFORG, hidden=6, channels=4))
    assert_one_step_agrees(gl, model, catalogue.get("hexagonal"), size, 0.5, 3, antithetic)
    assert (tmp_path / "forms.json").exists()
