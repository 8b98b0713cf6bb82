"""The file by which the window knows how far a training is."""

from pathlib import Path

import pytest

from ncaengine.io import training_progress


def test_the_window_reads_what_the_training_wrote(tmp_path: Path) -> None:
    model = tmp_path / "a.pt"
    training_progress.write(model, 5, 10, "0.1", 3.0)  # no folder: nothing to tell, and no error
    assert training_progress.text_for(model) == ""
    (tmp_path / "a.training").mkdir()
    for seconds, shown in ((3.2, "3 s"), (840.0, "14 min"), (9000.0, "2.5 h")):
        training_progress.write(model, 1200, 8000, "0.123", seconds)
        assert training_progress.text_for(model) == f"training 1200 of 8000, loss 0.123, {shown} left"


def test_a_training_that_was_killed_is_forgotten(tmp_path: Path) -> None:
    model = tmp_path / "a.pt"
    (tmp_path / "a.training").mkdir()
    training_progress.write(model, 1, 2, "nan", 60.0)
    import time

    for later, known in ((599, True), (700, False), (-5, False)):
        assert bool(training_progress.text_for(model, lambda later=later: time.time() + later)) == known


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"iteration": -1}', "[" * 10000, "\xff"])
def test_a_broken_file_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.training").mkdir()
    training_progress.path_for(tmp_path / "a.pt").write_text(text, "latin-1")
    assert training_progress.text_for(tmp_path / "a.pt") == ""
