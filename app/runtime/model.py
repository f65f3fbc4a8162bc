"""A loaded model: one worker process, ready to generate and to score."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.core.errors import PromptTooLong, TooLittleMemory, WorkerDied
from app.core.jobs import CancelToken
from app.core.text import encodable
from app.runtime.client import Worker, start_worker
from app.runtime.protocol import (
    CacheRestored,
    CacheSaved,
    ChatMessage,
    Generate,
    Generated,
    GenerationStatistics,
    Load,
    Loaded,
    LoadProgress,
    LoadSettings,
    ModelDescription,
    Piece,
    PromptProgress,
    RestoreCache,
    Sampling,
    SaveCache,
    Score,
    Scored,
    ScoreProgress,
    TokenChoice,
    WhenFull,
)
from app.runtime.sampling_limits import require_possible, require_possible_top

SEEDS = 2**32 - 1
"""llama.cpp takes 32 bits, and the largest of those numbers (LLAMA_DEFAULT_SEED) as "any seed"."""

LONGEST_TEXT = 5_000_000
"""Characters to score at once, more than any context holds: what a worker is sent must fit into a message."""


@dataclass(frozen=True)
class Generation:
    """A whole answer. `probabilities` of its tokens, where asked for (see `Generated`)."""

    text: str
    statistics: GenerationStatistics
    probabilities: tuple[TokenChoice, ...] = ()


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
    """Made by `load`; `close` ends the worker and gives its memory back."""

    def __init__(self, path: Path, worker: Worker, description: ModelDescription) -> None:
        self.path = path
        self.description = description
        self._worker = worker

    @classmethod
    def load(
        cls,
        path: Path,
        settings: LoadSettings,
        cancel: CancelToken | None = None,
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> LoadedModel:
        """Starts a worker and loads `path` into it; `on_progress` gets the fraction read.

        Raises LoadFailed, TooLittleMemory, UnknownArchitecture, FileGone, WrongChoice, WorkerDied, or Cancelled.
        """
        worker = start_worker()
        try:
            for reply in worker.call(Load(path=os.fsencode(path), settings=settings), cancel):
                if isinstance(reply, LoadProgress):
                    on_progress(reply.fraction)
                elif isinstance(reply, Loaded):
                    return cls(path, worker, reply.model)
        except WorkerDied as death:
            worker.close()
            # Where a card has none left when the first token is computed, ggml ends the process.
            if any("out of memory" in line for line in death.log):
                raise TooLittleMemory(
                    f"There was too little memory to run {path.stem}.",
                    "Choose a smaller quantization, or close other programs.",
                    death.log,
                ) from death
            raise
        except BaseException:
            worker.close()
            raise
        raise AssertionError("a worker's replies end with a final one")

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
        *,
        top_probabilities: int = 0,
        conversation: str = "",
        when_full: WhenFull = "stop",
    ) -> Iterator[PromptProgress | Piece | Generation]:
        """Progress on the prompt, then the answer in pieces, at last the whole `Generation`.

        A cancelled answer also ends with a `Generation` (finish reason 'cancelled') holding what
        had been generated. `top_probabilities`: of how many of the likeliest tokens of each place to tell the
        probability, and that of the chosen one. `conversation`: a name for `save_cache`; `when_full` as in
        `Generate`.

        Raises PromptTooLong, TemplateFault, WrongChoice, GrammarFault, WorkerDied.
        """
        require_possible(sampling)
        require_possible_top(top_probabilities)
        clean = tuple(ChatMessage(m.role, encodable(m.content)) for m in messages)
        request = Generate(
            messages=clean,
            sampling=msgspec.structs.replace(sampling, seed=sampling.seed % SEEDS),
            top_probabilities=top_probabilities,
            conversation=conversation,
            when_full=when_full,
        )
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, (PromptProgress, Piece)):
                yield reply
            elif isinstance(reply, Generated):
                yield Generation(reply.text, reply.statistics, reply.probabilities)

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
