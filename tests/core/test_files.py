"""Files are replaced whole; outputs are claimed by one program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ncaengine.core import claims, files
from ncaengine.core.errors import NCAError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_older_file_stays_until_the_new_one_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"older")
    path.chmod(0o640)
    with files.NewFile(path) as new:
        new.write(b"12345")
        assert path.read_bytes() == b"older"
        new.place()
        assert path.read_bytes() == b"12345"
        new.write(b"6789")
        new.seek(1)
        new.write(b"xx")
        new.finish()
    assert path.read_bytes() == b"1xx456789"
    assert path.stat().st_mode & 0o777 == 0o640
    with files.NewFile(path) as new:
        new.write(b"dropped")
    assert path.read_bytes() == b"1xx456789"
    assert names(tmp_path) == ["a"]


def test_a_file_that_is_removed_while_it_is_written_is_told(tmp_path: Path) -> None:
    with files.NewFile(tmp_path / "a") as new:
        new.write(b"1")
        new.place()
        (tmp_path / "a").unlink()
        with pytest.raises(FileNotFoundError, match="removed meanwhile"):
            new.finish()
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["n" * 255, "模" * 85, "10:30.json", "file:x", "-"])
def test_any_name_that_the_system_takes(tmp_path: Path, name: str) -> None:
    for data in (b"1", b"22"):
        files.replace_file(tmp_path / name, data)
        assert (tmp_path / name).read_bytes() == data
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "why"), [("n" * 256, "name too long"), ("no/a", "No such file"), ("folder", "it is a folder")]
)
def test_what_cannot_be_written(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(NCAError, match=rf"cannot be written \(.*(?i:{why})"):
        files.replace_file(tmp_path / name, b"1")
    for refused in (name, "a\0b"):
        with pytest.raises(NCAError):
            files.check_place(tmp_path / refused)
    assert names(tmp_path) == ["folder"]


def test_devices_and_pipes_stay_and_links_are_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "full").symlink_to("/dev/full")
    for name in ("pipe", "full"):
        with pytest.raises(NCAError, match="a device or a pipe, not a file"):
            files.replace_file(tmp_path / name, b"1")
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "b").write_bytes(b"older")
    (tmp_path / "a").symlink_to("else/b")
    files.replace_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "else" / "b").read_bytes() == b"new"
    (tmp_path / "lost").symlink_to("none/b")
    with pytest.raises(NCAError, match="lost: its folder does not exist"):  # told before anything is computed
        files.check_place(tmp_path / "lost")


def test_what_killed_programs_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    of_this_process = files.NewFile(path)
    own = names(tmp_path)
    for part in (own[0].replace(str(os.getpid()), str(ended.pid)), own[0].replace(own[0][1:5], "0000")):
        (tmp_path / part).write_bytes(b"left")
    files.replace_file(path, b"1")
    assert len(names(tmp_path)) == 3  # the file, that of a living process, and that of another file
    assert set(own) < set(names(tmp_path))
    of_this_process.discard()


@pytest.mark.parametrize("failing", [os.open, os.write, os.fsync, os.replace])
def test_an_error_leaves_the_older_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: object
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"older")

    def fail(call: object, *arguments: object) -> object:
        if call is failing:
            raise OSError(5, "Input/output error")
        return call(*arguments)  # type: ignore[operator]

    monkeypatch.setattr(files, "system", fail)
    with pytest.raises(NCAError, match=r"a: cannot be written \(Input/output error\)\."):
        files.replace_file(path, b"new")
    assert path.read_bytes() == b"older"
    assert names(tmp_path) == ["a"]


def test_nothing_is_written_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    with files.NewFile(path) as new:
        new.write(b"12")
        monkeypatch.setattr(files, "system", lambda *_: os.write(-1, b""))
        for _ in range(2):
            with pytest.raises(OSError, match="Bad file descriptor"):
                new.write(b"34")
            monkeypatch.undo()
        with pytest.raises(OSError, match="Bad file descriptor"):
            new.finish()
    assert names(tmp_path) == []


def test_one_program_at_a_time_claims_an_output(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    (tmp_path / "link").symlink_to(path.name)
    claim = claims.Claim(path)
    for other in (path, tmp_path / "link", f"{tmp_path}/../{tmp_path.name}/a.mp4"):
        with pytest.raises(NCAError, match=r"another ncaengine is writing it; wait"):
            claims.Claim(other)
        assert claims.is_claimed(other)
    claims.Claim(tmp_path / "b.mp4").release()
    words = "import sys; from ncaengine.core.claims import is_claimed; sys.exit(is_claimed(sys.argv[1]))"
    for is_held in (True, False):
        done = subprocess.run([sys.executable, "-c", words, path], check=False)
        assert done.returncode == is_held
        claim.release()
    with claims.claimed(path, called="it"), pytest.raises(NCAError, match=r"^it: another"):
        claims.Claim(path, "it")
    assert names(tmp_path) == ["link"]


def test_a_folder_that_does_not_exist_is_no_matter_of_claims(tmp_path: Path) -> None:
    claims.Claim(tmp_path / "no" / "a.mp4").release()
    assert names(tmp_path) == []
