"""The compute buffer: places laid out by hand, and what llama.cpp logged for models of the catalogue."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gguf.outline import TensorShape, loading_metadata
from app.memory.compute import Batch, compute_bytes, largest_batch
from app.memory.compute.allocator import Graph, Tensor, in_place, result
from app.memory.geometry import Geometry, read_geometry
from app.memory.kv_cache import layer_cache
from app.recommend import read_catalogue
from tests.helpers.reservation import Reserved, Setting, geometry_of, reserved_by_formula, tensors_of

RECORD: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "data" / "memory" / "reserved.toml").read_text(encoding="utf-8")
)
SETTINGS = [Setting(**each) for each in RECORD["settings"]]
MODELS = {model.id: model for model in read_catalogue()}
LOG_STEP = 0.011
"""MiB: the log has two decimals."""


def given_input(size: int) -> Tensor:
    return Tensor(size, given=True)


def peak_of(*results: Tensor) -> int:
    graph = Graph()
    for each in results:
        graph.compute(each)
    return graph.peak_bytes()


def test_results_that_follow_each_other_take_turns_in_two_places() -> None:
    tensor = given_input(64)
    for _ in range(5):
        tensor = result(128, tensor)
    # The input's 64 bytes, then 128 and 128.
    assert peak_of(tensor) == 64 + 128 + 128


def test_result_in_place_of_its_only_operand_takes_no_place() -> None:
    tensor = result(128, given_input(64))
    for _ in range(5):
        tensor = in_place(tensor)
    assert peak_of(tensor) == 64 + 128


def test_operand_that_something_else_reads_keeps_its_place() -> None:
    operand = result(128, given_input(64))
    changed = in_place(operand)
    # The last one has the input's place.
    assert peak_of(result(64, changed, operand)) == 64 + 128 + 128


def test_operand_of_another_size_is_not_written_over() -> None:
    operand = result(256, given_input(64))
    assert peak_of(result(128, operand, reuses=(operand,))) == 64 + 256 + 128


def test_result_is_never_written_over_a_view() -> None:
    operand = result(128, given_input(64))
    assert peak_of(in_place(operand.view())) == 64 + 128 + 128


def test_what_is_seen_through_a_view_keeps_its_place_until_the_view_was_read() -> None:
    whole = result(256, given_input(64))
    other = result(64, whole)
    # `other` has the input's place, and what reads the view finds no free one.
    assert peak_of(other, result(64, whole.view(128), other)) == 64 + 256 + 64


def test_smallest_free_place_that_is_large_enough_is_taken() -> None:
    start = given_input(64)
    large, between, small, after = (result(size, start) for size in (256, 64, 128, 64))
    freed = result(64, large, small)
    # In the input's place; 256 and 128 are free now. What takes 128 leaves the 256 for what needs them.
    needs_less, needs_more = result(128, freed), result(256, freed)
    last = result(64, needs_less, needs_more, between, after)
    computed = (large, between, small, after, freed, needs_less, needs_more, last)
    assert peak_of(*computed) == 64 + 256 + 64 + 128 + 64


def test_free_places_beside_each_other_become_one() -> None:
    start = given_input(64)
    first, second, after = (result(128, start) for _ in range(3))
    freed = result(64, first, second)
    taken = result(192, freed)
    # `freed` has the input's place, and 192 fit into the two of 128.
    assert peak_of(first, second, after, freed, taken, result(64, taken, after)) == 64 + 3 * 128


def test_place_at_the_end_that_is_free_again_can_grow() -> None:
    first = result(128, given_input(64))
    # The second has the input's place; behind it everything is free.
    assert peak_of(result(512, result(64, first))) == 64 + 512


def test_inputs_have_their_places_before_anything_is_computed() -> None:
    early, late = given_input(64), given_input(256)
    third = result(128, result(128, result(128, early)))
    # Placed only when it is needed, the late one would have the place of the second result, and more.
    assert peak_of(result(64, third, late)) == 64 + 256 + 128 + 128


def test_places_begin_at_multiples_of_64() -> None:
    assert peak_of(result(1, given_input(1)), result(65, given_input(65))) == 64 + 128 + 64 + 128


def test_results_are_computed_after_all_they_need_from_the_left() -> None:
    start = given_input(64)
    sizes = {size: result(size, start) for size in (128, 256, 512)}
    graph = Graph()
    graph.compute(result(64, sizes[512], sizes[128], result(1024, sizes[256])))
    order = [each.size for each in graph.results]
    assert order == [512, 128, 256, 1024, 64]


def test_kept_result_is_never_freed() -> None:
    kept = result(128, given_input(64))
    graph = Graph()
    graph.keep(kept)
    graph.compute(result(128, result(128, result(128, kept))))
    assert graph.peak_bytes() == 64 + 3 * 128


def test_long_chain_of_results_needs_no_recursion() -> None:
    tensor = given_input(64)
    for _ in range(20_000):
        tensor = result(64, tensor)
    assert peak_of(tensor) == 2 * 64


@pytest.mark.parametrize("model_id", RECORD["models"])
def test_formula_says_what_llama_cpp_logged(model_id: str) -> None:
    model, logged = MODELS[model_id], RECORD["models"][model_id]
    geometry, tensors = geometry_of(model), tensors_of(model)
    assert geometry
    assert len(SETTINGS) == len(logged["compute"])
    for index, setting in enumerate(SETTINGS):
        ours = reserved_by_formula(geometry, tensors, setting)
        theirs = Reserved(*(logged[name][index] for name in ("compute", "kv", "state")))
        assert vars(ours) == pytest.approx(vars(theirs), abs=LOG_STEP), setting


def test_record_covers_most_of_the_catalogue() -> None:
    assert len(RECORD["models"]) >= 60
    architectures = {MODELS[model_id].architecture for model_id in RECORD["models"]}
    assert {model.architecture for model in MODELS.values()} - architectures <= {"deepseek4", "kimi-k3"}


def geometry_and_tensors(name: str) -> tuple[Geometry, tuple[TensorShape, ...]]:
    geometry = geometry_of(MODELS[name])
    assert geometry
    return geometry, tensors_of(MODELS[name])


def batch_for(geometry: Geometry, **changes: Any) -> Batch:
    chosen: dict[str, Any] = {"context": 4096, "ubatch": 512, "outputs": 1, **changes}
    chosen = {"flash_attention": True, "kv_type": "f16", **chosen}
    return largest_batch(geometry, **chosen)


def test_logits_of_all_tokens_take_four_bytes_for_each_word() -> None:
    geometry, tensors = geometry_and_tensors("llama-3.1-8b")
    assert geometry.vocabulary == 128_256
    few = compute_bytes(geometry, tensors, batch_for(geometry, ubatch=1024, outputs=512))
    many = compute_bytes(geometry, tensors, batch_for(geometry, ubatch=1024, outputs=1024))
    # The rows of the last layer's stream take 4,096 numbers each as well, in at most three places.
    assert 512 * 4 * 128_256 <= many - few <= 512 * 4 * (128_256 + 3 * 4096)


def test_scores_of_all_heads_are_held_only_without_flash_attention() -> None:
    geometry, tensors = geometry_and_tensors("llama-3.1-8b")
    scores = 512 * 16384 * 32 * 4
    with_it = compute_bytes(geometry, tensors, batch_for(geometry, context=16384))
    without = compute_bytes(geometry, tensors, batch_for(geometry, context=16384, flash_attention=False))
    assert with_it < scores // 4
    assert without > scores


def test_batch_is_no_longer_than_the_context_and_equal_for_all_sequences() -> None:
    geometry, _ = geometry_and_tensors("llama-3.1-8b")
    assert batch_for(geometry, context=100).tokens == 100
    assert batch_for(geometry, context=100, outputs=512).outputs == 100
    shared = batch_for(geometry, context=3000, ubatch=500, sequences=3)
    assert (shared.tokens, shared.cells) == (501, 1024)


def test_tensors_of_no_layer_and_layers_that_do_not_run_count_for_nothing() -> None:
    geometry, tensors = geometry_and_tensors("llama-3.1-8b")
    batch = batch_for(geometry)
    others = (TensorShape("blk.32.ffn_up.weight", (4096, 10**9)), TensorShape("blk.x.ffn_up.weight", (1,)))
    assert compute_bytes(geometry, (*tensors, *others), batch) == compute_bytes(geometry, tensors, batch)


def test_unknown_architecture_is_laid_out_from_its_weights() -> None:
    """Llama's weights under another name."""
    model = MODELS["llama-3.1-8b"]
    geometry = read_geometry(loading_metadata("new-thing", model.geometry), None)
    known, tensors = geometry_and_tensors("llama-3.1-8b")
    assert geometry
    batch = batch_for(known)
    assert compute_bytes(geometry, tensors, batch) == compute_bytes(known, tensors, batch)


NUMBERS = st.one_of(
    st.integers(0, 300),
    st.sampled_from([1 << 20, (1 << 32) - 1, 1 << 32, 1 << 63, -1]),
    st.booleans(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(-1, 300), max_size=9).map(tuple),
)
KEYS = sorted(
    {key for model in MODELS.values() for key in model.geometry}
    | {"use_parallel_residual", "expert_group_count", "expert_group_used_count", "expert_weights_scale"}
)
TENSORS = sorted(
    {
        tensor.name.split(".", 2)[2]
        for model in {model.architecture: model for model in MODELS.values()}.values()
        for tensor in tensors_of(model)
        if tensor.name.startswith("blk.")
    }
    | {"ssm_x.weight", "ssm_dt.weight", "ssm_b_norm.weight", "attn_qkv.weight", "attn_kv_b.weight"}
)
GEOMETRIES = {model.architecture: model.geometry for model in MODELS.values()}
GEOMETRIES |= dict.fromkeys(("mamba", "jamba", "falcon-h1"), GEOMETRIES["nemotron_h"])


@settings(max_examples=300, deadline=None)
@given(
    architecture=st.sampled_from(sorted(GEOMETRIES)),
    lies=st.dictionaries(st.sampled_from(KEYS), NUMBERS, max_size=8),
    layers=st.integers(0, 6),
    names=st.lists(st.sampled_from(TENSORS), max_size=40),
    shape=st.lists(st.sampled_from([0, 1, 3, 64, 4096, 1 << 40]), max_size=4).map(tuple),
    flash_attention=st.booleans(),
    sequences=st.integers(1, 5),
)
def test_header_and_tensors_that_lie_give_a_number_or_no_geometry(
    architecture: str,
    lies: dict[str, Any],
    layers: int,
    names: list[str],
    shape: tuple[int, ...],
    flash_attention: bool,
    sequences: int,
) -> None:
    told = {**GEOMETRIES[architecture], "block_count": layers, **lies}
    geometry = read_geometry(loading_metadata(architecture, told), 1000)
    if geometry is None:
        return
    tensors = [TensorShape(f"blk.{index}.{name}", shape) for index in range(7) for name in names]
    batch = batch_for(
        geometry,
        kv_type="q8_0" if flash_attention else "f16",
        flash_attention=flash_attention,
        sequences=sequences,
    )
    assert compute_bytes(geometry, tensors, batch) >= geometry.vocabulary * 4
    for layer in geometry.layers:
        cache = layer_cache(
            geometry,
            layer,
            context=4096,
            kv_type=batch.kv_type,
            ubatch=512,
            sequences=sequences,
            flash_attention=flash_attention,
        )
        assert min(cache.kv_bytes, cache.state_bytes) >= 0
