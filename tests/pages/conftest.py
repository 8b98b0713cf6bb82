"""Fixtures for tests of pages: one browser, and pages that are closed after the test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paged import Paged
from playwright.sync_api import Browser, sync_playwright

from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model

FLAGS = ["--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
Pages = Callable[..., Paged]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium with its software renderer."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("pages are tested in Chromium, which is missing; `make setup` installs it where apt is")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def pages(browser: Browser, tmp_path: Path, catalogue: Catalogue) -> Iterator[Pages]:
    """Open pages of models, by default on the square and the hexagonal kernel; nothing but the page is loaded."""
    made: list[Paged] = []

    def make(models: list[Model], *kernels: str) -> Paged:
        made.append(Paged(browser, tmp_path, models, catalogue, *kernels))
        return made[-1]

    yield make
    for page in made:
        page.close()
        assert page.said == [f"request: {page.file.as_uri()}"]
