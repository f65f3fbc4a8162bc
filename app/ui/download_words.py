"""How the window says how far downloads are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app.core.units import format_bytes, format_duration
from app.ui.download_wishes import QueueEntry


@dataclass(frozen=True)
class Overall:
    """All downloads that are shown as one. `state`, from what matters most: "running", "waiting" for the network or for
    another process, "failed", "paused", "done"; empty without any."""

    state: str
    received_bytes: int
    size: int
    bytes_per_s: float | None
    left_s: float | None

    @property
    def percent(self) -> int:
        """Rounded down: 100 means all of it."""
        return 100 * self.received_bytes // self.size if self.size else 0


def overall(entries: Sequence[QueueEntry]) -> Overall:
    """Of those that come, with those that have come beside them; of others where none comes."""
    by_state: dict[str, list[QueueEntry]] = {}
    for entry in entries:
        by_state.setdefault(entry.state, []).append(entry)
    coming, done = by_state.get("waiting", []), by_state.get("done", [])
    if coming:
        state = "running" if any(entry.download.is_running for entry in coming) else "waiting"
        counted = done + coming
    else:
        state = next((each for each in ("failed", "paused", "done") if each in by_state), "")
        counted = by_state.get(state, [])
    rates = [entry.progress.bytes_per_s for entry in coming if entry.progress and entry.progress.bytes_per_s]
    rate = sum(rates) or None
    left_s = sum(entry.remaining_bytes for entry in coming) / rate if rate else None
    received = sum(min(entry.received_bytes, entry.download.size) for entry in counted)
    return Overall(state, received, sum(entry.download.size for entry in counted), rate, left_s)


def describe_all(entries: Sequence[QueueEntry]) -> str:
    """`2 to come, 1.20 GB of 9.80 GB, 23.4 MB/s, 3 min 12 s left · 1 failed`"""
    told = overall(entries)
    counts = Counter(entry.state for entry in entries)
    waiting, failed, paused, done = (counts[each] for each in ("waiting", "failed", "paused", "done"))
    coming = ""
    if waiting:
        figures = (amount(told.received_bytes, told.size), rate(told.bytes_per_s), time_left(told.left_s))
        coming = ", ".join(filter(None, (_tr("{n} to come").format(n=waiting), *figures)))
    return _joined(
        coming,
        _tr("{n} failed").format(n=failed) if failed else "",
        _tr("{n} paused").format(n=paused) if paused else "",
        _tr("{n} done").format(n=done) if done else "",
    )


def describe(entry: QueueEntry) -> str:
    """How far one is, without what it has failed with, and what is made of it then."""
    if not entry.to_make or entry.state == "done":
        return _how_far(entry)
    return _joined(
        _how_far(entry),
        _tr("then {types} is made").format(types=", ".join(order.words for order in entry.to_make)),
    )


def _how_far(entry: QueueEntry) -> str:
    size = entry.download.size
    told = amount(entry.received_bytes, size)
    if entry.state == "done":
        return _joined(_tr("Done"), format_bytes(size))
    if entry.state == "failed":
        return _tr("Failed")
    if entry.state == "paused":
        return _joined(_tr("Paused"), told)
    progress = entry.progress
    if progress is not None:
        return _joined(stage(progress.stage), told, rate(progress.bytes_per_s), time_left(progress.left_s))
    if entry.download.is_running:
        return _joined(_tr("Downloading"), told)
    if entry.download.fault:
        return _joined(_tr("Waits for the network"), told)
    return _joined(_tr("Waits for its turn"), told if entry.received_bytes else format_bytes(size))


def describe_files(entry: QueueEntry) -> list[str]:
    """A line for each file, with how far it is."""
    files = entry.download.files
    missing = (
        entry.received_bytes - entry.download.received_bytes
    )  # what has come since that was written down
    lines = []
    for file in files:
        received = file.received_bytes
        if not file.is_done and missing:
            received, missing = min(max(received + missing, 0), file.size), 0
        told = format_bytes(file.size) if file.is_done else amount(received, file.size)
        lines.append(f"{file.path} · {told}")
    return lines


def stage(told: str) -> str:
    """Empty for what a bar and its figures say already."""
    words = {"Downloading": "", "Checking": _tr("Checking")}
    return words.get(told, told)


def amount(received_bytes: int, size: int) -> str:
    return _tr("{done} of {total}").format(done=format_bytes(received_bytes), total=format_bytes(size))


def rate(bytes_per_s: float | None) -> str:
    return _tr("{size}/s").format(size=format_bytes(round(bytes_per_s))) if bytes_per_s else ""


def time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 10:
        return _tr("a few seconds left")
    return _tr("{time} left").format(time=format_duration(math.ceil(seconds)))


def short_time(seconds: float) -> str:
    """`12 s`, `4 min`, `2 h 13 min`: for where there is little room."""
    if seconds <= 60:
        return format_duration(max(math.ceil(seconds), 10))
    minutes = math.ceil(seconds / 60)
    return _tr("{n} min").format(n=minutes) if minutes < 60 else format_duration(60 * minutes)


def _joined(*words: str) -> str:
    return " · ".join(filter(None, words))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Downloads", text)
