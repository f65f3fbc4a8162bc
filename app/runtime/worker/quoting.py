"""Special tokens that a person types, or a tool returns, are text and nothing else.

Such a text is put between two characters of nobody's use, which go through the template with it and tell
the tokenizer what to take by the letter. Transformers' `sanitize_control_tokens` does the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from app.runtime.protocol import ChatMessage

OPEN, CLOSE = "\U000f0000", "\U000f0001"
QUOTES = OPEN + CLOSE

_STRIPPED = str.maketrans("", "", QUOTES)
_CANDIDATE = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]|\][^\[\]\s]{0,20}\[|〈[^〈〉\s]{1,40}〉")
"""How control tokens look, in all the vocabularies we know."""
_MOST_KEPT = 10_000


class Quoter:
    """`is_control` tells whether a tokenizer would make a control token of a text."""

    def __init__(self, is_control: Callable[[str], bool]) -> None:
        self._is_control = is_control
        self._known: dict[str, bool] = {}

    def quoted(self, message: ChatMessage) -> ChatMessage:
        """The same message; whatever stands in it cannot end its turn or begin another one."""
        content = self.quote(message.content)
        reasoning = self.quote(message.reasoning)
        if content == message.content and reasoning == message.reasoning:
            return message
        return msgspec.structs.replace(message, content=content, reasoning=reasoning)

    def quote(self, text: str) -> str:
        return _CANDIDATE.sub(self._quote_control, text.translate(_STRIPPED))

    def _quote_control(self, match: re.Match[str]) -> str:
        text = match[0]
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            known = self._known[text] = self._is_control(text)
        return f"{OPEN}{text}{CLOSE}" if known else text
