"""Files that are not models: each is refused with one message that starts with the file's name, and none runs code."""

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers import NOTEBOOK_CONFIG, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_files import LEGACY, notebook, refused, saved

from ncaengine.core.errors import NCAError
from ncaengine.formats import limits, model_files


def test_an_unknown_bare_name_lists_the_shipped_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(Path("zebrra"))
    assert message.startswith(
        "is neither a file nor a shipped model (did you mean zebra?); the shipped ones are: bricks, bubbles, "
    )
    assert "zebra" in message
    (tmp_path / "models").mkdir()
    assert refused(Path("models")) == "is a folder; give a model file."
    for odd in ("a\0.pt", "x" * 5000, "x" * 5000 + ".pt"):
        with pytest.raises(NCAError):
            model_files.load(odd)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.pt") == "cannot be read (No such file or directory)."


def test_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folder.pt"
    path.mkdir()
    assert refused(path) == "is a folder; give a model file."


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.pt", notebook())
    path.chmod(0)
    assert refused(path) == "cannot be read (Permission denied)."


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".json", ".txt"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.touch()
    assert refused(path) == "is empty; copy or save it again."


@pytest.mark.parametrize("ending", [".npz", ".onnx"])
def test_what_does_not_hold_what_its_ending_says_is_called_damaged(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"m{ending}").write_bytes(b"x")
    assert refused(tmp_path / f"m{ending}") == f"is damaged, or not a {ending} file; copy or save it again."


def test_a_session_and_a_checkpoint_are_no_models(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"a": np.zeros((3, 3), np.float32)}, tmp_path / "s.nca", {"ncaengine session": "{}"})
    assert refused(tmp_path / "s.nca").startswith("is a session, not a model; open it with `ncaengine view`")
    torch.save({"ncaengine training": 1, "state": {"w1.weight": torch.zeros(3, 3)}}, tmp_path / "checkpoint.pt")
    assert refused(tmp_path / "checkpoint.pt").startswith("is the checkpoint of a training, not a model;")


def test_metadata_of_ours_that_is_no_json_is_told(tmp_path: Path) -> None:
    arrays = {"w1": np.zeros((3, 3), np.float32)}
    safetensors.numpy.save_file(arrays, tmp_path / "m.safetensors", {"ncaengine": "x"})
    assert refused(tmp_path / "m.safetensors").startswith("has a key 'ncaengine' in its metadata that is not JSON")


@pytest.mark.parametrize("text", [f"[{'9' * 10_000}]", "[" * 100_000 + "]" * 100_000])
def test_json_that_python_cannot_hold_is_refused_in_plain_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    said = "is not the JSON of a model: its numbers are too long, or its lists too deep."
    assert refused(tmp_path / "m.json") == said


@pytest.mark.parametrize("name", ["m", "m.pt.bak"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    assert refused(path).startswith("is not a model file; models end in .safetensors, .pt, .pth, ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.txt", b"x", "it holds a text"),
        ("m.glsl", b"// zebra\n// Made by ncaengine 1.0 (Apache-2.0).\n", "is a Shadertoy export"),
        ("m.pt", b"<!DOCTYPE html>\n<html>", "holds text, not a file of torch.save"),
        ("m.pth", b"version https://git-lfs.github.com/spec/v1\n", "holds text, not a file of torch.save"),
        ("m.json", b"{}", "it holds no weights"),
        ("m.json", b"{", "copy or save it again"),
        ("m.js", b"\xff", "is not UTF-8 text"),
        ("m.npy", b"x", "damaged"),
        ("m.bin", b"xyz", "has 3 bytes, not a multiple of 4 as float32 numbers have"),
        ("m.bin", b"\xff" * 8, "not a row of finite float32 numbers"),
        ("m.bin", b"\0" * 8, "is a row of 2 numbers without a known layout; give --channels"),
        ("m.safetensors", b"x", "is not a complete .safetensors model"),
    ],
)
def test_files_without_weights_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert message in refused(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    with path.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    assert refused(path) == "is 256 MB, far larger than any texture NCA."


def whole(folder: Path, kind: str) -> bytes:
    path = folder / "whole.safetensors" if kind == "safetensors" else folder / "whole.pt"
    if kind in ("pt", "safetensors"):
        model_files.save(random_model(NOTEBOOK_CONFIG), path)
    else:
        torch.save(notebook(), path, **(LEGACY if kind == "legacy" else {}))
    return path.read_bytes()


KINDS = ["pt", "safetensors", "notebook", "legacy"]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files(tmp_path: Path, kind: str) -> None:
    content = whole(tmp_path, kind)
    path = tmp_path / f"cut.{'safetensors' if kind == 'safetensors' else 'pt'}"
    n = len(content)
    for length in (
        1,
        2,
        3,
        4,
        7,
        8,
        9,
        10,
        64,
        100,
        512,
        1000,
        n // 4,
        n // 2,
        n * 3 // 4,
        n - 100,
        n - 20,
        n - 8,
        n - 1,
    ):
        path.write_bytes(content[:length])
        assert "damaged" in (message := refused(path)) or "is not a complete" in message


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_open_or_are_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Bytes are changed at both ends, where the structure is; if only weights change, the file opens."""
    content = bytearray(whole(tmp_path, kind))
    n = len(content)
    place = st.integers(0, min(1500, n - 1)) | st.integers(max(0, n - 1500), n - 1)
    for at, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=20)):
        content[at] = byte
    path = tmp_path / f"hit.{'safetensors' if kind == 'safetensors' else 'pt'}"
    path.write_bytes(content)
    message = ""
    try:
        model_files.load(path)
    except NCAError as error:
        message = str(error)
    assert message.startswith(f"{path}: ") or not message
    assert "\n" not in message


STARTS = [
    b"",
    b"PK\x03\x04",
    b"\x80\x02",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
    struct.pack("<Q", 20) + b"{",
    b"ustar",
]


@settings(max_examples=150)
@given(st.sampled_from(STARTS), st.binary(min_size=1, max_size=300))
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_random_bytes(tmp_path: Path, suffix: str, start: bytes, rest: bytes) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(start + rest)
    refused(path)


class Evil:
    """An object whose pickle runs a command that makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("form", ["zip", "legacy", "among weights", "raw pickle", "raw pickle 0", "raw pickle 4"])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, form: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "m.pt"
    evil = Evil(marker)
    match form:
        case "zip":
            torch.save(evil, path)
        case "legacy":
            torch.save({"w": evil}, path, **LEGACY)
        case "among weights":
            torch.save(notebook() | {"w1.bias": evil}, path)
        case _:
            path.write_bytes(pickle.dumps(evil, protocol=int(form[-1]) if form[-1].isdigit() else 2))
    message = refused(path)
    assert not marker.exists()
    if form != "raw pickle 4":  # torch's reader rejects newer pickles before it sees a name
        assert f"{os.system.__module__}.system" in message
        assert "runs no code" in message
    # The attack is real: pickle.loads runs the command.
    if form.startswith("raw"):
        pickle.loads(path.read_bytes())
        assert marker.exists()


def changed(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return notebook() | {k.replace("_", "."): v for k, v in tensors.items()}


SPREAD = torch.zeros(1, 1, 1, 1)
OTHERS: dict[str, tuple[object, str]] = {
    "a list": ([1, 2], "holds a list"),
    "a number": (5, "holds a int"),
    "nothing": (None, "holds a NoneType"),
    "a tensor": (torch.zeros(3), "holds a Tensor"),
    "an empty dict": ({}, "holds nothing"),
    "a dict of text": ({"a": "b", "c": "d"}, "holds 'a', 'c'; it has no weights"),
    "another net": (
        {f"conv{i}.weight": torch.zeros(3) for i in range(9)},
        "'conv0.weight', 'conv1.weight', 'conv2.weight', 'conv3.weight', …",
    ),
    "lists for weights": ({k: v.tolist() for k, v in notebook().items()}, "it has no weights"),
    "keys that are no text": ({(1, 2): torch.zeros(1), 3: torch.zeros(1)}, "(1, 2), 3; it has no weights"),
    "a key with a line break": ({"a\nb": torch.zeros(1)}, "a b"),
    "a key that steers a terminal": ({"\x1b[31m": torch.zeros(1)}, "tensors called ' [31m'"),
    "NaN weights": (changed(w1_bias=torch.full((96,), torch.nan)), "b1 hold NaN or infinity"),
    "infinite weights": (changed(w2_weight=torch.full((12, 96, 1, 1), torch.inf)), "w2 hold NaN or infinity"),
    "weights beyond float32": (
        changed(w1_weight=torch.full((96, 48, 1, 1), 1e300, dtype=torch.float64)),
        "w1 hold NaN",
    ),
    "w1 of another width": (changed(w1_weight=torch.zeros(96, 51, 1, 1)), "shapes do not fit"),
    "w2 of another width": (changed(w2_weight=torch.zeros(12, 95, 1, 1)), "shapes do not fit"),
    "w2 of another height": (changed(w2_weight=torch.zeros(13, 96, 1, 1)), "shapes do not fit"),
    "a bias of another length": (changed(w1_bias=torch.zeros(95)), "b1 have shape (95,)"),
    "a second bias that does not fit": (changed(w2_bias=torch.zeros(13)), "b2 have shape (13,)"),
    "a 3x3 convolution": (changed(w1_weight=torch.zeros(96, 48, 3, 3)), "w1.weight has shape (96, 48, 3, 3)"),
    "a weight of one dimension": (changed(w1_weight=torch.zeros(96)), "w1.weight has shape (96,)"),
    "a weight without numbers": (changed(w1_weight=torch.zeros(0, 48, 1, 1)), "w1.weight has shape (0, 48, 1, 1)"),
    "two channels": (notebook(2, 96), "2 channels and 96 hidden units"),
    "2000 hidden units": (notebook(12, 2000), "12 channels and 2000 hidden units"),
    "a claim of many numbers": (changed(w1_weight=SPREAD.expand(10**6, 48, 1, 1)), "over ten million numbers"),
    "a claim of terabytes": (changed(w1_weight=SPREAD.expand(10**11, 48, 1, 1)), "over ten million numbers"),
    "complex weights": (changed(w1_bias=torch.zeros(96, dtype=torch.complex64)), "complex"),
    "sparse weights": (changed(w1_bias=torch.ones(96).to_sparse()), "not plain tensors"),
    "weights without content": (changed(w1_bias=torch.empty(96, device="meta")), "not plain tensors"),
    "our key alone": ({"ncaengine": 3}, "the key ncaengine but lacks its weights"),
    "our key without weights": ({"ncaengine": {"config": {}}}, "the key ncaengine but lacks its weights"),
    "our form without a configuration": ({"ncaengine": {"weights": {}}}, "configuration is not valid"),
    "our form with too few weights": (
        {"ncaengine": {"config": {}, "weights": {"w1": torch.zeros(96, 48)}}},
        "lack b1, w2, b2",
    ),
    "our form with numbers for weights": ({"ncaengine": {"config": {}, "weights": {"w1": 1.0}}}, "the weights lack w1"),
    "our form of 10⁹ channels": ({"ncaengine": {"config": {"channels": 10**9}, "weights": {}}}, "channels"),
    "our form with a tensor for a number": (
        {"ncaengine": {"config": {"hidden": torch.ones(1)}, "weights": {}}},
        "hidden",
    ),
    "our form with a claim of terabytes": (
        {"ncaengine": {"config": {}, "weights": {"w1": torch.zeros(1, dtype=torch.int8).expand(10**13)}}},
        "ten million",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_contents_of_a_pt_are_refused(tmp_path: Path, case: str) -> None:
    what, part = OTHERS[case]
    assert part in refused(saved(tmp_path / "m.pt", what))
