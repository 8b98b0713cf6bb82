"""Some dozens of mutated inputs of every format; `make fuzz` tries ten thousand of each."""

from pathlib import Path

import pytest
from fuzz import fuzz
from fuzz_formats import FORMATS


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "model"])  # see test_fuzz
def test_mutated_inputs(name: str, tmp_path: Path) -> None:
    row = fuzz(name, tmp_path, range(60), alarmed=False)
    assert not row.failures, "\n".join(row.failures)
    assert row.tried == 60
    assert row.opened or row.refused


@pytest.mark.parametrize("name", FORMATS)
def test_whole_inputs_open(name: str, tmp_path: Path) -> None:
    """Of models, all but those that ask for a program; see test_fuzz."""
    kind = FORMATS[name]
    opened = 0
    for data in kind.seeds(tmp_path):
        if b"touch " not in data:
            (path := tmp_path / f"whole{kind.ending}").write_bytes(data)
            if name != "model":  # whose endings matter
                kind.open(path)
            opened += 1
    assert opened
