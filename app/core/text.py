"""Text that every part can take."""

from __future__ import annotations


def encodable(text: str) -> str:
    """`text` with '?' for lone surrogates, which a paste or a file name can contain and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
