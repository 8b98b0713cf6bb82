"""Pages of reports in a browser: they load nothing, follow the theme, and fit a phone."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from ncaengine.training import measures, report_page
from ncaengine.training.appraisal import Course, Plan, Report, Subject

PLAN = Plan(size=(48, 48), steps=(10, 300), rollouts=3, heal=20)


def course(kernel: str, seed: int) -> Course:
    rng = np.random.default_rng(seed)
    parts = [rng.random((3, len(PLAN.moments))) for _ in range(4)]
    pictures = tuple(rng.integers(0, 255, (48, 48, 3), np.uint8) for _ in range(4))
    bands = rng.random((3, len(measures.BANDS) - 1))
    return Course(kernel, *parts, rng.random((3, len(PLAN.healing))), bands, 100.0 * seed, pictures)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    subjects = tuple(
        Subject(f"model {n}", 12, 96, 5868, tuple(course(k, n) for k in PLAN.kernels), (0.5, 0.2, 0.1))
        for n in (1, 2, 3)
    )
    picture = np.random.default_rng(0).random((48, 40, 3), np.float32)
    own = measures.spectrum(picture)
    report = Report("zebra <1>", picture, 0.01, 2.0, own, "transport", ("net",), "a test", PLAN, subjects)
    (tmp_path / "report.html").write_text(report_page.report_page(report), "utf-8")
    return tmp_path / "report.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_report_fits_loads_nothing_and_follows_the_theme(browser: Browser, file: Path, width: int) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(file.as_uri())
        assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").inner_text() == "3 models against zebra <1>"
        images = "[...document.images].every((image) => image.complete && image.naturalWidth >= 48)"
        assert page.evaluate(images)
        line = "getComputedStyle(document.querySelector('svg path[style*=\"--line-1\"]')).stroke"
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        seen[scheme] = (page.evaluate(line), page.evaluate(ground))
        context.close()
    assert seen["light"][0] == "rgb(154, 98, 0)"
    assert seen["dark"][0] == "rgb(224, 176, 92)"
    assert seen["light"][1] != seen["dark"][1]
