"""Files that somebody else may have made: only real ones are read, and only so many bytes of them."""

import os
import socket
import sys
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from ncaengine.core import inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.kernel_files import read_kernel_file
from ncaengine.formats import images
from ncaengine.formats.images import load_image
from ncaengine.io import journals, scripts, sessions, stills
from ncaengine.training import checkpoint
from ncaengine.viewer.state.preferences import Preferences, load_preferences

READERS = {
    "session": sessions.load_session, "header": sessions.read_header, "journal": journals.load_journal,
    "script": scripts.load_script, "still": stills.read_still, "kernel": read_kernel_file,
    "checkpoint": checkpoint.load_checkpoint, "image": lambda path: load_image(path, 64),
}  # fmt: skip
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs and devices")


def refused(reader: str, path: Path) -> str:
    with pytest.raises(NCAError) as found:
        READERS[reader](path)
    assert str(found.value).startswith(f"{path}: ")
    return str(found.value)


@POSIX
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(reader: str, tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    (endless := tmp_path / "endless").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)  # a socket's name is short
        listener.bind("socket")
        assert "is a FIFO" in refused(reader, fifo)
        assert "is a device" in refused(reader, endless)
        assert "is a socket" in refused(reader, tmp_path / "socket")


@POSIX
def test_preferences_that_are_no_file_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert load_preferences(tmp_path / "fifo") == Preferences()


@POSIX
def test_a_file_that_does_not_say_its_size_is_read_so_far_only() -> None:
    with pytest.raises(NCAError, match="larger than"):
        inputs.read_input("/proc/self/smaps", 1024)
    assert inputs.read_input("/proc/self/stat", 2**16)


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(b"x" * 2048)
    assert inputs.read_input(path, 2048) == b"x" * 2048
    with pytest.raises(NCAError, match="is larger than 1 KiB"):
        inputs.read_input(path, 1024)
    with pytest.raises(IsADirectoryError):
        inputs.read_input(tmp_path, 1024)


def test_reading_allocates_no_more_than_there_is(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(b"x" * 1000)
    tracemalloc.start()
    assert len(inputs.read_input(path, 2**40)) == 1000
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a." * 200_000 + b"b = 1", "nests a key over"),
        (b"[" + b'"a" . ' * 9 + b"b]", "nests a key over"),
        (b"a = " + b"[" * 5000, "nests too deep"),
        (b"a = " + b"9" * 5000, "thousands of digits"),
        (b"\xff", "is not UTF-8 text"),
        (b"a = ", "is not TOML: "),
    ],
)
def test_toml_that_would_take_much_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(NCAError, match=message):
        inputs.parse_toml(text)


def test_toml_is_parsed() -> None:
    assert inputs.parse_toml(b"a.b.c = 1\r\n# a.b.c.d.e.f.g.h.i.j\r\nd = 'x. y. z.'") == {
        "a": {"b": {"c": 1}},
        "d": "x. y. z.",
    }


def test_no_picture_starts_a_program(tmp_path: Path) -> None:
    (path := tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n")
    events: list[str] = []
    sys.addaudithook(lambda event, _: events.append(event))
    with pytest.raises(NCAError, match="is not an image of a known format"):
        load_image(path, 64)
    assert "subprocess.Popen" not in events


def test_a_message_stays_short() -> None:
    message = str(NCAError("a.toml: `value` is " + "9" * 10**6 + "; it must be at most 3."))
    assert len(message) < 1000
    assert message.startswith("a.toml: `value` is 999")
    assert message.endswith("999; it must be at most 3.")


def test_the_endings_of_images_are_those_of_their_formats() -> None:
    Image.init()
    endings = Image.registered_extensions().items()
    assert {*images.ENDINGS} == {ending for ending, kind in endings if kind in images.FORMATS}
