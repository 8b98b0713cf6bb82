"""`ncaengine fill`: pictures whose areas grow textures."""

from pathlib import Path

import numpy as np
import pytest
from cli_calls import problem, run
from PIL import Image
from scenes import SCENES, write
from videos import frames_of

import ncaengine as nca
from ncaengine.formats import model_files
from ncaengine.training.run import TrainingRun

QUICK = ("--backend", "cpu", "--steps", 20)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A folder with a photo, labels of a red and a blue area, and a mask."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    labels = np.zeros((40, 60, 3), np.uint8)
    labels[5:35, 4:26] = (255, 0, 0)
    labels[5:35, 26:50] = (0, 0, 255)
    Image.fromarray(labels).save(tmp_path / "areas.png")
    Image.fromarray(labels[..., 0]).save(tmp_path / "mask.png")
    return tmp_path


def opened(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as read:
        return np.asarray(read.convert(mode)).astype(int)


def labelled(drawn: Path, *mapped: str) -> tuple[object, ...]:
    return ("fill", drawn / "photo.png", "--labels", drawn / "areas.png", "--map", *mapped, *QUICK)


def test_labels_fill_their_areas_and_nothing_else(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    out = drawn / "out.png"
    printed = run(capsys, *labelled(drawn, "red=zebra", "#00f=coral"), "-o", out, "--feather", 4)
    assert "2 areas (zebra, coral), 1 pixel per cell" in printed
    assert "step 20" in printed
    changed = (opened(out) != opened(drawn / "photo.png")).any(2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 36, 2, 51)
    assert changed.mean() > 0.45
    kept = drawn / "kept.png"
    run(capsys, *labelled(drawn, "red=zebra", "blue=keep"), "-o", kept, "--feather", 4)
    assert np.array_equal(opened(kept)[:, :24], opened(out)[:, :24])
    assert np.array_equal(opened(kept)[:, 30:], opened(drawn / "photo.png")[:, 30:])


def test_a_mask_fills_one_area_like_labels(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    out, other = drawn / "a.tif", drawn / "b.tif"
    run(capsys, *labelled(drawn, "red=zebra", "blue=keep"), "-o", out)
    run(capsys, "fill", drawn / "photo.png", "--mask", drawn / "mask.png", "--texture", "zebra", *QUICK, "-o", other)
    assert np.array_equal(opened(out), opened(other))


def test_videos_begin_with_the_seed_and_end_with_the_picture(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    still, frames = drawn / "still.png", f"{drawn / 'frames'}/"
    command = labelled(drawn, "red=zebra", "blue=coral")
    run(capsys, *command, "-o", still)
    run(capsys, *command, "-o", frames, "--steps-per-frame", 8)
    pictures = [opened(path) for path in sorted(Path(frames).iterdir())]
    assert len(pictures) == 4  # after 0, 8, 16 and 20 steps
    assert np.array_equal(pictures[-1], opened(still))
    assert not np.array_equal(pictures[0], pictures[1])
    run(capsys, *command, "-o", drawn / "film.mp4", "--steps-per-frame", 10)
    assert len(frames_of(drawn / "film.mp4")) == 3


def test_a_contact_sheet_shows_several_seeds(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    out, command = drawn / "sheet.png", labelled(drawn, "red=zebra", "blue=coral")
    run(capsys, *command, "-o", out, "--variants", 3, "--seed", 7)
    sheet = opened(out)
    for seed in (7, 9):
        run(capsys, *command, "-o", drawn / "one.png", "--seed", seed)
        one = opened(drawn / "one.png")
        places = np.argwhere((sheet[: -40 + 1, : -60 + 1] == one[0, 0]).all(2))
        assert any(np.array_equal(sheet[y : y + 40, x : x + 60], one) for y, x in places)


def test_a_contact_sheet_of_layers_has_opacity(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    command = labelled(drawn, "red=zebra", "blue=keep")
    run(capsys, *command, "-o", drawn / "sheet.png", "--variants", 2, "--layer", "--feather", 0)
    assert {0, 255} <= set(np.unique(opened(drawn / "sheet.png", "RGBA")[..., 3]))


def test_layers_settled_textures_and_maps(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    out, command = drawn / "layer.webp", labelled(drawn, "red=zebra", "blue=keep")
    run(capsys, *command, "-o", out, "--layer", "--feather", 0)
    alpha = opened(out, "RGBA")[..., 3]
    assert np.array_equal(alpha > 0, opened(drawn / "mask.png", "L") > 0)
    printed = run(capsys, *command[:-2], "-o", out, "--until-settled", "--cell", 4)
    assert 200 <= int(printed.rsplit(" ", 1)[1].replace(",", "")) <= 3000
    turned = run(capsys, *command, "-o", out, "--align", "edges", "--scale", drawn / "photo.png", "--angle", 30)
    assert "1 area" in turned


@pytest.mark.parametrize("name", SCENES)
def test_scenes_of_all_kinds_stay_where_nothing_is_filled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    run(capsys, *write(name, tmp_path, 64), *QUICK)
    with Image.open(tmp_path / f"{name}.png") as before, Image.open(tmp_path / f"{name}_filled.png") as after:
        assert after.size == before.size
        if before.mode == "RGBA":
            assert np.array_equal(np.asarray(before)[..., 3], np.asarray(after)[..., 3])
        labels = opened(tmp_path / f"{name}_areas.png")
        far = np.asarray(Image.fromarray(labels.max(2).astype(np.uint8)).resize((8, 8), Image.Resampling.BOX)) == 0
        quiet = np.kron(far, np.ones((8, 8))) > 0
        quiet[1:-1, 1:-1] &= quiet[:-2, 1:-1] & quiet[2:, 1:-1] & quiet[1:-1, :-2] & quiet[1:-1, 2:]
        if name == "deep":
            with (tmp_path / f"{name}_filled.png").open("rb") as file:
                assert file.read(25)[24] == 16  # bits
            expected = np.asarray(before)[..., None].repeat(3, 2) >> 8
        else:
            expected = np.asarray(before.convert("RGB"))
        inner = np.zeros_like(quiet)
        inner[4:-4, 4:-4] = quiet[8:, 4:-4] & quiet[:-8, 4:-4] & quiet[4:-4, 8:] & quiet[4:-4, :-8]
        assert np.array_equal(np.asarray(after.convert("RGB"))[inner], expected[inner])


def test_the_texture_of_an_image_is_learnt_once(
    capsys: pytest.CaptureFixture[str], drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: drawn / "cache" / name)
    learnt: list[str] = []

    def train(run: TrainingRun, *others: object) -> None:
        learnt.append(run.job.target)
        model_files.save(nca.load("zebra"), run.job.output)
        run.trainer.iteration = run.settings.iterations

    monkeypatch.setattr("ncaengine.cli.shared.training_runs._train", train)
    bark, out, plain = drawn / "bark.png", drawn / "out.png", drawn / "plain.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(bark)
    command = labelled(drawn, f"red={bark}", "blue=keep")
    assert "did you mean zebra?" in problem(capsys, *labelled(drawn, f"red={bark}", "blue=zebar"), "-o", out)
    assert not learnt
    for _ in range(2):
        run(capsys, *command, "-o", out)
        assert learnt == [str(bark)]
    for folder in (drawn, drawn / "cache"):  # whatever the present folder is
        monkeypatch.chdir(folder)
        run(capsys, *command, "--from", "none", "-o", out)
        assert len(learnt) == 2
    learnt.pop()
    run(capsys, *labelled(drawn, "red=zebra", "blue=keep"), "-o", plain)
    assert np.array_equal(opened(out), opened(plain))
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(bark)  # another one
    run(capsys, *command, "-o", out)
    assert len(learnt) == 2
    assert len([*(drawn / "cache/ncaengine/textures").glob("*-5m/bark.safetensors")]) == 2


def test_what_does_not_fit_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str], drawn: Path) -> None:
    out, photo, mask = drawn / "out.png", drawn / "photo.png", drawn / "mask.png"

    def says(*mapped: str, flags: tuple[object, ...] = (), output: object = out) -> str:
        return problem(capsys, *labelled(drawn, *mapped), *flags, "-o", output)

    assert "has areas of blue (30.0%) that --map doesn't name; add 'blue=TEXTURE'" in says("red=zebra")
    assert "no area of the colour lime, which --map names; it has black" in says("red=zebra", "blue=coral", "lime=x")
    assert "names the colour #f00 twice" in says("red=zebra", "#f00=coral")
    assert "not a colour; write a name such as red" in says("rod=zebra")
    assert "write COLOUR=TEXTURE" in says("red")
    assert "did you mean zebra?" in says("red=zebar", "blue=coral")
    assert "keeps every colour" in says("red=keep", "blue=keep")
    assert "ending can't be written; use .png" in says("red=zebra", "blue=coral", output=drawn / "out.pdf")
    assert "can't be transparent" in says("red=zebra", "blue=coral", flags=("--layer",), output=drawn / "out.jpg")
    assert "contact sheet" in says("red=zebra", "blue=coral", flags=("--variants", 2), output=drawn / "out.jpg")
    assert "--steps instead" in says("red=zebra", "blue=keep", flags=("--until-settled",), output=drawn / "o.mp4")
    assert "Say where to fill" in says("red=zebra", flags=("--mask", mask))
    assert "Say where to fill" in problem(capsys, "fill", photo, "-o", out)
    assert "--mask needs --texture" in problem(capsys, "fill", photo, "--mask", mask, "-o", out)
    Image.new("L", (60, 40)).save(drawn / "none.png")
    empty = ("--mask", drawn / "none.png", "--texture", "zebra", "-o", out)
    assert "marks nothing" in problem(capsys, "fill", photo, *empty)
    Image.new("L", (6, 4)).save(drawn / "none.png")
    assert "has 6x4 pixels" in problem(capsys, "fill", photo, *empty)
    assert "scale" in says("red=zebra", "blue=keep", flags=("--scale", 9))
    assert "use edges, gradient" in says("red=zebra", "blue=keep", flags=("--align", "edge"))
    assert "use a number" in says("red=zebra", "blue=keep", flags=("--scale", "big"))
    assert not out.exists()
