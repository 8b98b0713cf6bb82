"""The torch reference as a backend: runs anywhere, draws in NumPy."""

import torch

from ncaengine import view
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Model
from ncaengine.reference import Reference
from ncaengine.seeding import MAX_SIDE
from ncaengine.view import U8, View


class TorchCells:
    """See backend.Cells."""

    def __init__(self) -> None:
        self._x = torch.zeros(1, 1, 1, 1)

    def specialise(self, model: Model, kernel: Kernel) -> None:
        self._net, self._kernel, self._colour = Reference(model, kernel), kernel, model.config.colour

    def write(self, state: F32) -> None:
        self._x = torch.from_numpy(state.copy()).permute(2, 0, 1)[None].contiguous()

    def read(self) -> F32:
        out: F32 = self._x[0].permute(1, 2, 0).contiguous().numpy().copy()
        return out

    @torch.no_grad()
    def step(self, number: int, rng_seed: int, fire_rate: float) -> None:
        self._x = self._net.step(self._x, number, rng_seed, fire_rate)

    def draw(self, view_: View) -> U8:
        return view.draw(self.read(), self._kernel, self._colour, view_)

    def release(self) -> None:
        self.write(self.read()[:1, :1])


class TorchBackend:
    """See backend.Backend."""

    name = "torch"
    max_side = MAX_SIDE

    def __init__(self) -> None:
        self.description = f"torch {torch.__version__} on the CPU, {torch.get_num_threads()} threads"

    def cells(self) -> TorchCells:
        return TorchCells()

    def finish(self) -> None:
        """Every call has finished when it returns."""

    def release(self) -> None:
        """Nothing is held."""
