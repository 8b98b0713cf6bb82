"""Values as people read and type them."""


def flag_of(name: str) -> str:
    """Return the command line's flag of a field: --fire-rate."""
    return f"--{name.replace('_', '-')}"


def duration(seconds: float) -> str:
    """Return a time in its largest unit: 14 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
