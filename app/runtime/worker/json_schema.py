"""A JSON Schema as a constraint, by llguidance.

The converter to GBNF that comes with the bindings lets answers through that are no JSON (line breaks in strings)
or do not follow the schema (bounds of numbers, quotes in constants). llguidance takes the schema at its word or
refuses it, and reads nothing from elsewhere: a `$ref` to an address is a fault.
"""

from __future__ import annotations

import json

import llguidance
import numpy as np
from numpy.typing import NDArray

from app.core.errors import GrammarFault
from app.runtime.worker.candidates import Candidates
from app.runtime.worker.vocabulary import Vocabulary

_SPECIAL = b"\xff"
"""What llguidance knows special tokens by: no text has this byte."""

_OPTIONS: llguidance._lib.JsonCompileOptions = {
    "item_separator": ",",
    "key_separator": ":",
    "whitespace_flexible": True,
    # A space, or a new line with its indent. Models that have nothing to say write white space for ever.
    "whitespace_pattern": r"( |\n[ \t]{0,20})?",
    "coerce_one_of": False,
    "lenient": False,
}
"""Each is given, since a schema may bring its own."""


class JsonSchema:
    """What an answer must be, in a vocabulary."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        schema = _require_schema(text)
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_OPTIONS)
        except ValueError as error:
            raise _fault(str(error)) from error
        self._ends = frozenset(vocabulary.ends)
        self._size = vocabulary.size
        self._matcher = llguidance.LLMatcher(vocabulary.schema_tokenizer, grammar, log_level=0)
        self._require_sound()

    def allows(self, token: int) -> bool:
        if token in self._ends:
            return bool(self._matcher.is_accepting())
        return bool(self._matcher.validate_tokens([token]))

    def restrict(self, candidates: Candidates) -> None:
        candidates.keep(self._allowed())

    def accept(self, token: int) -> None:
        if token not in self._ends:
            self._matcher.consume_token(token)
            self._require_sound()

    def close(self) -> None:
        del self._matcher

    def _allowed(self) -> NDArray[np.bool_]:
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._require_sound()
        return np.unpackbits(mask, count=self._size, bitorder="little").astype(np.bool_)

    def _require_sound(self) -> None:
        if self._matcher.is_error():
            raise _fault(self._matcher.get_error())


def make_tokenizer(vocabulary: Vocabulary) -> llguidance.LLTokenizer:
    """llguidance's view of a vocabulary: a tree of all tokens' bytes, which takes a second for 250,000."""
    return llguidance.LLTokenizer(_Tokens(vocabulary), eos_token=vocabulary.ends or [vocabulary.size])


class _Tokens(llguidance.TokenizerWrapper):
    """What llguidance asks of a tokenizer."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        ends = vocabulary.ends
        self.tokens = [
            _SPECIAL + vocabulary.name(token)
            if vocabulary.is_control(token) or token in ends
            else vocabulary.piece(token)
            for token in range(vocabulary.size)
        ]
        if not ends:  # it insists on one
            self.tokens.append(_SPECIAL)
        self.eos_token_id = ends[0] if ends else vocabulary.size
        self.bos_token_id = None
        self.special_token_ids = ends
        self.is_tokenizer_wrapper = True
        self._vocabulary = vocabulary

    def __call__(self, text: bytes | str) -> list[int]:
        return self._vocabulary.tokenize_plain(
            text if isinstance(text, str) else text.decode("utf-8", "replace")
        )


def _require_schema(text: str) -> str:
    """As the object that llguidance wants; the order of its properties is that of the answer's."""
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"it is no JSON ({error.msg}, line {error.lineno}, column {error.colno})"
        raise _fault(reason) from error
    except RecursionError as error:
        raise _fault("it is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise _fault(str(error)) from error
    if schema is True:
        return "{}"
    if not isinstance(schema, dict):
        raise _fault("no answer follows it" if schema is False else "it must be an object")
    return text


def _fault(reason: str) -> GrammarFault:
    # Not its advice which of its options to set: they are set as they must be.
    line = reason.partition("\n")[0].partition(" Enable ")[0].strip().rstrip(".")
    return GrammarFault(
        f"The JSON schema cannot be used: {line[:300]}.",
        "Change the schema (anyOf can often stand for oneOf), or leave it out.",
    )
