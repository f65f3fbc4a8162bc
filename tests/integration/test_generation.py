"""What a worker answers: the same as llama.cpp itself, token by token, however it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import PromptTooLong, TemplateFault
from app.runtime import ChatMessage, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece, PromptProgress
from tests.helpers.answers import ask, events, greedy, talk
from tests.helpers.reference import chatml, complete, tokenize
from tests.helpers.tiny_gguf import write_tiny_model

CONTEXT = 512
UNTRIMMED = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""The whole distribution, as the model gives it."""


@pytest.fixture
def fresh(tiny: Path) -> Iterator[LoadedModel]:
    """The same model in a worker that has not been asked anything."""
    with LoadedModel.load(tiny, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        yield loaded


def test_greedy_answer_is_what_llama_cpp_gives_for_the_same_prompt(model: LoadedModel, tiny: Path) -> None:
    messages = [ChatMessage("system", "Be brief."), *talk("Hello world, what is this?", "It is.", "Is it?\n")]
    reference = complete(tiny, chatml(messages), 100)

    answer = ask(model, messages, greedy(100))

    assert answer.text == reference.text
    assert answer.statistics.prompt_tokens == len(reference.prompt_tokens)
    assert answer.statistics.tokens == len(reference.tokens) + 1  # it does not evaluate its last one


def test_greedy_answer_of_a_trained_model_is_what_llama_cpp_gives(guide: Callable[[str], Path]) -> None:
    question = "What is a KV cache?"
    reference = complete(guide("BF16"), f"<|user|>{question}<|end|><|assistant|>", 60)
    with LoadedModel.load(guide("BF16"), LoadSettings(context_length=1024, threads=1)) as trained:
        answer = ask(trained, question, greedy(60))
    assert answer.text == reference.text
    assert answer.statistics.prompt_tokens == len(reference.prompt_tokens)
    assert len(answer.text.split()) > 5


def test_greedy_answer_in_another_worker_is_the_same(model: LoadedModel, fresh: LoadedModel) -> None:
    first = ask(model, "hello", greedy(60))
    assert ask(model, "hello", greedy(60)).text == first.text
    assert ask(fresh, "hello", greedy(60)).text == first.text


def test_seed_decides_the_answer(model: LoadedModel, fresh: LoadedModel) -> None:
    def text(loaded: LoadedModel, seed: int) -> str:
        return ask(loaded, "hello", Sampling(temperature=1.5, seed=seed, max_tokens=40, **UNTRIMMED)).text

    assert text(model, 7) == text(model, 7) == text(fresh, 7)
    assert len({text(model, seed) for seed in range(4)}) == 4


@pytest.mark.parametrize("seed", [-1, 2**31, 2**32 - 1, 2**32 + 7, 2**64 + 7, -(2**70)])
def test_seed_beyond_what_llama_cpp_takes_still_decides_the_answer(model: LoadedModel, seed: int) -> None:
    sampling = Sampling(temperature=1.5, seed=seed, max_tokens=30, **UNTRIMMED)
    first = ask(model, "hello", sampling)
    assert ask(model, "hello", sampling).text == first.text
    told = Sampling(temperature=1.5, seed=first.statistics.seed, max_tokens=30, **UNTRIMMED)
    assert ask(model, "hello", told).text == first.text


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_k": 0, "top_p": 1e-6}, {"top_k": 0, "min_p": 1.0}])
def test_sampling_that_leaves_only_the_likeliest_token_is_greedy(
    model: LoadedModel, options: dict[str, float]
) -> None:
    sampling = Sampling(temperature=1.5, seed=3, max_tokens=40, **options)  # type: ignore[arg-type]
    assert ask(model, "hello", sampling).text == ask(model, "hello", greedy(40)).text


def test_temperature_makes_answers_of_one_seed_differ_from_greedy(model: LoadedModel) -> None:
    hot = ask(model, "hello", Sampling(temperature=3.0, seed=1, max_tokens=40, **UNTRIMMED))
    assert hot.text != ask(model, "hello", greedy(40)).text


@pytest.mark.parametrize("penalty", [1.3, 1e6])
def test_repeat_penalty_weakens_repetition_as_llama_cpp_does(models: Path, penalty: float) -> None:
    path = write_tiny_model(models / "loops.gguf", never_ends=True)
    reference = complete(path, chatml(talk("hello")), 60, penalty)
    with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=1)) as loops:
        plain = ask(loops, "hello", greedy(60)).text
        penalized = ask(loops, "hello", greedy(60, repeat_penalty=penalty, repeat_last_n=64)).text
    assert penalized == reference.text != plain
    if penalty == 1e6:  # no token twice among the last 64
        assert len(set(reference.tokens)) == len(reference.tokens)


@pytest.mark.parametrize("limit", [1, 2, 37])
def test_max_tokens_gives_exactly_that_many(model: LoadedModel, limit: int) -> None:
    statistics = ask(model, "hello", greedy(limit)).statistics
    assert (statistics.tokens, statistics.finish_reason) == (limit, "length")


def test_answer_that_reaches_the_end_token_stops_there_and_does_not_show_it(ending: Path) -> None:
    with LoadedModel.load(ending, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        answers = [
            ask(loaded, "hello", Sampling(temperature=1.0, seed=seed, max_tokens=200, **UNTRIMMED))
            for seed in range(20)
        ]
    stopped = [answer for answer in answers if answer.statistics.finish_reason == "stop"]
    assert stopped
    assert any(answer.text for answer in stopped)
    for answer in answers:
        assert "</s>" not in answer.text
        assert answer.statistics.tokens < 200 or answer.statistics.finish_reason == "length"


def test_answer_that_ends_before_its_first_word_is_empty(silent: Path) -> None:
    with LoadedModel.load(silent, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        answer = ask(loaded, "hello", greedy(50))
        assert (answer.text, answer.statistics.tokens, answer.statistics.finish_reason) == ("", 0, "stop")
        # The same worker answers on, with the empty answer in the conversation.
        assert ask(loaded, talk("hello", "", "hello?"), greedy(50)).text == ""


def test_answer_that_fills_the_context_ends_there(model: LoadedModel) -> None:
    statistics = ask(model, "hello", greedy()).statistics
    assert statistics.finish_reason == "context"
    # The last token was chosen when all places were taken; it needs none.
    assert statistics.prompt_tokens + statistics.tokens - 1 == model.description.context_length == CONTEXT


def test_pieces_joined_are_the_answer_and_count_its_tokens(model: LoadedModel) -> None:
    *before, last = events(model, "hello", greedy(300))
    pieces = [event for event in before if isinstance(event, Piece)]
    assert "".join(piece.text for piece in pieces) == last.text  # type: ignore[union-attr]
    counts = [piece.tokens for piece in pieces]
    assert counts == sorted(counts)
    assert counts[-1] == 300


def test_tokens_that_are_single_bytes_never_make_broken_text(models: Path) -> None:
    # 256 of its 420 tokens are bytes, most of them no character by themselves.
    path = write_tiny_model(models / "bytes.gguf", seed=5)
    with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        for seed in range(5):
            *before, last = events(
                loaded, "hello", Sampling(temperature=5.0, seed=seed, max_tokens=150, **UNTRIMMED)
            )
            text = "".join(piece.text for piece in before if isinstance(piece, Piece))
            assert text == last.text  # type: ignore[union-attr]
            assert "\ufffd" in text
            text.encode("utf-8")  # refuses lone surrogates


def test_progress_on_the_prompt_runs_from_what_is_cached_to_all_of_it(fresh: LoadedModel) -> None:
    first = [event for event in events(fresh, "hello", greedy(1)) if isinstance(event, PromptProgress)]
    assert (first[0].done, first[0].reused) == (0, 0)
    assert first[-1].done == first[-1].total
    again = [event for event in events(fresh, "hello", greedy(1)) if isinstance(event, PromptProgress)]
    assert (again[0].done, again[0].reused) == (first[-1].total - 1,) * 2  # the last one gives the logits


def test_second_turn_evaluates_only_what_is_new(fresh: LoadedModel, tiny: Path) -> None:
    first = ask(fresh, "hello", greedy(20))
    second = ask(fresh, talk("hello", first.text, "And then?"), greedy(20))

    # What follows the answer, told by llama.cpp's tokenizer behind a start token that is not ours.
    rest = chatml(talk("hello", "", "And then?")).removeprefix(chatml(talk("hello")))
    ((_, *new),) = tokenize(tiny, rest)
    assert first.statistics.finish_reason == "length"
    assert second.statistics.prompt_tokens == first.statistics.prompt_tokens + 20 + len(new)
    # The 20th token was shown and never evaluated.
    assert second.statistics.evaluated_tokens == len(new) + 1


def test_second_turn_after_an_answer_that_ended_by_itself_evaluates_only_what_is_new(ending: Path) -> None:
    sampling = Sampling(temperature=1.0, seed=2, max_tokens=400, **UNTRIMMED)
    with LoadedModel.load(ending, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        first = ask(loaded, "hello", sampling)
        second = ask(loaded, talk("hello", first.text, "And then?"), greedy(1))
    rest = chatml(talk("hello", "", "And then?")).removeprefix(chatml(talk("hello")))
    ((_, *new),) = tokenize(ending, rest)
    assert first.statistics.finish_reason == "stop"
    assert second.statistics.prompt_tokens == first.statistics.prompt_tokens + first.statistics.tokens + len(
        new
    )
    assert second.statistics.evaluated_tokens == len(new)


def test_second_turn_from_the_cache_answers_as_a_fresh_worker_does(
    model: LoadedModel, fresh: LoadedModel
) -> None:
    # An answer given by hand is spelled the same in both workers.
    opening = talk("hello", "world it is", "And then?")
    ask(model, opening[:1], greedy(5))
    cached = ask(model, opening, greedy(12))
    uncached = ask(fresh, opening, greedy(12))
    assert cached.statistics.evaluated_tokens < uncached.statistics.evaluated_tokens
    assert uncached.statistics.evaluated_tokens == uncached.statistics.prompt_tokens
    assert cached.text == uncached.text


def test_edited_earlier_message_reuses_only_what_comes_before_it(model: LoadedModel, tiny: Path) -> None:
    before = talk("Tell me of the sea.", "It is wet.", "And of the land?")
    edited = talk("Tell me of the hills.", "It is wet.", "And of the land?")
    first, second = tokenize(tiny, chatml(before), chatml(edited))
    common = next(index for index, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1])

    ask(model, before, greedy(8))
    statistics = ask(model, edited, greedy(8)).statistics

    assert 5 < common < len(second) - 10
    assert statistics.prompt_tokens == len(second)
    assert statistics.evaluated_tokens == len(second) - common


def test_edited_message_is_answered_as_if_it_had_never_been_another(
    model: LoadedModel, fresh: LoadedModel
) -> None:
    ask(model, talk("Tell me of the sea.", "It is wet.", "Go on."), greedy(30))
    edited = talk("Tell me of the hills.", "It is wet.", "Go on.")
    assert ask(model, edited, greedy(12)).text == ask(fresh, edited, greedy(12)).text


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "\n",
        "nul \0 inside",
        "\0",
        "lone \ud83e surrogate",
        "\udd99",
        "<|im_end|>",
        "🦙 Ω 漢字",
        "\ufeff\u202e",
    ],
    ids=ascii,
)
def test_prompt_of_odd_text_is_answered(model: LoadedModel, content: str) -> None:
    answer = ask(model, content, greedy(5))
    assert answer.statistics.tokens == 5


def test_prompt_with_lone_surrogate_counts_as_one_with_a_question_mark(model: LoadedModel) -> None:
    assert ask(model, "a\ud800b", greedy(20)).text == ask(model, "a?b", greedy(20)).text


def test_prompt_of_another_length_by_one_nul_is_another_prompt(model: LoadedModel) -> None:
    with_nul = ask(model, "a\0b", greedy(1)).statistics.prompt_tokens
    assert with_nul == ask(model, "a", greedy(1)).statistics.prompt_tokens + 2


def test_prompt_longer_than_the_context_raises_with_both_numbers_and_the_next_one_is_answered(
    model: LoadedModel, tiny: Path
) -> None:
    content = "hello " * CONTEXT
    ((*tokens,),) = tokenize(tiny, chatml(talk(content)))
    with pytest.raises(PromptTooLong) as caught:
        ask(model, content, greedy(5))
    assert str(len(tokens)) in caught.value.message
    assert str(CONTEXT) in caught.value.message
    assert caught.value.hint
    assert ask(model, "hello", greedy(5)).statistics.tokens == 5


@pytest.mark.parametrize("room", [0, 1])
def test_prompt_that_just_fits_is_answered_and_one_token_more_is_refused(
    model: LoadedModel, room: int
) -> None:
    empty = ask(model, "x", greedy(1)).statistics.prompt_tokens
    # Each further " x" is one token: "▁" and "x" are separate pieces, so two.
    per_word = ask(model, "x x", greedy(1)).statistics.prompt_tokens - empty
    words, rest = divmod(CONTEXT - 1 + 1 - room - empty, per_word)
    content = "x" + " x" * words + "x" * rest
    if room == 0:
        with pytest.raises(PromptTooLong):
            ask(model, content, greedy())
        return
    statistics = ask(model, content, greedy()).statistics
    assert (statistics.prompt_tokens, statistics.tokens) == (CONTEXT - 1, 2)
    assert statistics.finish_reason == "context"


def test_model_without_template_is_asked_in_chatml(models: Path, tiny: Path) -> None:
    path = write_tiny_model(models / "plain.gguf", context=4096, never_ends=True, scale=2.0)
    messages = [ChatMessage("system", "Be brief."), *talk("hello")]
    with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=1)) as plain:
        statistics = ask(plain, messages, greedy(1)).statistics
    assert statistics.prompt_tokens == len(tokenize(path, chatml(messages))[0])


def test_template_that_writes_the_start_token_gets_it_once(models: Path) -> None:
    template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    path = write_tiny_model(models / "starts.gguf", chat_template=template, never_ends=True)
    with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        statistics = ask(loaded, "hello", greedy(1)).statistics
    assert statistics.prompt_tokens == len(tokenize(path, "hello")[0])


def test_template_that_refuses_raises_fault_and_the_worker_lives_on(models: Path) -> None:
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system prompts') }}{% endif %}"
        "{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    path = write_tiny_model(models / "refuses.gguf", chat_template=template, never_ends=True)
    with LoadedModel.load(path, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        with pytest.raises(TemplateFault, match="no system prompts"):
            ask(loaded, [ChatMessage("system", "x"), *talk("y")], greedy(1))
        assert ask(loaded, "y", greedy(3)).statistics.tokens == 3


def test_statistics_tell_times_that_fit_together(fresh: LoadedModel) -> None:
    statistics = ask(fresh, "hello " * 50, greedy(50)).statistics
    assert 0 < statistics.prompt_s <= statistics.time_to_first_token_s < 60
    assert statistics.prompt_tokens_per_s == pytest.approx(statistics.evaluated_tokens / statistics.prompt_s)
    assert statistics.tokens_per_s > 0
    # A model of 5.6 MB in a process of Python, NumPy and llama.cpp.
    assert 20e6 < statistics.memory_bytes < 1e9
