"""The sequences of a context, each with its own part of the KV cache."""

from __future__ import annotations

from collections.abc import Sequence

import llama_cpp

from app.runtime.worker.spelling import Spelling


class Slot:
    """Which tokens one sequence has in the KV cache, and how its last conversation is spelled.

    `conversation`: what the application calls it. `used_at` by `time.perf_counter`, 0 where never.
    After an answer that was not broken off, the cache holds the whole conversation or, where the last token was
    shown but not evaluated, all but that one.
    """

    def __init__(self, context: object, sequence: int, window: int) -> None:
        """`window` in tokens, 0 where all layers see everything."""
        self._memory = llama_cpp.llama_get_memory(context)
        self._window = window
        self.sequence = sequence
        self.cached: list[int] = []
        self.spelling = Spelling()
        self.conversation = ""
        self.used_at = 0.0

    def forget_beyond(self, position: int) -> int:
        """Drops the cache from `position` on and returns where it ends now. Recurrent models cannot
        drop a part, and layers with a sliding window may have lost what the next token would see:
        their cache is emptied."""
        kept = self._has_window_before(position)
        if not kept or not llama_cpp.llama_memory_seq_rm(self._memory, self.sequence, position, -1):
            llama_cpp.llama_memory_seq_rm(self._memory, self.sequence, -1, -1)
            position = 0
        del self.cached[position:]
        return position

    def _has_window_before(self, position: int) -> bool:
        """Windowed layers keep little more than their window, from the oldest token they still have."""
        if not self._window or llama_cpp.llama_memory_seq_pos_max(self._memory, self.sequence) < position:
            return True
        oldest = llama_cpp.llama_memory_seq_pos_min(self._memory, self.sequence)
        return bool(oldest <= max(0, position - self._window))


def choose_slot(free: Sequence[Slot], tokens: Sequence[int]) -> tuple[Slot, int]:
    """A slot for `tokens`, and how many of them it has already.

    The one that has most of their beginning, if that is at least half of what it holds or of what is wanted.
    Otherwise the one that has rested longest: a few tokens that all conversations begin with are not worth the
    end of another one.
    """
    common = {slot: common_prefix(slot.cached, tokens) for slot in free}
    alike = [slot for slot in free if 2 * common[slot] >= min(len(slot.cached), len(tokens)) > 0]
    rested = min(free, key=lambda slot: slot.used_at)
    best = max(alike, key=lambda slot: common[slot], default=rested)
    return best, common[best]


def common_prefix(cached: Sequence[int], wanted: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (one, other) in enumerate(zip(cached, wanted, strict=False)):
        if one != other:
            return index
    return min(len(cached), len(wanted))
