"""Pages of models: `export` writes them, and `view --browser` opens them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncaengine.cli.shared.engine import find_kernels, open_simulation
from ncaengine.cli.shared.options import size_text
from ncaengine.cli.shared.output import print_notice, progress_bar
from ncaengine.core.errors import NCAError
from ncaengine.core.names import as_file_name

if TYPE_CHECKING:
    from ncaengine.core.model import Model


def start_settings(size: tuple[int, int] | None, seed: int) -> dict[str, Any]:
    """Return the settings with which a page starts: the size of its grid (None: as the window) and the random seed.

    Raises NCAError if a page can't have that size.
    """
    if size and not all(8 <= side <= 4096 for side in size):
        raise NCAError(f"A page's grid of {size_text(size)} cells is not possible; use from 8 to 4096 a side.")
    return {"seed": seed, **({"size": size_text(size)} if size else {})}


def page_text(
    models: "list[Model]", kernels: Sequence[str], plugins: Sequence[Path], start: Mapping[str, Any], more: bool = False
) -> str:
    """Return the text of a page that runs models, while a bar shows the progress of their pictures.

    kernels: names of those that the page offers, the first at its start; () for those that the models were made for.
    more: whether to offer those that the models were made for, too.
    start: see ncaengine.formats.exporters.page.
    Raises NCAError if a kernel does not exist or the page can't run a model.
    """
    from ncaengine.core import embeddings
    from ncaengine.io import pages

    models = [one for model in models for one in embeddings.each(model)]
    made_for = [name for model in models for name in model.config.kernels] if more or not kernels else []
    names = list(dict.fromkeys([*kernels, *made_for]))
    catalogue = find_kernels(plugins, names[:1], models)
    offered = [catalogue.get(name) for name in names if name in kernels or name in catalogue.kernels]
    with open_simulation(catalogue) as sim, progress_bar("steps") as bar:
        task = bar.add_task("Growing pictures", total=len(models) * pages.STEPS)
        return pages.web_page(sim, models, offered, start, lambda made: bar.advance(task, made))


def kept_page(text: str, models: "list[Model]") -> Path:
    """Write a page to the user's cache, where the next page of the same models replaces it. Return its path.

    Raises NCAError if it cannot be written.
    """
    import platformdirs

    from ncaengine.core import files

    name = re.sub(r"[^\w.-]+", "-", as_file_name("-".join(model.config.name for model in models)))
    path = platformdirs.user_cache_path("ncaengine") / "pages" / f"{name}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(path, error) from None
    files.replace_file(path, text.encode())
    return path


def open_page(path: Path) -> None:
    """Show a page in the browser; print a notice if there is none."""
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        print_notice(f"No browser could be opened; open {path} in one yourself.")
