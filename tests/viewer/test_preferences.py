"""The window's preferences, its themes' contrast, and the arithmetic of its splitters."""

import itertools
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core.validation import valid_entries
from ncaengine.viewer.dialogs.help import balanced_columns
from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.splitters import drag_weights, spans, valid_weights
from ncaengine.viewer.state import preferences
from ncaengine.viewer.state.preferences import Preferences

# Preferences


def test_saved_preferences_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "window.json"
    wanted = Preferences("light", ["/a.pt"], (800, 500), False, False, [1.0, 2.5], [3.0], 24.5, 1.4)
    assert preferences.save_preferences(wanted, path)
    assert preferences.load_preferences(path) == wanted
    assert [file.name for file in path.parent.iterdir()] == ["window.json"]


def test_the_default_is_the_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "default_path", lambda: tmp_path / "window.json")
    assert preferences.load_preferences() == Preferences()
    assert preferences.save_preferences(Preferences(text_size=1.2))
    assert preferences.load_preferences().text_size == 1.2


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"3", b"\xff\xfe", b'{"theme": 3}', b"[" * 100_000])
def test_a_broken_file_gives_the_defaults(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(text)
    assert preferences.load_preferences(path) == Preferences()


def test_only_invalid_or_unknown_entries_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    found = {
        "theme": "sepia", "recent": [f"/{i}" for i in range(30)], "size": [1, 2], "columns": [1, 0], "rows": [1, 2],
        "text_size": 50, "from a newer version": {},
    }  # fmt: skip
    path.write_bytes(msgspec.json.encode(found))
    assert preferences.load_preferences(path) == Preferences(recent=[f"/{i}" for i in range(20)], rows=[1, 2])


@given(
    st.dictionaries(
        st.sampled_from(Preferences.__struct_fields__), st.from_type(type(None)) | st.floats(-9, 9) | st.text()
    )
)
def test_any_file_gives_valid_preferences(found: dict[str, object]) -> None:
    prefs = Preferences(**valid_entries(found, Preferences))
    assert msgspec.json.decode(msgspec.json.encode(prefs), type=Preferences) == prefs


@pytest.mark.skipif(os.name == "nt", reason="files take the place of folders differently")
def test_an_unwritable_place_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not preferences.save_preferences(Preferences(), tmp_path / "file" / "window.json")
    (tmp_path / "folder.json").mkdir()
    assert not preferences.save_preferences(Preferences(), tmp_path / "folder.json")
    assert preferences.load_preferences(tmp_path / "folder.json") == Preferences()


def test_recent_files_are_listed_once_the_latest_first() -> None:
    prefs = Preferences()
    for name in [*(f"/{i}.pt" for i in range(25)), "/20.pt"]:
        prefs.add_recent(name)
    names = [Path(name).name for name in prefs.recent]
    assert names[:3] == ["20.pt", "24.pt", "23.pt"]
    assert len(names) == len(set(names)) == 20


def test_the_text_size_stays_within_its_range() -> None:
    prefs = Preferences()
    prefs.change_text_size(1)
    assert prefs.text_size == 1.1
    prefs.change_text_size(100)
    assert prefs.text_size == preferences.MOST_TEXT
    prefs.change_text_size(-100)
    assert prefs.text_size == preferences.LEAST_TEXT
    prefs.change_text_size(0)
    assert prefs.text_size == 1


# Themes


def rgb(name: str, which: str) -> np.ndarray:
    colour = theme.THEMES[which][name]
    return np.array([colour.x, colour.y, colour.z])


def linear(colour: np.ndarray) -> np.ndarray:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str, which: str) -> float:
    """Return WCAG 2's contrast ratio, from 1 to 21."""
    light, dark = sorted(
        (linear(rgb(name, which)) @ [0.2126, 0.7152, 0.0722] + 0.05 for name in (one, other)), reverse=True
    )
    return float(light / dark)


READ = [(ink, back) for ink in ("TEXT", "DIM", "ACCENT", "AMBER", "RED") for back in ("BACK", "CARD", "FIELD")]
READ += [("FAINT", "CARD"), ("BACK", "ACCENT"), ("BACK", "ACCENT_OVER"), ("DIM", "FIELD_OVER")]
READ += [("TEXT", back) for back in ("FIELD_OVER", "FIELD_HELD", "ACCENT_DEEP")]
READ += [("BACK", "RED"), ("TEXT", "BAR"), ("RED", "BAR"), ("BACK", "RED_OVER")]


@pytest.mark.parametrize("which", theme.THEMES)
def test_text_is_readable_in_both_themes(which: str) -> None:
    low = {pair: contrast(*pair, which) for pair in READ if contrast(*pair, which) < 4.5}
    assert not low
    for part, back in (("ACCENT_MID", "FIELD"), ("ACCENT_HELD", "FIELD_HELD"), ("ACCENT", "CARD"), ("RED", "CARD")):
        assert contrast(part, back, which) > 3, part


@pytest.mark.parametrize("which", theme.THEMES)
def test_disabled_controls_can_be_seen_in_both_themes(which: str) -> None:
    share = theme.DISABLED[which]
    for ink, back in itertools.product(("DIM", "TEXT"), ("BACK", "CARD")):
        blended = share * rgb(ink, which) + (1 - share) * rgb(back, which)
        low, high = sorted(linear(each) @ [0.2126, 0.7152, 0.0722] + 0.05 for each in (blended, rgb(back, which)))
        assert high / low >= 3, (ink, back)


def test_hints_are_given_at_the_first_start_only() -> None:
    from ncaengine.backends.torch import TorchBackend
    from ncaengine.simulation.simulation import Simulation
    from ncaengine.viewer.state.app import App

    prefs = Preferences()
    for hints in (1, 0):
        app = App(Simulation(TorchBackend()), prefs=prefs)
        app.give_first_hints()
        assert len(app.toasts) == hints
    assert len(preferences.Preferences().closed) == len(set(preferences.CLOSED))


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* of linear sRGB, D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ colour / [0.9505, 1, 1.089], 1e-6, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("which", theme.THEMES)
@pytest.mark.parametrize("eyes", BLINDNESS)
def test_colour_blind_people_can_tell_accents_apart(which: str, eyes: str) -> None:
    seen = {n: lab(np.clip(BLINDNESS[eyes] @ linear(rgb(n, which)), 0, 1)) for n in ("ACCENT", "AMBER", "RED")}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 10, (one, other)


def test_a_theme_has_every_colour_and_replaces_the_modules_own() -> None:
    assert set(theme.THEMES["dark"]) == set(theme.THEMES["light"])
    declared = {name for name, kind in theme.__annotations__.items() if name.isupper() and kind is theme.ImVec4}
    assert declared == set(theme.THEMES["dark"])
    before = theme.name
    try:
        for which in theme.THEMES:
            theme.use(which)
            assert theme.TEXT is theme.THEMES[which]["TEXT"]
            assert theme.name == which
    finally:
        theme.use(before)


def test_no_module_keeps_a_colour_of_its_own() -> None:
    folder = Path(theme.__file__).parent
    for path in folder.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            follows = line[:1].isalpha() and any(f"theme.{name}" in line for name in theme.THEMES["dark"])
            assert not follows, f"{path.name}: {line}"


# Splitters

WEIGHTS = st.lists(st.floats(0.05, 20), min_size=1, max_size=6)


@given(WEIGHTS, st.integers(0, 3000), st.integers(0, 30))
def test_spans_fill_the_length_in_whole_pixels(weights: list[float], length: int, gap: int) -> None:
    parts = spans(weights, length, gap)
    assert all(size >= 1 and start == int(start) for start, size in parts)
    free = length - gap * (len(weights) - 1)
    if all(weight / sum(weights) * free >= 2 for weight in weights):
        assert parts[0][0] == 0
        assert sum(parts[-1]) == length
        for (start, size), (following, _) in itertools.pairwise(parts):
            assert start + size + gap == following
        for weight, (_, size) in zip(weights, parts, strict=True):
            assert abs(size - weight / sum(weights) * free) <= 1


@given(WEIGHTS, st.integers(100, 3000), st.integers(200, 900))
def test_proportions_stay_when_the_window_is_resized(weights: list[float], length: int, other: int) -> None:
    for one, two in zip(spans(weights, length, 0), spans(weights, other, 0), strict=True):
        assert abs(one[1] / length - two[1] / other) < 2 / length + 2 / other


@given(st.data(), st.floats(-2000, 2000), st.integers(0, 2000), st.integers(0, 200))
def test_a_dragged_gap_stays_between_its_neighbours(data: st.DataObject, by: float, free: int, least: int) -> None:
    weights = data.draw(WEIGHTS.filter(lambda found: len(found) > 1))
    index = data.draw(st.integers(0, len(weights) - 2))
    after = drag_weights(weights, index, by, free, least)
    assert sum(after) == pytest.approx(sum(weights))
    assert [*after[:index], *after[index + 2 :]] == [*weights[:index], *weights[index + 2 :]]
    pixels = [weight / sum(weights) * free for weight in after]
    both = pixels[index] + pixels[index + 1]
    assert min(pixels[index : index + 2]) >= min(least, both / 2) - 1e-6 * max(1, free)
    assert min(after) > 0 or min(weights) == 0 or least == 0


def test_a_gap_follows_the_pointer() -> None:
    assert drag_weights([1, 1], 0, 100, 1000, 50) == pytest.approx([1.2, 0.8])
    assert drag_weights([1, 1], 0, 900, 1000, 50) == pytest.approx([1.9, 0.1])
    assert drag_weights([2, 1, 1], 1, -300, 400, 20) == pytest.approx([2, 0.2, 1.8])


@pytest.mark.parametrize(
    ("weights", "count", "wanted"),
    [([], 2, [1, 1]), ([1.0, 2.0], 2, [1, 2]), ([1.0, 2.0], 3, [1, 1, 1]), ([1.0, float("nan")], 2, [1, 1])],
)
def test_weights_for_another_number_of_parts_become_equal(
    weights: list[float], count: int, wanted: list[float]
) -> None:
    assert valid_weights(weights, count) == wanted


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 4))
def test_the_help_has_all_groups_in_their_order(heights: list[int], count: int) -> None:
    columns = balanced_columns(heights, count)
    assert list(itertools.chain(*columns)) == list(range(len(heights)))
    assert len(columns) <= count
    assert max(sum(heights[i] for i in column) for column in columns) <= sum(heights) / count + max(heights)
