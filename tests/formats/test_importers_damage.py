"""Other files and damaged weights: each is refused soon, with one message."""

import base64
import contextlib
import copy
import math
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from published_forms import atlas, decoded, exported, growing, hexells, imported, numbers, png, reaction, state_dict

from ncaengine.core.errors import NCAError
from ncaengine.core.model import WEIGHTS
from ncaengine.formats.importers import FAMILIES
from ncaengine.formats.importers.base import Decoded, Hints

SIZES = Hints(channels=4, hidden=6)


def refusal(file: Decoded, hints: Hints = Hints()) -> str:  # noqa: B008
    with pytest.raises(NCAError) as caught:
        list(imported(file, hints))
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 500
    return sentence


@pytest.mark.parametrize("data", [[1, 2], {"a": 1}, {}, [], None, 3, "x", {"model_names": [], "layers": 3}, [{}, {}]])
def test_other_json_is_refused(data: Any) -> None:
    assert refusal(decoded("json", data)).startswith("is none of selforg-textures, ")


def test_other_files_are_refused() -> None:
    assert "tensors called 'conv.weight'" in refusal(decoded("tensors", {"conv.weight": numbers(3, 3, 3, 3)}))
    assert "it holds no weights" in refusal(decoded("tensors", {}))
    assert "a text" in refusal(decoded("text", "let x = [1, 2];"))
    assert "a list of 2" in refusal(decoded("arrays", reaction()[:2]))
    assert "array of shape (3, 3)" in refusal(decoded("arrays", numbers(3, 3)))
    assert "--channels" in refusal(decoded("floats", numbers(100)))
    unknown = Hints(family="x")
    assert "There is no family 'x'; choose from: selforg-textures, " in refusal(decoded("json", {}), unknown)


@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
def test_a_named_family_says_what_is_wrong(family: str) -> None:
    forms: dict[str, Any] = {
        "json": {"a": 1}, "tensors": {"a": numbers(3)}, "arrays": [numbers(3)], "floats": numbers(100), "text": "no",
    }  # fmt: skip
    for form, data in forms.items():
        assert "is none of" not in refusal(decoded(form, data), Hints(family=family))


def test_models_that_follow_image_edges_are_refused() -> None:
    assert "edge_conditioning" in refusal(decoded("json", atlas(placed=True, edge_conditioning=True)))


def damaged(sd: dict[str, Any], **arrays: Any) -> Decoded:
    return decoded("tensors", {k: v for k, v in {**sd, **arrays}.items() if v is not None})


NET, NOISE = state_dict(16), state_dict(16) | {"noise_level": numbers(1)}
FEW, MANY = state_dict(8, channels=2), state_dict(16, hidden=2000)
BROKEN = {
    "no shape fits": (damaged(state_dict(17)), "17 inputs"),
    "layers of different nets": (damaged(NET, **{"w2.weight": numbers(4, 7)}), "do not fit"),
    "a bias of another length": (damaged(NET, **{"w1.bias": numbers(7)}), "b1"),
    "a second bias of another length": (damaged(NET, **{"w2.bias": numbers(7)}), "b2"),
    "a 3x3 convolution": (damaged(NET, **{"w1.weight": numbers(6, 16, 3, 3)}), "(6, 16, 3, 3)"),
    "a vector": (damaged(NET, **{"w1.weight": numbers(6)}), "(6,)"),
    "five dimensions": (damaged(NET, **{"w1.weight": numbers(6, 16, 1, 1, 1)}), "(6, 16, 1, 1, 1)"),
    "nothing in it": (damaged(NET, **{"w1.weight": numbers(6, 0, 1, 1)}), "(6, 0, 1, 1)"),
    "not a number": (damaged(NET, **{"w1.bias": numbers(6) * np.nan}), "NaN"),
    "two channels": (damaged(FEW), "2 channels"),
    "2000 hidden units": (damaged(MANY), "2000 hidden units"),
    "two noise levels": (damaged(NOISE, noise_level=numbers(2)), "noise_level"),
    "a noise level that is none": (damaged(NOISE, noise_level=np.array([np.inf], np.float32)), "not finite"),
    "μNCA of 5 channels": (damaged({"w": numbers(5, 21)}), "5 channels"),
    "μNCA not finite": (damaged({"w": numbers(4, 17) * np.nan}), "NaN"),
    "6 chemicals": (decoded("arrays", reaction(6)), "6 channels"),
    "chemicals not finite": (decoded("arrays", [a * np.inf for a in reaction()]), "NaN"),
    "numbers not finite": (decoded("floats", numbers(5856) * np.inf), "NaN"),
    "numbers of no net": (decoded("floats", numbers(101)), "101 numbers"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_damaged_weights_are_refused(case: str) -> None:
    file, word = BROKEN[case]
    assert word in refusal(file, Hints() if case != "numbers of no net" else SIZES)


def cut_png(d: dict[str, Any]) -> None:
    whole = d["layers"][0]["data"]
    d["layers"][0]["data"] = whole[: len(whole) // 8 * 4 + whole.index(",") + 1]


def huge_png(d: dict[str, Any], side: int) -> None:
    whole = bytearray(base64.b64decode(d["layers"][0]["data"].split(",")[1]))
    whole[16:24] = side.to_bytes(4, "big") * 2
    whole[29:33] = zlib.crc32(bytes(whole[12:29])).to_bytes(4, "big")
    d["layers"][0]["data"] = base64.b64encode(whole).decode()


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "names are no list": lambda d: d.update(model_names="abc"),
    "no names": lambda d: d.update(model_names=[]),
    "a name is no text": lambda d: d.update(model_names=["a", 3]),
    "one layer": lambda d: d["layers"].pop(),
    "three layers": lambda d: d["layers"].append(d["layers"][0]),
    "a layer is no table": lambda d: d["layers"].__setitem__(0, 5),
    "layers that do not fit": lambda d: d["layers"].reverse(),
    "more names than tiles": lambda d: d.update(model_names=list("abcde")),
    "no scale": lambda d: d["layers"][0].pop("scale"),
    "scale of text": lambda d: d["layers"][0].update(scale="big"),
    "scale not finite": lambda d: d["layers"][0].update(scale=math.nan),
    "scale that overflows": lambda d: d["layers"][0].update(scale=1e300),
    "no shape": lambda d: d["layers"][0].pop("shape"),
    "shape of three": lambda d: d["layers"][0].update(shape=[1, 2, 3]),
    "shape of text": lambda d: d["layers"][0].update(shape="[17, "),
    "shape of another picture": lambda d: d["layers"][0].update(shape=[18, 8]),
    "fewer hidden units": lambda d: d["layers"][0].update(shape=[17, 7]),
    "shape 0": lambda d: d["layers"][0].update(shape=[0, 8]),
    "shape negative": lambda d: d["layers"][0].update(shape=[-17, -8]),
    "shape huge": lambda d: d["layers"][0].update(shape=[10**9, 10**9]),
    "shape absurd": lambda d: d["layers"][0].update(shape=[10**4000, 10**4000]),
    "shape infinite": lambda d: d["layers"][0].update(shape=[17, math.inf]),
    "layout 0": lambda d: d["layers"][0].update(layout=[0, 2]),
    "layout huge": lambda d: d["layers"][0].update(layout=[10**6, 10**6]),
}
OF_PICTURES: dict[str, Callable[[dict[str, Any]], object]] = {
    **DAMAGE,
    "no data": lambda d: d["layers"][0].pop("data"),
    "data is no text": lambda d: d["layers"][0].update(data=5),
    "data is no base64": lambda d: d["layers"][0].update(data="§§§"),
    "data is no picture": lambda d: d["layers"][0].update(data="bm8gcGljdHVyZQ=="),
    "a truncated picture": cut_png,
    "a picture of another size": lambda d: d["layers"][0].update(data=png(np.zeros((3, 3, 4), np.uint8))),
    "a picture that claims to be large": lambda d: huge_png(d, 12_000),
    "a picture that claims to be huge": lambda d: huge_png(d, 60_000),
}
OF_NUMBERS: dict[str, Callable[[dict[str, Any]], object]] = {
    **DAMAGE,
    "no data": lambda d: d["layers"][0].pop("data_flatten"),
    "one number too few": lambda d: d["layers"][0]["data_flatten"].pop(),
    "numbers of text": lambda d: d["layers"][0]["data_flatten"].__setitem__(3, "0.5"),
    "nested numbers": lambda d: d["layers"][0]["data_flatten"].__setitem__(3, [0.5]),
    "not a number": lambda d: d["layers"][0]["data_flatten"].__setitem__(3, math.nan),
    "a number too large": lambda d: d["layers"][0]["data_flatten"].__setitem__(3, 1e300),
    "another data_shape": lambda d: d["layers"][0].update(data_shape=[4, 34, 4]),
    "places that are not there": lambda d: d["layers"][0].update(pos_emb=True),
    "center not finite": lambda d: d["layers"][0].update(center=math.inf),
    "no scale at all": lambda d: d.update(n_perception_scales=0),
    "a thousand scales": lambda d: d.update(n_perception_scales=1000),
    "a noise level of text": lambda d: d.update(noise_level="loud"),
}


@pytest.mark.parametrize("case", OF_PICTURES)
def test_a_damaged_atlas_of_pictures_is_refused(case: str) -> None:
    made = copy.deepcopy(hexells())
    OF_PICTURES[case](made)
    refusal(decoded("json", made))


@pytest.mark.parametrize("case", OF_NUMBERS)
def test_a_damaged_atlas_of_numbers_is_refused(case: str) -> None:
    made = exported(numbers(3, 17, 8), numbers(3, 9, 4), list("abc"), 2)
    OF_NUMBERS[case](made)
    refusal(decoded("json", made))


GROWING: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "one layer": lambda d: d.pop(),
    "no base64": lambda d: d[0].update(data_b64="§"),
    "bytes are missing": lambda d: d[0].update(data_b64=d[0]["data_b64"][:-4]),
    "another type": lambda d: d[0].update(type="int4"),
    "no inputs": lambda d: d[0].pop("in_ch"),
    "layers that do not fit": lambda d: d.reverse(),
    "a scale not finite": lambda d: d[0].update(weight_scale=math.inf),
    "huge": lambda d: d[0].update(in_ch=10**6, out_ch=10**6),
}


@pytest.mark.parametrize("case", GROWING)
def test_a_damaged_growing_picture_is_refused(case: str) -> None:
    layers = growing()
    GROWING[case](layers)
    refusal(decoded("json", layers))


JUNK = [
    None,
    True,
    -1,
    0,
    1,
    3,
    0.5,
    1e308,
    math.nan,
    -math.inf,
    10**300,
    "",
    "x",
    "§" * 9,
    [],
    [[]],
    [1, 2],
    {},
    {"a": 1},
]


def spots(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths to everything in JSON data; in long lists, only to the ends."""
    yield path
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(inside)[:20]:
        yield from spots(value, (*path, key))


MADE: dict[str, Callable[[], Any]] = {
    "hexells": hexells,
    "growing": growing,
    "dynca": lambda: atlas(2, placed=True, n_perception_scales=2),
    "noise": lambda: atlas(1, bias=False, noise_level=0.1),
    "mu-nca": lambda: [list(range(64)), [1, 2, 3, 4]],
}


@pytest.mark.parametrize("case", MADE)
def test_random_changes_of_json_are_refused_or_harmless(case: str) -> None:
    make = MADE[case]
    for path in list(spots(make()))[1:]:
        for junk in JUNK:
            data = make()
            inside = data
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = junk
            with contextlib.suppress(NCAError):
                for model in imported(decoded("json", data)):
                    assert all(np.isfinite(getattr(model, n)).all() for n in WEIGHTS)


HOSTILE = [
    "[" * 10**6, "[1," * 3 * 10**5, "[" + "1" * 10**6, "[" + "1," * 5 * 10**5 + "]", "[1,2,3,4]" * 10**5,
    "mat4(" * 2 * 10**5, "vec4(" * 2 * 10**5, "/*" * 5 * 10**5, "//" * 5 * 10**5, "1*(" * 3 * 10**5,
    "1" * 10**6 + "*(b", "e" * 10**6, "*\t" * 5 * 10**5, "\n" * 10**6, "[1,2,3,4]" * 10**6,
    ("[" + "1," * 63 + "1]") * 5000 + "[1,2,3,4]" * 30_000, "[" + ",".join(["1" * 300] * 64) + "][1,2,3,4]",
    "[" + ",".join(["nan"] * 64) + "][1,2,3,4]",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_are_read_fast(number: int) -> None:
    start = time.process_time()
    with contextlib.suppress(NCAError):
        list(imported(decoded("text", HOSTILE[number])))
    assert time.process_time() - start < 3
