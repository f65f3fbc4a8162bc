"""From a Llama's config.json to the plan of its GGUF."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.convert.checkpoint.architectures.llama import plan_llama
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor
from app.core.errors import DamagedCheckpoint, EnvironmentFault, UnsupportedCheckpoint
from tests.helpers.tiny_checkpoint import TinyLlama, changed

TINY = TinyLlama()
ROPE_KEYS = st.sampled_from(["type", "rope_type", "factor", "rope_theta"])


def plan(llama: TinyLlama = TINY, **changes: Any) -> ModelPlan:
    return plan_llama(Config(changed(llama.config(), changes)))


def test_plan_has_the_keys_llama_cpp_wants() -> None:
    made = plan()
    assert (made.architecture, made.layers, made.vocabulary_size) == ("llama", 2, TINY.vocabulary)
    assert made.metadata == {
        "block_count": 2,
        "context_length": 512,
        "embedding_length": 256,
        "feed_forward_length": 512,
        "attention.head_count": 8,
        "attention.head_count_kv": 4,
        "attention.key_length": 32,
        "attention.value_length": 32,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "vocab_size": TINY.vocabulary,
        "rope.dimension_count": 32,
        "rope.freq_base": 10_000.0,
    }


@pytest.mark.parametrize(
    "llama",
    [TINY, TinyLlama(tied=True), TinyLlama(biases=True), TinyLlama(heads=6, kv_heads=2, head_length=64)],
)
def test_plan_asks_for_the_tensors_a_checkpoint_has(llama: TinyLlama) -> None:
    assert {planned.name: planned.shape for planned in plan(llama).tensors} == llama.shapes()


def test_plan_has_the_query_and_key_turned_by_head_and_nothing_else() -> None:
    turned = {planned.name: planned.rope_rows for planned in plan(TinyLlama(biases=True)).tensors}
    assert {name.split(".", 3)[3]: rows for name, rows in turned.items() if rows} == {
        "self_attn.q_proj.weight": 32,
        "self_attn.q_proj.bias": 32,
        "self_attn.k_proj.weight": 32,
        "self_attn.k_proj.bias": 32,
    }


def test_plan_of_a_tied_model_ignores_an_output_that_is_stored_as_well() -> None:
    made = plan(tie_word_embeddings=True)
    assert "lm_head.weight" in made.unused
    assert PlannedTensor("lm_head.weight", (TINY.vocabulary, 256)) not in made.tensors
    assert "lm_head.weight" not in plan().unused


def test_plan_of_an_old_config_takes_the_defaults_of_transformers() -> None:
    old = dict.fromkeys(
        ("attention_bias", "mlp_bias", "head_dim", "num_key_value_heads", "rope_theta", "rms_norm_eps")
    ) | dict.fromkeys(("max_position_embeddings", "tie_word_embeddings", "hidden_act"))
    metadata = plan(**old | {"rope_scaling": ...}).metadata
    assert metadata["attention.head_count_kv"] == 8
    assert metadata["attention.key_length"] == 32
    assert metadata["context_length"] == 2048
    assert metadata["rope.freq_base"] == 10_000.0
    assert metadata["attention.layer_norm_rms_epsilon"] == 1e-6


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rope_theta": 500_000}, {"rope.freq_base": 500_000.0}),
        (
            {"rope_theta": ..., "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
            {"rope.freq_base": 1e6},
        ),
        (
            {"rope_scaling": {"type": "linear", "factor": 4.0}},
            {"rope.freq_base": 10_000.0, "rope.scaling.type": "linear", "rope.scaling.factor": 4.0},
        ),
    ],
)
def test_plan_reads_rope_as_old_and_new_configs_have_it(changes: Any, expected: dict[str, Any]) -> None:
    metadata = plan(**changes).metadata
    assert {key: value for key, value in metadata.items() if key in expected} == expected
    assert ("rope.scaling.type" in metadata) == ("rope.scaling.type" in expected)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rope_scaling": {"rope_type": "longrope", "factor": 8.0}}, "'longrope'"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "'dynamic'"),
        ({"hidden_act": "gelu"}, "'gelu'"),
    ],
)
def test_variant_that_would_compute_something_else_is_refused_by_name(changes: Any, word: str) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=word) as caught:
        plan(**changes)
    assert caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 513},
        {"num_hidden_layers": 0},
        {"num_hidden_layers": 1 << 40},
        {"num_hidden_layers": ...},
        {"hidden_size": float("nan")},
        {"hidden_size": -256},
        {"hidden_size": 1 << 24},
        {"head_dim": 1 << 16},
        {"num_attention_heads": 1 << 16},
        {"hidden_size": "256"},
        {"rms_norm_eps": float("nan")},
        {"rms_norm_eps": 0},
        {"rope_theta": float("inf")},
        {"rope_theta": -1.0},
        {"rope_scaling": {"type": "linear"}},
        {"rope_scaling": {"type": "linear", "factor": float("nan")}},
        {"rope_scaling": "linear"},
        {"vocab_size": 0},
        {"vocab_size": True},
        {"num_attention_heads": 7, "head_dim": ...},
        {"num_attention_heads": 512, "head_dim": ...},
        {"num_key_value_heads": 3},
        {"num_key_value_heads": 0},
        {"head_dim": 31},
        {"tie_word_embeddings": "yes"},
    ],
    ids=str,
)
def test_impossible_config_is_damaged(changes: Any) -> None:
    with pytest.raises(DamagedCheckpoint, match=r"config\.json is damaged") as caught:
        plan(**changes)
    assert caught.value.hint


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ROPE_KEYS, inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*TINY.config(), "rope_parameters"]), VALUES, max_size=3))
def test_any_json_in_the_config_gives_a_plan_or_a_typed_fault(changes: dict[str, Any]) -> None:
    try:
        made = plan(**changes)
    except EnvironmentFault as fault:
        outcome = fault
    else:
        assert all(length > 0 for planned in made.tensors for length in planned.shape)
        return
    assert outcome.message.endswith(".")
    assert outcome.hint
