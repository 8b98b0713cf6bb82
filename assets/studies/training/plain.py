"""Measure how much faster the trainer is than the notebook's loop: in turn, with the same grids, nets and directions.

    python assets/studies/training/plain.py coral --features random --size 128

The loop is a plain transcription of the PyTorch notebook of Niklasson et al., "Self-Organising Textures" (Distill
2021), in float32: eager, with every cell computed and every place of a layer sorted.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from ncaengine.core import kernels
from ncaengine.training import losses, targets
from ncaengine.training.config import DeviceName, PrecisionName, TrainingSettings
from ncaengine.training.devices import pick_device, pick_precision
from ncaengine.training.features import extractor
from ncaengine.training.step import can_compile
from ncaengine.training.trainer import Trainer, initial_model, torch_threads

WARM_UP = 2
"""Iterations of each before timing."""


class CA(nn.Module):
    """The notebook's cellular automaton."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Conv2d(channels * 4, hidden, 1)
        self.w2 = nn.Conv2d(hidden, channels, 1, bias=False)
        self.w2.weight.data.zero_()
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        laplacian = torch.tensor([[1.0, 2.0, 1.0], [2.0, -12.0, 2.0], [1.0, 2.0, 1.0]])
        identity = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
        self.register_buffer("filters", torch.stack([identity, sobel, sobel.T, laplacian])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return the states (batch, channels, height, width) after one step."""
        b, c, h, w = x.shape
        padded = nn.functional.pad(x.reshape(b * c, 1, h, w), [1, 1, 1, 1], "circular")
        y = nn.functional.conv2d(padded, self.get_buffer("filters")).reshape(b, -1, h, w)
        y = self.w2(torch.relu(self.w1(y)))
        mask = (torch.rand(b, 1, h, w, device=x.device) + 0.5).floor()
        out: Tensor = x + y * mask
        return out


class OptimalTransport:
    """The notebook's loss: each layer's values on random directions, sorted and compared with the target's."""

    def __init__(self, net: losses.FeatureMaps, target: Tensor, directions: int = 32) -> None:
        self.net, self.directions = net, directions
        with torch.no_grad():
            self.target = [fmap.flatten(2) for fmap in net(target)]
        self.scales = [losses.scale(fmap) for fmap in self.target]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss, a scalar."""
        loss = pictures.new_zeros(())
        for fmap, target, scale in zip(self.net(pictures), self.target, self.scales, strict=True):
            flat = fmap.flatten(2)
            slices = nn.functional.normalize(torch.randn(self.directions, flat.shape[1], device=flat.device), dim=1)
            found, want = ((slices @ each * scale).sort(2).values for each in (flat, target))
            want = nn.functional.interpolate(want, found.shape[2], mode="nearest")
            loss = loss + (found - want).square().mean()
        return loss


def notebook(settings: TrainingSettings, loss: losses.Loss, device: torch.device) -> Callable[[], float]:
    """Return the notebook's loop as a function that makes one iteration and returns its loss."""
    s = settings
    ca = CA(s.channels, s.hidden).to(device)
    optimizer = torch.optim.Adam(ca.parameters(), s.learning_rate)
    pool = torch.zeros(s.pool, s.channels, s.size, s.size, device=device)
    iteration = 0

    def iterate() -> float:
        nonlocal iteration
        chosen = np.random.choice(s.pool, s.batch, replace=False)
        x = pool[chosen]
        if iteration % 8 == 0:
            x[:1] = 0
        for _ in range(np.random.randint(s.rollout[0], s.rollout[1] + 1)):
            x = ca(x)
        overflow = (x - x.clamp(-1.0, 1.0)).abs().sum()
        total = loss(x[:, :3] + 0.5) + overflow
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        for p in ca.parameters():
            if p.grad is not None:
                p.grad /= p.grad.norm() + 1e-8
        optimizer.step()
        pool[chosen] = x.detach()
        iteration += 1
        return float(total.detach())

    return iterate


@dataclass(frozen=True)
class Compare:
    """Compare iterations per second of the trainer and of the notebook's loop."""

    image: tyro.conf.Positional[str]
    """An image file or a pattern's name."""
    features: tuple[str, ...] = ("random",)
    """Feature nets, as `ncaengine train` takes them."""
    size: int = 128
    """Side of the grids, in cells."""
    batch: int = 4
    """Grids in an iteration."""
    rounds: int = 8
    """Timed iterations of each, in turn."""
    compile: bool = True
    """Compile the trainer; this takes up to a minute, or several on a busy machine."""
    threads: int = 0
    """CPU threads; 0 lets torch choose."""
    device: DeviceName = "auto"
    """Where to train."""

    def run(self) -> None:
        """Print the rates and their ratios."""
        # One rollout length, so that both do the same work, and only the square kernel, like the notebook.
        s = TrainingSettings(
            size=self.size, batch=self.batch, pool=16, rollout=(48, 48), kernels=("square",), channels=12, hidden=96
        )
        device = pick_device(self.device)
        picture = losses.picture_tensor(targets.load_target(self.image, self.size)).to(device)
        runs = {"notebook's loop": notebook(s, OptimalTransport(self._net(device), picture), device)}
        start, trained_on = initial_model(s.model_config("plain"), 0), [kernels.discover().get("square")]
        compiled = self.compile and can_compile(device)
        for precision in dict.fromkeys((torch.float32, pick_precision("auto", device))):
            net = self._net(device)
            net.speed_up(precision)
            name = str(precision).removeprefix("torch.")
            own = replace(s, precision=cast(PrecisionName, name))
            loss = losses.make_loss("transport", net, picture)
            runs[f"trainer, {name}"] = Trainer(start, loss, own, trained_on, device, compiled).iterate
        with torch_threads(self.threads):
            times = _alternating(runs, self.rounds)
        base = times["notebook's loop"]
        for name, seconds in times.items():
            print(f"{name:24} {1 / seconds:7.3f} iterations/s   {base / seconds:5.2f} times the notebook's loop")

    def _net(self, device: torch.device) -> extractor.Features:
        return extractor.open_nets(self.features)[0].to(device)


def _alternating(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median seconds of a call of each, after WARM_UP calls that compile and warm up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + WARM_UP):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(own) for name, own in times.items()}


if __name__ == "__main__":
    tyro.cli(Compare).run()
