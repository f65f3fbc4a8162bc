"""Whose an address is: scheme and host, which decide on where a client goes and who sees what it sends."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def origin_of(url: str) -> str:
    """`https://huggingface.co`; `://` where it is no address at all."""
    split = split_address(url)
    return f"{split.scheme}://{split.netloc}".lower()


def split_address(url: str) -> SplitResult:
    """Empty where it is no address at all."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
