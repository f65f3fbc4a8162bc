"""Models in several files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import WrongChoice
from app.gguf import TensorInfo
from app.gguf.derived import MOST_PARTS, stored_bytes
from app.gguf.split import SplitName


@dataclass(frozen=True)
class Splitting:
    """`keep`: as many files as the source has, with the same tensors in each. `most_bytes`: of tensors in a file;
    one that is larger has a file for itself. Neither: a single file."""

    keep: bool = False
    most_bytes: int | None = None


WHOLE = Splitting()


def parts_of(
    tensors: Sequence[TensorInfo], types: Mapping[str, str], splitting: Splitting
) -> list[list[TensorInfo]]:
    """`tensors`, which keep their order, by the file they go to. Raises WrongChoice for too many files."""
    if splitting.keep:
        numbers = sorted({tensor.part for tensor in tensors})
        return [[tensor for tensor in tensors if tensor.part == number] for number in numbers]
    if splitting.most_bytes is None:
        return [list(tensors)]
    parts: list[list[TensorInfo]] = [[]]
    filled = 0
    for tensor in tensors:
        size = stored_bytes(tensor, types[tensor.name])
        if parts[-1] and filled + size > splitting.most_bytes:
            parts.append([])
            filled = 0
        parts[-1].append(tensor)
        filled += size
    if len(parts) > MOST_PARTS:
        raise WrongChoice(f"That would be {len(parts):,} files.", "Choose a larger size for each.")
    return parts


def part_paths(target: Path, count: int) -> list[Path]:
    """`bard-Q4_K_M.gguf` -> `bard-Q4_K_M-00001-of-00003.gguf` and so on, by which llama.cpp finds them."""
    if count == 1:
        return [target]
    return [
        target.with_name(SplitName(target.stem, number, count).part(number)) for number in range(1, count + 1)
    ]
