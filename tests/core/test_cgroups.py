"""A container's limit of memory counts."""

import math
from pathlib import Path

import pytest

from ncaengine.core import memory

GB = 2**30


def group(folder: Path, limit: str, used: int, cached: int, version: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{'total_' * (version == 1)}inactive_file {cached}\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_of_the_groups_around_counts(tmp_path: Path, version: int) -> None:
    (own := tmp_path / "own").write_text("1:cpu:/a\n" + ("0::/a/b\n" if version == 2 else "4:memory:/a/b\n"))
    root = tmp_path if version == 2 else tmp_path / "memory"
    group(root / "a/b", "max" if version == 2 else str(2**63 - 4096), 5, 0, version)
    assert memory.cgroup_free(tmp_path, own) > 2**60
    group(root / "a", str(3 * GB), 2 * GB, GB // 2, version)
    assert memory.cgroup_free(tmp_path, own) == 1.5 * GB
    group(root, str(GB), 2 * GB, 0, version)
    assert memory.cgroup_free(tmp_path, own) == 0


def test_inside_a_container_the_limit_is_at_the_top(tmp_path: Path) -> None:
    (own := tmp_path / "own").write_text("0::/docker/1234\n")
    group(tmp_path, str(GB), GB // 4, 0)
    assert memory.cgroup_free(tmp_path, own) == 0.75 * GB


def test_without_control_groups_there_is_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.cgroup_free(tmp_path, tmp_path / "none") == math.inf
    monkeypatch.setattr(memory, "cgroup_free", lambda: 1000.0)
    assert memory.free_bytes() == 1000.0


def test_freed_memory_can_be_given_back() -> None:
    memory.give_back()
