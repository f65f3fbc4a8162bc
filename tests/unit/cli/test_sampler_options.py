"""Every sampler can be set on the command line, under llama.cpp's name for it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from app.cli.sampler_options import sampler_options
from app.core.errors import FileGone, WrongChoice
from app.runtime import Sampling
from app.runtime.sampling import TokenBias

OTHERWISE = ("temperature", "seed", "max_tokens")
"""What the command has options for itself."""


def parsed(*arguments: object) -> Sampling:
    found: list[Sampling] = []
    program = typer.Typer()

    @program.command()
    @sampler_options
    def command(word: str, *, samplers: Sampling) -> None:
        assert word == "word"
        found.append(samplers)

    result = CliRunner().invoke(program, ["word", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        raise ValueError(result.output)
    return found[0]


def test_without_options_it_is_the_default() -> None:
    assert parsed() == Sampling()


@pytest.mark.parametrize(
    "field",
    [
        field
        for field in msgspec.structs.fields(Sampling)
        if field.type in (int, float) and field.name not in OTHERWISE
    ],
    ids=lambda field: field.name,
)
def test_every_number_has_its_option(field: msgspec.structs.FieldInfo) -> None:
    value = 1 if field.type is int else 0.25 if field.name != "dry_base" else 1.25
    changed = parsed(f"--{field.name.replace('_', '-')}", value)
    assert changed == msgspec.structs.replace(Sampling(), **{field.name: value})


def test_texts_can_be_given_several_times(tmp_path: Path) -> None:
    grammar = tmp_path / "grammar.gbnf"
    grammar.write_text('root ::= "é"', "utf-8")
    found = parsed(
        *("--stop", "\nUser:", "--stop", "END"),
        *("--logit-bias", "42=-1.5", "--logit-bias", " llama=3", "--logit-bias", "a=b=1"),
        *("--dry-sequence-breaker", ".", "--grammar-file", grammar),
    )
    assert found == Sampling(
        stop=("\nUser:", "END"),
        logit_bias=(TokenBias(42, -1.5), TokenBias(" llama", 3.0), TokenBias("a=b", 1.0)),
        dry_sequence_breakers=(".",),
        grammar='root ::= "é"',
    )


def test_schema_is_read_from_a_file(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "integer"}')
    assert parsed("--json-schema-file", schema) == Sampling(json_schema='{"type": "integer"}')


@pytest.mark.parametrize(
    "arguments",
    [
        ("--logit-bias", "3"),
        ("--logit-bias", "=3"),
        ("--logit-bias", "x=y"),
        ("--logit-bias", "9" * 5000 + "=1"),
        ("--top-p", "1.5"),
        ("--top-p", "nan"),
        ("--mirostat", "3"),
        ("--top-k", "-1"),
        ("--repeat-last-n", "2147483647"),
    ],
)
def test_wrong_usage_is_told_before_a_model_is_loaded(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=arguments[0]):
        parsed(*arguments)


def test_file_that_is_not_there_or_no_text_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        parsed("--grammar-file", tmp_path / "nothing")
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongChoice, match="UTF-8"):
        parsed("--json-schema-file", odd)


def test_grammar_and_schema_at_once_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("x")
    with pytest.raises(WrongChoice, match="not both"):
        parsed("--json-schema-file", file, "--grammar-file", file)
