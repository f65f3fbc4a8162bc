"""Tokens per second of prompt and answer: the worker, as a person gets it, against llama-bench.

llama-bench times decoding alone; the worker's figures are those of a real answer, with sampling, text and messages.
llama-bench starts as deep in the context as the worker's prompt is long.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from app.core.jobs import CancelToken, JobControl
from app.measure import measure_speed
from app.runtime import (
    ChatMessage,
    Generation,
    GenerationStatistics,
    LoadedModel,
    LoadSettings,
    Sampling,
)
from tests.bench.runtime.table import Row, in_turns, rate_row
from tests.bench.runtime.tools import LlamaBench

GREEDY = Sampling(temperature=0.0)
USUAL = Sampling(seed=1)
PROMPT = "the other world and you with it is that on the water " * 17
"""Some 500 tokens of the made models' vocabulary."""


def decode_rows(name: str, model: Path, bench: LlamaBench, runs: int, tokens: int, goal: float) -> list[Row]:
    settings = LoadSettings(context_length=tokens + 256, threads=bench.threads)
    with LoadedModel.load(model, settings) as loaded:
        depth = answer(loaded, "Go on.", 1, GREEDY).prompt_tokens

        def theirs() -> float:
            return bench.tokens_per_s(model, generate=tokens, depth=depth)

        def ours(sampling: Sampling) -> float:
            return answer(loaded, "Go on.", tokens, sampling).tokens_per_s

        greedy = in_turns(runs, lambda: ours(GREEDY), theirs)
        usual = in_turns(runs, lambda: ours(USUAL), theirs)
    return [
        rate_row(f"decode, {name}, greedy", greedy, goal),
        rate_row(f"decode, {name}, usual sampling", usual, goal),
    ]


def prompt_row(name: str, model: Path, bench: LlamaBench, runs: int) -> Row:
    numbers = count()
    with LoadedModel.load(model, LoadSettings(context_length=1024, threads=bench.threads)) as loaded:

        def ask() -> GenerationStatistics:
            # Another beginning each time: nothing may come from the cache but the start of the turn.
            return answer(loaded, f"{next(numbers)} {PROMPT}", 1, GREEDY)

        evaluated = ask().evaluated_tokens
        pairs = in_turns(
            runs,
            lambda: ask().prompt_tokens_per_s,
            lambda: bench.tokens_per_s(model, prompt=evaluated),
        )
    return rate_row(f"prompt of {evaluated} tokens, {name}", pairs, 0.98)


def bench_command_rows(name: str, model: Path, bench: LlamaBench, runs: int) -> list[Row]:
    """What `nibble bench` tells: no goal of the issue, but it must tell what llama-bench tells."""
    control = JobControl(CancelToken(), lambda event: None)
    with LoadedModel.load(model, LoadSettings(context_length=512, threads=bench.threads)) as loaded:

        def ours(prompt: int, generate: int) -> float:
            speed = measure_speed(loaded, prompt, generate, 1, control)
            rate = speed.prompt or speed.generate
            assert rate is not None
            return rate.mean

        rows = []
        for prompt, generate in ((512, 0), (0, 128)):
            pairs = in_turns(
                runs,
                lambda prompt=prompt, generate=generate: ours(prompt, generate),
                lambda prompt=prompt, generate=generate: bench.tokens_per_s(
                    model, prompt=prompt, generate=generate
                ),
            )
            what = f"pp{prompt}" if prompt else f"tg{generate}"
            rows.append(rate_row(f"nibble bench {what}, {name}", pairs, 0.98))
    return rows


def answer(loaded: LoadedModel, prompt: str, tokens: int, sampling: Sampling) -> GenerationStatistics:
    limited = Sampling(temperature=sampling.temperature, seed=sampling.seed, max_tokens=tokens)
    for event in loaded.generate([ChatMessage("user", prompt)], limited):
        if isinstance(event, Generation):
            assert event.statistics.tokens == tokens, "the answer ended before it was as long as asked for"
            return event.statistics
    raise AssertionError("generate() ends with a Generation")
