"""An answer's way from the bytes of tokens to the parts that are shown."""

from __future__ import annotations

from collections.abc import Sequence

from app.runtime.protocol import AnswerSoFar, ToolCall
from app.runtime.worker.answers import AnswerReader, Part
from app.runtime.worker.continuing import ShownAlready
from app.runtime.worker.stopping import StopStrings
from app.runtime.worker.text_stream import TextStream


class AnswerText:
    """`raw` is all that the model wrote, in whole characters; `reader` takes apart what of it stands before the
    first stop string.

    `characters` have been written so far, `read_characters` of them the reader has got.

    Where nothing has to be known of each token at once, their bytes are only kept until they are taken: a small model
    is so fast that the time to turn them into text shows.
    """

    def __init__(
        self,
        reader: AnswerReader,
        stops: Sequence[str] = (),
        written: str = "",
        so_far: AnswerSoFar | None = None,
    ) -> None:
        """`written`: what the model had written of an answer that goes on, of which `so_far` has been shown; a stop
        string is looked for in what is new."""
        self._reader = reader
        self._shown = ShownAlready(reader, written, so_far) if so_far is not None else None
        self._unread: list[bytes] = []
        self._has_stops = bool(stops)
        self._stops = StopStrings(stops)
        self._end_mark = ""
        self._stream = TextStream()
        self._is_whole = False
        self._raw: list[str] = []
        self._pending: list[str] = []
        self._characters = 0
        self.read_characters = 0

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    @property
    def has_stopped(self) -> bool:
        """A stop string was found."""
        return self._stops.found

    def feed(self, piece: bytes) -> None:
        """The bytes of the next token."""
        self._unread.append(piece)
        if self._has_stops:
            self._read()

    @property
    def characters(self) -> int:
        self._read()
        return self._characters

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """Complete once all is taken."""
        return self._reader.tool_calls

    def take(self) -> list[Part]:
        """What can be shown since the last time."""
        self._read()
        text = "".join(self._pending)
        self._pending.clear()
        self.read_characters += len(text)
        parts = list(self._reader.feed(text))
        if self._is_whole:
            parts += [*self._reader.feed(self._end_mark), *self._reader.finish()]
        return parts if self._shown is None else self._shown.without(parts)

    def finish(self, end_mark: str = "") -> None:
        """No more tokens come: what was held back can be taken. `end_mark`: how the family's marks read the token
        that ended it, which is no part of the text."""
        self._end_mark = end_mark
        self._read()
        self._add(self._stream.finish())
        self._pending.append(self._stops.finish())
        self._is_whole = True

    def _read(self) -> None:
        self._add(self._stream.feed(b"".join(self._unread)))
        self._unread.clear()

    def _add(self, text: str) -> None:
        self._raw.append(text)
        self._characters += len(text)
        self._pending.append(self._stops.feed(text))
