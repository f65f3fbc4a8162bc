"""An answer that goes on: how the model had written what there is of it, in text and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.runtime.protocol import AnswerSoFar
from app.runtime.worker.answers import AnswerReader, Part
from app.runtime.worker.spelling import UNREADABLE, Spelling, spell
from app.runtime.worker.typed_specials import TypedSpecials
from app.runtime.worker.vocabulary import Vocabulary


def as_written(
    prompt: Spelling, so_far: AnswerSoFar, known: Iterable[Spelling], make_reader: Callable[[], AnswerReader]
) -> Spelling | None:
    """`prompt` and the answer as a model wrote it, where one of the spellings `known` has just that: in its own tokens,
    with the white space and the marks that are not shown."""
    begin = (len(prompt.text), len(prompt.tokens))
    for spelling in known:
        if begin not in spelling.marks or spelling.tokens[: begin[1]] != prompt.tokens:
            continue
        if not spelling.text.startswith(prompt.text):
            continue
        for characters, count in spelling.marks:
            written = spelling.text[begin[0] : characters]
            if written and read(make_reader(), written) == so_far:
                marks = tuple(mark for mark in spelling.marks if mark <= (characters, count))
                return Spelling(spelling.text[:characters], spelling.tokens[:count], marks)
    return None


def written_anew(
    prompt: Spelling,
    beginning: str,
    vocabulary: Vocabulary,
    typed_specials: TypedSpecials,
    known: Iterable[Spelling],
) -> Spelling:
    """`prompt` and the `beginning` of the answer as the tokenizer writes it. Bytes at its end that are no whole
    character are left out: which they were is not known."""
    beginning = beginning.rstrip(UNREADABLE)
    if not beginning:
        return prompt
    whole = spell(prompt.text + beginning, vocabulary, typed_specials, known)
    end = (len(prompt.text), len(prompt.tokens))
    if whole.tokens[: end[1]] != prompt.tokens or end in whole.marks:
        return whole
    return Spelling(whole.text, whole.tokens, tuple(sorted({*whole.marks, end})))


def read(reader: AnswerReader, written: str) -> AnswerSoFar:
    """What of an answer is shown."""
    return joined([*reader.feed(written), *reader.finish()])


def joined(parts: Iterable[Part]) -> AnswerSoFar:
    parts = list(parts)
    return AnswerSoFar(
        "".join(part.text for part in parts if part.kind == "answer"),
        "".join(part.text for part in parts if part.kind == "reasoning"),
    )


class ShownAlready:
    """Leaves out what was shown before the answer was cut: at its end, a reader gives also what may be a part of a mark
    or white space before one; going on, it still holds that back and gives it later."""

    def __init__(self, reader: AnswerReader, written: str, so_far: AnswerSoFar) -> None:
        """Feeds `written` to `reader`, which then is where the model goes on."""
        given = joined(reader.feed(written))
        self._left = {
            "answer": so_far.text.removeprefix(given.text) if so_far.text.startswith(given.text) else "",
            "reasoning": (
                so_far.reasoning.removeprefix(given.reasoning)
                if so_far.reasoning.startswith(given.reasoning)
                else ""
            ),
        }

    def without(self, parts: Iterable[Part]) -> list[Part]:
        return [Part(part.kind, text) for part in parts if (text := self._rest(part))]

    def _rest(self, part: Part) -> str:
        left = self._left[part.kind]
        self._left = {"answer": "", "reasoning": ""}
        if left.startswith(part.text):
            self._left[part.kind] = left[len(part.text) :]
            return ""
        return part.text.removeprefix(left)
