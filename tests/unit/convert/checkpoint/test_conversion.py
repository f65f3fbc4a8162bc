"""A whole conversion: what is written, number for number, and that whatever goes wrong leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
import yaml

from app.convert import convert_checkpoint
from app.convert.checkpoint import transfer
from app.convert.checkpoint.weights import Weights
from app.core.errors import (
    Cancelled,
    DamagedCheckpoint,
    DiskFull,
    EnvironmentFault,
    FileGone,
    NotAllowed,
    UnknownArchitecture,
    UnreadableFile,
    UnsupportedCheckpoint,
    WrongChoice,
)
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from tests.helpers.tiny_checkpoint import (
    TinyLlama,
    as_stored,
    changed,
    write_json,
    write_raw_safetensors,
    write_safetensors,
    write_tiny_checkpoint,
)
from tests.helpers.tiny_gguf import CHATML

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def control(on_progress: Callable[[Progress], object] = lambda progress: None) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: on_progress(event) if isinstance(event, Progress) else None
    )


def convert(folder: Path, file_type: str = "BF16") -> Path:
    return convert_checkpoint(folder, folder.parent / "out" / "made.gguf", control(), file_type)


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def keys(path: Path) -> dict[str, Any]:
    return {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items()}


def gguf_name(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    prefix = ""
    if stem.startswith("model.layers."):
        _, _, layer, stem = stem.split(".", 3)
        prefix = f"blk.{layer}."
    return f"{prefix}{GGUF_NAMES[stem]}.{suffix}"


def in_gguf_order(name: str, values: np.ndarray, llama: TinyLlama) -> np.ndarray:
    """Row by row, in another way than the converter's: row i of a head goes to row 2 i, and so on."""
    if "q_proj" not in name and "k_proj" not in name:
        return values
    moved = np.empty_like(values)
    for row in range(len(values)):
        head, within = divmod(row, llama.head_length)
        half, place = divmod(within, llama.head_length // 2)
        moved[head * llama.head_length + 2 * place + half] = values[row]
    return moved


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_checkpoint(tmp_path / "Tiny-Llama")


# What is written


@pytest.mark.parametrize(
    ("llama", "file_type"),
    [
        (TinyLlama(dtype="BF16"), "BF16"),
        (TinyLlama(dtype="BF16", tied=True), "F32"),
        (TinyLlama(dtype="F16", kv_heads=8), "F16"),
        (TinyLlama(dtype="F32", biases=True), "F32"),
        (TinyLlama(dtype="F32", heads=6, kv_heads=1, head_length=64), "BF16"),
        (TinyLlama(dtype="F64"), "F16"),
    ],
    ids=str,
)
@pytest.mark.parametrize("piece_bytes", [transfer.PIECE_BYTES, 5000])
def test_tensors_are_those_of_the_checkpoint_in_the_type_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llama: TinyLlama, file_type: str, piece_bytes: int
) -> None:
    monkeypatch.setattr(transfer, "PIECE_BYTES", piece_bytes)
    made = tensors(convert(write_tiny_checkpoint(tmp_path / "Tiny", llama), file_type))
    weights = llama.weights()
    assert set(made) == {gguf_name(name) for name in weights}
    for name, values in weights.items():
        tensor = made[gguf_name(name)]
        wanted = "F32" if values.ndim == 1 else file_type
        assert tensor.tensor_type.name == wanted, name
        assert tensor.shape.tolist() == list(reversed(values.shape)), name
        expected = as_stored(in_gguf_order(name, values, llama), wanted)
        assert tensor.data.tobytes() == expected.tobytes(), name


def test_shards_give_the_file_that_one_file_gives(tmp_path: Path) -> None:
    single = convert(write_tiny_checkpoint(tmp_path / "one" / "Tiny"))
    sharded = convert(write_tiny_checkpoint(tmp_path / "three" / "Tiny", shards=3))
    assert sharded.read_bytes() == single.read_bytes()


def test_metadata_says_what_llama_cpp_needs(folder: Path) -> None:
    path = convert(folder)
    found = keys(path)
    assert {key: found[key] for key in found if key.startswith(("general.", "llama."))} == {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Tiny Llama",
        "general.size_label": "1.4M",
        "general.file_type": 32,
        "general.quantization_version": 2,
        "llama.block_count": 2,
        "llama.context_length": 512,
        "llama.embedding_length": 256,
        "llama.feed_forward_length": 512,
        "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 4,
        "llama.attention.key_length": 32,
        "llama.attention.value_length": 32,
        "llama.attention.layer_norm_rms_epsilon": pytest.approx(1e-5),
        "llama.vocab_size": 448,
        "llama.rope.dimension_count": 32,
        "llama.rope.freq_base": 10_000.0,
    }
    assert {key: found[key] for key in found if key.startswith("tokenizer.") and "list" not in key} | {
        "tokenizer.ggml.tokens": 0,
        "tokenizer.ggml.scores": 0,
        "tokenizer.ggml.token_type": 0,
    } == {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": 0,
        "tokenizer.ggml.scores": 0,
        "tokenizer.ggml.token_type": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": True,
        "tokenizer.chat_template": CHATML,
    }
    assert found["tokenizer.ggml.tokens"][:3] == ["<unk>", "<s>", "</s>"]
    assert found["tokenizer.ggml.tokens"][-1] == "[PAD447]"
    assert len(found["tokenizer.ggml.scores"]) == len(found["tokenizer.ggml.token_type"]) == 448
    facts = read_facts(path)
    assert (facts.quantization, facts.layers, facts.parameters) == ("BF16", 2, 1_410_304)


def test_model_card_and_recommended_sampling_are_kept(folder: Path) -> None:
    card = "---\nlicense: mit\nlanguage: [en]\nbase_model: somebody/Bard-7B\n---\n# Bard\n"
    (folder / "README.md").write_text(card)
    write_json(folder / "generation_config.json", {"temperature": 0.6, "top_k": 40, "top_p": "high"})
    found = keys(convert(folder))
    assert found["general.license"] == "mit"
    assert found["general.base_model.0.repo_url"] == "https://huggingface.co/somebody/Bard-7B"
    assert found["general.sampling.temp"] == pytest.approx(0.6)
    assert found["general.sampling.top_k"] == 40
    assert "general.sampling.top_p" not in found


def test_model_card_is_never_read_as_yaml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its aliases make gigabytes of a few hundred bytes."""

    def load(*arguments: object) -> None:
        raise AssertionError("read as YAML")

    monkeypatch.setattr(yaml, "safe_load", load)
    monkeypatch.setattr(yaml, "load", load)
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    (folder / "README.md").write_text(f"---\nlicense: mit\na0: &a0 [x]\n{levels}base_model: *a9\n---\n")
    found = keys(convert(folder))
    assert found["general.license"] == "mit"
    assert not [key for key in found if key.startswith("general.base_model")]


def test_giant_files_beside_the_weights_are_not_read_for_a_description(folder: Path) -> None:
    for name in ("README.md", "generation_config.json"):
        (folder / name).touch()
        os.truncate(folder / name, 1 << 40)
    assert keys(convert(folder))["general.name"] == "Tiny Llama"


@pytest.mark.parametrize(
    "card",
    [
        b"---\nlicense: [",
        b"---\nlicense: {a: [1]}\n---\n",
        b"---\n- 7\n---\n",
        b"\xff\xfe\x00",
        b"---\nbase_model: {a: 1}\n---",
    ],
)
@pytest.mark.parametrize("generation", ["[]", "{", '{"temperature": NaN, "top_k": 1e99}'])
def test_description_that_is_damaged_does_not_stop_the_conversion(
    folder: Path, card: bytes, generation: str
) -> None:
    (folder / "README.md").write_bytes(card)
    (folder / "generation_config.json").write_text(generation)
    found = keys(convert(folder))
    assert found["general.name"]
    assert not [key for key in found if "sampling" in key]


def test_what_the_caller_tells_counts_more_than_what_the_checkpoint_says(folder: Path) -> None:
    (folder / "README.md").write_text("---\nname: Somebody's\nlicense: mit\n---\n")
    told = {"general.name": "Mine", "general.author": "Me"}
    found = keys(convert_checkpoint(folder, folder / "made.gguf", control(), told=told))
    assert [found[f"general.{key}"] for key in ("name", "author", "license")] == ["Mine", "Me", "mit"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_checkpoint_in_the_hubs_cache_is_called_after_its_repository(folder: Path) -> None:
    repository = folder.parent / "models--somebody--Bard-1B"
    (repository / "snapshots").mkdir(parents=True)
    snapshot = folder.rename(repository / "snapshots" / "0123abcd")
    (repository / "blobs").mkdir()
    (snapshot / "model.safetensors").rename(repository / "blobs" / "cafe")
    (snapshot / "model.safetensors").symlink_to("../../blobs/cafe")
    found = keys(convert_checkpoint(snapshot, folder.parent / "made.gguf", control()))
    assert found["general.name"] == "Bard-1B"
    assert "0123abcd" not in str([found[key] for key in found if key.startswith("general.")])


def test_linear_rope_scaling_is_written(tmp_path: Path) -> None:
    scaling = {"rope_scaling": {"type": "linear", "factor": 2.0}}
    found = keys(convert(write_tiny_checkpoint(tmp_path / "Tiny", config=scaling)))
    assert (found["llama.rope.scaling.type"], found["llama.rope.scaling.factor"]) == ("linear", 2.0)


def test_output_of_a_tied_model_is_left_out_even_where_it_is_stored(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny", config={"tie_word_embeddings": True})
    assert "output.weight" not in tensors(convert(folder))


def test_frequencies_stored_by_old_versions_are_left_out(folder: Path) -> None:
    weights = TinyLlama().weights()
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(16, np.float32)
    write_safetensors(
        folder / "model.safetensors", {name: ("BF16", values) for name, values in weights.items()}
    )
    assert len(tensors(convert(folder))) == len(TinyLlama().shapes())


def test_file_made_again_replaces_the_earlier_one(folder: Path) -> None:
    first = convert(folder, "F32")
    assert convert(folder, "BF16") == first
    assert read_facts(first).quantization == "BF16"
    assert list(first.parent.iterdir()) == [first]


def test_file_type_may_be_written_in_small_letters(folder: Path) -> None:
    assert read_facts(convert(folder, "f16")).quantization == "F16"


def test_progress_runs_through_the_bytes_of_the_checkpoint(folder: Path) -> None:
    seen: list[Progress] = []
    convert_checkpoint(folder, folder / "made.gguf", control(seen.append), "F32")
    total = sum(2 * values.size for values in TinyLlama().weights().values())
    assert {(progress.stage, progress.total, progress.unit) for progress in seen} == {
        ("Converting to F32", total, "bytes")
    }
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, total)


def test_conversion_reads_the_checkpoint_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PIECE_BYTES", 10_000)
    largest = 0
    read = Weights.read

    def watched(self: Weights, tensor: Any, start: int, size: int) -> bytes:
        nonlocal largest
        largest = max(largest, size)
        return read(self, tensor, start, size)

    monkeypatch.setattr(Weights, "read", watched)
    convert(folder)
    assert 5_000 < largest <= 32 * 256 * 2  # one attention head


# What is refused


def refused(folder: Path, kind: type[EnvironmentFault], *words: str, file_type: str = "BF16") -> None:
    """Refused with one sentence and a next step, and nothing is left."""
    out = folder.parent / "out"
    with pytest.raises(EnvironmentFault) as caught:
        convert(folder, file_type)
    fault = caught.value
    assert type(fault) is kind, fault
    assert fault.message.endswith(".")
    assert "\n" not in fault.message
    assert fault.hint
    for word in words:
        assert word in str(fault)
    assert not out.exists() or list(out.iterdir()) == []


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none", FileGone, "none")


def test_file_instead_of_a_folder_is_refused(folder: Path) -> None:
    refused(folder / "config.json", UnreadableFile, "not a folder")


def test_missing_config_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    refused(folder, FileGone, "has no config.json")


def change_config(folder: Path, **changes: Any) -> None:
    write_json(folder / "config.json", changed(TinyLlama().config(), changes))


@pytest.mark.parametrize("architectures", [None, [], "LlamaForCausalLM", [7]])
def test_config_without_an_architecture_is_refused(folder: Path, architectures: object) -> None:
    change_config(folder, architectures=architectures)
    refused(folder, DamagedCheckpoint, "architecture")


def test_unknown_architecture_is_refused_with_its_name_and_those_that_are_known(folder: Path) -> None:
    change_config(folder, architectures=["PoetForCausalLM"])
    refused(
        folder, UnknownArchitecture, "'PoetForCausalLM'", "Tiny-Llama", "Nibble converts LlamaForCausalLM"
    )


def test_not_a_number_in_the_config_is_refused_by_key(folder: Path) -> None:
    change_config(folder, rope_theta=float("nan"))
    refused(folder, DamagedCheckpoint, "config.json", "nan for rope_theta")


def test_quantized_checkpoint_is_refused_by_its_method(folder: Path) -> None:
    change_config(folder, quantization_config={"quant_method": "hqq", "bits": 4})
    refused(folder, UnsupportedCheckpoint, "already quantized ('hqq')")


@pytest.mark.parametrize("file_type", ["Q4_K_M", "Q8_0"])
def test_quantization_instead_of_full_precision_is_refused(folder: Path, file_type: str) -> None:
    refused(folder, WrongChoice, file_type, "BF16", file_type=file_type)


def test_unknown_file_type_is_refused(folder: Path) -> None:
    refused(folder, WrongChoice, "'Q99'", file_type="Q99")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_are_refused_unread_with_the_way_out(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, UnsupportedCheckpoint, name, "pickled", ".safetensors")


def test_index_that_leads_to_pickled_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    write_json(
        folder / "model.safetensors.index.json", {"weight_map": {"lm_head.weight": "pytorch_model.bin"}}
    )
    refused(folder, UnsupportedCheckpoint, "pytorch_model.bin", "safetensors")


def test_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, FileGone, "neither model.safetensors nor model.safetensors.index.json")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return write_tiny_checkpoint(tmp_path / "Tiny-Llama", shards=3)


def test_missing_shard_is_refused_by_name(sharded: Path) -> None:
    (sharded / "model-00002-of-00003.safetensors").unlink()
    refused(sharded, FileGone, "model-00002-of-00003.safetensors", "Download")


@pytest.mark.parametrize(
    "index",
    [
        {},
        [],
        {"weight_map": {}},
        {"weight_map": ["a"]},
        {"weight_map": {"a": 7}},
        {"weight_map": None},
        {"weight_map": {"a": "x" * 5000 + ".safetensors"}},
        {"weight_map": {"a": "x\x1b[2J.safetensors"}},
    ],
)
def test_index_that_makes_no_sense_is_refused(sharded: Path, index: object) -> None:
    write_json(sharded / "model.safetensors.index.json", index)
    refused(sharded, DamagedCheckpoint, "model.safetensors.index.json")


@pytest.mark.parametrize(
    "place", ["../outside.safetensors", "/outside.safetensors", "..\\outside.safetensors"]
)
def test_index_that_leads_out_of_the_folder_is_refused(sharded: Path, place: str) -> None:
    (sharded / "model-00001-of-00003.safetensors").rename(sharded.parent / "outside.safetensors")
    point_to(sharded, place)
    refused(sharded, UnsupportedCheckpoint, "outside.safetensors", "not in it")


def point_to(sharded: Path, place: str) -> None:
    path = sharded / "model.safetensors.index.json"
    weight_map = json.loads(path.read_text())["weight_map"]
    first = "model-00001-of-00003.safetensors"
    moved = {name: place if file == first else file for name, file in weight_map.items()}
    write_json(path, {"weight_map": moved})


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_index_that_leads_to_a_link_out_of_the_folder_is_refused(sharded: Path) -> None:
    shard = sharded / "model-00001-of-00003.safetensors"
    shard.rename(sharded.parent / "outside.safetensors")
    shard.symlink_to("../outside.safetensors")
    refused(sharded, UnsupportedCheckpoint, shard.name, "not in it")


def test_index_that_promises_a_tensor_its_shard_lacks_is_refused(sharded: Path) -> None:
    point_to(sharded, "model-00002-of-00003.safetensors")
    refused(sharded, DamagedCheckpoint, "model-00002-of-00003.safetensors", "lacks")


@pytest.mark.parametrize("kept", [0.0, 0.0001, 0.5, 0.99999])
def test_truncated_weights_are_refused(folder: Path, kept: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(folder, DamagedCheckpoint, "model.safetensors is damaged")


def test_absurd_header_length_is_refused(folder: Path) -> None:
    write_raw_safetensors(folder / "model.safetensors", {}, claimed=1 << 62)
    refused(folder, DamagedCheckpoint, "its header claims")


def change_tensors(folder: Path, llama: TinyLlama = TinyLlama(), **dtypes: str) -> None:  # noqa: B008 - frozen
    """Writes the weights anew; `dtypes` by the end of a tensor's name, underscores for dots."""
    stored = {}
    for name, values in llama.weights().items():
        dtype = next(
            (dtype for end, dtype in dtypes.items() if name.endswith(end.replace("__", "."))), "BF16"
        )
        if dtype != "none":
            stored[name] = (dtype, values)
    write_safetensors(folder / "model.safetensors", stored)


def test_tensor_missing_in_a_layer_is_refused_by_name(folder: Path) -> None:
    change_tensors(folder, layers__1__mlp__up_proj__weight="none")
    refused(folder, DamagedCheckpoint, "model.layers.1.mlp.up_proj.weight", "no tensor")


def test_missing_output_of_a_model_that_is_not_tied_is_refused(folder: Path) -> None:
    change_tensors(folder, lm_head__weight="none")
    refused(folder, DamagedCheckpoint, "lm_head.weight")


def test_shape_that_contradicts_the_config_is_refused_with_both(folder: Path) -> None:
    change_config(folder, intermediate_size=768)
    refused(folder, DamagedCheckpoint, "512 × 256", "768 × 256", "model.layers.0.mlp.gate_proj.weight")


def test_tensor_the_architecture_does_not_have_is_refused(folder: Path) -> None:
    change_tensors(folder, TinyLlama(biases=True))
    refused(folder, UnsupportedCheckpoint, "proj.bias", "does not have")


def test_weights_that_are_no_floating_point_numbers_are_refused(folder: Path) -> None:
    change_tensors(folder, layers__0__self_attn__q_proj__weight="I8")
    refused(folder, UnsupportedCheckpoint, "model.layers.0.self_attn.q_proj.weight", "I8")


def test_missing_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()
    refused(folder, FileGone, "tokenizer.model")


def test_damaged_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.model").write_bytes(b"not a tokenizer")
    refused(folder, DamagedCheckpoint, "tokenizer.model")


def test_tokenizer_larger_than_the_embedding_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    change_config(folder, vocab_size=400)
    change_tensors(folder, TinyLlama(vocabulary=400))
    refused(folder, UnsupportedCheckpoint, "more tokens than the 400")


def test_number_too_large_for_the_type_is_refused_by_tensor_and_leaves_nothing(folder: Path) -> None:
    weights = TinyLlama().weights()
    weights["lm_head.weight"][3, 5] = 1e6
    write_safetensors(
        folder / "model.safetensors", {name: ("BF16", values) for name, values in weights.items()}
    )
    refused(folder, WrongChoice, "lm_head.weight", "F16", file_type="F16")
    assert convert(folder, "BF16").exists()


def test_number_that_would_become_infinite_in_bf16_is_refused_and_f32_holds_it(folder: Path) -> None:
    weights = TinyLlama().weights()
    weights["lm_head.weight"][3, 5] = 3.4028235e38
    write_safetensors(
        folder / "model.safetensors", {name: ("F32", values) for name, values in weights.items()}
    )
    refused(folder, WrongChoice, "lm_head.weight", "too large for BF16", "Convert to F32")
    assert convert(folder, "F32").exists()


# What goes wrong on the way


@pytest.fixture
def out(folder: Path) -> Path:
    return folder.parent / "out"


def test_cancel_on_the_way_leaves_nothing(folder: Path, out: Path) -> None:
    def cancel_half_way(progress: Progress) -> None:
        if progress.done > progress.total / 2:
            job.cancel.cancel()

    job = control(cancel_half_way)
    with pytest.raises(Cancelled):
        convert_checkpoint(folder, out / "made.gguf", job)
    assert list(out.iterdir()) == []


def test_cancel_on_the_way_keeps_the_earlier_file_of_that_name(folder: Path, out: Path) -> None:
    out.mkdir()
    (out / "made.gguf").write_bytes(b"an earlier one")
    job = control()
    job.cancel.cancel()
    with pytest.raises(Cancelled):
        convert_checkpoint(folder, out / "made.gguf", job)
    assert [file.read_bytes() for file in out.iterdir()] == [b"an earlier one"]


def test_shard_that_is_cut_on_the_way_is_told_and_leaves_nothing(folder: Path, out: Path) -> None:
    path = folder / "model.safetensors"

    def cut(progress: Progress) -> None:
        os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(DamagedCheckpoint, match=r"model\.safetensors is damaged: it became shorter"):
        convert_checkpoint(folder, out / "made.gguf", control(cut))
    assert list(out.iterdir()) == []


def test_file_that_cannot_fit_is_refused_with_both_numbers(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=0, free=1_000_000)
    )
    refused(folder, DiskFull, "BF16 of this model takes about 2.82 MB", "1.00 MB free")


def test_disk_that_fills_on_the_way_leaves_nothing_half_written(folder: Path, small_disk: Path) -> None:
    filler = small_disk / "another program's file"

    def fill(progress: Progress) -> None:
        try:
            with filler.open("ab", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        except OSError:
            return

    with pytest.raises(DiskFull, match=r"ran full while writing .*made\.gguf") as caught:
        convert_checkpoint(folder, small_disk / "made.gguf", control(fill))
    assert caught.value.hint
    assert list(small_disk.iterdir()) == [filler]


def test_disk_that_fails_on_the_way_leaves_nothing(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, file: object, size: int) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(gguf.GGUFWriter, "write_padding", fail)
    refused(folder, NotAllowed, "made.gguf")


def test_output_folder_that_is_a_file_is_refused(folder: Path, out: Path) -> None:
    out.write_bytes(b"")
    with pytest.raises(EnvironmentFault, match="out"):
        convert_checkpoint(folder, out / "made.gguf", control())


def test_converter_imports_numpy_and_gguf_only_when_it_converts() -> None:
    code = "import sys; import app.cli, app.convert; assert not {'numpy', 'gguf', 'yaml'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
