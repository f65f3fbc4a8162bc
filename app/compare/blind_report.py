"""What came out of a blind test as Markdown, to be kept or shown to others."""

from __future__ import annotations

from collections.abc import Sequence

from app.chat.export.markdown import escaped
from app.compare.ballot import Ballot
from app.compare.blind_results import BlindResult, blind_result, is_right, results_by_kind, told_names
from app.compare.session import SessionModel
from app.compare.votes import Share

MOST_PROMPT = 160
_VOTES = {"tie": "tie", "both bad": "none was good", "skipped": "no vote", None: "no vote"}


def blind_report(models: Sequence[SessionModel], ballot: Ballot) -> str:
    """The sentence, a table of all models, and one of all prompts; answers are in the session's own export."""
    names = told_names(models)
    result = blind_result(names, ballot)
    lines = [escaped(result.sentence), "", *_table([model.title for model in models], result), ""]
    lines += [f"Ties: {result.ties}. None was good: {result.both_bad}. Without a vote: {result.not_voted}."]
    for title, each in results_by_kind(names, ballot).items():
        lines += ["", f"**{escaped(title)}**: {escaped(each.sentence)}"]
    lines += ["", "| Prompt | Vote | Right |", "|---|---|---|"]
    for number in range(len(ballot)):
        vote = ballot.vote_of(number)
        told = names[vote] if isinstance(vote, int) else _VOTES[vote]
        right = [name for model, name in enumerate(names) if is_right(ballot, number, model)]
        known = any(is_right(ballot, number, model) is not None for model in range(ballot.panes))
        prompt = ballot.turns[number].prompt
        if len(prompt) > MOST_PROMPT:
            prompt = f"… {prompt[-MOST_PROMPT:]}"  # a long document by its end, where the question is
        cells = (prompt, told, (", ".join(right) or "none") if known else "")
        lines.append(f"| {' | '.join(map(escaped, cells))} |")
    return "\n".join(lines) + "\n"


def _table(titles: Sequence[str], result: BlindResult) -> list[str]:
    head = ["Model", "Preferred", "95 % interval"]
    if result.right is not None:
        head += ["Right answers", "95 % interval"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for model, title in enumerate(titles):
        cells = [escaped(title), *_cells(result.preferred[model])]
        if result.right is not None:
            cells += _cells(result.right[model])
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cells(share: Share) -> list[str]:
    return [f"{share.wins} of {share.votes}", f"{100 * share.low:.0f} % to {100 * share.high:.0f} %"]
