"""Fixtures for tests of pages: one browser, and pages that are closed after the test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paged import STILL, Paged
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ncaengine.core import kernels
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.formats.exporters.page import page

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
    for opened in made:
        opened.close()
        assert opened.said == [f"request: {opened.file.as_uri()}"]


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two shipped models on the square and the hexagonal kernel."""
    catalogue = kernels.discover()
    models = [model_files.load(Path(name)) for name in ("zebra", "coral")]
    shown = [catalogue.get(name) for name in ("square", "hexagonal")]
    path = tmp_path_factory.mktemp("page") / "textures.html"
    path.write_text(page(models, shown, [STILL] * 2, "Textures", {}), "utf-8")
    return path


class Opened:
    """A page that a test looks at, with what it said."""

    def __init__(self, page: Page):
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(30000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def until(self, condition: str) -> None:
        """Wait until an expression is true; playwright's own waiting needs `eval`, which the page forbids."""
        for _ in range(600):
            if self.page.evaluate(f"Boolean({condition})"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"This did not come true: {condition}")


@pytest.fixture
def open_page(browser: Browser, page_file: Path) -> Iterator[Callable[..., Opened]]:
    """Open the page with a query or a hash, and wait until it shows cells."""
    contexts: list[BrowserContext] = []

    def open_(
        query: str = "",
        file: Path | None = None,
        phone: bool = False,
        size: tuple[int, int] | None = None,
        script: str = "",
        scripts: bool = True,
        wait: bool = True,
    ) -> Opened:
        width, height = size or ((390, 844) if phone else (1280, 800))
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone, java_script_enabled=scripts
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        if script:
            opened.page.add_init_script(script)
        opened.page.goto((file or page_file).as_uri() + query)
        if wait:
            opened.until("typeof app === 'object' && app.shown")
        return opened

    yield open_
    for context in contexts:
        context.close()
