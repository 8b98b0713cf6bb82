"""A command that is given again, with other flags or another output: nothing is taken over, lost or left stale."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image

from ncaengine import cli
from ncaengine.core.errors import NCAError
from ncaengine.formats import model_files
from ncaengine.training.config import TrainingSettings
from ncaengine.training.job import TrainingJob
from ncaengine.training.run import TrainingRun
from ncaengine.training.together_run import TogetherRun, target_copy

TINY = TrainingSettings(
    iterations=3, size=32, batch=2, pool=8, rollout=(4, 8), channels=12, hidden=16, precision="float32", target_size=48
)
FLAGS = "--iterations 3 --size 32 --batch 2 --pool 8 --rollout 4 8 --hidden 16 --features random --no-compile"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    return TrainingJob("coral", tmp_path / "tiny.safetensors", TINY, ("random",), compiled=False)


def stopped(job: TrainingJob) -> None:
    """Train one iteration."""
    run = TrainingRun(job)
    run.train(stopped=lambda: run.trainer.iteration >= 1)


def noise(path: Path, seed: int) -> str:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    return str(path)


def test_of_several_models_none_is_trained_anew_if_one_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "coral", "zebra", "-o", str(tmp_path / "out"), *FLAGS.split()]
    assert cli.main(words) == 0
    before = (tmp_path / "out/coral.pt").read_bytes()
    stopped(TrainingJob("zebra", tmp_path / "out/zebra.pt", TINY, ("random",), compiled=False))
    capsys.readouterr()
    assert cli.main([*words, "--seed", "5"]) == 1
    assert "zebra.training/checkpoint.pt: belongs to a run that was stopped" in capsys.readouterr().err
    assert (tmp_path / "out/coral.pt").read_bytes() == before


def test_a_run_is_resumed_under_its_own_name_only(job: TrainingJob) -> None:
    stopped(job)
    with pytest.raises(NCAError, match=r"belongs to tiny\.safetensors; name that"):
        TrainingRun(replace(job, output=job.output.with_suffix(".pt"), resume=True))
    assert TrainingRun(replace(job, resume=True)).trainer.iteration == 1


def test_a_resumed_run_says_what_it_keeps_and_takes_a_new_author(job: TrainingJob) -> None:
    stopped(replace(job, settings=replace(TINY, learning_rate=0.01)))
    said: list[str] = []
    again = replace(job, resume=True, settings=TrainingSettings(), attribution=(("author", "me"),))
    model = TrainingRun(again, notify=said.append).train()
    assert "--hidden 16" in said[-1]
    assert "--learning-rate 0.01" in said[-1]
    assert model.config.attribution["author"] == "me"


def test_a_resumed_run_starts_from_what_it_began_with(job: TrainingJob, tmp_path: Path) -> None:
    stopped(job)
    with pytest.raises(NCAError, match="began without --from, which can't change"):
        TrainingRun(replace(job, resume=True, start=Path("zebra")))
    first = replace(job, output=tmp_path / "first.safetensors")
    TrainingRun(first).train()
    other = replace(job, output=tmp_path / "other.safetensors", start=first.output)
    stopped(other)
    with pytest.raises(NCAError, match=r"began with --from .*first\.safetensors, which"):
        TrainingRun(replace(other, resume=True, start=Path("zebra")))
    assert TrainingRun(replace(other, resume=True)).trainer.iteration == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stencils": ("identity", "laplacian")}, "has stencils identity gradient_x gradient_y laplacian; leave out"),
        ({"hidden": 24}, "has 16 hidden units; leave out --hidden"),
    ],
)
def test_a_start_has_the_network_that_is_asked_for(job: TrainingJob, changed: dict[str, object], said: str) -> None:
    TrainingRun(job).train()
    other = replace(job, output=job.output.with_name("b.pt"), start=job.output, settings=replace(TINY, **changed))  # type: ignore[arg-type]
    with pytest.raises(NCAError, match=said):
        TrainingRun(other)


def test_what_was_taken_of_an_earlier_image_does_not_stay(job: TrainingJob, tmp_path: Path) -> None:
    image, target = noise(tmp_path / "a.png", 1), job.folder / "target.png"
    TrainingRun(replace(job, target=image, settings=replace(TINY, crop="0,0,40,40"))).train()
    assert target.exists()
    TrainingRun(replace(job, target=image)).train()
    assert not target.exists()


def test_the_targets_beside_a_model_of_many_textures_are_those_of_its_training(tmp_path: Path) -> None:
    settings = replace(TINY, pool=16, batch=2, kernels=("square",))

    def copied(seed: int) -> bytes:
        job = TrainingJob(
            "", tmp_path / "many.pt", settings, ("random",), compiled=False,
            together=(noise(tmp_path / "a.png", seed), "coral"),
        )  # fmt: skip
        TogetherRun(job).train()
        return target_copy(job.output, "a").read_bytes()

    assert copied(1) == copied(1)
    assert copied(1) != copied(2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("coral --embedding 2", "--embedding works only with --together or --add"),
        ("--loss excitation --neuron inception4b:1 --crop auto", "--crop works only with an image"),
    ],
)
def test_a_flag_without_effect_is_refused(
    words: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", *words.split(), "-o", str(tmp_path / "a.pt")]) == 1
    assert said in capsys.readouterr().err


def test_a_folder_may_have_a_dot_in_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.v2").mkdir()
    assert cli.main(["train", "coral", "zebra", "-o", str(tmp_path / "out.v2"), *FLAGS.split()]) == 0
    assert sorted(path.name for path in (tmp_path / "out.v2").glob("*.pt")) == ["coral.pt", "zebra.pt"]
    assert cli.main(["train", "coral", "zebra", "-o", str(tmp_path / "out.v3"), *FLAGS.split()]) == 1
    assert "or be a folder" in capsys.readouterr().err


def test_a_shipped_model_is_noted_in_by_its_path_only(capsys: pytest.CaptureFixture[str]) -> None:
    [path] = (path for path in model_files.shipped_models() if path.stem == "coral")
    before = path.read_bytes()
    assert cli.main(["evaluate", "coral", "--target", "coral", "--features", "random", "--note"]) == 1
    assert "is a model of ncaengine itself" in capsys.readouterr().err
    assert path.read_bytes() == before
