"""Held against what torchao wrote and read (`tests/data/formats/record_torchao.py`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernels.formats.ggml_blocks import exact_type
from kernels.formats.torchao import TorchaoTensors, pack_torchao, unpack_torchao

RECORDED = Path(__file__).parents[3] / "data" / "formats" / "torchao.npz"


@pytest.mark.parametrize(("name", "bits", "kind"), [("int4", 4, "Q4_0"), ("int8", 8, "Q8_0")])
def test_integers_as_torchao_has_them(name: str, bits: int, kind: str) -> None:
    with np.load(RECORDED) as recorded:
        parts = {part: recorded[f"{name}_{part}"] for part in ("qdata", "scale", "zero_point", "read")}
    stored = TorchaoTensors(parts["qdata"], parts["scale"], parts["zero_point"])
    read = unpack_torchao(stored, bits)
    # torchao rounds the product to BF16, half a unit in its last place.
    assert np.allclose(read.dequantized(), parts["read"], rtol=2.0**-8, atol=0)
    assert exact_type(read.groups) == kind
    packed = pack_torchao(read)
    assert np.array_equal(packed.qdata, parts["qdata"])
    assert np.array_equal(packed.zero_point, parts["zero_point"])


def test_codes_of_more_bits_than_told_are_refused() -> None:
    stored = TorchaoTensors(
        np.full((1, 32), 9, np.int8), np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8)
    )
    with pytest.raises(ValueError, match="more than 4 bits"):
        unpack_torchao(stored, 4)
