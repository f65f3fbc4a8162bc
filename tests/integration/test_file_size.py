"""The predicted type of every tensor is the one that llama.cpp's quantizer chooses, and so is the file's size."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.convert.quantizations import QUANTIZATIONS
from app.gguf import read_facts, read_header, write_ghost, write_ghost_of
from app.gguf.outline import TensorShape, loading_metadata, outline
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.recommend import read_catalogue
from tests.helpers.llama_quantize import ANY_MATRIX, Wanted, llama_quantize
from tests.helpers.tiny_gguf import write_tiny_model

MODELS = {model.id: model for model in read_catalogue()}
REALLY_MADE = [kind for kind in QUANTIZATIONS if kind.name not in ("IQ1_S", "IQ1_M")]
"""llama.cpp takes ten seconds for the tables of the other two, whatever the model."""
WITHOUT_AND_WITH_MATRIX = [(kind, matrix) for kind in QUANTIZATIONS for matrix in (False, True)]


def require_equal_decisions(source: Path) -> set[str]:
    """Of every quantization without and with an importance matrix. Returns those that neither makes."""
    facts = read_facts(source)
    traits = read_traits(facts.metadata)
    theirs = llama_quantize(
        source,
        [Wanted(kind.file_type, ANY_MATRIX if matrix else {}) for kind, matrix in WITHOUT_AND_WITH_MATRIX],
    )
    refused = set()
    for (kind, matrix), made in zip(WITHOUT_AND_WITH_MATRIX, theirs, strict=True):
        if made.failure:
            with pytest.raises(NoPrediction):
                tensor_types(facts.tensors, traits, kind.name, importance_matrix=matrix)
            refused.add(kind.name)
            continue
        types = tensor_types(facts.tensors, traits, kind.name, importance_matrix=matrix)
        ours = {tensor.name: type for tensor, type in zip(facts.tensors, types, strict=True)}
        assert ours == made.types, (kind.name, matrix)
    return refused


def test_what_is_really_made_has_the_predicted_types_and_size(tmp_path: Path) -> None:
    tiny = write_tiny_model(tmp_path / "tiny.gguf", layers=8, feed_forward=256, type="f16")
    # With zeros instead of its weights, on which no choice depends: the smallest types take long for others.
    source = tmp_path / "zeros.gguf"
    write_ghost(source, tiny.read_bytes(), tiny.stat().st_size)
    facts = read_facts(source)
    traits = read_traits(facts.metadata)
    importance = {tensor.name: tensor.shape[0] for tensor in facts.tensors if len(tensor.shape) == 2}
    wanted = [
        Wanted(
            kind.file_type,
            importance if kind.needs_importance_matrix else {},
            str(tmp_path / f"{kind.name}.gguf"),
        )
        for kind in REALLY_MADE
    ]

    theirs = llama_quantize(source, wanted)

    for kind, want, made in zip(REALLY_MADE, wanted, theirs, strict=True):
        assert not made.failure, kind.name
        target = Path(want.target)
        matrix = kind.needs_importance_matrix
        types = tensor_types(facts.tensors, traits, kind.name, importance_matrix=matrix)
        names = [tensor.name for tensor in facts.tensors]
        assert dict(zip(names, types, strict=True)) == {
            tensor.name: tensor.type for tensor in read_facts(target).tensors
        }
        predicted = predict_file_bytes(
            facts.tensors,
            traits,
            kind.name,
            importance_matrix=matrix,
            header_bytes=read_header(source).data_offset,
        )
        # One key is added: general.quantization_version.
        assert 0 <= target.stat().st_size - predicted <= 64


@pytest.mark.parametrize(
    "model_id",
    [
        "llama-3.1-70b",
        "mixtral-8x7b",
        "phi-3-mini-4k",
        "gemma-3n-e4b",
        "deepseek-v2-lite",
        "gpt-oss-20b",
        "granite-4.0-h-tiny",
    ],
)
def test_catalogue_models_get_the_types_that_llama_cpp_would_choose(tmp_path: Path, model_id: str) -> None:
    model = MODELS[model_id]
    tensors = outline(model.architecture, model.geometry, model.tied_embeddings)
    source = tmp_path / "ghost.gguf"
    write_ghost_of(
        source,
        loading_metadata(model.architecture, model.geometry),
        [(tensor, "F32" if len(tensor.shape) == 1 else "BF16") for tensor in tensors],
    )
    assert require_equal_decisions(source) <= {"Q1_0"}


PARTS = (
    "attn_qkv attn_kv_b attn_v attn_k attn_q attn_output ffn_up ffn_gate ffn_down ffn_down_exps ffn_up_shexp "
    "ffn_gate_inp attn_norm attn_q_a attn_k_b attn_kv_a_mqa ssm_in ssm_conv1d ssm_f_a ssm_beta shortconv.conv "
    "time_mix_w1 time_mix_v2 time_mix_key time_mix_decay_w2 attn_rel_b laurel_l altup_router hc_attn_fn "
    "indexer.q_proj indexer.proj indexer.attn_k nextn.eh_proj"
)
NAMES = (
    "token_embd.weight per_layer_token_embd.weight position_embd.weight token_types.weight "
    "per_layer_model_proj.weight output_norm.weight output.bias v.position_embd.weight v.patch_embd.weight "
    "v.blk.0.attn_v.weight sam.net_2.weight a.rvq.codebook.weight mm.a.code_embd.weight"
)
LATENT = {
    "attention.key_length_mla": 64,
    "attention.value_length_mla": 64,
    "attention.q_lora_rank": 64,
    "attention.kv_lora_rank": 64,
    "ssm.conv_kernel": 4,
    "kda.head_dim": 64,
    "kda.safe_gate": True,
    "kda.gate_lower_bound": -0.5,
    "expert_feed_forward_length": 64,
    "expert_shared_count": 1,
    "expert_gating_func": 2,
    "leading_dense_block_count": 1,
    "attention.indexer.head_count": 4,
    "attention.indexer.key_length": 64,
    "attention.indexer.top_k": 4,
    "attention.indexer.kpool": 4,
    "hyper_connection.count": 4,
    "hyper_connection.sinkhorn_iterations": 1,
    "hyper_connection.epsilon": 1e-6,
}


@pytest.mark.parametrize(
    ("architecture", "blocks", "experts", "further"),
    [
        ("falcon", 33, 0, {}),
        ("llama", 80, 0, {}),
        ("llama", 80, 0, {"attention.head_count_kv": 8}),
        ("llama", 17, 8, {}),
        ("qwen2", 80, 0, {}),
        ("glm5-next", 9, 4, LATENT),
        ("bailingmoe3", 9, 4, LATENT),
    ],
)
def test_odd_tensors_get_the_types_that_llama_cpp_would_choose(
    tmp_path: Path, architecture: str, blocks: int, experts: int, further: dict[str, object]
) -> None:
    rows = [256, 64, 512, 96, 100, 768, 128, 257, 2880, 1024]
    present = range(0, blocks, 1 + blocks // 20)
    names = [f"blk.{block}.{part}.weight" for block in present for part in PARTS.split()] + NAMES.split()
    tensors = [
        TensorShape(name, (rows[number % len(rows)], 1 + (number % 11 > 0), 1 + (number % 3 > 1)))
        for number, name in enumerate(names)
    ]
    source = tmp_path / "odd.gguf"
    geometry = {
        "block_count": blocks,
        "context_length": 128,
        "embedding_length": 512,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
        "vocab_size": 4,
        **further,
    }
    if experts:
        geometry |= {"expert_count": experts, "expert_used_count": 2}
    write_ghost_of(source, loading_metadata(architecture, geometry), [(tensor, "F16") for tensor in tensors])
    assert require_equal_decisions(source) == {"Q1_0"}  # for which there is nothing with smaller blocks
