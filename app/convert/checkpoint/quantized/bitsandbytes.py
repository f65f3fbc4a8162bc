"""bitsandbytes: NF4 and FP4 with what belongs to them under `…weight.`, and LLM.int8() with `…SCB`.

See `kernels.formats.bitsandbytes`. What a 4-bit weight is, JSON tells in a tensor of bytes, `…quant_state.…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from app.convert.checkpoint.config import Config, damaged, parse_object
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.quantized.grouped import matrix
from app.convert.checkpoint.tensors import CheckpointTensor, UntilLastRow, matrix_shape
from app.gguf.cursor import shorten
from kernels.formats.bitsandbytes import MAPS, Floats, Nested, unpack_4bit, unpack_int8

_STATE = ".quant_state.bitsandbytes__"
_MOST_BLOCK = 1 << 16


def bitsandbytes_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint. `keeps` changes nothing: no block of a GGUF holds these numbers as they are."""
    states = {name.partition(_STATE)[0]: name for name in stored if _STATE in name}
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        owner = next(
            (each for each in (name, name.rpartition(".")[0], name.partition(_STATE)[0]) if each in states),
            "",
        )
        prefix, _, part = name.rpartition(".")
        if owner and name != owner:
            continue  # read with the weight it belongs to
        if owner:
            tensors[name] = _FourBits(name, stored, states[name])
        elif part == "weight" and f"{prefix}.SCB" in stored:
            tensors[name] = _Int8(tensor, stored[f"{prefix}.SCB"])
        elif part not in ("SCB", "weight_format"):
            tensors[name] = tensor
    return tensors


class _FourBits:
    dtype = "F32"

    def __init__(self, name: str, stored: Mapping[str, CheckpointTensor], state_name: str) -> None:
        state = Config(parse_object(state_name, matrix(stored[state_name]).tobytes()), state_name)
        self.name = name
        self.shape = state.counts("shape")
        kind = state_name.rpartition("__")[2]
        self._block = state.count("blocksize", _MOST_BLOCK, default=64)
        parts = [each for other, each in stored.items() if other == name or other.startswith(f"{name}.")]
        self.size_bytes = sum(part.size_bytes for part in parts)
        packed, absmax = stored[name], stored.get(f"{name}.absmax")
        if kind not in MAPS or absmax is None or len(self.shape) != 2 or not all(self.shape):
            raise damaged("The checkpoint", f"{shorten(name)} is not whole")
        if prod(packed.shape) != -(-prod(self.shape) // 2) or self.shape[1] % (2 * self._block):
            raise damaged("The checkpoint", f"{shorten(name)} has another size than its description says")
        self._kind = MAPS[kind]
        self._packed = packed
        if prod(absmax.shape) * self._block != prod(self.shape):
            raise damaged("The checkpoint", f"{shorten(name)} has too few or too many scales")
        # Of all layers together scales would be an eighth of the weights.
        self._absmax = UntilLastRow(lambda: _absmax(name, stored, absmax, state), self.shape[0])

    def rows(self, start: int, count: int) -> Numbers:
        columns = self.shape[1]
        _, width = matrix_shape(self._packed.shape)
        octets = self._packed.rows(start * columns // 2 // width, count * columns // 2 // width)
        scales = self._absmax.for_rows(count)[
            start * columns // self._block : (start + count) * columns // self._block
        ]
        return unpack_4bit(octets, scales, self._kind, (count, columns), self._block)


def _absmax(
    name: str, stored: Mapping[str, CheckpointTensor], absmax: CheckpointTensor, state: Config
) -> Floats:
    if absmax.dtype != "U8":
        return matrix(absmax).astype("f4").reshape(-1)
    nested, codes = stored.get(f"{name}.nested_absmax"), stored.get(f"{name}.nested_quant_map")
    if nested is None or codes is None or prod(codes.shape) != 256:
        raise damaged("The checkpoint", f"{shorten(name)} lacks the scales of its scales")
    scales = Nested(
        matrix(absmax).reshape(-1),
        matrix(nested).astype("f4").reshape(-1),
        state.any_number("nested_offset"),
        matrix(codes).astype("f4").reshape(-1),
        state.count("nested_blocksize", _MOST_BLOCK, default=256),
    )
    try:
        return scales.absmax_of_blocks()
    except ValueError as error:
        raise damaged("The checkpoint", f"{shorten(name)}: {error}") from error


class _Int8:
    dtype = "F32"

    def __init__(self, codes: CheckpointTensor, largest: CheckpointTensor) -> None:
        self.name, self.shape = codes.name, codes.shape
        self.size_bytes = codes.size_bytes + largest.size_bytes
        self._codes, self._largest = codes, matrix(largest).reshape(-1)
        if codes.dtype != "I8" or len(codes.shape) != 2 or len(self._largest) != codes.shape[0]:
            raise damaged("The checkpoint", f"{shorten(codes.name)} and its scales do not fit each other")

    def rows(self, start: int, count: int) -> Numbers:
        return unpack_int8(self._codes.rows(start, count), self._largest[start : start + count])
