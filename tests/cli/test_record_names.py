"""`ncaengine record` without a name for its output, steps before the first frame, and how slow it is."""

import json

import numpy as np
import pytest
from PIL import Image

from ncaengine.cli import main
from ncaengine.cli.shared.pace import Pace

SMALL = ("--size", "8", "--steps", "2", "--backend", "torch")


def test_the_name_is_that_of_the_model_and_never_taken(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zebra-2.mp4").write_text("mine")
    for name in ("zebra.mp4", "zebra-3.mp4"):
        assert main(["record", "zebra", *SMALL]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: 1 frame, ")
        assert (tmp_path / name).stat().st_size
    assert (tmp_path / "zebra-2.mp4").read_text() == "mine"


def test_the_name_of_a_model_among_several_is_its_own(capsys, tmp_path, monkeypatch, atlas):
    monkeypatch.chdir(tmp_path)
    assert main(["info", str(atlas), "--json"]) == 0
    name = json.loads(capsys.readouterr().out)["models"][0]
    assert main(["record", f"{atlas}:{name}", *SMALL]) == 0
    assert capsys.readouterr().out.startswith(f"{name}.mp4: ")


@pytest.mark.parametrize("skip", [0, 7, 120])
def test_skipped_steps_are_made_but_not_shown(capsys, tmp_path, skip):
    command = ["record", "zebra", "--size", "12", "--backend", "torch", "--scale", "1"]
    film = ["--steps-per-frame", "3", "--skip", str(skip), "--steps", "6"]
    assert main([*command, "-o", f"{tmp_path}/late/", *film]) == 0
    assert f"2 frames, step {skip + 6}," in capsys.readouterr().out
    assert main([*command, "-o", f"{tmp_path}/whole.png", "--steps", str(skip + 6)]) == 0
    assert main([*command, "-o", f"{tmp_path}/first.png", "--steps", str(skip + 3)]) == 0
    for frame, still in ((0, "first"), (1, "whole")):
        with Image.open(tmp_path / f"late/frame_{frame:06}.png") as a, Image.open(tmp_path / f"{still}.png") as b:
            assert np.array_equal(np.asarray(a), np.asarray(b))


def test_skip_is_for_models(capsys, tmp_path):
    assert main(["record", "--session", "s.nca", "--skip", "3", "-o", f"{tmp_path}/a.mp4"]) == 1
    assert "--skip works only with a model" in capsys.readouterr().err


def test_a_recording_slower_than_life_says_so_once():
    times = iter(np.arange(0, 1000, 0.1))  # frames of 1/60 s take 0.1 s
    pace = Pace(lambda: float(next(times)))
    said = [pace.after_frame(60, 600 - frame) for frame in range(1, 101)]
    assert [sentence for sentence in said if sentence] == [
        "The recording is 6x slower than real time; about 58 s to go."
    ]
    assert said[20]  # after two seconds
    quick = iter(np.arange(0, 1000, 1 / 50))
    pace = Pace(lambda: float(next(quick)))
    assert not any(pace.after_frame(60, 100) for _ in range(1000))
