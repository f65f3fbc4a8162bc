"""Our tables of number formats against the `gguf` package and against the formats' definitions."""

from __future__ import annotations

import gguf
import pytest

from app.gguf.types import QUANTIZATIONS, TENSOR_TYPES, TensorType, dominating_type, quantization_name


@pytest.mark.parametrize("kind", gguf.GGMLQuantizationType)
def test_tensor_type_known_to_gguf_package_has_its_name_and_sizes(kind: gguf.GGMLQuantizationType) -> None:
    block_elements, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    assert TENSOR_TYPES[kind.value] == TensorType(kind.name, block_elements, block_bytes)


def test_tensor_types_beyond_gguf_package_are_only_the_newer_ones_of_the_bundled_llama_cpp() -> None:
    ours = set(TENSOR_TYPES) - {kind.value for kind in gguf.GGMLQuantizationType}
    # ggml.h: GGML_TYPE_Q2_0 = 42; ggml-common.h: 64 numbers of 2 bits and a half as scale.
    assert ours == {42}
    assert TENSOR_TYPES[42] == TensorType("Q2_0", 64, 2 + 64 * 2 // 8)


@pytest.mark.parametrize("kind", [kind for kind in gguf.LlamaFileType if kind.name != "GUESSED"])
def test_file_type_known_to_gguf_package_has_its_name(kind: gguf.LlamaFileType) -> None:
    assert QUANTIZATIONS[kind.value] == kind.name.removeprefix("ALL_").removeprefix("MOSTLY_")


def test_quantization_name_with_guessed_flag_is_the_name_without_it() -> None:
    assert quantization_name(1024 | 15) == "Q4_K_M"


@pytest.mark.parametrize("file_type", [None, "15", 15.0, True, -1, 4, 999, (15,)])
def test_quantization_name_of_nonsense_is_none(file_type: object) -> None:
    assert quantization_name(file_type) is None


def test_bits_per_element_of_q4_k_counts_scales() -> None:
    # 256 numbers: 128 bytes of nibbles, 12 of 6-bit scales, 2 halves: 144 bytes.
    assert TENSOR_TYPES[12].bits_per_element == 4.5


def test_dominating_type_of_mixed_tensors_is_the_one_with_most_bytes() -> None:
    assert dominating_type([("F32", 90), ("Q4_K", 60), ("Q6_K", 80), ("Q4_K", 50)]) == "Q4_K"
    assert dominating_type([]) is None
