"""What kills, errors and full disks leave of every writer, a few times each; `make faults` tries many."""

import os
import subprocess
import sys

import fault_writers
import pytest
from helpers import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork and signals")


@pytest.mark.parametrize("name", fault_writers.WRITERS)
def test_an_older_or_a_newer_output_is_whole_whatever_happens(name: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "faults.py", "--kills", "2", "--errors", "6", name], capture_output=True,
        text=True, check=False, timeout=300, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {name} | 2 of 2 |" in done.stdout
