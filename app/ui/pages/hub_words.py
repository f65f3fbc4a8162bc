"""How the pages of the Hub say things: how long ago, how often, under which licence, what kind of file, and faults."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.errors import (
    EnvironmentFault,
    GatedRepository,
    HubFault,
    NoConnection,
    NotOnHub,
    OfflineWished,
    RateLimited,
    TokenRefused,
)
from app.core.units import format_count

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import OriginalCheckpoint, Variant

LONGEST_WORD = 60

LICENCES = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "gemma": "Gemma",
    "llama2": "Llama 2",
    "llama3": "Llama 3",
    "llama3.1": "Llama 3.1",
    "llama3.2": "Llama 3.2",
    "llama3.3": "Llama 3.3",
    "cc-by-4.0": "CC BY 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "gpl-3.0": "GPL 3.0",
    "openrail": "OpenRAIL",
}
"""By the Hub's name; those that models have most often."""


def plain(text: str) -> str:
    """A stranger's word for one line: without what does not print, and not endless."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * LONGEST_WORD])
    kept = " ".join(kept.split())
    return kept if len(kept) <= LONGEST_WORD else f"{kept[: LONGEST_WORD - 1]}…"


def licence_name(licence: str | None) -> str:
    if not licence:
        return _tr("no licence told")
    return LICENCES.get(licence, plain(licence))


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`3 weeks ago`; for a moment of the Hub's, in any time zone."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    days = ((now or datetime.now(UTC)) - moment).days
    if days < 1:
        return _tr("today")
    for length, one, many in (
        (1, _tr("yesterday"), _tr("{n} days ago")),
        (7, _tr("a week ago"), _tr("{n} weeks ago")),
        (30, _tr("a month ago"), _tr("{n} months ago")),
        (365, _tr("a year ago"), _tr("{n} years ago")),
    ):
        following = {1: 7, 7: 30, 30: 365, 365: 10**9}[length]
        if days < following:
            return one if days // length == 1 else many.format(n=days // length)
    return ""


def downloads(count: int) -> str:
    return _tr("{count} downloads").format(count=format_count(count))


def likes(count: int) -> str:
    return _tr("{count} likes").format(count=format_count(count))


def kind_of(variant: Variant) -> str:
    """What tells a file from others of its quantization, and what is wrong with it; may be empty."""
    name, count = variant.name, len(variant.files)
    told = [
        _tr("types chosen tensor by tensor (UD)") if name.is_dynamic else "",
        _tr("trained to be quantized so (QAT)") if name.is_qat else "",
        _tr("made with an importance matrix") if name.imatrix else "",
        _tr("{n} parts").format(n=count) if count > 1 and not variant.is_cut else "",
        why_not(variant),
    ]
    return " · ".join(filter(None, told))


def why_not(variant: Variant) -> str:
    """Why a variant cannot be had; empty where it can."""
    if variant.is_cut:
        return _tr("cut into {n} pieces, which llama.cpp does not join").format(n=len(variant.files))
    if variant.missing:
        numbers = ", ".join(map(str, variant.missing[:3])) + ("…" if len(variant.missing) > 3 else "")
        return _tr("not whole on the Hub: part {numbers} missing").format(numbers=numbers)
    return ""


def original_form(original: OriginalCheckpoint) -> str:
    """`BF16 safetensors`."""
    if original.is_pickled:
        return _tr("pickled PyTorch files")
    form = plain(original.form) if original.form else _tr("unknown type")
    return _tr("{form}, safetensors").format(form=form)


def fault_look(fault: EnvironmentFault) -> tuple[str, str]:
    """A glyph, and a heading of a few words."""
    for kind, glyph, title in (
        (NoConnection, "wifi-slash", _tr("No connection to the Hub")),
        (OfflineWished, "cloud-slash", _tr("The Hub is switched off")),
        (RateLimited, "hourglass-medium", _tr("The Hub asks for a pause")),
        (GatedRepository, "lock-simple", _tr("Its authors want to be asked first")),
        (TokenRefused, "key", _tr("The access token is refused")),
        (NotOnHub, "question", _tr("Not on the Hub")),
        (HubFault, "warning-circle", _tr("The Hub does not answer as it should")),
    ):
        if isinstance(fault, kind):
            return glyph, title
    return "warning-circle", _tr("That did not work")


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
