"""What a tensor has to have for a prediction, and the refusal where there can be none."""

from __future__ import annotations

from typing import Protocol

MOST_DIMENSIONS = 4
"""ggml has no more."""


class NoPrediction(Exception):
    """No type and no size can be told; says why, for a log and not for a person.

    No fault of the machine: who asks goes without, or shows that the size is not known.
    """


class ShapedTensor(Protocol):
    """`shape` in elements, fastest-varying first, as ggml counts."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


def require_shape(tensor: ShapedTensor) -> None:
    shape = tensor.shape
    if not 0 < len(shape) <= MOST_DIMENSIONS or not all(isinstance(n, int) and n > 0 for n in shape):
        raise NoPrediction(f"{tensor.name[:64]!r} has the impossible shape {str(shape)[:80]}")


def dimensions(shape: tuple[int, ...]) -> int:
    """How many there are for ggml, which does not count lengths of one at the end."""
    count = len(shape)
    while count > 1 and shape[count - 1] == 1:
        count -= 1
    return count
