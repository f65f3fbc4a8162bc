"""Answers that were cut and go on, through the real runtime: as if they had never been cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from app.chat import AnswerDelta, ChatEngine, ConversationStore, Message, MessageState
from app.chat.attachments import Attachment, AttachmentHead
from app.core.errors import GrammarFault, PromptTooLong, WorkerDied
from app.core.jobs import Emitted, Job
from app.memory import Keeper
from app.runtime import (
    AnswerSoFar,
    ChatMessage,
    Generation,
    LoadedModel,
    LoadSettings,
    Sampling,
    TemplateOptions,
)
from tests.helpers.answers import ask, greedy
from tests.helpers.conversations import answer as ask_engine
from tests.helpers.conversations import new_conversation
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_scripted_model

PROMPT = [ChatMessage("user", "What is a KV cache?")]
WHOLE = 40


@pytest.fixture(scope="module")
def thinker(models: Path) -> Path:
    return write_scripted_model(models / "cut-thinker.gguf", "Tw.</think>4!", chat_template=THINKING_TEMPLATE)


@pytest.fixture(scope="module", params=["guide", "random"])
def path(request: pytest.FixtureRequest, tiny: Path) -> Path:
    """The guide, and a model of random weights, which writes what no tokenizer would."""
    if request.param == "random":
        return tiny
    found: Path = request.getfixturevalue("guide")("Q4_K_M")
    return found


@pytest.fixture
def model(path: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


def go_on(
    model: LoadedModel, so_far: AnswerSoFar, sampling: Sampling, options: TemplateOptions | None = None
) -> Generation:
    given = options or TemplateOptions()
    *_, last = model.generate(PROMPT, sampling, options=given, continues=so_far)
    assert isinstance(last, Generation)
    return last


@pytest.mark.parametrize("cut", [1, 7, 23])
def test_greedy_answer_that_was_cut_goes_on_as_the_one_that_was_not(model: LoadedModel, cut: int) -> None:
    whole = ask(model, PROMPT, greedy(WHOLE))
    first = ask(model, PROMPT, greedy(cut))
    assert first.statistics.finish_reason == "length"
    second = go_on(model, AnswerSoFar(first.text), greedy(WHOLE - cut))
    assert first.text + second.text == whole.text
    figures = second.statistics
    assert (figures.continued_tokens, figures.continued_tokens + figures.tokens) == (
        cut,
        whole.statistics.tokens,
    )
    assert figures.evaluated_tokens == 1  # the last one, which nothing had followed on yet


def test_answer_goes_on_token_by_token(model: LoadedModel) -> None:
    whole = ask(model, PROMPT, greedy(8))
    text = ""
    for _ in range(8):
        text += go_on(model, AnswerSoFar(text), greedy(1)).text
    assert text == whole.text


def test_penalties_count_what_was_written_before_the_cut(model: LoadedModel) -> None:
    penalized = Sampling(temperature=0, repeat_penalty=1.5, repeat_last_n=64)
    whole = ask(model, PROMPT, replace(penalized, max_tokens=30))
    first = ask(model, PROMPT, replace(penalized, max_tokens=12))
    second = go_on(model, AnswerSoFar(first.text), replace(penalized, max_tokens=18))
    assert first.text + second.text == whole.text


def test_next_turn_finds_the_whole_answer_in_the_cache(model: LoadedModel) -> None:
    first = ask(model, PROMPT, greedy(9))
    second = go_on(model, AnswerSoFar(first.text), greedy(9))
    text = first.text + second.text
    turn = [*PROMPT, ChatMessage("assistant", text), ChatMessage("user", "Thank you.")]
    after = ask(model, turn, greedy(3)).statistics
    assert after.prompt_tokens - after.evaluated_tokens >= second.statistics.prompt_tokens


def test_grammar_goes_on_where_the_answer_was_cut(guide: Callable[[str], Path]) -> None:
    grammar = 'root ::= "one, two, " ("three" | "four") "."'
    with LoadedModel.load(guide("Q4_K_M"), LoadSettings(context_length=512, threads=1)) as model:
        for text in ("one, ", "one, two, th"):
            rest = go_on(model, AnswerSoFar(text), Sampling(temperature=0, grammar=grammar))
            assert (text + rest.text) in ("one, two, three.", "one, two, four.")
        with pytest.raises(GrammarFault, match="What there is of this answer"):
            go_on(model, AnswerSoFar("uno"), Sampling(temperature=0, grammar=grammar))
        assert ask(model, PROMPT, greedy(2)).statistics.tokens == 2


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_answer_cut_within_its_reasoning_goes_on_within_it(thinker: Path, cut: int) -> None:
    for fresh in (False, True):  # in the cache, and with nothing known of it
        with LoadedModel.load(thinker, LoadSettings(context_length=512, threads=1)) as model:
            first = ask(model, PROMPT, greedy(cut))
            assert (first.reasoning, first.text) == ("Tw."[:cut], "")
            if fresh:
                ask(model, [ChatMessage("user", "Something else, and more of it.")], greedy(1))
            second = go_on(model, AnswerSoFar("", first.reasoning), greedy(40))
            assert (first.reasoning + second.reasoning, second.text) == ("Tw.", "4!")


@pytest.mark.parametrize("text", ["4", "4!"])
def test_answer_cut_behind_its_reasoning_goes_on_there(thinker: Path, text: str) -> None:
    with LoadedModel.load(thinker, LoadSettings(context_length=512, threads=1)) as model:
        for _ in range(2):
            second = go_on(model, AnswerSoFar(text, "Tw."), greedy(40))
            assert (text + second.text, second.reasoning) == ("4!", "")
            ask(model, PROMPT, greedy(len("Tw.</think>") + len(text)))


def test_text_that_spells_special_tokens_is_only_text(guide: Callable[[str], Path]) -> None:
    with LoadedModel.load(guide("Q4_K_M"), LoadSettings(context_length=512, threads=1)) as model:
        plain = go_on(model, AnswerSoFar("It is <|end|> "), greedy(3)).statistics
        assert plain.continued_tokens > len(("It", " is", "<|end|>"))  # which as a token would be one


def test_answer_that_fills_the_context_cannot_go_on(model: LoadedModel) -> None:
    with pytest.raises(PromptTooLong):
        go_on(model, AnswerSoFar("word " * 600), greedy(5))
    with pytest.raises(PromptTooLong):
        go_on(model, AnswerSoFar("w" * 5_000_000), greedy(5))


# In a conversation


def continue_(
    engine: ChatEngine, message: Message, on_delta: Callable[[AnswerDelta], object] = lambda delta: None
) -> Message | None:
    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, AnswerDelta):
            on_delta(event.value)

    return (
        Job("go on", lambda control: engine.continue_answer(message.id, control), listen).start().result(60)
    )


def test_answer_goes_on_in_the_same_message(engine: ChatEngine, store: ConversationStore, path: Path) -> None:
    identity = new_conversation(store, path, "What is a KV cache?", sampling=greedy(WHOLE))
    whole = ask_engine(engine, identity)
    store.change_sampling(identity, greedy(11))
    cut = ask_engine(engine, identity)
    assert whole is not None
    assert cut is not None
    assert cut.can_continue
    store.change_sampling(identity, greedy(WHOLE - 11))
    shown: list[str] = []
    done = continue_(engine, cut, lambda delta: shown.append(delta.text))
    assert done is not None
    assert (done.id, done.text) == (cut.id, whole.text)
    assert done.text == cut.text + "".join(shown)
    assert store.messages(identity)[-1] == done
    assert whole.statistics is not None
    assert done.statistics is not None
    assert done.statistics.tokens == whole.statistics.tokens
    assert done.statistics.prompt_tokens == whole.statistics.prompt_tokens


def test_answer_goes_on_after_the_program_was_closed_and_started_again(
    store: ConversationStore, database: Path, path: Path
) -> None:
    identity = new_conversation(store, path, "What is a KV cache?", sampling=greedy(WHOLE))
    first = ChatEngine(database, Keeper(database), spared_s=0.0)
    whole = ask_engine(first, identity)
    store.change_sampling(identity, greedy(11))
    cut = ask_engine(first, identity)
    first.close()
    assert whole is not None
    assert cut is not None
    store.change_sampling(identity, greedy(WHOLE - 11))
    second = ChatEngine(database, Keeper(database), spared_s=0.0)
    try:
        done = continue_(second, cut)
    finally:
        second.close()
    assert done is not None
    assert done.text == whole.text
    assert cut.statistics is not None
    assert done.statistics is not None
    assert (
        done.statistics.evaluated_tokens - cut.statistics.evaluated_tokens == 1
    )  # the rest came from its file


def test_worker_killed_while_an_answer_goes_on_loses_nothing_that_was_shown(
    engine: ChatEngine, store: ConversationStore, guide: Callable[[str], Path]
) -> None:
    identity = new_conversation(
        store, guide("Q4_K_M"), "What is a KV cache?", sampling=Sampling(temperature=0, max_tokens=4)
    )
    cut = ask_engine(engine, identity)
    assert cut is not None
    endless = Sampling(temperature=2.0, min_p=0.0, top_k=0, top_p=1.0, max_tokens=400)
    store.change_sampling(identity, endless)
    shown = [cut.text]

    def on_delta(delta: AnswerDelta) -> None:
        shown.append(delta.text)
        if engine.worker_pid is not None:
            psutil.Process(engine.worker_pid).kill()

    with pytest.raises(WorkerDied):
        continue_(engine, cut, on_delta)
    kept = store.messages(identity)[-1]
    assert (kept.id, kept.text, kept.state) == (cut.id, "".join(shown), MessageState.CUT_OFF)
    store.change_sampling(identity, greedy(5))
    done = continue_(engine, kept)
    assert done is not None
    assert done.text.startswith(kept.text)
    assert done.statistics is not None
    assert done.statistics.tokens > 5


def test_what_is_no_cut_answer_is_refused(engine: ChatEngine, store: ConversationStore, tiny: Path) -> None:
    identity = new_conversation(store, tiny, "hello", sampling=greedy(3))
    with pytest.raises(KeyError):
        continue_(engine, store.messages(identity)[0])


def test_answer_to_a_prompt_with_a_file_goes_on_with_the_file_before_it(
    tiny: Path, store: ConversationStore, database: Path
) -> None:
    file = Attachment(
        AttachmentHead("sea.txt", "text/plain", 50), "The tide comes in, and the tide goes out. " * 3
    )

    def answered(*limits: int) -> Message:
        """The first limit for the answer, the others for what goes on, each by a model that was loaded anew."""
        conversation = store.create(tiny, greedy(limits[0]))
        store.add_prompt(conversation.id, "What of the sea?", [file])
        for limit in limits:
            engine = ChatEngine(database, Keeper(database))
            store.change_sampling(conversation.id, greedy(limit))
            last = store.messages(conversation.id)[-1]
            if last.role == "user":
                ask_engine(engine, conversation.id)
            else:
                Job(
                    "go on", lambda control, e=engine, m=last.id: e.continue_answer(m, control)
                ).start().result(60)
            engine.close()
        return store.messages(conversation.id)[-1]

    whole, cut = answered(20), answered(8, 12)
    assert cut.text == whole.text
    assert whole.statistics is not None
    assert cut.statistics is not None
    assert cut.statistics.prompt_tokens == whole.statistics.prompt_tokens > 30
