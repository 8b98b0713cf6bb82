"""What a page's engine does besides steps, in a browser, against what Python does."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model, random_state, small
from paged import Paged

from ncaengine.core import brushes, canvas, fields, pcg, states
from ncaengine.core.brushes import Pattern
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View, corner
from ncaengine.core.looks import Look
from ncaengine.core.model import Colour, Config, Feature, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.exporters.page import page as page_of
from ncaengine.formats.model_files import open_file
from ncaengine.simulation import painting
from ncaengine.simulation.commands import Paint

Pages = Callable[..., Paged]
KERNELS = ("square", "hexagonal")
GRID = "const grid = engine.addGrid({ model: 0, kernel, width, height, seed });"


def plain(**changes: Any) -> Model:
    return random_model(msgspec.structs.replace(small(NOTEBOOK_CONFIG, hidden=2), **changes))


def ran(page: Paged, code: str, shape: tuple[int, ...], kernel: str = "square", seed: int = 7, **values: Any) -> F32:
    """Return an array of (height, width, …) that code about `grid` gives."""
    given = {"kernel": kernel, "width": shape[1], "height": shape[0], "seed": seed, **values}
    return page.state(f"{GRID} {code} grid.remove(); return encoded(out);", shape, **given)


SEEDS = {
    "noise": Seed("noise", 0.7), "point": Seed("point", 1.5, 2), "zeros": Seed(), "blobs": Seed("blobs", 0.8),
    "image": Seed("image"),
}  # fmt: skip


def test_grids_start_as_python_s(pages: Pages) -> None:
    models = []
    for seed in SEEDS.values():
        model = plain(seed=Seed("zeros") if seed.kind == "image" else seed)
        if seed.kind == "image":
            config = msgspec.structs.replace(model.config, seed=seed)
            model = Model(config, model.w1, model.b1, model.w2, model.b2, random_state(9, 7, 4))
        models.append(model)
    page = pages(models)
    for index, model in enumerate(models):
        for size in ((40, 31), (6, 5)):
            code = f"grid.setModel({index}); grid.reseed(1234567890); const out = grid.read();"
            ours = ran(page, code, (size[1], size[0], 5))
            np.testing.assert_allclose(ours, states.initial(model, size, 1234567890), atol=1e-7)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_resize_keeps_what_python_keeps(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    model = plain(seed=Seed("noise"))
    page, before = pages([model]), random_state(20, 17, 5)
    for size in ((20, 17), (31, 24), (12, 9), (20, 30), (33, 8), (8, 17)):
        code = "grid.write(before); grid.resize(...to); const out = grid.read();"
        code = f"{GRID} {code} grid.remove(); return encoded(out);"
        given = {"kernel": kernel, "width": 20, "height": 17, "seed": 7, "before": before, "to": list(size)}
        ours = page.state(code, (size[1], size[0], 5), **given)
        fresh = states.initial(model, size, 7)
        assert np.array_equal(ours, states.resized(before, fresh, "centre", catalogue.get(kernel)))


STROKES = [
    ((5.0, 6.0), (5.0, 6.0), 3.0),
    ((3.2, -2.0), (15.0, 20.5), 4.5),
    ((-100.3, 55.0), (-96.0, 57.0), 6.0),
    ((10.0, 10.0), (11.0, 9.0), 40.0),
    ((2.0, 2.0), (2.0, 2.0), 0.2),
]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("tool", ["erase", "noise"])
def test_brushes_change_states_as_python_s(pages: Pages, catalogue: Catalogue, kernel: str, tool: str) -> None:
    model, before = plain(seed=Seed("noise", 0.5), channels=18), random_state(26, 19, 18)
    page, surface = pages([model]), painting.Surface(model, catalogue.get(kernel), (26, 19), 7, 5)
    for start, end, radius in STROKES:
        code = """grid.write(before);
            const [from, to] = ends.map(([x, y]) => ({ x, y }));
            grid.paint(from, to, radius, tool, 0.7, { softness: 0.4, strength: 0.8, seed: 5 });
            const out = grid.read();"""
        values: dict[str, Any] = {"before": before, "ends": [start, end], "radius": radius, "tool": tool}
        ours = ran(page, code, before.shape, kernel, **values)
        touch = painting.on_state(surface, Paint(0, tool, (start, end), radius, 0.8, 0.4, 0.7), None, None)  # type: ignore[arg-type]
        truth = before.copy()
        now, weight = before[touch.cells[:, 1], touch.cells[:, 0]], touch.weight[:, None]
        truth[touch.cells[:, 1], touch.cells[:, 0]] = now + weight * (touch.target - now)
        np.testing.assert_allclose(ours, truth, atol=2e-5)
        assert not np.array_equal(ours, before)


@pytest.mark.parametrize("kernel", KERNELS)
def test_brushes_change_fields_as_python_s(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    models = [plain(name="a"), plain(name="b")]
    page = pages(models)
    surface = painting.Surface(models[0], catalogue.get(kernel), (26, 19), 7, 5)
    for name, value in (("rate", 0.25), ("scale", 2.0), ("angle", 170.0), ("angle", -80.0), ("model", 1)):
        for start, end, radius in STROKES:
            code = """const [from, to] = ends.map(([x, y]) => ({ x, y }));
                grid.writeFields(before);
                grid.paint(from, to, radius, tool, value, { softness: 0.4, seed: 5 });
                const out = grid.readFields();"""
            before = fields.default_fields(26, 19)
            before[..., 2] = random_state(26, 19, 1)[..., 0] * 100
            values: dict[str, Any] = {"before": before, "ends": [start, end], "radius": radius, "tool": name}
            ours = ran(page, code, before.shape, kernel, value=value, **values)
            painting.on_field(surface, Paint(0, name, (start, end), radius, 1.0, 0.4, value), name, before)  # type: ignore[arg-type]
            away = np.abs(ours - before)
            away[..., 2] = np.minimum(away[..., 2], 360 - away[..., 2])
            # A cell whose chance is just the brush's weight may fall either way.
            assert (away > 1e-3).mean() <= (0.002 if name == "model" else 0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_patterns_are_python_s(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    page = pages([plain()])
    values = {"halves": (0.25, 1.0), "stripes": (0.25, 1.0), "checks": (0.25, 1.0), "ramp": (0.1, 1.0)}
    patterns: list[tuple[str, Pattern]] = [
        ("Rate", "halves"),
        ("Rate", "stripes"),
        ("Rate", "checks"),
        ("Rate", "ramp"),
    ]
    patterns += [("Angle", "polar"), ("Angle", "bipolar"), ("Angle", "polar-distill"), ("Angle", "dipole")]
    for kind, which in patterns:
        code = f"grid.set{kind}('{which}'); const out = grid.readFields();"
        ours = ran(page, code, (21, 34, 4), kernel)[..., 0 if kind == "Rate" else 2]
        truth = brushes.pattern(catalogue.get(kernel), (34, 21), which, values.get(which, (0.0, 0.0)))
        away = np.abs(ours - truth)
        assert np.minimum(away, 360 - away).max() < 1e-4
    assert (
        page.run("const grid = engine.addGrid({}); grid.setRate('halves'); grid.setRate('even'); return grid.fields")
        is None
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_canvas_draws_what_python_draws(pages: Pages, catalogue: Catalogue, kernel: str) -> None:
    model = plain(colour=Colour(0.5, 0.5))
    page, before = pages([model]), random_state(14, 11, 5)
    x, y = corner(catalogue.get(kernel))
    views = [(x, y, 8.0), (x - 3.3, y + 1.7, 23.4), (x, y, 3.0), (x, y, 0.7), (1.0, 2.0, 1.0)]
    looks: list[tuple[dict[str, Any], Look]] = [
        ({"lines": 0.5}, Look()),
        ({"look": "channel", "channel": 4}, Look("channel", (4, 1, 2))),
    ]
    code = """
        const { canvas } = engine, { gl } = engine.device;
        [canvas.width, canvas.height] = [90, 70];
        grid.write(before);
        grid.draw(view, { x: 11, y: 5, width: 61, height: 47 }, look);
        const bytes = new Uint8Array(4 * 61 * 47);
        gl.readPixels(11, 70 - 5 - 47, 61, 47, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
        grid.remove();
        return encoded(Float32Array.from(bytes));"""
    for left, top, scale in views:
        for sent, look in looks:
            given = {"kernel": kernel, "width": 14, "height": 11, "seed": 0, "before": before, "look": sent}
            view = {"x": left, "y": top, "scale": scale}
            ours = page.state(GRID + code, (47, 61, 4), view=view, **given)[::-1, :, :3]
            lines = float(sent.get("lines", 0.0))
            truth = canvas.draw(
                before, catalogue.get(kernel), model.config.colour, View(61, 47, scale, left, top), look, lines=lines
            )
            # A point on a border may fall to either side.
            assert (np.abs(ours - truth) > 3).any(-1).mean() < 0.01


def test_a_seed_fixes_the_run(pages: Pages) -> None:
    page = pages([plain(seed=Seed("noise"))])
    code = "grid.step(20); const out = grid.read();"
    runs = [ran(page, code, (16, 16, 5), seed=seed) for seed in (3, 3, 4)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert np.isfinite(runs[0]).all()


def test_the_page_shows_its_models_and_loads_nothing_else(pages: Pages) -> None:
    page = pages([plain(attribution={"authors": "</script><b>", "licence": "CC BY"}, name="<&>"), plain(channels=6)])
    page.page.wait_for_timeout(500)
    first, second = page.run("return engine.data.models.map(({ numbers, forms, ...others }) => others)")
    assert (first["name"], second["channels"], first["canPaint"], second["canPaint"]) == ("<&>", 6, [], [])
    assert first["credit"] == {"authors": "</script><b>", "licence": "CC BY"}
    assert not re.findall(r"https?://(?!www\.w3\.org)", page.text.split('id="data">')[0])


def test_models_that_share_a_grid_can_be_painted(pages: Pages) -> None:
    page = pages([plain(), plain(), plain(padding="zero"), plain(channels=6), plain(firing="channel")])
    assert page.run("return engine.data.models.map(({ canPaint }) => canPaint)") == [[1], [0], [], [], []]
    code = """
        const at = { x: 3, y: 3 };
        grid.paint(at, at, 2, "model", 2);
        const refused = grid.models.length;
        grid.paint(at, at, 2, "model", 1);
        const painted = [...grid.models];
        grid.setModel(3);
        return [refused, painted, grid.models, grid.read().length, grid.readFields()];"""
    given = {"kernel": "square", "width": 8, "height": 8, "seed": 0}
    assert page.run(GRID + code, **given) == [1, [0, 1], [3], 8 * 8 * 6, None]


def test_a_lost_context_comes_back(pages: Pages) -> None:
    page = pages([plain(seed=Seed("noise"))])
    code = """
        const heard = [], { gl } = engine.device, losing = gl.getExtension("WEBGL_lose_context");
        engine.onlost = () => heard.push("lost");
        engine.onrestored = () => heard.push("restored");
        grid.setRate("halves");
        grid.step(5);
        const before = grid.read();
        grid.write(before);
        grid.steps = 5;
        const until = (event) => new Promise((done) => {
            engine.canvas.addEventListener(event, () => setTimeout(done), { once: true });
        });
        let heardNext = until("webglcontextlost");
        losing.loseContext();
        await heardNext;
        grid.step(1);
        grid.draw({ x: 0, y: 0, scale: 4 }, { x: 0, y: 0, width: 8, height: 8 });
        grid.paint({ x: 1, y: 1 }, { x: 2, y: 2 }, 3, "noise");
        const while_lost = grid.read();
        heardNext = until("webglcontextrestored");
        losing.restoreContext();
        await heardNext;
        const same = [while_lost, grid.read()].map((state) => state.every((value, at) => value === before[at]));
        grid.step(3);
        return [heard, same, grid.steps, grid.readFields()[0]];"""
    given = {"kernel": "hexagonal", "width": 12, "height": 10, "seed": 0}
    heard, same, steps, rate = page.run(GRID + code, **given)
    assert heard == ["lost", "restored"]
    assert same == [True, True]
    assert rate == 0.25
    assert 3 <= steps <= 8


def test_states_are_saved_while_a_grid_runs(pages: Pages) -> None:
    page = pages([plain(seed=Seed("noise"))])
    code = """
        const wait = (time) => new Promise((done) => setTimeout(done, time));
        grid.setRate("stripes");
        for (let k = 0; k < 4; k++) {
            await wait(700);
            grid.step(2);
            grid.device.gl.finish();
        }
        const { steps, planes, fields } = grid.saved;
        const again = engine.addGrid({ model: 0, kernel, width, height, seed });
        again.setRate("stripes");
        again.step(steps);
        const same = again.read().every((value, at) => value === ncaState(planes, 5)[at]);
        return [steps, same, fields.every((value, at) => value === again.readFields()[at])];"""
    steps, *same = page.run(GRID + code, kernel="square", width=10, height=12, seed=3)
    assert steps in (2, 4, 6)
    assert same == [True, True]


REFUSED: dict[str, tuple[Config, str]] = {
    "inputs": (Config(channels=256, hidden=1, features=tuple(Feature("identity", n) for n in range(5))), "1280 inputs"),
    "layers": (Config(channels=256, hidden=1, scales=(0, 1)), "more than 256 layers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_page_cannot_run_is_refused(catalogue: Catalogue, case: str) -> None:
    config, why = REFUSED[case]
    with pytest.raises(NCAError, match=f"A page cannot run the model 'model', because it .*{why}"):
        page_of([random_model(config)], [catalogue.get("square")], ["data:,"], "x", {})


def test_the_hash_is_pcg4d(pages: Pages) -> None:
    page, words = pages([plain()]), [0, 1, 2**31, 2**32 - 1, 123456789]
    for word in words:
        found = page.run("return ncaHash(word, word ^ 77, 3, word)", word=word)
        truth = pcg.pcg4d(*(np.array([w], np.uint32) for w in (word, word ^ 77, 3, word)))
        assert found == [int(each[0]) for each in truth]


def test_sizes(catalogue: Catalogue) -> None:
    assets = Path(__file__).parents[2] / "assets"
    models = [next(iter(open_file(assets / f"{name}.safetensors").models.values())) for name in ("zebra", "coral")]
    kernels = [catalogue.get(name) for name in KERNELS]
    one, two = (len(page_of(models[:n], kernels, ["data:,"] * n, "x", {}).encode()) for n in (1, 2))
    assert two - one <= 27_000  # and 3 kB for a picture
    assert one - (two - one) <= 80_000
