"""Values as people read and type them."""


def flag_of(name: str) -> str:
    """Return the command line's flag of a field: --fire-rate."""
    return f"--{name.replace('_', '-')}"


def printable(text: str) -> str:
    """Return a text from somebody's file without what would break the line, or control the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def plural(count: int, word: str) -> str:
    """Return '1 frame' or '2 frames'."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def with_unit(number: str, unit: str) -> str:
    """Return a number with its unit: 30 steps/s, but 45° and 2×."""
    return f"{number}{unit}" if unit in ("°", "×") else f"{number} {unit}".rstrip()


def file_size(count: float) -> str:
    """Return a number of bytes in its largest unit: 24 kB, 2.4 GB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration(seconds: float) -> str:
    """Return a time in its largest unit: 14 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def rounded(value: float, digits: int) -> str:
    """Return a number with so many digits, for example 0.83 or 130,000; from a million on, such as 1.3e+06."""
    return f"{float(f'{value:.{digits}g}'):,g}"
