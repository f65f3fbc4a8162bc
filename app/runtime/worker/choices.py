"""Which tokens were chosen, told with the text they stand for."""

from __future__ import annotations

from app.runtime.protocol import TokenChoice


class Choices:
    """Of one answer, in order, each with the place in the text where it begins."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._choices: list[TokenChoice] = []
        self._told = 0
        self._shown = 0

    def add(self, begins: int, choice: TokenChoice) -> None:
        """`begins`: how many characters came before it."""
        self._begins.append(begins)
        self._choices.append(choice)

    def shown_with(self, characters: int) -> tuple[TokenChoice, ...]:
        """Those that begin in the text shown until now, to which so many more characters were just added, and
        were not told before."""
        self._shown += characters
        start = self._told
        while self._told < len(self._begins) and self._begins[self._told] < self._shown:
            self._told += 1
        return tuple(self._choices[start : self._told])

    def all(self, *, cut: bool) -> tuple[TokenChoice, ...]:
        """With `cut`, the text shown ends before what the model wrote, and so do they; without, tokens that have
        no text belong to the end, too."""
        return tuple(self._choices[: self._told] if cut else self._choices)
