"""Writes the GGUF: header, metadata and tensors, in memory that does not grow with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import gguf
import numpy as np

from app.convert.checkpoint.describing import describe
from app.convert.checkpoint.numbers import STORED, Numbers, converted, interleaved
from app.convert.checkpoint.plan import MetadataValue, PlannedTensor
from app.convert.checkpoint.safetensors import StoredTensor
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.weights import Weights
from app.convert.quantizations import Quantization
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl

PIECE_BYTES = 1 << 24
"""How much of a tensor is in memory at a time, before it is converted."""

_ID_KEYS = {"unk": "unknown", "pad": "padding"}
"""Where GGUF's key has another word than tokenizer_config.json."""

_LARGER = {
    "F16": "Convert to BF16 or F32, which hold larger ones.",
    "BF16": "Convert to F32, which holds slightly larger ones.",
    "F32": "No GGUF that Nibble makes holds larger ones; choose another checkpoint.",
}
"""What to do about numbers too large for a type."""


@dataclass(frozen=True)
class Transfer:
    """One tensor from the checkpoint to the GGUF, where it is called `name` and has the type `wanted`."""

    name: str
    planned: PlannedTensor
    stored: StoredTensor
    wanted: str

    @property
    def size_bytes(self) -> int:
        return prod(self.stored.shape) * np.dtype(STORED[self.wanted]).itemsize


def _transfers(source: Source, kind: Quantization) -> list[Transfer]:
    architectures = {name: architecture for architecture, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(architectures[source.plan.architecture], source.plan.layers)
    found = []
    for planned in source.plan.tensors:
        name = names.get_name(planned.name, try_suffixes=(".weight", ".bias"))
        assert name is not None, f"gguf has no name for {planned.name}"
        # llama.cpp computes with norms and biases in F32 only.
        wanted = "F32" if len(planned.shape) == 1 else kind.name
        found.append(Transfer(name, planned, source.weights.tensors[planned.name], wanted))
    return found


def write_gguf(
    partial: Path,
    target: Path,
    source: Source,
    kind: Quantization,
    control: JobControl,
    told: Mapping[str, str],
) -> None:
    """Writes `partial`, which faults call `target`. Progress is in bytes of the checkpoint.

    Raises Cancelled between pieces, DiskFull, NotAllowed, UnreadableFile, DamagedCheckpoint where a
    file was cut meanwhile, and WrongChoice where a weight does not fit into the type.
    """
    transfers = _transfers(source, kind)
    writer = gguf.GGUFWriter(partial, source.plan.architecture)
    _add_header(writer, source, kind, transfers, told)
    try:
        try:
            _write(writer, transfers, source.weights, f"Converting to {kind.name}", control)
        finally:
            writer.close()
    except OSError as error:  # of the target: reading raises faults of its own
        raise from_os_error(error, target, writing=True) from error


def _add_header(
    writer: gguf.GGUFWriter,
    source: Source,
    kind: Quantization,
    transfers: list[Transfer],
    told: Mapping[str, str],
) -> None:
    plan = source.plan
    writer.add_type(gguf.GGUFType.MODEL)
    parameters = sum(prod(transfer.stored.shape) for transfer in transfers)
    describe(source.folder, writer, parameters, told)
    writer.add_file_type(kind.file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in plan.metadata.items():
        _add(writer, f"{plan.architecture}.{key}", value)
    _add_tokenizer(writer, source.tokenizer)
    for transfer in transfers:
        raw_type = gguf.GGMLQuantizationType[transfer.wanted]
        dtype = np.dtype(STORED[transfer.wanted])
        writer.add_tensor_info(transfer.name, transfer.stored.shape, dtype, transfer.size_bytes, raw_type)


def _write(
    writer: gguf.GGUFWriter, transfers: list[Transfer], weights: Weights, stage: str, control: JobControl
) -> None:
    total = sum(transfer.stored.size_bytes for transfer in transfers)
    done = 0
    control.progress(stage, done, total, "bytes")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    # The writer takes a tensor only as a whole; the largest may have gigabytes.
    (file,) = writer.fout
    writer.write_padding(file, file.tell())
    for transfer in transfers:
        for start, piece in _pieces(transfer, weights):
            control.cancel.raise_if_cancelled()
            file.write(_as_wanted(piece, transfer).data)
            control.progress(stage, done + start + piece.nbytes, total, "bytes")
        done += transfer.stored.size_bytes
        writer.write_padding(file, transfer.size_bytes)


def _pieces(transfer: Transfer, weights: Weights) -> Iterator[tuple[int, Numbers]]:
    """The tensor as some rows at a time, whole attention heads where they matter, and where each starts."""
    stored = transfer.stored
    rows = stored.shape[0]
    row_bytes = stored.size_bytes // rows
    together = transfer.planned.rope_rows or 1
    step = max(PIECE_BYTES // (row_bytes * together), 1) * together
    for row in range(0, rows, step):
        count = min(step, rows - row)
        content = weights.read(stored, row * row_bytes, count * row_bytes)
        yield row * row_bytes, np.frombuffer(content, STORED[stored.dtype]).reshape(count, -1)


def _as_wanted(piece: Numbers, transfer: Transfer) -> Numbers:
    head_rows = transfer.planned.rope_rows
    ordered = interleaved(piece, head_rows) if head_rows else piece
    try:
        return np.ascontiguousarray(converted(ordered, transfer.stored.dtype, transfer.wanted))
    except OverflowError as error:
        raise WrongChoice(
            f"{transfer.planned.name} holds numbers too large for {transfer.wanted}.",
            _LARGER[transfer.wanted],
        ) from error


def _add(writer: gguf.GGUFWriter, key: str, value: MetadataValue) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.text for piece in tokenizer.pieces])
    writer.add_token_scores([piece.score for piece in tokenizer.pieces])
    writer.add_token_types([int(piece.type) for piece in tokenizer.pieces])
    for kind, number in tokenizer.special_ids.items():
        writer.add_uint32(f"tokenizer.ggml.{_ID_KEYS.get(kind, kind)}_token_id", number)
    writer.add_add_bos_token(tokenizer.add_bos)
    writer.add_add_eos_token(tokenizer.add_eos)
    writer.add_add_space_prefix(tokenizer.add_space_prefix)
    if tokenizer.chat_templates:
        writer.add_chat_template(
            [{"name": name, "template": text} for name, text in tokenizer.chat_templates.items()]
        )
