"""An answer's way from the bytes of tokens to the text that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from app.runtime.worker.stopping import StopStrings
from app.runtime.worker.text_stream import TextStream


class AnswerText:
    """`raw` is all that the model wrote, in whole characters; what is shown ends before the first stop string."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stream = TextStream()
        self._stops = StopStrings(stops)
        self._raw: list[str] = []
        self._pending: list[str] = []
        self.characters = 0

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    @property
    def has_stopped(self) -> bool:
        """At a stop string."""
        return self._stops.found

    def feed(self, piece: bytes) -> None:
        """The bytes of the next token."""
        self._read(self._stream.feed(piece))

    def take(self) -> str:
        """What can be shown since the last time."""
        text = "".join(self._pending)
        self._pending.clear()
        return text

    def finish(self) -> None:
        """No more tokens come: what was held back can be taken."""
        self._read(self._stream.finish())
        self._pending.append(self._stops.finish())

    def _read(self, text: str) -> None:
        self._raw.append(text)
        self.characters += len(text)
        self._pending.append(self._stops.feed(text))
