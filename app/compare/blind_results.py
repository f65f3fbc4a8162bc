"""What came out of a blind test, for each model and in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.compare.ballot import Ballot
from app.compare.prompt_sets import ComparePrompt
from app.compare.session import SessionModel
from app.compare.votes import Share, Vote, share_of, verdict, votes_needed, wilson_interval


@dataclass(frozen=True)
class BlindResult:
    """Models in the order of the session. `right`: of the answers to prompts whose right answer is known, how many are;
    None where none is known. `needed`: see `votes_needed`, for the two models preferred most; None also where the
    difference is beyond chance already."""

    sentence: str
    preferred: tuple[Share, ...]
    right: tuple[Share, ...] | None
    ties: int
    both_bad: int
    not_voted: int
    left_out: int
    needed: int | None

    @property
    def decided(self) -> int:
        """The votes for one of the models."""
        return self.preferred[0].votes


def told_names(models: Sequence[SessionModel]) -> list[str]:
    """How sentences call them: by what tells them apart."""
    quantizations = [model.quantization for model in models]
    alike = len({model.name for model in models}) == 1
    if alike and None not in quantizations and len(set(quantizations)) == len(models):
        return [quantization or "" for quantization in quantizations]
    titles = [model.title for model in models]
    return [
        f"{title} ({titles[:index].count(title) + 1})" if titles.count(title) > 1 else title
        for index, title in enumerate(titles)
    ]


def blind_result(names: Sequence[str], ballot: Ballot, numbers: Sequence[int] | None = None) -> BlindResult:
    """Of these prompts, or of all. `names`: of the models, as sentences call them."""
    counted = range(len(ballot)) if numbers is None else numbers
    known = [ballot.vote_of(number) for number in counted]
    votes: list[Vote] = ["skipped" if vote is None else vote for vote in known]
    left_out = sum(any(answer and answer.problem for answer in ballot.answers(number)) for number in counted)
    return BlindResult(
        sentence=verdict(names, votes),
        preferred=tuple(share_of(model, votes) for model in range(ballot.panes)),
        right=_right(ballot, counted),
        ties=votes.count("tie"),
        both_bad=votes.count("both bad"),
        not_voted=votes.count("skipped") - left_out,
        left_out=left_out,
        needed=_needed(ballot.panes, votes),
    )


def results_by_kind(names: Sequence[str], ballot: Ballot) -> dict[str, BlindResult]:
    """By the title of the list that prompts came from, where they came from several."""
    kinds = ballot.test.kinds
    titles = list(dict.fromkeys(kinds))
    if len(titles) < 2 or len(kinds) != len(ballot):
        return {}
    return {
        title: blind_result(names, ballot, [number for number, kind in enumerate(kinds) if kind == title])
        for title in titles
    }


def is_right(ballot: Ballot, number: int, model: int) -> bool | None:
    """Whether the model's answer to that prompt is right; None where nobody knows."""
    turn = ballot.turns[number]
    given = turn.panes[model]
    if given is None or given.answer is None or given.answer.problem:
        return None
    return ComparePrompt(turn.prompt, turn.facts).is_right(given.answer.text)


def _right(ballot: Ballot, numbers: Sequence[int]) -> tuple[Share, ...] | None:
    shares = []
    for model in range(ballot.panes):
        judged = [right for number in numbers if (right := is_right(ballot, number, model)) is not None]
        shares.append(Share(sum(judged), len(judged), *wilson_interval(sum(judged), len(judged))))
    return tuple(shares) if any(share.votes for share in shares) else None


def _needed(panes: int, votes: Sequence[Vote]) -> int | None:
    wins = sorted((votes.count(model) for model in range(panes)), reverse=True)
    both = wins[0] + wins[1]
    needed = votes_needed(wins[0], both) if both else None
    return needed if needed is not None and needed > both else None
