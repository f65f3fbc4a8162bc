"""What was said in conversations as one text, to calibrate a model on a person's own words."""

from __future__ import annotations

from collections.abc import Iterable

from app.chat.store import ConversationStore
from app.core.errors import WrongChoice


def calibration_text(store: ConversationStore, conversations: Iterable[int]) -> str:
    """Prompts with what is attached to them, and answers, of the branches that are shown.

    Raises WrongChoice for a conversation that is not there.
    """
    parts: list[str] = []
    for each in conversations:
        if not store.exists(each):
            raise WrongChoice(f"There is no conversation {each}.", "See: nibble chats list")
        messages = store.messages(each)
        attached = store.attachments_of(messages)
        for message in messages:
            parts += [attachment.text for attachment in attached.get(message.id, ())]
            parts += [message.reasoning, message.text]
    return "\n\n".join(part for part in parts if part.strip())
