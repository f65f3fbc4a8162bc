"""Builds GGUF files byte by byte, with lies where a test wants them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Literal

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
_CODES = {
    UINT8: "B",
    INT8: "b",
    UINT16: "H",
    INT16: "h",
    UINT32: "I",
    INT32: "i",
    FLOAT32: "f",
    BOOL: "?",
    UINT64: "Q",
    INT64: "q",
    FLOAT64: "d",
}
F32, F16, Q4_0, Q4_K = 0, 1, 2, 12


@dataclass
class RawGguf:
    """Keys and tensors are added in order; `to_bytes` puts the file together.

    The counts in the header are the true ones unless `key_count` or `tensor_count` says otherwise.
    Version 1 has 32-bit lengths and counts.
    """

    version: int = 3
    order: Literal["<", ">"] = "<"
    magic: bytes = b"GGUF"
    key_count: int | None = None
    tensor_count: int | None = None
    alignment: int = 32
    keys: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    data_bytes: int = 0

    def pack(self, form: str, *values: object) -> bytes:
        return struct.pack(self.order + form, *values)

    def length(self, count: int) -> bytes:
        return self.pack("I" if self.version == 1 else "Q", count)

    def string(self, text: str | bytes, claimed: int | None = None) -> bytes:
        content = text.encode() if isinstance(text, str) else text
        return self.length(len(content) if claimed is None else claimed) + content

    def value(self, kind: int, value: object) -> bytes:
        return self.string(value) if isinstance(value, str | bytes) else self.pack(_CODES[kind], value)

    def array(self, kind: int, values: list[object], claimed: int | None = None) -> bytes:
        """The payload of an array; `claimed` is the count it lies about."""
        head = self.pack("I", kind) + self.length(len(values) if claimed is None else claimed)
        return head + b"".join(self.value(kind, value) for value in values)

    def raw_key(self, key: str | bytes, kind: int, payload: bytes) -> RawGguf:
        self.keys.append(self.string(key) + self.pack("I", kind) + payload)
        return self

    def key(self, key: str | bytes, kind: int, value: object) -> RawGguf:
        return self.raw_key(key, kind, self.value(kind, value))

    def key_array(self, key: str, kind: int, values: list[object], claimed: int | None = None) -> RawGguf:
        return self.raw_key(key, ARRAY, self.array(kind, values, claimed))

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int = F32,
        offset: int = 0,
        dimensions: int | None = None,
        data_bytes: int = 0,
    ) -> RawGguf:
        """Describes a tensor, and makes the data section reach to the end of its `data_bytes`."""
        count = len(shape) if dimensions is None else dimensions
        lengths = b"".join(self.pack("Q", length) for length in shape)
        self.tensors.append(
            self.string(name) + self.pack("I", count) + lengths + self.pack("IQ", kind, offset)
        )
        self.data_bytes = max(self.data_bytes, offset + data_bytes if data_bytes else 0)
        return self

    def header(self) -> bytes:
        tensor_count = len(self.tensors) if self.tensor_count is None else self.tensor_count
        key_count = len(self.keys) if self.key_count is None else self.key_count
        start = self.magic + self.pack("I", self.version) + self.length(tensor_count) + self.length(key_count)
        return start + b"".join(self.keys) + b"".join(self.tensors)

    def to_bytes(self) -> bytes:
        header = self.header()
        return header + bytes(-len(header) % self.alignment) + bytes(self.data_bytes)


@dataclass
class InMemory:
    """A source for `read_header`; `size` may claim more than there is. Remembers (offset, size) asked for."""

    content: bytes
    size: int = 0
    name: str = "bad.gguf"
    requests: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = self.size or len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        self.requests.append((offset, size))
        return self.content[offset : offset + size]


def llama_header(**options: object) -> RawGguf:
    """A small, sound llama header with two tensors; a test then adds its lie."""
    raw = RawGguf(**options)  # type: ignore[arg-type]
    raw.key("general.architecture", STRING, "llama").key("general.name", STRING, "Raw")
    raw.key("general.file_type", UINT32, 1)
    raw.key("llama.block_count", UINT32, 2).key("llama.context_length", UINT32, 128)
    raw.key("llama.embedding_length", UINT32, 64).key("llama.attention.head_count", UINT32, 8)
    raw.key_array("tokenizer.ggml.tokens", STRING, ["a", "bc", "", "d\0e"])
    raw.tensor("token_embd.weight", (64, 4), F32, offset=0, data_bytes=1024)
    raw.tensor("output_norm.weight", (64,), F16, offset=1024, data_bytes=128)
    return raw
