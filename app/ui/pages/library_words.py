"""How the Library says things: states of files, ages, checks, and names that may hold anything."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

DAY_S = 24 * 3600
_SHORT_AGES_DAYS = 30
FAILED = "failed"
"""The state of a file that was found to be another than it should be in this session."""


@dataclass(frozen=True)
class StateLook:
    """How the state of a file is shown: never by colour alone. `meaning`: a sentence."""

    glyph: str
    colour: str
    words: str
    meaning: str


def state_look(state: str) -> StateLook:
    """For a value of `app.library.EntryState`, or `FAILED`."""
    return {
        "ok": StateLook("check-circle", "good", _tr("Ready"), _tr("The file can be used.")),
        "changed": StateLook(
            "arrows-clockwise",
            "warning",
            _tr("Changed"),
            _tr("It can be used, and is not the file any more that was verified last."),
        ),
        FAILED: StateLook(
            "warning-octagon",
            "danger",
            _tr("Check failed"),
            _tr("It can be read, and is not what it should be: get it again before you rely on it."),
        ),
        "damaged": StateLook(
            "warning-octagon", "danger", _tr("Damaged"), _tr("Its content is no model that can be read.")
        ),
        "incomplete": StateLook(
            "circle-dashed", "warning", _tr("Incomplete"), _tr("Some of its parts or bytes are missing.")
        ),
        "denied": StateLook(
            "lock-simple", "warning", _tr("Not allowed"), _tr("The system does not let Nibble read it.")
        ),
        "away": StateLook(
            "link-break",
            "warning",
            _tr("Out of reach"),
            _tr("It cannot be found: its disk may be unplugged."),
        ),
        "gone": StateLook(
            "question", "muted", _tr("Gone"), _tr("It was here at an earlier look and is not any more.")
        ),
    }[state]


def one_line(text: str) -> str:
    """A name from a file, as one line without characters that are not shown or turn the line around."""
    if text.isprintable() and "  " not in text:
        return text
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def describe_age(at: float | None) -> str:
    """Of a moment in seconds since 1970: `today`, `3 days ago`, and a date for what is older."""
    if at is None:
        return "–"
    days = (_midnight() - at) / DAY_S
    if days <= 0:
        return _tr("today")
    if days <= 1:
        return _tr("yesterday")
    if days <= _SHORT_AGES_DAYS:
        return _tr("{n} days ago").format(n=int(days) + 1)
    return describe_date(at)


def describe_date(at: float) -> str:
    moment = QDateTime.fromSecsSinceEpoch(int(at))
    return QLocale().toString(moment.date(), QLocale.FormatType.ShortFormat)


def describe_moment(at: float) -> str:
    moment = QDateTime.fromSecsSinceEpoch(int(at))
    return QLocale().toString(moment, QLocale.FormatType.ShortFormat)


def _midnight() -> float:
    """When today began here."""
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
