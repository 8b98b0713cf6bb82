"""Malicious and broken pickles: no code runs, and each is refused soon, within bounds, with one message."""

import os
import pickle
import struct
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_parts import (
    DAMAGED,
    FOUR,
    NP,
    REBUILD,
    boxed,
    glob,
    legacy,
    npy,
    number,
    numbers,
    refusal,
    storage,
    tensor,
    text,
    timed,
    zipped,
)

from ncaengine.core.errors import NCAError
from ncaengine.formats.pickle import tensors as calls
from ncaengine.formats.pickle.attributes import MAX_PLAIN, find_plain
from ncaengine.formats.pickle.holders import find_tensors, find_weights
from ncaengine.formats.pickle.machine import UnloadedObject
from ncaengine.formats.pickle.weights import read_npy, read_torch

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that reads a pickle with storages _0, _1, …, within seconds of processor time."""

    def read(content: bytes, **storages: bytes) -> Any:
        path = tmp_path / "m"
        path.write_bytes(zipped({"a/data.pkl": content} | {f"a/data/{k[1:]}": v for k, v in storages.items()}))
        return timed(path)

    return read


# Code in pickles


class Calls:
    """An object whose pickle asks for a call."""

    def __init__(self, what: Callable[..., Any], *args: Any) -> None:
        self.reduced = what, args

    def __reduce__(self) -> Any:
        return self.reduced


SYSTEM = f"{os.system.__module__}.system"


def attacks(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Return pickles that make the marker when unpickled, and the functions that they ask for."""
    touch = f"touch {marker}"
    evil = Calls(os.system, touch)
    return {
        **{f"protocol {p}": (pickle.dumps({"w": [evil]}, p), SYSTEM) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
        "eval": (pickle.dumps(Calls(eval, f"open({str(marker)!r}, 'w')"), 2), "__builtin__.eval"),
        "exec 4": (pickle.dumps(Calls(exec, f"open({str(marker)!r}, 'w')"), 4), "builtins.exec"),
        "a class": (pickle.dumps(Calls(subprocess.Popen, ["touch", str(marker)])), "subprocess.Popen"),
        "inst": (b"(" + text(touch) + b"iposix\nsystem\n.", "posix.system"),
        "obj": (b"(" + glob("posix", "system") + text(touch) + b"o.", "posix.system"),
        "reduce": (glob("os", "system") + text(touch) + b"\x85R.", "os.system"),
        "stack global": (text("os") + text("system") + b"\x93" + text(touch) + b"\x85R.", "os.system"),
        "through getattr": (
            glob("builtins", "getattr") + glob("os", "path") + text("os") + b"\x86R" + b"0" + pickle.dumps(evil, 2),
            "builtins.getattr",
        ),
        "after weights": (pickle.dumps([NP, evil], 4), SYSTEM),
        "dropped again": (pickle.dumps(evil, 2)[:-1] + b"0N.", SYSTEM),
    }


@pytest.mark.parametrize("form", ["raw", "zip", "legacy", "npy"])
@pytest.mark.parametrize("name", attacks(Path("x")))
def test_no_code_is_run(tmp_path: Path, name: str, form: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "m"
    content, asked = attacks(marker)[name]
    path.write_bytes({
        "raw": content,
        "zip": zipped({"a/data.pkl": content}),
        "legacy": legacy(content),
        "npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n", content),
    }[form])  # fmt: skip
    with pytest.raises(NCAError) as caught:
        (read_npy if form == "npy" else read_torch)(path)
    assert str(caught.value) == (
        f"asks for Python code ({asked}), and ncaengine runs no code from model files; "
        "save the model's state_dict() with torch.save instead."
    )
    assert not marker.exists()


@pytest.mark.skipif(os.name != "posix", reason="touch is of POSIX")
@pytest.mark.parametrize(
    "name", ["protocol 0", "protocol 4", "eval", "inst", "obj", "reduce", "stack global", "dropped again"]
)
def test_the_attacks_run_code_when_unpickled(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    with warnings.catch_warnings(action="ignore"):  # eval leaves its file open
        pickle.loads(attacks(marker)[name][0])
    assert marker.exists()


ARGUMENT = text("x") + b"\x85"
NEVER = {
    "newobj": (glob("subprocess", "Popen") + ARGUMENT + b"\x81.", "subprocess.Popen"),
    "newobj_ex": (glob("subprocess", "Popen") + ARGUMENT + b"}\x92.", "subprocess.Popen"),
    "a class of another module": (glob("model", "CA") + b")\x81.", "model.CA"),
    "nearly torch.nn": (glob("torch.nnx", "Conv2d") + b")\x81.", "torch.nnx.Conv2d"),
    "nearly main": (glob("__main__.os", "system") + ARGUMENT + b"R.", "__main__.os.system"),
    "torch's own loader": (glob("torch.serialization", "load") + ARGUMENT + b"R.", "torch.serialization.load"),
    "another codec": (glob("codecs", "decode") + ARGUMENT + b"R.", "codecs.decode"),
    "a name of terminal codes": (glob("os\x1b[31m", "x\ry") + ARGUMENT + b"R.", "os [31m.x y"),
    "a long name": (glob("os" * 100, "system") + ARGUMENT + b"R.", "os" * 50),
}


@pytest.mark.parametrize("name", NEVER)
def test_other_calls_are_refused_by_name(name: str, run: Run) -> None:
    content, asked = NEVER[name]
    with pytest.raises(NCAError) as caught:
        run(content)
    assert f"asks for Python code ({asked}), and" in str(caught.value)


@pytest.mark.parametrize("module", ["__main__", "torch.nn", "torch.nn.modules.conv"])
@pytest.mark.parametrize("how", [b")\x81", b")}\x92", b")R", ARGUMENT + b"R"])
def test_classes_of_networks_are_inert(module: str, how: bytes, run: Run) -> None:
    found = run(glob(module, "system") + how + b"}" + text("a") + b"K\1sb.")
    assert isinstance(found, UnloadedObject)
    assert (found.module, found.name, found.state) == (module, "system", {"a": 1})


# Bounds


def test_a_tensor_is_read_from_its_storage(run: Run) -> None:
    np.testing.assert_array_equal(run(tensor(1, (3,), (1,)) + b".", _0=FOUR), [2, 3, 4])
    np.testing.assert_array_equal(
        run(tensor(0, (2, 2, 2), (2, 1, 0)) + b".", _0=FOUR), [[[1, 1], [2, 2]], [[3, 3], [4, 4]]]
    )
    np.testing.assert_array_equal(run(tensor(3, (1,), (10**30,)) + b".", _0=FOUR), [4])
    truth = run(tensor(0, (4,), (1,), storage(4, "BoolStorage")) + b".", _0=b"\0\1\2\xff")
    np.testing.assert_array_equal(truth.view(np.uint8), [0, 1, 1, 1])


OUTSIDE = {
    "one too long": tensor(0, (5,), (1,)),
    "one too far": tensor(1, (4,), (1,)),
    "a negative stride among others": tensor(0, (2, 2), (3, -1)),
    "a stride too wide": tensor(0, (2, 2), (3, 1)),
    "a huge stride": tensor(0, (2,), (2**61,)),
    "a stride beyond 64 bits": tensor(0, (2,), (2**70,)),
    "a negative offset": tensor(-1, (2,), (1,)),
    "a huge offset": tensor(2**62, (1,), (1,)),
    "an offset of nothing": tensor(5, (0,), (1,)),
    "a negative size": tensor(0, (-2,), (1,)),
    "two negative sizes": tensor(0, (-2, -2), (1, 1)),
    "a negative stride": tensor(3, (4,), (-1,)),
    "strides that are too few": tensor(0, (2, 2), (1,)),
    "nothing of absurd dimensions": tensor(0, (0, 2**100), (1, 1)),
    "too many dimensions": tensor(0, (1,) * 65, (1,) * 65),
    "a storage that is shorter": tensor(0, (5,), (1,), storage(5)),
    "a storage of doubles": tensor(0, (2,), (1,), storage(4, "DoubleStorage")),
    "a storage of negative length": tensor(0, (0,), (1,), storage(-1)),
    "a storage of huge length": tensor(0, (1,), (1,), storage(2**100)),
    "a storage that is not there": tensor(0, (1,), (1,), storage(1, key="1")),
    "a storage of another folder": tensor(0, (1,), (1,), storage(1, key="../data.pkl")),
    "a text for a storage": tensor(0, (1,), (1,), text("0")),
    "a text for a size": REBUILD + b"(" + storage() + b"K\0" + text("4") + text("1") + b"\x89)tR",
    "no arguments": REBUILD + b")R",
    "floats for sizes": REBUILD + b"(" + storage() + b"K\0F2.0\n\x85K\1\x85\x89)tR",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tensor_outside_of_its_storage_is_refused(name: str, run: Run) -> None:
    with pytest.raises(NCAError) as caught:
        run(OUTSIDE[name] + b".", _0=FOUR)
    assert str(caught.value) == DAMAGED


@pytest.mark.parametrize(
    "content",
    [
        tensor(0, (10**9,), (0,)),
        tensor(0, (10**5, 10**5, 10**5), (0, 0, 0)),
        b"(" + tensor(0, (6 * 10**6,), (0,)) * 2 + b"t",
        glob("numpy.core.multiarray", "_reconstruct") + glob("numpy", "ndarray") + b"K\0\x85" + text("b") + b"\x87R"
        + b"(K\1" + numbers(10**8) + glob("numpy", "dtype") + text("b1") + b"K\0K\1\x87R" + b"(K\3" + text("|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89" + text("") + b"tb",
    ],
)  # fmt: skip
def test_claims_of_too_many_numbers_are_refused(content: bytes, run: Run) -> None:
    with pytest.raises(NCAError, match=r"holds over ten million numbers, far more than any texture NCA\."):
        run(content + b".", _0=FOUR)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (torch.ones(3).to_sparse(), "_rebuild_sparse_tensor"),
        (torch.empty(3, device="meta"), "_rebuild_meta_tensor_no_storage"),
        (torch.ones(3, dtype=torch.uint16), "torch.storage.UntypedStorage"),
        (torch.ones(3, dtype=torch.complex64).conj(), "a conjugate or negated view"),
        (torch._neg_view(torch.ones(3)), "a conjugate or negated view"),
    ],
)
def test_tensors_that_are_not_plain_are_refused(tmp_path: Path, what: torch.Tensor, message: str) -> None:
    torch.save({"w": what}, tmp_path / "m.pt")
    with pytest.raises(NCAError, match=r"holds weights that are not plain tensors \(.*" + message):
        read_torch(tmp_path / "m.pt")


def repeated(*parts: bytes, times: int = 49_000) -> bytes:
    return b"".join(parts[:-1]) + parts[-1] * times


PAIRS = b")" + b"q\0h\0\x86" * 60
"""A tuple of two equal tuples, nested sixty times: small in memory, but hashing or printing never ends."""
LONG = text("x" * 10**6) + b"q\0"
ENCODE = glob("_codecs", "encode") + b"q\1"
BIG = b"(" + b"N" * 60_000 + b"lq\0"
COSTLY = {
    "no end of opcodes": b"N0" * 300_000,
    "nested lists": b"]" * 190_000 + b"a" * 9_000,
    "nested tuples": b")" + b"\x85" * 190_000,
    "objects in objects": glob("__main__", "CA") + b"q\0N" + b"q\1h\0)\x81h\1b" * 30_000,
    "marks": b"(" * 190_000,
    "a key that takes forever": b"}" + PAIRS + b"Ns",
    "a set of it": b"\x8f(" + PAIRS + b"\x90",
    "a name that takes forever": PAIRS + text("x") + b"\x93)R",
    "a class of array that takes forever": glob("numpy.core.multiarray", "_reconstruct") + PAIRS + b"\x85R",
    "a way to rebuild that takes forever": glob("torch._tensor", "_rebuild_from_type_v2") + b"(" + PAIRS + b"N)NtR",
    "a storage's name that takes forever": b"(" + text("storage") + glob("torch", "FloatStorage") + PAIRS + b"NK\0tQ",
    "a dtype that takes forever": glob("numpy", "dtype") + PAIRS + b"\x85R(K\3NtbN",
    "text encoded again and again": repeated(LONG, ENCODE, b"h\1h\0\x85R"),
    "a list copied again and again": repeated(BIG, glob("builtins", "list") + b"q\1", b"h\1h\0\x85R"),
    "arguments passed again and again": repeated(BIG[:-3] + b"tq\0", glob("torch", "device") + b"q\1", b"h\1h\0R0"),
    "long keys that are equal": repeated(b"}" + text("x" * 10**7) + b"Ns", text("x" * 10**7) + b"q\0Ns", b"h\0Ns"),
    "keys of one hash": b"}(" + b"".join(number(i * (2**61 - 1)) + b"N" for i in range(1, 60_000)) + b"u",
    "tuples for keys": b"}(" + b"".join(b"J" + struct.pack("<i", i) + b"\x85N" for i in range(60_000)) + b"u",
    "a long number": b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6,
    "a longer number in decimals": b"L" + b"9" * 10**6 + b"L\n",
    "sizes of many digits": b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b"q\0" + REBUILD + b"(" + storage()
    + b"K\0(" + b"h\0" * 64 + b"t)\x89)tR",
    "a storage's id of many parts": repeated(storage()[:-2] + b"N" * 60_000 + b"tq\0", b"h\0Q0", times=40_000),
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_costly_pickles_end_soon(name: str, run: Run) -> None:
    sentence = refusal(lambda: run(COSTLY[name] + b".", _0=FOUR))
    assert sentence in ("", DAMAGED) or "holds far more than the weights" in sentence or "another class" in sentence


def test_few_keys_may_be_tuples(run: Run) -> None:
    def keys(count: int) -> bytes:
        return b"}(" + b"".join(b"J" + struct.pack("<i", i) + b"\x85N" for i in range(count)) + b"u."

    assert len(run(keys(1000))) == 1000
    assert "holds far more than the weights" in refusal(lambda: run(keys(3000)))  # because their hashes could collide


def test_arrays_of_another_class_are_refused(run: Run) -> None:
    blank = glob("numpy.core.multiarray", "_reconstruct") + glob("numpy", "matrix") + b"K\0\x85" + text("b") + b"\x87R."
    assert refusal(lambda: run(blank)) == "holds a NumPy array of another class; save plain arrays instead."


def test_an_object_array_of_many_dimensions(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", boxed((50_000, *(1,) * 30), *range(50_000)))
    with pytest.raises(NCAError, match="holds far more"):
        timed(tmp_path / "m.npy", read_npy)


@pytest.mark.parametrize(
    "content",
    [
        b"", b".", b"0.", b"N0.", b"1.", b"t.", b"(", b"u.", b"Na.", b"N(.", b"(NNNd.", b"}NNs", b"}]Ns.", b"}(N\x90.",
        b"Nb.", b"NNb.", b"NNR.", b"NN\x81.", b"h\0.", b"j\xff\xff\xff\xff.", b"q\0.", b"\x94.", b"\x93.", b"NN\x93.",
        b"\x82\1.", b"P1\n.", b"NQ.", b"\x97.", b"\x98.", b"\xff.", b"X\xff\xff\xff\xff.", b"\x8d" + b"\xff" * 8 + b".",
        b"X\1\0\0\0\xff.", b"I9x\n.", b"F1x\n.", b"S'a\n.", b"cos\n", b"(o.", b"2.", glob("numpy", "ndarray") + b"Nb.",
        glob("builtins", "dict") + b"](Ne\x85R.", glob("builtins", "set") + b"](]e\x85R.",
        glob("builtins", "list") + b"K\5\x85R.", glob("builtins", "bytes") + b"K\5\x85R.",
        glob("_codecs", "encode") + "X\3\0\0\0€\x85R.".encode(),
    ],
)  # fmt: skip
def test_broken_pickles_are_refused(content: bytes, run: Run) -> None:
    with pytest.raises(NCAError) as caught:
        run(content)
    assert str(caught.value) == DAMAGED


def test_huge_indices_of_the_memo_cost_nothing(run: Run) -> None:
    assert run(b"K\7r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7
    assert run(b"K\7p99999999999999999999\n0g99999999999999999999\n.") == 7


def test_containers_that_hold_themselves(run: Run) -> None:
    found = run(b"]q\0h\0a}q\1" + text("a") + b"h\1s" + text("b") + b"h\0s.")
    assert found["a"] is found
    assert found["b"] == [found["b"]] or found["b"][0] is found["b"]
    module = run(glob("__main__", "CA") + b")\x81q\0}(" + text("_modules") + b"}" + text("a") + b"h\0sub.")
    assert module.state["_modules"]["a"] is module
    assert find_weights(module) == find_weights(found) == {}


def test_old_views_of_storages(tmp_path: Path) -> None:
    def content(*view: int) -> bytes:
        seen = b"(" + text("9") + b"".join(map(number, view)) + b"t"
        memory = storage()[:-2] + seen + b"tQ"
        return legacy(tensor(0, (2,), (1,), memory) + b".", "0", struct.pack("<q", 4) + FOUR)

    path = tmp_path / "m.pt"
    path.write_bytes(content(1, 2))
    np.testing.assert_array_equal(timed(path), [2, 3])
    for view in ((3, 2), (-1, 3), (0, 1), (0, -1), (2**62, 2), (0, 2**62)):
        path.write_bytes(content(*view))
        with pytest.raises(NCAError) as caught:
            timed(path)
        assert str(caught.value) == DAMAGED


@pytest.mark.parametrize(
    ("keys", "storages"),
    [
        ([], b""), (["1"], struct.pack("<q", 4) + FOUR), (["0"], struct.pack("<q", 3) + FOUR), (["0"], b""),
        (["0"], struct.pack("<q", -1) + FOUR), (["0"], struct.pack("<q", 2**62) + FOUR[:-1]), ([["0"]], b""),
        ([3], b""),
    ],
)  # fmt: skip
def test_old_files_with_wrong_storages_are_refused(tmp_path: Path, keys: list[Any], storages: bytes) -> None:
    (tmp_path / "m.pt").write_bytes(legacy(tensor(0, (4,), (1,), storage()[:-2] + b"NtQ") + b".", keys, storages))
    with pytest.raises(NCAError) as caught:
        timed(tmp_path / "m.pt")
    assert str(caught.value) == DAMAGED


# Random opcodes


PARTS = [
    *(bytes([b]) for b in b"().012N]}eubasldtoR\x81\x85\x86\x87\x8f\x90\x91\x92\x93\x94Q\x88"),
    *(b"K\1", b"q\0", b"h\0", b"q\1", b"h\1", text("a"), text("b1"), text(""), storage(), numbers(2, 2), numbers()),
    *(glob(*name.rsplit(".", 1)) for name in sorted(calls.CALLS)),
    *(glob("__main__", "A"), tensor(0, (2,), (1,))),
]


@settings(max_examples=400)
@given(parts=st.lists(st.sampled_from(PARTS), max_size=40))
def test_random_opcodes(parts: list[bytes], run: Run) -> None:
    refusal(lambda: run(b"".join(parts) + b".", _0=FOUR))


def test_what_lies_at_many_places_is_looked_at_a_bounded_number_of_times() -> None:
    many = {f"k{number}": number for number in range(50_000)}
    assert find_tensors([[many] * 1000] * 1000) == {}
    assert len(find_plain([many] * 1000)) == MAX_PLAIN
    config: dict[str, object] = {}
    for _ in range(3):
        config = {f"k{number}": config for number in range(1000)}
    state = {"_parameters": {"w": np.zeros((2, 2))}, **config}
    assert find_plain(UnloadedObject("__main__", "Net", state)) == {}
