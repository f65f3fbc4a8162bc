"""How many tokens a text is, counted beside the answers that are being written: llama.cpp's tokenizer changes nothing,
and Python's lock is free while it works."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

from app.runtime.protocol import Counted, Reply
from app.runtime.worker.failing import failed
from app.runtime.worker.line import Line
from app.runtime.worker.output import Output
from app.runtime.worker.vocabulary import Vocabulary

PIECE_CHARACTERS = 100_000
"""At once: the tokenizer of SentencePiece vocabularies takes time with the square of the characters they do not know,
three seconds for so many."""
_BREAK = re.compile(r"(?<=\w) (?=\w)")
"""Where no vocabulary in use has a token across."""
_SEARCHED = 1000


class Counting:
    """One thread for each count; they end before the model goes."""

    def __init__(self, line: Line, output: Output) -> None:
        self._line = line
        self._output = output
        self._threads: list[threading.Thread] = []

    def begin(self, number: int, vocabulary: Vocabulary, text: str) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._count, args=(number, vocabulary, text), daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _count(self, number: int, vocabulary: Vocabulary, text: str) -> None:
        try:
            count = sum(len(vocabulary.tokenize_plain(piece)) for piece in pieces_of(text))
            reply: Reply = Counted(tokens=count)
        except Exception as error:
            reply = failed(error)
        self._output.send(number, reply)
        self._line.end(number)


def pieces_of(text: str) -> Iterator[str]:
    """`text` in pieces, cut between words where there are any."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = start + PIECE_CHARACTERS
        breaks = [match.start() for match in _BREAK.finditer(text, end - _SEARCHED, end)]
        cut = breaks[-1] if breaks else end
        yield text[start:cut]
        start = cut
    yield text[start:]
