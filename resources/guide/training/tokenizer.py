"""A SentencePiece tokenizer of the guide's own (Kudo and Richardson 2018), byte-pair merges.

Digits are single tokens, so that a sum is read digit by digit; what was never seen is spelled in
bytes. No space is put before a text and none is removed: llama.cpp then needs no exceptions.
"""

from __future__ import annotations

import random
from pathlib import Path

import sentencepiece

from resources.guide.arithmetic import sum_exercise, word_problem
from resources.guide.dialogue import BEGIN, END, marker
from resources.guide.topics import Refusals, Topic, all_held_back
from resources.guide.training.wording import reworded

VOCABULARY = 2048


def train_tokenizer(topics: list[Topic], refusals: Refusals, target: Path, seed: int) -> None:
    """Writes the tokenizer, a SentencePiece model of 2,048 pieces, to `target`."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_sentences(topics, refusals, random.Random(seed))),
        model_prefix=str(target.with_suffix("")),
        model_type="bpe",
        vocab_size=VOCABULARY,
        character_coverage=1.0,
        split_digits=True,
        byte_fallback=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        unk_id=0,
        unk_piece="<unk>",
        bos_id=1,
        bos_piece=BEGIN,
        eos_id=2,
        eos_piece=END,
        pad_id=-1,
        control_symbols=[marker("system"), marker("user"), marker("assistant")],
        max_sentence_length=10_000,
        num_threads=1,  # several threads may count in another order
        minloglevel=2,
    )
    target.with_suffix(".vocab").unlink()


def _sentences(topics: list[Topic], refusals: Refusals, rng: random.Random) -> list[str]:
    """Trained text only: topics twice as people type them, answers as often as they are said."""
    sentences = []
    held_back = all_held_back(topics, refusals)
    for topic in topics:
        sentences += [topic.answer] * 4
        for phrasing in topic.split.trained:
            sentences += [phrasing, reworded(phrasing, rng, held_back)]
    sentences += [reworded(question, rng, held_back) for question in refusals.split.trained]
    sentences += list(refusals.answers) * 20
    for _ in range(500):
        for exercise in (sum_exercise(rng, part="trained"), word_problem(rng, part="trained")):
            sentences += [exercise.question, exercise.answer]
    return sentences
