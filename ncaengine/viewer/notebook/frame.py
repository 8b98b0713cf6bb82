"""The HTML that notebooks display: a page in a frame that can do nothing but draw, a picture, or a video."""

import base64
import io
from dataclasses import dataclass
from html import escape

from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.types import U8
from ncaengine.io.stills import png

SANDBOX = "allow-scripts allow-downloads"
"""What a page may do: run, and save pictures and videos. It can't reach the notebook around it."""
HEIGHT, MOST_HEIGHT = 560, 10_000
"""Of a frame, in CSS pixels: that without another, and the largest."""


@dataclass(frozen=True)
class Display:
    """What a notebook shows as the last value of a cell: HTML, and a picture for viewers that strip HTML."""

    html: str
    png: bytes | None = None
    """None where there is none, as for a video."""

    def bundle(self) -> dict[str, str]:
        """Return the forms of it by media type, as notebooks read them."""
        picture = {} if self.png is None else {"image/png": base64.b64encode(self.png).decode()}
        return {"text/html": self.html, **picture}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.bundle()


def check_height(height: object) -> None:
    """Raise NCAError if a frame can't have a height."""
    if not (isinstance(height, int) and 1 <= height <= MOST_HEIGHT):
        raise NCAError(
            f"A height of {str(height)[:40]} is not possible; use a whole number of CSS pixels from 1 to {MOST_HEIGHT}."
        )


def png_of(picture: U8) -> bytes:
    """Return a picture, (height, width, 3) uint8, as a PNG file."""
    return png(Image.fromarray(picture))


def jpeg_of(picture: U8) -> bytes:
    """Return a picture, (height, width, 3) uint8, as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85, subsampling=0)
    return file.getvalue()


def data_url(kind: str, content: bytes) -> str:
    """Return a file's content as a URL, so that it needs no file and no network. kind: its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def framed(page: str, picture: bytes, still: str, title: str, height: int) -> Display:
    """Return a page in a frame, beside its picture.

    picture: a PNG file. still: the URL of a picture that is seen where only frames are stripped.
    """
    inside = page.replace("&", "&amp;").replace('"', "&quot;")
    html = (
        f'<div style="position:relative;height:{height}px;overflow:hidden">'
        f'<img src="{still}" alt="{escape(title)}" style="height:100%">'
        f'<iframe sandbox="{SANDBOX}" title="{escape(title)}" srcdoc="{inside}" '
        'style="position:absolute;inset:0;width:100%;height:100%;border:0"></iframe></div>'
    )
    return Display(html, picture)


def still(picture: bytes, sentence: str) -> Display:
    """Return a picture, a PNG file, with a sentence below it."""
    image = f'<img src="{data_url("image/png", picture)}" alt="">'
    return Display(f"<figure>{image}<figcaption>{escape(sentence)}</figcaption></figure>", picture)


def moving(kind: str, content: bytes, title: str) -> Display:
    """Return a video or a picture that may move. kind: its media type."""
    source = f'src="{data_url(kind, content)}" title="{escape(title)}" style="max-width:100%"'
    if kind.startswith("video/"):
        return Display(f"<video {source} autoplay controls loop muted playsinline></video>")
    return Display(f"<img {source}>", content if kind == "image/png" else None)
