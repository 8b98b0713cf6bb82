"""Write a report, as a page or a picture, with its numbers beside it."""

import json
from pathlib import Path

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.io import contact_sheets
from ncaengine.training.appraisal import Report
from ncaengine.training.report_figures import report_json
from ncaengine.training.report_page import report_page
from ncaengine.training.report_sheet import report_sheet

ENDINGS = (".html", ".png")
NUMBERS = ".json"
"""The ending of the file beside a report that holds its numbers."""


def check_output(path: Path) -> None:
    """Raise NCAError unless a report can be written to a path."""
    if path.suffix.lower() not in ENDINGS:
        raise NCAError(f"{path}: reports are pages or pictures; choose a name that ends in .html or .png.")
    files.check_place(path)
    files.check_place(path.with_suffix(NUMBERS))


def write_report(report: Report, path: Path) -> Path:
    """Write a report, and its numbers to a file .json next to it; return the path of that. Raises NCAError."""
    numbers = path.with_suffix(NUMBERS)
    if path.suffix.lower() == ".png":
        contact_sheets.save_picture(report_sheet(report), path)
    else:
        write_page(report, path)
    files.replace_file(numbers, (json.dumps(report_json(report), indent=1) + "\n").encode())
    return numbers


def write_page(report: Report, path: Path) -> None:
    """Write a report's page alone. Raises NCAError."""
    files.replace_file(path, report_page(report).encode())
