"""Converted checkpoints in llama.cpp: they load, tokenize and compute as the checkpoint says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import psutil
import pytest

from app.convert import convert_checkpoint, make_from_checkpoint
from app.convert.made import making_of
from app.core.errors import Cancelled, WrongChoice
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from app.runtime import LoadedModel, LoadSettings
from app.storage import data_folder
from tests.helpers import numpy_llama, reference
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.command_line import nibble, start_nibble
from tests.helpers.library import scan_folders
from tests.helpers.tiny_checkpoint import TinyLlama, write_json, write_tiny_checkpoint
from tests.helpers.tiny_gguf import tiny_vocabulary
from tests.helpers.trained_sentencepiece import train_sentencepiece

CONVERTER = os.environ.get("NIBBLE_REFERENCE_CONVERTER", "")
PYTHON = os.environ.get("NIBBLE_REFERENCE_PYTHON", "")


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def convert(folder: Path, file_type: str = "BF16") -> Path:
    return convert_checkpoint(folder, folder.parent / f"{folder.name}-{file_type}.gguf", control(), file_type)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "Tiny", TinyLlama(dtype="F32"))


# What is computed


@pytest.mark.parametrize(
    "llama",
    [
        TinyLlama(dtype="F32"),
        TinyLlama(dtype="F32", tied=True, kv_heads=8, rope_theta=500_000.0),
        TinyLlama(dtype="F32", biases=True, heads=6, kv_heads=2, head_length=64),
    ],
    ids=["grouped queries", "tied", "biases and long heads"],
)
def test_logits_are_those_of_an_independent_forward_pass(tmp_path: Path, llama: TinyLlama) -> None:
    path = convert(write_tiny_checkpoint(tmp_path / "Tiny", llama), "F32")
    tokens = [1, *np.random.default_rng(0).integers(5, 400, 60).tolist()]
    expected = numpy_llama.logits(llama, llama.weights(), tokens)
    found = np.array(reference.logits(path, tokens))
    assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


def test_greedy_answer_is_that_of_an_independent_forward_pass(checkpoint: Path) -> None:
    llama = TinyLlama(dtype="F32")
    path = convert(checkpoint, "F32")
    (prompt,) = reference.tokenize(path, reference.chatml(talk("Hello world")))
    tokens = numpy_llama.greedy_tokens(llama, llama.weights(), prompt, 16)
    with LoadedModel.load(path, LoadSettings(context_length=256, threads=1)) as model:
        answer = ask(model, "Hello world", greedy(16))
    assert answer.statistics.tokens == len(tokens)
    assert answer.text == spelled(tokens)


def spelled(tokens: list[int]) -> str:
    words = tiny_vocabulary()
    content = b""
    for token in tokens:
        text = words.tokens[token] if token < len(words) else f"[PAD{token}]"
        if token < len(words) and words.types[token] == gguf.TokenType.BYTE:
            content += bytes([int(text[1:-1], 16)])
        else:
            content += text.replace("▁", " ").encode()
    return content.decode(errors="replace")


# How text becomes tokens

TEXTS = (
    "The cat sat on the mat.",
    " two  spaces, and 1234 digits",
    "umlauts äöü, 漢字 and 🦙\nnew line",
    "",
)


@pytest.mark.parametrize("add_dummy_prefix", [True, False])
def test_text_becomes_the_tokens_sentencepiece_makes_of_it(tmp_path: Path, add_dummy_prefix: bool) -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="no wheel for this computer")
    folder = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(vocabulary=512))
    model = train_sentencepiece(add_dummy_prefix=add_dummy_prefix, user_defined_symbols=["<br>", "the▁cat"])
    (folder / "tokenizer.model").write_bytes(model)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    # llama.cpp puts the prefix after such tokens, too.
    texts = [*TEXTS, *(() if add_dummy_prefix else ("a<br>b", "look, the cat sat"))]
    expected = [(theirs.bos_id(), *theirs.encode(text)) for text in texts]
    assert reference.tokenize(convert(folder), *texts) == expected


def test_control_tokens_in_a_template_are_single_tokens(tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece", reason="no wheel for this computer")
    folder = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(vocabulary=512))
    (folder / "tokenizer.model").write_bytes(train_sentencepiece())
    path = convert(folder)
    names = gguf.GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
    (tokens,) = reference.tokenize(path, "<|user|>cat<|end|>")
    assert [names[token] for token in tokens[:2]] == ["<s>", "<|user|>"]
    assert names[tokens[-1]] == "<|end|>"


# Several files at once


def test_types_are_made_together_and_only_those_asked_for_stay(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = nibble("convert", checkpoint, "--to", "q8_0, BF16, Q4_K_M", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    made = outcome.document["outputs"]
    assert [entry["quantization"] for entry in made] == ["Q8_0", "BF16", "Q4_K_M"]
    assert [Path(entry["path"]).name for entry in made] == [
        "Tiny-Q8_0.gguf",
        "Tiny-BF16.gguf",
        "Tiny-Q4_K_M.gguf",
    ]
    assert {file.name for file in out.iterdir()} == {Path(entry["path"]).name for entry in made}
    for entry in made:
        assert Path(entry["path"]).stat().st_size == entry["file_bytes"]
    answer = nibble("chat", made[2]["path"], "-p", "hello", "--max-tokens", 4, "--json")
    assert answer.document["tokens"] == 4


def test_quantization_alone_is_made_from_the_checkpoints_own_precision(
    checkpoint: Path, tmp_path: Path
) -> None:
    alone, from_f32 = tmp_path / "alone", tmp_path / "from F32"
    (path,) = make_from_checkpoint(checkpoint, ["Q8_0"], alone, control(), threads=1)
    assert list(alone.iterdir()) == [path]
    _, other = make_from_checkpoint(checkpoint, ["F32", "Q8_0"], from_f32, control(), threads=1)
    assert path.read_bytes() == other.read_bytes()


def test_type_that_needs_an_importance_matrix_is_refused_before_anything_is_converted(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongChoice, match="importance matrix"):
        make_from_checkpoint(checkpoint, ["BF16", "IQ1_S"], tmp_path / "out", control())
    assert not (tmp_path / "out").exists()


def test_cancel_while_quantizing_leaves_no_intermediate_file(checkpoint: Path, tmp_path: Path) -> None:
    def cancel(event: object) -> None:
        if isinstance(event, Progress) and event.stage == "Making Q4_K_M":
            token.cancel()

    token = CancelToken()
    with pytest.raises(Cancelled):
        make_from_checkpoint(checkpoint, ["Q4_K_M"], tmp_path / "out", JobControl(token, cancel))
    assert list((tmp_path / "out").iterdir()) == []


def test_nibble_killed_while_quantizing_leaves_nothing_the_library_shows_and_next_time_nothing(
    checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with start_nibble("convert", checkpoint, "--to", "Q4_K_M", "--out", out) as process:
        worker: list[psutil.Process] = []
        while process.poll() is None and not worker:
            worker = psutil.Process(process.pid).children()
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert psutil.wait_procs(worker, timeout=10)[1] == []
    assert list(out.iterdir())  # else the next lines say nothing
    assert scan_folders([out]) == []
    (path,) = make_from_checkpoint(checkpoint, ["Q8_0"], out, control())
    assert list(out.iterdir()) == [path]


ODD = TinyLlama(heads=6, kv_heads=3, head_length=48, feed_forward=328, dtype="F32")
"""Rows of 288 weights, which no block of 256 divides, and of 328, which not even one of 32 does."""
FALLBACKS = {
    "Q4_K_M": ("Q5_0", "F16", "Q4_K"),
    "Q6_K": ("Q8_0", "F16", "Q6_K"),
    "Q2_K": ("Q4_0", "F16", "Q2_K"),
    "Q4_0": ("Q4_0", "F16", "Q4_0"),
}
"""What llama.cpp's llama-quantize gives rows of 288, of 328 and of 256 weights."""


@pytest.mark.parametrize("by_way_of_a_file", [False, True])
def test_rows_that_no_block_divides_fall_back_as_in_llama_quantize(
    tmp_path: Path, by_way_of_a_file: bool
) -> None:
    source = write_tiny_checkpoint(tmp_path / "Odd", ODD)
    types = [*(["F16"] if by_way_of_a_file else []), *FALLBACKS]
    made = make_from_checkpoint(source, types, tmp_path / "out", control())
    for path in made[-len(FALLBACKS) :]:
        found = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}
        rows = tuple(found[f"blk.1.{name}.weight"] for name in ("attn_output", "ffn_down", "ffn_up"))
        assert rows == FALLBACKS[path.stem.removeprefix("Odd-")], path.name


# On the command line


def test_convert_into_the_library_makes_a_model_to_chat_with(checkpoint: Path, home: Path) -> None:
    outcome = nibble("convert", checkpoint, "--to", "BF16")
    assert outcome.code == 0, outcome.err
    assert "Tiny-BF16.gguf" in outcome.out
    assert read_facts(home / "models" / "Tiny-BF16.gguf").quantization == "BF16"
    assert nibble("chat", "Tiny-BF16", "-p", "hello", "--max-tokens", 3, "--json").document["tokens"] == 3


def test_convert_tells_what_each_tensor_lost_and_keeps_it(
    checkpoint: Path, tmp_path: Path, home: Path
) -> None:
    out = tmp_path / "out"
    outcome = nibble("convert", checkpoint, "--to", "F16,Q4_0", "--errors", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    half, quantized = outcome.document["outputs"]
    assert 0 < half["relative_error"] < 2**-11
    assert 0.05 < quantized["relative_error"] < 0.15
    worst = quantized["tensors"][0]
    assert worst["type"] == "Q4_0"
    assert worst["relative_error"] == max(each["relative_error"] for each in quantized["tensors"])
    making = making_of(data_folder().database, Path(quantized["path"]))
    assert making is not None
    assert making.errors is not None
    assert making.errors.relative == quantized["relative_error"]
    told = nibble("convert", checkpoint, "--to", "Q4_0", "--errors", "--out", out).out
    assert f"error of all weights (RMS, relative): {100 * quantized['relative_error']:.3g} %" in told


def test_folder_here_is_taken_for_a_checkpoint_by_its_bare_name(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(checkpoint.parent)
    outcome = nibble("convert", "Tiny", "--to", "F16", "--out", tmp_path, "--json")
    assert outcome.code == 0, outcome.err


def test_bad_checkpoint_is_refused_with_one_sentence_and_a_next_step(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Poet", config={"architectures": ["PoetForCausalLM"]})
    outcome = nibble("convert", folder, "--to", "BF16,Q4_K_M", "--out", tmp_path / "out", "--json")
    outcome.assert_refused("PoetForCausalLM", "LlamaForCausalLM")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    nibble("convert", folder, "--to", "Q4_K_M", "--out", tmp_path / "out").assert_refused("pytorch_model.bin")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_weights_that_are_no_numbers_are_refused_and_allowed_with_their_counts(tmp_path: Path) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny")
    path = checkpoint / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b"\xc0\x7f")  # a NaN at the end of the last tensor
    out = tmp_path / "out"
    for types in ("BF16", "Q8_0"):
        refused = nibble("convert", checkpoint, "--to", types, "--out", out)
        refused.assert_refused("lm_head.weight (1 NaN, 0 infinite)", "--allow-non-finite")
        assert list(out.iterdir()) == []
    outcome = nibble("convert", checkpoint, "--to", "BF16,F16", "--out", out, "--allow-non-finite", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["non_finite"] == [{"tensor": "lm_head.weight", "nan": 1, "infinite": 0}]
    assert len(list(out.iterdir())) == 2


def test_converter_of_the_persons_own_is_run_for_a_lacking_architecture(
    checkpoint: Path, tmp_path: Path
) -> None:
    ready = convert_checkpoint(checkpoint, tmp_path / "ready.gguf", control(), "BF16")
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(
        f"import shutil, sys\nshutil.copy({str(ready)!r}, sys.argv[sys.argv.index('--outfile') + 1])\n"
    )
    folder = write_tiny_checkpoint(tmp_path / "Poet", config={"architectures": ["PoetForCausalLM"]})
    outcome = nibble(
        *("convert", folder, "--to", "Q8_0", "--out", tmp_path / "out", "--json"),
        *("--converter", script, "--converter-python", sys.executable),
    )
    assert outcome.code == 0, outcome.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Poet-Q8_0.gguf"]


# Against llama.cpp's own converter, which needs PyTorch


@pytest.fixture
def reference_converter() -> list[str]:
    if not (CONVERTER and PYTHON):
        pytest.skip(
            "set NIBBLE_REFERENCE_CONVERTER to llama.cpp's convert_hf_to_gguf.py"
            " and NIBBLE_REFERENCE_PYTHON to a Python with torch, transformers and sentencepiece"
        )
    return [PYTHON, CONVERTER]


CHAT_TOKENS = {
    "added_tokens_decoder": {
        "0": {"content": "<unk>", "special": True},
        "1": {"content": "<s>", "special": True},
        "2": {"content": "</s>", "special": True},
        "4": {"content": "<|assistant|>", "special": True},
        "450": {"content": "<tool▁call>", "special": False},
    },
}
ONLY_OURS = {
    "tokenizer.ggml.unknown_token_id",  # llama.cpp's default is the same
    "tokenizer.ggml.padding_token_id",  # of tokenizer_config.json, which theirs does not look up
    "tokenizer.ggml.add_space_prefix",  # of tokenizer.model's normalizer, which theirs does not read
}


@pytest.mark.parametrize(
    ("llama", "file_type", "shards", "settings", "config"),
    [
        (TinyLlama(dtype="BF16"), "BF16", 1, CHAT_TOKENS, {}),
        (TinyLlama(dtype="F32", biases=True), "BF16", 2, CHAT_TOKENS, {}),
        (
            TinyLlama(dtype="F16", tied=True),
            "F16",
            1,
            {"add_prefix_space": False, "add_bos_token": False},
            {},
        ),
        (
            TinyLlama(dtype="BF16", kv_heads=8),
            "F16",
            3,
            {},
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
        ),
        (TinyLlama(dtype="BF16", head_length=64), "F32", 1, {}, {"pad_token_id": 0, "eos_token_id": 5}),
    ],
    ids=["plain", "biases and shards", "tied", "linear rope", "long heads"],
)
def test_converted_file_is_what_llama_cpps_converter_writes(
    tmp_path: Path,
    reference_converter: list[str],
    llama: TinyLlama,
    file_type: str,
    shards: int,
    settings: dict[str, Any],
    config: dict[str, Any],
) -> None:
    # Where theirs only looks at config.json, both are told the same.
    settings = {"eos_token": None, **settings}
    folder = write_tiny_checkpoint(
        tmp_path / "Bard-1.5B-chat",
        replace(llama, vocabulary=512),
        shards=shards,
        tokenizer_config=settings,
        config=config,
    )
    (folder / "tokenizer.model").write_bytes(train_sentencepiece())
    (folder / "README.md").write_text(
        "---\nlicense: mit\nlanguage: [en]\nbase_model: somebody/Bard-7B\n---\n"
    )
    write_json(folder / "generation_config.json", {"temperature": 0.6, "top_p": 0.9, "eos_token_id": [2, 5]})
    theirs = tmp_path / "theirs.gguf"
    command = [*reference_converter, folder, "--outtype", file_type.lower(), "--outfile", theirs]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    expected, found = gguf.GGUFReader(theirs), gguf.GGUFReader(convert(folder, file_type))
    expected_tensors = {tensor.name: tensor for tensor in expected.tensors}
    assert {tensor.name for tensor in found.tensors} == set(expected_tensors)
    for tensor in found.tensors:
        other = expected_tensors[tensor.name]
        assert (tensor.tensor_type, tensor.shape.tolist()) == (other.tensor_type, other.shape.tolist())
        assert tensor.data.tobytes() == other.data.tobytes(), tensor.name
    assert {key: value for key, value in contents(found).items() if key not in ONLY_OURS} == {
        key: value for key, value in contents(expected).items() if key not in ONLY_OURS
    }
    both = ONLY_OURS & set(found.fields) & set(expected.fields)
    assert {key: found.fields[key].contents() for key in both} == {
        key: expected.fields[key].contents() for key in both
    }


def contents(reader: gguf.GGUFReader) -> dict[str, Any]:
    """Values with their types; the file's own fields are about its layout."""
    return {
        key: (field.types, field.contents())
        for key, field in reader.fields.items()
        if not key.startswith("GGUF.")
    }
