"""Encoders: written files can be read, and limits raise errors."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from videos import frames_of, noise

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.io import animations, encoders
from ncaengine.io.frame_files import FRAME
from ncaengine.io.kinds import KINDS

NAMES = [f"a{kind.ending}" for kind in KINDS]
PICTURES = [f"a{kind.ending}" for kind in KINDS if not kind.states]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 24, 30, 60, 90]), st.integers(1, 9))
@settings(max_examples=25)
def test_a_webp_keeps_every_pixel_and_its_length(tmp_path, width, height, fps, count):
    pictures = [noise(height, width, seed) for seed in range(count)]
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", fps, width, height)
    for picture in pictures:
        sink.write(picture)
    sink.close()
    elapsed = 0
    with Image.open(tmp_path / "a.webp") as file:
        assert (file.n_frames, file.size, file.info["loop"]) == (count, (width, height), 0)
        for number, picture in enumerate(pictures):
            file.seek(number)
            assert np.array_equal(np.asarray(file.convert("RGB")), picture)
            elapsed += file.info["duration"]
    assert elapsed == round(count * 1000 / fps)


def test_an_unclosed_webp_plays(tmp_path):
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", 50, 7, 5)
    for seed in range(3):
        sink.write(noise(seed=seed))
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == 3
    sink.close()


def test_a_webp_stops_before_its_length_overflows(tmp_path, monkeypatch):
    monkeypatch.setattr(animations, "MAX_RIFF", 400)
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", 50, 7, 5)
    count = 0
    with contextlib.suppress(OSError):
        while count < 9:
            sink.write(noise())
            count += 1
    with pytest.raises(OSError, match="4 GB"):
        sink.write(noise())
    sink.close()
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == count > 0
    assert (tmp_path / "a.webp").stat().st_size <= 400


@pytest.mark.parametrize("name", NAMES)
def test_large_pictures_and_missing_folders_are_refused(tmp_path, name):
    with pytest.raises(NCAError, match="too large"):
        encoders.check_output(f"{tmp_path}/{name}", 50, 70000, 10)
    if not name.endswith("/"):
        with pytest.raises(NCAError, match="folder does not exist"):
            encoders.open_encoder(f"{tmp_path}/no/{name}", 50, 10, 10)


VIDEOS = [
    *(("a.mp4", fps) for fps in (60, 24, 2)),
    *(("a.webm", fps) for fps in (60, 24)),
    *((name, 24) for name in ("a.mov", "a.webp", "a.apng")),
    *(("a.gif", fps) for fps in (50, 10)),
]


@pytest.mark.parametrize("link", ["", "nowhere"])
def test_a_folder_of_frames_is_not_made_in_place_of_a_file(tmp_path, link):
    (tmp_path / "a").symlink_to(link) if link else (tmp_path / "a").write_bytes(b"older")
    with pytest.raises(NCAError, match="it is a file, where a folder is needed"):
        encoders.open_encoder(f"{tmp_path / 'a'}/", 50, 4, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("name", "fps"), VIDEOS)
def test_a_video_replaces_the_older_one_when_it_plays_and_within_its_first_second(tmp_path, name, fps):
    path = tmp_path / name
    path.write_bytes(b"older")
    sink = encoders.open_encoder(str(path), fps, 64, 48)
    for seed in range(fps):
        sink.write(noise(48, 64, seed))
        if path.read_bytes() != b"older":
            assert len(frames_of(path)) >= 1
    assert len(frames_of(path)) == sink.saved() >= 1
    sink.close()
    assert len(frames_of(path)) == fps
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [*NAMES, "f%02d.png"])
def test_a_recording_without_frames_leaves_the_older_output(tmp_path, name):
    older = tmp_path / ("a/frame_000000.png" if name == "a/" else name.replace("%02d", "00"))
    older.parent.mkdir(exist_ok=True)
    older.write_bytes(b"older")
    encoders.open_encoder(f"{tmp_path}/{name}", 50, 64, 48).close()
    assert older.read_bytes() == b"older"


@pytest.mark.parametrize(
    "name", ["10:30.mp4", "file:x.mp4", "tcp:127.0.0.1:9.mov", "pipe:1.gif", "concat:a.webp", "fd:1.webm"]
)
def test_names_are_never_protocols(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    sink = encoders.open_encoder(name, 50, 64, 48)
    for seed in range(3):
        sink.write(noise(48, 64, seed))
    sink.close()
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert len(frames_of(tmp_path / name)) == 3


@pytest.mark.parametrize("name", [*PICTURES, "f%02d.png"])
def test_a_failed_recording_keeps_the_frames_that_it_says(tmp_path, monkeypatch, name):
    """Every system call fails in turn, and all after it."""
    asked = files.system
    kept = set()
    for at in range(1, 80, 3):
        path = tmp_path / str(at) / name
        path.parent.mkdir()
        left = at

        def fail(call, *arguments):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")
            return asked(call, *arguments)

        sink = encoders.open_encoder(f"{tmp_path}/{at}/{name}", 50, 64, 48)
        monkeypatch.setattr(files, "system", fail)
        count = 0
        with contextlib.suppress(OSError):
            for seed in range(60):
                sink.write(noise(48, 64, seed))
                count += 1
        with contextlib.suppress(OSError):
            sink.close()
        monkeypatch.undo()
        saved = sink.saved() if hasattr(sink, "saved") else count
        assert len(frames_of(path) if path.exists() or "%" in name else []) == saved <= max(count, 1)
        assert not list(path.parent.rglob("*.part"))
        kept.add(saved)
    assert len(kept) > 1


def test_frames_of_an_older_recording_go_at_once_and_other_files_stay(tmp_path, monkeypatch):
    for is_exchanged in (True, False):
        for other in ([], ["notes.txt"]):
            folder = tmp_path / f"fr-{is_exchanged}-{len(other)}"
            folder.mkdir()
            for name in [FRAME.format(k) for k in range(9)] + other:
                (folder / name).write_bytes(b"older")
            if not is_exchanged:
                monkeypatch.setattr(files, "_exchange", lambda *_: False)
            sink = encoders.open_encoder(f"{folder}/", 50, 7, 5)
            for count in range(1, 4):
                sink.write(noise())
                frames = [FRAME.format(k) for k in range(count)]
                assert sorted(found.name for found in folder.iterdir()) == frames + other
                assert len(frames_of(folder)) == count
    assert not list(tmp_path.rglob("*.part"))
