"""Trainings on Ray: what its workers exchange, and that nothing is lost with one of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import psutil
import pytest

pytest.importorskip("ray")
pytest.importorskip("torch")

from cli_calls import problem
from PIL import Image

from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.model import WEIGHTS
from ncaengine.formats import model_files
from ncaengine.training import checkpoint, ray_worker
from ncaengine.training.config import TrainingSettings
from ncaengine.training.job import TrainingJob
from ncaengine.training.ray_worker import Common, Keeper, Work
from ncaengine.training.run import TrainingRun

ITERATIONS = 400
SETTINGS = TrainingSettings(
    iterations=ITERATIONS, size=32, target_size=32, batch=1, pool=4, rollout=(4, 8), channels=4, hidden=8
)
FLAGS = (
    f"--iterations {ITERATIONS} --size 32 --target-size 32 --batch 1 --pool 4 --rollout 4 8 --channels 4 --hidden 8 "
    "--features random --no-compile --threads 1 --format safetensors"
).split()

pytestmark = pytest.mark.usefixtures("one_thread")


def workers(of: psutil.Process) -> list[psutil.Process]:
    """Return the processes in which Ray runs trainings, below a process."""
    found = []
    for each in of.children(recursive=True):
        try:
            if each.cmdline()[:1] == ["ray::train"]:
                found.append(each)
        except psutil.Error:
            continue
    return found


def moments(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Yield now and then until a process has ended; fail after some time."""
    end = time.monotonic() + seconds
    while process.poll() is None:
        assert time.monotonic() < end, "It takes too long."
        yield
        time.sleep(0.02)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="Ray would train one after the other.")
def test_a_worker_that_is_killed_costs_no_training(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    command = [sys.executable, "-m", "ncaengine", "train", "coral", "zebra", "-o", str(folder), *FLAGS,
               "--checkpoint-every", "0.1", "--ray"]  # fmt: skip
    environment = {**os.environ, "RAY_worker_niceness": "0", "RAY_ADDRESS": ""}
    kept = [folder / f"{name}.training" / "checkpoint.pt" for name in ("coral", "zebra")]
    killed = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        for _ in moments(process, 400):
            running = [] if killed else workers(psutil.Process(process.pid))
            if len(running) == 2 and all(path.exists() for path in kept):  # the keeper has a checkpoint of both
                running[0].send_signal(signal.SIGKILL)
                killed = True
        told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert killed
    assert complaints.count("its worker was lost; another one goes on after iteration") == 1
    rows = {row["target"]: row for row in json.loads((folder / "report.json").read_text())["models"]}
    assert set(rows) == {"coral", "zebra"}
    [(victim, resumed)] = [(name, row["resumed"]) for name, row in rows.items() if row["resumed"]]
    assert len(resumed) == 1
    assert 0 < resumed[0] < ITERATIONS
    assert [row["iterations"] for row in rows.values()] == [ITERATIONS] * 2
    assert sorted(path.name for path in folder.iterdir()) == [
        "coral.safetensors", "coral.training", "loss.png", "models.png", "report.json", "report.md",
        "zebra.safetensors", "zebra.training",
    ]  # fmt: skip
    assert not any(path.exists() for path in kept)
    assert told.count(f"{ITERATIONS} iterations") == 2
    undisturbed = TrainingRun(TrainingJob(victim, tmp_path / "u.pt", SETTINGS, ("random",), compiled=False)).train()
    trained = model_files.load(folder / f"{victim}.safetensors")
    assert all(np.array_equal(getattr(trained, name), getattr(undisturbed, name)) for name in WEIGHTS)


class Direct:
    """Stands for an actor: its methods are called at once, by `remote`, whose result stands for a reference."""

    def __init__(self, actor: object) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(remote=getattr(self._actor, name))


def test_a_worker_tells_the_keeper_everything_but_never_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray takes the processor from a task whose main thread waits, and more of them run than there are processors."""
    waited: list[bool] = []

    def get(reference: object) -> object:
        waited.append(threading.current_thread() is threading.main_thread())
        return reference

    monkeypatch.setattr("ray.get", get)
    keeper = Keeper(1)
    job = TrainingJob("coral", tmp_path / "m.pt", replace(SETTINGS, iterations=8), ("random",), compiled=False,
                      checkpoint_every=0)  # fmt: skip
    files = ray_worker.train(Work(0, job, None), Common("id", kernels.discover(), {}, None, 1), Direct(keeper))
    assert isinstance(files, dict)
    assert sorted(files) == ["m.pt", "m.training/loss.csv", "m.training/loss.png", "m.training/preview.png"]
    assert not any(waited)
    look = keeper.look({})
    assert look.progress[0].starts == [0]
    assert 1 <= look.progress[0].iteration <= 8
    assert set(look.checkpoints) == {0}
    assert list(tmp_path.iterdir()) == []  # of the machine that sent it
    keeper.stop()
    assert ray_worker.train(Work(0, job, None), Common("id", kernels.discover(), {}, None, 1), Direct(keeper)) is None


def test_a_worker_goes_on_from_what_it_is_sent(tmp_path: Path) -> None:
    """Of another machine's files it has none but those that come with its work."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(there / "noise.png")
    job = TrainingJob(str(there / "noise.png"), there / "noise.pt", SETTINGS, ("random",), compiled=False)
    first = TrainingRun(job)
    first.train(stopped=lambda: first.trainer.iteration >= 5)
    image, saved = Path(job.target).read_bytes(), (job.folder / "checkpoint.pt").read_bytes()
    for path in [*job.folder.iterdir(), Path(job.target)]:
        path.unlink()
    common = Common("id", kernels.discover(), {}, None, 1)
    sent = ray_worker.unpack(Work(0, job, image), common, saved, here)
    second = TrainingRun(sent)
    assert second.trainer.iteration == 5
    assert second.origin == first.origin
    assert sent.output == here / "noise.pt"
    assert checkpoint.load_checkpoint(sent.folder / "checkpoint.pt").losses == first.losses


def test_nets_and_the_first_model_travel_with_the_work(tmp_path: Path) -> None:
    start = model_files.load("zebra")
    common = Common("id", kernels.discover(), {"far/net.pth": b"weights"}, start, 1)
    job = TrainingJob("coral", Path("far/m.pt"), SETTINGS, ("random", "far/net.pth"), start=Path("far/zebra.pt"))
    sent = ray_worker.unpack(Work(0, job, None), common, None, tmp_path)
    assert (sent.target, sent.resume, sent.nets[0]) == ("coral", False, "random")
    assert Path(sent.nets[1]).read_bytes() == b"weights"
    assert Path(sent.nets[1]).suffix == ".pth"
    assert sent.start is not None
    assert np.array_equal(model_files.load(sent.start).w1, start.w1)


def test_the_keeper_tells_only_what_is_new() -> None:
    keeper = Keeper(2)
    assert keeper.begin(1) == (None, False)
    keeper.started(1, "host", 0)
    keeper.keep(1, b"old")
    keeper.keep(1, b"new")
    keeper.say(1, "line")
    look = keeper.look({})
    assert look.checkpoints == {1: b"new"}
    assert look.lines == [(1, "line")]
    assert [progress.state for progress in look.progress] == ["waiting", "training"]
    again = keeper.look({n: progress.kept for n, progress in enumerate(look.progress)})
    assert (again.checkpoints, again.lines) == ({}, [])
    assert keeper.begin(1)[0] == b"new"
    assert not keeper.tell(1, 9, [0.5])
    keeper.stop()
    assert keeper.tell(1, 10, [0.5])
    assert keeper.begin(0) == (None, True)
    keeper.finish(1, True)
    assert keeper.begin(1)[0] is None
    assert keeper.look({}).progress[1].state == "finished"


def test_what_ray_cannot_do_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ("-o", tmp_path / "m", "--features", "random")
    assert "--watch does not work with --ray" in problem(capsys, "train", "coral", *out, "--watch", "--ray")
    assert "put the images before it" in problem(capsys, "train", "--ray", tmp_path, *out)
    assert "--gpus works only with --ray" in problem(capsys, "train", "coral", *out, "--gpus", 1)
    assert "--ray does not work with --together" in problem(
        capsys, "train", "coral", "zebra", *out, "--together", "--ray"
    )
    with monkeypatch.context() as small:
        small.setattr("ncaengine.training.losses.target_maps", Mock(side_effect=NCAError("is too small")))
        assert "is too small" in problem(capsys, "train", "coral", *out, "--ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"127.0.0.1:{server.getsockname()[1]}"
    assert f"--ray {nobody}: cannot be reached" in problem(capsys, "train", "coral", *out, "--ray", nobody)
    slow = Exception("The current node timed out during startup.")  # what a busy machine makes Ray raise
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=Mock(side_effect=slow)))
    assert "Ray can't start here (The current node timed out" in problem(capsys, "train", "coral", *out, "--ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'ncaengine[ray]'" in problem(capsys, "train", "coral", *out, "--ray")
    assert not (tmp_path / "m").exists()
