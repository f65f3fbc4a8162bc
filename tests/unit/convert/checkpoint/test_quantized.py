"""Checkpoints that are quantized already: their integers stay what they are where a block of a GGUF holds them, and
weights are exactly what their format says where none does."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from app.convert import convert_checkpoint
from app.convert.checkpoint import transfer
from app.convert.checkpoint.conversion import kept_quantization
from app.convert.checkpoint.making import make_from_checkpoint
from app.convert.checkpoint.weights import Weights
from app.core.errors import DamagedCheckpoint, UnsupportedCheckpoint, WrongChoice
from app.core.jobs import CancelToken, JobControl
from kernels.formats.awq import pack_gemm, pack_gemv
from kernels.formats.bitsandbytes import MAPS, pack_4bit, pack_int8, quantize_scales, unpack_4bit, unpack_int8
from kernels.formats.compressed_tensors import pack_packed
from kernels.formats.fp8 import pack_fp8, unpack_fp8
from kernels.formats.gptq import pack_gptq
from kernels.formats.grouped import GroupedIntegers
from kernels.formats.rounding import round_to_nearest
from kernels.formats.small_floats import E4M3
from kernels.formats.torchao import pack_torchao
from tests.helpers.tiny_checkpoint import TinyLlama, as_stored, from_stored, write_json, write_tiny_checkpoint

Parts = dict[str, tuple[str, NDArray[Any]]]
"""By name behind the layer's: how it is stored, and what."""
LLAMA = TinyLlama()
GROUP = 64
TYPES = {"I32": "<i4", "F16": "<f2", "F32": "<f4", "U8": "u1", "I8": "i1", "F8_E4M3": "u1", "I64": "<i8"}


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def integers(
    weights: NDArray[np.float32], bits: int, *, symmetric: bool, group: int = GROUP
) -> GroupedIntegers:
    """With scales that F16 holds, as files have them."""
    made = round_to_nearest(weights, bits, group, symmetric=symmetric)
    return GroupedIntegers(bits, made.codes, made.scales.astype(np.float16), made.zeros)


def gptq(bits: int = 4, *, symmetric: bool = True, order: bool = False, version: int = 1) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        made = integers(weights, bits, symmetric=symmetric)
        if order:
            shuffled = np.random.default_rng(0).permutation(weights.shape[1]) // GROUP
            made = GroupedIntegers(bits, made.codes, made.scales, made.zeros, shuffled)
        packed = pack_gptq(made, version)
        assert packed.g_idx is not None
        parts: Parts = {
            "qweight": ("I32", packed.qweight),
            "qzeros": ("I32", packed.qzeros),
            "scales": ("F16", packed.scales),
            "g_idx": ("I32", packed.g_idx),
            "bias": ("F16", np.zeros(len(weights), np.float16)),
        }
        return parts, made.dequantized()

    return quantize


def awq(*, gemv: bool = False) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        made = integers(weights, 4, symmetric=False)
        packed = pack_gemv(made) if gemv else pack_gemm(made)
        parts: Parts = {
            "qweight": ("I32", packed.qweight),
            "qzeros": ("I32", packed.qzeros),
            "scales": ("F16", packed.scales),
        }
        return parts, made.dequantized()

    return quantize


def compressed(bits: int) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        made = integers(weights, bits, symmetric=True)
        packed = pack_packed(made)
        parts: Parts = {
            "weight_packed": ("I32", packed.weight),
            "weight_scale": ("F16", packed.scale),
            "weight_shape": ("I64", np.array(weights.shape)),
        }
        return parts, made.dequantized()

    return quantize


def torchao(bits: int) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        made = integers(weights, bits, symmetric=True)
        stored = pack_torchao(made)
        parts: Parts = {
            "_weight_qdata": ("I8", stored.qdata),
            "_weight_scale": ("F16", stored.scale),
            "_weight_zero_point": ("I8", stored.zero_point),
        }
        return parts, made.dequantized()

    return quantize


def fp8(block: tuple[int, int]) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        size = (block[0] or len(weights), block[1] or weights.shape[1])
        codes, scale = pack_fp8(weights, E4M3, size)
        return (
            {"weight": ("F8_E4M3", codes), "weight_scale_inv": ("F32", scale)},
            unpack_fp8(codes, scale, E4M3, size),
        )

    return quantize


def bnb4(*, nested: bool) -> Quantize:
    def quantize(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        packed, absmax = pack_4bit(weights, MAPS["nf4"])
        state: dict[str, Any] = {"blocksize": 64, "quant_type": "nf4", "shape": list(weights.shape)}
        parts: Parts = {"weight": ("U8", packed), "weight.quant_map": ("F32", MAPS["nf4"])}
        if nested:
            scales = quantize_scales(absmax)
            state |= {"nested_offset": scales.offset, "nested_blocksize": 256}
            parts["weight.absmax"] = ("U8", scales.codes)
            parts["weight.nested_absmax"] = ("F32", scales.absmax)
            parts["weight.nested_quant_map"] = ("F32", scales.map)
            absmax = scales.absmax_of_blocks()
        else:
            parts["weight.absmax"] = ("F32", absmax)
        parts["weight.quant_state.bitsandbytes__nf4"] = (
            "U8",
            np.frombuffer(json.dumps(state).encode(), np.uint8),
        )
        return parts, unpack_4bit(packed, absmax, MAPS["nf4"], weights.shape)

    return quantize


def bnb8(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
    codes, largest = pack_int8(weights)
    return {"weight": ("I8", codes), "SCB": ("F32", largest)}, unpack_int8(codes, largest)


Quantize = Callable[[NDArray[np.float32]], tuple[Parts, NDArray[np.float32]]]
INT4 = {
    "default": {
        "_type": "IntxWeightOnlyConfig",
        "_data": {"weight_dtype": {"_type": "torch.dtype", "_data": "int4"}},
    }
}
PACKED = {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}, "format": "pack-quantized"}
CASES: dict[str, tuple[dict[str, Any], Quantize, str | None]] = {
    "gptq": ({"quant_method": "gptq", "bits": 4}, gptq(), "Q4_0"),
    "gptq-v2": (
        {"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"},
        gptq(version=2),
        "Q4_0",
    ),
    "gptq-8": ({"quant_method": "gptq", "bits": 8}, gptq(8), "Q8_0"),
    "gptq-asymmetric": ({"quant_method": "gptq", "bits": 4}, gptq(symmetric=False), "Q4_1"),
    "gptq-3": ({"quant_method": "gptq", "bits": 3}, gptq(3), None),
    "gptq-act-order": ({"quant_method": "gptq", "bits": 4, "desc_act": True}, gptq(order=True), None),
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}, awq(), "Q4_1"),
    "awq-gemv": (
        {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemv"},
        awq(gemv=True),
        "Q4_1",
    ),
    "compressed-tensors": ({"quant_method": "compressed-tensors", **PACKED}, compressed(4), "Q4_0"),
    "torchao-int4": ({"quant_method": "torchao", "quant_type": INT4}, torchao(4), "Q4_0"),
    "torchao-int8": ({"quant_method": "torchao"}, torchao(8), "Q8_0"),
    "fp8-blocks": (
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
        fp8((128, 128)),
        None,
    ),
    "fp8-channel": ({"quant_method": "fp8"}, fp8((1, 0)), None),
    "nf4": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, bnb4(nested=False), None),
    "nf4-double": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, bnb4(nested=True), None),
    "llm-int8": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, bnb8, None),
}


def write(folder: Path, config: Mapping[str, Any], quantize: Quantize) -> dict[str, NDArray[np.float32]]:
    """The linear layers quantized, all else in F16. Returns what each weight then is."""
    write_tiny_checkpoint(folder, LLAMA)
    write_json(folder / "config.json", {**LLAMA.config(), "quantization_config": config})
    parts: Parts = {}
    meant = {}
    for name, weights in LLAMA.weights().items():
        if "_proj" in name:
            made, meant[name] = quantize(weights)
            parts |= {f"{name.removesuffix('.weight')}.{part}": each for part, each in made.items()}
        else:
            half = as_stored(weights, "F16")
            parts[name], meant[name] = ("F16", half), from_stored(half, "F16")
    _write_safetensors(folder / "model.safetensors", parts)
    return meant


def _write_safetensors(path: Path, parts: Parts) -> None:
    header, contents, position = {}, [], 0
    for name, (dtype, values) in parts.items():
        content = np.ascontiguousarray(values, TYPES[dtype]).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(values.shape),
            "data_offsets": [position, position + len(content)],
        }
        contents.append(content)
        position += len(content)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(contents))


def weights_of(path: Path) -> dict[str, tuple[str, NDArray[np.float32]]]:
    found = {}
    for tensor in gguf.GGUFReader(path).tensors:
        shape = tuple(reversed(tensor.shape.tolist()))
        found[tensor.name] = (
            tensor.tensor_type.name,
            gguf.dequantize(tensor.data, tensor.tensor_type).reshape(shape),
        )
    return found


def in_gguf_order(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return values
    heads = values.reshape(-1, 2, LLAMA.head_length // 2, values.shape[1])
    return heads.swapaxes(1, 2).reshape(values.shape)


NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


@pytest.mark.parametrize("case", CASES)
def test_weights_are_what_their_format_says(tmp_path: Path, case: str) -> None:
    config, quantize, _ = CASES[case]
    meant = write(tmp_path / "Tiny", config, quantize)
    made = weights_of(convert_checkpoint(tmp_path / "Tiny", tmp_path / "made.gguf", control(), "F32"))
    for name, values in meant.items():
        if "_proj" in name:
            assert np.array_equal(made[gguf_name(name)][1], in_gguf_order(name, values)), name


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][2]])
def test_integers_stay_what_they_are(tmp_path: Path, case: str) -> None:
    config, quantize, kind = CASES[case]
    assert kind is not None
    meant = write(tmp_path / "Tiny", config, quantize)
    assert kept_quantization(tmp_path / "Tiny") == kind
    (path,) = make_from_checkpoint(tmp_path / "Tiny", [kind], tmp_path / "out", control())
    made = weights_of(path)
    for name, values in meant.items():
        if "_proj" not in name:
            continue
        stored, read = made[gguf_name(name)]
        assert stored == kind
        expected = in_gguf_order(name, values)
        if kind == "Q4_1":
            # One product rounded to F16: zero point times scale, each at most 15 times the scale.
            largest = np.abs(expected).max() * 15
            assert np.all(np.abs(read - expected) <= largest * 2.0**-11)
        else:
            assert np.array_equal(read, expected), name
    assert made["token_embd.weight"][0] == "F16"
    assert path.name == f"Tiny-{kind}.gguf"


def test_a_type_that_would_round_again_is_refused(tmp_path: Path) -> None:
    config, quantize, _ = CASES["gptq-act-order"]
    write(tmp_path / "Tiny", config, quantize)
    assert kept_quantization(tmp_path / "Tiny") is None
    with pytest.raises(WrongChoice, match="do not fit into Q4_0"):
        convert_checkpoint(tmp_path / "Tiny", tmp_path / "made.gguf", control(), "Q4_0")
    assert not (tmp_path / "made.gguf").exists()


@pytest.mark.parametrize(
    ("case", "part", "change"),
    [
        ("gptq", "qzeros", lambda values: values[:-1]),
        ("gptq", "scales", lambda values: values[:, :-1]),
        ("gptq", "g_idx", lambda values: values + 1000),
        ("awq", "scales", lambda values: values[:-1]),
        ("compressed-tensors", "weight_shape", lambda values: values * 2),
        ("fp8-blocks", "weight_scale_inv", lambda values: np.concatenate([values, values])),
        ("nf4", "weight.absmax", lambda values: values[:-1]),
        ("nf4-double", "weight.nested_absmax", lambda values: values[:0]),
        ("llm-int8", "SCB", lambda values: values[:-1]),
    ],
)
def test_parts_that_do_not_fit_each_other_are_damage(
    tmp_path: Path, case: str, part: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    config, quantize, _ = CASES[case]

    def damaged(weights: NDArray[np.float32]) -> tuple[Parts, NDArray[np.float32]]:
        parts, meant = quantize(weights)
        dtype, values = parts[part]
        return {**parts, part: (dtype, change(values))}, meant

    write(tmp_path / "Tiny", config, damaged)
    with pytest.raises(DamagedCheckpoint):
        convert_checkpoint(tmp_path / "Tiny", tmp_path / "made.gguf", control(), "F32")
    assert not (tmp_path / "made.gguf").exists()


@pytest.mark.parametrize("case", ["gptq", "gptq-3", "awq", "awq-gemv", "compressed-tensors"])
def test_integers_are_read_once_and_pieces_of_any_height_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    config, quantize, kind = CASES[case]
    write(tmp_path / "Tiny", config, quantize)
    wanted = kind or "F16"
    whole = convert_checkpoint(tmp_path / "Tiny", tmp_path / "whole.gguf", control(), wanted)
    read: dict[str, int] = {}
    original = Weights.read

    def counted(self: Weights, tensor: Any, start: int, size: int) -> bytes:
        read[tensor.name] = read.get(tensor.name, 0) + size
        return original(self, tensor, start, size)

    monkeypatch.setattr(Weights, "read", counted)
    monkeypatch.setattr(transfer, "PIECE_BYTES", 5000)
    pieces = convert_checkpoint(tmp_path / "Tiny", tmp_path / "pieces.gguf", control(), wanted)
    assert pieces.read_bytes() == whole.read_bytes()
    integers = {name: size for name, size in read.items() if name.endswith(("qweight", "weight_packed"))}
    header = json.loads((tmp_path / "Tiny" / "model.safetensors").read_bytes()[8:].split(b"}}")[0] + b"}}")
    assert len(integers) == 14
    for name, size in integers.items():
        begin, end = header[name]["data_offsets"]
        assert size == end - begin, name


@pytest.mark.parametrize("dtype", ["BOOL", "U16"])
@pytest.mark.parametrize("part", ["qweight", "qzeros"])
def test_parts_of_a_type_that_no_format_has_are_refused(tmp_path: Path, part: str, dtype: str) -> None:
    config, quantize, _ = CASES["gptq"]
    write(tmp_path / "Tiny", config, quantize)
    path = tmp_path / "Tiny" / "model.safetensors"
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    content = path.read_bytes()[8 + length :]
    entry = header[f"model.layers.0.self_attn.q_proj.{part}"]
    factor = {"BOOL": 4, "U16": 2}[dtype]
    entry |= {"dtype": dtype, "shape": [entry["shape"][0], entry["shape"][1] * factor]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    with pytest.raises((DamagedCheckpoint, UnsupportedCheckpoint), match="q_proj"):
        convert_checkpoint(tmp_path / "Tiny", tmp_path / "made.gguf", control(), "F32")


def test_a_method_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "Tiny", {"quant_method": "hqq"}, bnb8)
    with pytest.raises(UnsupportedCheckpoint, match="hqq"):
        convert_checkpoint(tmp_path / "Tiny", tmp_path / "made.gguf", control(), "F32")
