"""An answer follows its grammar whatever the model would rather say, and a grammar that cannot be used is a fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import GrammarFault
from app.runtime import LoadedModel, LoadSettings, Sampling
from app.runtime.sampling import TokenBias
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.reference import chatml, tokenize
from tests.helpers.reference_sampling import drawn
from tests.helpers.tiny_gguf import write_tiny_model

QUESTION = "What is a KV cache?"
WILD = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0}

LIST = r"""
root ::= item{2,4}
item ::= "- " word (" " word){0,2} "\n"   # as in Markdown
word ::= [a-z]{1,8} | [ぁ-ん]{2} | "é"
"""
LIST_PATTERN = r"(- ([a-z]{1,8}|[ぁ-ん]{2}|é)( ([a-z]{1,8}|[ぁ-ん]{2}|é)){0,2}\n){2,4}"
SUM = 'root ::= number ([-+*/] number)* "=" number\nnumber ::= "0" | [1-9] [0-9]{0,3}'
SUM_PATTERN = r"(0|[1-9]\d{0,3})([-+*/](0|[1-9]\d{0,3}))*=(0|[1-9]\d{0,3})"
NESTED = 'root ::= "(" root? ")" | "x"'


@pytest.fixture(scope="module")
def trained(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def bytewise(models: Path) -> Iterator[LoadedModel]:
    """256 of its 420 tokens are single bytes, most of them no character by themselves."""
    path = write_tiny_model(models / "bytewise.gguf", seed=5)
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("grammar", "pattern"),
    [
        ('root ::= "yes" | "no"', "yes|no"),
        (LIST, LIST_PATTERN),
        (SUM, SUM_PATTERN),
        (NESTED, r"\(*x?\)*"),
        ('root ::= [^a-z]+ "."', r"[^a-z]+\."),
    ],
    ids=["choice", "list", "sum", "nested", "not"],
)
def test_answers_follow_the_grammar(trained: LoadedModel, grammar: str, pattern: str) -> None:
    ended = 0
    for seed in range(8):
        answer = ask(trained, QUESTION, Sampling(seed=seed, max_tokens=60, grammar=grammar, **WILD))
        if answer.statistics.finish_reason == "stop":
            ended += 1
            assert re.fullmatch(pattern, answer.text), answer.text
            assert grammar != NESTED or answer.text.count("(") == answer.text.count(")")
    assert ended


@pytest.mark.parametrize("grammar", [LIST, SUM, 'root ::= "The " [a-z ]+ "."'])
def test_greedy_answer_is_what_llama_cpp_s_grammar_sampler_leaves(
    model: LoadedModel, tiny: Path, grammar: str
) -> None:
    model.score("x")  # empties the cache: the reference evaluates the whole prompt at once, too
    answer = ask(model, "hello", greedy(30, grammar=grammar))
    (expected,) = drawn(tiny, chatml(talk("hello")), 30, [[["grammar", grammar], ["greedy"]]])
    assert answer.text == expected


def test_grammar_of_anything_leaves_the_answer_as_it_is(trained: LoadedModel) -> None:
    for seed in range(4):
        sampling = Sampling(seed=seed, temperature=1.2, max_tokens=40)
        free = ask(trained, QUESTION, sampling)
        bound = ask(
            trained, QUESTION, Sampling(seed=seed, temperature=1.2, max_tokens=40, grammar="root ::= .*")
        )
        assert bound.text == free.text
        assert bound.statistics.finish_reason == free.statistics.finish_reason


def test_answer_ends_where_the_grammar_ends(trained: LoadedModel) -> None:
    statistics = ask(trained, QUESTION, Sampling(seed=1, grammar='root ::= "a" "b" "c"')).statistics
    assert statistics.finish_reason == "stop"
    assert statistics.tokens <= 3


@pytest.mark.parametrize("grammar", ["root ::= .*", "root ::= [é漢🦙]+", 'root ::= ([^a]+ "a")*'])
def test_tokens_that_are_parts_of_characters_follow_it_too(bytewise: LoadedModel, grammar: str) -> None:
    allowed = {"root ::= [é漢🦙]+": "[é漢🦙\ufffd]*"}.get(grammar, r"(?s:.*)")
    for seed in range(10):
        sampling = Sampling(
            seed=seed, temperature=5.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=60, grammar=grammar
        )
        answer = ask(bytewise, "hello", sampling)
        assert re.fullmatch(allowed, answer.text)
        whole = answer.statistics.finish_reason == "stop"
        assert "\ufffd" not in (answer.text if whole else answer.text[:-1])


def test_grammar_that_no_token_can_follow_is_a_fault(bytewise: LoadedModel) -> None:
    with pytest.raises(GrammarFault, match="No token of this model"):
        ask(bytewise, "hello", greedy(20, grammar=r'root ::= "\uD800"'))  # half a character
    assert ask(bytewise, "hello", greedy(5)).statistics.tokens == 5


def test_grammar_whose_readings_double_with_each_character_is_a_fault_before_it_stalls(
    model: LoadedModel, tiny: Path
) -> None:
    ((_, _, letter),) = tokenize(tiny, "x")
    doubling = 'root ::= "x" root "b" | "x" root "c" | "x" root "d" | "x"'
    bias = (TokenBias(letter, 100.0),)
    with pytest.raises(GrammarFault, match="too many ways to read"):
        ask(model, "hello", greedy(40, grammar=doubling, logit_bias=bias))
    assert ask(model, "hello", greedy(5)).statistics.tokens == 5


@pytest.mark.parametrize(
    ("grammar", "reason"),
    [
        ('root ::= "a', "line 1, column 10"),
        ("root ::= thing", 'no rule "thing"'),
        ('root ::= root "a" | "b"', "left recursion"),
        ('root ::= y root "a" | "b"\ny ::= z z\nz ::= ""', "left recursion"),
        ('root ::= "a"{5,2}', "less than its least"),
        ("root ::= " + "(" * 50_000 + '"a"' + ")" * 50_000, "deep"),
        ("root ::= " + "(" * 90 + '"a"' + "){2000}" * 90, "llama.cpp does not take"),
        ('root ::= "' + "a" * 100_000 + '"{2000}', "written out"),
    ],
)
def test_grammar_that_cannot_be_used_is_a_fault_and_the_next_answer_comes(
    model: LoadedModel, grammar: str, reason: str
) -> None:
    with pytest.raises(GrammarFault, match=reason) as caught:
        ask(model, "hello", greedy(5, grammar=grammar))
    assert caught.value.hint
    assert ask(model, "hello", greedy(5)).statistics.tokens == 5
