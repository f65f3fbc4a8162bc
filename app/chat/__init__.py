"""Conversations: kept in the database word by word, answered by a loaded model.

May import everything below it down to `app.core`. Main entries: `ConversationStore` for what is
kept, `ChatEngine` to get answers.
"""

from app.chat.engine import RANDOM_SEED, AnswerDelta, ChatEngine, TurnsLeftOut
from app.chat.store import NO_OPTIONS, WHEN_FULL, Conversation, ConversationStore, Message, MessageState

__all__ = [
    "NO_OPTIONS",
    "RANDOM_SEED",
    "WHEN_FULL",
    "AnswerDelta",
    "ChatEngine",
    "Conversation",
    "ConversationStore",
    "Message",
    "MessageState",
    "TurnsLeftOut",
]
