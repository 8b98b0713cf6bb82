"""Published weights: the family of a file, its models' names, conventions, attribution and candidates."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG
from published_forms import (
    atlas,
    decoded,
    decoded_layer,
    demo_text,
    exported,
    growing,
    hexells,
    imported,
    names,
    numbers,
    reaction,
    state_dict,
)

from ncaengine.core.model import WEIGHTS, Alive, Clips, Colour, Feature, Model, Seed
from ncaengine.formats import model_files
from ncaengine.formats.importers import identify
from ncaengine.formats.importers.base import Decoded, Hints
from ncaengine.formats.pickle import holders, weights

ATLAS = "published/selforg-textures/hexells.json"
PUBLISHED = {
    "selforg-textures/hexells.json": "selforg-textures",
    "grafting/chess.pt": "notebook",
    "noise-nca/Noise-NCA_bubbly_0101.pt": "noise-nca",
    "noise-nca/PE-NCA_bubbly_0101.pt": "noise-nca",
    "noise-nca/Vanilla-NCA_bubbly_0101.pt": "notebook",
    "noise-nca/bubbly_0101.json": "noise-nca",
    "dynca/vector_field_small_grid_0002.json": "dynca",
    "dynca/video_small_escalator.json": "dynca",
    "reaction-diffusion/grid_0135_20000.npy": "reaction-diffusion",
    "growing/ex3_lizard.json": "growing",
    "monash/texture.pth": "monash",
    "monash/texture-bubbles.bin": "monash",
}


def opened(path: Path) -> Decoded:
    match path.suffix:
        case ".json":
            return decoded("json", json.loads(path.read_text("utf-8")), path.stem)
        case ".npy":
            return decoded("arrays", weights.read_npy(path), path.stem)
        case ".bin":
            return decoded("floats", np.fromfile(path, "<f4"), path.stem)
        case _:
            return decoded("tensors", holders.find_weights(weights.read_torch(path)), path.stem)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_are_recognised(shared: Path, name: str) -> None:
    file = opened(shared / "published" / name)
    identified = identify(file)
    family, why = identified.family, identified.reason
    assert family.name == PUBLISHED[name]
    model = next(imported(file))
    assert why
    assert model.config.family == family.name
    assert model.config.attribution.keys() >= {"authors", "source", "licence", "recognised"}
    assert model.config.attribution["recognised"] == why
    assert identify(decoded(file.form, file.data, "another name")).family is family


FLAT = numbers(6 * 8 + 6 + 4 * 6)
SIZES = Hints(channels=4, hidden=6)
SIBLINGS: dict[str, tuple[Decoded, Hints, str]] = {
    "hexells": (decoded("json", hexells()), Hints(), "selforg-textures"),
    "DyNCA": (decoded("json", atlas(3, placed=True)), Hints(), "dynca"),
    "DyNCA's large": (decoded("json", atlas(1, 16, placed=True)), Hints(), "dynca"),
    "DyNCA of a video": (decoded("json", atlas(1, placed=True, n_perception_scales=2)), Hints(), "dynca"),
    "DyNCA as a picture": (decoded("json", atlas(2, placed=True, as_picture=True)), Hints(), "dynca"),
    "DyNCA without places": (decoded("json", atlas(1)), Hints(), "dynca"),
    "NoiseNCA": (decoded("json", atlas(2, bias=False, noise_level=0.2)), Hints(), "noise-nca"),
    "NoiseNCA of 5 channels": (decoded("json", atlas(2, 5, bias=False, noise_level=0.2)), Hints(), "noise-nca"),
    "NoiseNCA without a level": (decoded("json", atlas(1, bias=False)), Hints(), "noise-nca"),
    "NoiseNCA with places": (decoded("json", atlas(1, placed=True, bias=False, noise_level=0.1)), Hints(), "noise-nca"),
    "NoiseNCA of 2 filters": (decoded("json", atlas(1, filters=2, bias=False, noise_level=0.1)), Hints(), "noise-nca"),
    "NoiseNCA's state dict": (decoded("tensors", state_dict(16) | {"noise_level": numbers(1)}), Hints(), "noise-nca"),
    "PE-NCA's state dict": (decoded("tensors", state_dict(18)), Hints(), "noise-nca"),
    "DyNCA's state dict": (decoded("tensors", state_dict(18, bias2=True)), Hints(), "dynca"),
    "a notebook's": (decoded("tensors", state_dict(16)), Hints(), "notebook"),
    "a notebook's of 2 filters": (decoded("tensors", state_dict(8)), Hints(), "notebook"),
    "a notebook's of 3 filters": (decoded("tensors", state_dict(12)), Hints(), "notebook"),
    "a Sequential": (decoded("tensors", state_dict(16, names=("0", "2"))), Hints(), "monash"),
    "a long Sequential": (decoded("tensors", state_dict(16, names=("a.b.1", "a.b.10"))), Hints(), "monash"),
    "a growing Sequential": (decoded("tensors", state_dict(12, names=("net.0", "net.2"))), Hints(), "growing-torch"),
    "a growing program's": (decoded("tensors", state_dict(12, names=("fc0", "fc1"))), Hints(), "growing-torch"),
    "Monash's textures": (decoded("floats", numbers(5856)), Hints(), "monash"),
    "Monash's growing pictures": (decoded("floats", numbers(8320)), Hints(), "growing-torch"),
    "other numbers": (decoded("floats", FLAT), SIZES, "monash"),
    "a reaction": (decoded("arrays", reaction()), Hints(), "reaction-diffusion"),
    "a growing picture": (decoded("json", growing()), Hints(), "growing"),
    "μNCA": (decoded("tensors", {"w": numbers(8, 33, 1, 1)}), Hints(), "mu-nca"),
    "μNCA's demo": (decoded("text", demo_text()), Hints(), "mu-nca"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIBLINGS)
def test_other_sizes_are_imported(case: str) -> None:
    file, hints, family = SIBLINGS[case]
    assert identify(file, hints).family.name == family
    made = list(imported(file, hints))
    assert [m.config.name for m in made] == names(file, hints)
    assert len({m.config.name for m in made}) == len(made) == len(names(file, hints)) >= 1


def test_all_173_models_get_unique_names(hexells: dict[str, Model]) -> None:
    assert len(hexells) == 173
    assert {"dots", "bubbly_0101"} <= set(hexells)
    for name, model in hexells.items():
        assert model.config.name == name
        assert not set('/\\:*?"<>| ') & set(name)
        assert not name.startswith(".")
        assert (model.config.channels, model.config.hidden, model.config.inputs) == (12, 96, 48)


def test_the_models_differ(hexells: dict[str, Model]) -> None:
    assert len({m.w1.tobytes() for m in hexells.values()}) > 165  # a few were published twice


@pytest.mark.parametrize("name", ["dots", "bubbly_0101"])
def test_weights_match_an_independent_decoder(hexells: dict[str, Model], shared: Path, name: str) -> None:
    data = json.loads((shared / ATLAS).read_text("utf-8"))
    index = [n.split("/")[-1] for n in data["model_names"]].index(name)
    first, second = (decoded_layer(layer, index) for layer in data["layers"])
    given = hexells[name]
    np.testing.assert_allclose(given.w1, first[:-1].T, atol=1e-6)
    np.testing.assert_allclose(given.b1, first[-1], atol=1e-6)
    np.testing.assert_allclose(given.w2, second[:-1].T, atol=1e-6)
    np.testing.assert_allclose(given.b2, second[-1], atol=1e-6)
    assert np.abs(given.w1).max() > 0.1


def test_each_model_is_made_on_request(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(shared / ATLAS)
    made = []
    monkeypatch.setattr("ncaengine.formats.importers.dense.Model", lambda *given: made.append(given) or Model(*given))
    assert len(names(file)) == 173
    assert not made
    dots = identify(file).makers()["dots"]()
    assert dots.config.name == "dots"
    assert len(made) == 1
    assert next(imported(file)).config.name == "dots-mondrian"
    assert len(made) == 2


def test_conventions_of_hexells(hexells: dict[str, Model]) -> None:
    c = hexells["dots"].config
    assert [(f.stencil, f.gain) for f in c.features] == [
        ("identity", 1.0), ("gradient_x", 1.0), ("gradient_y", 1.0), ("laplacian", 0.5),
    ]  # fmt: skip
    assert c.activation == "linear"
    assert (c.clips.perception, c.clips.hidden, c.clips.update, c.clips.state) == ((-2, 2), (0, 2), (-2, 2), (-2, 2))
    assert (c.padding, c.fire_rate, c.seed.kind) == ("circular", 0.5, "zeros")
    assert c.colour == Colour(0.5, 0.5)
    assert c.family == "selforg-textures"


def test_the_range_of_bytes_is_that_of_the_file() -> None:
    data = hexells()
    data["layers"][0]["quant_scale_zero"], data["layers"][1]["quant_scale_zero"] = [3.0, 0.0], [6.0, 127 / 255]
    model = next(imported(decoded("json", data)))
    assert model.config.clips == Clips((-3, 3), (0, 3), (-3, 3), (-3, 3))


def test_shapes_may_be_text() -> None:
    data = hexells()
    for layer in data["layers"]:
        layer["shape"], layer["layout"] = json.dumps(layer["shape"]), json.dumps(layer["layout"])
    for ours, theirs in zip(imported(decoded("json", data)), imported(decoded("json", hexells())), strict=True):
        assert np.array_equal(ours.w1, theirs.w1)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("channels", "hidden"), [(5, 6), (6, 7), (7, 9)])
def test_outputs_padded_to_a_multiple_of_four(channels: int, hidden: int, padded: bool) -> None:
    """Some published files have the padded number of outputs in `shape`."""
    first, second = numbers(1, 4 * channels + 1, hidden), numbers(1, hidden, channels)
    data = exported(first, second, ["m"], bias=False, noise_level=0.1)
    if padded:
        for layer in data["layers"]:
            layer["shape"][1] += -layer["shape"][1] % 4
    (model,) = imported(decoded("json", data))
    np.testing.assert_allclose(model.w1, first[0, :-1].T, atol=1e-6)
    np.testing.assert_allclose(model.w2, second[0].T, atol=1e-6)


def test_a_shape_that_its_numbers_contradict_is_named() -> None:
    data = exported(numbers(1, 17, 8), numbers(1, 8, 4), ["m"], bias=False, noise_level=0.1)
    (plain,) = imported(decoded("json", data))
    assert plain.config.notes == []
    data["layers"][0]["shape"][0] = 9
    (model,) = imported(decoded("json", data))
    assert np.array_equal(model.w1, plain.w1)
    [note] = model.config.notes
    assert note == "left out, because the numbers contradict it: a layer's shape (9, 8); they are (17, 8)"


def test_conventions_of_moving_and_noisy_textures(shared: Path) -> None:
    video = next(imported(opened(shared / "published/dynca/video_small_escalator.json"))).config
    assert (video.padding, video.fire_rate, video.seed.kind, video.scales) == ("replicate", 0.5, "zeros", (0, 1))
    assert (video.extra, video.activation, video.colour) == (("row", "column"), "relu", Colour(1.0, 0.5))
    for name in ("Noise-NCA_bubbly_0101.pt", "bubbly_0101.json"):
        noise = next(imported(opened(shared / "published/noise-nca" / name))).config
        assert (noise.padding, noise.fire_rate, noise.seed.kind) == ("circular", 1.0, "noise")
        assert noise.seed.level == pytest.approx(0.1)
        assert "non-commercial" in noise.attribution["licence"]
    place = next(imported(opened(shared / "published/noise-nca/PE-NCA_bubbly_0101.pt"))).config
    assert (place.padding, place.fire_rate, place.seed.kind) == ("circular", 0.5, "zeros")


def test_conventions_of_the_other_families() -> None:
    picture = next(imported(decoded("json", growing()))).config
    assert (picture.alive, picture.seed) == (Alive(3, 0.1), Seed("point", 1.0, first=3))
    assert (picture.fire_rate, picture.padding, picture.colour) == (0.5, "circular", Colour(1.0, 0.0, alpha=True))
    synchronous = state_dict(12, names=("update_step.0", "update_step.2"))
    steady = next(imported(decoded("tensors", synchronous))).config
    assert (steady.fire_rate, steady.seed) == (1.0, Seed("point", 1.0, first=3))
    opaque = next(imported(decoded("floats", numbers(8320)))).seed
    assert opaque is not None
    assert opaque.tolist() == [[[0, 0, 0, 1]]]
    chemicals = next(imported(decoded("arrays", reaction()))).config
    assert (chemicals.fire_rate, chemicals.seed.kind, chemicals.features) == (1.0, "blobs", (Feature("identity"),))
    assert next(imported(decoded("floats", numbers(5856)))).config.colour == Colour(1.0, 0.0)
    mu = next(imported(decoded("tensors", {"w": numbers(4, 17)}))).config
    assert (mu.fire_rate, mu.firing, mu.seed, mu.colour) == (1.0, "channel", Seed("noise", 1.0), Colour(1.0, 0.5))
    demo = next(imported(decoded("text", demo_text()))).config
    assert (demo.clips.state, demo.colour) == ((-0.5, 0.5), Colour(2.0, 0.5))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a/x", "b/x", ".hidden name"], ["x", "x-2", "hidden_name"]),
        (["x", "x", "x-2", "x"], ["x", "x-2", "x-2-2", "x-3"]),
        (["0", "270", "circular", "2block_x"], ["file-0", "file-270", "file-circular", "file-2block_x"]),
        (["weights"], ["file"]),
        (["weights", "weights"], ["file", "file-2"]),
        (["", "..", "/"], ["file", "model", "file-2"]),
        (["🦎", 'a"b\x00', "y" * 500], ["🦎", "a_b_", "y" * 100]),
    ],
)
def test_names_are_unique_and_valid_for_files(given: list[str], expected: list[str]) -> None:
    file = decoded("json", atlas(len(given), placed=True, names=given))
    assert names(file) == expected
    motions = [m.config.attribution.get("motion") for m in imported(file)]
    assert motions == [n if n in ("0", "270", "circular", "2block_x") else None for n in given]


def test_the_demos_scale_is_read_from_its_text() -> None:
    usual = next(imported(decoded("text", demo_text())))
    assert np.abs(usual.w2).max() < 0.1
    other = next(imported(decoded("text", demo_text(rule="return 0.25 * (b + W[0]*s + W[1]*p);"))))
    np.testing.assert_allclose(other.w2, usual.w2 * 250, rtol=1e-6)
    shares = decoded("floats", numbers(68))
    assert np.array_equal(next(imported(shares)).b2, shares.data[64:])


def test_a_text_may_hold_several_models() -> None:
    twice = demo_text() + demo_text(b="this.b = [1.5, -2., .5, 4e1];")
    first, second = imported(decoded("text", twice, "demo"))
    assert (first.config.name, second.config.name) == ("demo", "demo-2")
    assert np.array_equal(first.w2, second.w2)
    np.testing.assert_allclose(second.b2, [0.0015, -0.002, 0.0005, 0.04], rtol=1e-6)


def test_bare_weights_have_unknown_authors() -> None:
    attribution = next(imported(decoded("tensors", state_dict(16)))).config.attribution
    assert "ask who trained it" in attribution["licence"]
    assert "ask who trained it" in attribution["authors"]


def test_bare_weights_have_a_candidate_for_each_convention() -> None:
    tried = identify(decoded("tensors", state_dict(16))).candidates()
    assert len(tried) == 12
    assert tried[0][0] == "--order channel --filters undivided --offset 0.5"
    assert len({label for label, _ in tried}) == 12
    chosen = dict(tried)["--order filter --filters eighths --offset 0"]
    model = next(imported(decoded("tensors", state_dict(16)), Hints(order="filter", filters="eighths", offset=0.0)))
    assert all(np.array_equal(getattr(chosen, n), getattr(model, n)) for n in WEIGHTS)
    assert chosen.config == model.config
    assert chosen.config.colour.offset == 0
    assert [f.gain for f in chosen.config.features] == [1.0, 1.0, 1.0, 0.5]


def test_candidates_respect_the_hints() -> None:
    bare = decoded("tensors", state_dict(16))
    labels = [label for label, _ in identify(bare, Hints(order="filter", offset=0.0)).candidates()]
    assert labels == ["--filters undivided", "--filters eighths", "--filters unit"]
    given = identify(bare, Hints(order="filter", filters="unit", offset=0.5))
    assert [label for label, _ in given.candidates()] == [""]
    assert "--padding zero" in [label for label, _ in given.candidates("")]
    assert len(identify(decoded("floats", FLAT), SIZES).candidates()) == 12
    assert identify(decoded("floats", numbers(5856))).candidates()[0][1].config.colour.offset == 0
    assert len(identify(decoded("tensors", state_dict(12, names=("fc0", "fc1")))).candidates()) == 6
    placed = state_dict(4 * 4 + 2)  # whose rows tell up from down
    assert len(identify(decoded("tensors", placed)).candidates()) == 24
    assert len(identify(decoded("tensors", placed), Hints(gradient_sign="up")).candidates()) == 12
    for sure in (decoded("json", hexells()), decoded("text", demo_text()), decoded("arrays", reaction())):
        assert identify(sure).candidates() == []


def test_models_of_ncaengine_open_too(tmp_path: Path) -> None:
    from helpers import random_model

    made = random_model(NOTEBOOK_CONFIG)
    model_files.save(made, tmp_path / "m.safetensors")
    (given,) = model_files.open_file(tmp_path / "m.safetensors").models.values()
    assert all(np.array_equal(getattr(given, n), getattr(made, n)) for n in WEIGHTS)
