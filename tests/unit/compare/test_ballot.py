"""A blind test's state and what comes out of it, without windows or models."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from math import sqrt

import pytest
from markdown_it import MarkdownIt

from app.compare.ballot import Ballot, PromptState
from app.compare.blind_report import blind_report
from app.compare.blind_results import blind_result, results_by_kind, told_names
from app.compare.session import BlindTest, PaneTurn, SessionAnswer, SessionModel, SessionTurn
from app.compare.votes import Vote


def turn(*texts: str | None, facts: tuple[tuple[str, ...], ...] = (), problem: str = "") -> SessionTurn:
    """What models answered; None: not yet."""
    panes = [PaneTurn() if text is None else PaneTurn(answers=(SessionAnswer(text=text),)) for text in texts]
    if problem:
        panes[0] = PaneTurn(answers=(SessionAnswer(text="", problem=problem),))
    return SessionTurn(prompt="?", panes=tuple(panes), facts=facts, alone=True)


def ballot_of(*turns: SessionTurn, seed: int = 1, votes: tuple[Vote, ...] = (), **test: object) -> Ballot:
    made = BlindTest(seed=seed, turns=tuple(range(len(turns))), votes=votes, **test)  # type: ignore[arg-type]
    return Ballot(made, turns, len(turns[0].panes))


@pytest.mark.parametrize("panes", [2, 3, 4])
def test_every_order_comes_equally_often_and_none_tells_the_next(panes: int) -> None:
    turns = [turn(*"abcd"[:panes])] * 6000
    orders = [tuple(ballot.order(n)) for ballot in [ballot_of(*turns)] for n in range(len(turns))]
    every = list(permutations(range(panes)))

    def is_even(counts: Counter[object], kinds: int, total: int) -> bool:
        # Pearson's chi-squared; beyond six standard deviations chance comes once in hundreds of millions.
        expected = total / kinds
        chi = sum((counts[kind] - expected) ** 2 / expected for kind in counts)
        chi += (kinds - len(counts)) * expected
        return chi < kinds - 1 + 6 * sqrt(2 * (kinds - 1)) + 12

    assert is_even(Counter(orders), len(every), len(orders))
    assert is_even(Counter(pairwise(orders)), len(every) ** 2, len(orders) - 1)


def test_another_test_has_another_order() -> None:
    orders = [
        [ballot_of(*[turn("a", "b")] * 40, seed=seed).order(n) for n in range(40)] for seed in range(50)
    ]
    assert len({str(each) for each in orders}) == 50


def test_a_vote_for_a_place_is_one_for_the_model_that_stands_there() -> None:
    ballot = ballot_of(*[turn("a", "b", "c")] * 10)
    for number in range(10):
        shown = ballot.answers(number)
        at = next(place for place, answer in enumerate(shown) if answer and answer.text == "c")
        ballot.vote(number, ballot.order(number)[at])
        assert ballot.vote_of(number) == 2
        assert ballot.place_of(number) == at


def test_what_is_ready_waits_or_is_left_out() -> None:
    ballot = ballot_of(turn("a", None), turn("a", "b"), turn("", "b", problem="too long"), turn(None, None))
    states = [ballot.state(number) for number in range(4)]
    assert states == [PromptState.WAITING, PromptState.READY, PromptState.LEFT_OUT, PromptState.WAITING]
    assert [ballot.missing(number) for number in range(4)] == [[1], [], [], [0, 1]]
    ballot.vote(0, 0)
    ballot.vote(2, 1)
    assert ballot.kept_votes == ()
    assert (ballot.next_open(0), ballot.next_waiting(0)) == (1, 3)
    ballot.vote(1, "tie")
    assert ballot.next_open(1) is None
    assert ballot.kept_votes == ("skipped", "tie")


def test_kept_votes_are_the_same_again() -> None:
    turns = [turn("a", "b")] * 5
    ballot = ballot_of(*turns)
    for number, vote in {0: 1, 1: "skipped", 3: "both bad"}.items():
        ballot.vote(number, vote)  # type: ignore[arg-type]
    again = ballot_of(*turns, votes=ballot.kept_votes)
    assert ballot.kept_votes == again.kept_votes == (1, "skipped", "skipped", "both bad")
    assert again.next_open(0) == 4
    again.take_back(3)
    assert again.kept_votes == (1, "skipped", "skipped")


def test_same_answers_are_a_tie_unless_the_person_wants_to_be_asked() -> None:
    same = turn("Yes.", "Yes.\n")
    assert ballot_of(same).vote_of(0) == "tie"
    assert ballot_of(same).next_open(-1) is None
    asked = ballot_of(same, same_is_tie=False)
    assert asked.vote_of(0) is None
    assert asked.next_open(-1) == 0
    of_three = ballot_of(turn("Yes.", "No.", "Yes."))
    assert of_three.vote_of(0) is None
    (places,) = of_three.same_places(0)
    assert {of_three.order(0)[place] for place in places} == {0, 2}


def test_nothing_is_changed_once_it_is_known_which_is_which() -> None:
    ballot = ballot_of(turn("a", "b"), votes=(1,), voted_at=5.0)
    ballot.vote(0, 0)
    ballot.take_back(0)
    assert ballot.vote_of(0) == 1


def test_results_count_votes_and_right_answers() -> None:
    facts = (("42",),)
    turns = [
        turn("It is 42.", "It is 41.", facts=facts),
        turn("41", "42", facts=facts),
        turn("42", "so 42", facts=facts),
        turn("a", "b"),
        turn("c", "c"),
        turn("", "b", facts=facts, problem="too long"),
        turn("a", "b"),
    ]
    kinds = ("sums", "sums", "sums", "words", "words", "sums", "words")
    ballot = ballot_of(*turns, votes=(0, 1, 0, "both bad"), kinds=kinds)
    result = blind_result(["Q8_0", "Q2_K"], ballot)
    assert result.sentence == (
        "In 5 prompts you preferred Q8_0 2 times and Q2_K once: no difference you can see."
    )
    assert [(share.wins, share.votes) for share in result.preferred] == [(2, 3), (1, 3)]
    assert result.right is not None
    assert [(share.wins, share.votes) for share in result.right] == [(2, 3), (2, 4)]
    assert (result.ties, result.both_bad, result.not_voted, result.left_out) == (1, 1, 1, 1)
    # (1.959964 / (2 * 2/3 - 1))^2 = 34.57
    assert result.needed == 35
    by_kind = results_by_kind(["Q8_0", "Q2_K"], ballot)
    assert {title: each.decided for title, each in by_kind.items()} == {"sums": 3, "words": 0}


def test_models_are_called_by_what_tells_them_apart() -> None:
    def model(name: str, quantization: str | None) -> SessionModel:
        return SessionModel(name=name, quantization=quantization, path="")

    assert told_names([model("Bard", "Q8_0"), model("Bard", "Q2_K")]) == ["Q8_0", "Q2_K"]
    assert told_names([model("Bard", "Q8_0"), model("Poet", "Q8_0")]) == ["Bard Q8_0", "Poet Q8_0"]
    assert told_names([model("Bard", None), model("Bard", None)]) == ["Bard (1)", "Bard (2)"]


def test_the_report_is_a_table_whatever_names_and_prompts_hold() -> None:
    models = [
        SessionModel(name="Bard | <b>", quantization=quantization, path="")
        for quantization in ("Q8_0", "Q2_K")
    ]
    facts = (("4",),)
    turns = [
        SessionTurn(prompt="2 + 2?\n| x | y |", panes=turn("4", "5").panes, facts=facts),
        turn("a", "b"),
    ]
    ballot = ballot_of(*turns, votes=(0, "tie"))
    tables = MarkdownIt("commonmark").enable("table").parse(blind_report(models, ballot))
    rows = [token.content for token in tables if token.type == "inline"]
    texts = [
        "".join(child.content for child in token.children or ()) for token in tables if token.type == "inline"
    ]
    assert "In 2 prompts you preferred Q8_0 once and Q2_K never: no difference you can see." in texts[0]
    assert len(rows) == 1 + 5 * 3 + 1 + 3 * 3
    assert texts[6:11] == ["Bard | <b> Q8_0", "1 of 1", "21 % to 100 %", "1 of 1", "21 % to 100 %"]
    assert texts[-6:] == ["2 + 2? | x | y |", "Q8_0", "Q8_0", "?", "tie", ""]
