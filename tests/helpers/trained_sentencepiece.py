"""Real SentencePiece models, trained in a moment by the sentencepiece package."""

from __future__ import annotations

import io
from typing import Any


def train_sentencepiece(**options: Any) -> bytes:
    """A BPE model of some 400 pieces: bytes, digits apart, and control tokens for a conversation.

    `options` are those of sentencepiece's trainer. Where the package is missing, a test that needs
    it has to be skipped before.
    """
    import sentencepiece

    model = io.BytesIO()
    settings: dict[str, Any] = {
        "vocab_size": 400,
        "hard_vocab_limit": False,
        "model_type": "bpe",
        "control_symbols": ["<|user|>", "<|assistant|>", "<|end|>"],
        "split_digits": True,
        "byte_fallback": True,
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "normalization_rule_name": "identity",
        "minloglevel": 2,
        "num_threads": 1,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_sentences()), model_writer=model, **settings | options
    )
    return model.getvalue()


def _sentences() -> list[str]:
    lines = []
    for number in range(120):
        lines.append(f"The cat sat on the mat and looked at {number} stars.")
        lines.append(f"Why is the sky blue? Because air scatters blue light more than red: {number * 7} %.")
    return lines
