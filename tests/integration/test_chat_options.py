"""`nibble chat` with samplers, stop strings, a schema and probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema

from tests.helpers.command_line import nibble


def test_answer_follows_a_schema_from_a_file(guide: Callable[[str], Path], tmp_path: Path) -> None:
    schema = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 2, "maxItems": 3}
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    path = guide("Q8_0")
    outcome = nibble("chat", path, "-p", "Colours?", "--json-schema-file", file, "--temperature", 1.5)
    assert outcome.code == 0
    jsonschema.validate(json.loads(outcome.out), schema)


def test_document_has_the_probabilities_of_the_tokens(tiny: Path) -> None:
    greedy = ("--temperature", 0, "--max-tokens", 8, "--json", "--top-probabilities", 2)
    document = nibble("chat", tiny, "-p", "hello", *greedy).document
    told = document["probabilities"]
    assert len(told) == document["tokens"] == 8
    assert bytes(byte for token in told for byte in token["bytes"]).decode() == document["text"]
    for token in told:
        first, second = token["likeliest"]
        assert token["token"] == first["token"]
        assert 0 >= token["log_probability"] == first["log_probability"] >= second["log_probability"]

    stop = document["text"][2:5]
    stopped = nibble("chat", tiny, "-p", "hello", *greedy, "--stop", stop).document
    assert stopped["text"] == document["text"][: document["text"].index(stop)]
    assert stopped["finish_reason"] == "stop"


def test_grammar_with_a_mistake_is_refused_with_its_place(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "grammar.gbnf"
    file.write_text('root ::= "a"\nother := "b"')
    nibble("chat", tiny, "-p", "hello", "--grammar-file", file).assert_refused("line 2, column 7")
