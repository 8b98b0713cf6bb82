"""A window keeps nothing of grids that were removed.

`python tests/viewer/test_removed_grids.py SCENARIO FOLDER` runs a scenario by hand, see window_driver.
"""

import gc
import sys
import warnings
import weakref
from pathlib import Path
from typing import Any

from apps import model
from helpers import apart

from ncaengine.core import kernels
from ncaengine.simulation.commands import Fill
from ncaengine.viewer.state.options import Options


def removed(_: Path) -> None:
    """Add and remove grids between the frames, and look for what is left of them."""
    import moderngl

    from ncaengine.viewer.window import Window

    made, make = [], moderngl.Context.texture

    def texture(*given: Any, **named: Any) -> moderngl.Texture:
        made.append(make(*given, **named))
        return made[-1]

    moderngl.Context.texture = texture  # type: ignore[method-assign]
    with Window([model("a")], Options((12, 10), steps_per_second=(600.0,)), kernels.discover(), (420, 320),
                hidden=True) as window:  # fmt: skip
        gone = []
        window.frame()
        for _ in range(3):
            grid = window.sim.add(model("a"), (9, 8))
            window.sim.submit(Fill(grid.id, "rate", "halves", (0.25, 1.0)))  # its outline is drawn
            for _ in range(3):
                window.frame()
            gone += [weakref.ref(grid), weakref.ref(window.app.panes[-1])]
            window.sim.remove(grid)
            del grid
        window.sim.add(model("a"), (9, 8))
        window.frame()
        gc.collect()
        assert not [each() for each in gone if each()]
        left = [each for each in made if not isinstance(each.mglo, moderngl.InvalidObject)]
        assert len(made) >= 8  # a picture and an outline of each grid that is gone, and two pictures
        assert len(left) == 2


def test_nothing_of_removed_grids_is_kept(tmp_path: Path) -> None:
    apart(__file__, "removed", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
