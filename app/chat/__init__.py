"""Conversations: kept in the database word by word, answered by a loaded model.

May import everything below it down to `app.core`. Main entries: `ConversationStore` for what is
kept, `ChatEngine` to get answers.
"""

from app.chat.engine import RANDOM_SEED, AnswerDelta, ChatEngine, TurnsLeftOut
from app.chat.records import NO_OPTIONS, WHEN_FULL, Conversation, Message, MessageState, WrittenWith
from app.chat.search import Hit
from app.chat.store import ConversationStore

__all__ = [
    "NO_OPTIONS",
    "RANDOM_SEED",
    "WHEN_FULL",
    "AnswerDelta",
    "ChatEngine",
    "Conversation",
    "ConversationStore",
    "Hit",
    "Message",
    "MessageState",
    "TurnsLeftOut",
    "WrittenWith",
]
