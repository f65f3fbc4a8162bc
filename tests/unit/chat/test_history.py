"""What of a conversation the model is given."""

from pathlib import Path

from app.chat.history import History
from app.chat.records import Conversation, Message, MessageState
from app.runtime import ChatMessage, Sampling


def history(*turns: tuple[str, str], system_prompt: str = "") -> list[ChatMessage]:
    conversation = Conversation(1, "", Path("m.gguf"), system_prompt, Sampling(), 0.0, 0.0)
    messages = [
        Message(number, role, text, MessageState.COMPLETE, 0.0) for number, (role, text) in enumerate(turns)
    ]
    return History(conversation, messages, {}).messages


def test_system_prompt_comes_first():
    assert history(("user", "Hi"), system_prompt="Be brief.") == [
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Hi"),
    ]


def test_answers_after_the_last_prompt_are_left_out():
    assert history(("user", "Hi"), ("assistant", "cut o")) == [ChatMessage("user", "Hi")]


def test_of_several_answers_to_one_prompt_the_last_one_counts():
    turns = history(("user", "Hi"), ("assistant", "cut o"), ("assistant", "Hello"), ("user", "And?"))
    assert turns == [
        ChatMessage("user", "Hi"),
        ChatMessage("assistant", "Hello"),
        ChatMessage("user", "And?"),
    ]


def test_prompts_without_an_answer_between_them_are_one_turn():
    assert history(("user", "One"), ("user", "Two")) == [ChatMessage("user", "One\n\nTwo")]


def test_reasoning_of_answers_goes_along():
    conversation = Conversation(1, "", Path("m.gguf"), "", Sampling(), 0.0, 0.0)
    messages = [
        Message(1, "user", "2 and 2?", MessageState.COMPLETE, 0.0),
        Message(2, "assistant", "4", MessageState.COMPLETE, 0.0, reasoning="Two and two."),
        Message(3, "user", "And 3?", MessageState.COMPLETE, 0.0),
    ]
    assert History(conversation, messages, {}).messages == [
        ChatMessage("user", "2 and 2?"),
        ChatMessage("assistant", "4", reasoning="Two and two."),
        ChatMessage("user", "And 3?"),
    ]


def test_messages_that_became_one_or_gave_way_count_as_left_out_with_it():
    roles = ("user", "user", "assistant", "assistant", "user", "assistant", "user")
    kept = [Message(number, role, "x", MessageState.COMPLETE, 0.0) for number, role in enumerate(roles)]
    for system_prompt in ("", "Be brief."):
        conversation = Conversation(1, "", Path("m.gguf"), system_prompt, Sampling(), 0.0, 0.0)
        history = History(conversation, kept, {})
        # The two prompts as one, the later answer, and so on: a turn of what the model is given has two messages.
        assert [history.kept_of(dropped) for dropped in (0, 2, 4)] == [0, 4, 6]
