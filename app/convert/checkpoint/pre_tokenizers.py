"""Which of llama.cpp's pre-tokenizers (`tokenizer.ggml.pre`) cuts text as the steps of a tokenizer.json do.

llama.cpp's converter knows them by a digest of one text's tokens, which knows published tokenizers only; here the
steps themselves are compared. llama.cpp's expressions stand in src/llama-vocab.cpp (`llm_tokenizer_bpe`), where most
have the one of tokenizer.json in a comment. A wrong one answers wrongly, so others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.convert.checkpoint.tokenizer_json import FILE, Step, TokenizerJson
from app.core.errors import UnsupportedCheckpoint
from app.core.jobs import CancelToken
from app.gguf.cursor import shorten

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Meta's Llama 3 (llama-models, models/llama3/tokenizer.py); OpenAI's cl100k_base means the same."""
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
"""Qwen's, which reads numbers digit by digit."""
_LOWER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
_UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = rf"{_LOWER}{_SHORT}|{_UPPER}{_SHORT}|\p{{N}}{{1,3}}{_REST}"
"""OpenAI's o200k_base (tiktoken_ext/openai_public.py)."""
TEKKEN = rf"{_LOWER}|{_UPPER}|\p{{N}}{_REST}"
"""Mistral's (tekken.json, `config.pattern`)."""
GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What the tokenizers library's ByteLevel cuts by where `use_regex` holds."""
DIGITS = r"\p{N}"
"""The tokenizers library's Digits with `individual_digits`."""


@dataclass(frozen=True)
class PreTokenizer:
    """`ignores_merges`: llama.cpp takes a whole word that is a token with this one."""

    name: str
    ignores_merges: bool = False


_KNOWN: Mapping[tuple[str, ...], tuple[PreTokenizer, ...]] = {
    # Llama 3 and SmolLM 3 look whole words up first; OLMo 2, Phi-4 and Granite 4 do not, and DBRX is what
    # llama.cpp calls that.
    (LLAMA_3,): (PreTokenizer("llama-bpe", ignores_merges=True), PreTokenizer("dbrx")),
    # Qwen 2, 2.5 and 3.
    (QWEN_2,): (PreTokenizer("qwen2"),),
    # gpt-oss, Phi-4-mini.
    (O200K,): (PreTokenizer("gpt-4o"),),
    # Mistral NeMo and later.
    (TEKKEN,): (PreTokenizer("tekken", ignores_merges=True),),
    # SmolLM 1 and 2, StarCoder 2, Granite 3: of llama.cpp's names for this, what it does with spaces in an answer
    # is chosen from below.
    (DIGITS, GPT_2): (PreTokenizer("starcoder"),),
    # GPT-2 itself.
    (GPT_2,): (PreTokenizer("gpt-2"),),
}
_LONGEST_WORD = 1000
"""Characters of a token; the longest real ones are some hundred spaces."""


def pre_tokenizer_name(tokenizer: TokenizerJson, settings: Mapping[str, object], cancel: CancelToken) -> str:
    """`settings`: tokenizer_config.json. Raises UnsupportedCheckpoint where llama.cpp has none, and Cancelled."""
    _expect_no_change(tokenizer)
    known = _KNOWN.get(_expressions(tokenizer), ())
    for each in known:
        if each.ignores_merges == tokenizer.ignores_merges:
            break
    else:
        # The same comes out where the merges make every token.
        if not known or not _merges_make_all(tokenizer, cancel):
            raise _unknown("the expressions by which it cuts text into words")
        each = known[0]
    if each.name == "starcoder" and settings.get("clean_up_tokenization_spaces") is False:
        return "smollm"  # the same, and llama.cpp leaves the spaces of an answer alone
    return each.name


def pre_tokenizer_of(pattern: str) -> str | None:
    """For a single expression, as tekken.json has it."""
    known = _KNOWN.get((pattern,))
    return known[0].name if known else None


def _expect_no_change(tokenizer: TokenizerJson) -> None:
    for step in tokenizer.normalizers:
        # Qwen's NFC makes one character of a letter and its accent. llama.cpp leaves them as they are, with the
        # tokens of Qwen's own converter's GGUF; few texts have them apart.
        if step["type"] != "NFC":
            raise _unknown(f"how it changes text before ({shorten(step['type'])})")


def _expressions(tokenizer: TokenizerJson) -> tuple[str, ...]:
    """By what text is cut, in order. Raises UnsupportedCheckpoint for anything else, or where no ByteLevel ends it."""
    found: list[str] = []
    *cutting, last = tokenizer.pre_tokenizers or ({"type": "none"},)
    for step in cutting:
        found.append(_expression(step))
    # llama.cpp puts no space before text with these.
    if last["type"] != "ByteLevel" or last.get("add_prefix_space", True) is not False:
        raise _unknown(f"its last pre-tokenizer ({shorten(last['type'])})")
    if last.get("use_regex", True) is not False:
        found.append(GPT_2)
    return tuple(found)


def _expression(step: Step) -> str:
    if step["type"] == "Digits" and step.get("individual_digits") is True:
        return DIGITS
    pattern = step.get("pattern")
    if step["type"] == "Split" and isinstance(pattern, dict) and isinstance(pattern.get("Regex"), str):
        expression = str(pattern["Regex"])
        how = (step.get("behavior"), step.get("invert", False))
        # What lies between the matches would be lost with the second; all but DIGITS match everything.
        if how == ("Isolated", False) or (how == ("Removed", True) and expression != DIGITS):
            return expression
    raise _unknown(f"a pre-tokenizer ({shorten(step['type'])})")


def _merges_make_all(tokenizer: TokenizerJson, cancel: CancelToken) -> bool:
    """Whether each token, as a word of its own, is merged to itself."""
    ranks = {pair: rank for rank, pair in enumerate(tokenizer.merges)}
    added = {token.text for token in tokenizer.added}
    for count, word in enumerate(tokenizer.vocabulary):
        if count % 1024 == 0:
            cancel.raise_if_cancelled()
        if word not in added and (len(word) > _LONGEST_WORD or not _merges_to_one(word, ranks)):
            return False
    return True


def _merges_to_one(word: str, ranks: Mapping[tuple[str, str], int]) -> bool:
    parts = list(word)
    while len(parts) > 1:
        # Of the same pair the first.
        best = min(range(len(parts) - 1), key=lambda at: ranks.get((parts[at], parts[at + 1]), len(ranks)))
        if (parts[best], parts[best + 1]) not in ranks:
            return False
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return True


def _unknown(what: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"Nibble does not know {what} in {FILE}, and with others the model would read other tokens.",
        "Download a GGUF file of this model instead.",
    )
