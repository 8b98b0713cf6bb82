"""Atlases for the article's page: read back by the importer, and run in bytes as the page's ca.js does."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from exporting import CONVERTED, NEAR, REFUSED_BY_BOTH, SMALL, colours, measured, replaced, rollout, shipped, shown
from helpers import SELFORG, random_model
from PIL import Image
from torch import Tensor, nn

from ncaengine.core import pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import WEIGHTS, Clips, Colour, Config, Feature, Model, Seed
from ncaengine.formats import model_files
from ncaengine.formats.exporters import atlas

ATLAS = "published/selforg-textures/hexells.json"


def reimported(text: str, path: Path) -> list[Model]:
    path.write_text(text)
    return list(model_files.open_file(path).models.values())


def pixels(layer: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(layer["data"].split(",")[1]))))


def on_page(text: str, number: int, side: int, steps: int) -> np.ndarray:
    """Return RGB of a model, computed as the page's ca.js does, with every stage in bytes."""
    layers = []
    for layer in json.loads(text)["layers"]:
        (rows, outputs), (across, _), all_ = layer["shape"], layer["layout"], pixels(layer)
        left, top = number % across * (outputs // 4), number // across * rows
        weights = all_[top : top + rows, left : left + outputs // 4].reshape(rows, outputs)
        layers.append((torch.tensor(weights / 255 - 127 / 255).float() * layer["scale"], layer["quant_scale_zero"]))

    def stored(x: Tensor, quant: list[float]) -> Tensor:
        return (torch.round((x / quant[0] + quant[1]).clamp(0, 1) * 255) / 255 - quant[1]) * quant[0]

    (first, units), (second, values) = layers
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    gauss = torch.tensor([[1.0, 2, 1], [2, -12, 2], [1, 2, 1]]) / 8
    filters = torch.stack([sobel, sobel.T, gauss])[:, None]
    x = torch.zeros(1, second.shape[1], side, side)
    for step in range(steps):
        around = nn.functional.pad(x, [1] * 4, "circular")[0, :, None]
        seen = nn.functional.conv2d(around, filters)  # (channels, 3, side, side)
        p = stored(torch.cat([x[0], *seen.unbind(1)]).permute(1, 2, 0), values)
        h = stored(p @ first[:-1] + first[-1], units)
        u = stored(h @ second[:-1] + second[-1], values).permute(2, 0, 1)
        fires = torch.from_numpy(pcg.fire_mask(side, side, step, 0, 0.5))
        x = stored(x + u * fires, values)
    return (x[0, :3] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()


def test_the_published_atlas_is_reproduced(shared: Path, hexells: dict[str, Model]) -> None:
    theirs = json.loads((shared / ATLAS).read_text("utf-8"))
    ours = json.loads(atlas.atlas_json([(model, None) for model in hexells.values()]))
    assert list(ours) == [*theirs, "attribution"]
    assert len(ours["model_names"]) == len(theirs["model_names"])
    for a, b in zip(ours["layers"], theirs["layers"], strict=True):
        assert {k: a[k] for k in a if k != "data"} == {k: b[k] for k in b if k != "data"}
        assert a["data"].startswith("data:image/PNG;base64,")
        assert np.array_equal(pixels(a), pixels(b))


@pytest.mark.parametrize("names", [["dots"], ["bubbly_0101", "dots"]])
def test_some_of_its_models_do_not_change(tmp_path: Path, hexells: dict[str, Model], names: list[str]) -> None:
    models = [hexells[name] for name in names]
    found = reimported(atlas.atlas_json([(model, None) for model in models]), tmp_path / "a.json")
    assert [m.config.name for m in found] == names
    for ours, theirs in zip(found, models, strict=True):
        for name in WEIGHTS:
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=5e-7)


@pytest.mark.parametrize("name", ["bubbles", "zebra", "coral"])
def test_a_shipped_model_shows_its_texture_as_an_atlas(tmp_path: Path, catalogue: Catalogue, name: str) -> None:
    """In our arithmetic, and in the page's, which rounds every stage to a byte."""
    model, kernel = shipped(name), catalogue.get("square")
    text = atlas.atlas_json([(model, measured(model, kernel))])
    (found,) = reimported(text, tmp_path / "a.json")
    truth = colours(shown(model, rollout(model, kernel, 200)))
    assert truth[1].max() > 0.1
    for rgb in (shown(found, rollout(found, kernel, 200)), on_page(text, 0, 64, 200)):
        assert np.abs(colours(rgb) - truth).max() <= NEAR


@pytest.mark.parametrize("case", CONVERTED)
def test_the_conversion_of_units_is_exact(catalogue: Catalogue, case: str) -> None:
    """As long as the page clips nothing that the model doesn't."""
    model, kernel = random_model(CONVERTED[case]), catalogue.get("square")
    page = atlas.to_page_units(model, measured(model, kernel) if atlas.needs_ranges(model.config) else None)
    assert page.config.clips == SELFORG.clips
    assert page.config.features == SELFORG.features
    assert page.config.colour == SELFORG.colour
    for steps in (1, 10, 30):
        ours, theirs = (shown(m, rollout(m, kernel, steps, (24, 24))) for m in (page, model))
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert np.abs(theirs - 0.5).max() > 0.01


def test_weights_are_rounded_to_the_nearest_byte(tmp_path: Path, catalogue: Catalogue) -> None:
    model = shipped("coral")
    ranges = measured(model, catalogue.get("square"))
    text = atlas.atlas_json([(model, ranges)])
    (found,), page = reimported(text, tmp_path / "a.json"), atlas.to_page_units(model, ranges)
    for layer, names in zip(json.loads(text)["layers"], (("w1", "b1"), ("w2", "b2")), strict=True):
        assert pixels(layer).min() == 0 or pixels(layer).max() == 255, "the scale is larger than needed"
        for name in names:
            off = np.abs(getattr(found, name) - getattr(page, name)).max()
            assert off <= layer["scale"] / 255 / 2 + 1e-6


def test_hidden_units_stay_below_saturation(catalogue: Catalogue) -> None:
    """And all have the same largest weight, so that none is rounded more coarsely than others."""
    model, kernel = shipped("zebra"), catalogue.get("square")
    ranges = measured(model, kernel)
    page = atlas.to_page_units(model, ranges)
    reach = atlas.measure(page, kernel, [rollout(page, kernel, 200)]).hidden
    assert reach.max() < 2.1
    largest = np.abs(np.concatenate([page.w1, page.b1[:, None]], 1)).max(1)
    np.testing.assert_allclose(largest, largest[0], rtol=1e-5)


def test_models_of_other_sizes_share_an_atlas(tmp_path: Path, catalogue: Catalogue) -> None:
    kernel = catalogue.get("square")
    models = [random_model(Config(channels=c, hidden=h, name=f"m{c}")) for c, h in ((3, 5), (6, 9), (32, 1))]
    found = reimported(atlas.atlas_json([(m, measured(m, kernel)) for m in models]), tmp_path / "a.json")
    for ours, model in zip(found, models, strict=True):
        assert (ours.config.channels, ours.config.hidden, ours.config.name) == (32, 12, model.config.name)
        assert not ours.w2[model.config.channels :].any()
        assert not ours.w1[model.config.hidden :].any()


NOT_THE_PAGE: dict[str, tuple[Model, str]] = {
    "channels": (replaced(SMALL, channels=33), "33 channels and 4 hidden units, more than 32 and 128"),
    "hidden": (replaced(SMALL, hidden=129), "129 hidden units"),
    "fire rate": (replaced(SMALL, fire_rate=1.0), "has a fire rate of 1"),
    "seed": (replaced(SMALL, seed=Seed("noise")), "starts from a noise seed"),
    "colours": (replaced(SMALL, colour=Colour(1.0, 0.0)), r"shows state · 1 \+ 0"),
    "alpha": (replaced(SMALL, colour=Colour(alpha=True)), "has opacity"),
    "linear": (replaced(SMALL, activation="linear"), "lets hidden units fall below 0"),
    "clip of hidden": (replaced(SMALL, clips=Clips(hidden=(0.1, 1.0))), "lets hidden units fall below 0|clips its hid"),
    "clip of state": (replaced(SMALL, clips=Clips(state=(-2.0, 2.0))), "clips its state elsewhere than at ±1"),
    "clip of update": (replaced(SMALL, clips=Clips(update=(-1.0, 2.0))), "clips its update elsewhere than at ±1"),
    "clip of perception": (replaced(SMALL, clips=Clips(perception=(-1.0, 1.0))), "clips its perception elsewhere"),
    "clip of what is seen twice": (
        replaced(SMALL, features=(Feature("identity"),) * 2, clips=Clips(perception=(-1.0, 1.0))),
        "perceives a filtered channel twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [*REFUSED_BY_BOTH, *NOT_THE_PAGE])
def test_models_that_the_page_cannot_run_are_refused(case: str) -> None:
    model, message = {**REFUSED_BY_BOTH, **NOT_THE_PAGE}[case]
    ranges = atlas.Ranges(np.ones(model.config.hidden, np.float32), np.ones(model.config.channels, np.float32))
    with pytest.raises(NCAError, match=message) as caught:
        atlas.atlas_json([(model, ranges)])
    assert "model" in str(caught.value)


def test_missing_ranges_and_too_many_models_are_refused() -> None:
    with pytest.raises(NCAError, match="measure its Ranges"):
        atlas.atlas_json([(random_model(SMALL), None)])
    with pytest.raises(NCAError, match="1 to 256 models, not 257"):
        atlas.atlas_json([(random_model(SELFORG), None)] * 257)


def test_a_model_that_diverges_is_refused(catalogue: Catalogue) -> None:
    model = random_model(SMALL)
    with pytest.raises(NCAError, match="diverges on square"):
        atlas.measure(model, catalogue.get("square"), [np.full((4, 4, 4), np.inf, np.float32)])


def test_an_atlas_keeps_the_attribution(tmp_path: Path) -> None:
    mine = {"author": "Me", "licence": "CC BY-NC 4.0", "file": "gone", "recognised": "gone", "long": "x" * 10_000,
            "loss on square": "0.1 at 500, before the weights were rounded"}  # fmt: skip
    models = [random_model(msgspec.structs.replace(SELFORG, attribution=facts)) for facts in (mine, {})]
    text = atlas.atlas_json([(model, None) for model in models])
    first, second = (m.config.attribution for m in reimported(text, tmp_path / "a.json"))
    assert (first["author"], first["licence"], len(first["long"])) == ("Me", "CC BY-NC 4.0", 500)
    assert first["recognised"].startswith("its model_names")
    assert not {"file", "authors", "source", "loss on square"} & set(first), "nobody else is credited"
    assert "ask who trained it" in second["authors"]
    for odd in (5, [], [7, {"author": 3}], {"a": "b"}):  # other programs may use this key
        found = reimported(json.dumps({**json.loads(text), "attribution": odd}), tmp_path / "b.json")
        assert all(m.config.attribution["authors"] for m in found)


def test_weights_of_zero_stay_zero(tmp_path: Path) -> None:
    nothing = Model(SELFORG, *(np.zeros(shape, np.float32) for shape in SELFORG.shapes.values()))
    (found,) = reimported(atlas.atlas_json([(nothing, None)]), tmp_path / "a.json")
    assert not any(getattr(found, name).any() for name in WEIGHTS)
