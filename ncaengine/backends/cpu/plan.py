"""How a grid is stepped: its phases, and the records that they read."""

from collections.abc import Sequence

import numpy as np

from ncaengine.backends.cpu import tables
from ncaengine.backends.cpu.firing import Firing
from ncaengine.backends.cpu.neighbours import reach
from ncaengine.backends.cpu.programs import Phase, Programs
from ncaengine.backends.cpu.records import GRID, SLOT, fill
from ncaengine.backends.cpu.slots import Slot
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core import embeddings
from ncaengine.core.fields import PLANE, default_fields
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.pcg import ALWAYS, fire_threshold, pair_offset
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32


class Plan:
    """The phases of a grid's steps under some settings, and what they work on."""

    def __init__(
        self, programs: Programs, models: Sequence[Model], kernel: Kernel, states: Sequence[F32],
        shape: tuple[int, int, int], fields: F32 | None, settings: Settings,
    ) -> None:  # fmt: skip
        """Compile what is missing.

        states: two (cells + 1, channels) float32; the last cell is zeros.
        shape: (height, width, channels).
        fields: (height, width, 4) float32, or more planes with embeddings; None for the defaults.
        """
        models, _ = embeddings.applied(models, fields)
        self._programs, self._models, self._kernel = programs, models, kernel
        self._fields, self._settings = fields, settings
        height, width, _ = shape
        self._size, self._reach = (width, height), max(reach(model.config, kernel) for model in models)
        self._record = np.zeros(len(GRID), np.int64)
        self._kept: list[object] = [states]  # what records hold addresses of
        self._pair = pair_offset(width, height, settings.fire_rate, self._has_rates) if settings.antithetic else None
        self._framed = not settings.plain or self._differs("scale", "angle")
        self._fill_grid(states)
        self._fill_slots(models)
        configs = [model.config for model in models]
        kinds = [self._firing(config) for config in configs]
        phases = programs.phases(configs, kernel, self._framed, kinds)
        self._kept.append(phases)
        self._phases = np.array([(phase.function, phase.slot, self._rows(phase)) for phase in phases], np.int64)

    def serves(self, settings: Settings) -> bool:
        """Return whether steps under these settings need no other plan; takes over what differs."""
        return settings is self._settings or settings.with_clock_of(self._settings) == self._settings

    def _differs(self, *names: str) -> bool:
        """Return whether any cell's field isn't the default."""
        planes = [PLANE[name] for name in names]  # type: ignore[index]
        return self._fields is not None and bool((self._fields[..., planes] != default_fields(1, 1)[..., planes]).any())

    @property
    def _has_rates(self) -> bool:
        return self._differs("rate")

    def _firing(self, config: Config) -> Firing:
        if config.firing == "channel":
            return "all"
        if self._pair:
            return "pairs"
        if self._has_rates:
            return "rates"
        return "all" if fire_threshold(self._settings.fire_rate) == ALWAYS else "list"

    def _rows(self, phase: Phase) -> int:
        height = self._size[1]
        if phase.scale:
            return max(height >> phase.scale, 1)
        return height - self._pair[1] if phase.firing == "pairs" and self._pair else height

    def _fill_grid(self, states: Sequence[F32]) -> None:
        (width, height), settings = self._size, self._settings
        config = self._models[0].config
        near = tables.near(width, height, config.padding, self._kernel, self._reach)
        across, first_column = tables.places(width, height, self._kernel)
        fields = default_fields(1, 1) if self._fields is None else self._fields
        life = np.zeros(width * height + 1, np.float32) if config.alive else None
        pair_columns, pair_rows = self._pair or (0, 0)
        self._kept += [near, across, first_column, fields, life]
        fill(
            self._record, GRID, state_0=states[0], state_1=states[1], width=width, height=height, reach=self._reach,
            **near._asdict(), across=across, first_column=first_column, pair_columns=pair_columns, pair_rows=pair_rows,
            fire_threshold=fire_threshold(settings.fire_rate), fire_rate=float(settings.fire_rate), fields=fields,
            field_stride=0 if self._fields is None else fields.shape[2], scale=float(settings.scale),
            aspect=float(settings.aspect), angle=float(settings.angle), dt=float(settings.dt), life=life,
        )  # fmt: skip

    def _fill_slots(self, models: Sequence[Model]) -> None:
        slots = [Slot(model, self._kernel, self._size, self._framed, self._programs.width) for model in models]
        for slot, model in zip(slots, models, strict=True):
            perceive = self._programs.perceive(model.config, self._kernel, self._framed)
            net = self._programs.net(model.config)
            self._kept += [perceive, net]
            fill(slot.record, SLOT, perceive=perceive, net=net)
        records = np.concatenate([slot.record for slot in slots])
        model_of_cell = None
        if len(models) > 1:
            numbers = (
                np.zeros(self._size[::-1], np.float32) if self._fields is None else self._fields[..., PLANE["model"]]
            )
            model_of_cell = (numbers + np.float32(0.5)).clip(0, len(models) - 1).astype(np.uint8)
        self._scratch = max(slot.scratch for slot in slots)
        self._kept += [slots, records, model_of_cell]
        fill(self._record, GRID, slots=records, model_of_cell=model_of_cell)

    def step(self, workers: Workers, number: int, rng_seed: int, odd: int, count: int, threads: int) -> None:
        """Make some steps.

        number: of the first one.
        odd: which of the states is the present one.
        threads: how many share the work.
        """
        fill(self._record, GRID, rng_seed=rng_seed & ALWAYS)
        width, height = self._size
        workers.run(
            self._programs.run(), self._record, self._phases, self._scratch, number & ALWAYS, odd, count, self._reach,
            width * height, threads,
        )  # fmt: skip
