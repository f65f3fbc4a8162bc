"""Answers after a JSON schema are JSON that follows it, however wild the model; what cannot be followed is refused."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.core.errors import GrammarFault, WrongChoice
from app.runtime import LoadedModel, LoadSettings, Sampling
from tests.helpers.answers import ask, greedy

QUESTION = "What is a KV cache?"

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "minimum": 0, "maximum": 9},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2},
            },
            "required": ["value"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: dict[str, Any] = {
    "integer": {"type": "integer", "minimum": -17, "maximum": 230},
    "integer beyond": {"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 1000},
    "number": {"type": "number", "minimum": 0.25, "exclusiveMaximum": 1.5},
    "multiple": {"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 100},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "types": {"type": ["boolean", "null"]},
    "enum": {"enum": ["red", 'a "quoted" one', "back\\slash", "new\nline", "é漢🦙", 7, None, {"a": [1, 2]}]},
    "const": {"const": {"path": 'C:\\x "y"\n', "n": 1.5}},
    "string": {"type": "string", "minLength": 3, "maxLength": 9},
    "string at least": {"type": "string", "minLength": 12, "maxLength": 40},
    "pattern": {"type": "string", "pattern": '^[A-Z]{2}-\\d{3}(\\.[a-f"]+)?$', "maxLength": 12},
    "pattern inside": {"type": "string", "pattern": "ab+c", "maxLength": 20},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "date-time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "array": {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": 99},
        "minItems": 2,
        "maxItems": 4,
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"const": "x"}, {"type": "boolean"}],
        "items": False,
        "minItems": 2,
    },
    "person": PERSON,
    "nested": {
        "type": "object",
        "properties": {"who": PERSON, "when": {"type": "string", "format": "date"}},
        "required": ["who", "when"],
        "additionalProperties": False,
    },
    "optional": {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "null"}, "c": {"enum": [1, 2]}},
        "additionalProperties": False,
    },
    "names not told": {
        "type": "object",
        "properties": {"a": {"type": "boolean"}},
        "required": ["a"],
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "names by pattern": {
        "type": "object",
        "patternProperties": {"^k[0-9]$": {"type": "boolean"}},
        "additionalProperties": False,
    },
    "tree": TREE,
    "anyOf": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "string", "maxLength": 4}]},
    "oneOf": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"k": {"const": "a"}},
                "required": ["k"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"k": {"const": "b"}},
                "required": ["k"],
                "additionalProperties": False,
            },
        ]
    },
    "allOf": {"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 30}]},
    "true": True,
}
ENDLESS = ("names not told", "names by pattern", "true")
"""Those that let an answer go on as long as it likes."""

_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
_BYTE = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}[Tt]{_TIME}",
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "ipv4": rf"{_BYTE}(\.{_BYTE}){{3}}",
}
"""As RFC 3339, 9562 and 2673 write them."""


@pytest.fixture(scope="module")
def trained(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


def wild(seed: int, schema: Any) -> Sampling:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return Sampling(
        seed=seed, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, max_tokens=150, json_schema=text
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_answer_follows_the_schema(trained: LoadedModel, name: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    ended = 0
    for seed in range(6):
        answer = ask(trained, QUESTION, wild(seed, SCHEMAS[name]))
        if answer.statistics.finish_reason == "stop":
            ended += 1
            value = json.loads(answer.text)
            validator.validate(value)
            if name in FORMATS:
                assert re.fullmatch(FORMATS[name], value)
    assert ended >= (1 if name in ENDLESS else 5), "an answer may run into max_tokens, but seldom"


def test_answers_beside_each_other_follow_each_its_own_schema(guide: Callable[[str], Path]) -> None:
    names = ["person", "date", "tree", "enum"]
    settings = LoadSettings(context_length=4 * 512, sequences=4, threads=1)
    with LoadedModel.load(guide("Q8_0"), settings) as loaded, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda name: ask(loaded, QUESTION, wild(3, SCHEMAS[name])), names))
    for name, answer in zip(names, answers, strict=True):
        assert answer.statistics.finish_reason == "stop"
        jsonschema.validate(json.loads(answer.text), SCHEMAS[name])


def test_likeliest_answer_follows_it_too_and_is_another_than_without(trained: LoadedModel) -> None:
    bound = ask(trained, QUESTION, greedy(150, json_schema=json.dumps(PERSON)))
    jsonschema.validate(json.loads(bound.text), PERSON)
    assert ask(trained, QUESTION, greedy(20)).text[:1] != "{"


def deep(levels: int) -> str:
    return '{"items":' * levels + "{}" + "}" * levels


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "no JSON .*line 1, column 2"),
        ('{"type": "integer",\n "x" 3}', "no JSON .*line 2, column 6"),
        ("3", "must be an object"),
        ("false", "no answer follows it"),
        ('{"type": "intger"}', "intger"),
        ('{"type": 3}', "type|3"),
        ('{"type": "integer", "minimum": 9, "maximum": 3}', "greater"),
        ('{"not": {"type": "string"}}', "not"),
        ('{"$ref": "#/$defs/none"}', "none"),
        ('{"$ref": "#/a", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}', "."),
        ('{"$ref": "http://127.0.0.1:{port}/schema.json"}', "127.0.0.1"),
        ('{"properties": {"a": {"$ref": "https://127.0.0.1:{port}/x.json#/a"}}}', "127.0.0.1"),
        ('{"$ref": "file:///etc/passwd"}', "file"),
        (deep(200), "recursion|deep"),
        (deep(20_000), "deep"),
        ("[" * 50_000, "deep|JSON"),
        ('{"enum": [' + "1" * 5000 + "]}", "."),
        ('{"type": "string", "pattern": "("}', "regex"),
        ('{"type": "string", "pattern": "(?=a)b"}', "regex"),
        ('{"type": "string", "format": "nonsense"}', "nonsense"),
        ('{"oneOf": [{"minimum": 1}, {"maximum": 5}]}', "oneOf"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_schema_that_cannot_be_followed_is_a_fault_and_nothing_is_asked_of_the_network(
    trained: LoadedModel, schema: str, reason: str
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0)
        schema = schema.replace("{port}", str(server.getsockname()[1]))
        with pytest.raises(GrammarFault, match=reason) as caught:
            ask(trained, QUESTION, wild(1, schema))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert caught.value.hint
    assert len(caught.value.message) < 500
    assert ask(trained, QUESTION, greedy(5)).statistics.tokens == 5


def test_schema_of_ten_megabytes_is_refused(trained: LoadedModel) -> None:
    with pytest.raises(WrongChoice, match="json_schema"):
        ask(trained, QUESTION, wild(1, json.dumps({"enum": ["x" * 1000] * 10_000})))


def test_schema_cannot_loosen_how_it_is_read(trained: LoadedModel) -> None:
    loose = {"x-guidance": {"lenient": True, "coerce_one_of": True}, "not": {"type": "string"}}
    with pytest.raises(GrammarFault, match="not"):
        ask(trained, QUESTION, wild(1, loose))


def test_endless_schema_ends_with_max_tokens(trained: LoadedModel) -> None:
    endless = {
        "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}},
        "$ref": "#/$defs/n",
    }
    assert ask(trained, QUESTION, wild(1, endless)).statistics.finish_reason == "length"
