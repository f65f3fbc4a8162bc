"""A blind test's figures and its sentence."""

from __future__ import annotations

import pytest

from app.compare.votes import Vote, share_of, shuffled, verdict, votes_needed, wilson_interval


@pytest.mark.parametrize(
    ("wins", "votes", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
        # table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(wins: int, votes: int, low: float, high: float) -> None:
    assert wilson_interval(wins, votes) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_without_votes_the_share_may_be_any() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_what_is_certain_ends_at_one() -> None:
    low, high = wilson_interval(20, 20)
    assert (low, high) == (pytest.approx(1 - 0.1611, abs=5e-5), 1.0)


def test_ties_do_not_count_for_a_share() -> None:
    votes: list[Vote] = [0, 0, 1, "tie", "both bad"]
    share = share_of(0, votes)
    assert (share.wins, share.votes) == (2, 3)
    assert share.low < 2 / 3 < share.high


def test_the_sentence_of_the_manual() -> None:
    votes: list[Vote] = [0] * 9 + [1] * 7 + ["tie"] * 8
    assert verdict(["Q8_0", "Q4_K_M"], votes) == (
        "In 24 prompts you preferred Q8_0 9 times and Q4_K_M 7 times: no difference you can see."
    )


def test_a_clear_preference_is_said() -> None:
    votes: list[Vote] = [1] * 10 + [0]
    assert verdict(["Q2_K", "Q8_0"], votes) == (
        "In 11 prompts you preferred Q8_0 10 times and Q2_K once: you find Q8_0 better."
    )


def test_nobody_preferred_and_nobody_asked() -> None:
    assert verdict(["a", "b"], []) == "You have not voted yet."
    assert verdict(["a", "b"], ["tie"]) == "In 1 prompt you preferred none: no difference you can see."


def test_of_four_all_are_told() -> None:
    votes: list[Vote] = [3, 3, 2, 0]
    assert verdict(["Q2_K", "Q3_K_M", "Q4_K_M", "Q8_0"], votes) == (
        "In 4 prompts you preferred Q8_0 2 times, Q2_K once, Q4_K_M once and Q3_K_M never: no difference you can see."
    )


def test_places_are_shuffled_and_the_same_again() -> None:
    orders = [tuple(shuffled(2, prompt, seed=7)) for prompt in range(200)]
    assert orders == [tuple(shuffled(2, prompt, seed=7)) for prompt in range(200)]
    # With a fair coin fewer than 60 or more than 140 of 200 come once in a hundred million runs.
    assert 60 < orders.count((0, 1)) < 140
    assert all(sorted(shuffled(4, prompt, seed=7)) == [0, 1, 2, 3] for prompt in range(20))


@pytest.mark.parametrize(("wins", "votes"), [(9, 16), (2, 3), (5, 7), (499, 990)])
def test_with_so_many_votes_a_share_is_told_from_chance_and_not_with_one_less(wins: int, votes: int) -> None:
    needed = votes_needed(wins, votes)
    assert needed is not None

    def low(count: int) -> float:  # the middle and the reach of Wilson's interval, written out
        share, z2 = wins / votes, 1.959963985**2
        reach = (z2 * share * (1 - share) / count + z2 * z2 / (4 * count * count)) ** 0.5
        return (share + z2 / (2 * count) - reach) / (1 + z2 / count)

    assert low(needed) > 0.5 >= low(needed - 1)


def test_no_number_of_votes_tells_a_half_from_chance() -> None:
    assert votes_needed(4, 8) is None


def test_what_was_skipped_is_not_counted() -> None:
    assert (
        verdict(["a", "b"], ["skipped", "tie"])
        == "In 1 prompt you preferred none: no difference you can see."
    )
    assert verdict(["a", "b"], ["skipped"]) == "You have not voted yet."
