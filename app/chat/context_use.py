"""What of a model's context a conversation takes, what is left, and what goes next where it outgrows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.chat.attachments import estimated_tokens
from app.chat.records import Message
from app.runtime.protocol import WhenFull

SHARE_LEFT_OUT = 1 / 4
"""Of the context: so much goes at once where turns are left out, and at least so much is kept for an answer
(`app.runtime.worker.prompting`)."""
NEARLY_FULL = 0.85
"""Of the context. What is left is then less than two or three usual answers."""
SHARE_FOR_ANSWER = 1 / 8
"""Of the context, kept free: a prompt that fills it leaves no room to answer in."""


@dataclass(frozen=True)
class ContextUse:
    """In tokens. `used` is counted by the model, as of the last answer; `system_prompt` is a part of it, and like
    `draft` unless that was counted, an estimate. `uncounted`: the messages since then, estimated. `reserved`: for the
    answer, as far as that is agreed.

    `leaves_out`: so many of the first messages the next prompt does without, as far as can be told; `next_to_go`: so
    many more when the context is full. Both are 0 where nothing is left out.
    """

    total: int
    used: int
    system_prompt: int
    draft: int
    reserved: int
    leaves_out: int
    next_to_go: int
    uncounted: int = 0
    when_full: WhenFull = "stop"

    @property
    def room(self) -> int:
        """For the next message, with room for its answer."""
        if self.when_full == "drop_oldest":
            return self.room_without_oldest
        return max(int(self.total * (1 - SHARE_FOR_ANSWER)) - self.used - self.uncounted, 0)

    @property
    def room_without_oldest(self) -> int:
        return max(int(self.total * (1 - SHARE_LEFT_OUT)) - self.system_prompt, 0)

    @property
    def has_messages(self) -> bool:
        return self.conversation + self.uncounted > 0

    @property
    def conversation(self) -> int:
        return self.used - self.system_prompt

    @property
    def left(self) -> int:
        """Before the draft and the answer to it."""
        return max(self.total - self.used, 0)

    @property
    def is_nearly_full(self) -> bool:
        return self.used + self.draft >= NEARLY_FULL * self.total


def context_use(
    messages: Sequence[Message],
    total: int,
    *,
    system_prompt: str = "",
    max_tokens: int = 0,
    when_full: WhenFull = "stop",
    draft: int = 0,
) -> ContextUse:
    """`messages` of the branch that is shown; `total` the context length; `max_tokens` 0: no limit."""
    used, dropped, answered = _counted(messages)
    estimates, of_prompt = [_estimate(message) for message in messages], estimated_tokens(system_prompt)
    kept = sum(estimates[dropped:answered]) + of_prompt
    scale = used / kept if used and kept else 1.0  # what was counted tells how far estimates are off
    sizes = [estimate * scale for estimate in estimates]
    prompt_size = round(of_prompt * scale)
    if not used:  # nothing was counted yet
        prompt_size = used = min(prompt_size, total)
    step = max(int(total * SHARE_LEFT_OUT), 1)
    reserved = min(max_tokens, total)
    leaves_out = next_to_go = 0
    if when_full == "drop_oldest":
        reserved = min(step, max_tokens or step)
        most = total - reserved
        whole = prompt_size + sum(sizes) + draft
        leaves_out = max(_to_leave_out(messages, sizes, whole - most, step), dropped)
        # When it grows by what is left of the room.
        growth = max(most - (used + draft), 0) + 1
        next_to_go = max(_to_leave_out(messages, sizes, whole + growth - most, step) - leaves_out, 0)
    uncounted = round(sum(sizes[answered:]))
    return ContextUse(
        total, used, min(prompt_size, used), draft, reserved, leaves_out, next_to_go, uncounted, when_full
    )


def _counted(messages: Sequence[Message]) -> tuple[int, int, int]:
    """Tokens of the conversation as of its last answer with figures, how many messages that did without, and how many
    it goes over."""
    for number in reversed(range(len(messages))):
        figures = messages[number].statistics
        if figures is not None:
            return figures.prompt_tokens + figures.tokens, figures.dropped_messages, number + 1
    return 0, 0, 0


def _to_leave_out(messages: Sequence[Message], sizes: Sequence[float], excess: float, step: int) -> int:
    """As the worker does: whole turns from the first on, a step of the context at a time, never the last turn."""
    if excess <= 0:
        return 0
    to_drop = -(-excess // step) * step
    starts = [number for number, message in enumerate(messages) if message.role == "user"]
    for start in starts[1:]:
        if to_drop <= sum(sizes[:start]):
            return start
    return starts[-1] if len(starts) > 1 else 0


def _estimate(message: Message) -> float:
    # A file of which nothing was counted: what it takes if it is plain text.
    files = sum(
        head.tokens if head.tokens is not None else head.size_bytes / 4 for head in message.attachments
    )
    calls = sum(estimated_tokens(f"{call.name}{call.arguments}") for call in message.tool_calls)
    return estimated_tokens(message.text) + files + calls
