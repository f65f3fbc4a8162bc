"""What a second turn evaluates, and four conversations at once against llama-server with four slots."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling
from tests.bench.runtime.speed import USUAL
from tests.bench.runtime.table import Row, in_turns, rate_row
from tests.bench.runtime.tools import llama_server
from tests.helpers.reference import chatml

SENTENCE = "the other world and you with it is that on the water "
SLOTS = 4
SLOT_CONTEXT = 1024


def second_turn_row(model: Path, threads: int) -> Row:
    """New are all tokens of the second prompt that were neither in the first nor in its answer."""
    with LoadedModel.load(model, LoadSettings(context_length=6000, threads=threads)) as loaded:
        sampling = Sampling(temperature=0.0, max_tokens=40)
        messages = [ChatMessage("user", SENTENCE * 145)]
        first = _answer(loaded, messages, sampling)
        messages += [ChatMessage("assistant", first.text), ChatMessage("user", "and the street?")]
        second = _answer(loaded, messages, sampling)
    old = first.statistics.prompt_tokens + first.statistics.tokens
    new = second.statistics.prompt_tokens - old
    evaluated = second.statistics.evaluated_tokens
    return Row(
        "second turn of a long conversation",
        f"{evaluated} tokens evaluated",
        "only the new ones",
        evaluated <= new + 1,
        f"of {second.statistics.prompt_tokens}, of which {new} are new; the last of an answer that its limit ended"
        " is evaluated then, too",
    )


def at_once_row(name: str, model: Path, server: Path, threads: int, runs: int, tokens: int) -> Row:
    """Total tokens per second, from the first request to the last end, reading the prompts included."""
    numbers = count()
    settings = LoadSettings(context_length=SLOTS * SLOT_CONTEXT, sequences=SLOTS, threads=threads)
    with (
        LoadedModel.load(model, settings) as loaded,
        llama_server(server, model, threads=threads, slots=SLOTS, context=SLOT_CONTEXT) as reference,
        ThreadPoolExecutor(SLOTS) as pool,
    ):
        sampling = Sampling(seed=1, max_tokens=tokens)

        def conversations() -> list[list[ChatMessage]]:
            # Others each time: nothing may come from the cache but the start of a turn.
            return [[ChatMessage("user", f"{next(numbers)} {SENTENCE * 4}")] for _ in range(SLOTS)]

        def ours() -> float:
            asked = conversations()
            start = time.perf_counter()
            answers = list(pool.map(lambda each: _answer(loaded, each, sampling), asked))
            seconds = time.perf_counter() - start
            assert all(answer.statistics.tokens == tokens for answer in answers)
            return SLOTS * tokens / seconds

        def theirs() -> float:
            spelled = [chatml(conversation) for conversation in conversations()]
            return SLOTS * tokens / reference.answer_all(spelled, tokens, USUAL)

        ours(), theirs()
        pairs = in_turns(runs, ours, theirs)
    return rate_row(f"{SLOTS} conversations at once, {name}", pairs, 0.9)


def _answer(loaded: LoadedModel, messages: list[ChatMessage], sampling: Sampling) -> Generation:
    for event in loaded.generate(messages, sampling):
        if isinstance(event, Generation):
            return event
    raise AssertionError("generate() ends with a Generation")
