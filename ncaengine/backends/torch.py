"""The torch reference as a backend: it runs anywhere and draws in NumPy."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ncaengine.backends.reference import Reference
from ncaengine.core import canvas, embeddings
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.states import MAX_SIDE, check_models
from ncaengine.core.types import F32, I32, U8


class TorchCells:
    """See base.Cells."""

    def __init__(self) -> None:
        self._x = self._previous = torch.zeros(1, 1, 1, 1)
        self._fields: Tensor | None = None
        self.version = 0

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        check_models([model, *others])
        self._nets = [Reference(each, kernel) for each in (model, *others)]
        self._kernel, self._config = kernel, model.config
        self.version += 1

    def write(self, state: F32) -> None:
        self._x = self._previous = torch.from_numpy(state.copy()).permute(2, 0, 1)[None].contiguous()
        self.version += 1

    def read(self) -> F32:
        return _plain(self._x[0]).copy()

    def write_fields(self, fields: F32 | None) -> None:
        self._fields = None if fields is None else torch.from_numpy(fields.copy()).permute(2, 0, 1).contiguous()
        self.version += 1

    def read_cells(self, cells: I32) -> F32:
        column, row = torch.from_numpy(cells.astype("int64")).T
        out: F32 = self._x[0, :, row, column].T.contiguous().numpy()
        return out

    def largest(self) -> float:
        least, most = self._x.aminmax()
        return float(torch.maximum(-least, most))

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        column, row = torch.from_numpy(cells.astype("int64")).T
        wanted, share = torch.from_numpy(target.T.copy()), torch.from_numpy(weight.copy())
        x = self._x.clone()  # `_previous` keeps its own
        part = x[0, : len(wanted)]
        old = part[:, row, column]
        whole = (share == 1) | (~old.isfinite() & (share > 0))
        part[:, row, column] = torch.where(whole, wanted, old + share * (wanted - old))
        if self._previous is self._x:
            self._previous = x
        self._x = x
        self.version += 1

    @torch.no_grad()
    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        fields, before = self._fields, self._x
        code = embeddings.first(*(net.config for net in self._nets))
        if code and fields is not None and len(fields) == len(FIELDS):
            rest = torch.tensor(code)[:, None, None].expand(-1, *fields.shape[1:])
            fields = torch.cat([fields, rest])
        x = self._nets[0].step(before, number, rng_seed, settings, fields)
        if fields is not None:
            slots = (fields[PLANE["model"]] + 0.5).int().clamp(0, len(self._nets) - 1)
            for slot, net in enumerate(self._nets[1:], 1):
                x = torch.where(slots == slot, net.step(before, number, rng_seed, settings, fields), x)
        self._previous, self._x = before, x
        self.version += 1

    def draw_newest(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        return self.draw(view, look, lines)

    @property
    def busy(self) -> bool:
        return False

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        fields = None if self._fields is None else _plain(self._fields)
        state, before = _plain(self._x[0]), _plain(self._previous[0])
        return canvas.draw(state, self._kernel, self._config.colour, view, look, before, fields, lines)

    def release(self) -> None:
        self.write(self.read()[:1, :1])
        self._fields = None


def _plain(planes: Tensor) -> F32:
    """Return a view of (channels, height, width) as an array: (height, width, channels) float32."""
    out: F32 = planes.permute(1, 2, 0).numpy()
    return out


class TorchBackend:
    """See base.Backend."""

    name = "torch"
    max_side = MAX_SIDE

    def __init__(self) -> None:
        self.description = f"torch {torch.__version__} on the CPU, {torch.get_num_threads()} threads"

    def bytes_a_cell(self, config: Config) -> int:
        """Count the states, and the net's values of all cells at once."""
        return 4 * ((4 if config.integrator == "euler" else 8) * config.channels + 2 * config.inputs + config.hidden)

    def cells(self) -> TorchCells:
        return TorchCells()

    def finish(self, timeout: float | None = None) -> bool:
        """Do nothing: every call has finished when it returns."""
        return True

    def release(self) -> None:
        """Do nothing: nothing is held."""
