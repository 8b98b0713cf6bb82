"""Model files: what opens, how models are named, and saving."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model
from published_forms import hexells
from torch_files import LEGACY, notebook, saved

import ncaengine
from ncaengine.backends.reference import Reference
from ncaengine.cli.import_models import Import
from ncaengine.cli.info import Info
from ncaengine.core import model, model_dicts, pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Colour
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files, sniffing
from ncaengine.viewer.state.file_watch import ModelWatch

# What opens


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_load_and_save_are_public(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    ncaengine.save(random_model(SELFORG), path)
    assert ncaengine.load(str(path)).config == SELFORG


def test_a_saved_pt_holds_plain_containers_and_tensors(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    model_files.save(random_model(SELFORG), path)
    data = torch.load(path, weights_only=True)
    assert json.loads(json.dumps(data["ncaengine"]["config"])) == model_dicts.config_to_dict(SELFORG)
    assert {k: tuple(v.shape) for k, v in data["ncaengine"]["weights"].items()} == {
        "w1": (96, 48), "b1": (96,), "w2": (12, 96), "b2": (12,),
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PT"])
@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_notebooks_state_dict_gets_the_notebooks_conventions(
    tmp_path: Path, suffix: str, options: dict[str, bool]
) -> None:
    found = model_files.load(saved(tmp_path / f"my texture{suffix}", notebook(), **options))
    c = found.config
    assert (c.name, c.family, c.channels, c.hidden) == ("my texture", "notebook", 12, 96)
    assert (c.activation, c.padding, c.fire_rate, c.seed.kind) == ("relu", "circular", 0.5, "zeros")
    assert c.colour == Colour(1.0, 0.5)
    assert c.clips == model.Clips()


def notebook_step(sd: dict[str, torch.Tensor], x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the state after one step of the article's PyTorch notebook: (1, channels, height, width)."""
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
def test_its_step_is_the_notebooks(tmp_path: Path, catalogue: Catalogue, channels: int, hidden: int) -> None:
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


def test_a_bare_name_opens_a_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ncaengine.load("zebra").config.name == model_files.load(Path("zebra")).config.name == "zebra"
    (tmp_path / "zebra").mkdir()
    assert model_files.load("zebra").config.name == "zebra"  # a folder is not a model
    (tmp_path / "weave").write_bytes(b"x")
    assert model_files.find_file("weave") == Path("weave")
    assert model_files.find_file("weave", tmp_path) == tmp_path / "weave"
    assert model_files.find_file("zebra.pt") == Path("zebra.pt")
    assert model_files.find_file("coral", tmp_path).name == "coral.safetensors"


@pytest.mark.parametrize("name", ["dots.pt", "chess.pt"])
def test_a_pickled_module_opens(shared: Path, name: str) -> None:
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
    assert model_files.load(f"{path}:2").config.name == "x-2"  # the end of a name is enough
    for name, message in (
        ("", "holds 3 models; add the name of one, for example"),
        (":y", "holds no model 'y'; choose from: x, x-2, hidden_name"),
    ):
        with pytest.raises(NCAError, match=message):
            model_files.load(f"{path}{name}")


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
def test_published_weights_are_recognised(shared: Path, tmp_path: Path, name: str, family: str, models: int) -> None:
    """By their content: each file is renamed first."""
    path = tmp_path / f"renamed{Path(name).suffix}"
    path.write_bytes((shared / "published" / name).read_bytes())
    opened = model_files.open_file(path)
    assert (opened.family, len(opened.models)) == (family, models)
    assert opened.reason
    assert next(iter(opened.models.values())).config.attribution["recognised"] == opened.reason


# Saving


@pytest.mark.parametrize("name", ["m.txt", "m", "m.pth", "m.json"])
def test_saving_with_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NCAError, match=r"must end in \.pt or \.safetensors"):
        model_files.save(random_model(NOTEBOOK_CONFIG), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_saving_to_a_missing_folder_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "nowhere" / f"m{suffix}"
    with pytest.raises(NCAError) as caught:
        model_files.save(random_model(NOTEBOOK_CONFIG), path)
    assert str(caught.value).startswith(f"{path}: cannot be written (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_failed_save_keeps_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


# Reading once


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read, one entry for each time."""
    found: list[Path] = []
    read = sniffing.read_file
    monkeypatch.setattr(sniffing, "read_file", lambda path: found.append(path) or read(path))
    return found


@pytest.mark.parametrize("model", ["", ":x-2"])
def test_the_commands_read_a_file_once(
    tmp_path: Path, reads: list[Path], capsys: pytest.CaptureFixture[str], model: str
) -> None:
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(hexells()))
    Info(Path(f"{path}{model}"), json=True).run()
    assert reads == [path]
    Import(Path(f"{path}{model}"), tmp_path / "models").run()
    assert reads == [path] * 2


def test_the_window_reads_a_file_once(tmp_path: Path, reads: list[Path]) -> None:
    path, watch = tmp_path / "atlas.json", ModelWatch()
    path.write_text(json.dumps(hexells()))
    collection = watch.collection(path)
    assert collection is not None
    for inside in collection.paths:
        watch.open(inside)
    assert reads == [path]
    path.write_text(json.dumps(hexells(channels=8)))
    assert watch.open(Path(f"{path}:x")).config.channels == 4
    watch.collection(path)
    assert reads == [path] * 2


def test_models_are_made_on_request_and_candidates_read_nothing(tmp_path: Path, reads: list[Path]) -> None:
    opened = model_files.open_file(saved(tmp_path / "m.pt", notebook()))
    assert list(opened.models) == ["m"]
    assert opened.models["m"].config.channels == 12
    assert len(opened.candidates()) == 12
    assert len(reads) == 1
