"""The one declaration of kinds, and what each kind's files are to decoders that are not ours."""

import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from videos import lively

from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import main
from ncaengine.core.errors import NCAError
from ncaengine.io import encoders, kinds
from ncaengine.io.film import Film
from ncaengine.io.kinds import FLAGS, KINDS
from ncaengine.io.video import Recording
from ncaengine.simulation.simulation import Simulation

NTSC = Fraction(24000, 1001)


def plates(alpha: bool = False, count: int = 6) -> list[np.ndarray]:
    """Flat pictures of 64x48 whose grey grows from frame to frame; with alpha the right half is transparent."""
    frames = [np.full((48, 64, 4), 40 + 30 * number, np.uint8) for number in range(count)]
    for frame in frames:
        frame[..., 3] = 255
        frame[:, 32:, 3] = 0
    return frames if alpha else [frame[..., :3].copy() for frame in frames]


def write(path, frames, fps=NTSC, **options) -> None:
    sink = encoders.open_encoder(str(path), fps, 64, 48, options)
    for frame in frames:
        sink.write(frame)
    sink.close()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm"])
def test_videos_have_their_fractional_rate(tmp_path, name):
    write(tmp_path / name, plates())
    with av.open(str(tmp_path / name)) as file:
        frames = list(file.decode(video=0))
        assert file.streams.video[0].average_rate == pytest.approx(NTSC, rel=0.02)
    exact = 0 if name != "a.webm" else 5.1e-4  # Matroska counts milliseconds
    assert [frame.time for frame in frames] == pytest.approx([float(k / NTSC) for k in range(6)], abs=exact + 1e-9)
    greys = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert greys == pytest.approx([40 + 30 * k for k in range(6)], abs=3)


@pytest.mark.parametrize("name", ["a.webp", "a.apng"])
def test_animations_have_their_fractional_rate_and_opacity(tmp_path, name):
    write(tmp_path / name, plates(alpha=True))
    with Image.open(tmp_path / name) as file:
        assert (file.n_frames, file.size, file.info["loop"]) == (6, (64, 48), 0)
        times = []
        for number, picture in enumerate(plates(alpha=True)):
            file.seek(number)
            file.load()
            times.append(file.info["duration"] / 1000)
            found = np.asarray(file.convert("RGBA"))
            assert np.array_equal(found[..., 3], picture[..., 3])
            assert np.array_equal(found[:, :32], picture[:, :32])
    assert sum(times) == pytest.approx(6 / NTSC, abs=1e-3)


def test_a_webp_with_losses_keeps_opacity(tmp_path):
    write(tmp_path / "a.webp", plates(alpha=True), quality=80)
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == 6
        for number, picture in enumerate(plates(alpha=True)):
            file.seek(number)
            found = np.asarray(file.convert("RGBA")).astype(int)
            assert np.array_equal(found[..., 3], picture[..., 3])
            assert np.abs(found[:, :28] - picture[:, :28]).max() < 6


def test_the_lowest_quality_is_lower_than_others(tmp_path):
    noise = [np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8) for seed in range(3)]
    for quality in (0, 20):
        write(tmp_path / f"{quality}.webp", noise, quality=quality)
    assert (tmp_path / "0.webp").stat().st_size < (tmp_path / "20.webp").stat().st_size


def test_a_gif_lasts_hundredths(tmp_path):
    write(tmp_path / "a.gif", plates(), Fraction(100, 3))
    with Image.open(tmp_path / "a.gif") as file:
        assert (file.n_frames, file.info["loop"]) == (6, 0)
        for number in range(6):
            file.seek(number)
            assert file.info["duration"] == 30


def alphas(path, decoder: str = "") -> list[np.ndarray]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if not decoder:
            return [frame.to_ndarray(format="rgba")[..., 3] for frame in file.decode(stream)]
        reader = av.CodecContext.create(decoder, "r")
        frames = [frame for packet in file.demux(stream) for frame in reader.decode(packet if packet.size else None)]
        return [frame.to_ndarray(format="rgba")[..., 3] for frame in frames]


@pytest.mark.parametrize(("name", "decoder"), [("a.mov", ""), ("a.webm", "libvpx-vp9")])
def test_videos_keep_opacity(tmp_path, name, decoder):
    write(tmp_path / name, plates(alpha=True))
    found = alphas(tmp_path / name, decoder)
    assert len(found) == 6
    for each in found:
        assert each[:, :28].min() > 250
        assert each[:, 36:].max() < 5


def test_avif_keeps_opacity_and_colours(tmp_path):
    write(tmp_path / "a.avif", plates(alpha=True))
    with Image.open(tmp_path / "a.avif") as file:
        assert (file.format, file.mode, file.size) == ("AVIF", "RGBA", (64, 48))
        found = np.asarray(file).astype(int)
    assert np.abs(found[:, :30, :3] - 190).max() <= 2
    assert (found[:, :30, 3].min(), found[:, 34:, 3].max()) == (255, 0)


def test_states_hold_all_channels(tmp_path):
    import OpenEXR

    sim = Simulation(TorchBackend())
    grid = sim.add(lively(), (9, 7), rng_seed=3)
    for name in ("s_%02d.npy", "s_%02d.exr", "last.npy", "last.exr"):
        with Recording(f"{tmp_path}/{name}", sim, grid) as video:
            states = []
            for _ in range(2):
                sim.step(2, grid)
                video.capture()
                states.append(grid.state())
        for number, state in enumerate(states):
            path = tmp_path / (name % number if "%" in name else name)
            if name.startswith("last") and not number:
                continue
            if path.suffix == ".npy":
                assert np.array_equal(np.load(path), state)
                assert np.load(path).dtype == np.float32
                continue
            with OpenEXR.File(str(path), separate_channels=True) as file:
                channels = file.channels()
                found = np.stack([channels[f"state.{k:02}"].pixels for k in range(12)], -1)
                assert np.array_equal(found, state)
                rgb = np.stack([channels[name].pixels for name in "RGB"], -1)
            shown = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * np.maximum(rgb, 1e-9) ** (1 / 2.4) - 0.055)
            assert np.abs(shown - np.clip(state[..., :3] + 0.5, 0, 1)).max() < 1e-4


def test_what_holds_cells_takes_one_grid_and_no_pictures(tmp_path):
    sim = Simulation(TorchBackend())
    two = [sim.add(lively(), (4, 4)) for _ in range(2)]
    with pytest.raises(NCAError, match="cells of one grid"):
        Recording(f"{tmp_path}/a.npy", sim, two)
    with Film(f"{tmp_path}/a.npy") as film, pytest.raises(NCAError, match="not pictures"):
        film.add(plates()[0])
    assert not list(tmp_path.iterdir())


def test_without_openexr_a_sentence_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(NCAError, match=r"pip install 'ncaengine\[exr\]'"):
        encoders.open_encoder(f"{tmp_path}/a.exr", 60, 8, 8)


# Standard output


def piped(*flags: str) -> tuple[bytes, str]:
    command = [sys.executable, "-m", "ncaengine", "record", "zebra", "--size", "16x12", "--steps", "6", "-o", "-"]
    done = subprocess.run([*command, "--backend", "torch", *flags], capture_output=True, check=True, timeout=120)
    return done.stdout, done.stderr.decode()


def test_standard_output_holds_nothing_but_frames(tmp_path):
    assert (
        main(["record", "zebra", "--size", "16x12", "--steps", "6", "--backend", "torch", "-o", f"{tmp_path}/f/"]) == 0
    )
    frames = np.stack([np.asarray(Image.open(path)) for path in sorted((tmp_path / "f").iterdir())])
    for form, channels in (("rgb24", 3), ("rgba", 4)):
        data, said = piped("--format", form)
        found = np.frombuffer(data, np.uint8).reshape(3, 12, 16, channels)
        assert np.array_equal(found[..., :3], frames)
        assert (found[..., 3:] == 255).all()
        assert "-: 3 frames, step 6, 16x12 pixels" in said
    (tmp_path / "a.y4m").write_bytes(piped("--fps", "23.976")[0])
    with av.open(str(tmp_path / "a.y4m")) as file:
        assert file.streams.video[0].average_rate == NTSC
        found = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    assert np.abs(found.astype(int) - frames).max() <= 4


def test_format_belongs_to_standard_output(capsys, tmp_path):
    assert main(["record", "zebra", "-o", f"{tmp_path}/a.mp4", "--format", "rgba", "--size", "8"]) == 1
    assert "write -o -, or leave it out" in capsys.readouterr().err


# Rates and flags


@pytest.mark.parametrize(
    ("text", "rate"),
    [("30", 30), ("23.976", NTSC), ("24000/1001", NTSC), ("29.97", Fraction(30000, 1001)), ("12.5", Fraction(25, 2)),
     ("59.94", Fraction(60000, 1001)), ("0.5", Fraction(1, 2)), ("60.0", 60), ("30.0", 30)],
)  # fmt: skip
def test_rates_are_numbers_and_fractions(text, rate):
    assert kinds.parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "x", "1/0", "24/", "nan", "inf"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(NCAError, match="is not a frame rate"):
        kinds.parse_rate(text)


@given(st.fractions(1, 3600, max_denominator=2000))
def test_frames_keep_time_at_any_rate(tmp_path, fps):
    film = Film(f"{tmp_path}/a.mp4", fps)
    passed = 0
    for number in range(1, 40):
        passed += film.ticks_per_frame
        film.taken += 1
        assert abs(passed - number * 3600 / fps) <= 0.5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [("a.mp4", {"crf": 52}, "--crf is 52; for MP4 it must be from 0 to 51"),
     ("a.gif", {"crf": 20}, "--crf has no effect on GIF; it takes --max-colors"),
     ("a.npy", {"quality": 3}, r"--quality has no effect on NPY\."),
     ("a.mp4", {"preset": "quick"}, "must be one of ultrafast"),
     ("a.webm", {"b:v": "8 Mbit"}, "as 8M or 500k")],
)  # fmt: skip
def test_flags_of_other_kinds_and_ranges_are_refused(tmp_path, name, options, message):
    with pytest.raises(NCAError, match=message):
        encoders.open_encoder(f"{tmp_path}/{name}", 50, 8, 8, options)


SMALLER = [
    ("a.mp4", {"crf": 40}), ("a.mp4", {"b:v": "50k"}), ("a.webm", {"crf": 60}), ("a.webm", {"b:v": "50k"}),
    ("a.mov", {"qscale:v": 31}), ("a.gif", {"max_colors": 4}), ("a.webp", {"quality": 5}), ("a.avif", {"quality": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), SMALLER)
def test_flags_make_files_smaller(tmp_path, name, options):
    frames = [np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8) for seed in range(8)]
    for folder, given_ in (("usual", {}), ("small", options)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, frames, 25, **given_)
    assert (tmp_path / "small" / name).stat().st_size < 0.8 * (tmp_path / "usual" / name).stat().st_size


def test_every_flag_is_taken_and_every_kind_is_in_the_help(capsys):
    assert {name for kind in KINDS for name in kind.options} == set(FLAGS)
    with pytest.raises(SystemExit):
        main(["record", "--help"])
    said = capsys.readouterr().out
    for row in kinds.rows():
        assert f"\n{row[0]} " in said
    assert all(f"{kinds.flag_of(name)} " in said for name in FLAGS)
