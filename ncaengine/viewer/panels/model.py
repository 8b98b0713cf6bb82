"""A section of the side bar: the selected grid's model, kernel and seed number."""

from imgui_bundle import imgui

from ncaengine.core.model import Model
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids, running
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.state.app import App

DIGITS = int(imgui.InputTextFlags_.chars_decimal)
UNKNOWN_KERNEL = "\nThe model may not grow its texture on this kernel."


def size_text(model: Model) -> str:
    """Return the numbers of a model's channels, hidden units and weights."""
    weights = widgets.format_count(model.parameters)
    return f"{model.config.channels} channels · {model.config.hidden} hidden · {weights} weights"


class ModelPanel:
    """The Model section, with the seed number that is being typed."""

    def __init__(self) -> None:
        self._typed: str | None = None

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        name = app.name_of(app.grid.model)
        widgets.row_label("Model")
        if picked := widgets.drop_down("##model", name, ((n, n, "") for n in app.models), name):
            grids.use_model(app, picked)
        _kernel(app)
        self._seed_number(app)
        widgets.text_in(theme.DIM, size_text(app.grid.model), imgui.get_content_region_avail().x)

    def _seed_number(self, app: App) -> None:
        widgets.row_label("Seed", "Sets the initial noise and which cells fire in each step.")
        shown = str(app.grid.rng_seed) if self._typed is None else self._typed
        _, typed = imgui.input_text("##seed", shown, DIGITS)  # imgui's own numbers have 32 bits
        self._typed = typed if imgui.is_item_active() else None
        if imgui.is_item_deactivated_after_edit():
            running.type_seed(app, typed)


def _kernel(app: App) -> None:
    current, catalogue = app.grid.kernel, app.sim.catalogue
    widgets.row_label("Kernel", "The neighbourhood that a cell sees.")
    known, others = (
        [(name, catalogue.kernels[name].title, catalogue.kernels[name].description + warning) for name in names]
        for names, warning in zip(grids.kernels(app), ("", UNKNOWN_KERNEL), strict=True)
    )
    broken = ((path.parent.name, f"{path}: {reason}") for path, reason in catalogue.broken.items())
    picked = widgets.drop_down("##kernel", current.title, known, current.name, others, broken, show_values=True)
    if picked:
        grids.use_kernel(app, picked)
    widgets.tooltip(keymap.with_key(current.description, grids.next_kernel))
