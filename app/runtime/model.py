"""A loaded model: one worker process, ready to generate and to score."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.core.errors import (
    DriverReset,
    PromptTooLong,
    WorkerAborted,
    WorkerCrashed,
    WorkerOutOfMemory,
    WorkerStalled,
)
from app.core.jobs import CancelToken
from app.core.text import encodable
from app.runtime.client import Worker
from app.runtime.protocol import (
    AnswerSoFar,
    Bench,
    Benched,
    BenchProgress,
    BenchTimes,
    CacheRestored,
    CacheSaved,
    Calibrate,
    Calibrated,
    CalibrateProgress,
    ChatMessage,
    Count,
    Counted,
    Diverge,
    Divergences,
    Generate,
    Generated,
    GenerationStatistics,
    Load,
    Loaded,
    LoadProgress,
    LoadSettings,
    LogitsWritten,
    ModelDescription,
    Piece,
    PromptProgress,
    RestoreCache,
    Sampling,
    SaveCache,
    Score,
    Scored,
    ScoreProgress,
    TemplateOptions,
    TokenChoice,
    TokenDivergence,
    ToolCall,
    WhenFull,
    WriteLogits,
)
from app.runtime.sampling_limits import require_possible, require_possible_top
from app.runtime.starting import is_set_aside_after, start_worker

T = TypeVar("T")

SEEDS = 2**32 - 1
"""llama.cpp takes 32 bits, and the largest of those numbers (LLAMA_DEFAULT_SEED) as "any seed"."""

LONGEST_TEXT = 5_000_000
"""Characters to score at once, more than any context holds: what a worker is sent must fit into a message."""


NO_OPTIONS = TemplateOptions()


@dataclass(frozen=True)
class Generation:
    """A whole answer. What the model thought before and which tools it called is not in its text.

    `probabilities` of its tokens and the whole `conversation` in tokens, where asked for (see `Generated`).
    """

    text: str
    statistics: GenerationStatistics
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    probabilities: tuple[TokenChoice, ...] = ()
    conversation: tuple[int, ...] = ()

    @property
    def message(self) -> ChatMessage:
        """As a turn of the conversation that goes on."""
        return ChatMessage("assistant", self.text, self.reasoning, self.tool_calls)


@dataclass(frozen=True)
class TokenScores:
    """`log_probabilities[i]` (natural logarithm) is that of `tokens[i + 1]` given all before it.

    `tokens` begins with the start token where the model's metadata adds one; the first token has
    no log-probability, so a text of one token or none has an empty list. Not a number where the
    model's own logits are none.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]


class LoadedModel:
    """Made by `load`, in `load_s` seconds; `close` ends the worker and gives its memory back."""

    def __init__(self, path: Path, worker: Worker, description: ModelDescription, load_s: float) -> None:
        self.path = path
        self.description = description
        self._worker = worker
        self.load_s = load_s

    @classmethod
    def load(
        cls,
        path: Path,
        settings: LoadSettings,
        cancel: CancelToken | None = None,
        on_progress: Callable[[float], None] = lambda fraction: None,
        start: Callable[[], Worker] = start_worker,
    ) -> LoadedModel:
        """Loads `path` into a worker from `start`; `on_progress` gets the fraction read.

        Raises LoadFailed, TooLittleMemory, UnknownArchitecture, FileGone, WrongChoice, WorkerDied, or Cancelled.
        """
        failed: set[Path | None] = set()
        while True:
            begun = time.monotonic()
            worker = start()
            try:
                description = _load(worker, path, settings, cancel, on_progress)
                return cls(path, worker, description, time.monotonic() - begun)
            except WorkerOutOfMemory as death:
                # Where a card has none left when the first token is computed, ggml ends the process.
                worker.close()
                message = f"There was too little memory to run {path.stem}."
                raise WorkerOutOfMemory(message, death.hint, death.log) from death
            except (WorkerCrashed, WorkerAborted, WorkerStalled, DriverReset) as death:
                worker.close()
                if worker.runtime_folder in failed or not is_set_aside_after(worker, death):
                    raise
                failed.add(worker.runtime_folder)  # on the next one
            except BaseException:
                worker.close()
                raise

    @property
    def alive(self) -> bool:
        return self._worker.alive

    @property
    def worker_pid(self) -> int:
        return self._worker.pid

    @property
    def log(self) -> tuple[str, ...]:
        return self._worker.log

    def generate(
        self,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        cancel: CancelToken | None = None,
        options: TemplateOptions = NO_OPTIONS,
        *,
        top_probabilities: int = 0,
        conversation: str = "",
        when_full: WhenFull = "stop",
        continues: AnswerSoFar | None = None,
        tells_tokens: bool = False,
        begins: Sequence[int] = (),
    ) -> Iterator[PromptProgress | Piece | Generation]:
        """Progress on the prompt, then the answer in pieces, at last the whole `Generation`.

        A cancelled answer also ends with a `Generation` (finish reason 'cancelled') holding what
        had been generated. `top_probabilities`: of how many of the likeliest tokens of each place to tell the
        probability, and that of the chosen one. `conversation`: a name for `save_cache`; `when_full`, `continues`,
        `tells_tokens` and `begins` as in `Generate`.

        Raises PromptTooLong, TemplateFault, WrongChoice, GrammarFault, WorkerDied.
        """
        require_possible(sampling)
        require_possible_top(top_probabilities)
        request = Generate(
            messages=tuple(map(_encodable, messages)),
            sampling=msgspec.structs.replace(sampling, seed=sampling.seed % SEEDS),
            options=_encodable(options),
            top_probabilities=top_probabilities,
            conversation=conversation,
            when_full=when_full,
            continues=_encodable(continues),
            tells_tokens=tells_tokens,
            begins=tuple(begins),
        )
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, (PromptProgress, Piece)):
                yield reply
            elif isinstance(reply, Generated):
                yield Generation(
                    reply.text,
                    reply.statistics,
                    reply.reasoning,
                    reply.tool_calls,
                    reply.probabilities,
                    reply.conversation,
                )

    def score(
        self,
        text: str,
        *,
        parse_special: bool = False,
        cancel: CancelToken | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> TokenScores:
        """How probable the model finds each token of `text`, which is taken from its beginning.

        With `parse_special`, special tokens spelled in the text count as such. A text may be as
        long as the context; longer ones the caller cuts. `on_progress` gets how many tokens are
        scored, of how many. The next answer evaluates its whole prompt again.

        Raises PromptTooLong, LoadFailed, WorkerDied, or Cancelled.
        """
        if len(text) > LONGEST_TEXT:
            raise PromptTooLong(
                f"This text has {len(text):,} characters; Nibble takes {LONGEST_TEXT:,} at once.",
                "Cut it into shorter pieces.",
            )
        request = Score(text=encodable(text), parse_special=parse_special)
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, ScoreProgress):
                on_progress(reply.done, reply.total)
            elif isinstance(reply, Scored):
                return TokenScores(reply.tokens, reply.log_probabilities)
        raise AssertionError("a worker's replies end with a final one")

    def write_logits(
        self,
        tokens: Sequence[int],
        start: int,
        path: Path,
        cancel: CancelToken | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> str:
        """Writes what the model expects at the places of `tokens[start:]` to `path`, for another model's `diverge`:
        4 bytes for each of them and each of the vocabulary. `start` is at least 1. Returns which vocabulary it is.

        `on_progress` gets how many tokens are evaluated, of how many. The next answer evaluates its whole prompt again.
        Raises PromptTooLong, LoadFailed, DiskFull or another fault of the file, WorkerDied, or Cancelled.
        """
        request = WriteLogits(tokens=tuple(tokens), start=start, path=os.fsencode(path))
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, ScoreProgress):
                on_progress(reply.done, reply.total)
            elif isinstance(reply, LogitsWritten):
                return reply.vocabulary
        raise AssertionError("a worker's replies end with a final one")

    def diverge(
        self,
        tokens: Sequence[int],
        start: int,
        path: Path,
        vocabulary: str,
        top: int = 10,
        cancel: CancelToken | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[TokenDivergence]:
        """How much the model differs at each of `tokens[start:]` from the one that has written its logits for them to
        `path` and told its `vocabulary`; with the `top` likeliest tokens of both.

        Raises OtherVocabulary and what `write_logits` does.
        """
        request = Diverge(
            tokens=tuple(tokens), start=start, path=os.fsencode(path), vocabulary=vocabulary, top=top
        )
        found: list[TokenDivergence] = []
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, ScoreProgress):
                on_progress(reply.done, reply.total)
            elif isinstance(reply, Divergences):
                found += reply.tokens
        return found

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` is as a part of a message: what the template puts around it is not counted.

        Exact up to 100,000 characters, but for the space that some vocabularies put before a text; beyond, it may be
        one more for each 100,000. Does not wait for answers, and cannot be cancelled. Raises PromptTooLong and
        WorkerDied.
        """
        if len(text) > LONGEST_TEXT:
            raise PromptTooLong(
                f"This text has {len(text):,} characters; Nibble takes {LONGEST_TEXT:,} at once.",
                "Cut it into shorter pieces.",
            )
        reply = self._worker.call_for(Count(text=encodable(text)))
        assert isinstance(reply, Counted)
        return reply.tokens

    def bench(
        self,
        *,
        prompt_tokens: int,
        generated_tokens: int,
        repetitions: int,
        cancel: CancelToken | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> BenchTimes:
        """How long evaluating and decoding so many tokens takes, as llama-bench measures it.

        `on_progress` gets how many repetitions are done, of how many. The next answer evaluates its whole prompt
        again. Raises PromptTooLong, LoadFailed, WorkerDied, or Cancelled.
        """
        request = Bench(
            prompt_tokens=prompt_tokens, generated_tokens=generated_tokens, repetitions=repetitions
        )
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, BenchProgress):
                on_progress(reply.done, reply.total)
            elif isinstance(reply, Benched):
                return reply.times
        raise AssertionError("a worker's replies end with a final one")

    def calibrate(
        self,
        text: str,
        dataset: str,
        path: Path,
        cancel: CancelToken | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> int:
        """Takes the importance matrix over `text` and writes it to `path`, where the text is called `dataset`; returns
        over how many chunks of 512 tokens.

        `on_progress` gets how many of them are evaluated, of how many. Raises WrongChoice for a text of less than two
        chunks, PromptTooLong for one that no message holds, LoadFailed, TooLittleMemory, DiskFull or another fault of
        the file, WorkerDied, or Cancelled.
        """
        if len(text) > LONGEST_TEXT:
            raise PromptTooLong(
                f"This text has {len(text):,} characters; Nibble takes {LONGEST_TEXT:,} at once.",
                "Choose a shorter text: a few hundred thousand are enough.",
            )
        request = Calibrate(text=encodable(text), dataset=encodable(dataset), path=os.fsencode(path))
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, CalibrateProgress):
                on_progress(reply.done, reply.total)
            elif isinstance(reply, Calibrated):
                return reply.chunks
        raise AssertionError("a worker's replies end with a final one")

    def save_cache(
        self,
        conversation: str,
        path: Path,
        stamp: str,
        most_bytes: int,
        cancel: CancelToken | None = None,
    ) -> int:
        """Writes what the KV cache has of `conversation` to `path`; returns how many tokens, 0 for no file.

        Waits for running answers. `stamp` must tell what the cache is good for: model, settings.
        Raises DiskFull or another fault of the folder, WorkerDied, or Cancelled.
        """
        request = SaveCache(
            path=os.fsencode(path), conversation=conversation, stamp=stamp, most_bytes=most_bytes
        )
        reply = self._worker.call_for(request, cancel)
        assert isinstance(reply, CacheSaved)
        return reply.tokens

    def restore_cache(
        self, conversation: str, path: Path, stamp: str, cancel: CancelToken | None = None
    ) -> int:
        """Takes `conversation` from a file of `save_cache`, unless it is in the cache anyway; returns how many tokens.

        0 where the file is damaged, of another stamp or larger than the context. Raises WorkerDied, or Cancelled.
        """
        request = RestoreCache(path=os.fsencode(path), conversation=conversation, stamp=stamp)
        reply = self._worker.call_for(request, cancel)
        assert isinstance(reply, CacheRestored)
        return reply.tokens

    def close(self) -> None:
        self._worker.close()

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _encodable(value: T) -> T:
    """The same with text that every part can take, however deep it stands."""
    plain = _clean(msgspec.to_builtins(value))
    return msgspec.convert(plain, type(value))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _load(
    worker: Worker,
    path: Path,
    settings: LoadSettings,
    cancel: CancelToken | None,
    on_progress: Callable[[float], None],
) -> ModelDescription:
    for reply in worker.call(Load(path=os.fsencode(path), settings=settings), cancel):
        if isinstance(reply, LoadProgress):
            on_progress(reply.fraction)
        elif isinstance(reply, Loaded):
            return reply.model
    raise AssertionError("a worker's replies end with a final one")
