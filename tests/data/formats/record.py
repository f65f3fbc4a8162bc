"""Records what the libraries that made the formats write and read, for `tests/unit/kernels/formats`.

    pip install torch bitsandbytes compressed-tensors ml_dtypes numpy
    python tests/data/formats/record.py

Run where PyTorch is; the tests read `reference.npz` alone.
"""

from __future__ import annotations

from pathlib import Path

import bitsandbytes.functional as bnb
import ml_dtypes
import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32

ROWS, COLUMNS = 24, 192


def main() -> None:
    torch.manual_seed(0)
    weights = torch.randn(ROWS, COLUMNS) * 0.02
    found: dict[str, np.ndarray] = {"weights": weights.numpy()}
    for kind in ("nf4", "fp4"):
        packed, state = bnb.quantize_4bit(weights, quant_type=kind, blocksize=64)
        found[f"{kind}_packed"] = packed.numpy()
        found[f"{kind}_absmax"] = state.absmax.numpy()
        found[f"{kind}_map"] = state.code.numpy()
        found[f"{kind}_read"] = bnb.dequantize_4bit(packed, state).numpy()
    # As many blocks as make more than one block of scales.
    large = torch.randn(130, 128) * torch.linspace(0.001, 0.1, 130)[:, None]
    packed, state = bnb.quantize_4bit(large, quant_type="nf4", blocksize=64, compress_statistics=True)
    found["nested_scales"] = large.reshape(-1, 64).abs().amax(1).numpy()
    found["nested_packed"] = packed.numpy()
    found["nested_codes"] = state.absmax.numpy()
    found["nested_absmax"] = state.state2.absmax.numpy()
    found["nested_offset"] = np.array(float(state.offset), np.float32)
    found["nested_map"] = state.state2.code.numpy()
    found["nested_read"] = bnb.dequantize_4bit(packed, state).numpy()[-8:]
    codes, largest, _ = bnb.int8_vectorwise_quant(weights.half())
    found["int8_codes"], found["int8_scb"] = codes.numpy(), largest.numpy()
    found["int8_weights"] = weights.half().float().numpy()
    found["int8_read"] = bnb.int8_vectorwise_dequant(codes, largest).numpy()
    for name, kind in (("e4m3", ml_dtypes.float8_e4m3fn), ("e5m2", ml_dtypes.float8_e5m2)):
        found[f"{name}_values"] = np.arange(256, dtype=np.uint8).view(kind).astype(np.float32)
    for name, kind, bits in (
        ("e2m1", ml_dtypes.float4_e2m1fn, 4),
        ("e2m3", ml_dtypes.float6_e2m3fn, 6),
        ("e3m2", ml_dtypes.float6_e3m2fn, 6),
    ):
        found[f"{name}_values"] = np.arange(1 << bits, dtype=np.uint8).view(kind).astype(np.float32)
    found["e8m0_values"] = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float32)
    numbers = np.random.default_rng(0).normal(0, 100, 2000).astype(np.float32)
    middles = np.sort(np.unique(np.abs(found["e4m3_values"][np.isfinite(found["e4m3_values"])])))
    numbers = np.concatenate([numbers, (middles[1:] + middles[:-1]) / 2, middles]).clip(-448, 448)
    found["rounded"] = numbers
    found["e4m3_codes"] = numbers.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
    found["e5m2_codes"] = numbers.astype(ml_dtypes.float8_e5m2).view(np.uint8)
    for bits in (4, 8):
        top = 1 << (bits - 1)
        integers = torch.randint(-top, top, (8, 40), dtype=torch.int8)
        found[f"compressed_{bits}_integers"] = integers.numpy()
        found[f"compressed_{bits}_words"] = pack_to_int32(integers, bits).numpy()
    np.savez_compressed(Path(__file__).parent / "reference.npz", **found)


if __name__ == "__main__":
    main()
