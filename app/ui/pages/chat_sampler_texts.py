"""Settings that are written: lists with an item on each line, a schema, a grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault
from app.runtime.gbnf import check_grammar
from app.runtime.sampling import Sampling, TokenBias, read_bias, write_bias
from app.runtime.sampling_limits import require_possible
from app.ui.pages.chat_sampler_rows import Change, TextRow

_ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
_MEANT = {"n": "\n", "t": "\t", "r": "\r"}


def text_rows(change: Change) -> tuple[TextRow, ...]:
    return (
        TextRow(
            "stop",
            _tr("Stop strings"),
            _tr("The answer ends before the first of these, one on each line; \\n stands for a new line."),
            _tr("None"),
            lambda text: _possible(Sampling(stop=read_lines(text))).stop,
            write_lines,
            change,
        ),
        TextRow(
            "logit_bias",
            _tr("Token bias"),
            _tr(
                "Makes tokens more or less likely, one on each line: a text or the number of a token, an equals "
                "sign, and what is added to its logit. -100 all but forbids it."
            ),
            _tr(" maybe=-100"),
            lambda text: _possible(Sampling(logit_bias=_read_biases(text))).logit_bias,
            lambda biases: write_lines(tuple(map(write_bias, biases))),
            change,
        ),
        TextRow(
            "dry_sequence_breakers",
            _tr("DRY breakers"),
            _tr("No repetition is counted across these, one on each line; \\n stands for a new line."),
            _tr("None"),
            lambda text: _possible(Sampling(dry_sequence_breakers=read_lines(text))).dry_sequence_breakers,
            write_lines,
            change,
        ),
        TextRow(
            "json_schema",
            _tr("JSON schema"),
            _tr("The answer is JSON that follows this JSON Schema, whatever the model would rather write."),
            '{"type": "object", …}',
            _read_schema,
            str,
            change,
        ),
        TextRow(
            "grammar",
            _tr("Grammar"),
            _tr("The answer follows this grammar, in llama.cpp's GBNF. It takes the place of a schema."),
            'root ::= "yes" | "no"',
            _read_grammar,
            str,
            change,
        ),
    )


def read_lines(text: str) -> tuple[str, ...]:
    lines = (line for line in text.splitlines() if line)
    return tuple(re.sub(r"\\(.)", lambda match: _MEANT.get(match[1], match[1]), line) for line in lines)


def write_lines(items: tuple[str, ...]) -> str:
    return "\n".join("".join(_ESCAPED.get(character, character) for character in item) for item in items)


def _read_biases(text: str) -> tuple[TokenBias, ...]:
    found = []
    for line in read_lines(text):
        try:
            found.append(read_bias(line))
        except ValueError:
            wanted = _tr("“{line}” is not a token, an equals sign and a number.")
            raise ValueError(wanted.format(line=line[:40])) from None
    return tuple(found)


def _read_schema(text: str) -> str:
    if not text.strip():
        return ""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        wrong = _tr("This is no JSON: {reason} (line {line}, column {column}).")
        raise ValueError(wrong.format(reason=error.msg, line=error.lineno, column=error.colno)) from None
    except (ValueError, RecursionError):
        raise ValueError(_tr("This is no JSON that can be used.")) from None
    return _possible(Sampling(json_schema=text)).json_schema


def _read_grammar(text: str) -> str:
    if not text.strip():
        return ""
    _in_words(lambda: check_grammar(text))
    return _possible(Sampling(grammar=text)).grammar


def _possible(sampling: Sampling) -> Sampling:
    _in_words(lambda: require_possible(sampling))
    return sampling


def _in_words(check: Callable[[], None]) -> None:
    try:
        check()
    except EnvironmentFault as fault:
        raise ValueError(fault.message) from None


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
