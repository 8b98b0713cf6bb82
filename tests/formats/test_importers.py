"""Published weights: which family a file is of, its models' names, conventions and attribution, and candidates."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG
from published_forms import (
    atlas,
    decoded,
    demo_text,
    exported,
    found,
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
from ncaengine.formats.pickle import weights

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
            return found("json", json.loads(path.read_text("utf-8")), path.stem)
        case ".npy":
            return found("arrays", weights.read_npy(path), path.stem)
        case ".bin":
            return found("floats", np.fromfile(path, "<f4"), path.stem)
        case _:
            return found("tensors", weights.find_weights(weights.read_torch(path)), path.stem)


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
    assert identify(found(file.form, file.data, "another name")).family is family


FLAT = numbers(6 * 8 + 6 + 4 * 6)
SAID = Hints(channels=4, hidden=6)
SIBLINGS: dict[str, tuple[Decoded, Hints, str]] = {
    "hexells": (found("json", hexells()), Hints(), "selforg-textures"),
    "DyNCA": (found("json", atlas(3, placed=True)), Hints(), "dynca"),
    "DyNCA's large": (found("json", atlas(1, 16, placed=True)), Hints(), "dynca"),
    "DyNCA of a video": (found("json", atlas(1, placed=True, n_perception_scales=2)), Hints(), "dynca"),
    "DyNCA as a picture": (found("json", atlas(2, placed=True, as_picture=True)), Hints(), "dynca"),
    "DyNCA without places": (found("json", atlas(1)), Hints(), "dynca"),
    "NoiseNCA": (found("json", atlas(2, bias=False, noise_level=0.2)), Hints(), "noise-nca"),
    "NoiseNCA of 5 channels": (found("json", atlas(2, 5, bias=False, noise_level=0.2)), Hints(), "noise-nca"),
    "NoiseNCA without a level": (found("json", atlas(1, bias=False)), Hints(), "noise-nca"),
    "NoiseNCA with places": (found("json", atlas(1, placed=True, bias=False, noise_level=0.1)), Hints(), "noise-nca"),
    "NoiseNCA of 2 filters": (found("json", atlas(1, filters=2, bias=False, noise_level=0.1)), Hints(), "noise-nca"),
    "NoiseNCA's state dict": (found("tensors", state_dict(16) | {"noise_level": numbers(1)}), Hints(), "noise-nca"),
    "PE-NCA's state dict": (found("tensors", state_dict(18)), Hints(), "noise-nca"),
    "DyNCA's state dict": (found("tensors", state_dict(18, bias2=True)), Hints(), "dynca"),
    "a notebook's": (found("tensors", state_dict(16)), Hints(), "notebook"),
    "a notebook's of 2 filters": (found("tensors", state_dict(8)), Hints(), "notebook"),
    "a notebook's of 3 filters": (found("tensors", state_dict(12)), Hints(), "notebook"),
    "a Sequential": (found("tensors", state_dict(16, names=("0", "2"))), Hints(), "monash"),
    "a long Sequential": (found("tensors", state_dict(16, names=("a.b.1", "a.b.10"))), Hints(), "monash"),
    "a growing Sequential": (found("tensors", state_dict(12, names=("net.0", "net.2"))), Hints(), "growing-torch"),
    "a growing program's": (found("tensors", state_dict(12, names=("fc0", "fc1"))), Hints(), "growing-torch"),
    "Monash's textures": (found("floats", numbers(5856)), Hints(), "monash"),
    "Monash's growing pictures": (found("floats", numbers(8320)), Hints(), "growing-torch"),
    "other numbers": (found("floats", FLAT), SAID, "monash"),
    "a reaction": (found("arrays", reaction()), Hints(), "reaction-diffusion"),
    "a growing picture": (found("json", growing()), Hints(), "growing"),
    "μNCA": (found("tensors", {"w": numbers(8, 33, 1, 1)}), Hints(), "mu-nca"),
    "μNCA's demo": (found("text", demo_text()), Hints(), "mu-nca"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIBLINGS)
def test_siblings_of_other_sizes_are_imported(case: str) -> None:
    file, hints, family = SIBLINGS[case]
    assert identify(file, hints).family.name == family
    made = list(imported(file, hints))
    assert [m.config.name for m in made] == names(file, hints)
    assert len({m.config.name for m in made}) == len(made) == len(names(file, hints)) >= 1


def test_all_173_models_import_under_names_of_their_own(hexells: dict[str, Model]) -> None:
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
def test_weights_are_those_of_an_independent_decode(hexells: dict[str, Model], shared: Path, name: str) -> None:
    data = json.loads((shared / ATLAS).read_text("utf-8"))
    index = [n.split("/")[-1] for n in data["model_names"]].index(name)
    first, second = (decoded(layer, index) for layer in data["layers"])
    given = hexells[name]
    np.testing.assert_allclose(given.w1, first[:-1].T, atol=1e-6)
    np.testing.assert_allclose(given.b1, first[-1], atol=1e-6)
    np.testing.assert_allclose(given.w2, second[:-1].T, atol=1e-6)
    np.testing.assert_allclose(given.b2, second[-1], atol=1e-6)
    assert np.abs(given.w1).max() > 0.1


def test_one_model_of_many_is_made_alone(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    model = next(imported(found("json", data)))
    assert model.config.clips == Clips((-3, 3), (0, 3), (-3, 3), (-3, 3))


def test_shapes_may_be_text() -> None:
    data = hexells()
    for layer in data["layers"]:
        layer["shape"], layer["layout"] = json.dumps(layer["shape"]), json.dumps(layer["layout"])
    for ours, theirs in zip(imported(found("json", data)), imported(found("json", hexells())), strict=True):
        assert np.array_equal(ours.w1, theirs.w1)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("channels", "hidden"), [(5, 6), (6, 7), (7, 9)])
def test_outputs_padded_to_a_multiple_of_four(channels: int, hidden: int, padded: bool) -> None:
    """One of the exporters writes the padded numbers as the shape."""
    first, second = numbers(1, 4 * channels + 1, hidden), numbers(1, hidden, channels)
    data = exported(first, second, ["m"], bias=False, noise_level=0.1)
    if padded:
        for layer in data["layers"]:
            layer["shape"][1] += -layer["shape"][1] % 4
    (model,) = imported(found("json", data))
    np.testing.assert_allclose(model.w1, first[0, :-1].T, atol=1e-6)
    np.testing.assert_allclose(model.w2, second[0].T, atol=1e-6)


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
    picture = next(imported(found("json", growing()))).config
    assert (picture.alive, picture.seed) == (Alive(3, 0.1), Seed("point", 1.0, first=3))
    assert (picture.fire_rate, picture.padding, picture.colour) == (0.5, "circular", Colour(1.0, 0.0, alpha=True))
    synchronous = state_dict(12, names=("update_step.0", "update_step.2"))
    steady = next(imported(found("tensors", synchronous))).config
    assert (steady.fire_rate, steady.seed) == (1.0, Seed("point", 1.0, first=3))
    opaque = next(imported(found("floats", numbers(8320)))).seed
    assert opaque is not None
    assert opaque.tolist() == [[[0, 0, 0, 1]]]
    chemicals = next(imported(found("arrays", reaction()))).config
    assert (chemicals.fire_rate, chemicals.seed.kind, chemicals.features) == (1.0, "blobs", (Feature("identity"),))
    assert next(imported(found("floats", numbers(5856)))).config.colour == Colour(1.0, 0.0)
    mu = next(imported(found("tensors", {"w": numbers(4, 17)}))).config
    assert (mu.fire_rate, mu.firing, mu.seed, mu.colour) == (1.0, "channel", Seed("noise", 1.0), Colour(1.0, 0.5))
    demo = next(imported(found("text", demo_text()))).config
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
def test_names_are_fit_for_files_and_differ(given: list[str], expected: list[str]) -> None:
    file = found("json", atlas(len(given), placed=True, names=given))
    assert names(file) == expected
    motions = [m.config.attribution.get("motion") for m in imported(file)]
    assert motions == [n if n in ("0", "270", "circular", "2block_x") else None for n in given]


def test_the_demos_scale_is_that_of_its_text() -> None:
    usual = next(imported(found("text", demo_text())))
    assert np.abs(usual.w2).max() < 0.1
    other = next(imported(found("text", demo_text(rule="return 0.25 * (b + W[0]*s + W[1]*p);"))))
    np.testing.assert_allclose(other.w2, usual.w2 * 250, rtol=1e-6)
    shares = found("floats", numbers(68))
    assert np.array_equal(next(imported(shares)).b2, shares.data[64:])


def test_a_text_may_hold_several() -> None:
    twice = demo_text() + demo_text(b="this.b = [1.5, -2., .5, 4e1];")
    first, second = imported(found("text", twice, "demo"))
    assert (first.config.name, second.config.name) == ("demo", "demo-2")
    assert np.array_equal(first.w2, second.w2)
    np.testing.assert_allclose(second.b2, [0.0015, -0.002, 0.0005, 0.04], rtol=1e-6)


def test_attribution_of_bare_weights_promises_nothing() -> None:
    said = next(imported(found("tensors", state_dict(16)))).config.attribution
    assert "ask who trained it" in said["licence"]
    assert "ask who trained it" in said["authors"]


def test_bare_weights_have_a_candidate_for_each_convention() -> None:
    tried = identify(found("tensors", state_dict(16))).candidates()
    assert len(tried) == 12
    assert tried[0][0] == "--order channel --filters undivided --offset 0.5"
    assert len({label for label, _ in tried}) == 12
    chosen = dict(tried)["--order filter --filters eighths --offset 0"]
    said = next(imported(found("tensors", state_dict(16)), Hints(order="filter", filters="eighths", offset=0.0)))
    assert all(np.array_equal(getattr(chosen, n), getattr(said, n)) for n in WEIGHTS)
    assert chosen.config == said.config
    assert chosen.config.colour.offset == 0
    assert [f.gain for f in chosen.config.features] == [1.0, 1.0, 1.0, 0.5]


def test_candidates_keep_to_what_is_known() -> None:
    bare = found("tensors", state_dict(16))
    labels = [label for label, _ in identify(bare, Hints(order="filter", offset=0.0)).candidates()]
    assert labels == ["--filters undivided", "--filters eighths", "--filters unit"]
    assert identify(bare, Hints(order="filter", filters="unit", offset=0.5)).candidates() == []
    assert len(identify(found("floats", FLAT), SAID).candidates()) == 12
    assert identify(found("floats", numbers(5856))).candidates()[0][1].config.colour.offset == 0
    assert len(identify(found("tensors", state_dict(12, names=("fc0", "fc1")))).candidates()) == 6
    for sure in (found("json", hexells()), found("text", demo_text()), found("arrays", reaction())):
        assert identify(sure).candidates() == []


def test_published_takes_model_files_too(tmp_path: Path) -> None:
    from helpers import random_model

    made = random_model(NOTEBOOK_CONFIG)
    model_files.save(made, tmp_path / "m.safetensors")
    (given,) = model_files.open_file(tmp_path / "m.safetensors").models.values()
    assert all(np.array_equal(getattr(given, n), getattr(made, n)) for n in WEIGHTS)
