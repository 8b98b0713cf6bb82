"""Fixtures of the command line's tests: published files."""

import json
from pathlib import Path

import pytest
import torch
from helpers import NOTEBOOK_CONFIG, random_model
from published_forms import hexells


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """Three models in one file."""
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(hexells()))
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A state dict that does not record its order."""
    model = random_model(NOTEBOOK_CONFIG)
    w1 = model.w1.reshape(96, 4, 12).transpose(0, 2, 1).reshape(96, 48, 1, 1).copy()
    weights = {"w1.weight": w1, "w1.bias": model.b1.copy(), "w2.weight": model.w2[..., None, None].copy()}
    torch.save({key: torch.from_numpy(array) for key, array in weights.items()}, tmp_path / "bare.pt")
    return tmp_path / "bare.pt"
