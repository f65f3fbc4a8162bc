"""An answer's way from the bytes of tokens to the text that is shown."""

from __future__ import annotations

from app.runtime.worker.text_stream import TextStream


class AnswerText:
    """`raw` is all that the model wrote, in whole characters."""

    def __init__(self) -> None:
        self._stream = TextStream()
        self._taken: list[str] = []
        self._pending: list[str] = []

    @property
    def raw(self) -> str:
        return "".join([*self._taken, *self._pending])

    def feed(self, piece: bytes) -> None:
        """The bytes of the next token."""
        self._pending.append(self._stream.feed(piece))

    def take(self) -> str:
        """What can be shown since the last time."""
        text = "".join(self._pending)
        self._pending.clear()
        self._taken.append(text)
        return text

    def finish(self) -> None:
        """No more tokens come: what was held back can be taken."""
        self._pending.append(self._stream.finish())
