"""A checkpoint as the GGUF in full precision that it would be, without that file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from app.convert.checkpoint.plan import ComputedTensor
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.transfer import Transfer
from app.convert.checkpoint.writing import head_of, meant_pieces, transfers_of
from app.convert.quantizations import Quantization
from app.convert.unquantized import PIECE_BYTES
from app.gguf import TensorInfo, read_header
from app.gguf.derived import ALIGNMENT, read_raw_keys
from app.gguf.facts import facts_from_headers
from app.gguf.source import FileHead


class UnquantizedCheckpoint:
    """Has the keys and tensors of the file that `write_gguf` makes of `source` in `kind`, each of these to the bit."""

    def __init__(self, source: Source, kind: Quantization) -> None:
        transfers = transfers_of(source, kind)
        self._transfers: Mapping[str, Transfer] = {transfer.name: transfer for transfer in transfers}
        self._computed: Mapping[str, ComputedTensor] = {each.name: each for each in source.plan.computed}
        head = head_of(source, kind)
        padded = sum(-(-transfer.size_bytes // ALIGNMENT) * ALIGNMENT for transfer in transfers)
        padded += sum(-(-4 * len(each.values) // ALIGNMENT) * ALIGNMENT for each in source.plan.computed)
        header = read_header(FileHead(source.folder.name, head, len(head) + padded))
        self.facts = facts_from_headers((Path(source.folder.name),), (header,))
        self.keys = read_raw_keys(source.folder.name, head)

    def pieces(self, tensor: TensorInfo) -> Iterator[bytes]:
        if tensor.name in self._computed:
            yield np.asarray(self._computed[tensor.name].values, "<f4").tobytes()
            return
        gathered = bytearray()
        for piece in meant_pieces(self._transfers[tensor.name]):
            gathered += piece.reshape(-1).view(np.uint8).data
            if len(gathered) >= PIECE_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)
