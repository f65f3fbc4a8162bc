"""Writes the GGUF: header, metadata and tensors, in memory that does not grow with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np

from app.convert.checkpoint.describing import describe
from app.convert.checkpoint.numbers import BLOCKS, STORED, Numbers, row_bytes
from app.convert.checkpoint.plan import ComputedTensor, MetadataValue, ModelPlan, PlannedTensor
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.threads import in_order
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.transfer import Piece, Transfer
from app.convert.quantizations import Quantization, quantization_named
from app.core.errors import from_os_error
from app.core.jobs import JobControl

_ID_KEYS = {"unk": "unknown", "pad": "padding", "sep": "seperator"}
"""Where GGUF's key has another word than tokenizer_config.json."""

_ALWAYS_F32 = (".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight")
"""Beside vectors and norms, what llama.cpp's converter never makes smaller: what routes to experts."""


def gguf_names(plan: ModelPlan) -> gguf.TensorNameMap:
    architectures = {name: architecture for architecture, name in gguf.MODEL_ARCH_NAMES.items()}
    return gguf.get_tensor_name_map(architectures[plan.architecture], plan.layers)


def gguf_name(names: gguf.TensorNameMap, planned: PlannedTensor) -> str:
    name: str | None = names.get_name(planned.name, try_suffixes=(".weight", ".bias"))
    assert name is not None, f"gguf has no name for {planned.name}"
    return name


def transfers_of(source: Source, kind: Quantization) -> list[Transfer]:
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
        for transfer in transfers_of(source, quantization_named("F32"))
    ]


def meant_pieces(transfer: Transfer) -> Iterator[Numbers]:
    """A tensor in the type wanted, some rows at a time; those of blocks as bytes."""
    return (piece.made_of(piece.read()) for piece in transfer.pieces())


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
    transfers = transfers_of(source, kind)
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
    _write_head(writer)
    # The writer takes a tensor only as a whole; the largest may have gigabytes.
    (file,) = writer.fout
    for each in computed:
        values = np.asarray(each.values, "<f4")
        file.write(values.data)
        writer.write_padding(file, values.nbytes)
    with closing(in_order(_converted, _all_pieces(transfers))) as made:
        for transfer in transfers:
            left = transfer.size_bytes
            while left:
                control.cancel.raise_if_cancelled()
                piece, numbers = next(made)
                file.write(numbers.data)
                left -= numbers.nbytes
                done += piece.read_bytes
                control.progress(stage, done, total, "bytes")
            writer.write_padding(file, transfer.size_bytes)


def _all_pieces(transfers: Sequence[Transfer]) -> Iterator[Piece]:
    return chain.from_iterable(transfer.pieces() for transfer in transfers)


def head_of(source: Source, kind: Quantization) -> bytes:
    """What stands before the tensors in the file that `write_gguf` would write."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "head.gguf"
        writer = gguf.GGUFWriter(path, source.plan.architecture)
        try:
            _add_header(writer, source, kind, transfers_of(source, kind), {})
            _write_head(writer)
        finally:
            writer.close()
        return path.read_bytes()


def _write_head(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    (file,) = writer.fout
    writer.write_padding(file, file.tell())


def _converted(piece: Piece) -> tuple[Piece, Numbers]:
    return piece, piece.made_of(piece.read())


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
