"""Conversations: kept in the database word by word, answered by a loaded model.

May import everything below it down to `app.core`. Main entries: `ConversationStore` for what is
kept, `ChatEngine` to get answers.
"""

from app.chat.engine import RANDOM_SEED, AnswerDelta, ChatEngine, TurnsLeftOut
from app.chat.store import Conversation, ConversationStore, Message, MessageState

__all__ = [
    "RANDOM_SEED",
    "AnswerDelta",
    "ChatEngine",
    "Conversation",
    "ConversationStore",
    "Message",
    "MessageState",
    "TurnsLeftOut",
]
