"""Mistral's tekken.json against llama.cpp's converter and mistral-common (`tests/data/convert/record_tekken.py`)."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from app.convert import convert_checkpoint
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.sentencepiece import PieceType
from app.convert.checkpoint.tekken import byte_merges
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.tokenizer_kinds import read_tokenizer
from app.core.errors import Cancelled, DamagedCheckpoint, UnsupportedCheckpoint
from app.core.jobs import CancelToken, JobControl
from tests.helpers import reference
from tests.helpers.shared_data import SHARED_DATA
from tests.helpers.tiny_checkpoint import TinyLlama, write_json, write_tiny_checkpoint

LLAMA_3 = SHARED_DATA / "llama_tokenizers" / "models" / "llama3" / "tokenizer.model"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    path = Path(__file__).parents[3] / "data" / "convert" / "tekken" / "small.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
def document(recorded: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(recorded["tekken"]))
    return copied


def read(folder: Path, document: object, size: int = 500) -> Tokenizer:
    write_json(folder / "tekken.json", document)
    return read_tokenizer(CheckpointFolder(folder), {}, size)


def digested(value: list[Any]) -> list[Any]:
    return [len(value), hashlib.sha256(json.dumps(value).encode()).hexdigest()]


def test_tokens_and_merges_are_those_of_llama_cpps_converter(
    tmp_path: Path, recorded: dict[str, Any]
) -> None:
    made = read(tmp_path, recorded["tekken"], recorded["tokens"][0])
    assert digested([piece.text for piece in made.pieces]) == recorded["tokens"]
    assert digested([int(piece.type) for piece in made.pieces]) == recorded["types"]
    assert digested(list(made.merges)) == recorded["merges"]
    assert made.special_ids == recorded["special_ids"]
    assert (made.model, made.pre, made.add_bos, made.add_eos) == ("gpt2", "tekken", True, False)


def test_llama_cpp_reads_the_tokens_that_mistral_common_does(
    tmp_path: Path, recorded: dict[str, Any]
) -> None:
    tiny = TinyLlama(hidden=32, layers=1, heads=1, kv_heads=1, feed_forward=32, vocabulary=440, tied=True)
    folder = write_tiny_checkpoint(tmp_path / "Tiny", tiny)
    (folder / "tokenizer.model").unlink()
    write_json(folder / "tekken.json", recorded["tekken"])
    made = convert_checkpoint(folder, tmp_path / "made.gguf", JobControl(CancelToken(), lambda event: None))
    # llama.cpp's expression parts marks from their letters.
    texts = [text for text in recorded["texts"] if "नमस्ते" not in text]
    found = reference.tokenize(made, *texts)
    assert dict(zip(texts, map(list, found), strict=True)) == {
        text: recorded["texts"][text] for text in texts
    }


def test_listed_special_tokens_and_rows_without_a_token(tmp_path: Path, document: dict[str, Any]) -> None:
    document["special_tokens"] = [
        {"rank": 1, "token_str": "<s>", "is_control": True},
        {"rank": 3, "token_str": "</s>", "is_control": True},
    ]
    made = read(tmp_path, document)
    assert [piece.text for piece in made.pieces[:4]] == ["<SPECIAL_0>", "<s>", "<SPECIAL_2>", "</s>"]
    assert made.special_ids == {"bos": 1, "eos": 3, "pad": 3}
    assert made.pieces[-1].text == "[PAD499]"
    assert made.pieces[-1].type == PieceType.UNUSED


def test_real_ranks_give_the_merges_that_were_published() -> None:
    """Llama 3's, whose Hugging Face checkpoints and llama.cpp's `ggml-vocab-llama-bpe.gguf` have 280,147."""
    if not LLAMA_3.exists():
        pytest.skip("no tokenizer of Llama 3 here")
    lines = (line.split() for line in LLAMA_3.read_bytes().splitlines())
    ranks = {base64.b64decode(piece): int(rank) for piece, rank in lines}
    assert sum(1 for _ in byte_merges(ranks, CancelToken())) == 280_147


def _piece(rank: object, piece: object) -> dict[str, object]:
    return {"rank": rank, "token_bytes": piece}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("config", None),
        ("config.default_vocab_size", "x"),
        ("config.default_vocab_size", -1),
        ("config.default_vocab_size", 10),
        ("config.default_vocab_size", 499),
        ("config.default_num_special_tokens", True),
        ("config.default_num_special_tokens", 3),
        ("vocab", None),
        ("vocab", []),
        ("vocab.5", "x"),
        ("vocab.5", _piece(5, "!")),
        ("vocab.5", _piece(5, "é")),
        ("vocab.5", _piece(5, "")),
        ("vocab.5", _piece(5, 5)),
        ("vocab.5", _piece(6, "BQ==")),
        ("vocab.5", _piece(5, "Bg==")),
        ("vocab.5", _piece(5, "QUFB")),
        ("vocab.5", _piece(5, "QUFB" * 1000)),
        ("vocab.300", _piece(300, "AAEC")),
        ("special_tokens", "x"),
        ("special_tokens", ["x"]),
        ("special_tokens", [{"rank": 24, "token_str": "<s>"}]),
        ("special_tokens", [{"rank": 0, "token_str": ""}]),
        ("special_tokens", [{"rank": 0, "token_str": "a"}, {"rank": 0, "token_str": "b"}]),
        ("special_tokens", [{"rank": 0, "token_str": "a"}, {"rank": 1, "token_str": "a"}]),
    ],
)
def test_damaged_file_is_refused_with_a_sentence(
    tmp_path: Path, document: dict[str, Any], key: str, value: object
) -> None:
    inside: Any = document
    *path, last = key.split(".")
    for name in path:
        inside = inside[int(name) if isinstance(inside, list) else name]
    inside[int(last) if isinstance(inside, list) else last] = value
    with pytest.raises(DamagedCheckpoint, match=r"tekken\.json is damaged: .*\.$") as caught:
        read(tmp_path, document)
    assert len(str(caught.value)) < 300


def test_other_expression_is_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    document["config"]["pattern"] = r"\S+"
    with pytest.raises(UnsupportedCheckpoint, match="expression"):
        read(tmp_path, document)


def test_more_tokens_than_embeddings_are_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedCheckpoint, match="more tokens than the 400"):
        read(tmp_path, document, 400)


def test_cancelling_ends_it(tmp_path: Path, document: dict[str, Any]) -> None:
    write_json(tmp_path / "tekken.json", document)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_tokenizer(CheckpointFolder(tmp_path), {}, 500, cancel)
