"""Finding marks in text that arrives in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class MarkScanner:
    """Cuts text at marks, the same way however it arrives: what may become a mark is held back."""

    def __init__(self) -> None:
        self._held = ""
        self._is_whole = False

    def feed(self, text: str) -> None:
        self._held += text

    def finish(self) -> None:
        """No more comes: what was held back is text, or a mark already."""
        self._is_whole = True

    def next(self, marks: Sequence[str]) -> tuple[str, str]:
        """The text up to the next of `marks`, and the mark: "" where none is sure yet. Both are "" when
        there is nothing to tell before more arrives. Of two marks at one place the longer one counts."""
        held = self._held
        places = [(place, -len(mark), mark) for mark in marks if (place := held.find(mark)) >= 0]
        found, _, mark = min(places, default=(len(held), 0, ""))
        start = found if self._is_whole else self._unsure(marks, found)
        if start < found or not mark or (start == found and self._may_grow(marks, found)):
            self._held = held[start:]
            return held[:start], ""
        self._held = held[found + len(mark) :]
        return held[:found], mark

    def rest(self) -> str:
        text, self._held = self._held, ""
        return text

    def _unsure(self, marks: Sequence[str], found: int) -> int:
        """Where the first unfinished mark may begin, before `found`."""
        longest = max(map(len, marks), default=0)
        for start in range(max(0, len(self._held) - longest + 1), found):
            if self._begins(marks, start):
                return start
        return found

    def _may_grow(self, marks: Sequence[str], found: int) -> bool:
        """Whether a longer mark may begin at `found`."""
        return not self._is_whole and self._begins(marks, found)

    def _begins(self, marks: Sequence[str], start: int) -> bool:
        end = self._held[start:]
        return any(len(mark) > len(end) and mark.startswith(end) for mark in marks)
