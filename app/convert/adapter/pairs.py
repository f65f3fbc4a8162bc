"""adapter_model.safetensors: the two matrices beside each weight, and what was trained whole.

Names: `get_peft_model_state_dict` of PEFT. The module's name in the model, behind "base_model.model.", then
lora_A.weight and lora_B.weight, or lora_embedding_A and _B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.convert.adapter.settings import LoraSettings, read_settings
from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.folder import PICKLES, CheckpointFolder
from app.convert.checkpoint.non_finite import NonFiniteWatch
from app.convert.checkpoint.safetensors import read_tensors
from app.convert.checkpoint.tensors import CheckpointTensor, PlainTensor
from app.convert.checkpoint.weights import Weights
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken
from app.gguf.cursor import shorten
from app.gguf.source import LocalFile

FILE = "adapter_model.safetensors"
_READABLE = ("F64", "F32", "F16", "BF16")
_HALF = re.compile(
    r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<half>[AB])(?:\.(?!weight$)\w+)?(?:\.weight)?"
)
_SAVED = re.compile(r"\.modules_to_save(\.(?!weight$|bias$)\w+)?(?=\.)")
_FROZEN = ".base_layer.weight"
"""The model's own weight, which PEFT saves beside the matrices of an embedding."""


@dataclass(frozen=True)
class LoraPair:
    """W (rows, columns) becomes W + scale B A. `a`: (rank, columns), `b`: (rows, rank). Of an embedding
    (tokens, columns), whose rows are looked up, they are those of its transpose: (rank, tokens) and (columns, rank)."""

    a: CheckpointTensor
    b: CheckpointTensor
    scale: float
    is_of_embedding: bool

    @property
    def rank(self) -> int:
        return self.b.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weight."""
        rows, columns = self.b.shape[0], self.a.shape[1]
        return (columns, rows) if self.is_of_embedding else (rows, columns)


@dataclass(frozen=True)
class Adapter:
    """`pairs` by the name of the weight they change, as the checkpoint has it; `whole`: tensors that take another's
    place."""

    folder: CheckpointFolder
    settings: LoraSettings
    pairs: Mapping[str, LoraPair]
    whole: Mapping[str, CheckpointTensor]


@contextmanager
def open_adapter(folder: CheckpointFolder) -> Iterator[Adapter]:
    """Raises FileGone, DamagedCheckpoint and UnsupportedCheckpoint, also for one that is pickled."""
    names = folder.files()
    settings = read_settings(folder)
    if FILE not in names:
        pickled = next((name for name in names if name.endswith(PICKLES)), None)
        if pickled is not None:
            raise UnsupportedCheckpoint(
                f"The adapter {folder.name} is a pickled file ({pickled}), which can run programs when read.",
                f"Ask its author for {FILE}, which PEFT has saved by default since 2023.",
            )
    with LocalFile(folder.require(FILE, "Choose an adapter's folder, with all its files.")) as file:
        stored = read_tensors(file)
        weights = Weights(stored, dict.fromkeys(stored, file))
        tensors = {name: PlainTensor(each, weights) for name, each in stored.items()}
        yield _adapter(folder, settings, tensors)


def watched(adapter: Adapter, cancel: CancelToken) -> Adapter:
    """The same, that raises NonFiniteWeights where numbers of its pairs are read that are none."""
    halves = {half.name: half for pair in adapter.pairs.values() for half in (pair.a, pair.b)}
    looked_at = NonFiniteWatch(halves, cancel, allows=False).watched()
    pairs = {
        name: replace(pair, a=looked_at[pair.a.name], b=looked_at[pair.b.name])
        for name, pair in adapter.pairs.items()
    }
    return replace(adapter, pairs=pairs)


def _adapter(
    folder: CheckpointFolder, settings: LoraSettings, tensors: Mapping[str, CheckpointTensor]
) -> Adapter:
    halves: dict[str, dict[str, CheckpointTensor]] = {}
    embeddings: set[str] = set()
    whole: dict[str, CheckpointTensor] = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in _READABLE:
            raise UnsupportedCheckpoint(
                f"{shorten(name)} of the adapter is stored as {tensor.dtype}; Nibble reads {', '.join(_READABLE)}.",
                "Choose an adapter that is not quantized itself.",
            )
        inner = name.removeprefix("base_model.model.")
        if half := _HALF.fullmatch(inner):
            halves.setdefault(half["module"], {})[half["half"]] = tensor
            if half["embedding"]:
                embeddings.add(half["module"])
        elif "lora_" in inner:
            raise UnsupportedCheckpoint(
                f"The adapter has a tensor {shorten(name)}, which is no part of B A beside a weight.",
                "Merge it with its own tools, and convert the whole model.",
            )
        elif not inner.endswith(_FROZEN):
            whole[_SAVED.sub("", inner)] = tensor
    if not halves and not whole:
        raise damaged(FILE, "it changes nothing")
    pairs = {
        f"{module}.weight": _pair(module, found, settings, is_of_embedding=module in embeddings)
        for module, found in halves.items()
    }
    return Adapter(folder, settings, pairs, whole)


def _pair(
    module: str, halves: Mapping[str, CheckpointTensor], settings: LoraSettings, *, is_of_embedding: bool
) -> LoraPair:
    if set(halves) != {"A", "B"}:
        raise damaged(FILE, f"{shorten(module)} has only one of its two matrices")
    a, b = halves["A"], halves["B"]
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1] or 0 in (*a.shape, *b.shape):
        raise damaged(FILE, f"the two matrices of {shorten(module)} do not fit each other")
    return LoraPair(a, b, settings.scale(module, a.shape[0]), is_of_embedding)
