"""What the button of a step does: chats with a model that is here, shows how far its download is, or gets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.units import format_bytes
from app.ui.download_wishes import QueueEntry
from app.ui.download_words import describe
from app.ui.downloads import Downloads

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.catalogue import CatalogueModel

_SIXTEEN_BITS = {"BF16": "F16"}
"""Either is the original's own bits."""


@dataclass(frozen=True)
class Getting:
    """A quantization that comes: what its button says, and why; `fraction` of its bytes have arrived. `is_asked`: the
    Hub is being asked for it, and the button stops that."""

    glyph: str
    words: str
    told: str
    fraction: float = 0.0
    is_asked: bool = False


@dataclass(frozen=True)
class Offer:
    """`file`: the one in the library. `repository`: where it is on the Hub, with GGUF files unless `is_original`."""

    file: Path | None
    getting: Getting | None
    repository: str
    is_original: bool

    @property
    def is_action(self) -> bool:
        """Whether the button brings the person closer to chatting, rather than elsewhere."""
        return self.file is not None or (self.getting is None and not self.is_original)

    @property
    def glyph(self) -> str:
        if self.file is not None:
            return "chat-circle"
        if self.getting is not None:
            return self.getting.glyph
        return "arrow-square-out" if self.is_original else "download-simple"

    @property
    def words(self) -> str:
        if self.file is not None:
            return _tr("Chat")
        if self.getting is not None:
            return self.getting.words
        return _tr("Open") if self.is_original else _tr("Get")

    def name(self, quantization: str) -> str:
        """For who listens."""
        if self.file is not None:
            return _tr("Chat with {quantization}").format(quantization=quantization)
        if self.getting is not None:
            return f"{quantization}: {self.getting.told}"
        if self.is_original:
            return _tr("Open on Hugging Face: {quantization}").format(quantization=quantization)
        return _tr("Get {quantization}").format(quantization=quantization)

    def tip(self, quantization: str, size: int) -> str:
        """`size` in bytes, of the file on the Hub."""
        if self.file is not None:
            return f"{self.name(quantization)}\n{self.file}"
        if self.getting is not None:
            press = _tr("Press to stop that") if self.getting.is_asked else _tr("Show the downloads")
            return f"{self.getting.told}\n{press}"
        if self.is_original:
            return _tr("Opens {repository} on Hugging Face in your browser, after asking").format(
                repository=self.repository
            )
        return _tr("Downloads about {size} from {repository} on Hugging Face").format(
            size=format_bytes(size), repository=self.repository
        )


NO_OFFER = Offer(None, None, "", True)


def longest_words() -> tuple[str, ...]:
    """What has to have room in a button."""
    return (
        _tr("Chat"),
        _tr("Open"),
        _tr("Get"),
        _tr("Asking…"),
        _tr("Waiting"),
        _tr("Paused"),
        _tr("Failed"),
        _tr("Here"),
    )


def getting_of(downloads: Downloads, model: CatalogueModel) -> dict[str, Getting]:
    """By quantization, what comes of the model's own repositories."""
    repositories = {name.casefold() for name in model.gguf}
    found = {
        quantization: asked()
        for repository, quantization in downloads.asked
        if repository.casefold() in repositories
    }
    for entry in downloads.entries:
        if (
            entry.quantization
            and entry.download.repository.casefold() in repositories
            and entry.state != "done"
        ):
            quantization = _SIXTEEN_BITS.get(entry.quantization, entry.quantization)
            found[quantization] = coming(entry)
    return found


def asked() -> Getting:
    """What the Hub is asked for and is not in the queue yet."""
    return Getting("hourglass-medium", _tr("Asking…"), _tr("The Hub is asked for its files."), is_asked=True)


def here() -> Getting:
    """What is here and cannot be chatted with."""
    return Getting("check-circle", _tr("Here"), _tr("It is on this computer."), 1.0)


def coming(entry: QueueEntry) -> Getting:
    """What is in the queue and not done."""
    fraction = min(entry.received_bytes / entry.download.size, 1.0) if entry.download.size else 0.0
    percent = _tr("{n} %").format(n=int(100 * fraction))
    glyph, words = {
        "paused": ("pause", _tr("Paused")),
        "failed": ("warning-circle", _tr("Failed")),
        "waiting": ("hourglass-medium", _tr("Waiting")),
    }[entry.state]
    if entry.download.is_running:
        glyph, words = "download-simple", percent
    told = " ".join(filter(None, (describe(entry), entry.download.fault, entry.download.hint)))
    return Getting(glyph, words, told, fraction)


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
