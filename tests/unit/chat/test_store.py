"""Conversations: kept piece by piece, in order, through the end of the program that wrote them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.chat import ConversationStore, MessageState
from app.runtime import GenerationStatistics, Sampling, TemplateOptions
from app.runtime.sampling import TokenBias

MODEL = Path("/models/bard.gguf")
STATISTICS = GenerationStatistics(
    prompt_tokens=12,
    evaluated_tokens=4,
    tokens=7,
    prompt_s=0.25,
    prompt_tokens_per_s=16.0,
    time_to_first_token_s=0.3,
    tokens_per_s=38.5,
    memory_bytes=123_456_789,
    seed=2**32 - 2,
    finish_reason="stop",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


@pytest.fixture
def store(path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(path) as store:
        yield store


def new_conversation(store: ConversationStore, *prompts: str) -> int:
    conversation = store.create(MODEL, Sampling(seed=3))
    for prompt in prompts:
        store.add_prompt(conversation.id, prompt)
    return conversation.id


def texts(path: Path, conversation_id: int) -> list[tuple[str, str, MessageState]]:
    """As the next start of the program would find them."""
    with ConversationStore(path) as store:
        return [(message.role, message.text, message.state) for message in store.messages(conversation_id)]


def test_conversation_with_answer_comes_back_whole_after_a_restart(
    store: ConversationStore, path: Path
) -> None:
    sampling = Sampling(temperature=0.3, seed=2**63, max_tokens=50)
    conversation = store.create(MODEL, sampling, "Be brief.")
    store.add_prompt(conversation.id, "Who goes there? 🦙\n\0 'quoted'")
    writer = store.begin_answer(conversation.id, "Bard", "Q4_K_M")
    writer.append("A frie")
    writer.append("nd.")
    finished = writer.finish(MessageState.COMPLETE, STATISTICS)

    with ConversationStore(path) as again:
        kept = again.conversation(conversation.id)
        prompt, answer = again.messages(conversation.id)

    assert (kept.model_path, kept.system_prompt, kept.sampling) == (MODEL, "Be brief.", sampling)
    assert prompt.text == "Who goes there? 🦙\n\0 'quoted'"
    assert answer == finished
    assert (answer.text, answer.state, answer.statistics) == ("A friend.", MessageState.COMPLETE, STATISTICS)
    assert (answer.model_name, answer.quantization) == ("Bard", "Q4_K_M")


def test_streaming_answer_read_from_elsewhere_shows_what_has_arrived(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    writer = store.begin_answer(conversation, "Bard", None)
    for length in range(1, 12):
        writer.append(str(length % 10))
        assert texts(path, conversation)[1] == ("assistant", "12345678901"[:length], MessageState.STREAMING)


def test_answer_that_ends_while_it_is_read_never_shows_less_than_before(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    shrunk: list[tuple[int, int]] = []
    over = threading.Event()

    def read() -> None:
        with ConversationStore(path) as reader:
            longest = 0
            while not over.is_set():
                shown = sum(len(message.text) for message in reader.messages(conversation))
                if shown < longest:
                    shrunk.append((longest, shown))
                longest = max(longest, shown)

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(60):
        store.add_prompt(conversation, "more")
        writer = store.begin_answer(conversation, "Bard", None)
        writer.append("word ")
        writer.append("word ")
        writer.finish(MessageState.COMPLETE)
    over.set()
    thread.join()
    assert shrunk == []


def test_answer_stopped_before_its_first_word_leaves_no_message(store: ConversationStore, path: Path) -> None:
    conversation = new_conversation(store, "hello")
    assert store.begin_answer(conversation, "Bard", None).finish(MessageState.STOPPED) is None
    assert texts(path, conversation) == [("user", "hello", MessageState.COMPLETE)]


def test_reasoning_streams_beside_the_answer_and_is_kept_apart_from_it(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "Two and two?")
    writer = store.begin_answer(conversation, "Bard", None)
    writer.append("Two and ", "reasoning")
    writer.append("two.", "reasoning")
    with ConversationStore(path) as elsewhere:
        streaming = elsewhere.messages(conversation)[-1]
    assert (streaming.text, streaming.reasoning) == ("", "Two and two.")
    writer.append("4")
    finished = writer.finish(MessageState.COMPLETE, STATISTICS)
    with ConversationStore(path) as elsewhere:
        assert elsewhere.messages(conversation)[-1] == finished
    assert finished is not None
    assert (finished.text, finished.reasoning) == ("4", "Two and two.")
    assert finished.reasoning_s is not None


def test_answer_stopped_while_the_model_thinks_keeps_what_it_thought(store: ConversationStore) -> None:
    conversation = new_conversation(store, "Two and two?")
    writer = store.begin_answer(conversation, "Bard", None)
    writer.append("Two", "reasoning")
    stopped = writer.finish(MessageState.STOPPED)
    assert stopped is not None
    assert (stopped.text, stopped.reasoning, stopped.state) == ("", "Two", MessageState.STOPPED)


def test_answer_without_reasoning_has_no_time_of_thinking(store: ConversationStore) -> None:
    writer = store.begin_answer(new_conversation(store, "Hi"), "Bard", None)
    writer.append("Hello")
    finished = writer.finish(MessageState.COMPLETE)
    assert finished is not None
    assert (finished.reasoning, finished.reasoning_s) == ("", None)


def test_template_options_of_a_conversation_are_kept(store: ConversationStore, path: Path) -> None:
    options = TemplateOptions(thinking=False, reasoning_effort="low")
    first = store.create(MODEL, Sampling(), options=options)
    second = store.create(MODEL, Sampling())
    store.change_options(second.id, TemplateOptions(thinking=True))
    with ConversationStore(path) as again:
        assert again.conversation(first.id).options == options
        assert again.conversation(second.id).options == TemplateOptions(thinking=True)


def test_what_happens_when_the_context_is_full_is_kept_with_a_conversation(
    store: ConversationStore, path: Path
) -> None:
    untouched = store.create(MODEL, Sampling())
    first = store.create(MODEL, Sampling(), when_full="drop_oldest")
    second = store.create(MODEL, Sampling())
    store.change_when_full(second.id, "drop_oldest")
    third = store.create(MODEL, Sampling(), when_full="drop_oldest")
    store.change_when_full(third.id, "stop")
    with ConversationStore(path) as again:
        kept = [again.conversation(each.id).when_full for each in (untouched, first, second, third)]
    assert kept == ["stop", "drop_oldest", "drop_oldest", "stop"]


def test_complete_answer_without_a_word_is_kept(store: ConversationStore, path: Path) -> None:
    conversation = new_conversation(store, "hello")
    store.begin_answer(conversation, "Bard", None).finish(MessageState.COMPLETE, STATISTICS)
    assert texts(path, conversation)[1] == ("assistant", "", MessageState.COMPLETE)


@pytest.mark.parametrize("text", ["a lone \ud83e surrogate", "\udc00"])
def test_prompt_with_lone_surrogate_is_kept_with_question_marks(store: ConversationStore, text: str) -> None:
    conversation = store.create(MODEL, Sampling(), system_prompt=text)
    kept = store.add_prompt(conversation.id, text)
    expected = "".join("?" if "\ud800" <= character <= "\udfff" else character for character in text)
    assert [message.text for message in store.messages(conversation.id)] == [expected] == [kept.text]
    assert store.conversation(conversation.id).system_prompt == expected


def test_messages_come_in_the_order_they_were_written(store: ConversationStore) -> None:
    first, second = new_conversation(store, "1"), new_conversation(store, "x")
    for number in range(2, 30):
        store.add_prompt(first, str(number))
        store.add_prompt(second, "y")
    assert [message.text for message in store.messages(first)] == [str(number) for number in range(1, 30)]


def test_conversations_come_with_the_one_used_last_first(store: ConversationStore) -> None:
    first, second, third = (new_conversation(store, f"prompt {number}") for number in range(3))
    assert [conversation.id for conversation in store.conversations()] == [third, second, first]
    store.add_prompt(first, "again")
    assert [conversation.id for conversation in store.conversations()] == [first, third, second]
    writer = store.begin_answer(second, "Bard", None)
    writer.append("word")
    writer.finish(MessageState.COMPLETE)
    assert [conversation.id for conversation in store.conversations()] == [second, first, third]


def test_conversation_without_a_message_is_not_listed(store: ConversationStore) -> None:
    new_conversation(store)
    assert store.conversations() == []


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Hello", "Hello"),
        ("  two\n\n lines\there ", "two lines here"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 30, ("word " * 30)[:59].rstrip() + "…"),
    ],
)
def test_title_is_the_first_prompt_on_one_line(store: ConversationStore, prompt: str, title: str) -> None:
    conversation = new_conversation(store, prompt, "another prompt")
    assert store.conversation(conversation).title == title
    assert len(title) <= 60


def test_changes_to_a_conversation_are_kept(store: ConversationStore, path: Path) -> None:
    conversation = new_conversation(store, "hello")
    store.change_model(conversation, Path("/models/other.gguf"))
    store.change_sampling(conversation, Sampling(temperature=0.0))
    store.change_system_prompt(conversation, "In rhyme.")
    with ConversationStore(path) as again:
        kept = again.conversation(conversation)
    assert kept.model_path == Path("/models/other.gguf")
    assert kept.sampling == Sampling(temperature=0.0)
    assert kept.system_prompt == "In rhyme."


def test_deleted_conversation_is_gone_with_all_of_it_and_others_stay(
    store: ConversationStore, path: Path
) -> None:
    conversation, other = new_conversation(store, "hello"), new_conversation(store, "stays")
    store.begin_answer(conversation, "Bard", None).append("word")
    store.delete(conversation)
    assert texts(path, conversation) == []
    assert [kept.id for kept in store.conversations()] == [other]
    with pytest.raises(KeyError):
        store.conversation(conversation)


def test_what_another_version_wrote_about_an_answer_does_not_keep_the_conversation_shut(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    writer = store.begin_answer(conversation, "Bard", None)
    writer.append("Ay.")
    writer.finish(MessageState.COMPLETE, STATISTICS)

    def rewrite(statistics: str, sampling: str) -> None:
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE messages SET statistics = ? WHERE role = 'assistant'", (statistics,))
            connection.execute("UPDATE conversations SET sampling = ?", (sampling,))

    newer = msgspec.json.encode(msgspec.to_builtins(STATISTICS) | {"joules": 3}).decode()
    rewrite(newer, '{"seed": 4, "clairvoyance": 2}')
    assert store.messages(conversation)[1].statistics == STATISTICS
    assert store.conversation(conversation).sampling == Sampling(seed=4)
    for statistics, sampling in (('{"tokens": 5}', '{"seed": "random"}'), ("{", "no JSON")):
        rewrite(statistics, sampling)
        answer = store.messages(conversation)[1]
        assert (answer.text, answer.statistics) == ("Ay.", None)
        assert [kept.sampling for kept in store.conversations()] == [Sampling()]


def test_sampling_that_an_older_version_wrote_has_the_defaults_of_what_it_did_not_know(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    # As version 0.1.0 wrote it, before there were more samplers.
    older = (
        '{"temperature":0.5,"top_k":20,"top_p":0.9,"min_p":0.1,"repeat_penalty":1.1,"repeat_last_n":32,"seed":-1,'
        '"max_tokens":100}'
    )
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE conversations SET sampling = ?", (older,))
    assert store.conversation(conversation).sampling == Sampling(
        temperature=0.5,
        top_k=20,
        top_p=0.9,
        min_p=0.1,
        repeat_penalty=1.1,
        repeat_last_n=32,
        seed=-1,
        max_tokens=100,
    )


def test_all_of_the_sampling_comes_back(store: ConversationStore) -> None:
    sampling = Sampling(
        typical_p=0.5,
        top_n_sigma=1.5,
        dry_sequence_breakers=("\n", "🦙"),
        mirostat=2,
        logit_bias=(TokenBias(7, -100.0), TokenBias(" llama", 1.5)),
        stop=("\nUser:", "漢"),
        json_schema='{"type": "object"}',
    )
    conversation = new_conversation(store, "hello")
    store.change_sampling(conversation, sampling)
    assert store.conversation(conversation).sampling == sampling


WRITER = """
import os, sys
import psutil
from pathlib import Path
from app.chat import ConversationStore
store = ConversationStore(Path(sys.argv[1]))
writer = store.begin_answer(int(sys.argv[2]), "Bard", "Q8_0")
for word in sys.argv[4:]:
    writer.append(word)
print("written", flush=True)
if sys.argv[3] == "dies":
    psutil.Process().kill()
sys.stdin.read()
"""


def start_writer(path: Path, conversation: int, fate: str, *words: str) -> subprocess.Popen[str]:
    """A program that writes an answer and then dies or waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(conversation), fate, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_answer_of_a_program_that_was_killed_is_marked_cut_off_with_all_its_text(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    with start_writer(path, conversation, "dies", "Once ", "upon ", "a "):
        pass
    assert texts(path, conversation)[1] == ("assistant", "Once upon a ", MessageState.STREAMING)
    assert store.recover() == 1
    assert texts(path, conversation)[1] == ("assistant", "Once upon a ", MessageState.CUT_OFF)
    assert store.recover() == 0


@pytest.mark.skipif(os.name == "nt", reason="only POSIX keeps the dead in its table")
def test_answer_of_a_killed_program_nobody_waited_for_is_marked_cut_off(
    store: ConversationStore, path: Path
) -> None:
    conversation = new_conversation(store, "hello")
    with start_writer(path, conversation, "waits", "Once ") as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
        assert store.recover() == 1
        process.communicate()


def test_answer_of_a_killed_program_without_a_word_is_removed(store: ConversationStore, path: Path) -> None:
    conversation = new_conversation(store, "hello")
    with start_writer(path, conversation, "dies"):
        pass
    store.recover()
    assert texts(path, conversation) == [("user", "hello", MessageState.COMPLETE)]


def test_recover_leaves_an_answer_alone_whose_writer_lives(store: ConversationStore, path: Path) -> None:
    conversation = new_conversation(store, "hello")
    with start_writer(path, conversation, "waits", "Once ") as process:
        mine = store.begin_answer(conversation, "Bard", None)
        mine.append("Mine ")
        assert store.recover() == 0
        answers = store.messages(conversation)[-1].siblings
        assert [store.message(each).state for each in answers] == [MessageState.STREAMING] * 2
        process.communicate("")
    assert store.recover() == 1
    mine.append("goes on")
    finished = mine.finish(MessageState.COMPLETE)
    assert finished is not None
    assert finished.text == "Mine goes on"


def test_recover_leaves_finished_answers_alone(store: ConversationStore) -> None:
    conversation = new_conversation(store, "hello")
    writer = store.begin_answer(conversation, "Bard", None)
    writer.append("Done.")
    writer.finish(MessageState.STOPPED, STATISTICS)
    assert store.recover() == 0
    assert store.messages(conversation)[1].state is MessageState.STOPPED
