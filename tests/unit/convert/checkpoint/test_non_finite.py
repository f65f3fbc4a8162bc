"""NaN and infinity among weights: named, counted, and for the person to decide about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from app.convert import convert_checkpoint, make_from_checkpoint
from app.convert.checkpoint.non_finite import count_non_finite
from app.convert.non_finite import NonFiniteFound, NonFiniteTensor
from app.core.errors import NonFiniteWeights
from app.core.jobs import CancelToken, Emitted, JobControl
from tests.helpers.tiny_checkpoint import TinyLlama, write_json, write_tiny_checkpoint

LLAMA = TinyLlama()
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
NAN = {"F64": 0x7FF8 << 48, "F32": 0x7FC0_0000, "F16": 0x7E00, "BF16": 0x7FC0}
INFINITY = {"F64": 0x7FF0 << 48, "F32": 0x7F80_0000, "F16": 0x7C00, "BF16": 0x7F80}
ONLY_LOW_BIT = {name: bits + 1 for name, bits in INFINITY.items()}
"""A NaN as well, next to infinity."""


def damage(folder: Path, name: str, places: dict[int, int]) -> None:
    """Puts bits at places of a tensor, counted in numbers."""
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    entry = json.loads(content[8 : 8 + length])[name]
    size = int(np.dtype(TYPES[entry["dtype"]]).itemsize) if entry["dtype"] in TYPES else 2
    for place, bits in places.items():
        start = 8 + length + entry["data_offsets"][0] + place * size
        content[start : start + size] = bits.to_bytes(size, "little")
    path.write_bytes(content)


def negative(bits: int, dtype: str) -> int:
    return bits | 1 << (np.dtype(TYPES[dtype]).itemsize * 8 - 1)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_exponent_of_ones_is_counted_and_no_other_number(dtype: str) -> None:
    kind = np.dtype(TYPES[dtype])
    random = np.random.default_rng(0).integers(0, 256, 1 << 16, np.uint8).view(f"<u{kind.itemsize}")
    infinity = INFINITY[dtype]
    signless = random & random.dtype.type((1 << kind.itemsize * 8 - 1) - 1)
    finite = random[signless < infinity]
    assert count_non_finite(finite.view(kind), dtype) == (0, 0)
    largest = np.array([infinity - 1, negative(infinity - 1, dtype)], random.dtype)
    assert count_non_finite(largest.view(kind), dtype) == (0, 0)
    for bits in (NAN[dtype], ONLY_LOW_BIT[dtype], infinity):
        for sign in (bits, negative(bits, dtype)):
            finite[7] = sign
            assert count_non_finite(finite.view(kind), dtype) == ((0, 1) if bits == infinity else (1, 0))
    assert count_non_finite(np.empty((0, 4), kind), dtype) == (0, 0)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("file_type", ["F32", "F16", "BF16"])
def test_conversion_stops_with_all_tensors_named_and_counted(
    tmp_path: Path, dtype: str, file_type: str
) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype=dtype))
    source = folder / "model.safetensors"
    damage(folder, "lm_head.weight", {0: NAN[dtype], 100_000: negative(INFINITY[dtype], dtype)})
    damage(folder, "model.layers.0.self_attn.q_proj.weight", {300: NAN[dtype], 301: NAN[dtype]})
    damage(folder, "model.norm.weight", {5: INFINITY[dtype]})
    before = source.read_bytes()
    with pytest.raises(NonFiniteWeights) as caught:
        convert_checkpoint(folder, tmp_path / "out" / "made.gguf", control([]), file_type)
    assert caught.value.message == (
        "Some of these weights are no numbers: lm_head.weight (1 NaN, 1 infinite), "
        "model.layers.0.self_attn.q_proj.weight (2 NaN, 0 infinite), model.norm.weight (0 NaN, 1 infinite)."
    )
    assert "--allow-non-finite" in caught.value.hint
    assert list((tmp_path / "out").iterdir()) == []
    assert source.read_bytes() == before


def control(emitted: list[object]) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: emitted.append(event.value) if isinstance(event, Emitted) else None
    )


def test_many_tensors_are_told_by_their_number(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    for name in list(LLAMA.shapes())[:8]:
        damage(folder, name, {0: NAN["BF16"]})
    with pytest.raises(NonFiniteWeights, match="and 5 more tensors"):
        convert_checkpoint(folder, tmp_path / "made.gguf", control([]))


def test_whoever_allows_them_gets_the_file_and_the_same_counts(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    damage(folder, "lm_head.weight", {0: NAN["BF16"], 7: INFINITY["BF16"]})
    emitted: list[object] = []
    (path,) = make_from_checkpoint(folder, ["F16"], tmp_path / "out", control(emitted), allow_non_finite=True)
    assert emitted == [NonFiniteFound((NonFiniteTensor("lm_head.weight", 1, 1),))]
    made = next(tensor for tensor in gguf.GGUFReader(path).tensors if tensor.name == "output.weight").data
    assert np.isnan(made[0, 0])
    assert np.isinf(made[0, 7])
    assert np.count_nonzero(~np.isfinite(made)) == 2


def test_nothing_is_emitted_of_sound_weights(tmp_path: Path) -> None:
    emitted: list[object] = []
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    convert_checkpoint(folder, tmp_path / "made.gguf", control(emitted), allow_non_finite=True)
    assert emitted == []


def test_weights_that_two_tensors_are_made_of_are_counted_once(tmp_path: Path) -> None:
    """gpt-oss has gate and up row by row in one tensor."""
    from tests.data.convert.configurations import CONFIGURATIONS
    from tests.helpers.random_checkpoint import write_random_checkpoint

    document = json.loads((Path(__file__).parents[3] / "data" / "convert" / "gpt-oss.json").read_text())
    stored = {name: (dtype, tuple(shape)) for name, (dtype, shape) in document["checkpoint"].items()}
    folder = write_random_checkpoint(tmp_path / "Tiny", CONFIGURATIONS["gpt-oss"], stored)
    bias = next(name for name in stored if name.endswith("gate_up_proj_bias"))
    damage(folder, bias, {0: NAN["BF16"], 1: NAN["BF16"], 2: INFINITY["BF16"]})
    scales = next(name for name in stored if name.endswith("gate_up_proj_scales"))
    damage_byte(folder, scales, 0xFF)
    with pytest.raises(NonFiniteWeights) as caught:
        convert_checkpoint(folder, tmp_path / "made.gguf", control([]))
    assert f"{bias} (2 NaN, 1 infinite)" in caught.value.message
    assert f"{scales.removesuffix('_scales')} (32 NaN, 0 infinite)" in caught.value.message


def damage_byte(folder: Path, name: str, byte: int) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    content[8 + length + json.loads(content[8 : 8 + length])[name]["data_offsets"][0]] = byte
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("case", "part", "file_type", "weights"),
    [
        ("gptq", "scales", "Q4_0", 64),
        ("gptq", "scales", "F16", 64),
        ("awq", "scales", "Q4_1", 64),
        ("awq", "scales", "F32", 64),
        ("fp8-channel", "weight_scale_inv", "F32", 256),
        ("nf4", "weight.absmax", "BF16", 64),
        ("llm-int8", "SCB", "F32", 256),
    ],
)
def test_scales_that_are_no_numbers_are_told_by_the_weights_they_are_of(
    tmp_path: Path, case: str, part: str, file_type: str, weights: int
) -> None:
    from tests.unit.convert.checkpoint.test_quantized import CASES, write

    config, quantize, _ = CASES[case]
    folder = tmp_path / "Tiny"

    def damaged(values: Any) -> Any:
        parts, meant = quantize(values)
        dtype, scales = parts[part]
        scales = scales.copy()
        scales.reshape(-1)[0] = np.nan
        return {**parts, part: (dtype, scales)}, meant

    write(folder, config, damaged)
    with pytest.raises(NonFiniteWeights) as caught:
        convert_checkpoint(folder, tmp_path / "made.gguf", control([]), file_type)
    assert f"model.layers.0.self_attn.q_proj.weight ({weights} NaN, 0 infinite)" in caught.value.message
    assert "and 11 more tensors" in caught.value.message
    assert not (tmp_path / "made.gguf").exists()


def test_output_stored_beside_a_tied_one_is_not_looked_at(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny", config={"tie_word_embeddings": True})
    damage(folder, "lm_head.weight", {0: NAN["BF16"]})
    assert convert_checkpoint(folder, tmp_path / "made.gguf", control([])).exists()
    write_json(folder / "config.json", LLAMA.config())
    with pytest.raises(NonFiniteWeights):
        convert_checkpoint(folder, tmp_path / "made.gguf", control([]))
