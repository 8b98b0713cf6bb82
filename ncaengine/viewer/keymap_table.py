"""The table of keys as text, for the README: `python assets/pictures/make.py keys` writes it there."""

from ncaengine.viewer.keymap import TABLE


def table() -> str:
    """Markdown: a row a group of keys."""
    groups: dict[str, list[str]] = {}
    for entry in TABLE:
        if entry.shown:
            told = f"**{_plain(entry.shown)}** {entry.help[0].lower()}{entry.help[1:]}"
            groups.setdefault(entry.group, []).append(told)
    rows = [f"| {group} | {' · '.join(entries)} |" for group, entries in groups.items()]
    return "\n".join(["| | |", "|---|---|", *rows]) + "\n"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
