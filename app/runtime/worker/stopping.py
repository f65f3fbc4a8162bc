"""Texts at which an answer ends, found however tokens cut them."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Lets text through up to the first stop string, and holds back only what could become one.

    First is the one that ends first; of those that end together, the one that begins first. So the cut does not
    depend on how the text arrives.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._longest_start = max((len(stop) for stop in stops), default=0) - 1
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """What may be shown now. Nothing after `found` has become true."""
        if not self._stops:
            return text
        if self.found:
            return ""
        text = self._held + text
        ends = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if ends:
            _, start = min(ends)
            self.found = True
            self._held = ""
            return text[:start]
        shown = len(text) - self._start_at_end(text)
        self._held = text[shown:]
        return text[:shown]

    def finish(self) -> str:
        """What was held back and did not become a stop string."""
        held, self._held = self._held, ""
        return held

    def _start_at_end(self, text: str) -> int:
        """How many of the last characters may be the beginning of a stop string."""
        for length in range(min(self._longest_start, len(text)), 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stops):
                return length
        return 0
