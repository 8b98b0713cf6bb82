"""Does the window respond while the simulation is too slow? `python assets/studies/frames/measure.py [GRIDS] [FRAMES]`.

Grids of 256 x 256 cells run as fast as they can in a hidden window; the script prints the times of its frames.
"""

import statistics
import sys
import time

from ncaengine.core import kernels
from ncaengine.formats import model_files
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.window import Window

CELLS, WARM_UP = (256, 256), 60


def main(grids: int = 4, frames: int = 400) -> None:
    """Print the median, the 95th percentile and the longest frame time, and the speed of the grids."""
    models = [model_files.load(model_files.default_model())] * grids
    options = Options(CELLS, steps_per_second=(7200.0,))
    with Window(models, options, kernels.discover(), (1280, 800), hidden=True) as window:
        for _ in range(WARM_UP):
            window.frame()
        times, before, start = [], [grid.step for grid in window.sim.grids.values()], time.perf_counter()
        for _ in range(frames):
            frame_start = time.perf_counter()
            window.frame()
            times.append(1000 * (time.perf_counter() - frame_start))
        seconds = time.perf_counter() - start
        steps = [grid.step - step for grid, step in zip(window.sim.grids.values(), before, strict=True)]
        device = window.sim.backend.description
    late = statistics.quantiles(times, n=20)[-1]
    print(f"{grids} grids of {CELLS[0]}x{CELLS[1]}, {frames} frames, {device}")
    print(
        f"frame: median {statistics.median(times):.1f} ms, 95th percentile {late:.1f} ms, longest {max(times):.1f} ms"
    )
    print(f"steps/s of the grids: {', '.join(f'{count / seconds:.1f}' for count in steps)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
