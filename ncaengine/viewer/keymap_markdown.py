"""The table of keys as text, for docs/window.md: `python assets/pictures/make.py keys` writes it there."""

from ncaengine.viewer.keymap import TABLE


def table() -> str:
    """Return Markdown: for each group of keys a heading and a table with a row for each key."""
    groups: dict[str, list[str]] = {}
    for shortcut in TABLE:
        if shortcut.shown:
            groups.setdefault(shortcut.group, []).append(f"| **{_plain(shortcut.shown)}** | {_plain(shortcut.help)} |")
    return "\n".join(
        "\n".join([f"### {group}", "| key | action |", "|---|---|", *rows, ""]) for group, rows in groups.items()
    )


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
