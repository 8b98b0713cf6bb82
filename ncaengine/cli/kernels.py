"""`ncaengine kernels`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncaengine.cli.shared.options import Plugins

if TYPE_CHECKING:
    from ncaengine.core.kernels import Kernel


@dataclass(frozen=True)
class Kernels:
    """List the kernels (neighbourhoods), and whether each responds as strongly as the square kernel."""

    plugins: Plugins = ()

    def run(self) -> None:
        """Print the kernels, then the broken plugins with the reasons."""
        from rich.console import Console
        from rich.markup import escape
        from rich.padding import Padding

        from ncaengine.core import kernels

        catalogue = kernels.discover(self.plugins)
        console = Console(highlight=False)
        for kernel in catalogue.kernels.values():
            heading, *details = _describe_kernel(kernel)
            console.print(heading)
            for line in details:
                console.print(Padding(escape(line), (0, 0, 0, 4)))
        for complaint in catalogue.complaints():
            console.print(f"[bold red]broken[/] {escape(complaint)}", soft_wrap=True)


def _describe_kernel(kernel: "Kernel") -> list[str]:
    """Return lines about a kernel; only the first has markup."""
    neighbours = {tap[:2] for stencil in kernel.stencils.values() for tap in stencil.taps()} - {(0, 0)}
    gains = ", ".join(f"{gain:.3g}" for gain in kernel.gains())
    unmatched = kernel.unmatched()
    verdict = "[yellow]not matched[/]" if unmatched else "[green]matched[/]"
    size = f"{len(neighbours):2} neighbours, radius {kernel.radius}"
    heading = f"[bold]{kernel.name:18}[/] {size}  gains {gains}  {verdict}"
    cures = (f"{name} matches with divisor = {value:.7g}" for name, value in kernel.matching_divisors().items())
    return [heading, *filter(None, [kernel.description]), *unmatched, *cures]
