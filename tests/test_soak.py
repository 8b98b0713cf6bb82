"""Five minutes of the soak, shared among its places: no OpenGL error, and no state that is not finite and was not told.

Its bar of memory needs an hour; see `make soak`.
"""

import json
import subprocess
import sys

import pytest
from helpers import ROOT
from soak import PLACES, Row

pytest.importorskip("torch")


@pytest.mark.parametrize("place", PLACES)
def test_random_commands_leave_every_place_sound(place: str) -> None:
    command = [sys.executable, str(ROOT / "tests/soak.py"), "--one", place, "--minutes", str(5 / len(PLACES))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    row = Row(**json.loads(done.stdout.splitlines()[-1]))
    assert (row.gl_errors, row.untold) == (0, 0)
    assert row.commands > row.refused
    assert row.recordings
