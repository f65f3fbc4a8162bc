"""Asks the loaded model what to call a conversation.

As one more turn of the conversation itself: the model has that in its KV cache, so that no more than the question is
evaluated, and the next real turn finds the cache as the answer left it, up to where the question began.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.chat.model_caches import cache_name
from app.chat.records import Conversation, Message
from app.chat.titles import title_of
from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, Sampling
from app.runtime.protocol import Piece

QUESTION = (
    "Give this conversation a title of two to six words, in the language it is in."
    " Write the title alone, without quotation marks and without explaining it."
)
_SAMPLING = Sampling(temperature=0, max_tokens=24)


def can_be_asked(model: LoadedModel) -> bool:
    """A recurrent model cannot take back its last words: it would have to read the conversation again."""
    return not model.description.buffers.recurrent_state


def ask_for_title(
    model: LoadedModel,
    conversation: Conversation,
    given: Sequence[ChatMessage],
    last: Message,
    cancel: CancelToken,
) -> str | None:
    """`given`: what the model was given for its answer `last`. None where it says nothing that could be a title, or
    begins to think about it. Raises Cancelled where it is cancelled, and what `LoadedModel.generate` raises."""
    answer = ChatMessage("assistant", last.text, last.reasoning, last.tool_calls)
    messages = [*given, answer, ChatMessage("user", QUESTION)]
    options = conversation.options
    if (
        options.thinking is None
    ):  # what a person chose is perhaps told at the beginning, and would change all of it
        options = msgspec.structs.replace(options, thinking=False)
    said = ""
    for event in model.generate(
        messages, _SAMPLING, cancel, options, conversation=cache_name(conversation.id)
    ):
        if isinstance(event, Piece):
            if event.kind == "reasoning":
                return None
        elif isinstance(event, Generation):
            said = event.text
    cancel.raise_if_cancelled()
    return title_of(said)
