"""Speed as llama-bench measures it, so that figures from elsewhere can be held against it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.jobs import JobControl
from app.runtime import LoadedModel


@dataclass(frozen=True)
class Rate:
    """`samples` in tokens per second, one for each repetition."""

    tokens: int
    samples: tuple[float, ...]

    @classmethod
    def from_times(cls, tokens: int, seconds: Sequence[float]) -> Rate:
        return cls(tokens, tuple(tokens / each for each in seconds))

    @property
    def mean(self) -> float:
        """llama-bench's `avg_ts`: of the rates, not of the times."""
        return statistics.mean(self.samples)

    @property
    def deviation(self) -> float:
        """llama-bench's `stddev_ts`: the sample's standard deviation; 0 of a single one."""
        return statistics.stdev(self.samples) if len(self.samples) > 1 else 0.0


@dataclass(frozen=True)
class Speed:
    """Evaluating a prompt, and generating; None for what was not asked for."""

    prompt: Rate | None
    generate: Rate | None


def measure_speed(
    model: LoadedModel, prompt_tokens: int, generated_tokens: int, repetitions: int, control: JobControl
) -> Speed:
    """Raises PromptTooLong where the context is too short, and what `LoadedModel.bench` raises besides."""
    times = model.bench(
        prompt_tokens=prompt_tokens,
        generated_tokens=generated_tokens,
        repetitions=repetitions,
        cancel=control.cancel,
        on_progress=lambda done, total: control.progress("Measuring", done, total),
    )
    return Speed(
        Rate.from_times(prompt_tokens, times.prompt_s) if times.prompt_s else None,
        Rate.from_times(generated_tokens, times.generate_s) if times.generate_s else None,
    )
