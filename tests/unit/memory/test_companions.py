"""What is loaded with a model: against what llama.cpp says of it, and what it refuses."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DamagedGguf, EnvironmentFault, FileGone, NotGguf, WrongChoice
from app.gguf import ModelFacts, TypedTensor, read_facts, write_ghost_of
from app.gguf.header import MetadataValue
from app.gguf.outline import TensorShape
from app.hardware import Accelerator
from app.memory import MemoryEstimate, estimate
from app.memory.companions import read_companions, with_companions
from app.memory.companions.projector import projector_memory
from app.runtime import LoadSettings
from tests.helpers.adapters import ADAPTER_CASES, adapted, compute_by_formula, write_adapter
from tests.helpers.projectors import PROJECTORS, Projector, write_projector_ghost
from tests.helpers.tiny_gguf import write_tiny_model

RECORDED: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[2] / "data" / "memory" / "companions.toml").read_text(encoding="utf-8")
)
CARD = Accelerator("CUDA0", "CUDA", 24 * 10**9, 24 * 10**9)
SETTINGS = LoadSettings(context_length=512)
LOG_DIGIT_MIB = 0.006
PADDING_BYTES = 256
"""Inputs are placed at other multiples than results."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("companions")


@pytest.fixture(scope="module")
def model(folder: Path) -> ModelFacts:
    """2 layers, 256 numbers a token."""
    return read_facts(write_tiny_model(folder / "base.gguf"))


@pytest.fixture(scope="module")
def projector(folder: Path) -> Path:
    """Makes 256 numbers of each piece of an image."""
    return write_projector_ghost(tiny_projector(), folder / "mmproj.gguf")


def tiny_projector(**changes: Any) -> Projector:
    whole = Projector(
        "idefics3", 64, 4, 2, 128, 64, 16, 256,
        {
            "v.patch_embd.bias": (64,),
            "v.position_embd.weight": (64, 16),
            "v.post_ln.weight": (64,),
            "v.post_ln.bias": (64,),
            "mm.model.fc.weight": (256, 256),
        },
        {"projector.scale_factor": 2},
    )  # fmt: skip
    return replace(whole, **changes)


def together(
    model: ModelFacts, *adapters: Path, accelerators: tuple[Accelerator, ...] = (), **files: Path
) -> MemoryEstimate:
    found = read_companions(model, adapters, **files)
    return with_companions(estimate(model, SETTINGS, accelerators), model, SETTINGS, accelerators, found)


@pytest.mark.parametrize("name", PROJECTORS)
def test_projector_takes_what_libmtmd_says(folder: Path, name: str) -> None:
    path = write_projector_ghost(PROJECTORS[name], folder / f"{name}.gguf")
    told = projector_memory(read_facts(path))
    assert told.guess == ""
    assert told.weights_bytes + told.compute_bytes == pytest.approx(
        RECORDED["projectors"][name], abs=PADDING_BYTES
    )


@pytest.mark.parametrize("name", ADAPTER_CASES)
def test_compute_buffer_with_an_adapter_is_what_llama_cpp_logs(name: str) -> None:
    _, with_it, _ = RECORDED["adapters"][name]
    assert compute_by_formula(ADAPTER_CASES[name]) == pytest.approx(with_it, abs=LOG_DIGIT_MIB)


def test_adapter_is_where_the_weights_are_that_it_changes(folder: Path, model: ModelFacts) -> None:
    tensors = adapted(model.tensors, 8, "attn_q", "output")
    path = write_adapter(folder / "split.gguf", "llama", tensors)
    settings = LoadSettings(context_length=512, gpu_layers=2)  # the output and the last layer
    alone = estimate(model, settings, [CARD])
    told = with_companions(alone, model, settings, [CARD], read_companions(model, [path]))
    vocabulary = model.vocabulary_size or 0
    of_query, of_output = 8 * (256 + 256) * 2, 8 * (256 + vocabulary) * 2
    before, after = ({each.name: each.weights_bytes for each in one.devices} for one in (alone, told))
    assert after["CPU"] - before["CPU"] == of_query
    assert after["CUDA0"] - before["CUDA0"] == of_query + of_output
    (companion,) = told.companions
    assert companion.kind == "lora"
    assert companion.weights_bytes == 2 * of_query + of_output


def test_norms_of_an_adapter_stay_in_its_file(folder: Path, model: ModelFacts) -> None:
    tensors = adapted(model.tensors, 8, "attn_q")
    norms = [TensorShape("blk.0.attn_norm.weight", (256,))]
    without = together(model, write_adapter(folder / "plain.gguf", "llama", tensors))
    with_norms = together(model, write_adapter(folder / "norms.gguf", "llama", [*tensors, *norms]))
    assert with_norms.total_bytes == without.total_bytes


def test_two_adapters_take_what_each_takes(folder: Path, model: ModelFacts) -> None:
    first = write_adapter(folder / "first.gguf", "llama", adapted(model.tensors, 8, "attn_q"))
    second = write_adapter(folder / "second.gguf", "llama", adapted(model.tensors, 16, "attn_q"))
    told = together(model, first, second)
    assert [each.weights_bytes for each in told.companions] == [
        2 * rank * (256 + 256) * 2 for rank in (8, 16)
    ]
    assert told.weights_bytes == model.tensor_bytes + sum(each.weights_bytes for each in told.companions)


def test_draft_model_takes_what_it_takes_alone_and_the_process_counts_once(
    folder: Path, model: ModelFacts
) -> None:
    path = write_tiny_model(folder / "draft.gguf", layers=1)
    told, alone, draft = (
        together(model, draft=path),
        estimate(model, SETTINGS),
        estimate(read_facts(path), SETTINGS),
    )
    assert told.kv_bytes == alone.kv_bytes + draft.kv_bytes == 3 * 512 * 2 * 64 * 2 * 2
    assert told.in_use_bytes == alone.total_bytes + draft.total_bytes + alone.worker_bytes


def test_cache_of_a_draft_model_stays_in_f16(folder: Path, model: ModelFacts) -> None:
    path = write_tiny_model(folder / "draft-kv.gguf", layers=1)
    settings = LoadSettings(context_length=512, kv_type="q4_0")
    told = with_companions(estimate(model, settings), model, settings, (), read_companions(model, draft=path))
    assert told.companions[0].kv_bytes == 512 * 2 * 64 * 2 * 2


def test_projector_goes_to_the_first_accelerator_whatever_it_leaves_of_two_of_one_name(
    model: ModelFacts, projector: Path
) -> None:
    cards = (CARD, CARD)
    alone = estimate(model, SETTINGS, cards)
    told = together(model, accelerators=cards, projector=projector)
    assert [each.name for each in told.devices] == [each.name for each in alone.devices]
    assert [each.name for each in told.devices].count("CUDA0") == 2
    weights = sum(each.size_bytes for each in read_facts(projector).tensors)
    assert told.devices[1].weights_bytes - alone.devices[1].weights_bytes == weights
    assert told.devices[2] == alone.devices[2]


def test_with_no_layer_offloaded_weights_and_caches_are_on_the_processor(
    folder: Path, model: ModelFacts, projector: Path
) -> None:
    draft = write_tiny_model(folder / "draft-cpu.gguf", layers=1)
    settings = LoadSettings(context_length=512, gpu_layers=0)
    found = read_companions(model, projector=projector, draft=draft)
    told = with_companions(estimate(model, settings, [CARD]), model, settings, [CARD], found)
    # llama.cpp reserves working space on a card all the same: it takes over long prompts.
    on_card = sum(each.weights_bytes + each.kv_bytes for each in told.devices if each.name != "CPU")
    assert on_card == 0


def test_notes_name_each_file_and_what_it_takes(folder: Path, model: ModelFacts, projector: Path) -> None:
    style = write_adapter(folder / "style.gguf", "llama", adapted(model.tensors, 8, "attn_q"))
    notes = together(model, style, projector=projector).notes
    assert notes[0] == "LoRA style.gguf: 16.4 kB."
    assert notes[1].startswith("Projector mmproj.gguf: ")


def test_image_larger_than_the_one_reserved_for_is_told(folder: Path) -> None:
    path = write_projector_ghost(PROJECTORS["qwen2-vl-7b"], folder / "large.gguf")
    note = projector_memory(read_facts(path)).note
    # 4,096 tokens of 28 x 28 pixels
    assert "(1792 x 1792 pixels)" in note


def test_projector_of_another_kind_is_a_guess_that_says_so(folder: Path, model: ModelFacts) -> None:
    path = write_projector_ghost(tiny_projector(type="llama4"), folder / "scout.gguf")
    told = together(model, projector=path)
    assert told.basis == "guess"
    assert "The working space of scout.gguf for images is a guess." in told.notes
    assert told.companions[0].weights_bytes == sum(each.size_bytes for each in read_facts(path).tensors)


def test_encoder_of_sound_is_a_guess(folder: Path, model: ModelFacts) -> None:
    tensors: list[TypedTensor] = [(TensorShape("a.blk.0.attn_q.weight", (64, 64)), "F16")]
    keys: dict[str, MetadataValue] = {"clip.has_audio_encoder": True, "clip.projector_type": "qwen2a"}
    write_ghost_of(folder / "sound.gguf", {"general.architecture": "clip", **keys}, tensors)
    told = together(model, projector=folder / "sound.gguf")
    assert told.basis == "guess"
    assert any("for sound is a guess" in note for note in told.notes)


ADAPTER_FAULTS: dict[str, tuple[str, tuple[TensorShape, ...], dict[str, MetadataValue], str]] = {
    "another architecture": (
        "qwen2",
        (),
        {},
        "bad.gguf is an adapter for models of 'qwen2'; base.gguf is one of 'llama'.",
    ),
    "another method": (
        "llama",
        (),
        {"adapter_type": "dora"},
        "bad.gguf is an adapter of the kind 'dora'; llama.cpp knows only 'lora'.",
    ),
    "weight that is not there": (
        "llama",
        (
            TensorShape("blk.9.attn_q.weight.lora_a", (256, 8)),
            TensorShape("blk.9.attn_q.weight.lora_b", (8, 256)),
        ),
        {},
        "bad.gguf changes 'blk.9.attn_q.weight', which base.gguf does not have.",
    ),
    "another shape": (
        "llama",
        (
            TensorShape("blk.0.attn_q.weight.lora_a", (512, 8)),
            TensorShape("blk.0.attn_q.weight.lora_b", (8, 256)),
        ),
        {},
        "bad.gguf changes 'blk.0.attn_q.weight' in another shape than base.gguf has it.",
    ),
    "two ranks": (
        "llama",
        (
            TensorShape("blk.0.attn_q.weight.lora_a", (256, 8)),
            TensorShape("blk.0.attn_q.weight.lora_b", (4, 256)),
        ),
        {},
        "bad.gguf changes 'blk.0.attn_q.weight' in another shape than base.gguf has it.",
    ),
    "half of a pair": (
        "llama",
        (TensorShape("blk.0.attn_q.weight.lora_a", (256, 8)),),
        {},
        "bad.gguf has only one of two matrices for 'blk.0.attn_q.weight'.",
    ),
    "no half of a pair": (
        "llama",
        (TensorShape("blk.0.attn_q.weight", (256, 256)),),
        {},
        "bad.gguf has a tensor 'blk.0.attn_q.weight' that is no part of a LoRA adapter.",
    ),
}


@pytest.mark.parametrize("fault", ADAPTER_FAULTS)
def test_adapter_that_llama_cpp_refuses_is_refused(folder: Path, model: ModelFacts, fault: str) -> None:
    architecture, tensors, changes, sentence = ADAPTER_FAULTS[fault]
    path = write_adapter(folder / "bad.gguf", architecture, tensors, **changes)
    with pytest.raises(WrongChoice) as raised:
        read_companions(model, [path])
    assert raised.value.message == sentence
    assert raised.value.hint


def test_adapter_of_an_embedding_that_is_the_output_too_is_refused(folder: Path, model: ModelFacts) -> None:
    tied = replace(model, tensors=tuple(each for each in model.tensors if each.name != "output.weight"))
    path = write_adapter(folder / "embedding.gguf", "llama", adapted(model.tensors, 8, "token_embd"))
    read_companions(model, [path])
    with pytest.raises(
        WrongChoice, match=r"^embedding.gguf changes the token embedding, which is the output"
    ):
        read_companions(tied, [path])


def test_files_of_another_kind_are_refused(folder: Path, model: ModelFacts, projector: Path) -> None:
    adapter = write_adapter(folder / "lora.gguf", "llama", ())
    for files, sentence in (
        (
            {"adapters": [projector]},
            "mmproj.gguf is a projector of images or sound (mmproj), not an adapter (LoRA).",
        ),
        (
            {"projector": adapter},
            "lora.gguf is an adapter (LoRA), not a projector of images or sound (mmproj).",
        ),
        ({"projector": model.path}, "base.gguf is a model, not a projector of images or sound (mmproj)."),
        ({"draft": projector}, "mmproj.gguf is a projector of images or sound (mmproj), not a model."),
    ):
        with pytest.raises(WrongChoice) as raised:
            read_companions(model, **files)
        assert raised.value.message == sentence


def test_projector_for_a_model_of_another_width_is_refused(folder: Path, model: ModelFacts) -> None:
    path = write_projector_ghost(PROJECTORS["gemma-3-4b"], folder / "wide.gguf")
    with pytest.raises(WrongChoice) as raised:
        read_companions(model, projector=path)
    assert raised.value.message == (
        "wide.gguf makes 2,560 numbers of each piece of an image; base.gguf takes 256."
    )


def test_projector_that_claims_more_layers_than_it_has_is_damaged(folder: Path, model: ModelFacts) -> None:
    path = write_projector_ghost(tiny_projector(), folder / "whole.gguf")
    facts = read_facts(path)
    tensors = [
        (TensorShape(each.name, each.shape), each.type)
        for each in facts.tensors
        if not each.name.startswith("v.blk.1.")
    ]
    write_ghost_of(folder / "lacking.gguf", facts.metadata, tensors)
    with pytest.raises(DamagedGguf) as raised:
        read_companions(model, projector=folder / "lacking.gguf")
    assert raised.value.message == (
        "lacking.gguf is damaged: its header claims 2 layers, and the weights of number 1 are not there."
    )


def test_projector_that_says_neither_images_nor_sound_is_refused(folder: Path, model: ModelFacts) -> None:
    write_ghost_of(folder / "silent.gguf", {"general.architecture": "clip"}, [])
    with pytest.raises(WrongChoice, match="does not say that it encodes images or sound"):
        read_companions(model, projector=folder / "silent.gguf")


@pytest.mark.parametrize(
    "lie",
    [
        {"patch_size": 0},
        {"patch_size": 65_536},
        {"image_size": 1 << 31},
        {"block_count": (1 << 64) - 1},
        {"embedding_length": 0},
        {"attention.head_count": 0},
        {"attention.head_count": "four"},
        {"projector.scale_factor": 0},
        {"projector.scale_factor": 65_535},
        {"n_wa_pattern": 0},
    ],
)
def test_header_of_a_projector_that_lies_gives_a_guess_or_a_bounded_number(
    folder: Path, model: ModelFacts, lie: dict[str, MetadataValue]
) -> None:
    whole = tiny_projector()
    metadata = whole.metadata() | {f"clip.vision.{key}": value for key, value in lie.items()}
    write_ghost_of(folder / "lies.gguf", metadata, whole.typed_tensors())
    told = together(model, projector=folder / "lies.gguf")
    assert 0 < told.companions[0].compute_bytes < 10**12


def other_vocabulary(path: Path, **changes: MetadataValue) -> Path:
    """The header of a draft model with other keys of its tokenizer."""
    tokens = tuple(f"<{number}>" for number in range(400))
    metadata: dict[str, MetadataValue] = {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.bos_token_id": 1,
    }
    metadata |= {f"tokenizer.ggml.{key}": value for key, value in changes.items()}
    write_ghost_of(path, metadata, [(TensorShape("token_embd.weight", (32, 400)), "F16")])
    return path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "gpt2"}, "their tokenizers are 'gpt2' and 'llama'"),
        ({"bos_token_id": 2}, "their texts start with different tokens"),
        ({"add_bos_token": False}, "their texts start with different tokens"),
        ({"tokens": ("<0>",) * 100}, "their vocabularies have 100 and 400 tokens"),
        (
            {"tokens": tuple(f"<{number}>" for number in range(300)) + ("other",) * 100},
            "their vocabularies differ from token 300 on",
        ),
    ],
)
def test_draft_with_another_vocabulary_is_refused(
    folder: Path, changes: dict[str, MetadataValue], reason: str
) -> None:
    big = read_facts(other_vocabulary(folder / "big.gguf"))
    path = other_vocabulary(folder / "small.gguf", **changes)
    with pytest.raises(WrongChoice) as raised:
        read_companions(big, draft=path)
    assert raised.value.message == f"small.gguf cannot draft for big.gguf: {reason}."


def test_draft_may_have_up_to_128_tokens_less_and_other_ones_before_the_fifth(folder: Path) -> None:
    big = read_facts(other_vocabulary(folder / "big.gguf"))
    tokens = ("other",) * 5 + tuple(f"<{number}>" for number in range(5, 272))
    read_companions(big, draft=other_vocabulary(folder / "small.gguf", tokens=tokens))


def test_missing_and_damaged_files_are_told_as_everywhere(
    folder: Path, model: ModelFacts, projector: Path
) -> None:
    junk, cut = folder / "junk.gguf", folder / "cut.gguf"
    junk.write_bytes(b"not a model at all, whatever it is called")
    cut.write_bytes(projector.read_bytes()[:200])
    for path, fault in ((folder / "none.gguf", FileGone), (junk, NotGguf), (cut, DamagedGguf)):
        for files in ({"adapters": [path]}, {"projector": path}, {"draft": path}):
            with pytest.raises(fault) as raised:
                read_companions(model, **files)
            assert isinstance(raised.value, EnvironmentFault)
            assert path.name in raised.value.message
