"""What the Hub's JSON says, as far as Nibble reads it. Whatever a stranger could have written is taken as it comes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

_MOST_PARAMETERS = 10**15
_REPOSITORY = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}")


class LfsDocument(msgspec.Struct, frozen=True):
    sha256: str = ""
    size: int = 0


class FileDocument(msgspec.Struct, frozen=True, rename={"blob_id": "blobId"}):
    rfilename: str
    size: int | None = None
    blob_id: str | None = None
    lfs: LfsDocument | None = None


class ModelDocument(
    msgspec.Struct, frozen=True, rename={"last_modified": "lastModified", "card_data": "cardData"}
):
    id: str
    author: str | None = None
    sha: str | None = None
    private: bool = False
    gated: bool | str = False
    downloads: int = 0
    likes: int = 0
    last_modified: str | None = None
    tags: list[str] = []
    siblings: list[FileDocument] = []
    card_data: Any = None
    config: Any = None
    gguf: Any = None
    safetensors: Any = None

    @property
    def licence(self) -> str | None:
        """As the Hub names it, e.g. "apache-2.0"; of those that it does not know, the name that the card gives."""
        card = self.card_data if isinstance(self.card_data, dict) else {}
        tag = next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)
        licence = text_in(card, "license") or tag
        return text_in(card, "license_name") or licence if licence in (None, "other") else licence

    @property
    def parameters(self) -> int | None:
        return count_in(self.gguf, "total") or count_in(self.safetensors, "total")

    @property
    def architecture(self) -> str | None:
        """GGUF's name for it, where the Hub has read a file's header."""
        return text_in(self.gguf, "architecture")

    @property
    def context_length(self) -> int | None:
        return count_in(self.gguf, "context_length")

    @property
    def base_models(self) -> tuple[str, ...]:
        """What it was made from, as far as the Hub has understood the card."""
        found = (tag.split(":")[-1] for tag in self.tags if tag.startswith("base_model:"))
        return tuple(dict.fromkeys(found))

    @property
    def changed_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.last_modified) if self.last_modified else None
        except ValueError:
            return None


def is_repository_name(id: str) -> bool:
    """Whether it is `owner/name`, which is also safe as two folders."""
    return _REPOSITORY.fullmatch(id) is not None


def text_in(document: Any, key: str) -> str | None:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) and value else None


def count_in(document: Any, key: str) -> int | None:
    """A positive whole number of believable size."""
    value = document.get(key) if isinstance(document, dict) else None
    plausible = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_PARAMETERS
    return value if plausible else None
