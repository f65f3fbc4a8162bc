"""Every choice for loading in words: what it is called, what it does, what there is to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.outlook import Outlook

DEFAULT_KEEP_MINUTES = 5
FOREVER = -1


@dataclass(frozen=True)
class Number:
    """A whole number from `least` to what `most` finds."""

    least: int
    most: Callable[[Outlook], int]
    step: int = 1


@dataclass(frozen=True)
class Names:
    """One of several values, each with its name."""

    values: tuple[tuple[object, str], ...]


@dataclass(frozen=True)
class Option:
    """A field of `LoadChoices`. `recommended`: what it is without a choice; `shown`: whether there is one to make;
    `why`: what is said behind the recommended value."""

    field: str
    title: str
    explanation: str
    kind: Number | Names
    recommended: Callable[[Outlook], object]
    shown: Callable[[Outlook], bool] = lambda outlook: True
    why: Callable[[Outlook], str] = lambda outlook: ""


def options() -> tuple[tuple[str, tuple[Option, ...]], ...]:
    """In the order they are shown, with the titles of their groups."""
    return (
        (_tr("Where it runs"), _places()),
        (_tr("Context in memory"), _cache()),
        (_tr("Computing"), _computing()),
        (_tr("Loading and keeping"), _loading()),
    )


def _places() -> tuple[Option, ...]:
    return (
        Option(
            "gpu_layers",
            _tr("Layers on the GPU"),
            _tr("The more there are, the faster it writes; what has no room there makes loading fail."),
            Number(0, lambda outlook: outlook.layers),
            lambda outlook: _all_below_zero(outlook.recommended.gpu_layers, outlook.layers),
            lambda outlook: bool(outlook.accelerators),
            lambda outlook: _tr(" of {n}").format(n=outlook.layers),
        ),
        Option(
            "expert_layers_in_memory",
            _tr("Experts in memory"),
            _tr(
                "Of so many layers, from the first, experts stay in main memory. Few of them work at a time, so "
                "that they cost less speed there than anything else."
            ),
            Number(0, lambda outlook: outlook.layers - 1),
            lambda outlook: _all_below_zero(outlook.recommended.expert_layers_in_memory, outlook.layers - 1),
            lambda outlook: outlook.has_experts and bool(outlook.accelerators),
            lambda outlook: _tr(" of {n} layers").format(n=outlook.layers - 1),
        ),
    )


def _cache() -> tuple[Option, ...]:
    types = Names((("f16", "F16"), ("q8_0", "Q8_0"), ("q4_0", "Q4_0")))
    return (
        Option(
            "kv_type",
            _tr("Keys"),
            _tr(
                "How the context's keys are kept: Q8_0 takes half of F16 and is hardly noticed, Q4_0 a quarter."
            ),
            types,
            lambda outlook: outlook.recommended.kv_type,
        ),
        Option(
            "value_type",
            _tr("Values"),
            _tr("How the context's values are kept; fewer bits harm them less than keys."),
            types,
            lambda outlook: outlook.settings.kv_type,
            why=lambda outlook: _tr(", as keys"),
        ),
        Option(
            "flash_attention",
            _tr("Flash attention"),
            _tr("Needs less working space and is faster with long contexts; Q8_0 and Q4_0 above need it."),
            Names((("auto", _tr("Automatic")), ("on", _tr("On")), ("off", _tr("Off")))),
            lambda outlook: outlook.recommended.flash_attention,
        ),
    )


def _computing() -> tuple[Option, ...]:
    return (
        Option(
            "threads",
            _tr("Threads for writing"),
            _tr("How many cores work on an answer; more than there are make it slower."),
            Number(1, lambda outlook: 512),
            lambda outlook: outlook.cores,
            why=lambda outlook: _tr(", one for each core"),
        ),
        Option(
            "prompt_threads",
            _tr("Threads for reading"),
            _tr("How many cores read a prompt; here more may help, even two for each core."),
            Number(1, lambda outlook: 512),
            lambda outlook: outlook.settings.threads or outlook.cores,
            why=lambda outlook: _tr(", as for writing"),
        ),
        Option(
            "ubatch",
            _tr("Micro-batch"),
            _tr(
                "Tokens of a prompt that are computed at once: more read faster on a GPU and take more memory."
            ),
            Number(1, lambda outlook: 1 << 16, 128),
            lambda outlook: outlook.recommended.ubatch,
        ),
        Option(
            "batch",
            _tr("Batch"),
            _tr("Tokens of a prompt that are handed over at once; of use with several GPUs."),
            Number(512, lambda outlook: 1 << 16, 512),
            lambda outlook: outlook.recommended.batch,
        ),
    )


def _loading() -> tuple[Option, ...]:
    return (
        Option(
            "load_mode",
            _tr("File"),
            _tr(
                "A mapped file is read where it lies and shared with other programs; a locked one is never moved out "
                "of memory, which the system may refuse."
            ),
            Names(
                (
                    ("auto", _tr("Automatic")),
                    ("mmap", _tr("Mapped")),
                    ("mmap+mlock", _tr("Mapped and locked")),
                    ("none", _tr("Copied")),
                    ("mlock", _tr("Copied and locked")),
                )
            ),
            lambda outlook: outlook.recommended.load_mode,
        ),
        Option(
            "keep_minutes",
            _tr("Stays loaded"),
            _tr(
                "How long it keeps its memory while nobody asks it anything; the next prompt loads it again."
            ),
            Names(
                (
                    (0, _tr("Until the answer is there")),
                    (1, _tr("1 minute")),
                    (5, _tr("5 minutes")),
                    (15, _tr("15 minutes")),
                    (60, _tr("1 hour")),
                    (240, _tr("4 hours")),
                    (FOREVER, _tr("As long as Nibble")),
                )
            ),
            lambda outlook: DEFAULT_KEEP_MINUTES,
        ),
    )


def _all_below_zero(layers: int, all_layers: int) -> int:
    return all_layers if layers < 0 else min(layers, all_layers)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LoadSettings", text)
