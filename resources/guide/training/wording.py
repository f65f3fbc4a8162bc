"""The same question as other people would type it: what makes few phrasings go a long way."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Set

from resources.guide.topics import bare

# Each line is one meaning; a wording is replaced by another of its line.
SAME = (
    ("what is", "what's", "whats", "what does it mean:", "explain", "tell me what is", "define"),
    ("what are", "explain", "tell me about", "describe"),
    ("how do i", "how can i", "how to", "how would i", "how does one", "i want to", "what is the way to"),
    ("can i", "is it possible to", "am i able to", "could i", "may i"),
    ("why is", "how come", "for what reason is", "what is the reason that"),
    ("why does", "what makes", "how come"),
    ("which", "what"),
    ("where is", "where do i find", "where can i find", "where's"),
    ("where are", "where do i find", "where can i find"),
    ("tell me about", "explain", "describe", "what about"),
    ("difference between", "differences between", "how differ"),
    ("should i", "do i want to", "ought i to"),
    ("does nibble", "does this app", "does the app", "can nibble"),
    ("nibble", "this app", "the app", "the program", "this program"),
    ("my computer", "my pc", "my machine", "this computer"),
    ("graphics card", "gpu", "video card"),
    ("memory", "ram"),
    ("best", "right"),
    ("better than", "superior to"),
    ("file", "gguf file"),
    ("model", "language model", "llm"),
    ("mean", "stand for"),
    ("use", "take", "choose"),
    ("delete", "remove"),
    ("stored", "saved", "kept"),
    ("slow", "so slow", "slower than expected"),
    ("happens", "will happen", "occurs"),
    ("need", "require"),
    ("make", "create"),
    ("big", "large"),
    ("much", "a lot of"),
    ("good", "useful"),
    ("work", "function"),
)
OPENINGS = (
    "please ", "hey, ", "hi, ", "hello, ", "so ", "ok, ", "well, ", "quick question: ", "can you tell me: ",
    "i wonder, ", "please explain: ", "sorry, ", "question: ", "hi nibble, ", "nibble, ", "i want to know: ",
    "could you tell me, ", "a friend asked me: ", "and ", "in short, ",
)  # fmt: skip
CLOSINGS = (
    " please",
    " thanks",
    " in short",
    " in simple words",
    " exactly",
    " for a beginner",
    " here",
    " then",
)

SMALL_WORDS = {"a", "an", "the", "do", "does", "is", "of", "to", "i", "my"}


_SAME = tuple(
    tuple(
        (wording, re.compile(rf"(?<![\w]){re.escape(wording)}(?![\w])", re.IGNORECASE))
        for wording in wordings
    )
    for wordings in SAME
)

_OPENED = re.compile("(?:" + "|".join(re.escape(words.strip(" ,:")) for words in OPENINGS) + r")\b\W*")
_CLOSED = re.compile(r"\W*\b(?:" + "|".join(re.escape(words.strip()) for words in CLOSINGS) + r")\W*$")


def is_held_back(question: str, held_back: Set[str]) -> bool:
    """Whether it is one of `held_back` (as `bare` has them), also with an opening before or a closing after it."""
    text = question.lower()
    opened = _OPENED.match(text)
    starts = [0, opened.end()] if opened else [0]
    closed = _CLOSED.search(text)
    ends = [len(text), closed.start()] if closed else [len(text)]
    return any(bare(text[start:end]) in held_back for start in starts for end in ends)


def reworded(question: str, rng: random.Random, held_back: Set[str]) -> str:
    """`question` in another wording, case, punctuation or with slips of the finger; one in four as it is.

    Never one that `is_held_back`, if `question` is none.
    """
    if rng.random() < 0.25:
        return question
    text = _same_meaning(question, rng) if rng.random() < 0.5 else question
    if rng.random() < 0.12:
        text = _fewer_words(text, rng)
    if is_held_back(text, held_back):
        text = question
    if rng.random() < 0.12:
        text = rng.choice(OPENINGS) + text[:1].lower() + text[1:]
    if rng.random() < 0.08:
        words = text.rstrip("?.! ")
        text = words + rng.choice(CLOSINGS) + text[len(words) :]
    if rng.random() < 0.2:
        text = _slip(text, rng)
    text = _case_and_end(text, rng)
    return question if is_held_back(text, held_back) else text


def retyped(question: str, rng: random.Random) -> str:
    """`question` with other case and punctuation only: for questions whose numbers must stay."""
    return question if rng.random() < 0.4 else _case_and_end(question, rng)


def _same_meaning(text: str, rng: random.Random) -> str:
    for wordings in rng.sample(_SAME, len(_SAME)):
        for wording, pattern in wordings:
            found = pattern.search(text)
            if found:
                other = rng.choice([w for w, _ in wordings if w != wording])
                text = text[: found.start()] + other + text[found.end() :]
                if rng.random() < 0.5:
                    return text
                break
    return text


def _fewer_words(text: str, rng: random.Random) -> str:
    words = text.split()
    if len(words) < 5:
        return text
    small = [i for i, word in enumerate(words) if word.lower() in SMALL_WORDS]
    if not small:
        return text
    del words[rng.choice(small)]
    return " ".join(words)


def _slip(text: str, rng: random.Random) -> str:
    """One letter inside a word of four or more doubled, dropped, swapped or replaced."""
    places = [m.start() for m in re.finditer(r"(?<=[a-z])[a-z](?=[a-z]{2})", text)]
    if not places:
        return text
    i = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:i] + text[i] + text[i:]
    if kind == 1:
        return text[:i] + text[i + 1 :]
    if kind == 2:
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return text[:i] + rng.choice(string.ascii_lowercase) + text[i + 1 :]


def _case_and_end(text: str, rng: random.Random) -> str:
    drawn = rng.random()
    if drawn < 0.35:
        text = text.lower()
    elif drawn < 0.38:
        text = text.upper()
    elif drawn < 0.6:
        text = text[:1].upper() + text[1:]
    drawn = rng.random()
    if drawn < 0.3:
        return text.rstrip("?.! ")
    if drawn < 0.5:
        return text.rstrip("?.! ") + "?"
    return text
