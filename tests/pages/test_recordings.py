"""Recordings in a browser: WebM, APNG, AVIF, WebP and GIF show, with their opacity."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from ncaengine.io import encoders

COLOUR = (200, 120, 40)
PROBE = """
async name => {
    const isVideo = name.endsWith(".webm") || name.endsWith(".mp4");
    const shown = document.createElement(isVideo ? "video" : "img");
    const seen = new Promise((yes, no) => {
        shown.onerror = () => no(new Error("cannot be shown"));
        shown[isVideo ? "onloadeddata" : "onload"] = yes;
    });
    shown.src = name;
    await seen;
    const canvas = document.createElement("canvas");
    const [width, height] = isVideo ? [shown.videoWidth, shown.videoHeight] : [shown.naturalWidth, shown.naturalHeight];
    [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    const at = x => [...pen.getImageData(x, height / 2, 1, 1).data];
    for (let tries = 0; tries < 100 && at(8)[3] === 0; tries++) {  // loaded, but a video's frame may not be drawn yet
        await new Promise(yes => setTimeout(yes, 20 * tries));
        pen.drawImage(shown, 0, 0);
    }
    return [width, height, shown.duration || 0, at(8), at(width - 8)];
}
"""


@pytest.mark.parametrize("name", ["a.webm", "a.apng", "a.avif", "a.webp", "a.mp4", "a.gif", "a.png"])
def test_a_browser_shows_it(browser: Browser, tmp_path: Path, name: str) -> None:
    has_opacity = not name.endswith((".mp4", ".gif"))
    picture = np.full((48, 64, 4 if has_opacity else 3), (*COLOUR, 255)[: 4 if has_opacity else 3], np.uint8)
    picture[:, 32:, -1] = 0
    sink = encoders.open_encoder(f"{tmp_path}/{name}", 10, 64, 48)
    for _ in range(10):
        sink.write(picture)
    sink.close()
    (tmp_path / "page.html").write_text("<title>r</title>")
    context = browser.new_context()
    page = context.new_page()
    page.route("http://local/*", lambda route: route.fulfill(path=tmp_path / route.request.url.rpartition("/")[2]))
    page.goto("http://local/page.html")
    width, height, duration, left, right = page.evaluate(PROBE, name)
    context.close()
    assert (width, height) == (64, 48)
    if name.endswith((".webm", ".mp4")):
        assert duration == pytest.approx(1, abs=0.02)
    assert np.abs(np.array(left[:3]) - COLOUR).max() <= 8
    assert left[3] == 255
    assert right[3] == (0 if has_opacity else 255)
