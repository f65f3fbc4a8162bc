"""A conversation falls into turns wherever a user begins to speak."""

from __future__ import annotations

import pytest

from app.runtime.protocol import ChatMessage
from app.runtime.worker.turns import share_out


@pytest.mark.parametrize(
    ("roles", "opening", "turns"),
    [
        ("", "", []),
        ("u", "", ["u"]),
        ("su", "s", ["u"]),
        ("suau", "s", ["ua", "u"]),
        ("uauau", "", ["ua", "ua", "u"]),
        ("ssuatau", "ss", ["uata", "u"]),
        ("auau", "", ["aua", "u"]),  # a greeting belongs to the first turn
        ("uu", "", ["u", "u"]),
        ("usau", "", ["usa", "u"]),
        ("s", "s", []),
    ],
)
def test_turn_is_a_users_message_with_all_up_to_the_next_one(
    roles: str, opening: str, turns: list[str]
) -> None:
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    messages = [ChatMessage(names[role], str(number)) for number, role in enumerate(roles)]
    first, rest = share_out(messages)
    assert [*first, *(message for turn in rest for message in turn)] == messages
    assert "".join(message.role[0] for message in first) == opening
    assert ["".join(message.role[0] for message in turn) for turn in rest] == turns
