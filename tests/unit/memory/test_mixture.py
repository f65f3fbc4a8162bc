"""File sizes before there is a file: by arithmetic, and against what was published by those who made them.

That llama.cpp chooses the same type for every tensor is shown in `tests/integration/test_file_size.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gguf.header import MetadataValue, SkippedArray, TensorInfo
from app.gguf.outline import loading_metadata, outline
from app.gguf.types import QUANTIZATIONS, TENSOR_TYPES
from app.memory.mixture import ModelTraits, NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.recommend import read_catalogue

GB = 10**9
MODELS = {model.id: model for model in read_catalogue()}
TYPES = {type.name: type for type in TENSOR_TYPES.values()}
LLAMA = ModelTraits("llama", blocks=8, heads=8, kv_heads=4)


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


def of_catalogue(model_id: str) -> tuple[tuple[Tensor, ...], ModelTraits]:
    model = MODELS[model_id]
    tensors = outline(model.architecture, model.geometry, model.tied_embeddings)
    traits = read_traits(loading_metadata(model.architecture, model.geometry))
    return tuple(Tensor(tensor.name, tensor.shape) for tensor in tensors), traits


def types_of(tensors: list[Tensor], model: ModelTraits, quantization: str, **options: bool) -> dict[str, str]:
    types = tensor_types(tensors, model, quantization, **options)
    return {tensor.name: type for tensor, type in zip(tensors, types, strict=True)}


# Arithmetic


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ("F16", 140 * GB),
        ("Q8_0", 70 * GB + 70 * GB // 32 * 2),  # 32 weights share a scale of 16 bits
        ("Q4_0", 35 * GB + 70 * GB // 32 * 2),
    ],
)
def test_70_billion_weights_take_140_gb_at_16_bits_70_at_8_and_35_at_4_beside_scales(
    quantization: str, expected: int
) -> None:
    weights = [Tensor(f"blk.{number}.ffn_up.weight", (8000, 125_000)) for number in range(70)]
    assert sum(prod(tensor.shape) for tensor in weights) == 70 * GB
    model = ModelTraits("llama", blocks=70)
    assert predict_file_bytes(weights, model, quantization, header_bytes=0) == expected


def test_every_tensor_is_padded_to_32_bytes_and_so_is_the_header() -> None:
    norms = [Tensor(f"blk.{number}.attn_norm.weight", (3,)) for number in range(2)]  # 12 bytes each
    assert predict_file_bytes(norms, LLAMA, "Q4_K_M", header_bytes=100) == 128 + 2 * 32


def test_header_is_estimated_by_vocabulary_where_there_is_no_file() -> None:
    def header_bytes(vocabulary: int) -> int:
        tensors = [Tensor("token_embd.weight", (256, vocabulary))]
        return predict_file_bytes(tensors, LLAMA, "F16") - 256 * vocabulary * 2

    # llama.cpp's models/ggml-vocab-*.gguf, which hold nothing else: Qwen 2, Command R, StarCoder, Llama 3.
    for vocabulary, published in [
        (151_936, 5_928_681),
        (256_000, 10_874_545),
        (49_152, 1_719_346),
        (128_256, 7_818_140),
    ]:
        assert header_bytes(vocabulary) == pytest.approx(published, rel=0.2)


# Published


@pytest.mark.parametrize(
    ("quantization", "bits"),
    [
        # llama.cpp, tools/quantize/README.md
        ("IQ1_S", 2.0042),
        ("IQ1_M", 2.1460),
        ("IQ2_XXS", 2.3824),
        ("IQ2_XS", 2.5882),
        ("IQ2_S", 2.7403),
        ("IQ2_M", 2.9294),
        ("IQ3_XXS", 3.2548),
        ("IQ3_XS", 3.4977),
        ("IQ3_S", 3.6606),
        ("IQ3_M", 3.7628),
        ("IQ4_XS", 4.4597),
        ("IQ4_NL", 4.6818),
        ("Q2_K_S", 2.9697),
        ("Q2_K", 3.1593),
        ("Q3_K_S", 3.6429),
        ("Q3_K_M", 3.9960),
        ("Q3_K_L", 4.2979),
        ("Q4_K_S", 4.6672),
        ("Q4_K_M", 4.8944),
        ("Q5_K_S", 5.5704),
        ("Q5_K_M", 5.7036),
        ("Q6_K", 6.5633),
        ("Q8_0", 8.5008),
        ("F16", 16.0005),
    ],
)
def test_llama_3_1_8b_has_the_bits_per_weight_that_llama_cpp_publishes(
    quantization: str, bits: float
) -> None:
    tensors, model = of_catalogue("llama-3.1-8b")
    needs_matrix = quantization == "IQ3_XXS"  # the others of this list are equal or were made without
    file_bytes = predict_file_bytes(
        tensors, model, quantization, importance_matrix=needs_matrix, header_bytes=0
    )
    assert file_bytes * 8 / MODELS["llama-3.1-8b"].parameters == pytest.approx(bits, abs=0.0001)


@pytest.mark.parametrize(
    ("model_id", "quantization", "importance_matrix", "published"),
    [
        ("llama-3.1-8b", "Q4_K_M", True, 4.92 * GB),
        # bartowski's model cards of Llama 3.1 70B, made with an importance matrix
        ("llama-3.1-70b", "Q8_0", True, 74.98 * GB),
        ("llama-3.1-70b", "Q6_K", True, 57.89 * GB),
        ("llama-3.1-70b", "Q5_K_M", True, 49.95 * GB),
        ("llama-3.1-70b", "Q5_K_S", True, 48.66 * GB),
        ("llama-3.1-70b", "Q4_K_M", True, 42.52 * GB),
        ("llama-3.1-70b", "Q4_K_S", True, 40.35 * GB),
        ("llama-3.1-70b", "Q4_0", True, 40.12 * GB),
        ("llama-3.1-70b", "IQ4_XS", True, 37.90 * GB),
        ("llama-3.1-70b", "Q3_K_L", True, 37.14 * GB),
        ("llama-3.1-70b", "Q3_K_M", True, 34.27 * GB),
        ("llama-3.1-70b", "IQ3_M", True, 31.94 * GB),
        ("llama-3.1-70b", "Q3_K_S", True, 30.91 * GB),
        # GPT4All, models3.json
        ("qwen2.5-coder-7b", "Q4_0", False, 4_431_390_720),
        ("llama-3.1-8b", "Q4_0", False, 4_661_212_096),
        ("phi-3-mini-4k", "Q4_0", False, 2_176_181_568),
        ("deepseek-r1-distill-qwen-14b", "Q4_0", True, 8_544_267_680),
        ("llama-3.2-3b", "Q4_0", True, 1_921_909_280),
        ("llama-3.2-1b", "Q4_0", True, 773_025_920),
        # ggml-org/gemma-3-1b-it-GGUF, Qwen/Qwen3-4B-GGUF on Hugging Face
        ("gemma-3-1b", "Q4_K_M", False, 806_058_240),
        ("gemma-3-1b", "F16", False, 2_006_573_568),
        ("qwen3-4b", "Q4_K_M", False, 2_497_280_256),
    ],
)
def test_size_is_within_a_tenth_of_a_percent_of_the_published_file(
    model_id: str, quantization: str, importance_matrix: bool, published: float
) -> None:
    tensors, model = of_catalogue(model_id)
    predicted = predict_file_bytes(tensors, model, quantization, importance_matrix=importance_matrix)
    assert predicted == pytest.approx(published, rel=0.001)


# Which tensors, in which order, of what


def test_tensors_of_a_file_keep_their_type_where_they_are_left_alone() -> None:
    tensors = [
        TensorInfo("blk.0.ffn_gate_inp.weight", (256, 8), "F16", 0, 4096, 2048),
        TensorInfo("blk.0.ffn_up.weight", (256, 8), "F16", 4096, 4096, 2048),
    ]
    assert tensor_types(tensors, LLAMA, "Q8_0") == ("F16", "Q8_0")


def test_tensors_without_a_file_are_as_the_converter_writes_them_where_they_are_left_alone() -> None:
    tensors = [
        Tensor("blk.0.ffn_gate_inp.weight", (256, 8)),
        Tensor("blk.0.ffn_gate_tid2eid.weight", (256, 8)),
        Tensor("blk.0.laurel_l.weight", (256, 8)),
        Tensor("blk.0.attn_q.bias", (256,)),
    ]
    assert tensor_types(tensors, LLAMA, "Q8_0") == ("F32", "I32", "F16", "F32")


def test_answer_is_in_the_order_of_the_tensors_and_their_order_changes_nothing() -> None:
    tensors, model = of_catalogue("llama-3.1-8b")
    shuffled = random.Random(1).sample(tensors, len(tensors))
    assert types_of(list(tensors), model, "Q4_K_M") == types_of(shuffled, model, "Q4_K_M")


def test_embedding_that_is_also_the_output_gets_the_type_of_the_output() -> None:
    embedding, output = Tensor("token_embd.weight", (256, 8)), Tensor("output.weight", (256, 8))
    assert types_of([embedding, output], LLAMA, "Q4_K_M") == {
        "token_embd.weight": "Q4_K",
        "output.weight": "Q6_K",
    }
    assert types_of([embedding], LLAMA, "Q4_K_M") == {"token_embd.weight": "Q6_K"}


def test_rows_that_no_block_divides_stay_in_16_bits() -> None:
    assert tensor_types([Tensor("blk.0.ffn_up.weight", (100, 8))], LLAMA, "Q4_K_M") == ("F16",)


# Traits


def test_traits_are_the_first_layers_and_kv_heads_default_to_heads() -> None:
    metadata: dict[str, MetadataValue] = {
        "general.architecture": "lfm2",
        "lfm2.block_count": 3,
        "lfm2.attention.head_count": 32,
    }
    assert read_traits(metadata) == ModelTraits("lfm2", 3, 32, 32)
    assert read_traits({**metadata, "lfm2.attention.head_count_kv": (0, 8, 8)}) == ModelTraits(
        "lfm2", 3, 32, 0
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"general.architecture": 7},
        {"general.architecture": "llama"},
        {"general.architecture": "llama", "llama.block_count": -1},
        {"general.architecture": "llama", "llama.block_count": "many"},
        {"general.architecture": "llama", "llama.block_count": 1 << 40},
        {
            "general.architecture": "llama",
            "llama.block_count": 2,
            "llama.attention.head_count": SkippedArray("uint32", 2),
        },
    ],
)
def test_metadata_that_do_not_tell_give_no_prediction(metadata: dict[str, MetadataValue]) -> None:
    with pytest.raises(NoPrediction):
        read_traits(metadata)


# No answer


@pytest.mark.parametrize("quantization", ["", "Q9_K", "q4_k_m", "NVFP4", "Q4_K_M\n" * 1000])
def test_quantization_that_llama_cpp_does_not_make_gives_no_prediction(quantization: str) -> None:
    with pytest.raises(NoPrediction, match="does not make") as caught:
        predict_file_bytes([Tensor("output.weight", (256, 8))], LLAMA, quantization)
    assert len(str(caught.value)) < 150


def test_no_tensors_give_no_prediction() -> None:
    with pytest.raises(NoPrediction, match="no tensors"):
        predict_file_bytes([], LLAMA, "Q4_K_M")


@pytest.mark.parametrize("shape", [(), (0,), (256, 0), (256, -8), (1, 2, 3, 4, 5), (2.5, 2), (None,)])
def test_shape_that_cannot_be_gives_no_prediction(shape: tuple[int, ...]) -> None:
    with pytest.raises(NoPrediction, match="impossible shape"):
        predict_file_bytes([Tensor("output.weight", shape)], LLAMA, "Q4_K_M")


def test_tensors_that_llama_cpp_refuses_give_no_prediction() -> None:
    experts = ModelTraits("qwen3moe", blocks=2, experts=8)
    for name in ("blk.2.ffn_up_exps.weight", "ffn_up_exps.weight"):  # in no layer
        with pytest.raises(NoPrediction, match="in none of 2 layers"):
            tensor_types([Tensor(name, (256, 8, 8))], experts, "Q8_0")
    with pytest.raises(NoPrediction, match="nothing instead of Q1_0"):
        tensor_types([Tensor("blk.0.ffn_up.weight", (64, 8))], LLAMA, "Q1_0")


_NAMES = st.one_of(
    st.text(max_size=80),
    st.builds(
        "blk.{}.{}.weight".format,
        st.one_of(st.integers(-5, 600), st.text(max_size=30)),
        st.sampled_from(["attn_v", "ffn_down_exps", "ffn_up", "attn_qkv", "attn_q_a", "hc_attn_fn"]),
    ),
    st.sampled_from(["token_embd.weight", "output.weight", "per_layer_token_embd.weight"]),
)
_SHAPES = st.lists(st.integers(-1, 1 << 63) | st.sampled_from([1, 32, 256]), max_size=5).map(tuple)


@given(
    st.lists(st.builds(Tensor, _NAMES, _SHAPES), max_size=8),
    st.sampled_from(["llama", "falcon", "glm5-next", "bailingmoe3", "?"]),
    st.integers(0, 8),
    st.sampled_from(sorted(QUANTIZATIONS.values())),
    st.booleans(),
)
def test_any_tensors_get_types_that_their_rows_can_be_stored_in_or_no_prediction(
    tensors: list[Tensor], architecture: str, experts: int, quantization: str, importance_matrix: bool
) -> None:
    model = ModelTraits(architecture, blocks=4, heads=8, kv_heads=2, experts=experts)
    try:
        types = tensor_types(tensors, model, quantization, importance_matrix=importance_matrix)
        file_bytes = predict_file_bytes(tensors, model, quantization, importance_matrix=importance_matrix)
    except NoPrediction:
        return
    for tensor, type in zip(tensors, types, strict=True):
        assert tensor.shape[0] % TYPES[type].block_elements == 0
    assert file_bytes > sum(prod(tensor.shape) for tensor in tensors) * 1.125 / 8
