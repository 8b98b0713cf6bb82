"""The page of docs/other-programs.md, in a browser."""

import io
import re
from pathlib import Path

import numpy as np
from helpers import ROOT
from PIL import Image
from playwright.sync_api import Browser

from ncaengine.cli import main


def test_the_guides_page_lights_the_texture_by_its_height_map(browser: Browser, tmp_path: Path):
    text = (ROOT / "docs/other-programs.md").read_text("utf-8")
    [page] = re.findall(r"```html\n(.*?)```", text, re.DOTALL)
    (tmp_path / "page.html").write_text(page, "utf-8")
    flags = ["--pixels", "256", "--steps", "100", "--smooth", "--maps", "height", "--backend", "cpu"]
    assert main(["tile", "zebra", "-o", str(tmp_path / "zebra.png"), *flags]) == 0
    shown, said = browser.new_page(viewport={"width": 400, "height": 300}), []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("requestfailed", lambda request: said.append(request.url))
    shown.goto((tmp_path / "page.html").as_uri())
    pictures = []
    for x in (40, 360):
        shown.mouse.move(x, 150)
        shown.wait_for_timeout(200)
        with Image.open(io.BytesIO(shown.screenshot())) as shot:
            pictures.append(np.asarray(shot.convert("L"), np.float32))
    shown.close()
    assert not said
    for picture in pictures:
        assert picture.std() > 20
    left, right = (picture[:, :100].mean() - picture[:, 300:].mean() for picture in pictures)
    assert left > right + 10  # the lamp follows the pointer
