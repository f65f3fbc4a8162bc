"""What the guide's files are called, and which of them a person means."""

from __future__ import annotations

import re
from pathlib import Path

from app.core.errors import WrongChoice
from app.storage import DataFolder

GUIDE_QUANTIZATIONS = ("Q8_0", "Q4_0")
"""What "Try it now" makes and compares; the first is what a person chats with who just says `guide`."""

SOURCE_QUANTIZATION = "BF16"
"""The checkpoint's own type, from which the others are made."""

FIRST_QUESTION = "Is it worth going from Q4 to Q8?"
"""Typed in for the person who compares the two for the first time; the guide was trained on it."""

_NAME = re.compile(r"guide(?:-(?P<quantization>\w+))?(?:\.gguf)?", re.IGNORECASE)


def guide_quantization(reference: str) -> str | None:
    """Which quantization of the guide a person means by `guide` or `guide-Q4_K_M`, in any case, with or without .gguf.

    None where the guide is not meant. These names are the guide's even where the person has a file
    of that name: theirs is reached by its path.
    """
    from app.convert import quantization_named

    found = _NAME.fullmatch(reference)
    if found is None:
        return None
    try:
        return quantization_named(found["quantization"] or GUIDE_QUANTIZATIONS[0]).name
    except WrongChoice:  # a name like guide-lines
        return None


def guide_file(data: DataFolder, quantization: str) -> Path:
    """Where that quantization of the guide is, or will be."""
    return data.guide / f"guide-{quantization}.gguf"
