"""Many textures in one training, on tiny grids: each texture its own, borders kept, nothing forgotten."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from PIL import Image
from torch import Tensor

from ncaengine import cli
from ncaengine.core import embedding_inputs, embeddings, kernels, model
from ncaengine.formats import model_files
from ncaengine.training import areas, losses
from ncaengine.training.areas import Part
from ncaengine.training.config import TOGETHER, TrainingSettings
from ncaengine.training.regional import RegionalTransport, inside
from ncaengine.training.together import TogetherTrainer, conditioned, hole_of, spread, with_textures
from ncaengine.training.together_run import texture_name
from ncaengine.training.trainer import initial_model, torch_threads

TINY = TrainingSettings(
    iterations=40,
    size=16,
    batch=4,
    pool=16,
    rollout=(4, 8),
    hidden=16,
    embedding=2,
    fresh=0.25,
    channels=12,
    precision="float32",
)
RED, BLUE = (0.9, 0.2, 0.1), (0.1, 0.3, 0.9)
FLAGS = "--iterations 6 --size 32 --batch 2 --pool 8 --rollout 2 4 --hidden 8 --features random --no-compile"
SQUARE, HEXAGONAL = (kernels.discover().get(name) for name in ("square", "hexagonal"))

pytestmark = pytest.mark.usefixtures("one_thread")


def colours(pictures: Tensor) -> list[Tensor]:
    """A feature net: the pixels."""
    return [pictures]


def flat(colour: Sequence[float], side: int = 16) -> Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, side, side).contiguous()


def noise(seed: int, side: int = 16) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def trainer(settings: TrainingSettings = TINY, targets: Sequence[Tensor] = (flat(RED), flat(BLUE))) -> TogetherTrainer:
    names = "abcdefgh"[: len(targets)]
    codes = dict(zip(names, spread(len(names), settings.embedding), strict=True))
    start = initial_model(conditioned(settings.model_config("tiny"), codes), settings.seed)
    trained_on = [kernels.discover().get(name) for name in settings.kernels]
    return TogetherTrainer(start, RegionalTransport(colours, targets), settings, trained_on)


def weights(run: TogetherTrainer) -> np.ndarray:
    return np.concatenate([*(getattr(run.model(), name).ravel() for name in model.WEIGHTS), codes_of(run).ravel()])


def codes_of(run: TogetherTrainer) -> np.ndarray:
    return np.array([*run.model().config.textures.values()])


def grown(run: TogetherTrainer, embedding: Tensor, steps: int = 40) -> Tensor:
    """Return the picture (3, height, width) that grows where cells have this embedding, (1, numbers, h, w)."""
    generator = torch.Generator().manual_seed(1)
    x = torch.zeros(1, run.config.channels, *embedding.shape[2:])
    with torch.no_grad():
        for _ in range(steps):
            x = run.nca(x, (torch.rand(1, 1, *x.shape[2:], generator=generator) < 0.5).float(), None, embedding)
    return x[0, :3] + 0.5


@pytest.fixture(scope="module")
def learnt() -> TogetherTrainer:
    """A training that has learnt two colours."""
    run = trainer(replace(TINY, iterations=160, learning_rate=3e-3))
    with torch_threads(1):
        assert all(math.isfinite(run.iterate()) for _ in range(160))
    return run


def colour_of(run: TogetherTrainer, texture: str) -> Tensor:
    code = torch.tensor(run.model().config.textures[texture])
    return grown(run, code[None, :, None, None].expand(1, -1, 16, 16)).mean((1, 2))


def test_two_textures_get_their_colours_also_beside_each_other(learnt: TogetherTrainer) -> None:
    for texture, colour in (("a", RED), ("b", BLUE)):
        assert float((colour_of(learnt, texture) - torch.tensor(colour)).abs().max()) < 0.15
    one, other = torch.from_numpy(codes_of(learnt)).float()[:, :, None, None]
    left = torch.arange(16).expand(16, 16) < 8
    both = grown(learnt, torch.where(left, one, other)[None])
    for columns, colour in ((slice(2, 6), RED), (slice(10, 14), BLUE)):
        assert float((both[:, :, columns].mean((1, 2)) - torch.tensor(colour)).abs().max()) < 0.2


def test_a_texture_is_added_and_none_forgotten(learnt: TogetherTrainer) -> None:
    green = (0.2, 0.8, 0.2)
    start = with_textures(learnt.model(), learnt.model().config.textures, ["a", "b", "c"])
    settings = replace(TINY, iterations=200, learning_rate=3e-3)
    loss = RegionalTransport(colours, [flat(colour) for colour in (RED, BLUE, green)])
    run = TogetherTrainer(start, loss, settings, learnt.kernels)
    for _ in range(200):
        run.iterate()
    for texture, colour in (("a", RED), ("b", BLUE), ("c", green)):
        assert float((colour_of(run, texture) - torch.tensor(colour)).abs().max()) < 0.2


def test_a_resumed_training_continues_exactly() -> None:
    whole, begun, resumed = trainer(), trainer(), trainer()
    expected = [whole.iterate() for _ in range(16)]
    first = [begun.iterate() for _ in range(11)]  # embeddings are learnt since the ninth
    resumed.restore(begun.state())
    assert first + [resumed.iterate() for _ in range(5)] == expected
    assert np.array_equal(weights(resumed), weights(whole))
    for name in ("pools", "pairs", "shares", "running"):
        assert torch.equal(getattr(resumed, name), getattr(whole, name))


def test_embeddings_are_learnt_after_a_fifth_of_the_run() -> None:
    run = trainer()
    begin = codes_of(run)
    for _ in range(8):
        run.iterate()
    assert np.array_equal(codes_of(run), begin)
    for _ in range(4):
        run.iterate()
    moved = np.abs(codes_of(run) - begin).max()
    assert 0 < moved < 4.1 * 0.1 * TINY.learning_rate  # four steps of Adam, each at most its rate


def test_a_divergence_takes_embeddings_back_too() -> None:
    run = trainer(replace(TINY, iterations=100))
    for _ in range(45):
        run.iterate()
        if run.iteration == 20:
            good, maps = weights(run), None
    maps = run.pairs.clone(), run.shares.clone(), run.running.clone()
    inner = run.loss
    run.loss = lambda *given: [loss * math.nan for loss in inner(*given)]
    assert math.isnan(run.iterate())
    assert np.array_equal(weights(run), good)
    for before, name in zip(maps, ("pairs", "shares", "running"), strict=True):
        assert torch.equal(before, getattr(run, name))


def part_loss(pictures: Tensor, part: Part, targets: Sequence[Tensor], kernel: Any = SQUARE) -> Tensor:
    loss = RegionalTransport(lambda p: [p, torch.nn.functional.avg_pool2d(p, 2)], targets)
    return loss(pictures, [part], kernel, torch.Generator().manual_seed(3))[0]


def test_the_loss_of_a_region_ignores_the_other() -> None:
    left = torch.arange(16).expand(16, 16) < 8
    part = Part(0, ((0, 1.0),), left, 0.5)
    pictures = noise(1).requires_grad_()
    loss = part_loss(pictures, part, [noise(2), noise(3)])
    loss.backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None
    assert pictures.grad[..., :6].abs().amax((0, 1, 2)).min() > 0
    assert not pictures.grad[..., 8:].any()
    other = torch.where(left, noise(1), noise(4))
    assert part_loss(other, part, [noise(2), noise(5)]) == loss


def test_the_barycentre_of_equal_targets_is_the_target() -> None:
    pictures, target = noise(1), noise(2)
    mixture = Part(0, ((0, 0.3), (1, 0.7)))
    one = part_loss(pictures, Part(0, ((0, 1.0),)), [target, target])
    torch.testing.assert_close(part_loss(pictures, mixture, [target, target]), one)
    assert float(part_loss(target, mixture, [target, target])) < 1e-10


def test_the_barycentre_of_two_greys_is_the_grey_between() -> None:
    greys = [flat((value,) * 3) for value in (0.2, 0.6)]
    mixture = Part(0, ((0, 0.25), (1, 0.75)))
    assert float(part_loss(flat((0.5,) * 3), mixture, greys)) < 1e-10
    assert float(part_loss(flat((0.4,) * 3), mixture, greys)) > 1e-4


def test_a_whole_grid_has_the_loss_of_a_single_texture() -> None:
    pictures, target = noise(1), noise(2)
    alone = losses.SlicedTransport(colours, target)(pictures, torch.Generator().manual_seed(3))
    found = RegionalTransport(colours, [target])(
        pictures, [Part(0, ((0, 1.0),))], SQUARE, torch.Generator().manual_seed(3)
    )
    torch.testing.assert_close(found[0], alone)


def test_places_near_a_border_do_not_count() -> None:
    where = (torch.arange(16).expand(16, 16) < 8).float()
    found = inside(where, (16, 16)).view(16, 16)
    assert found[:, :7].all()
    assert not found[:, 7:].any()
    coarse = inside(where, (2, 2)).view(2, 2)  # too few places to leave any out
    assert coarse.tolist() == [[True, False]] * 2


def test_a_region_on_the_screen_lies_where_its_picture_does() -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    where = torch.hypot(rows - 12.0, columns - 20.0) < 9
    for kernel in (SQUARE, HEXAGONAL):
        shown = losses.on_screen(where.float().expand(1, 3, 32, 32), kernel)[0, 0] > 0.5
        found = areas.on_screen(where, kernel)
        assert found.shape == shown.shape
        assert (found == shown).float().mean() > 0.95


def test_maps_are_of_all_kinds_and_their_borders_are_narrow() -> None:
    rng = np.random.default_rng(0)
    maps = np.array([areas.draw_share(rng, 64) for _ in range(300)])
    assert maps.min() == 0
    assert maps.max() == 1
    spread_of = np.ptp(maps, (1, 2))
    one, mixed = (maps == 0).all((1, 2)), (spread_of == 0) & (maps[:, 0, 0] > 0)
    regions = maps[spread_of == 1]
    assert 0.5 < one.mean() < 0.7
    assert 0.05 < mixed.mean() < 0.2
    assert one.sum() + mixed.sum() + len(regions) == len(maps)
    soft = ((regions > 0.02) & (regions < 0.98)).mean((1, 2))
    assert soft.min() == 0  # some are sharp
    assert soft.mean() < 0.3
    assert np.median(regions.mean((1, 2))) == pytest.approx(0.5, abs=0.1)


def test_parts_of_maps() -> None:
    left = (torch.arange(16).expand(16, 16) < 4).float()
    shares = torch.stack([left * 0, left * 0 + 0.25, left, left])
    pairs = torch.tensor([[1, 0], [0, 2], [0, 2], [2, 2]])
    found = areas.parts(pairs, shares)
    assert [(p.entry, p.shares, p.area) for p in found] == [
        (0, ((1, 1.0),), 1.0), (1, ((0, 0.75), (2, 0.25)), 1.0), (2, ((0, 1.0),), 0.75), (2, ((2, 1.0),), 0.25),
        (3, ((2, 1.0),), 1.0),
    ]  # fmt: skip
    assert found[3].where is not None
    assert torch.equal(found[3].where, left > 0)


def test_embeddings_are_far_from_each_other() -> None:
    points = np.array(spread(8, 4))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 2 * np.eye(8)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    assert distances.min() > 1.3  # the best is √2, eight points on the axes
    [added] = spread(1, 4, [tuple(point) for point in points.tolist()])
    assert np.linalg.norm(points - added, axis=1).min() > 0.8


def test_holes_wrap_around_the_torus() -> None:
    holes = [hole_of(np.random.default_rng(seed), 32) for seed in range(40)]
    assert all(2 <= math.sqrt(hole.sum() / math.pi) <= 8.5 for hole in holes)
    assert any(hole[0].any() and hole[-1].any() for hole in holes)


def test_textures_are_added_without_changing_the_others() -> None:
    start = trainer().model()
    more = with_textures(start, start.config.textures, ["a", "b", "new"])
    assert {**more.config.textures, **start.config.textures} == more.config.textures
    assert list(more.config.textures) == ["a", "b", "new"]
    for name in "ab":
        assert np.array_equal(embeddings.texture(more, name).b1, embeddings.texture(start, name).b1)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a/zebra.jpg", "zebra"), ("coral", "coral"), ("zebra_target.png", "zebra"), ("_target.png", "_target"),
        ("a\nb.png", "a_b"), ("x" * 120 + ".png", "x" * 100),
    ],
)  # fmt: skip
def test_textures_are_called_as_their_images(image: str, name: str) -> None:
    assert texture_name(image) == name


def train(*words: str) -> int:
    return cli.main(["train", *words, *FLAGS.split()])


def test_the_command_trains_resumes_and_adds_a_texture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (40, 40, 3), np.uint8)).save("noise.png")
    assert train("--together", "coral", "noise.png", "-o", "many.safetensors") == 0
    made = model_files.load(Path("many.safetensors"))
    assert (list(made.config.textures), made.config.channels) == (["coral", "noise"], TOGETHER.channels)
    assert made.config.extra == embedding_inputs.NAMES[:4]
    copies = Path("many.training/targets")
    assert sorted(p.name for p in copies.iterdir()) == ["coral.png", "noise.png"]
    with Image.open("many.training/preview.png") as picture:
        assert len(picture.getcolors(2**24) or []) > 100
    assert train("--add", "pebbles", "--from", "many.safetensors", "-o", "more.safetensors") == 0
    more = model_files.load(Path("more.safetensors"))
    assert list(more.config.textures) == ["coral", "noise", "pebbles"]
    capsys.readouterr()
    (copies / "noise.png").unlink()
    assert train("--add", "pebbles", "--from", "many.safetensors", "-o", "again.safetensors") == 1
    assert f"put the image at {copies / 'noise.png'}" in capsys.readouterr().err
    assert train("coral", "--from", "many.safetensors", "-o", "again.safetensors") == 1
    assert "makes many textures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--together", "coral"], "2 to 32 textures; these are 1"),
        (["--together"], "Name an image"),
        (["--together", "coral", "coral"], "coral: another image gives the texture coral, too"),
        (["--together", *["coral"] * 33], "these are 33"),
        (["--together", "coral", "text.png"], "text.png"),
        (["--together", "coral", "pebbles", "--loss", "gram"], "--loss transport"),
        (["--together", "coral", "pebbles", "--embedding", "9"], "--embedding"),
        (["--add", "coral"], "--add needs --from"),
        (["--add", "coral", "--from", "plain.pt"], "makes only one texture"),
        (["--together", "coral", "pebbles", "--from", "plain.pt", "--channels", "12"], "makes only one texture"),
    ],
)
def test_what_cannot_be_trained_together_is_reported_in_one_line(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no image")
    model_files.save(initial_model(replace(TINY, hidden=8).model_config("plain"), 0), Path("plain.pt"))
    assert train(*words, "-o", "x.safetensors") == 1
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.strip().splitlines()) == 1
