"""A loaded model: one worker process, ready to generate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.core.jobs import CancelToken
from app.core.text import encodable
from app.runtime.client import Worker, start_worker
from app.runtime.protocol import (
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
    Sampling,
)

SEEDS = 2**32 - 1
"""llama.cpp takes 32 bits, and the largest of those numbers (LLAMA_DEFAULT_SEED) as "any seed"."""


@dataclass(frozen=True)
class Generation:
    """A whole answer."""

    text: str
    statistics: GenerationStatistics


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

        Raises LoadFailed, UnknownArchitecture, WorkerDied, or Cancelled.
        """
        worker = start_worker()
        try:
            for reply in worker.call(Load(path=os.fsencode(path), settings=settings), cancel):
                if isinstance(reply, LoadProgress):
                    on_progress(reply.fraction)
                elif isinstance(reply, Loaded):
                    return cls(path, worker, reply.model)
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
        self, messages: Sequence[ChatMessage], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[PromptProgress | Piece | Generation]:
        """Progress on the prompt, then the answer in pieces, at last the whole `Generation`.

        A cancelled answer also ends with a `Generation` (finish reason 'cancelled') holding what
        had been generated. Raises PromptTooLong, TemplateFault, WorkerDied.
        """
        clean = tuple(ChatMessage(m.role, encodable(m.content)) for m in messages)
        request = Generate(
            messages=clean, sampling=msgspec.structs.replace(sampling, seed=sampling.seed % SEEDS)
        )
        for reply in self._worker.call(request, cancel):
            if isinstance(reply, (PromptProgress, Piece)):
                yield reply
            elif isinstance(reply, Generated):
                yield Generation(reply.text, reply.statistics)

    def close(self) -> None:
        self._worker.close()

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
