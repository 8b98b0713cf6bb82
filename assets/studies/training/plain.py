"""How much faster the trainer is than the notebook's loop: both on the same grids and loss, in turn, in one run.

    python assets/studies/training/plain.py coral --features random --size 128

The loop is a plain transcription of the PyTorch notebook of Niklasson et al., "Self-Organising Textures"
(Distill 2021), eager and with every cell computed; only the loss is ours, and is common to both.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from ncaengine.core import kernels
from ncaengine.training import losses, targets
from ncaengine.training.config import TrainingSettings
from ncaengine.training.features import extractor
from ncaengine.training.run import pick_device
from ncaengine.training.step import can_compile
from ncaengine.training.trainer import Trainer, initial_model, torch_threads


class CA(nn.Module):
    """The notebook's automaton."""

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
        """One step of (batch, channels, height, width)."""
        b, c, h, w = x.shape
        padded = nn.functional.pad(x.reshape(b * c, 1, h, w), [1, 1, 1, 1], "circular")
        y = nn.functional.conv2d(padded, self.get_buffer("filters")).reshape(b, -1, h, w)
        y = self.w2(torch.relu(self.w1(y)))
        mask = (torch.rand(b, 1, h, w, device=x.device) + 0.5).floor()
        out: Tensor = x + y * mask
        return out


def notebook(settings: TrainingSettings, loss: losses.Loss, device: torch.device) -> Callable[[], float]:
    """The notebook's loop, an iteration a call."""
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
    """Iterations a second of the trainer and of the notebook's loop, alternating."""

    image: tyro.conf.Positional[str]
    """An image file or a pattern's name."""
    features: tuple[str, ...] = ("random",)
    """Feature nets, as `ncaengine train` takes them."""
    size: int = 128
    batch: int = 4
    rounds: int = 8
    threads: int = 0
    device: str = "auto"

    def run(self) -> None:
        """Print both rates and their ratio."""
        # One rollout length, so that both do the same work; the square kernel alone, which is the notebook's.
        s = TrainingSettings(size=self.size, batch=self.batch, pool=16, rollout=(48, 48), kernels=("square",))
        device = pick_device(self.device)
        net = extractor.open_nets(self.features)[0].to(device)
        picture = losses.picture_tensor(targets.load_target(self.image, self.size)).to(device)
        loss = losses.make_loss("transport", net, picture)
        start = initial_model(s.model_config("plain"), 0)
        ours = {
            f"trainer, {'compiled' if compiled else 'not compiled'}": Trainer(
                start, loss, s, [kernels.discover().get("square")], device, compiled
            ).iterate
            for compiled in (True, False)[not can_compile(device) :]
        }
        runs = {"notebook's loop": notebook(s, loss, device), **ours}
        with torch_threads(self.threads):
            times = _alternating(runs, self.rounds)
        base = times["notebook's loop"]
        for name, took in times.items():
            print(f"{name:24} {1 / took:7.3f} iterations/s   {base / took:5.2f} times the notebook's loop")


def _alternating(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median seconds of each, after two calls that compile and warm up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 2):
        for name, run in runs.items():
            before = time.perf_counter()
            run()
            if number >= 2:
                times[name].append(time.perf_counter() - before)
    return {name: statistics.median(took) for name, took in times.items()}


if __name__ == "__main__":
    tyro.cli(Compare).run()
