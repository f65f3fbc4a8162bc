"""What llama.cpp's converter and the tokenizers library make of small tokenizers, for `test_tokenizer_families`.

    pip install torch transformers sentencepiece gguf numpy
    python -m tests.data.convert.record_tokenizers LLAMA_CPP [NAME …]

LLAMA_CPP: as in `record.py`. For each of `tokenizer_families` a file tokenizers/NAME.json: tokenizer.json with a
vocabulary trained on a little text; the other files; the keys of the converter's GGUF under `tokenizer.`; texts, and
their tokens by the tokenizers library. The converter knows pre-tokenizers by a digest of a published tokenizer's
tokens, so it is told which one it is.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.data.convert.configurations import CONFIGURATIONS
from tests.data.convert.record import plain
from tests.data.convert.tokenizer_families import FAMILIES, Family
from tests.helpers.tiny_checkpoint import write_json, write_safetensors

HERE = Path(__file__).parent / "tokenizers"
PADDED = 6
"""Rows of the embedding without a token."""
TOLD_PRE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
pre = sys.argv.pop(1)
import convert_hf_to_gguf as converter
from conversion import base
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
converter.main()
"""
CORPUS = (
    "The cat sat on the mat. The other cat wasn't there; it'll come later, they've said. WE'RE HERE, I'M THERE.\n"
    "In 2024 there were 12345 cats and 1000000 mice.\n\n  Two spaces,    four spaces.\n\tTabs\t\there.\r\n"
    "def function(first, second):\n    return first + second\n\n        # eight\n"
    "Größe und Straße, naïve café. Привет, мир! Это кошка. 漢字とかな。 مرحبا بالعالم. नमस्ते दुनिया।\n"
    "HelloWorld camelCase snake_case https://example.org/path/to?query=1 ... !!! ??? --- === ***\n"
) * 8
TEXTS = (
    "The cat sat on the mat.",
    " leading and trailing ",
    "  two  and   three    four",
    "I'll say they've been; WE'RE here, it'S 'told 'RE 'M",
    "1 12 123 1234 12345 1234567890 3.14 1,000",
    "line\nbreak\n\n\ntwo\r\n\r\n  indented\n\n    four\n",
    "\t tabs \t\t and\t",
    "def f(x):\n    return x ** 2 / y\n",
    "HelloWorld camelCase XMLHttpRequest ALLCAPS aB",
    "Größe naïve café Привет ΩΜΈΓΑ",
    "漢字とかな。 한국어 مرحبا नमस्ते",
    "🦙 👩‍👩‍👧 ✅ ½ ² ٣ Ⅷ",
    "a/b//c\n/d ...!!! ?/\n",
    "\u00a0non\u2003breaking\u200b",
    "Ünïcödé e\u0301",
)


def main() -> None:
    sources, *names = sys.argv[1:]
    HERE.mkdir(exist_ok=True)
    for name in names or FAMILIES:
        record(name, FAMILIES[name], Path(sources))
        print(name)


def record(name: str, family: Family, sources: Path) -> None:
    tokenizer = sentencepiece_like(family) if family.byte_fallback else byte_level(family)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Tiny"
        folder.mkdir()
        write_json(folder / "tokenizer.json", tokenizer)
        count = (
            max([*tokenizer["model"]["vocab"].values(), *(each["id"] for each in tokenizer["added_tokens"])])
            + 1
        )
        config = CONFIGURATIONS[family.configuration] | {"vocab_size": count + PADDED}
        # What Transformers' own classes make of tokenizer.json is not in the file.
        settings = {"tokenizer_class": "PreTrainedTokenizerFast"} | family.settings
        write_json(folder / "config.json", config)
        write_json(folder / "tokenizer_config.json", settings)
        write_safetensors(
            folder / "model.safetensors", {"model.norm.weight": ("F32", np.ones(4, np.float32))}
        )
        texts = [*TEXTS, "".join(f"{text}x y" for text in (*family.specials, *family.plain))]
        found = {
            "config": config,
            "tokenizer": tokenizer,
            "tokenizer_config": settings,
            "pre": family.pre,
            "gguf": converted(folder, family.pre, sources),
            "tokens": {text: encoded(folder, text) for text in texts},
        }
    (HERE / f"{name}.json").write_text(
        json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=False) + "\n"
    )


def byte_level(family: Family) -> dict[str, Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer.from_str(json.dumps(document(family, {"vocab": {}, "merges": []})))
    trained.post_processor = None
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    assert isinstance(trained.model, models.BPE)
    trained.train_from_iterator([CORPUS], trainer)
    model = json.loads(trained.to_str())["model"]
    return document(family, {"vocab": model["vocab"], "merges": model["merges"]})


def sentencepiece_like(family: Family) -> dict[str, Any]:
    """As Transformers converts tokenizer.model: pieces by score, merged in all ways there are."""
    import sentencepiece

    model = Path(tempfile.mkdtemp()) / "model"
    corpus = model.with_suffix(".txt")
    corpus.write_text(CORPUS)
    sentencepiece.SentencePieceTrainer.Train(
        input=str(corpus),
        model_prefix=str(model),
        model_type="bpe",
        vocab_size=560,
        byte_fallback=True,
        character_coverage=1.0,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
    scores = {
        pieces.id_to_piece(number): pieces.get_score(number)
        for number in range(pieces.get_piece_size())
        if not pieces.is_control(number) and not pieces.is_unknown(number)
    }
    vocabulary = {text: number for number, text in enumerate([*family.specials, *scores])}
    merges = [
        (text[:at], text[at:], score)
        for text, score in scores.items()
        if not pieces.is_byte(pieces.piece_to_id(text))
        for at in range(1, len(text))
        if text[:at] in scores and text[at:] in scores
    ]
    merges.sort(key=lambda merge: (-merge[2], vocabulary[merge[0]], vocabulary[merge[1]]))
    made = document(family, {"vocab": vocabulary, "merges": [[left, right] for left, right, _ in merges]})
    made["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    made["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
    return made


def document(family: Family, model: dict[str, Any]) -> dict[str, Any]:
    vocabulary = model["vocab"]
    added, number = [], len(vocabulary)
    for text in (*family.specials, *family.plain):
        if text not in vocabulary:
            number += 1
        added.append(
            {
                "id": vocabulary.get(text, number - 1),
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": text in family.specials,
            }
        )
    post = json.loads(json.dumps(family.post_processor))
    for step in post.get("processors", [post]) if post else []:
        if step["type"] == "TemplateProcessing":
            named = [part["SpecialToken"]["id"] for part in step["single"] if "SpecialToken" in part]
            step["special_tokens"] = {
                text: {
                    "id": text,
                    "ids": [each["id"] for each in added if each["content"] == text],
                    "tokens": [text],
                }
                for text in named
            }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": family.normalizer,
        "pre_tokenizer": family.pre_tokenizer,
        "post_processor": post,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": family.ignore_merges,
            **model,
        },
    }


def converted(folder: Path, pre: str, sources: Path) -> dict[str, Any]:
    made = folder / "made.gguf"
    command = [
        sys.executable,
        "-c",
        TOLD_PRE,
        str(sources),
        pre,
        str(folder),
        "--outfile",
        str(made),
        "--vocab-only",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not made.exists():
        raise SystemExit(f"{folder}: {done.stderr[-3000:]}")
    fields = gguf.GGUFReader(made).fields
    return {
        key: digested(plain(field.contents()))
        for key, field in fields.items()
        if key.startswith("tokenizer.")
    }


def digested(value: Any) -> Any:
    """A long list as its length and digest."""
    if not isinstance(value, list):
        return value
    return [len(value), hashlib.sha256(json.dumps(value).encode()).hexdigest()]


def encoded(folder: Path, text: str) -> list[int]:
    from tokenizers import Tokenizer

    found: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    return found


if __name__ == "__main__":
    main()
