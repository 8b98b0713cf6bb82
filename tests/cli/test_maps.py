"""Maps beside pictures, on the command line."""

import numpy as np
import pytest
from cli_calls import problem, run
from PIL import Image


@pytest.mark.parametrize("command", ["record", "tile"])
def test_maps_are_written_beside_a_picture(capsys, tmp_path, command):
    still = tmp_path / "zebra.png"
    flags = ("--pixels", "64x48", "--steps", 60, "--backend", "cpu", "--smooth", "--maps", "normal", "height")
    said = run(capsys, command, "zebra", "-o", still, *flags)
    assert "zebra_normal.png: normal map" in said
    assert "zebra_height.png: height map" in said
    with Image.open(still) as picture, Image.open(tmp_path / "zebra_height.png") as height:
        bright = np.asarray(picture.convert("L"), np.float32).ravel()
        assert np.corrcoef(bright, np.asarray(height, np.float32).ravel())[0, 1] > 0.99
    with Image.open(tmp_path / "zebra_normal.png") as normal:
        assert normal.size == (64, 48)


def test_flags_change_the_normals(capsys, tmp_path):
    found = []
    for flags in ([], ["--maps-strength", 1], ["--maps-directx"], ["--maps-from", 5]):
        still = tmp_path / "a.png"
        common = ("--size", 16, "--steps", 40, "--backend", "cpu", "--maps", "normal")
        run(capsys, "record", "zebra", "-o", still, *common, *flags)
        with Image.open(tmp_path / "a_normal.png") as normal:
            found.append(np.asarray(normal).astype(int))
    assert np.abs(found[1][..., :2] - 127.5).mean() < np.abs(found[0][..., :2] - 127.5).mean()
    np.testing.assert_allclose(found[2][..., 1], 255 - found[0][..., 1], atol=1)
    np.testing.assert_array_equal(found[2][..., ::2], found[0][..., ::2])
    assert (found[3] != found[0]).any()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-o", "a.mp4", "--maps", "normal"], "beside a still picture"),
        (["-o", "a.png", "--raw", "--maps", "normal"], "beside a still picture"),
        (["-o", "a.png", "--maps", "normal", "--maps-strength", "5000"], "--maps-strength is 5000"),
        (["-o", "a.png", "--maps", "normal", "--maps-from", "99"], "There is no channel '99'"),
        (["-o", "/", "--maps", "normal"], "give a name that ends in .png"),
        (["-o", f"{'n' * 250}.png", "--maps", "normal"], "_normal.png: cannot be written (File name too long)"),
    ],
)
def test_maps_that_can_not_be_are_refused(capsys, tmp_path, monkeypatch, flags, said):
    monkeypatch.chdir(tmp_path)
    assert said in problem(capsys, "record", "zebra", "--backend", "cpu", "--steps", 1, "--size", 8, *flags)
