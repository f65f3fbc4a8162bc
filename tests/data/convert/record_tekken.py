"""Records what llama.cpp's converter and mistral-common make of a small tekken.json, for `test_tekken`.

    pip install gguf mistral-common
    python -m tests.data.convert.record_tekken

Its pieces are those of the family "nemo" (`record_tokenizers`), and it lists no special tokens, as Mistral NeMo's
does not.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.data.convert.record_tokenizers import TEXTS, digested
from tests.data.convert.tokenizer_families import TEKKEN

HERE = Path(__file__).parent
SPECIALS = 24
"""Four more than have names."""


def main() -> None:
    from gguf.vocab import MistralVocab

    document = tekken()
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "tekken.json").write_text(json.dumps(document))
        vocabulary = MistralVocab(Path(scratch))
    texts, _, types = zip(*vocabulary.all_tokens(), strict=True)
    found = {
        "tekken": document,
        "tokens": digested([text.decode() for text in texts]),
        "types": digested([int(kind) for kind in types]),
        "merges": digested(vocabulary.extract_vocab_merges_from_model()),
        "special_ids": {kind: getattr(vocabulary, f"{kind}_id") for kind in ("bos", "eos", "unk", "pad")},
        "texts": {text: vocabulary.tokenizer.encode(text, bos=True, eos=False) for text in TEXTS},
    }
    (HERE / "tekken" / "small.json").write_text(
        json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    )


def tekken() -> dict[str, Any]:
    from gguf.vocab import bytes_to_unicode

    bytes_of = {letter: byte for byte, letter in bytes_to_unicode().items()}
    nemo = json.loads((HERE / "tokenizers" / "nemo.json").read_text())["tokenizer"]["model"]["vocab"]
    pieces = [bytes([byte]) for byte in range(256)]
    pieces += [bytes(bytes_of[letter] for letter in text) for text in nemo if len(text) > 1]
    return {
        "config": {
            "pattern": TEKKEN,
            "num_vocab_tokens": len(pieces),
            # Some are left out, as with the real ones.
            "default_vocab_size": SPECIALS + len(pieces) - 8,
            "default_num_special_tokens": SPECIALS,
            "version": "v3",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
            for rank, piece in enumerate(pieces)
        ],
    }


if __name__ == "__main__":
    main()
