"""LoRA adapters: as llama.cpp's own converter writes them, merged as the arithmetic says, and what is refused."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from app.convert import convert_adapter, convert_checkpoint, make_from_checkpoint
from app.convert.checkpoint import transfer
from app.core.errors import (
    Cancelled,
    DamagedCheckpoint,
    EnvironmentFault,
    FileGone,
    NonFiniteWeights,
    UnknownArchitecture,
    UnsupportedCheckpoint,
    WrongChoice,
)
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from tests.helpers.peft_adapter import EMBEDDING, change_of, numbers, write_peft_adapter
from tests.helpers.tiny_checkpoint import TinyLlama, Weights, write_json, write_tiny_checkpoint

DATA = Path(__file__).parents[2] / "data" / "convert"
RECORDED = sorted((DATA / "adapters").glob("*.json"))
LLAMA = TinyLlama(dtype="F32")
QUERY, VALUE, DOWN = (
    f"model.layers.1.{each}" for each in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
)
SHAPES = {QUERY: (256, 256), VALUE: (128, 256), DOWN: (256, 512)}


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def alpha(path: Path) -> float:
    return float(gguf.GGUFReader(path).fields["adapter.lora.alpha"].contents())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("base") / "Tiny", LLAMA)


@pytest.fixture(scope="module")
def plain(base: Path) -> dict[str, Weights]:
    path = convert_checkpoint(base, base.parent / "plain.gguf", control(), "F32")
    return {name: tensor.data.copy() for name, tensor in tensors(path).items()}


# To a GGUF adapter


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_adapter_is_the_one_llama_cpp_makes(tmp_path: Path, path: Path) -> None:
    recorded: dict[str, Any] = json.loads(path.read_text())
    config = json.loads((DATA / path.name).read_text())["config"]
    write_json(tmp_path / "config.json", config)
    folder = write_peft_adapter(tmp_path / "Adapter", recorded["modules"])
    made = convert_adapter(folder, tmp_path / "config.json", tmp_path / "made.gguf", control(), "F16")
    found = {
        name: [
            tensor.tensor_type.name,
            [int(length) for length in reversed(tensor.shape.tolist())],
            hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16],
        ]
        for name, tensor in tensors(made).items()
    }
    assert found == recorded["tensors"]
    fields = gguf.GGUFReader(made).fields
    assert {key: fields[key].contents() for key in recorded["metadata"]} == recorded["metadata"]
    assert read_facts(made).kind == "adapter"


@pytest.mark.parametrize(
    ("config", "scales"),
    [
        ({"lora_alpha": 32}, {QUERY: 8.0, VALUE: 8.0, DOWN: 8.0}),
        ({"use_rslora": True}, dict.fromkeys(SHAPES, 16 / math.sqrt(4))),
        (
            {"alpha_pattern": {"v_proj": 2, r"layers\.1\.mlp.down_proj": 6}},
            {QUERY: 4.0, VALUE: 0.5, DOWN: 1.5},
        ),
        (
            {"alpha_pattern": {"^layers.1.self_attn.v_proj": 2, "proj": 3}},
            {QUERY: 4.0, VALUE: 4.0, DOWN: 4.0},
        ),
    ],
    ids=["alpha", "rank-stabilized", "alphas of their own", "alphas of nobody"],
)
def test_scale_of_each_pair_is_what_peft_makes_of_the_configuration(
    tmp_path: Path, base: Path, plain: dict[str, Weights], config: dict[str, Any], scales: dict[str, float]
) -> None:
    folder = write_peft_adapter(tmp_path / "Adapter", SHAPES, config=config)
    made = convert_adapter(folder, base, tmp_path / "made.gguf", control(), "F32")
    merged = convert_checkpoint(base, tmp_path / "merged.gguf", control(), "F32", lora=folder)
    for module, name in ((VALUE, "blk.1.attn_v.weight"), (DOWN, "blk.1.ffn_down.weight")):
        expected = change_of(module, SHAPES[module], scale=scales[module])
        a, b = (tensors(made)[f"{name}.lora_{half}"].data for half in "ab")
        assert np.allclose(alpha(made) / 4 * (b @ a), expected, atol=1e-6)
        assert np.allclose(tensors(merged)[name].data - plain[name], expected, atol=1e-6)


def test_adapters_numbers_are_kept_in_the_type_asked_for(tmp_path: Path, base: Path) -> None:
    folder = write_peft_adapter(tmp_path / "Adapter", SHAPES, dtype="BF16")
    made = tensors(convert_adapter(folder, base, tmp_path / "made.gguf", control(), "F32"))
    a = numbers(f"base_model.model.{VALUE}.lora_A.weight", (4, 256), "BF16")
    assert made["blk.1.attn_v.weight.lora_a"].data.tobytes() == a.tobytes()
    short = tensors(convert_adapter(folder, base, tmp_path / "short.gguf", control(), "BF16"))
    assert {tensor.tensor_type.name for tensor in short.values()} == {"BF16"}


# Merged


@pytest.mark.parametrize("piece_bytes", [transfer.PIECE_BYTES, 5000])
def test_merged_weights_are_w_plus_scaled_b_a_and_the_rest_is_as_it_was(
    tmp_path: Path, base: Path, plain: dict[str, Weights], monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    monkeypatch.setattr(transfer, "PIECE_BYTES", piece_bytes)
    shapes = {**SHAPES, EMBEDDING: (448, 256), "lm_head": (448, 256)}
    folder = write_peft_adapter(tmp_path / "Adapter", shapes)
    path = convert_checkpoint(base, tmp_path / "merged.gguf", control(), "F32", lora=folder)
    # Queries are turned by RoPE: their rows lie in another order in a GGUF, as those of the whole weight do.
    changed = {
        "blk.1.attn_v.weight": VALUE,
        "blk.1.ffn_down.weight": DOWN,
        "token_embd.weight": EMBEDDING,
        "output.weight": "lm_head",
    }
    for name, tensor in tensors(path).items():
        if name == "blk.1.attn_q.weight":
            rows = change_of(QUERY, (256, 256)).reshape(8, 2, 16, 256).swapaxes(1, 2).reshape(256, 256)
            assert np.allclose(tensor.data - plain[name], rows, atol=1e-6)
        elif name in changed:
            expected = change_of(changed[name], shapes[changed[name]])
            assert np.allclose(tensor.data - plain[name], expected, atol=1e-6), name
        else:
            assert tensor.data.tobytes() == plain[name].tobytes(), name


def test_tensors_trained_whole_are_merged_by_taking_their_place(tmp_path: Path, base: Path) -> None:
    output = numbers("any", (448, 256))
    norm = numbers("other", (256,))
    folder = write_peft_adapter(
        tmp_path / "Adapter",
        SHAPES,
        more={
            "base_model.model.lm_head.weight": output,
            "base_model.model.model.norm.modules_to_save.default.weight": norm,
        },
        config={"modules_to_save": ["lm_head", "norm"]},
    )
    made = tensors(convert_checkpoint(base, tmp_path / "merged.gguf", control(), "F32", lora=folder))
    assert made["output.weight"].data.tobytes() == output.tobytes()
    assert made["output_norm.weight"].data.tobytes() == norm.tobytes()
    with pytest.raises(
        UnsupportedCheckpoint, match=r"lm_head\.weight.* trained as a whole.*nibble convert .* --lora"
    ):
        convert_adapter(folder, base, tmp_path / "out" / "made.gguf", control())
    assert not list((tmp_path / "out").iterdir())


def test_merged_files_are_named_after_both_and_the_adapter_is_in_a_quantization(
    tmp_path: Path, base: Path
) -> None:
    folder = write_peft_adapter(tmp_path / "Style", SHAPES)
    made = make_from_checkpoint(base, ["F32", "Q8_0"], tmp_path, control(), 1, lora=folder)
    assert [path.name for path in made] == ["Tiny-Style-F32.gguf", "Tiny-Style-Q8_0.gguf"]
    full, short = (tensors(path)["blk.1.attn_v.weight"] for path in made)
    restored = gguf.dequantize(short.data, short.tensor_type)
    assert np.abs(restored - full.data).max() < np.abs(full.data).max() / 127


# What is refused


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"fan_in_fan_out": True}, "other way round"),
        ({"lora_bias": True}, "biases"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
        ({"alora_invocation_tokens": [1, 2]}, "aLoRA"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "repeats layers"),
        ({"target_parameters": ["mlp.experts.down_proj"]}, "experts"),
        ({"alpha_pattern": {"(a+)+$": 2}}, r"\(a\+\)\+"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_adapter_that_is_more_than_pairs_is_refused_with_the_reason(
    tmp_path: Path, base: Path, config: dict[str, Any], words: str
) -> None:
    refused(
        tmp_path,
        base,
        write_peft_adapter(tmp_path / "A", SHAPES, config=config),
        UnsupportedCheckpoint,
        words,
    )


def refused(tmp_path: Path, base: Path, folder: Path, kind: type[EnvironmentFault], words: str) -> None:
    """Beside a model and merged; and nothing is left of it."""
    out = tmp_path / "out"
    with pytest.raises(kind, match=words):
        convert_adapter(folder, base, out / "made.gguf", control())
    with pytest.raises(kind, match=words):
        convert_checkpoint(base, out / "merged.gguf", control(), "F32", lora=folder)
    assert not out.exists() or not list(out.iterdir())


def test_pickled_adapter_is_refused_and_never_read(tmp_path: Path, base: Path) -> None:
    folder = write_peft_adapter(tmp_path / "A", SHAPES)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    refused(tmp_path, base, folder, UnsupportedCheckpoint, r"pickled file \(adapter_model.bin\)")


def test_adapter_without_weights_or_configuration_is_refused(tmp_path: Path, base: Path) -> None:
    folder = write_peft_adapter(tmp_path / "A", SHAPES)
    (folder / "adapter_model.safetensors").unlink()
    refused(tmp_path, base, folder, FileGone, "has no adapter_model.safetensors")
    refused(tmp_path, base, tmp_path / "none", FileGone, "none")


def test_magnitudes_of_dora_are_refused_even_where_the_configuration_hides_them(
    tmp_path: Path, base: Path
) -> None:
    name = f"base_model.model.{VALUE}.lora_magnitude_vector"
    folder = write_peft_adapter(tmp_path / "A", SHAPES, more={name: numbers("m", (128,))})
    refused(tmp_path, base, folder, UnsupportedCheckpoint, "v_proj.lora_ma.*no part of B A")


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({VALUE: (64, 256)}, r"64 × 256; this model's is 128 × 256"),
        ({"model.layers.7.self_attn.v_proj": (128, 256)}, r"layers\.7.*does not have"),
        ({"transformer.h.0.attn.c_attn": (128, 256)}, "does not have"),
    ],
    ids=["shape", "layer", "architecture"],
)
def test_adapter_of_another_model_is_refused_by_name(
    tmp_path: Path, base: Path, modules: dict[str, tuple[int, int]], words: str
) -> None:
    refused(
        tmp_path, base, write_peft_adapter(tmp_path / "A", modules), WrongChoice, f"{words}.*someone/Tiny"
    )


def test_output_of_a_model_that_ties_it_cannot_be_changed_alone(tmp_path: Path) -> None:
    base = write_tiny_checkpoint(tmp_path / "Tied", TinyLlama(dtype="F32", tied=True))
    for module in ("lm_head", EMBEDDING):
        folder = write_peft_adapter(tmp_path / module, {module: (448, 256)})
        refused(tmp_path, base, folder, UnsupportedCheckpoint, "only one of embedding and output")


def test_adapter_that_added_tokens_is_refused(tmp_path: Path, base: Path) -> None:
    more = {"base_model.model.lm_head.weight": numbers("any", (450, 256))}
    folder = write_peft_adapter(tmp_path / "A", SHAPES, more=more)
    with pytest.raises(WrongChoice, match="more tokens"):
        convert_checkpoint(base, tmp_path / "merged.gguf", control(), "F32", lora=folder)


@pytest.mark.parametrize("flaw", ["half of a pair", "ranks", "nothing", "cut", "numbers", "scale"], ids=str)
def test_damaged_adapter_is_refused_in_one_sentence(tmp_path: Path, base: Path, flaw: str) -> None:
    name = f"base_model.model.{DOWN}.lora_A.weight"
    folder = write_peft_adapter(
        tmp_path / "A",
        {} if flaw in ("nothing", "half of a pair", "ranks") else SHAPES,
        more={
            "half of a pair": {name: numbers("a", (4, 512))},
            "ranks": {name: numbers("a", (4, 512)), name.replace("_A", "_B"): numbers("b", (256, 5))},
        }.get(flaw),
        config={"lora_alpha": "much"} if flaw == "scale" else None,
    )
    weights = folder / "adapter_model.safetensors"
    if flaw == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    if flaw == "numbers":
        weights.write_bytes(weights.read_bytes().replace(b'"F32"', b'"I32"'))
    kind = UnsupportedCheckpoint if flaw == "numbers" else DamagedCheckpoint
    refused(tmp_path, base, folder, kind, "is damaged|is stored as I32")


def test_adapter_alone_says_which_model_it_wants_named(tmp_path: Path) -> None:
    folder = write_peft_adapter(tmp_path / "Style", SHAPES)
    with pytest.raises(WrongChoice, match=r"Style is an adapter.*someone/Tiny.*--base"):
        convert_adapter(folder, None, tmp_path / "made.gguf", control())


def test_adapter_is_not_quantized_further(tmp_path: Path, base: Path) -> None:
    folder = write_peft_adapter(tmp_path / "Style", SHAPES)
    with pytest.raises(WrongChoice, match="F32, F16, BF16"):
        convert_adapter(folder, base, tmp_path / "made.gguf", control(), "Q8_0")


def test_cancel_leaves_nothing(tmp_path: Path, base: Path) -> None:
    folder = write_peft_adapter(tmp_path / "Style", SHAPES)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        convert_adapter(folder, base, tmp_path / "out" / "made.gguf", JobControl(token, lambda event: None))
    assert not list((tmp_path / "out").iterdir())


def test_adapter_of_a_model_with_pictures_changes_its_text_part(tmp_path: Path) -> None:
    recorded = json.loads((DATA / "gemma3-pictures.json").read_text())
    write_json(tmp_path / "config.json", recorded["config"])
    modules = {"model.language_model.layers.0.mlp.up_proj": (512, 256)}
    folder = write_peft_adapter(tmp_path / "Adapter", modules)
    made = convert_adapter(folder, tmp_path / "config.json", tmp_path / "made.gguf", control())
    assert set(tensors(made)) == {"blk.0.ffn_up.weight.lora_a", "blk.0.ffn_up.weight.lora_b"}


def test_numbers_that_are_none_are_refused_by_name_and_may_be_allowed(tmp_path: Path, base: Path) -> None:
    name = f"base_model.model.{DOWN}.lora_B.weight"
    broken = numbers(name, (256, 4)).copy()
    broken[3, 1] = np.nan
    folder = write_peft_adapter(tmp_path / "A", SHAPES, more={name: broken})
    words = r"no numbers: .*down_proj\.(lora_B\.)?weight"
    refused(tmp_path, base, folder, NonFiniteWeights, words)
    made = convert_adapter(folder, base, tmp_path / "made.gguf", control(), "F32", allow_non_finite=True)
    assert np.isnan(tensors(made)["blk.1.ffn_down.weight.lora_b"].data).sum() == 1


def test_base_that_is_not_there_or_describes_nothing_is_refused(tmp_path: Path) -> None:
    folder = write_peft_adapter(tmp_path / "A", SHAPES)
    with pytest.raises(FileGone, match="gone is not there"):
        convert_adapter(folder, tmp_path / "gone", tmp_path / "made.gguf", control())
    with pytest.raises(FileGone, match=r"has no config\.json"):
        convert_adapter(folder, folder, tmp_path / "made.gguf", control())
    described = tmp_path / "Tiny_config.json"
    write_json(described, LLAMA.config())
    assert convert_adapter(folder, described, tmp_path / "made.gguf", control()).exists()
    write_json(described, {"architectures": ["T5ForConditionalGeneration"]})
    with pytest.raises(UnknownArchitecture, match="T5"):
        convert_adapter(folder, described, tmp_path / "made.gguf", control())
