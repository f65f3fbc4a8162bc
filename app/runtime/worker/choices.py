"""Which tokens were chosen, told with the text they stand for."""

from __future__ import annotations

from app.runtime.protocol import TokenChoice


class Choices:
    """Of one answer, in order, each with the place in what the model wrote where it begins."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._choices: list[TokenChoice] = []
        self._told = 0

    def add(self, begins: int, choice: TokenChoice) -> None:
        """`begins`: how many characters came before it."""
        self._begins.append(begins)
        self._choices.append(choice)

    def new_until(self, characters: int) -> tuple[TokenChoice, ...]:
        """Those that begin in the first so many characters and were not told before."""
        start = self._told
        while self._told < len(self._begins) and self._begins[self._told] < characters:
            self._told += 1
        return tuple(self._choices[start : self._told])

    def until(self, characters: int, *, cut: bool) -> tuple[TokenChoice, ...]:
        """With `cut`, what was read ends before what the model wrote, and so do they; without, tokens that have
        no text belong to the end, too."""
        if not cut:
            return tuple(self._choices)
        return tuple(
            choice for begins, choice in zip(self._begins, self._choices, strict=True) if begins < characters
        )
