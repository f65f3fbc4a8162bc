"""Files that go with a prompt: how the model gets them, how many tokens they take, and their beginning where the whole
does not fit.

In the prompt's text each stands before what the person wrote, in this form:

    File "notes.md":
    ```markdown
    …
    ```

The fence is longer than any row of backticks in the file, so that nothing in it can end it; the name is on one line
and holds no quotation mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.documents import Document, language_of, shown_name

_BACKTICKS = re.compile("`+")
_ASCII_PER_TOKEN = 3.5
"""Of English prose 4 to 4.5, of code and tables about 3, in the vocabularies in use."""
_OTHERS_PER_TOKEN = 1.3
"""Of Chinese, Japanese and Korean 1 to 1.7, of Cyrillic 2 to 3."""
_MARGIN = 0.98
_ROUNDS = 6


@dataclass(frozen=True)
class AttachmentHead:
    """What is shown of an attachment. `size_bytes`: of the file. `tokens`: as counted when it was sent, None where it
    was not. `remark`: a sentence on what of the file is missing, or empty."""

    name: str
    media_type: str
    size_bytes: int
    tokens: int | None = None
    remark: str = ""


@dataclass(frozen=True)
class Attachment:
    """The file's text as the model gets it, and the rest; the file itself is not needed any more."""

    head: AttachmentHead
    text: str


def attached(document: Document) -> Attachment:
    return Attachment(
        AttachmentHead(document.name, document.media_type, document.size_bytes, None, document.remark),
        document.text,
    )


def as_prompt(text: str, attachments: Sequence[Attachment]) -> str:
    """The prompt that the model is given, in the form above."""
    parts = [fenced(attachment) for attachment in attachments]
    return "\n\n".join([*parts, text] if text else parts)


def fenced(attachment: Attachment) -> str:
    head, text = attachment.head, attachment.text
    longest = max((len(row[0]) for row in _BACKTICKS.finditer(text)), default=0)
    fence = "`" * max(longest + 1, 3)
    name = shown_name(head.name).replace('"', "'").replace("`", "'")
    remark = f" ({' '.join(head.remark.split()).rstrip('.')})" if head.remark else ""
    ending = "" if text.endswith("\n") else "\n"
    return f'File "{name}"{remark}:\n{fence}{language_of(head.name)}\n{text}{ending}{fence}'


def estimate_tokens(text: str) -> int:
    """About how many, where no model is loaded that could tell; more often too many than too few."""
    return round(estimated_tokens(text))


def estimated_tokens(text: str) -> float:
    """The same for sums."""
    plain = len(text.encode("ascii", "ignore"))
    return plain / _ASCII_PER_TOKEN + (len(text) - plain) / _OTHERS_PER_TOKEN


def beginning_of(attachment: Attachment, most_tokens: int, count: Callable[[str], int]) -> Attachment | None:
    """As much from the beginning as `most_tokens` hold, ended with a line or a word; None where not even a line has
    room. `count` tells how many tokens a text is."""
    whole, text = len(attachment.text), attachment.text
    tokens = count(fenced(attachment))
    part = replace(attachment, head=replace(attachment.head, tokens=tokens))
    for _ in range(_ROUNDS):
        if tokens <= most_tokens:
            return part
        text = _cut(text, int(len(text) * _MARGIN * max(most_tokens, 0) / tokens))
        if not text.strip():
            return None
        remark = f"Only the first {len(text):,} of {whole:,} characters."
        part = Attachment(replace(attachment.head, remark=remark), text)
        tokens = count(fenced(part))
        part = replace(part, head=replace(part.head, tokens=tokens))
    return part if tokens <= most_tokens else None


def _cut(text: str, most: int) -> str:
    start = text[:most]
    for mark in ("\n", " "):
        at = start.rfind(mark)
        if at > 0.8 * most:
            return start[: at + 1]
    return start
