"""What is told of a context: counted where it was, and what goes next as the worker lets it go."""

from __future__ import annotations

from dataclasses import replace

from app.chat import Message, MessageState
from app.chat.attachments import AttachmentHead
from app.chat.context_use import context_use
from app.runtime import ToolCall
from app.runtime.protocol import GenerationStatistics


def figures(prompt: int, tokens: int, dropped: int = 0) -> GenerationStatistics:
    return GenerationStatistics(
        prompt_tokens=prompt,
        evaluated_tokens=prompt,
        tokens=tokens,
        prompt_s=1.0,
        prompt_tokens_per_s=1.0,
        time_to_first_token_s=1.0,
        tokens_per_s=1.0,
        memory_bytes=1,
        seed=1,
        finish_reason="stop",
        dropped_messages=dropped,
    )


def conversation(turns: int, characters: int, last: GenerationStatistics | None) -> list[Message]:
    """Of so many turns; each message has so many characters."""
    text = "x" * characters
    made = []
    for number in range(turns):
        for role in ("user", "assistant"):
            is_last = role == "assistant" and number == turns - 1
            made.append(
                Message(
                    len(made) + 1,
                    role,
                    text,
                    MessageState.COMPLETE,
                    0.0,
                    statistics=last if is_last else None,
                )
            )
    return made


def test_new_chat_takes_nothing() -> None:
    use = context_use([], 4096)
    assert (use.used, use.left, use.system_prompt, use.is_nearly_full) == (0, 4096, 0, False)


def test_numbers_are_those_of_the_last_answer() -> None:
    use = context_use(conversation(2, 100, figures(300, 100)), 4096, max_tokens=512, draft=10)
    assert (use.used, use.left, use.reserved, use.draft) == (400, 3696, 512, 10)
    assert (use.leaves_out, use.next_to_go) == (0, 0), "this chat stops when the context is full"


def test_system_prompt_has_its_share_of_the_characters() -> None:
    use = context_use(conversation(1, 50, figures(90, 10)), 4096, system_prompt="y" * 100)
    assert (use.system_prompt, use.conversation) == (50, 50)


def test_draft_counts_towards_being_nearly_full() -> None:
    messages = conversation(1, 100, figures(400, 400))
    assert not context_use(messages, 1000).is_nearly_full
    assert context_use(messages, 1000, draft=60).is_nearly_full


def test_whole_turns_go_a_quarter_of_the_context_at_a_time() -> None:
    """Eight messages of 100 tokens in 1,000, 250 of which are kept for the answer: 800 tokens are 50 too many, so at
    least 250 go, which is two turns of 200."""
    messages = conversation(4, 400, figures(700, 100))
    use = context_use(messages, 1000, when_full="drop_oldest")
    assert (use.reserved, use.leaves_out) == (250, 4)


def test_what_goes_next_is_told_while_there_is_room() -> None:
    messages = conversation(3, 400, figures(500, 100))
    use = context_use(messages, 1000, when_full="drop_oldest")
    assert (use.leaves_out, use.next_to_go) == (0, 4)


def test_what_has_gone_already_stays_gone() -> None:
    messages = conversation(4, 400, figures(300, 100, dropped=4))
    use = context_use(messages, 1000, when_full="drop_oldest")
    assert (use.used, use.leaves_out) == (400, 4)


def test_last_turn_never_goes() -> None:
    use = context_use(conversation(1, 4000, figures(900, 90)), 1000, when_full="drop_oldest")
    assert (use.leaves_out, use.next_to_go) == (0, 0)


def test_room_for_the_next_message_leaves_some_for_its_answer() -> None:
    """Of 1,000 tokens an eighth stays free; 400 characters were counted as 400 tokens, so 200 more are as many."""
    messages = conversation(2, 100, figures(300, 100))
    assert context_use(messages, 1000).room == 875 - 400
    unanswered = Message(9, "user", "x" * 200, MessageState.COMPLETE, 0.0)
    use = context_use([*messages, unanswered], 1000)
    assert (use.uncounted, use.room) == (200, 875 - 400 - 200)


def test_room_where_the_oldest_turns_go_is_all_but_the_system_prompt_and_a_quarter() -> None:
    messages = conversation(1, 50, figures(90, 10))
    use = context_use(messages, 1000, system_prompt="y" * 100, when_full="drop_oldest")
    assert use.room == 750 - 50
    assert context_use(messages, 1000, system_prompt="y" * 100).room_without_oldest == use.room


def test_files_and_calls_of_tools_count_with_their_messages() -> None:
    """The file has as many tokens as were counted of it, so that of 400 tokens the texts have but 100: 350 characters
    that were estimated rightly."""
    prompt, answer = conversation(1, 175, figures(390, 10))
    prompt = replace(prompt, attachments=(AttachmentHead("a.txt", "text/plain", 1200, 300),))
    use = context_use([prompt, answer, Message(3, "user", "x" * 175, MessageState.COMPLETE, 0.0)], 1000)
    assert use.uncounted == 50
    called = replace(answer, id=4, statistics=None, text="", tool_calls=(ToolCall("f", "y" * 174),))
    assert context_use([prompt, answer, called], 1000).uncounted == 50
