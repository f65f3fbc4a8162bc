"""Grammars are read before llama.cpp does: mistakes are told with their place, and what would end it is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import GrammarFault
from app.runtime.gbnf import check_grammar

ARITHMETIC = r"""
# A sum and what it comes to.
root   ::= sum "=" [ ]? number "\n"
sum    ::= product ( [-+] product )*   # a comment
product ::=
    factor ([*/] factor)* |
    factor
factor ::= number | "(" sum ")"
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ( "." [0-9]+ )?
"""


@pytest.mark.parametrize(
    "text",
    [
        ARITHMETIC,
        'root ::= "yes" | "no"',
        'root ::= "yes"\r\n     \r\nother ::= "no"\r\n',
        r'root ::= "\x41\u00e9\U0001F999\t\n\r\\\"\[\]\-"',
        r"root ::= [^\]\\a-z-]+ [-a] [\]] . ",
        'root ::= ("a" | "b" ("c"\n | "d")){2,5} x{3} x{2,} x{0,1}\nx ::= [0-9]',
        'root ::= "a" root | "a" root "b" | ""',
        'root ::= ""',
        "root ::= ",
        'root ::= "漢字" [ぁ-ん]*',
        'root ::= x{0,3} "!"\nx ::= "a"?',
    ],
)
def test_grammar_that_llama_cpp_takes_is_taken(text: str) -> None:
    check_grammar(text)


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("", 'the rule "root"', "line 1, column 1"),
        ('start ::= "a"', 'the rule "root"', "line 1, column 1"),
        ('root ::= "a"\n  b := "c"', '"::=" is expected', "line 2, column 5"),
        ('my_rule ::= "a"', '"::=" is expected', "line 1, column 3"),
        ('root ::= "a', "not closed", "line 1, column 10"),
        (r'root ::= "\q"', "escape", "line 1, column 10"),
        ("root ::= [a-z", "not closed", "line 1, column 10"),
        ('root ::= ("a" | "b"', '"\\)" is expected', "line 1, column 20"),
        ('root ::= "a" )', "is not expected", "line 1, column 14"),
        ('root ::= * "a"', "nothing to repeat", "line 1, column 10"),
        ('root ::= ""+', "nothing to repeat", "line 1, column 12"),
        ('root ::= "a"{5,2}', "less than its least", "line 1, column 13"),
        ('root ::= "a"{x}', "a repetition is written", "line 1, column 13"),
        ('root ::= "a"{3000}', "more than 2,000 times", "line 1, column 13"),
        ('root ::= "a"{0,3000}', "more than 2,000 times", "line 1, column 13"),
        ('root ::= "a"{99999999999999999999}', "a repetition is written", "line 1, column 13"),
        ('root ::= "a"\n         x', "the name of a rule|is expected", "line 2, column 11"),
        ("root ::= x\ny ::= z\n", 'no rule "x"', "line 1, column 10"),
        ('root ::= "\0"', "NUL", "line 1, column 11"),
        ('root ::= "a" <think>', "tokens", "line 1, column 14"),
        ('root ::= "a" !<[12]>', "tokens", "line 1, column 14"),
        ('root ::= x{0,50}\nx ::= "a"?', "may be empty", "line 1, column 11"),
        ('root ::= "b" ("a"* "c"?){20}', "may be empty", "line 1, column 25"),
    ],
)
def test_mistake_is_told_with_its_place(text: str, reason: str, place: str) -> None:
    with pytest.raises(GrammarFault, match=reason) as caught:
        check_grammar(text)
    assert place in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        'root ::= root "a" | "b"',
        'root ::= a\na ::= b "x"\nb ::= a | "y"',
        'root ::= ("a"*)*',
        'root ::= ("a"?)+',
        'root ::= ("a" | ""){2,}',
        # llama.cpp's own search for left recursion does not see that "y" may be empty.
        'root ::= y root "a" | "b"\ny ::= z z\nz ::= ""',
    ],
)
def test_rule_that_begins_with_itself_is_refused(text: str) -> None:
    with pytest.raises(GrammarFault, match="begin with itself"):
        check_grammar(text)


def doubling(count: int) -> str:
    rules = [f'r{number} ::= r{number + 1} "a" | r{number + 1} "b"' for number in range(count)]
    return "\n".join(["root ::= r0", *rules, f'r{count} ::= "x"'])


def chained(count: int) -> str:
    rules = [f"r{number} ::= r{number + 1}" for number in range(count)]
    return "\n".join(["root ::= r0", *rules, f'r{count} ::= "x"'])


def empty_from_the_end(count: int) -> str:
    rules = [f"r{number} ::= r{number - 1} r{number - 1}" for number in range(1, count + 1)]
    return "\n".join([f'root ::= "a" r{count}', 'r0 ::= ""', *rules])


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "' + "a" * 100_000 + '"{2000}',
        "root ::= " + "(" * 50_000 + '"a"' + ")" * 50_000,
        doubling(40),
        chained(20_000),
        empty_from_the_end(1000),
    ],
    ids=["large when written out", "deep", "doubling", "chained", "empty"],
)
def test_grammar_that_would_take_all_time_or_memory_is_refused(text: str) -> None:
    with pytest.raises(GrammarFault):
        check_grammar(text)


@given(st.text(st.sampled_from('root:= "ab[]^-|()*+?{}12,<>!.\\n#\n'), max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with suppress(GrammarFault):
        check_grammar(f"root ::= {text}")
