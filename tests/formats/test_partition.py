"""Several models in a file, and models beside loss nets, optimisers and other data."""

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import pickle
import types
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from onnx_files import growing_graph
from published_forms import state_dict
from torch_files import refused

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.formats import model_files


def tensors(seed: int = 0, **form: Any) -> dict[str, torch.Tensor]:
    found = {k: torch.from_numpy(v + seed) for k, v in state_dict(16, **form).items()}
    return {k: v.contiguous() for k, v in found.items()}


A, B, LAYERS = tensors(), tensors(1), tensors(names=("layers.0", "layers.2"))
PROGRAM = tensors(names=("update_network.0", "update_network.2"))


def under(prefix: str, named: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in named.items()}


VGG = {
    "0.weight": torch.zeros(64, 3, 3, 3), "0.bias": torch.zeros(64), "2.weight": torch.zeros(64, 64, 3, 3),
    "5.weight": torch.zeros(512, 2400, 3, 3),
}  # fmt: skip


def saved(path: Path, held: Any) -> Path:
    torch.save(held, path)
    return path


def same(a: Model, b: Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.arrays().values(), b.arrays().values(), strict=True))


@pytest.mark.parametrize(
    ("held", "names"),
    [
        ({"dots": A, "zebra": B}, ["dots", "zebra"]),
        ({"dots": {"state_dict": A, "epoch": 3}, "zebra": {"state_dict": B}}, ["dots", "zebra"]),
        ([A, B], ["x-0", "x-1"]),
        ({"models": (A, A, B)}, ["x-0", "x-1", "x-2"]),
        (collections.defaultdict(dict, {"a": A, "b": B}), ["a", "b"]),
        (under("dots", A) | under("zebra", B), ["dots", "zebra"]),
        (under("ncas.0", A) | under("ncas.1", B), ["x-0", "x-1"]),
        (types.SimpleNamespace(a=A, b=B), ["a", "b"]),
    ],
)
def test_each_of_several_models_opens_by_its_name(tmp_path: Path, held: Any, names: list[str]) -> None:
    path = saved(tmp_path / "x.pt", held)
    assert list(model_files.open_file(path).models) == names
    alone = model_files.load(saved(tmp_path / "b.pt", B))
    assert same(model_files.load(f"{path}:{names[-1]}"), alone)
    with pytest.raises(NCAError, match=f"holds {len(names)} models; add the name of one"):
        model_files.load(path)


@pytest.mark.parametrize("held", [{"model": A, "ema": B}, {"ema_model": B, "net": A}, A | under("ema", B)])
def test_copies_do_not_stand_in_the_way(tmp_path: Path, held: Any) -> None:
    path = saved(tmp_path / "x.pt", held)
    opened = model_files.open_file(path)
    assert len(opened.models) == 2
    assert same(opened.model(), model_files.load(saved(tmp_path / "a.pt", A)))
    assert "other weights, which FILE:NAME opens: ema" in opened.model().config.notes[-1]
    assert same(opened.model("ema" if "ema" in opened.models else "ema_model"), model_files.load(saved(path, B)))


@pytest.mark.parametrize(
    "held",
    [
        [A], (A, 3), under("generator", A), under("a.b.c", A), {"state_dict": under("nca", A)}, A | under("vgg", VGG),
        under("nca", A) | under("loss.vgg", VGG), under("nca", A) | under("features", VGG),
        {"generator": A, "discriminator": {"0.weight": torch.zeros(64, 12), "2.weight": torch.zeros(3, 64)}},
        {"model": A, "target": torch.zeros(4, 64, 64), "pool": torch.zeros(64, 16, 72, 72), "losses": torch.zeros(9)},
        argparse.Namespace(model=A, out=pathlib.Path("x")),
    ],
)  # fmt: skip
def test_one_model_is_found_whatever_is_beside_it(tmp_path: Path, held: Any) -> None:
    found = model_files.open_file(saved(tmp_path / "x.pt", held))
    assert list(found.models) == ["x"]
    assert (found.family, found.model().config.colour.offset) == ("notebook", 0.5)
    assert same(found.model(), model_files.load(saved(tmp_path / "a.pt", A)))


def test_layers_with_two_names_are_one_model(tmp_path: Path) -> None:
    held = tensors(names=("fc0", "fc1"))
    again = dict(zip(under("seq", LAYERS), held.values(), strict=True))
    seen = model_files.load(saved(tmp_path / "x.pt", held | again))
    assert same(seen, model_files.load(saved(tmp_path / "x.pt", held)))
    assert seen.config.attribution["not needed"] == "seq (the same weights again)"


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int64])
def test_whole_numbers_are_no_weights(tmp_path: Path, kind: torch.dtype) -> None:
    """Of a quantised model, the scale may lie anywhere. Filters and counters are whole in ordinary files, too."""
    path, sobel = tmp_path / "x.pt", torch.tensor([[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]])
    for net, name in (
        (under("nca", A), "nca.w1.weight"), (tensors(names=("fc0", "fc1")), "fc0.weight"), (LAYERS, "layers.2.weight"),
    ):  # fmt: skip
        held = net | {"sobel": sobel, "step": torch.tensor(3)}
        model_files.load(saved(path, held))
        with pytest.raises(NCAError, match=rf"{name} are whole numbers \(.*\), as those of a quantised model"):
            model_files.load(saved(path, held | {name: net[name].to(kind)}))


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    held = {"state_dict": under("nca", A) | under("loss.vgg", VGG), "optimizer": {"m": torch.zeros(3, 3)}}
    facts = model_files.load(saved(tmp_path / "x.pt", held)).config.attribution
    assert facts["not needed"] == "state_dict.loss, optimizer"
    assert "left out" not in facts
    held = {"model": A, "odd": torch.zeros(4, 64)}
    assert "not known: odd" in model_files.load(saved(tmp_path / "x.pt", held)).config.notes[-1]


def test_the_name_of_a_known_program_stays(tmp_path: Path) -> None:
    for held in (PROGRAM, under("nca", PROGRAM), {"dots": under("module", PROGRAM)}):
        found = model_files.load(saved(tmp_path / "x.pt", held))
        assert same(found, model_files.load(saved(tmp_path / "y.pt", PROGRAM)))
        assert found.config.attribution["recognised"] == "its state dict has the layers update_network.0 and " + (
            "update_network.2, as a Sequential's"
        )


class Phase(enum.Enum):
    TEXTURE = "texture"


@dataclass
class Settings:
    size: int = 3
    phase: Phase = Phase.TEXTURE


class Inner(collections.UserDict[str, int]):
    class Deep:
        pass


BESIDE: dict[str, Any] = {
    "counter": collections.Counter("aab"), "namespace": argparse.Namespace(lr=0.1), "path": pathlib.PurePosixPath("a"),
    "deque": collections.deque([1, 2], 5), "when": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "took": datetime.timedelta(1), "decimal": decimal.Decimal("0.1"), "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=3), "partial": functools.partial(print, 3), "complex": 1 + 2j, "range": range(3),
    "scalar": np.float32(3), "date of NumPy": np.datetime64("2020"), "text of NumPy": np.str_("a"),
    "texts": np.array(["a", "b"]), "random": np.random.default_rng(0).bit_generator.state,
    "generator": np.random.RandomState(0), "enum": Phase.TEXTURE, "settings": Settings(), "inner": Inner.Deep(),
    "user dict": Inner(a=3), "none": type(None), "error": KeyError("a"), "bytes": bytearray(b"abc"),
    "optimizer": torch.optim.Adam(torch.nn.Linear(2, 2).parameters()).state_dict(),
    "sched": torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD([torch.zeros(3)]), [3]).state_dict(),
    "rng": torch.get_rng_state(), "dtype": torch.float32, "size": torch.Size([3]), "function": print,
}  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", BESIDE)
def test_settings_beside_the_weights_are_inert(tmp_path: Path, name: str, protocol: int) -> None:
    path = tmp_path / "x.pt"
    torch.save({"model": A, name: BESIDE[name]}, path, pickle_protocol=protocol)
    assert same(model_files.load(path), model_files.load(saved(tmp_path / "a.pt", A)))


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_plain_pickle_of_torch_tensors_opens(tmp_path: Path, protocol: int) -> None:
    (path := tmp_path / "x.pkl").write_bytes(pickle.dumps({"model": A, "step": 3}, protocol))
    assert same(model_files.load(path), model_files.load(saved(tmp_path / "a.pt", A)))


def test_a_network_of_an_unknown_class_is_named(tmp_path: Path) -> None:
    class_of_tests = Settings.__module__
    path = saved(tmp_path / "x.pt", {"net": Settings(), "epoch": 3})
    assert refused(path).startswith(f"asks for Python code ({class_of_tests}.Settings), and ncaengine runs no code")


# Files known by what they hold


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_safetensors_of_other_floats(tmp_path: Path, kind: torch.dtype) -> None:
    held = {name: tensor.to(kind) for name, tensor in A.items()}
    safetensors.torch.save_file(held, tmp_path / "x.safetensors")
    assert same(model_files.load(tmp_path / "x.safetensors"), model_files.load(saved(tmp_path / "x.pt", held)))


def test_dicts_of_numpy(tmp_path: Path) -> None:
    held = state_dict(16)
    np.save(tmp_path / "x.npy", held, allow_pickle=True)  # type: ignore[arg-type]
    np.savez(tmp_path / "y.npz", **held)
    np.savez_compressed(tmp_path / "z.npz", **held)
    for name in ("x.npy", "y.npz", "z.npz"):
        assert same(model_files.load(tmp_path / name), model_files.load(saved(tmp_path / "a.pt", A)))


@pytest.mark.parametrize(
    "name", ["w.pth.tar", "w.pk", "w.model", "w.weights", "checkpoint-5000", "w_3500_0.0123", "w.json"]
)
def test_a_file_is_known_by_what_it_holds(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, A)
    if name == "w.json":
        assert "is not UTF-8 text" in refused(path)
        return
    assert same(model_files.load(path), model_files.load(saved(tmp_path / "a.pt", A)))
    safetensors.torch.save_file(A, path)
    assert model_files.open_file(path).family == "notebook"


class CA(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w1, self.w2 = torch.nn.Conv2d(16, 6, 1), torch.nn.Conv2d(6, 4, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w2(torch.relu(self.w1(x)))


@pytest.mark.filterwarnings("ignore")
def test_torchscript(tmp_path: Path) -> None:
    (net := CA()).load_state_dict(A)
    traced = torch.jit.trace(net.eval(), torch.rand(1, 16, 4, 4))
    torch.jit.save(traced, path := tmp_path / "x.pt")
    found = model_files.open_file(path)
    assert found.family == "notebook"
    assert found.model().config.attribution["left out"].startswith("the program of this TorchScript file")
    assert same(found.model(), model_files.load(saved(tmp_path / "a.pt", A)))
    torch.jit.save(torch.jit.freeze(traced), path)  # the weights are constants of the program then
    assert same(model_files.load(path), model_files.load(saved(tmp_path / "a.pt", LAYERS)))


class Listing(CA):
    def __init__(self) -> None:
        super().__init__()
        self.sizes, self.rates, self.flags = [3, 4], [0.5, 0.25], [True, False]
        self.parts, self.fire_rate = [torch.zeros(2)], 0.25
        self.table = {"a": [1, 2]}
        self.gain = torch.nn.Parameter(torch.ones(3, 2))


@pytest.mark.filterwarnings("ignore")
def test_what_a_script_holds_is_named_once(tmp_path: Path) -> None:
    scripted = torch.jit.script(CA())
    scripted.load_state_dict(A)
    torch.jit.save(scripted, path := tmp_path / "x.pt")
    model = model_files.load(path)
    assert same(model, model_files.load(saved(tmp_path / "a.pt", A)))
    assert model.config.attribution["left out"].startswith("the program of this TorchScript file")
    scripted = torch.jit.script(Listing())
    scripted.load_state_dict(A, strict=False)
    torch.jit.save(scripted, path)
    model = model_files.load(path)
    assert model.config.fire_rate == 0.25
    assert "meaning is not known: gain" in model.config.notes[-1]
    assert "weight" not in model.config.notes[-1].partition(";")[0]


def test_files_of_any_name_are_found_in_folders_and_by_the_window(tmp_path: Path) -> None:
    from ncaengine.viewer.state import file_kinds

    names = ["a.model", "b", "c.weights", "d.pth.tar", "e.onnx"]
    for name in names[:-1]:
        saved(tmp_path / name, A)
    (tmp_path / "e.onnx").write_bytes(growing_graph())
    safetensors.torch.save_file(A, tmp_path / "f")
    for name, content in (("x", b"text"), ("y.zip", b"PK\3\4 document"), ("z.mp4", b"\0\0\0 ftyp"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    assert [path.name for path in model_files.find_files(tmp_path)] == [*names, "f"]
    assert [file_kinds.is_model_file(tmp_path / name) for name in ("a.model", "f", "x", "y.zip", "empty", "none")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
