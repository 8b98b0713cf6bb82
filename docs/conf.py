"""Settings of the site: `make docs` builds it into build/docs.

Sphinx, because it is maintained (mkdocs-material's support ends in May 2027) and warns about every broken link and
reference. Nothing is written twice: pages that belong in the repository's root are included from there, and the
reference is made from the docstrings.
"""

import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import reference  # noqa: E402

project, author, copyright = "ncaengine", "the ncaengine authors", "the ncaengine authors"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme, html_title, html_copy_source, html_show_sphinx = "furo", "ncaengine", False, False
html_static_path, html_css_files = ["style.css"], ["style.css"]
myst_heading_anchors, highlight_language = 3, "none"
autodoc_member_order, add_module_names = "bysource", False
maximum_signature_line_length = 100

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "shaders/README.md": "shaders.md",
}
"""The page of the site that includes each file from outside docs/."""
INCLUDE = re.compile(r"^```\{include\} (\S+)\n```$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def read_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace includes by the files they name, and rewrite links so that they lead to pages of the site."""

    def included(match: re.Match[str]) -> str:
        path = (ROOT / "docs" / match[1]).resolve()
        return on_site(path.read_text("utf-8"), path.parent)

    source[0] = INCLUDE.sub(included, on_site(source[0], ROOT / "docs"))


def on_site(text: str, folder: Path) -> str:
    """Rewrite the links of a text that lies in a folder of the repository."""

    def rewritten(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(folder / match[1]))
        target = PAGES.get(path.relative_to(ROOT).as_posix()) or os.path.relpath(path, ROOT / "docs")
        return f"]({target}{match[2] or ''})"

    return LINK.sub(rewritten, text)


def setup(app: Sphinx) -> None:
    """Connect the functions above and those of the reference."""
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", reference.docstring)
    app.connect("autodoc-process-signature", reference.signature)
