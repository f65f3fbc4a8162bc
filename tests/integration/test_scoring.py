"""What a text's log-probabilities are: those of arithmetic, of llama.cpp's own tools, and of nothing else."""

from __future__ import annotations

import math
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.core.errors import Cancelled, PromptTooLong, WorkerDied
from app.core.jobs import CancelToken
from app.runtime import LoadedModel, LoadSettings, TokenScores
from app.runtime.model import LONGEST_TEXT
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.bigram_gguf import write_bigram_model
from tests.helpers.command_line import KILLED
from tests.helpers.reference import chatml, log_probabilities, tokenize
from tests.helpers.tiny_gguf import tiny_vocabulary, write_tiny_model

CONTEXT = 512
SETTINGS = LoadSettings(context_length=CONTEXT, threads=1)
LONG_SETTINGS = LoadSettings(context_length=4096, threads=1)
AT_ONCE_S = 2.0
"""The goal is 200 ms; the rest is for a machine that is busy with other things."""
LLAMA_PERPLEXITY = Path.home() / ".cache" / "nibble-reference" / "bin" / "llama-perplexity"
ROOT = Path(__file__).resolve().parents[2]
TEXT = (
    "Hello world! The wind was on the water, and you with it; is that the other world? ÄÖ 漢字 🦙\n"
    "She said: 'I was there, in the house at the end of the street.' And there it ended.\n\n"
)


@pytest.fixture
def fresh(tiny: Path) -> Iterator[LoadedModel]:
    """The same model in a worker that has not been asked anything."""
    with LoadedModel.load(tiny, SETTINGS) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def slow(heavy: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(heavy, LONG_SETTINGS) as loaded:
        yield loaded


# What the numbers are


def test_model_that_prefers_nothing_gives_every_token_the_same_share(models: Path) -> None:
    size = len(tiny_vocabulary())
    path = write_bigram_model(models / "uniform.gguf", np.zeros((size, size)))
    with LoadedModel.load(path, SETTINGS) as uniform:
        scores = uniform.score(TEXT)
    assert len(scores.log_probabilities) > 50
    assert scores.log_probabilities == pytest.approx([-math.log(size)] * (len(scores.tokens) - 1), rel=1e-14)


def test_model_of_known_odds_gives_each_token_those_after_the_one_before_it(models: Path) -> None:
    size = len(tiny_vocabulary())
    odds = np.random.default_rng(1).integers(1, 1000, (size, size))
    path = write_bigram_model(models / "bigram.gguf", np.log(odds))
    with LoadedModel.load(path, LoadSettings(context_length=1024, threads=1)) as bigram:
        scores = bigram.score(TEXT * 7)
    assert 600 < len(scores.tokens) < 1024  # more than a batch
    expected = [
        math.log(odds[before, token] / odds[before].sum()) for before, token in pairwise(scores.tokens)
    ]
    # Random odds: these are not those of any other order of the tokens.
    assert scores.log_probabilities == pytest.approx(expected, abs=1e-5)


def test_scores_are_those_of_evaluating_one_token_at_a_time(tiny: Path) -> None:
    text = TEXT * 7
    with LoadedModel.load(tiny, LoadSettings(context_length=1024, threads=1)) as model:
        scores = model.score(text, parse_special=True)
    assert scores.tokens == tokenize(tiny, text)[0]
    assert len(scores.tokens) > 600
    assert scores.log_probabilities == pytest.approx(log_probabilities(tiny, text), abs=0.02)


def test_large_vocabulary_is_scored_in_batches_of_bounded_size_and_to_the_same_values(models: Path) -> None:
    size = 60_000
    path = write_tiny_model(models / "wide.gguf", layers=1, vocabulary=size, context=1024, type="f16")
    done: list[int] = []
    with LoadedModel.load(path, LoadSettings(context_length=1024, threads=1)) as model:
        text = TEXT * 4
        scores = model.score(text, on_progress=lambda now, total: done.append(now))
    steps = [now - before for before, now in pairwise([0, *done])]
    assert len(steps) >= 2
    assert max(steps) * size * 4 <= 64 * 1024 * 1024
    assert scores.log_probabilities == pytest.approx(log_probabilities(path, text), abs=0.02)


def test_token_that_a_greedy_answer_begins_with_is_the_likeliest_of_all(
    model: LoadedModel,
) -> None:
    prompt = chatml(talk("hello"))
    answer = ask(model, "hello", greedy(1)).text
    before = model.score(prompt, parse_special=True).tokens
    shares: dict[str, float] = {}
    for piece in tiny_vocabulary().tokens:
        text = piece.replace("▁", " ")
        scores = model.score(prompt + text, parse_special=True)
        if scores.tokens[:-1] == before:  # it is spelled as one token here
            shares[text] = math.exp(scores.log_probabilities[-1])
    assert max(shares, key=shares.__getitem__) == answer
    assert 1 / len(tiny_vocabulary()) < shares[answer] <= 1
    assert 0.9 < math.fsum(shares.values()) < 1 + 1e-4  # the rest is spelled otherwise


# The same windows as llama-perplexity


def windows(path: Path, length: int, count: int) -> tuple[str, list[str]]:
    """A text that llama-perplexity cuts between words, and its windows.

    It cuts every `length` tokens, puts the start token in place of the first token of each window
    and tokenizes the whole once. So between two windows stands a word of one token, and words that
    would not end with the window are left out. Words come with the space before them; the guide's
    tokenizer adds none.
    """
    words = [f" {word}" for word in (ROOT / "LICENSE").read_text(encoding="utf-8").split()] * 3
    sizes = dict(zip(words, (len(tokens) - 1 for tokens in tokenize(path, *words)), strict=True))
    left = iter(words)
    cut: list[str] = []
    for _ in range(count):
        window: list[str] = []
        room = length - 1
        while room:
            word = next(word for word in left if sizes[word] <= room)
            window.append(word)
            room -= sizes[word]
        cut.append("".join(window))
    between = next(word for word in words if sizes[word] == 1)
    return between.join(cut), cut


def llama_perplexity(path: Path, text: str, length: int, folder: Path) -> float:
    file = folder / "text.txt"
    file.write_text(text, encoding="utf-8")
    command = [LLAMA_PERPLEXITY, *map(str, ["-m", path, "-f", file, "-c", length, "-t", 1])]
    # On a busy machine it often ends before the thread that writes its log has written the last lines.
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        if match := re.search(r"Final estimate: PPL = ([\d.]+)", done.stdout + done.stderr):
            return float(match[1])
    raise AssertionError(done.stdout + done.stderr)


@pytest.mark.skipif(not LLAMA_PERPLEXITY.exists(), reason="llama-perplexity is not built")
@pytest.mark.parametrize(
    ("kind", "length", "count"),
    [("BF16", 128, 8), ("F16", 512, 4), ("Q8_0", 256, 6), ("BF16", 1024, 2)],  # the last: more than a batch
)
def test_perplexity_is_what_llama_perplexity_finds_in_the_same_windows(
    guide: Callable[[str], Path], kind: str, length: int, count: int, tmp_path: Path
) -> None:
    path = guide(kind)
    text, cut = windows(path, length, count)
    with LoadedModel.load(path, LoadSettings(context_length=length, threads=1)) as model:
        scores = [model.score(window) for window in cut]
    (whole,) = tokenize(path, text)
    for number, score in enumerate(scores):
        assert score.tokens[1:] == whole[number * length + 1 : (number + 1) * length]
    # It scores the second half of each window only, where every token has enough before it.
    second_halves = [share for score in scores for share in score.log_probabilities[length // 2 :]]
    perplexity = math.exp(-math.fsum(second_halves) / len(second_halves))
    assert perplexity == pytest.approx(llama_perplexity(path, text, length, tmp_path), rel=1e-3)


# What counts as a token


@pytest.mark.parametrize("text", ["", "<s>"])
def test_text_without_a_second_token_has_no_scores(model: LoadedModel, text: str) -> None:
    assert model.score(text, parse_special=True) == TokenScores((tiny_vocabulary().tokens.index("<s>"),), ())


def test_model_without_start_token_scores_from_the_second_token_on(models: Path) -> None:
    path = write_tiny_model(models / "no-start.gguf", add_bos=False)
    with LoadedModel.load(path, SETTINGS) as plain:
        assert plain.score("") == TokenScores((), ())
        scores = plain.score("xy")
    spelled = [tiny_vocabulary().tokens[token] for token in scores.tokens]
    assert spelled == ["▁", "x", "y"]  # the tokenizer puts "▁" before a text
    assert len(scores.log_probabilities) == 2


def test_end_token_is_never_added_and_never_taken_away(models: Path) -> None:
    path = write_tiny_model(models / "adds-end.gguf", add_eos=True)
    start, end = (tiny_vocabulary().tokens.index(token) for token in ("<s>", "</s>"))
    with LoadedModel.load(path, SETTINGS) as closing:
        assert closing.score("").tokens == (start,)
        plain = closing.score("hello", parse_special=True).tokens
        assert end not in plain
        assert closing.score("hello</s>", parse_special=True).tokens == (*plain, end)
        assert closing.score("<s>hello</s>", parse_special=True).tokens == (*plain, end)


def test_special_token_in_the_text_counts_as_one_only_when_asked(model: LoadedModel) -> None:
    mark = tiny_vocabulary().tokens.index("<|im_end|>")
    text = "hello<|im_end|>"
    parsed, spelled = model.score(text, parse_special=True), model.score(text)
    assert parsed.tokens[-1] == mark
    assert mark not in spelled.tokens
    start = tiny_vocabulary().tokens.index("<s>")
    assert "".join(tiny_vocabulary().tokens[token] for token in spelled.tokens[1:]) == f"▁{text}"
    assert model.score("<s>hello", parse_special=True).tokens.count(start) == 1
    assert model.score("<s>hello").tokens[0] == start


@pytest.mark.parametrize(
    "text",
    [" ", "\n", "nul \0 inside", "\0", "lone \ud83e surrogate", "\udd99", "🦙 Ω 漢字", "\ufeff\u202e"],
    ids=ascii,
)
def test_odd_text_is_scored(model: LoadedModel, text: str) -> None:
    scores = model.score(text)
    assert len(scores.tokens) > 1
    assert len(scores.log_probabilities) == len(scores.tokens) - 1
    assert all(-1000 < share <= 0 for share in scores.log_probabilities)


def test_lone_surrogate_counts_as_a_question_mark(model: LoadedModel) -> None:
    assert model.score("a\ud800b") == model.score("a?b")


def test_text_with_another_nul_is_another_text(model: LoadedModel) -> None:
    assert len(model.score("a\0b").tokens) == len(model.score("a").tokens) + 2


# Too long


@pytest.mark.parametrize("context", [CONTEXT, 1024])
def test_text_that_just_fits_is_scored_and_one_token_more_is_refused(tiny: Path, context: int) -> None:
    text = "x" * (context - 2)  # before it the start token and "▁"
    with LoadedModel.load(tiny, LoadSettings(context_length=context, threads=1)) as model:
        scores = model.score(text)
        assert (len(scores.tokens), len(scores.log_probabilities)) == (context, context - 1)
        with pytest.raises(PromptTooLong, match=f"{context + 1} tokens.*{context}") as caught:
            model.score(text + "x")
        assert caught.value.hint
        assert model.score(text) == scores


@pytest.mark.parametrize("characters", [LONGEST_TEXT, LONGEST_TEXT + 1])
@pytest.mark.parametrize("character", ["\n", "\t", "🦙"], ids=ascii)  # of which two are not in the vocabulary
def test_text_of_millions_of_characters_is_refused_at_once(
    model: LoadedModel, character: str, characters: int
) -> None:
    text = character * characters
    started = time.monotonic()
    with pytest.raises(PromptTooLong, match=f"{characters:,} characters"):
        model.score(text)
    assert time.monotonic() - started < AT_ONCE_S
    assert model.score("hello").tokens


# What a score leaves behind


def test_answer_after_a_score_is_the_one_before_it(model: LoadedModel) -> None:
    prompt = chatml(talk("hello"))
    first = ask(model, "hello", greedy(60))
    for text in ("hello world " * 30, prompt, prompt + first.text, "", TEXT):
        scores = model.score(text, parse_special=True)
        again = ask(model, "hello", greedy(60))
        assert again.text == first.text
        assert model.score(text, parse_special=True) == scores


def test_second_turn_after_a_score_is_answered_as_without_it(model: LoadedModel, fresh: LoadedModel) -> None:
    answers = []
    for loaded in (model, fresh):
        first = ask(loaded, "hello", greedy(40)).text
        if loaded is model:
            loaded.score(TEXT)
        answers.append(ask(loaded, talk("hello", first, "Go on."), greedy(40)))
    scored, unscored = answers
    assert scored.text == unscored.text
    assert scored.statistics.prompt_tokens == unscored.statistics.prompt_tokens
    # The price of a score between them.
    assert scored.statistics.evaluated_tokens == scored.statistics.prompt_tokens


def test_score_after_an_answer_is_that_of_a_worker_that_never_answered(
    model: LoadedModel, fresh: LoadedModel
) -> None:
    ask(model, TEXT, greedy(40))
    assert model.score(TEXT) == fresh.score(TEXT)


# Stopping and dying


def test_progress_goes_up_to_the_last_token(slow: LoadedModel) -> None:
    told: list[tuple[int, int]] = []
    scores = slow.score("hello world " * 300, on_progress=lambda done, total: told.append((done, total)))
    count = len(scores.log_probabilities)
    assert len(told) >= 3
    assert told == sorted(told)
    assert told[-1] == (count, count)
    assert {total for _, total in told} == {count}


def test_cancel_while_scoring_a_long_text_ends_it_at_once_and_spoils_nothing(slow: LoadedModel) -> None:
    whole = ask(slow, "hello", greedy(25)).text
    scores = slow.score("hello world")
    cancel = CancelToken()
    cancelled_at: list[float] = []

    def stop(done: int, total: int) -> None:
        if not cancelled_at:
            time.sleep(0.05)  # well inside the next batch
            cancelled_at.append(time.monotonic())
            cancel.cancel()
        assert done < total

    with pytest.raises(Cancelled):
        slow.score("hello world " * 550, cancel=cancel, on_progress=stop)
    assert time.monotonic() - cancelled_at[0] < AT_ONCE_S
    assert slow.alive
    assert slow.score("hello world") == scores
    assert ask(slow, "hello", greedy(25)).text == whole


def test_cancel_before_a_score_asks_nothing(model: LoadedModel) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        model.score("hello", cancel=cancel)
    assert model.score("hello").tokens


def test_score_whose_listener_fails_does_not_spoil_the_next_one(slow: LoadedModel) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("no screen")

    scores = slow.score("hello world")
    with pytest.raises(RuntimeError, match="no screen"):
        slow.score("hello world " * 550, on_progress=fail)
    assert slow.score("hello world") == scores


def test_two_threads_one_that_scores_and_one_that_asks_both_get_what_they_get_alone(
    model: LoadedModel,
) -> None:
    answer, scores = ask(model, "hello", greedy(40)).text, model.score(TEXT)
    heard: list[object] = []

    def score() -> None:
        heard.extend(model.score(TEXT) for _ in range(5))

    thread = threading.Thread(target=score)
    thread.start()
    answers = {ask(model, "hello", greedy(40)).text for _ in range(5)}
    thread.join(60)
    assert answers == {answer}
    assert heard == [scores] * 5


def test_worker_killed_while_scoring_raises_with_its_log_and_is_gone(heavy: Path) -> None:
    model = LoadedModel.load(heavy, LONG_SETTINGS)
    with pytest.raises(WorkerDied, match=KILLED) as caught:
        model.score(
            "hello world " * 550, on_progress=lambda done, total: psutil.Process(model.worker_pid).kill()
        )
    assert caught.value.hint
    assert any("llama" in line for line in caught.value.log)
    assert not model.alive
    with pytest.raises(WorkerDied):
        model.score("hello")
    model.close()
