"""The feature nets: the same numbers as torchvision's, layers by name, and messages for missing weights."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

import safetensors.torch
import torch
import torchvision.models as zoo
from helpers import SHARED
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ncaengine.core.errors import NCAError
from ncaengine.training.features import extractor, nets, weights
from ncaengine.training.features.random_filters import RandomFilters

VGG = SHARED / "perceptual/vgg19_conv1_1_to_conv3_4.safetensors"
DISTILLED = SHARED / "perceptual/vgg19_distilled_16x.safetensors"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

shared = pytest.mark.skipif(not VGG.exists(), reason=f"{VGG.parent} with the nets' weights is missing")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as torch's cache, and no connection to any server."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


def pictures(height: int = 32, width: int = 40, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def thin_vgg(blocks: tuple[int, ...], channels: int = 4) -> dict[str, Tensor]:
    """Weights with torchvision's keys of a VGG of few channels."""
    generator = torch.Generator().manual_seed(2)
    made, index, inputs = {}, 0, 3
    for count in blocks:
        for _ in range(count):
            made[f"features.{index}.weight"] = torch.randn(channels, inputs, 3, 3, generator=generator) / 5
            made[f"features.{index}.bias"] = torch.randn(channels, generator=generator) / 5
            index, inputs = index + 2, channels
        index += 1
    return made


def opened(*files: Path) -> extractor.Features:
    return extractor.open_nets([str(file) for file in files])[0]


VGG16, VGG19 = thin_vgg((2, 2, 3, 3, 3)), thin_vgg((2, 2, 4, 4, 4))


def save(tensors: dict[str, Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return str(path)


@shared
def test_maps_of_the_vgg_file_equal_torchvisions() -> None:
    """Torchvision's own layers with the same weights."""
    full = zoo.vgg.make_layers(zoo.vgg.cfgs["E"])
    full.load_state_dict({k.removeprefix("features."): v for k, v in safetensors.torch.load_file(VGG).items()}, False)
    x = pictures()
    normalised = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    net = opened(VGG)
    assert net.names == ("pixels", "conv1_1", "conv2_1", "conv3_1")
    with torch.no_grad():
        for found, end in zip(net(x), (0, 2, 7, 12), strict=True):
            assert torch.allclose(found, full[:end](normalised), rtol=1e-4, atol=1e-3)
        assert torch.allclose(net.layer(x, "conv3_4"), full[:18](normalised), rtol=1e-4, atol=1e-3)


@shared
def test_two_files_complete_each_other_in_either_order() -> None:
    net = opened(VGG, DISTILLED)
    assert net.names == ("pixels", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    assert [m.shape[1] for m in net(pictures())] == [3, 64, 128, 256, 128, 128]
    assert opened(DISTILLED, VGG).names == net.names
    assert opened(DISTILLED).names == net.names


@shared
def test_the_distilled_net_is_as_in_its_paper() -> None:
    """Reflection padding and BGR·255 − mean, as in the data's README, up to its second layer."""
    w = safetensors.torch.load_file(DISTILLED)
    x = pictures()
    x0 = torch.einsum("oi,bihw->bohw", w["conv0.weight"][:, :, 0, 0], x) + w["conv0.bias"][:, None, None]
    want = torch.nn.functional.pad(x0, [1] * 4, "reflect")
    want = torch.nn.functional.conv2d(want, w["conv11.weight"], w["conv11.bias"]).relu()
    assert torch.allclose(opened(DISTILLED)(x)[1], want, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["net.safetensors", "net.pth", "net.pt"])
@pytest.mark.parametrize(("tensors", "deepest"), [(VGG16, "conv5_3"), (VGG19, "conv5_4")])
def test_vgg_files_of_every_kind(tmp_path: Path, name: str, tensors: dict[str, Tensor], deepest: str) -> None:
    net, notice = extractor.open_nets([save(tensors, tmp_path / name)])
    assert notice is None
    assert net.names == ("pixels", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    assert net.layers[-1] == deepest
    assert [m.shape[2:] for m in net(pictures(48, 32))] == [(48, 32), (48, 32), (24, 16), (12, 8), (6, 4), (3, 2)]
    assert not any(p.requires_grad for p in net.parameters())


def test_vgg16_ported_from_caffe_gets_its_own_normalisation(tmp_path: Path) -> None:
    """Recognised by its classifier of NaN; it has another mean, and pictures from 0 to 255."""
    x = pictures(16, 16)
    nan = {"classifier.0.weight": torch.full((2, 2), torch.nan)}
    tensors = {k: v for k, v in VGG16.items() if k.startswith("features.0.")}
    net, _ = extractor.open_nets([save(tensors | nan, tmp_path / "vgg16.pth")])
    shifted = (x - torch.tensor((0.48235, 0.45882, 0.40784))[:, None, None]) * 255
    want = torch.conv2d(shifted, tensors["features.0.weight"], tensors["features.0.bias"], padding=1).relu()
    assert torch.allclose(net(x)[1], want, rtol=1e-4, atol=1e-3)


@shared
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_maps_that_are_computed_faster_are_near_the_exact_ones(precision: torch.dtype) -> None:
    net, x = opened(VGG, DISTILLED), pictures()
    exact = net(x)
    net.speed_up(precision)
    error = 2**-6 if precision == torch.bfloat16 else 1e-5
    found = net(x)
    if precision == torch.bfloat16:
        assert not torch.equal(found[1], exact[1])
    for fast, slow in zip(found, exact, strict=True):
        assert fast.dtype == torch.float32
        assert float((fast - slow).norm()) < error * float(slow.norm())


def test_layers_by_name_agree_with_the_taps(tmp_path: Path) -> None:
    net, _ = extractor.open_nets([save(VGG16, tmp_path / "vgg.pth"), "random"])
    x = pictures()
    for name, fmap in zip(net.names, net(x), strict=True):
        assert torch.equal(net.layer(x, name), fmap)
    with pytest.raises(NCAError, match=r"no layer conv6_1; choose one of pixels, conv1_1, .*random40"):
        net.layer(x, "conv6_1")


def test_googlenet_has_the_layers_of_its_paper(tmp_path: Path) -> None:
    """Without training: the shapes, the input's range, and a file that comes back the same."""
    torch.manual_seed(3)
    net = nets.googlenet()
    fives = [f"inception{place}" for place in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]
    assert net.layers == ("conv1", "conv2", "conv3", *fives)
    x = pictures(64, 64)
    maps = dict(zip(net.layers, net.maps(x, net.layers), strict=True))
    assert [m.shape[1] for m in maps.values()] == [64, 64, 192, 256, 480, 512, 512, 512, 528, 832, 832, 1024]
    assert maps["inception5b"].shape[2:] == (2, 2)
    torch.manual_seed(3)
    plain = zoo.googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=True).eval()
    grey = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(maps["conv1"], plain.conv1(plain._transform_input(grey)), atol=1e-4)
    again, _ = extractor.open_nets([save(plain.state_dict(), tmp_path / "googlenet.pth")])
    assert again.names == ("pixels", *nets.GOOGLENET_TAPS)
    assert torch.equal(again.layer(x, "inception4b"), maps["inception4b"])


def test_random_filters_are_reproducible_and_ignore_even_colours() -> None:
    first, second = RandomFilters(), RandomFilters()
    x = pictures(64, 48)
    torch.manual_seed(5)
    maps = first(x)
    assert all(torch.equal(a, b) for a, b in zip(maps, second(x), strict=True))
    assert first.taps == ("random3", "random5", "random10", "random20", "random40")
    assert [m.shape[2:] for m in maps] == [(64, 48), (64, 48), (32, 24), (16, 12), (8, 6)]
    assert all(0.1 < m.square().mean().sqrt() < 10 for m in maps)
    assert all(m.abs().max() < 1e-4 for m in first(torch.full((1, 3, 32, 32), 0.7)))


@given(st.integers(24, 70), st.integers(24, 70))
def test_random_filters_take_any_size_from_24(height: int, width: int) -> None:
    assert len(RandomFilters(2)(pictures(height, width, 1))) == 5


@pytest.mark.parametrize(
    ("net", "size", "layer"),
    [(RandomFilters(2), 23, "random40"), (nets.vgg(VGG16), 31, "conv5_1"), (nets.vgg(VGG16), 1, "input")],
)
def test_pictures_too_small_for_the_net_are_refused(net: nets.FeatureNet, size: int, layer: str) -> None:
    with pytest.raises(NCAError, match=f"64x{size} pixels are too small for the feature net's {layer}"):
        net(pictures(size, 64))


def test_auto_is_random_without_internet(cache: Path) -> None:
    net, notice = extractor.open_nets(["auto"])
    assert net.names[1:] == RandomFilters().taps
    assert notice == extractor.FALLBACK
    assert "\n" not in notice
    assert extractor.open_nets(["random"])[1] is None


@pytest.mark.parametrize("name", list(weights.HUB))
def test_a_named_net_that_cannot_be_downloaded_is_reported(
    cache: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NCAError, match=rf"Can't download the weights of {name} \(.+--features") as caught:
        extractor.open_nets([name])
    assert weights.HUB[name].url in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["auto", "vgg19"])
def test_cached_weights_are_used(cache: Path, name: str) -> None:
    save(VGG19, cache / "vgg19-dcbb9e9d.pth")
    net, notice = extractor.open_nets([name])
    assert notice is None
    assert torch.equal(net(pictures())[1], nets.vgg(VGG19)(pictures())[0])


def test_a_damaged_cache_is_reported(cache: Path) -> None:
    path = cache / "vgg19-dcbb9e9d.pth"
    path.write_bytes(b"half a file")
    with pytest.raises(NCAError, match=rf"{re.escape(str(path))}: is damaged; delete it"):
        extractor.open_nets(["auto"])


class Code:
    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return print, ("code was run",)


def _write_code(path: Path) -> None:
    torch.save(Code(), path)


@pytest.mark.parametrize(
    ("name", "write", "sentence"),
    [
        ("a.pth", _write_code, "holds Python code, which is not run"),
        ("a.pth", lambda p: p.write_bytes(b"x"), "is damaged or holds"),
        ("a.pth", lambda p: torch.save([1, 2], p), "holds more than a net's weights"),
        ("a.pth", lambda p: torch.save({"model": VGG16}, p), "holds more than a net's weights"),
        ("a.pth", Path.mkdir, "cannot be read"),
        ("a.safetensors", lambda p: p.write_bytes(b"x"), "is damaged or not .safetensors"),
        ("a.txt", lambda p: p.write_text("x"), "is not a weight file"),
        ("a.pth", lambda p: save({"a": torch.zeros(1)}, p), "holds neither VGG-16, VGG-19 or GoogLeNet"),
        ("a.pth", lambda p: save(thin_vgg((1, 1, 2, 2, 2)), p), "another VGG"),
        ("a.pth", lambda p: save(VGG16 | {"features.2.bias": torch.zeros(9)}, p), r"a features.2.weight of \(4, 4"),
        (
            "a.pth",
            lambda p: save(VGG16 | {"features.2.bias": torch.tensor(0.0)}, p),
            r"a features.2.weight of \(4, 4",
        ),
        (
            "a.pth",
            lambda p: save(VGG16 | {"features.0.bias": torch.full((4,), torch.nan)}, p),
            "in features.0.bias that are not finite",
        ),
        ("a.pth", lambda p: save({"features.0.weight": VGG16["features.0.weight"]}, p), "lacks features.0.bias"),
        ("a.pth", lambda p: save({"conv11.weight": torch.zeros(1)}, p), "lacks conv0.weight"),
        ("a.pth", lambda p: save({"inception3a.branch1.conv.weight": torch.zeros(1)}, p), "not with torchvision's"),
    ],
)
def test_a_file_that_is_not_a_feature_net_is_refused(
    tmp_path: Path, name: str, write: Callable[[Path], object], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(NCAError, match=rf"{re.escape(str(path))}: .*{sentence}"):
        extractor.open_nets([str(path)])
    assert "code was run" not in capsys.readouterr().out


def test_an_unknown_net_name_is_refused() -> None:
    with pytest.raises(NCAError, match="vgg18: is neither a file nor one of auto, vgg16, vgg19, googlenet, random"):
        extractor.open_nets(["vgg18"])
