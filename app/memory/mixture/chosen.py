"""Types that a person chooses for some tensors, over what a quantization's mixture has for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.core.errors import WrongChoice
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture.name_pattern import NamePattern

_NOT_MADE = frozenset({"Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"})
"""`ggml_quantize_chunk` does not write these."""
CHOOSABLE_TYPES = tuple(type.name for type in TENSOR_TYPES.values() if type.name not in _NOT_MADE)


@dataclass(frozen=True)
class TensorTypes:
    """`patterns`: pairs of a pattern for tensors' names (`NamePattern`) and a type; the first that is found counts.
    `output` is also of an embedding that serves as output, where `embedding` is not given. `pure`: all others in the
    quantization's base type, without its mixture.

    As llama-quantize takes them: vectors and other tensors that it leaves alone are never changed, and the
    quantizations F32, F16 and BF16 know no patterns. Raises WrongChoice for an unknown type or a pattern that cannot
    be read.
    """

    patterns: tuple[tuple[str, str], ...] = ()
    output: str | None = None
    embedding: str | None = None
    pure: bool = False

    def __post_init__(self) -> None:
        for name in (*(type for _, type in self.patterns), self.output, self.embedding):
            if name is not None and name not in CHOOSABLE_TYPES:
                raise WrongChoice(
                    f"There is no type called {name[:40]!r} for a tensor.",
                    f"Choose one of {', '.join(CHOOSABLE_TYPES)}.",
                )
        self._compiled  # noqa: B018 - says at once what is wrong with a pattern

    def of_name(self, name: str) -> str | None:
        """The type of the first pattern that is found in a tensor's name."""
        return next((type for pattern, type in self._compiled if pattern.found_in(name)), None)

    def first_idle(self, names: list[str]) -> str | None:
        """The first pattern that is found in none of `names`."""
        return next(
            (pattern.text for pattern, _ in self._compiled if not any(map(pattern.found_in, names))), None
        )

    @cached_property
    def _compiled(self) -> tuple[tuple[NamePattern, str], ...]:
        return tuple((NamePattern(pattern), type) for pattern, type in self.patterns)


NONE_CHOSEN = TensorTypes()
