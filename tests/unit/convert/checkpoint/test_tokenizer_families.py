"""Tokenizers of well-known models against llama.cpp's own converter and the tokenizers library.

Recorded by `tests/data/convert/record_tokenizers.py`: the converter's keys, and the tokens of texts by the tokenizers
library, which llama.cpp has to find with the GGUF made here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gguf
import pytest

from app.convert import convert_checkpoint
from app.core.jobs import CancelToken, JobControl
from tests.helpers import reference
from tests.helpers.tiny_checkpoint import TinyLlama, write_json, write_tiny_checkpoint

DATA = Path(__file__).parents[3] / "data" / "convert" / "tokenizers"
KINDS = ("bos", "eos", "eot", "unknown", "padding", "seperator", "cls", "mask")


@pytest.fixture(scope="module", params=sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text())
    return found


@pytest.fixture(scope="module")
def made(recorded: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with that tokenizer."""
    size = recorded["config"]["vocab_size"]
    folder = tmp_path_factory.mktemp("family") / "Tiny"
    tiny = TinyLlama(hidden=32, layers=1, heads=1, kv_heads=1, feed_forward=32, vocabulary=size, tied=True)
    specials = {key: value for key, value in recorded["config"].items() if key.endswith("_token_id")}
    write_tiny_checkpoint(folder, tiny, config=specials)
    (folder / "tokenizer.model").unlink()
    write_json(folder / "tokenizer_config.json", recorded["tokenizer_config"])
    write_json(folder / "tokenizer.json", recorded["tokenizer"])
    return convert_checkpoint(folder, folder / "made.gguf", JobControl(CancelToken(), lambda event: None))


def test_keys_are_those_of_llama_cpps_converter(recorded: dict[str, Any], made: Path) -> None:
    found = keys_of(made)
    theirs = dict(recorded["gguf"])
    if theirs["tokenizer.ggml.model"] == "llama":
        # It gives all tokens the same score, and does not fill up to the model's size.
        for key in ("scores", "tokens", "token_type"):
            del theirs[f"tokenizer.ggml.{key}"]
    theirs.pop("tokenizer.ggml.add_sep_token", None)  # between two texts, which language models do not read
    for key, value in theirs.items():
        assert found.get(key) == value, key
    more = set(found) - set(theirs)
    assert not any(key.removesuffix("_token_id").rpartition(".")[2] in KINDS for key in more)
    # What it leaves out, because its files do not say it, is not done.
    for kind in ("bos", "eos"):
        key = f"tokenizer.ggml.add_{kind}_token"
        assert key not in more or found[key] is False


def test_llama_cpp_reads_the_tokens_that_the_tokenizers_library_does(
    recorded: dict[str, Any], made: Path
) -> None:
    texts = [text for text in recorded["tokens"] if not is_read_otherwise(recorded, text)]
    found = reference.tokenize(made, *texts)
    for text, tokens in zip(texts, found, strict=True):
        assert list(tokens) == recorded["tokens"][text], text


def is_read_otherwise(recorded: dict[str, Any], text: str) -> bool:
    """Where llama.cpp itself differs, whoever made the GGUF."""
    if recorded["tokenizer"]["normalizer"] == {"type": "NFC"}:
        return "e\u0301" in text  # it composes no accents
    if recorded["pre"] in ("gpt-4o", "tekken"):
        return "नमस्ते" in text  # its expressions part marks from their letters
    metaspace = recorded["tokenizer"]["pre_tokenizer"]
    if metaspace and metaspace.get("prepend_scheme") == "first":
        # It puts a space before every text, also before one that begins with a space or comes after a special token.
        return text.startswith((" ", "<unk>"))
    return False


def keys_of(path: Path) -> dict[str, Any]:
    fields = gguf.GGUFReader(path).fields
    values = {key: field.contents() for key, field in fields.items() if key.startswith("tokenizer.")}
    return {key: digested(value) if isinstance(value, list) else value for key, value in values.items()}


def digested(value: list[Any]) -> list[Any]:
    return [len(value), hashlib.sha256(json.dumps(value).encode()).hexdigest()]
