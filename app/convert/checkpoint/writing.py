"""Writes the GGUF: header, metadata and tensors, in memory that does not grow with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np

from app.convert.checkpoint.describing import describe
from app.convert.checkpoint.numbers import BLOCKS, STORED, Numbers, converted, interleaved, row_bytes
from app.convert.checkpoint.plan import ComputedTensor, MetadataValue, ModelPlan, PlannedTensor
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.tensors import CheckpointTensor, matrix_shape
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.quantizations import Quantization, quantization_named
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl

PIECE_BYTES = 1 << 24
"""How much of a tensor is in memory at a time, before it is converted."""

_ID_KEYS = {"unk": "unknown", "pad": "padding", "sep": "seperator"}
"""Where GGUF's key has another word than tokenizer_config.json."""

_LARGER = {
    "F16": "Convert to BF16 or F32, which hold larger ones.",
    "BF16": "Convert to F32, which holds slightly larger ones.",
    "F32": "No GGUF that Nibble makes holds larger ones; choose another checkpoint.",
}
"""What to do about numbers too large for a type."""


_ALWAYS_F32 = (".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight")
"""Beside vectors and norms, what llama.cpp's converter never makes smaller: what routes to experts."""


@dataclass(frozen=True)
class Transfer:
    """One tensor from the checkpoint to the GGUF, where it is called `name` and has the type `wanted`."""

    name: str
    planned: PlannedTensor
    sources: tuple[CheckpointTensor, ...]
    wanted: str

    @property
    def size_bytes(self) -> int:
        """In the GGUF."""
        rows, columns = matrix_shape(self.planned.made_shape)
        return rows * row_bytes(columns, self.wanted)

    @property
    def read_bytes(self) -> int:
        return sum(source.size_bytes for source in self.sources)


def gguf_names(plan: ModelPlan) -> gguf.TensorNameMap:
    architectures = {name: architecture for architecture, name in gguf.MODEL_ARCH_NAMES.items()}
    return gguf.get_tensor_name_map(architectures[plan.architecture], plan.layers)


def gguf_name(names: gguf.TensorNameMap, planned: PlannedTensor) -> str:
    name: str | None = names.get_name(planned.name, try_suffixes=(".weight", ".bias"))
    assert name is not None, f"gguf has no name for {planned.name}"
    return name


def _transfers(source: Source, kind: Quantization) -> list[Transfer]:
    names = gguf_names(source.plan)
    found = []
    for planned in source.plan.tensors:
        name = gguf_name(names, planned)
        sources = tuple(source.tensors[each] for each in planned.source_names)
        found.append(Transfer(name, planned, sources, _wanted(name, planned, sources[0].dtype, kind)))
    return found


def meant_transfers(source: Source) -> list[Transfer]:
    """Each tensor of the GGUF as F32 numbers, which hold what all formats of checkpoints mean."""
    return [
        replace(transfer, wanted=transfer.sources[0].dtype if transfer.sources[0].dtype in BLOCKS else "F32")
        for transfer in _transfers(source, quantization_named("F32"))
    ]


def meant_pieces(transfer: Transfer) -> Iterator[Numbers]:
    """One of `meant_transfers`, some rows at a time; those of blocks as bytes."""
    return (piece for _, piece in _pieces(transfer))


def _wanted(name: str, planned: PlannedTensor, dtype: str, kind: Quantization) -> str:
    if dtype in BLOCKS:
        return dtype  # as it was made: anything else would round it a second time
    if _needs_f32(name, planned):
        return "F32"
    # Beside integers that are kept, what was not quantized stays as it is stored.
    return kind.name if kind.name in STORED else dtype if dtype in ("F16", "BF16") else "F16"


def _needs_f32(name: str, planned: PlannedTensor) -> bool:
    """As llama.cpp computes with norms and biases."""
    return (
        len(planned.made_shape) == 1
        or not name.endswith(".weight")
        or name.endswith(("_norm.weight", *_ALWAYS_F32))
    )


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
            write_tensors(writer, source.plan.computed, transfers, f"Converting to {kind.name}", control)
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
    parameters = sum(transfer.planned.elements for transfer in transfers)
    describe(source.folder, writer, parameters, told)
    writer.add_file_type(kind.file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in plan.metadata.items():
        _add(writer, f"{plan.architecture}.{key}", value)
    _add_tokenizer(writer, source.tokenizer)
    for computed in plan.computed:
        values = np.asarray(computed.values, "<f4")
        writer.add_tensor_info(computed.name, values.shape, values.dtype, values.nbytes)
    declare(writer, transfers)


def declare(writer: gguf.GGUFWriter, transfers: Sequence[Transfer]) -> None:
    """Adds the tensors to the header, in the order in which `write_tensors` writes them."""
    for transfer in transfers:
        raw_type = gguf.GGMLQuantizationType[transfer.wanted]
        blocks = transfer.wanted in BLOCKS
        dtype = np.dtype(np.uint8 if blocks else STORED[transfer.wanted])
        shape = transfer.planned.made_shape
        if blocks:  # the writer is told bytes, and works out the weights
            shape = (*shape[:-1], row_bytes(shape[-1], transfer.wanted))
        writer.add_tensor_info(transfer.name, shape, dtype, transfer.size_bytes, raw_type)


def write_tensors(
    writer: gguf.GGUFWriter,
    computed: Sequence[ComputedTensor],
    transfers: Sequence[Transfer],
    stage: str,
    control: JobControl,
) -> None:
    """Writes the header and all numbers. Progress is in bytes of what is read."""
    total = sum(transfer.read_bytes for transfer in transfers)
    done = 0
    control.progress(stage, done, total, "bytes")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    # The writer takes a tensor only as a whole; the largest may have gigabytes.
    (file,) = writer.fout
    writer.write_padding(file, file.tell())
    for each in computed:
        values = np.asarray(each.values, "<f4")
        file.write(values.data)
        writer.write_padding(file, values.nbytes)
    for transfer in transfers:
        for read_bytes, piece in _pieces(transfer):
            control.cancel.raise_if_cancelled()
            file.write(piece.data)
            done += read_bytes
            control.progress(stage, done, total, "bytes")
        writer.write_padding(file, transfer.size_bytes)


def _pieces(transfer: Transfer) -> Iterator[tuple[int, Numbers]]:
    """The tensor as some rows at a time, and how many bytes were read for them."""
    for source in transfer.sources:
        for read_bytes, rows in _rows(source, transfer.planned):
            yield read_bytes, _as_wanted(rows, source.dtype, transfer)


def _rows(source: CheckpointTensor, planned: PlannedTensor) -> Iterator[tuple[int, Numbers]]:
    """Whole attention heads where they matter, and only the rows that are wanted."""
    rows, _ = matrix_shape(source.shape)
    bytes_of_row = source.size_bytes // rows
    if planned.rows is not None:
        height = source.shape[-2]
        wanted = range(*planned.rows.indices(height))
        step = max(PIECE_BYTES // bytes_of_row // wanted.step, 1)
        for matrix in range(0, rows, height):
            for first in range(0, len(wanted), step):
                some = wanted[first : first + step]
                count = some[-1] - some[0] + 1
                # Of what lies between, the other tensor made of it counts its own.
                yield len(some) * bytes_of_row, source.rows(matrix + some[0], count)[:: wanted.step]
        return
    together = planned.rope_rows or 1
    step = max(PIECE_BYTES // (bytes_of_row * together), 1) * together
    for row in range(0, rows, step):
        count = min(step, rows - row)
        yield count * bytes_of_row, source.rows(row, count)


def _as_wanted(rows: Numbers, stored: str, transfer: Transfer) -> Numbers:
    planned = transfer.planned
    some = rows if planned.columns is None else rows[:, planned.columns]
    ordered = interleaved(some, planned.rope_rows) if planned.rope_rows else some
    try:
        if planned.plus:
            ordered, stored = converted(ordered, stored, "F32") + np.float32(planned.plus), "F32"
        return np.ascontiguousarray(converted(ordered, stored, transfer.wanted))
    except OverflowError as error:
        raise WrongChoice(
            f"{planned.name} holds numbers too large for {transfer.wanted}.",
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
        case _:
            writer.add_array(key, list(value))


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    writer.add_tokenizer_model(tokenizer.model)
    writer.add_tokenizer_pre(tokenizer.pre)
    writer.add_token_list([piece.text for piece in tokenizer.pieces])
    writer.add_token_types([int(piece.type) for piece in tokenizer.pieces])
    for kind, number in tokenizer.special_ids.items():
        writer.add_uint32(f"tokenizer.ggml.{_ID_KEYS.get(kind, kind)}_token_id", number)
    writer.add_add_bos_token(tokenizer.add_bos)
    writer.add_add_eos_token(tokenizer.add_eos)
    if tokenizer.model == "llama":
        writer.add_token_scores([piece.score for piece in tokenizer.pieces])
        writer.add_add_space_prefix(tokenizer.add_space_prefix)
    else:
        writer.add_token_merges(tokenizer.merges)
    if tokenizer.chat_templates:
        writer.add_chat_template(
            [{"name": name, "template": text} for name, text in tokenizer.chat_templates.items()]
        )
