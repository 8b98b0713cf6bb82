"""README and docs/: their Python runs, their commands are valid and most run, their links lead somewhere."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import scenes
from helpers import NOTEBOOK_CONFIG, ROOT, SELFORG, apart, random_model, small
from PIL import Image

import ncaengine as nca
from ncaengine.backends import open_backend
from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.cli import load_command, main
from ncaengine.formats import model_files
from ncaengine.io import journals, kinds, scripts
from ncaengine.simulation import addresses
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer import keymap_markdown

TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "shaders/README.md")),
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
MOST_LINES = 160
"""Of the README, which a visitor should read to its end."""
NOT_RUN = ("view", "train", "study", "bench")
"""Commands that need a display or take long: here their arguments are only parsed; their own tests run them."""
QUICK = {
    "record": ["--steps=4", "--size=24x16"],
    "sheet": ["--steps", "2", "--size=8"],
    "tile": ["--steps=2", "--pixels=64"],
    "fill": ["--steps=2"],
    "evaluate": ["--features", "random", "--rollouts=1", "--steps", "2", "--size=64", "--target-size=64"],
    "info": ["--no-picture"],
}  # fmt: skip
"""Arguments that come after a command's own, so that it takes no time."""


def blocks(page: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXTS[page], re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[str]:
    """The lines of a page that call ncaengine, without their comments."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    return [re.split(r"\s+#", line)[0] for line in lines if line.startswith("ncaengine ")]


def pages(language: str = "") -> list[str]:
    return [page for page in TEXTS if (blocks(page, language) if language else commands(page))]


def test_the_readme_is_short() -> None:
    assert TEXTS["README.md"].count("\n") <= MOST_LINES


@pytest.mark.parametrize("page", pages("python"))
def test_python_runs(page: str, tmp_path, monkeypatch, gl: GLBackend) -> None:
    monkeypatch.chdir(tmp_path)

    def shared(choice: str = "auto", **given: int | None) -> tuple[Backend, str]:
        return open_backend("cpu", **given) if choice == "cpu" else (gl, "")

    monkeypatch.setattr("ncaengine.backends.open_backend", shared)
    names: dict[str, object] = {}
    for code in blocks(page, "python"):
        exec(compile(code, page, "exec"), names)
    # Before the resize.
    sides = {"README.md": 256, "docs/python.md": 512, "docs/textures.md": 128, "docs/filling.md": 120}
    assert np.asarray(names["picture"]).shape == (sides[page], sides[page], 3)
    if page == "docs/python.md":
        assert (tmp_path / "pebbles.mp4").stat().st_size > 10_000


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script of docs/recording.md, on a small grid."""
    [code] = [code for code in blocks("docs/recording.md", "toml") if "[[commands]]" in code]
    (tmp_path / "demo.toml").write_text(
        code.replace("[160, 120]", "[40, 30]").replace("= 12\n", "= 9\n", 1).replace("= 40", "= 6")
    )
    model_files.save(nca.load("zebra"), tmp_path / "zebra.safetensors")
    return tmp_path / "demo.toml"


def test_the_script_plays(script: Path, gl: GLBackend, simulate) -> None:
    sim: Simulation = simulate(gl)
    played = scripts.load_script(script)
    played.start(sim)
    for _ in played.play(sim, TICKS_PER_SECOND // 2):
        pass
    grid = sim.grid()
    assert [model.config.name for model in grid.models] == ["bubbles", "zebra"]
    assert set(np.unique(grid.field("model"))) == {0, 1}
    assert set(np.unique(grid.field("rate"))) == {0.25, 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name."""
    here = tmp_path_factory.mktemp("docs")
    for folder in ("assets", "published", "photos"):
        (here / folder).mkdir()
    for name in ("mine.pt", "a.pt", "b.pt", "assets/bubbles.safetensors"):
        model_files.save(random_model(small(NOTEBOOK_CONFIG, name=name[0])), here / name)
    for name in ("dots", "spots"):
        model_files.save(random_model(msgspec.structs.replace(SELFORG, name=name)), here / f"{name}.safetensors")
    assert main(["export", f"{here}/dots.safetensors", f"{here}/spots.safetensors", "-o", f"{here}/hexells.json"]) == 0
    (here / "published/hexells.json").write_bytes((here / "hexells.json").read_bytes())
    weights = random_model(NOTEBOOK_CONFIG)
    row = [weights.w1.ravel(), weights.b1, weights.w2.ravel(), weights.b2]
    np.concatenate(row).astype("<f4").tofile(here / "row.bin")
    Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)).save(here / "zebra.jpg")
    scene = scenes.hills(48)
    for name, picture in (("photo", scene.picture), ("areas", scene.labels), ("mask", scene.labels.convert("1"))):
        picture.save(here / f"{name}.png")
    with nca.Simulation(nca.open_backend("torch")[0]) as sim:
        sim.add(random_model(small(NOTEBOOK_CONFIG)), (16, 16))
        sim.step(2)
        nca.save_session(sim, here / "garden.nca")
        journals.save_journal(sim, here / "journal.jsonl")
    return here


def arguments(command: str, folder: Path) -> list[str]:
    """The words of a command as a shell would pass them on."""
    words: list[str] = []
    for word in shlex.split(command)[1:]:
        pattern = "*" in word and f"'{word}'" not in command
        words += sorted(path.relative_to(folder).as_posix() for path in folder.glob(word)) if pattern else [word]
    return words


@pytest.mark.parametrize("page", pages())
def test_commands_run(page: str, folder: Path, script: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    for path in script.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name in NOT_RUN:
        monkeypatch.setattr(load_command(name), "run", lambda self: None)
    for command in commands(page):
        name, *rest = arguments(command, folder)
        if "--detect" in rest:  # which runs every reading for 300 steps
            continue
        quick = QUICK.get(name, [])
        if {"--script", "--session"} & set(rest):
            quick = ["--seconds=0.1"] if "--session" in rest else []
        elif "--seconds" in rest:
            quick = ["--size=24x16", "--seconds=0.1"]
        elif {"--heal", "--report"} & set(rest):
            quick = [*quick, "--heal-steps=2"]
        assert main([name, *rest, *quick]) == 0, f"{page}: {command}\n{capsys.readouterr().err}"


def test_the_moving_picture_is_small_and_can_be_made_again(tmp_path: Path) -> None:
    assert (ROOT / "assets/pictures/film.webp").stat().st_size <= 3_000_000
    apart(ROOT / "assets/pictures/film.py", tmp_path / "film.webp", "--draft")
    for path in (ROOT / "assets/pictures/film.webp", tmp_path / "film.webp"):
        with Image.open(path) as film:
            assert film.size == (880, 548)
            assert film.n_frames > 20


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", TEXTS[page])
    gone = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert not gone


@pytest.mark.parametrize("page", TEXTS)
def test_files_and_targets_that_are_named_are_there(page: str) -> None:
    """Paths of the repository in code spans, and targets of make."""
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = TEXTS[page]
    assert set(re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE)) <= set(targets)
    rooms = "|".join(
        path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "build"
    )
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if re.match(rf"(python )?({rooms})/", span)]
    paths = [re.sub(r"^python ", "", span).split(" ")[0] for span in spans]
    gone = [path for path in paths if not list(ROOT.glob(re.sub(r"[A-Z]+(?=[._/])|…", "*", path).rstrip("/")))]
    assert not gone


def test_the_guide_names_what_is_in_its_files() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", TEXTS["CONTRIBUTING.md"], re.MULTILINE)
    for path, text in rows:
        if path.endswith(".py"):
            source = (ROOT / path).read_text("utf-8")
            gone = [name for name in re.findall(r"`(\w+)`", text) if not re.search(rf"\b{name}\b", source)]
        else:
            gone = [name for name in re.findall(r"`(\w+\.py)`", text) if not (ROOT / path / name).is_file()]
        assert not gone, path


def test_the_table_of_formats_is_the_declared_one() -> None:
    [shown] = re.findall(r"<!-- formats -->\n(.*?)<!-- /formats -->", TEXTS["docs/recording.md"], re.DOTALL)
    assert shown == kinds.markdown(), "run: python assets/pictures/make.py formats"


def test_the_table_of_keys_is_the_windows() -> None:
    [shown] = re.findall(r"<!-- keys -->\n(.*?)<!-- /keys -->", TEXTS["docs/window.md"], re.DOTALL)
    assert shown == keymap_markdown.table(), "run: python assets/pictures/make.py keys"


def test_the_table_of_addresses_is_that_of_the_commands() -> None:
    [shown] = re.findall(r"<!-- addresses -->\n(.*?)<!-- /addresses -->", TEXTS["docs/osc.md"], re.DOTALL)
    assert shown == addresses.markdown(), "run: python assets/pictures/make.py addresses"


def test_the_table_of_names_is_that_of_the_docstrings() -> None:
    [shown] = re.findall(r"<!-- names -->\n(.*?)<!-- /names -->", TEXTS["docs/api.md"], re.DOTALL)
    made = runpy.run_path(str(ROOT / "docs/reference.py"))["overview"](TEXTS["docs/api.md"])
    assert shown == made, "run: python assets/pictures/make.py names"
    assert all(f"`nca.{name}" in shown for name in nca.__all__)


def test_the_reference_has_every_public_name() -> None:
    found = re.findall(r":: ncaengine\.(\w+)$", TEXTS["docs/api.md"], re.MULTILINE)
    assert sorted(found) == sorted(nca.__all__)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", tmp_path]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=120, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert {f"{page.stem}.html" for page in (ROOT / "docs").glob("*.md")} <= {path.name for path in tmp_path.iterdir()}
