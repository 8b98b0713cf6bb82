"""Pages in a browser: what tests of assets/page/ share."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.types import F32
from ncaengine.formats.exporters.page import page

STILL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="
_PREPARE = """() => {
  window.decoded = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  window.encoded = (numbers) => {
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };
  return loadData().then((data) => {
    window.engine = new Engine(document.createElement("canvas"), data);
  });
}"""


class Paged:
    """A page with an engine of its own besides the one that the page shows, which stands still."""

    def __init__(self, browser: Browser, folder: Path, models: Sequence[Model], catalogue: Catalogue, *kernels: str):
        found = [catalogue.get(name) for name in kernels or ("square", "hexagonal")]
        self.text = page(models, found, [STILL] * len(models), "Test", {"paused": True, "size": "16x16"})
        self.file = folder / f"{len(list(folder.iterdir()))}.html"
        self.file.write_text(self.text, "utf-8")
        self.said: list[str] = []
        """Errors and warnings of the console, and requests."""
        self.page: Page = browser.new_page()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.said.append(f"request: {request.url}"))
        self.page.goto(self.file.as_uri())
        self.page.wait_for_function("typeof Engine === 'function'")
        self.page.evaluate(_PREPARE)

    def run(self, code: str, **values: Any) -> Any:
        """Run the body of an asynchronous function, with `engine` and the values by their names; arrays are float32."""
        sent = {name: _sent(value) for name, value in values.items()}
        const = [
            f"{name} = decoded(given.{name})" if isinstance(value, np.ndarray) else f"{name} = given.{name}"
            for name, value in values.items()
        ]
        given = f"const {', '.join(const)};" if const else ""
        return self.page.evaluate(f"async (given) => {{ {given} {code} }}", sent)

    def state(self, code: str, shape: tuple[int, ...], **values: Any) -> F32:
        """Return the float32 array of a shape that an expression or body's `return encoded(…)` gives."""
        numbers = np.frombuffer(base64.b64decode(self.run(code, **values)), np.float32)
        return numbers.reshape(shape)

    def stepped(
        self, model: int, kernel: str, before: F32, field: F32 | None = None, painted: Sequence[int] = (),
        number: int = 3, rng_seed: int = 7, **settings: float | bool,
    ) -> F32:  # fmt: skip
        """Return the state after one step of a grid; settings: as Grid.settings in assets/page/grid.js.

        painted: models besides the first, by which the field `model` counts on.
        """
        height, width, _ = before.shape
        code = """
            const grid = engine.addGrid({ model, kernel, width, height, seed });
            grid.write(before);
            grid.steps = number;
            Object.assign(grid.settings, settings);
            grid.models.push(...painted);
            if (field.length) grid.writeFields(field);
            grid.rates = field.some((value, at) => at % 4 === 0 && value !== 1);
            grid.step(1);
            const after = encoded(grid.read());
            grid.remove();
            return after;"""
        given = {"model": model, "kernel": kernel, "width": width, "height": height, "seed": rng_seed}
        flat = np.zeros(0, np.float32) if field is None else field
        return self.state(
            code,
            before.shape,
            **given,
            before=before,
            field=flat,
            number=number,
            painted=list(painted),
            settings=settings,
        )

    def close(self) -> None:
        """Free the page and its engine."""
        self.page.evaluate("engine.release()")
        self.page.close()


def _sent(value: Any) -> Any:
    return (
        base64.b64encode(np.ascontiguousarray(value, "<f4").tobytes()).decode()
        if isinstance(value, np.ndarray)
        else value
    )
