"""Outlines of catalogue models and of real files; what metadata they refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gguf import SkippedArray, read_facts
from app.gguf.outline import NoOutline, TensorShape, outline
from app.recommend import CatalogueModel, read_catalogue
from tests.helpers.tiny_gguf import write_tiny_model

SHARED_MODELS = Path(__file__).resolve().parents[4] / "shared" / "models"
MODELS = read_catalogue()
BY_ID = {model.id: model for model in MODELS}
ONE_OF_EACH = tuple({model.architecture: model for model in MODELS}.values())
LLAMA_3_ROPE = {
    "deepseek-r1-distill-llama-8b",
    "deepseek-r1-distill-llama-70b",
    "exaone-4.0-32b",
    "exaone-4.5-33b",
    "llama-3.1-8b",
    "llama-3.1-70b",
    "llama-3.1-405b",
    "llama-3.2-1b",
    "llama-3.2-3b",
    "llama-3.3-70b",
    "llama-4-scout",
}
"""Their files hold `rope_freqs`, one factor for each pair of a head, which no key announces."""


def tensors_of(model: CatalogueModel) -> tuple[TensorShape, ...]:
    return outline(model.architecture, model.geometry, model.tied_embeddings)


def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in tensors_of(BY_ID[name])}


def llama(**changes: object) -> dict[str, object]:
    geometry: dict[str, object] = {
        "block_count": 2,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "vocab_size": 100,
    }
    return geometry | {key.replace("__", "."): value for key, value in changes.items()}


# What is told


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_tensors_of_a_catalogue_model_have_as_many_weights_as_it(model: CatalogueModel) -> None:
    factors = 0
    if model.id in LLAMA_3_ROPE:
        factors = 32 if model.id == "llama-3.2-1b" else 64
    assert sum(tensor.elements for tensor in tensors_of(model)) + factors == model.parameters


@pytest.mark.parametrize("model", ONE_OF_EACH, ids=lambda model: model.architecture)
def test_names_are_those_that_the_format_has_for_the_architecture(model: CatalogueModel) -> None:
    architectures = {name: architecture for architecture, name in gguf.MODEL_ARCH_NAMES.items()}
    if model.architecture not in architectures:
        pytest.skip("newer than the gguf package")
    known = {gguf.TENSOR_NAMES[tensor] for tensor in gguf.MODEL_TENSORS[architectures[model.architecture]]}
    layers = model.geometry["block_count"]
    further = model.geometry.get("nextn_predict_layers", 0)
    assert isinstance(layers, int)
    assert isinstance(further, int)
    for tensor in tensors_of(model):
        block = re.match(r"blk\.(\d+)\.", tensor.name)
        if block and int(block[1]) >= layers - further:
            continue  # the gguf package names blocks for further tokens of few architectures
        name = re.sub(r"^blk\.\d+\.", "blk.{bid}.", tensor.name)
        assert re.sub(r"\.(weight|bias|scale)$", "", name) in known


def test_outline_of_a_llama_is_what_its_file_holds(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf", layers=3, heads=8, kv_heads=2)
    assert_same_as_file(path, tied=False)


@pytest.mark.parametrize("name", ["bard/bard-bf16.gguf", "stories260K/stories260K-f16.gguf"])
def test_outline_of_a_real_file_is_what_it_holds(name: str) -> None:
    path = SHARED_MODELS / name
    if not path.exists():
        pytest.skip("no such file here")
    names = {tensor.name for tensor in read_facts(path).tensors}
    assert_same_as_file(path, tied="output.weight" not in names)


def assert_same_as_file(path: Path, *, tied: bool) -> None:
    facts = read_facts(path)
    assert facts.architecture is not None
    prefix = f"{facts.architecture}."
    geometry: dict[str, object] = {
        key.removeprefix(prefix): value for key, value in facts.metadata.items() if key.startswith(prefix)
    }
    geometry["vocab_size"] = facts.vocabulary_size
    told = outline(facts.architecture, geometry, tied)
    assert {(each.name, each.shape) for each in told} == {(each.name, each.shape) for each in facts.tensors}
    assert len(told) == len(facts.tensors)


def test_llama_shares_key_value_heads_and_its_tied_embedding() -> None:
    shapes = shapes_of("llama-3.2-1b")
    assert len(shapes) == 2 + 16 * 9
    assert shapes["token_embd.weight"] == (2048, 128256)
    assert "output.weight" not in shapes
    assert shapes["blk.15.attn_q.weight"] == (2048, 32 * 64)
    assert shapes["blk.15.attn_k.weight"] == shapes["blk.15.attn_v.weight"] == (2048, 8 * 64)
    assert shapes["blk.0.ffn_down.weight"] == (8192, 2048)
    assert shapes["blk.0.ffn_up.weight"] == (2048, 8192)


def test_qwen_2_5_adds_biases_and_qwen_3_norms_to_queries_and_keys() -> None:
    second, third = shapes_of("qwen2.5-7b"), shapes_of("qwen3-8b")
    assert second["blk.3.attn_q.bias"] == (28 * 128,)
    assert second["blk.3.attn_k.bias"] == second["blk.3.attn_v.bias"] == (4 * 128,)
    assert second["output.weight"] == (3584, 152064)
    assert third["blk.3.attn_q_norm.weight"] == third["blk.3.attn_k_norm.weight"] == (128,)
    assert "blk.3.attn_q.bias" not in third
    assert "blk.3.attn_q_norm.weight" not in second


def test_gemma_3_has_four_norms_in_each_block_and_heads_longer_than_its_share() -> None:
    shapes = shapes_of("gemma-3-270m")
    for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
        assert shapes[f"blk.0.{norm}.weight"] == (640,)
    assert shapes["blk.0.attn_q.weight"] == (640, 4 * 256)
    assert shapes["blk.0.attn_output.weight"] == (4 * 256, 640)


def test_gemma_4_uses_keys_for_values_where_a_layer_sees_everything() -> None:
    shapes = shapes_of("gemma-4-31b")
    assert shapes["blk.4.attn_k.weight"] == shapes["blk.4.attn_v.weight"] == (5376, 16 * 256)
    assert shapes["blk.5.attn_k.weight"] == (5376, 4 * 512)
    assert "blk.5.attn_v.weight" not in shapes
    assert shapes["rope_freqs.weight"] == (256,)


def test_gpt_oss_has_biases_and_sinks_and_experts_side_by_side() -> None:
    shapes = shapes_of("gpt-oss-20b")
    assert shapes["blk.0.attn_sinks.weight"] == (64,)
    assert shapes["blk.0.ffn_down_exps.bias"] == (2880, 32)
    assert shapes["blk.0.ffn_gate_exps.weight"] == (2880, 2880, 32)


def test_deepseek_v3_keeps_a_row_per_token_and_corrects_its_router_after_three_dense_blocks() -> None:
    shapes = shapes_of("deepseek-v3")
    assert shapes["blk.9.attn_kv_a_mqa.weight"] == (7168, 512 + 64)
    assert shapes["blk.9.attn_k_b.weight"] == (128, 512, 128)
    assert shapes["blk.9.attn_v_b.weight"] == (512, 128, 128)
    assert shapes["blk.2.ffn_gate.weight"] == (7168, 18432)
    assert shapes["blk.3.exp_probs_b.bias"] == (256,)
    assert "blk.2.exp_probs_b.bias" not in shapes
    assert not [name for name in shapes_of("deepseek-v2-lite") if "exp_probs_b" in name]


def test_qwen_3_next_attends_in_every_fourth_block() -> None:
    shapes = shapes_of("qwen3-coder-next")
    assert shapes["blk.3.attn_q.weight"] == (2048, 2 * 16 * 256)
    assert shapes["blk.2.ssm_conv1d.weight"] == (4, 2 * 16 * 128 + 32 * 128)
    assert "blk.3.ssm_conv1d.weight" not in shapes
    assert "blk.2.attn_q.weight" not in shapes


def test_mixtral_is_a_llama_with_experts_in_place_of_its_feed_forward_part() -> None:
    shapes = shapes_of("mixtral-8x7b")
    assert shapes["blk.0.ffn_gate_exps.weight"] == (4096, 14336, 8)
    assert shapes["blk.0.ffn_gate_inp.weight"] == (4096, 8)
    assert "blk.0.ffn_gate.weight" not in shapes


def test_context_beyond_the_trained_one_gives_phi_its_rope_factors() -> None:
    assert shapes_of("phi-3.5-mini")["rope_factors_long.weight"] == (48,)
    assert "rope_factors_long.weight" not in shapes_of("phi-4")


def test_command_r_plus_has_norms_for_each_head() -> None:
    geometry = llama(block_count=64)
    shapes = {each.name: each.shape for each in outline("command-r", geometry, True)}
    assert shapes["blk.63.attn_q_norm.weight"] == (16, 4)
    assert shapes["blk.63.attn_k_norm.weight"] == (16, 2)
    smaller = {each.name for each in outline("command-r", llama(block_count=63), True)}
    assert "blk.62.attn_q_norm.weight" not in smaller


def test_lists_may_be_tuples_and_say_the_same_number_for_all_layers() -> None:
    once = outline("llama", llama(), True)
    assert (
        outline("llama", llama(attention__head_count_kv=(2, 2), feed_forward_length=[128, 128]), True) == once
    )


# What is refused


@pytest.mark.parametrize("architecture", ["", "clip", "LLAMA", "mamba", "x" * 10_000])
def test_architecture_that_is_not_known_has_no_outline(architecture: str) -> None:
    with pytest.raises(NoOutline, match="not known") as caught:
        outline(architecture, llama(), True)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "key", ["block_count", "embedding_length", "feed_forward_length", "attention.head_count", "vocab_size"]
)
@pytest.mark.parametrize(
    "value",
    [
        *(None, 0, -1, 1 << 31, 1 << 64, 10**5000, 4.0, float("nan"), True, "4", b"4", {}, [], [[1]], [1, 2]),
        *([1] * 100_000, [None], SkippedArray("uint32", 2)),
    ],
    ids=lambda value: str(type(value).__name__) + str(len(value) if isinstance(value, list) else ""),
)
def test_missing_or_impossible_number_has_no_outline(key: str, value: object) -> None:
    with pytest.raises(NoOutline, match=re.escape(key)) as caught:
        outline("llama", llama() | {key: value}, True)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("blocks", [513, 10_000, 1 << 30])
def test_more_blocks_than_llama_cpp_takes_have_no_outline(blocks: int) -> None:
    with pytest.raises(NoOutline, match="block_count"):
        outline("llama", llama(block_count=blocks), True)


def test_as_many_blocks_as_llama_cpp_takes_have_one() -> None:
    assert len(outline("llama", llama(block_count=512), True)) == 2 + 512 * 9


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("llama", {"nextn_predict_layers": 1}),
        ("qwen35", {"nextn_predict_layers": 2}),
        ("llama", {"attention.head_count": 65}),
        ("llama", {"attention.key_length": 32, "attention.value_length": 16}),
        ("llama", {"embedding_length": 1 << 30, "vocab_size": 1 << 30}),
        ("llama", {"expert_count": 1025, "expert_used_count": 2}),
        ("llama", {"expert_count": 8, "expert_used_count": 9}),
        ("llama", {"expert_count": 8}),
        ("qwen2", {"attention.key_length": 32, "attention.value_length": 32}),
        ("glm4", {}),
        ("glm4moe", {}),
        ("gemma4", {}),
        ("lfm2", {"attention.head_count_kv": [2, 0, 2], "shortconv.l_cache": 3}),
        ("lfm2", {"attention.head_count_kv": [2, -1], "shortconv.l_cache": 3}),
        ("granitehybrid", {"ssm.inner_size": 100}),
        ("gemma3n", {"altup.num_inputs": 5}),
    ],
)
def test_geometry_that_contradicts_itself_or_lacks_something_has_no_outline(
    architecture: str, changes: dict[str, object]
) -> None:
    with pytest.raises(NoOutline):
        outline(architecture, llama() | changes, True)


def test_architecture_that_always_has_an_output_tensor_cannot_be_tied() -> None:
    assert outline("olmo2", llama(), False)
    with pytest.raises(NoOutline, match="output"):
        outline("olmo2", llama(), True)


@pytest.mark.parametrize("model", ONE_OF_EACH, ids=lambda model: model.architecture)
def test_geometry_without_a_key_has_no_outline_or_a_whole_one(model: CatalogueModel) -> None:
    for key in model.geometry:
        partial = {other: value for other, value in model.geometry.items() if other != key}
        assert_whole_or_none(model.architecture, partial, model.tied_embeddings)


NUMBERS = st.one_of(
    st.integers(), st.integers(0, 600), st.none(), st.booleans(), st.floats(), st.text(max_size=3)
)
VALUES = st.one_of(NUMBERS, st.lists(NUMBERS, max_size=5))


@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("model", ONE_OF_EACH, ids=lambda model: model.architecture)
@given(data=st.data())
def test_any_geometry_has_no_outline_or_a_whole_one(model: CatalogueModel, data: st.DataObject) -> None:
    changed = data.draw(
        st.dictionaries(st.sampled_from(sorted(model.geometry)), VALUES, min_size=1, max_size=3)
    )
    assert_whole_or_none(model.architecture, {**model.geometry, **changed}, data.draw(st.booleans()))


def assert_whole_or_none(architecture: str, geometry: Mapping[str, object], tied: bool) -> None:
    try:
        tensors = outline(architecture, geometry, tied)
    except NoOutline:
        return
    assert 0 < len(tensors) <= 1 << 16
    assert len({tensor.name for tensor in tensors}) == len(tensors)
    for tensor in tensors:
        assert 1 <= len(tensor.shape) <= 4
        assert all(0 < length < 1 << 50 for length in tensor.shape)
        assert tensor.elements < 1 << 51
