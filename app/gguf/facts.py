"""ModelFacts: what the header says about a model, in the field's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.core.errors import DamagedGguf, FileGone
from app.gguf.cursor import shorten
from app.gguf.header import ByteOrder, Header, MetadataValue, SkippedArray, TensorInfo
from app.gguf.reader import read_header
from app.gguf.source import ByteSource
from app.gguf.split import SplitName, split_name
from app.gguf.types import dominating_type, quantization_name

ModelKind = Literal["model", "mmproj", "adapter", "imatrix", "vocabulary"]


@dataclass(frozen=True)
class ModelFacts:
    """One model, read from the header of its file or of all its parts.

    What the header does not say is None. Lengths are in elements or tokens, sizes in bytes.
    `path` is the first part, the one llama.cpp is given. `heads` and `kv_heads` are the most of
    any layer where they differ; the list is in `metadata`. As the format has it, `kv_heads` is
    `heads` and `key_length`, `value_length` are `embedding_length / heads` where the file is silent.
    """

    path: Path
    files: tuple[Path, ...]
    architecture: str | None
    name: str | None
    parameters: int
    quantization: str | None
    bits_per_weight: float | None
    layers: int | None
    context_length: int | None
    embedding_length: int | None
    heads: int | None
    kv_heads: int | None
    key_length: int | None
    value_length: int | None
    vocabulary_size: int | None
    chat_template: str | None = field(repr=False)
    tensors: tuple[TensorInfo, ...] = field(repr=False)
    tensor_bytes: int
    file_bytes: int
    metadata: Mapping[str, MetadataValue] = field(repr=False, hash=False)
    version: int = 3
    byte_order: ByteOrder = "little"

    @property
    def kind(self) -> ModelKind:
        """What the file is for: a model, an encoder of images or sound ("mmproj"), or less than a model."""
        if self.architecture == "clip":
            return "mmproj"
        match self.metadata.get("general.type"):
            case "mmproj":
                return "mmproj"
            case "adapter":
                return "adapter"
            case "imatrix":
                return "imatrix"
            case _:
                return "model" if self.tensors else "vocabulary"


def read_facts(path: Path) -> ModelFacts:
    """The facts of the model at `path`; of a split model, any of its parts.

    Raises what `read_header` raises, FileGone for a missing part, and DamagedGguf where parts do
    not belong together or a number in the header is impossible.
    """
    header = read_header(path, _keep_array)
    count = header.metadata.get("split.count", 0)
    if not isinstance(count, int) or count <= 1:
        return facts_from_headers((path,), (header,))
    files = _part_paths(path, count)
    headers = tuple(_read_part(file, part, files) for part, file in enumerate(files))
    return facts_from_headers(files, headers)


def facts_from_sources(files: tuple[Path, ...], sources: Sequence[ByteSource]) -> ModelFacts:
    """The facts of a model whose parts, first part first, are read from `sources`; `files` only name them.

    Raises what `read_header` raises, and DamagedGguf where parts do not belong together.
    """
    headers = tuple(read_header(source, _keep_array, part=part) for part, source in enumerate(sources))
    for part, (file, header) in enumerate(zip(files, headers, strict=True)):
        _expect_part(file, header, part, len(files))
    return facts_from_headers(files, headers)


def facts_from_headers(files: tuple[Path, ...], headers: tuple[Header, ...]) -> ModelFacts:
    """The facts of a model whose parts, first part first, have these headers."""
    first = headers[0]
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    if len(headers) > 1:
        _expect_one_model(files[0], first, tensors)
    parameters = sum(tensor.elements for tensor in tensors)
    tensor_bytes = sum(tensor.size_bytes for tensor in tensors)
    fields = _Fields(files[0].name, first.metadata)
    heads = fields.count("attention.head_count", 1 << 20)
    kv_heads = fields.count("attention.head_count_kv", 1 << 20)
    embedding_length = fields.count("embedding_length", 1 << 31)
    head_length = embedding_length // heads if embedding_length and heads else None
    key_length = fields.count("attention.key_length", 1 << 31)
    value_length = fields.count("attention.value_length", 1 << 31)
    return ModelFacts(
        path=files[0],
        files=files,
        architecture=fields.architecture,
        name=fields.text("general.name"),
        parameters=parameters,
        quantization=_quantization(first.metadata, tensors),
        bits_per_weight=tensor_bytes * 8 / parameters if parameters else None,
        layers=fields.count("block_count", 10_000),
        context_length=fields.count("context_length", 1 << 32),
        embedding_length=embedding_length,
        heads=heads,
        kv_heads=heads if kv_heads is None else kv_heads,
        key_length=head_length if key_length is None else key_length,
        value_length=head_length if value_length is None else value_length,
        vocabulary_size=_vocabulary_size(fields),
        chat_template=fields.text("tokenizer.chat_template"),
        tensors=tensors,
        tensor_bytes=tensor_bytes,
        file_bytes=sum(header.file_bytes for header in headers),
        metadata=first.metadata,
        version=first.version,
        byte_order=first.byte_order,
    )


class _Fields:
    """Typed access to metadata that may hold anything."""

    def __init__(self, file_name: str, metadata: Mapping[str, MetadataValue]) -> None:
        self._file_name = file_name
        self.metadata = metadata
        self.architecture = self.text("general.architecture")

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) and value else None

    def count(self, key: str, limit: int) -> int | None:
        """The number under the architecture's `key`, or the largest of a list, from 0 to `limit`."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if value is None:
            return None
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(_is_count(number, limit) for number in numbers):
            raise DamagedGguf(
                f"{self._file_name} is damaged: its header gives {shorten(value)} for {key}.",
                "Download it again, or choose another file.",
            )
        return max((number for number in numbers if isinstance(number, int)), default=None)


def _is_count(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit


def _keep_array(key: str, count: int) -> bool:
    # Per-layer lists and tags; 512 is the most layers llama.cpp takes.
    return count <= 4096 and not key.startswith("tokenizer.")


def _quantization(metadata: Mapping[str, MetadataValue], tensors: tuple[TensorInfo, ...]) -> str | None:
    named = quantization_name(metadata.get("general.file_type"))
    return named or dominating_type((tensor.type, tensor.size_bytes) for tensor in tensors)


def _vocabulary_size(fields: _Fields) -> int | None:
    tokens = fields.metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, SkippedArray) else fields.count("vocab_size", 1 << 31)


def _part_paths(path: Path, count: int) -> tuple[Path, ...]:
    name = split_name(path.name)
    if name is None or name.count != count:
        raise FileGone(
            f"{path.name} is one of {count} parts of a model, but its name does not lead to the others.",
            f"Give all parts their original names, ending in -00001-of-{count:05d}.gguf, in one folder.",
        )
    return tuple(path.with_name(name.part(number)) for number in range(1, count + 1))


def _read_part(file: Path, part: int, files: tuple[Path, ...]) -> Header:
    try:
        header = read_header(file, _keep_array, part=part)
    except FileGone as error:
        name = split_name(file.name) or SplitName(file.stem, part + 1, len(files))
        raise FileGone(
            f"{file.name} is missing: {name.prefix} is split into {len(files)} files.",
            f"Download the missing part into {file.parent}.",
        ) from error
    _expect_part(file, header, part, len(files))
    return header


def _expect_part(file: Path, header: Header, part: int, count: int) -> None:
    told = header.metadata.get("split.no", 0), header.metadata.get("split.count", 0) or 1
    if told != (part, count):
        raise _mixed_parts(file)


def _expect_one_model(path: Path, first: Header, tensors: tuple[TensorInfo, ...]) -> None:
    announced = first.metadata.get("split.tensors.count", len(tensors))
    if announced != len(tensors) or len({tensor.name for tensor in tensors}) != len(tensors):
        raise _mixed_parts(path)


def _mixed_parts(path: Path) -> DamagedGguf:
    return DamagedGguf(
        f"{path.name} and the parts beside it do not belong to one model.", "Download all parts again."
    )
