"""How the window says what a model takes and how it would run here: contexts, memory, speeds, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.units import format_bytes

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit

CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072)
"""Context lengths to choose from, in tokens."""

USUAL_CONTEXT = 8192


@dataclass(frozen=True)
class Look:
    """How a verdict is shown: never by colour alone."""

    glyph: str
    colour: str
    words: str


def verdict_look(verdict: str) -> Look:
    """For a value of `app.recommend.fit.Verdict`."""
    return {
        "fits the GPU": Look("check-circle", "good", _tr("Fits the GPU")),
        "fits, tight": Look("warning-circle", "warning", _tr("Fits, tight")),
        "GPU + memory": Look("circle-half", "text", _tr("GPU + memory")),
        "processor only": Look("cpu", "text", _tr("Processor only")),
        "slow": Look("hourglass-medium", "warning", _tr("Slow")),
        "too big": Look("x-circle", "danger", _tr("Too big")),
    }[verdict]


VERDICTS = ("fits the GPU", "fits, tight", "GPU + memory", "processor only", "slow", "too big")


def verdict_meaning(verdict: str) -> str:
    """A sentence for who wonders what the word means."""
    return {
        "fits the GPU": _tr("All of it has room on the GPU, and some stays free."),
        "fits, tight": _tr("All of it has room on the GPU, but hardly anything stays free."),
        "GPU + memory": _tr("A part of it is on the GPU, the rest in main memory, which is slower."),
        "processor only": _tr("It has room in main memory, and the processor does all the work."),
        "slow": _tr("It has room, but writes more slowly than people read."),
        "too big": _tr("It needs more memory than is free now."),
    }[verdict]


def context_name(tokens: int) -> str:
    """`131072` -> `128k`."""
    return f"{tokens // 1024}k" if tokens >= 1024 and tokens % 1024 == 0 else f"{tokens:,}"


def contexts_of(longest: int) -> tuple[int, ...]:
    """Those of `CONTEXTS` that tell apart what a model of that context can be given, shorter ones first; 0: all."""
    within = [context for context in CONTEXTS if not longest or context < longest]
    return CONTEXTS[: min(len(within) + 1, len(CONTEXTS))]


def gigabytes(size_bytes: int) -> str:
    """Without the unit, for columns and pairs: `7.1`."""
    count = size_bytes / 1e9
    return f"{count:.2f}" if count < 0.995 else f"{count:.1f}" if count < 99.95 else f"{count:.0f}"


def speed_range(fit: Fit) -> str:
    """`31–47 tok/s`; nothing is told of what cannot run."""
    if fit.free_bytes < 0:
        return "–"
    return tokens_per_s(fit.speed.low, fit.speed.high)


def tokens_per_s(low: float, high: float) -> str:
    decimals = 0 if high >= 10 else 1 if high >= 1 else 2
    return _tr("{low}–{high} tok/s").format(low=f"{low:.{decimals}f}", high=f"{high:.{decimals}f}")


def speed_basis(fit: Fit) -> str:
    if fit.free_bytes < 0:
        return ""
    return _tr("measured") if fit.speed.is_measured else _tr("estimated")


def speed_explained(fit: Fit) -> str:
    if fit.free_bytes < 0:
        return verdict_meaning(fit.verdict)
    if fit.speed.is_measured:
        return _tr("Tokens per second, measured in answers that it has written on this computer")
    if fit.speed.is_corrected:
        return _tr(
            "Tokens per second, estimated from how fast this computer reads its memory and corrected by the answers "
            "that other models have written on it; a token is about three quarters of an English word"
        )
    return _tr(
        "Tokens per second, estimated from how fast this computer reads its memory; a token is about three quarters "
        "of an English word"
    )


def in_use(fit: Fit, budget: Budget) -> str:
    """`7.1 of 8.0 GB`, of two memories `7.9 + 12.1 GB`."""
    if budget.is_shared or not fit.gpu_layers:
        used = fit.memory_bytes + (fit.accelerator_bytes if budget.is_shared else 0)
        return used_of(used, budget.memory_bytes)
    if fit.verdict in ("fits the GPU", "fits, tight"):
        return used_of(fit.accelerator_bytes, budget.accelerator_bytes)
    return _tr("{gpu} + {memory} GB").format(
        gpu=gigabytes(fit.accelerator_bytes), memory=gigabytes(fit.memory_bytes)
    )


def used_of(used_bytes: int, free_bytes: int) -> str:
    """`7.1 of 8.0 GB`."""
    return _tr("{used} of {free} GB").format(used=gigabytes(used_bytes), free=gigabytes(free_bytes))


def in_use_where(fit: Fit, budget: Budget) -> str:
    if budget.is_shared or not fit.gpu_layers:
        return _tr("memory")
    return _tr("GPU") if fit.verdict in ("fits the GPU", "fits, tight") else _tr("GPU + memory")


def in_use_exactly(fit: Fit, budget: Budget) -> str:
    """Bytes, a line for each memory."""
    used = fit.memory_bytes + (fit.accelerator_bytes if budget.is_shared else 0)
    exact = _tr("{where}: {used:,} of {free:,} free bytes")
    lines = [exact.format(where=_tr("Memory"), used=used, free=budget.memory_bytes)]
    if budget.accelerator_bytes and not budget.is_shared:
        free = budget.accelerator_bytes
        lines.insert(0, exact.format(where=_tr("GPU"), used=fit.accelerator_bytes, free=free))
    return "\n".join(lines)


def left_over(fit: Fit) -> str:
    if fit.free_bytes < 0:
        return _tr("{size} missing").format(size=format_bytes(-fit.free_bytes))
    return _tr("{size} left free").format(size=format_bytes(fit.free_bytes))


def _tr(text: str) -> str:
    return QCoreApplication.translate("FitWords", text)
