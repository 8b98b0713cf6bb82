"""Files of torch and NumPy are read as they read them, and the weights in them are found."""

import os
import pickle
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import apart
from pickle_parts import ARRAYS, FORMS, NP, boxed, npy, weights, zipped

from ncaengine.core.errors import NCAError
from ncaengine.formats.pickle.holders import find_weights
from ncaengine.formats.pickle.machine import GlobalName, UnloadedObject
from ncaengine.formats.pickle.weights import read_npy, read_torch


@pytest.fixture(params=FORMS)
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[object], Path]:
    """Return a function that saves with torch, in each of its two forms."""

    def write(what: object) -> Path:
        path = tmp_path / "m.pt"
        with warnings.catch_warnings(action="ignore"):  # torch warns if an old file can't hold a class's source text
            torch.save(what, path, **FORMS[request.param])
        return path

    return write


def check_same(ours: Any, theirs: Any) -> None:
    """Check that our objects are the same as those of torch or NumPy, bit for bit."""
    if isinstance(theirs, torch.Tensor):
        theirs = theirs.detach()
        theirs = (theirs.float() if theirs.dtype == torch.bfloat16 else theirs).numpy()
    if isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray)
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.flags.c_contiguous
        assert ours.flags.writeable  # not a view of the file's bytes
        np.testing.assert_array_equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert type(ours) is dict
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            check_same(ours[key], value)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        for a, b in zip(ours, theirs, strict=True):
            check_same(a, b)
    else:
        assert ours == theirs


# Files of torch


BASE = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
STATES: dict[str, Any] = {
    "a state dict": OrderedDict(weights()),
    "plain things": {
        "a": [1, -1, 2**40, 0.5, True, None, "ü\n", b"\0\xff", b"", {1, 2}, set(), (), ((), (1,)), {}],
        (1, "x"): 3, 4: [[]],
    },
    "dtypes": [
        torch.tensor([0, 1, 3]).to(t)
        for t in (
            torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
            torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
        )
    ],
    "extremes": [torch.tensor([torch.inf, -torch.inf, torch.nan, 1e-40, -0.0], dtype=t) for t in
                 (torch.float32, torch.bfloat16, torch.float16)],
    "views": [BASE[1:, ::2, 1], BASE.T if BASE.ndim == 2 else BASE.permute(2, 0, 1), BASE[2, 3, 4], BASE[:, :0], BASE,
              BASE[0].expand(7, 4, 5), BASE.to(torch.bfloat16)[1:, :, 2], BASE.to(torch.bool)[:, 1]],
    "scalars and nothing": [torch.tensor(3.5), torch.tensor(2, dtype=torch.bfloat16), torch.zeros(0),
                            torch.zeros(0, 3, dtype=torch.bfloat16), torch.Size([2, 3])],
    "parameters": {k: torch.nn.Parameter(v) for k, v in weights().items()},
    "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "an optimiser's state": {"state": {0: {"step": torch.tensor(3.0), "avg": BASE}}, "param_groups": [{"lr": 1e-3}]},
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_files_of_torch_are_read_as_torch_reads_them(save: Callable[[object], Path], case: str) -> None:
    path = save(STATES[case])
    check_same(read_torch(path), torch.load(path, weights_only=False))  # safe: the test wrote it


def test_attributes_of_tensors_are_dropped(save: Callable[[object], Path]) -> None:
    parameter, tensor = torch.nn.Parameter(BASE), BASE.clone()
    parameter.colour = tensor.colour = "red"  # type: ignore[attr-defined]
    check_same(read_torch(save([parameter, tensor])), [BASE, BASE])


def test_shared_objects_stay_shared_and_count_once(save: Callable[[object], Path]) -> None:
    big = torch.zeros(6, 10**6)
    a, b = read_torch(save([big, big]))  # type: ignore[misc]
    assert a is b
    assert a.shape == (6, 10**6)


def test_device_and_classes_are_inert(save: Callable[[object], Path]) -> None:
    found = read_torch(save({"device": torch.device("cuda:1"), "dtype": torch.float32, "f": os.system}))
    assert found == {
        "device": "cuda", "dtype": GlobalName("torch", "float32"), "f": GlobalName(os.system.__module__, "system")
    }  # fmt: skip


def test_big_endian_files(tmp_path: Path) -> None:
    torch.save([BASE, BASE.to(torch.bfloat16), BASE.long()], path := tmp_path / "m.pt")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    widths = {"m/data/0": 4, "m/data/1": 2, "m/data/2": 8}
    for name, width in widths.items():
        parts[name] = np.frombuffer(parts[name], f"V{width}").view(f"<u{width}").byteswap().tobytes()
    parts["m/byteorder"] = b"big"
    path.write_bytes(zipped(parts))
    check_same(read_torch(path), [BASE, BASE.to(torch.bfloat16), BASE.long()])


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w2 = torch.nn.Conv2d(6, 3, 1, bias=False)
        self.register_buffer("filters", torch.randn(4, 3, 3))


class Whole(torch.nn.Module):
    """A module that a script saves as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = torch.nn.Conv2d(12, 6, 1)
        self.body = torch.nn.Sequential(Inner(), torch.nn.ReLU())
        self.gain = torch.nn.Parameter(torch.tensor(2.0))
        self.chn, self.act = 12, torch.nn.functional.relu


@pytest.fixture
def of_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the classes above to `__main__`, as in a script."""
    for kind in (Inner, Whole):
        monkeypatch.setattr(kind, "__module__", "__main__")
        monkeypatch.setattr(sys.modules["__main__"], kind.__name__, kind, raising=False)


@pytest.mark.usefixtures("of_main")
def test_a_module_becomes_an_unloaded_object_with_the_weights_of_its_state_dict(save: Callable[[object], Path]) -> None:
    whole = Whole()
    found = read_torch(save(whole))
    assert isinstance(found, UnloadedObject)
    assert (found.module, found.name, found.state["chn"]) == ("__main__", "Whole", 12)
    assert found.state["act"] == GlobalName("torch.nn.functional", "relu")
    assert found.state["_modules"]["w1"].name == "Conv2d"
    check_same(find_weights(found), dict(whole.state_dict()))
    check_same(find_weights(read_torch(save({"net": whole, "step": 3}))), dict(whole.state_dict()))
    check_same(find_weights(read_torch(save(torch.nn.DataParallel(whole)))), dict(whole.state_dict()))


def test_a_module_of_another_file_is_refused_by_name(save: Callable[[object], Path]) -> None:
    with pytest.raises(NCAError, match=rf"asks for Python code \({__name__}\.Whole\), and ncaengine runs no code"):
        read_torch(save(Whole()))


def test_published_state_dicts(shared: Path) -> None:
    paths = [*shared.glob("published/noise-nca/*.pt"), *shared.glob("published/monash/*.pth")]
    assert paths
    for path in paths:
        theirs = torch.load(path, map_location="cpu", weights_only=True)
        check_same(read_torch(path), theirs)
        check_same(find_weights(read_torch(path)), dict(theirs))


class CA(torch.nn.Module):
    """The class of the published modules."""


@pytest.mark.parametrize("name", ["dots.pt", "chess.pt"])
def test_published_modules(shared: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = shared / "published/grafting" / name
    monkeypatch.setattr(CA, "__module__", "__main__")
    with torch.serialization.safe_globals([CA, torch.nn.Conv2d, set]):
        theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours = find_weights(read_torch(path))
    assert list(ours) == ["w1.weight", "w1.bias", "w2.weight"]
    check_same(ours, dict(theirs.state_dict()))


def test_torch_is_not_imported() -> None:
    assert apart("-c", "import sys, ncaengine.formats.pickle.weights; print('torch' in sys.modules)").strip() == "False"


# Files of NumPy


def native(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder("="))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_numpy_arrays(tmp_path: Path, protocol: int) -> None:
    twice = np.ones(3)
    what = ARRAYS | {"numbers": [np.float32(0.5), np.int64(-3), np.bool_(True)], "twice": [twice, twice]}
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(what, protocol))
    found = read_torch(tmp_path / "m.pkl")
    assert isinstance(found, dict)
    check_same(found.pop("numbers"), [0.5, -3, True])
    check_same(found.pop("twice"), [twice, twice])
    check_same(found, {name: native(array) for name, array in ARRAYS.items()})


@pytest.mark.parametrize("name", ARRAYS)
def test_npy_of_numbers(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "m.npy", ARRAYS[name])
    check_same(read_npy(tmp_path / "m.npy"), native(ARRAYS[name]))


def test_npy_of_objects_is_a_nested_list(tmp_path: Path) -> None:
    items = [np.arange(n, dtype="f4") for n in range(1, 7)]
    np.save(path := tmp_path / "m.npy", boxed((6,), *items))
    check_same(read_npy(path), items)
    for box in (boxed((2, 3), *items), np.asfortranarray(boxed((2, 3), *items))):
        np.save(path, box)
        check_same(read_npy(path), [items[:3], items[3:]])
    for box, is_ in ((boxed((0,)), []), (boxed((0, 5)), []), (boxed((), {"a": items[0]}), {"a": items[0]})):
        np.save(path, box)
        check_same(read_npy(path), is_)


def test_published_npy(shared: Path) -> None:
    paths = list(shared.glob("published/reaction-diffusion/*.npy"))
    assert paths
    for path in paths:
        found = read_npy(path)
        assert isinstance(found, list)
        assert [(a.dtype, a.shape) for a in found] == [
            (np.float32, (1, 1, 32, 128)), (np.float32, (128,)), (np.float32, (1, 1, 128, 32))
        ]  # fmt: skip
        assert all(np.isfinite(a).all() and 0.001 < abs(a).max() < 10 for a in found)


@pytest.mark.parametrize(
    ("array", "part"),
    [
        (np.array(["a"]), "holds an array of type '<U1', which is not a type of numbers."),
        (np.array([b"a"]), "'|S1'"),
        (np.zeros(2, [("a", "f4")]), "not a type of numbers"),
        (np.array(["2020"], "M8[D]"), "M8[D]"),
        (np.zeros(2, np.longdouble), "not a type of numbers"),
    ],
)
def test_npy_of_other_types_is_refused(tmp_path: Path, array: Any, part: str) -> None:
    np.save(tmp_path / "m.npy", array)
    with pytest.raises(NCAError) as caught:
        read_npy(tmp_path / "m.npy")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x93NUMPY", b"\x93NUMPY\1\0", b"\x93NUMPY\2\0\xff\xff\xff\xff", b"\x93NUMPY\7\0\0\0", npy("("),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", b"\0" * 11),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 0, 1000000000000000000000), }\n"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 100 + "), }\n", b"\0" * 4),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + "), }\n", b"\0" * 4),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", b"\0" * 13),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n", b"\0" * 11),
        npy("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (3,), }\n", b"\0" * 12),
    ],
)  # fmt: skip
def test_a_damaged_npy_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.npy").write_bytes(content)
    with pytest.raises(NCAError, match=r"is damaged or was not written by numpy\.save|not a type of numbers"):
        read_npy(tmp_path / "m.npy")


def test_a_npy_that_claims_too_many_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.npy").write_bytes(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1000000000,), }\n"))
    with pytest.raises(NCAError, match="ten million"):
        read_npy(tmp_path / "m.npy")


# Finding weights


LOOP: dict[str, Any] = {"list": []}
LOOP["self"] = LOOP
LOOP["list"].append(LOOP)


@pytest.mark.parametrize(
    "found",
    [
        NP,
        NP | {"epoch": 3, "name": "x", (1, 2): NP["w1.bias"]},
        {"epoch": 3, "losses": np.zeros(9), "state_dict": NP},
        {"optimizer": {"state": {0: NP}}, "model_state_dict": NP},
        {"ema": NP | {"w1.bias": np.zeros(6)}, "model": NP},
        {"a": {"b": {"c": {"params": NP}}}},
        {f"module.{name}": array for name, array in NP.items()},
        {"ca": {f"module.ca.{name}": array.astype(np.float64) for name, array in NP.items()}},
        {f"{p}._orig_mod.{name}": a for p in ("nca",) for name, a in NP.items()},
        {"loop": LOOP, "self": [LOOP], "weights": NP},
        UnloadedObject("__main__", "Trainer", {"optim": None, "net": NP}),
    ],
)
def test_weights_are_found(found: object) -> None:
    check_same(find_weights(found), NP)


def test_weights_become_float32() -> None:
    found = find_weights(
        {"w": np.arange(6, dtype=">i2").reshape(2, 3).T, "big": np.array([1e300]), "text": np.array(["a"])}
    )
    check_same(found, {"w": np.array([[0, 3], [1, 4], [2, 5]], np.float32), "big": np.array([np.inf], np.float32)})


@pytest.mark.parametrize(
    "found",
    [None, 3, [NP], np.zeros((2, 2)), {}, LOOP, UnloadedObject("__main__", "X"), UnloadedObject("__main__", "X", LOOP)],
)
def test_objects_without_weights_give_none(found: object) -> None:
    assert find_weights(found) == {}


def test_complex_and_too_many_weights_are_refused() -> None:
    with pytest.raises(NCAError, match="complex"):
        find_weights({"a": np.zeros((2, 2), np.complex64)})
    with pytest.raises(NCAError, match="ten million"):
        find_weights({str(i): np.zeros((1000, 1001)) for i in range(10)})


def test_modules_in_loops_and_thousands_of_modules() -> None:
    loop = UnloadedObject("__main__", "CA", {"_parameters": NP, "_buffers": {}, "_modules": {}})
    loop.state["_modules"] |= {"again": loop, "none": None, "w3": UnloadedObject("torch.nn", "Conv2d", {"_modules": 5})}
    check_same(find_weights(loop), NP)
    inner = UnloadedObject("__main__", "CA", {"_parameters": NP})
    for _ in range(5000):
        inner = UnloadedObject("__main__", "CA", {"_modules": {"a": inner, "b": inner}})
    assert find_weights(inner) == {}
    many = UnloadedObject("__main__", "CA", {"_modules": {str(i): inner for i in range(5000)}})
    with pytest.raises(NCAError, match="over a thousand tensors"):
        find_weights(many)
