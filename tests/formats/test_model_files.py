"""Model files: what opens, and that everything else is refused in one sentence with the file's name."""

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from published_forms import hexells

import ncaengine
from ncaengine.backends.reference import Reference
from ncaengine.core import model, pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Colour
from ncaengine.core.settings import Settings
from ncaengine.formats import limits, model_files

LEGACY = {"_use_new_zipfile_serialization": False}


def notebook(channels: int = 12, hidden: int = 96, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict as the article's notebook saves it."""
    rng = torch.Generator().manual_seed(seed)
    return {
        "w1.weight": torch.randn(hidden, 4 * channels, 1, 1, generator=rng) * 0.05,
        "w1.bias": torch.randn(hidden, generator=rng) * 0.1,
        "w2.weight": torch.randn(channels, hidden, 1, 1, generator=rng) * 0.02,
    }


def refused(path: Path) -> str:
    """What `load` says about a file, without its name; all that any refusal must hold is checked here."""
    with pytest.raises(NCAError) as caught:
        model_files.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert said.endswith((".", "models/"))
    return said.removeprefix(f"{path}: ")


def saved(path: Path, what: object, **options: Any) -> Path:
    torch.save(what, path, **options)
    return path


# What opens


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_load_and_save_are_the_packages_own(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    ncaengine.save(random_model(SELFORG), path)
    assert ncaengine.load(str(path)).config == SELFORG


def test_a_saved_pt_holds_plain_containers_and_tensors(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    model_files.save(random_model(SELFORG), path)
    data = torch.load(path, weights_only=True)
    assert json.loads(json.dumps(data["ncaengine"]["config"])) == model.config_to_dict(SELFORG)
    assert {k: tuple(v.shape) for k, v in data["ncaengine"]["weights"].items()} == {
        "w1": (96, 48), "b1": (96,), "w2": (12, 96), "b2": (12,),
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PT"])
@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_notebooks_state_dict_opens_with_the_notebooks_conventions(
    tmp_path: Path, suffix: str, options: dict[str, bool]
) -> None:
    found = model_files.load(saved(tmp_path / f"my texture{suffix}", notebook(), **options))
    c = found.config
    assert (c.name, c.family, c.channels, c.hidden) == ("my texture", "notebook", 12, 96)
    assert (c.activation, c.padding, c.fire_rate, c.seed.kind) == ("relu", "circular", 0.5, "zeros")
    assert c.colour == Colour(1.0, 0.5)
    assert c.clips == model.Clips()


def notebook_step(sd: dict[str, torch.Tensor], x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One step as the article's PyTorch notebook computes it: (1, channels, height, width)."""
    ident = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    sobel_x = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    lap = torch.tensor([[1.0, 2.0, 1.0], [2.0, -12, 2.0], [1.0, 2.0, 1.0]])
    filters = torch.stack([ident, sobel_x, sobel_x.T, lap])
    b, ch, h, w = x.shape
    y = x.reshape(b * ch, 1, h, w)
    y = torch.nn.functional.pad(y, [1, 1, 1, 1], "circular")
    y = torch.nn.functional.conv2d(y, filters[:, None])
    y = y.reshape(b, -1, h, w)
    y = torch.nn.functional.conv2d(y, sd["w1.weight"], sd["w1.bias"]).relu()
    y = torch.nn.functional.conv2d(y, sd["w2.weight"])
    return x + y * mask


@pytest.mark.parametrize(("channels", "hidden"), [(12, 96), (5, 7)])
def test_a_step_of_it_is_the_notebooks_own(tmp_path: Path, catalogue: Catalogue, channels: int, hidden: int) -> None:
    sd = notebook(channels, hidden)
    found = model_files.load(saved(tmp_path / "m.pt", sd))
    net = Reference(found, catalogue.get("square"))
    x = torch.randn(1, channels, 9, 13, generator=torch.Generator().manual_seed(1))
    mask = torch.from_numpy(pcg.fire_mask(13, 9, 4, 2, 0.5)).float()
    with torch.no_grad():
        ours, theirs = net.step(x, 4, 2, Settings()), notebook_step(sd, x, mask)
    assert (theirs - x).abs().max() > 0.05
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_published_vanilla_nca_opens(shared: Path) -> None:
    found = model_files.load(shared / "published/noise-nca/Vanilla-NCA_bubbly_0101.pt")
    assert (found.config.channels, found.config.hidden) == (12, 96)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_float_types_open(tmp_path: Path, dtype: torch.dtype) -> None:
    sd = notebook()
    found = model_files.load(saved(tmp_path / "m.pt", {k: v.to(dtype) for k, v in sd.items()}))
    np.testing.assert_allclose(found.b1, sd["w1.bias"].numpy(), rtol=0.01)


def test_parameters_that_require_a_gradient_open(tmp_path: Path) -> None:
    model_files.load(saved(tmp_path / "m.pt", {k: torch.nn.Parameter(v) for k, v in notebook().items()}))


def test_a_bare_name_is_a_shipped_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ncaengine.load("zebra").config.name == model_files.load(Path("zebra")).config.name == "zebra"
    (tmp_path / "zebra").mkdir()
    assert model_files.load("zebra").config.name == "zebra"  # a folder is no model
    (tmp_path / "weave").write_bytes(b"x")
    assert model_files.find_file("weave") == Path("weave")
    assert model_files.find_file("weave", tmp_path) == tmp_path / "weave"
    assert model_files.find_file("zebra.pt") == Path("zebra.pt")
    assert model_files.find_file("coral", tmp_path).name == "coral.safetensors"


# What does not


def test_a_bare_name_that_is_not_shipped_lists_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(Path("zebrra"))
    assert said.startswith("is neither a file nor a shipped model; the shipped ones are: bubbles, ")
    assert "zebra" in said
    (tmp_path / "models").mkdir()
    assert refused(Path("models")) == "is a folder; give a model file."
    for odd in ("a\0.pt", "x" * 5000, "x" * 5000 + ".pt"):
        with pytest.raises(NCAError):
            model_files.load(odd)


def test_no_such_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.pt") == "cannot be read (No such file or directory)."


def test_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder.pt"
    path.mkdir()
    assert refused(path) == "is a folder; give a model file."


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.pt", notebook())
    path.chmod(0)
    assert refused(path) == "cannot be read (Permission denied)."


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".json", ".txt"])
def test_an_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.touch()
    assert refused(path) == "is empty; copy or save it again."


@pytest.mark.parametrize("name", ["m", "m.pt.bak", "m.npz", "m.onnx"])
def test_another_ending(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    assert refused(path).startswith("is not a model file; models end in .safetensors, .pt, .pth, ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
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
def test_what_is_no_published_weights_is_told(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert said in refused(path)


def test_a_file_of_absurd_size(tmp_path: Path) -> None:
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
        assert "damaged" in (said := refused(path)) or "is not a complete" in said


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_open_or_are_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Bytes are changed at the ends, where the structure lies; if only a weight changed, the file opens."""
    content = bytearray(whole(tmp_path, kind))
    n = len(content)
    place = st.integers(0, min(1500, n - 1)) | st.integers(max(0, n - 1500), n - 1)
    for at, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=20)):
        content[at] = byte
    path = tmp_path / f"hit.{'safetensors' if kind == 'safetensors' else 'pt'}"
    path.write_bytes(content)
    said = ""
    try:
        model_files.load(path)
    except NCAError as error:
        said = str(error)
    assert said.startswith(f"{path}: ") or not said
    assert "\n" not in said


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
    """Its pickle asks to run a command that makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("form", ["zip", "legacy", "among weights", "raw pickle", "raw pickle 0", "raw pickle 4"])
def test_a_pickle_that_would_run_code_runs_none(tmp_path: Path, form: str) -> None:
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
    said = refused(path)
    assert not marker.exists()
    if form != "raw pickle 4":  # torch's reader gives up on newer pickles before it has a name
        assert f"{os.system.__module__}.system" in said
        assert "runs no code" in said
    # The file is what it is taken for: opened carelessly it does run its command.
    if form.startswith("raw"):
        pickle.loads(path.read_bytes())
        assert marker.exists()


@pytest.mark.parametrize("name", ["dots.pt", "chess.pt"])
def test_a_whole_object_pickle_opens(shared: Path, name: str) -> None:
    model = model_files.load(shared / "published/grafting" / name)
    assert (model.config.family, model.config.channels, model.config.hidden) == ("notebook", 12, 96)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "ca"])
def test_a_checkpoint_around_a_state_dict_opens(tmp_path: Path, key: str) -> None:
    weights = notebook()
    model = model_files.load(saved(tmp_path / "m.pt", {"epoch": 3, key: weights}))
    assert np.array_equal(model.b1, weights["w1.bias"].numpy())


def test_bare_tensors_in_safetensors_open(tmp_path: Path) -> None:
    weights = {key: tensor.numpy() for key, tensor in notebook().items()}
    safetensors.numpy.save_file(weights, tmp_path / "m.safetensors")
    assert np.array_equal(model_files.load(tmp_path / "m.safetensors").b1, weights["w1.bias"])


def test_one_of_several_models_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(hexells()))
    assert list(model_files.open_file(path).models) == ["x", "x-2", "hidden_name"]
    assert model_files.load(f"{path}:hidden_name").config.name == "hidden_name"
    assert model_files.load(f"{path}:2").config.name == "x-2"  # what a name ends with will do
    for name, said in (("", "holds 3 models; add the name of one, as"), (":y", "holds no model 'y'; there are")):
        with pytest.raises(NCAError, match=said):
            model_files.load(f"{path}{name}")


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
    "our mark alone": ({"ncaengine": 3}, "the key ncaengine but lacks its weights"),
    "our mark without weights": ({"ncaengine": {"config": {}}}, "the key ncaengine but lacks its weights"),
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
def test_a_pt_of_something_else(tmp_path: Path, case: str) -> None:
    what, part = OTHERS[case]
    assert part in refused(saved(tmp_path / "m.pt", what))


@pytest.mark.parametrize(
    ("name", "family", "models"),
    [
        ("dynca/vector_field_small_grid_0002.json", "dynca", 12),
        ("dynca/video_small_escalator.json", "dynca", 1),
        ("grafting/chess.pt", "notebook", 1),
        ("growing/ex3_lizard.json", "growing", 1),
        ("monash/texture-bubbles.bin", "monash", 1),
        ("monash/texture.pth", "monash", 1),
        ("noise-nca/Noise-NCA_dotted_0201.pt", "noise-nca", 1),
        ("noise-nca/PE-NCA_bubbly_0101.pt", "noise-nca", 1),
        ("noise-nca/Vanilla-NCA_bubbly_0101.pt", "notebook", 1),
        ("noise-nca/bubbly_0101.json", "noise-nca", 1),
        ("reaction-diffusion/grid_0135_20000.npy", "reaction-diffusion", 1),
        ("selforg-textures/hexells.json", "selforg-textures", 173),
    ],
)
def test_published_weights_are_told_apart(shared: Path, tmp_path: Path, name: str, family: str, models: int) -> None:
    """By what they hold: under another name they are the same."""
    path = tmp_path / f"renamed{Path(name).suffix}"
    path.write_bytes((shared / "published" / name).read_bytes())
    opened = model_files.open_file(path)
    assert (opened.family, len(opened.models)) == (family, models)
    assert opened.reason
    assert next(iter(opened.models.values())).config.attribution["recognised"] == opened.reason


# Saving


@pytest.mark.parametrize("name", ["m.txt", "m", "m.pth", "m.json"])
def test_saving_under_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NCAError, match=r"must end in \.pt or \.safetensors"):
        model_files.save(random_model(NOTEBOOK_CONFIG), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_saving_where_nothing_can_be_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "nowhere" / f"m{suffix}"
    with pytest.raises(NCAError) as caught:
        model_files.save(random_model(NOTEBOOK_CONFIG), path)
    assert str(caught.value).startswith(f"{path}: cannot be written (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"m{suffix}"
    model_files.save(random_model(NOTEBOOK_CONFIG), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_files.os, "replace", full)
    with pytest.raises(NCAError, match="No space left"):
        model_files.save(random_model(NOTEBOOK_CONFIG, 1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
