"""`ncaengine doctor`."""

import dataclasses
from dataclasses import dataclass

from ncaengine.cli.shared.output import print_json

STYLES = {"good": "green", "slow": "yellow", "missing": "yellow", "broken": "bold red"}


@dataclass(frozen=True)
class Doctor:
    """Show what this machine and this installation have, what is missing or broken, and what to do about it."""

    json: bool = False
    """Print one JSON object instead of a table."""

    def run(self) -> None:
        """Print a table, or JSON."""
        from ncaengine.cli.shared import checks

        if self.json:
            print_json({"findings": [dataclasses.asdict(finding) for finding in checks.run_all()]})
            return
        from rich import box
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table("", "", "found", "what to do", box=box.SIMPLE_HEAD, pad_edge=False)
        findings = list(checks.run_all())
        for each in findings:
            verdict = f"[{STYLES[each.verdict]}]{each.verdict}[/]"
            table.add_row(escape(each.part), verdict, escape(each.found), escape(each.advice))
        console = Console(highlight=False)
        console.print(table)
        broken = sum(each.verdict == "broken" for each in findings)
        console.print("Nothing is broken." if not broken else f"Broken: {broken}; see above what to do.")
