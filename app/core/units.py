"""Sizes, times and rates as people read them.

Sizes are decimal (1 GB = 10^9 bytes), as shops and disks count; exact bytes belong in tooltips
and JSON.
"""

from __future__ import annotations


def format_bytes(count: int) -> str:
    """`4920736256` -> `4.92 GB`; three significant digits from kB upwards."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        if value < 999.5 or unit == "PB":
            break
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f} {unit}"


def format_count(count: int) -> str:
    """A parameter count: `7340032` -> `7.3 M`, `8030261248` -> `8.0 B`."""
    if count < 1000:
        return str(count)
    value = float(count)
    for unit in ("K", "M", "B", "T"):
        value /= 1000
        if value < 999.5 or unit == "T":
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def format_duration(seconds: float) -> str:
    """`0.42` -> `0.42 s`, `75` -> `1 min 15 s`, `8000` -> `2 h 13 min`."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_rate(tokens_per_s: float) -> str:
    """`38.24` -> `38.2 tokens/s`."""
    return f"{tokens_per_s:.1f} tokens/s" if tokens_per_s < 99.95 else f"{tokens_per_s:.0f} tokens/s"


def format_rates(low: float, high: float) -> str:
    """Of tokens per second: `31-47 tok/s`, `0.35-0.52 tok/s`."""
    decimals = 0 if high >= 10 else 1 if high >= 1 else 2
    return f"{low:.{decimals}f}-{high:.{decimals}f} tok/s"
