"""What a template may spend: processor time, the size of what it makes, and all of it together.

The clock is only looked at between a template's steps, so each step must be short: what one works
on is weighed before, and refused where it has grown out of proportion to the conversation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from jinja2.exceptions import SecurityError

CHARACTERS = 250_000
"""Of one value, beside what the conversation accounts for."""
BITS = 16_384
"""Of a number: more digits than Python writes out."""
MADE_AT_MOST = 500
"""All that is made in one render, in values of the greatest size. Most of it is thrown away at once."""
MADE_PER_TURN = 4
"""The same, in conversations: some templates add each turn to a text of all before."""

TIME_S = 0.15
"""Leaves room within 200 ms for the step that is running when time is up, and for a clock that Windows
moves on every 16 ms."""
TIME_PER_CHARACTER_S = 1e-6
TIME_PER_VALUE_S = 100e-6
TIME_PER_PAIR_S = 10e-6
"""Of turns: some templates look through all others for each. What real templates take for a long conversation,
`tests/bench/bench_templates.py` measures: a fifth of what they may, or less."""

COMPILING_PER_CHARACTER_S = 20e-6
"""Five times what real templates take on a desktop processor: the slow computers are meant to run them, too."""
COMPILING_AT_MOST_S = 1.0

STEPS_PER_LOOK = 32
"""Asking the system for a thread's time costs as much as several steps."""


class OverBudget(SecurityError):
    """The template works too long, or makes too much."""


class Budget:
    """For one compilation or one render.

    It counts processor time of the calling thread, so that a busy machine is not taken for a busy template.
    `given` are the values a template works on, which stay unchanged meanwhile, a conversation of so many
    `turns` among them: what it may spend grows with them.
    """

    def __init__(self, *given: Any, turns: int = 0) -> None:
        self._known: dict[int, int] = {}
        weight, values = _count(given, self._known)
        self.most = CHARACTERS + 4 * weight
        self._left = MADE_AT_MOST * self.most + MADE_PER_TURN * turns * weight
        allowed = TIME_S + TIME_PER_CHARACTER_S * weight
        allowed += TIME_PER_VALUE_S * values + TIME_PER_PAIR_S * turns**2
        self._deadline = time.thread_time() + allowed
        self._steps = STEPS_PER_LOOK

    @classmethod
    def for_compiling(cls, template: str) -> Budget:
        """What a template may make then is that of an empty conversation, however long its text is."""
        budget = cls()
        budget._deadline += min(COMPILING_PER_CHARACTER_S * len(template), COMPILING_AT_MOST_S)
        return budget

    def step(self) -> None:
        """Called between any two steps of a template."""
        self._steps -= 1
        if self._steps <= 0:
            self.look()

    def look(self) -> None:
        self._steps = STEPS_PER_LOOK
        if time.thread_time() > self._deadline:
            raise OverBudget("it works for too long")

    def require(self, weight: int) -> None:
        if weight > self.most:
            raise OverBudget("it makes a text or a list far too long")

    def weigh(self, value: Any) -> int:
        """About how many characters `value` has when written out, what it holds several times counted as
        often; refused beyond `most`. So nothing that is bounded takes long to compare, copy or write."""
        if isinstance(value, str):
            weight = len(value)
        elif isinstance(value, (list, tuple, dict, bytes, set, frozenset)):
            weight = self._weigh_all([value])
        elif isinstance(value, int) and value.bit_length() > BITS:
            raise OverBudget("it makes a number far too large")
        else:
            return 1
        self.require(weight)
        return weight

    def made(self, value: Any) -> Any:
        """Accounts for a new value."""
        weight = self.weigh(value)
        self._left -= weight
        if self._left < 0:
            raise OverBudget("it asks for too much memory")
        if weight > 10_000:
            self.look()
        else:
            self.step()
        return value

    def joined(self, parts: Iterable[str]) -> str:
        """`"".join`, refused as soon as it is clear that the text grows too long."""
        kept, length = [], 0
        for part in parts:
            length += len(part)
            self.require(length)
            kept.append(part)
        return str(self.made("".join(kept)))

    def _weigh_all(self, values: list[Any]) -> int:
        total = 0
        while values:
            value = values.pop()
            if isinstance(value, str):
                total += len(value) + 1
            elif id(value) in self._known:
                total += self._known[id(value)]
            elif isinstance(value, (list, tuple, set, frozenset)):
                self.step()
                total += len(value) + 1
                self.require(total)
                values.extend(value)
            elif isinstance(value, dict):
                self.step()
                total += len(value) + 1
                self.require(total)
                values.extend(value)
                values.extend(value.values())
            elif isinstance(value, bytes):
                total += 4 * len(value)  # written out, most of them are four characters each
            else:
                total += 1
            self.require(total)
        return total


def _count(value: Any, known: dict[int, int]) -> tuple[int, int]:
    """What `value` weighs and how many values it holds; keeps the weights of what holds others."""
    if isinstance(value, str):
        return len(value) + 1, 1
    if isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    else:
        return 1, 1
    counts = [_count(part, known) for part in parts]
    weight = known[id(value)] = len(parts) + 1 + sum(count[0] for count in counts)
    return weight, 1 + sum(count[1] for count in counts)
