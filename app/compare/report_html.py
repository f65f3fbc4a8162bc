"""A comparison's session as one HTML page that needs nothing else: answers side by side, what differs marked, pictures
of where models part ways, results of blind tests. No script, nothing from anywhere, light and dark, on paper.

Names and texts are hostile: see `html_text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.chat.export.exported import when
from app.chat.export.html_text import page_begin, plain, rendered
from app.compare.divergence import divergence_figures
from app.compare.report_charts import coloured_tokens, strip_chart, vote_bars
from app.compare.rows import Part, Row, rows_of
from app.compare.session import BlindTest, MeasuredDivergence, Session, SessionAnswer, SessionTurn
from app.compare.token_words import nats
from app.compare.votes import share_of, verdict
from app.core.units import format_bytes, format_duration

LETTERS = "ABCDE"
MOST_ALIGNED = 200_000
"""Characters of answers that are put side by side line by line; longer ones are whole above."""

_STYLE = """
:root { --mark: #fde2b8; --mark-text: #1d1d1f; --warm: 214, 120, 0; --bar: #8a9199;
  --flip: #c5221f; --accent: #2f6fde; }
@media (prefers-color-scheme: dark) {
  :root { --mark: #5b4318; --mark-text: #fff; --warm: 230, 150, 50; --bar: #767c84;
    --flip: #f28b82; --accent: #8ab4f8; }
}
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem; background: var(--back); color: var(--text);
  font: 15px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .5rem; }
header, .soft { color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); font-size: .85rem; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.prompt { background: var(--fill); border-radius: .75rem; padding: .75rem 1rem; }
.plain { white-space: pre-wrap; unicode-bidi: plaintext; }
.panes { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); margin: 1rem 0; }
.pane { border: 1px solid var(--line); border-radius: .75rem; padding: .75rem 1rem; min-width: 0;
  unicode-bidi: isolate; }
.pane > h3 { margin: 0 0 .5rem; }
.problem { color: var(--flip); }
.rows { table-layout: fixed; }
.rows td { white-space: pre-wrap; unicode-bidi: plaintext; border-left: 1px solid var(--line); }
.rows tr.same { color: var(--soft); }
mark { background: var(--mark); color: var(--mark-text); text-decoration: underline; }
pre { background: var(--fill); border-radius: .5rem; padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap; }
code { font: .9em ui-monospace, monospace; }
.pane table { display: block; overflow-x: auto; }
svg { display: block; width: 100%; }
.tokens { white-space: pre-wrap; font-family: ui-monospace, monospace; font-size: .9em; line-height: 1.9; }
.tokens u { text-decoration-color: var(--flip); text-decoration-thickness: 2px; }
details > summary { cursor: pointer; color: var(--soft); margin: .75rem 0; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  .pane, tr { break-inside: avoid-page; }
}
"""


def report(session: Session) -> Iterator[str]:
    """In pieces, to be written one after the other."""
    title = session.title or "Comparison"
    yield page_begin(title, _STYLE)
    yield f"""<h1 dir="auto">{plain(title)}</h1>
<header>Comparison by Nibble, {plain(when(session.created_at))}{_settings(session)}</header>
"""
    if session.problem:
        yield f'<p class="problem">{plain(session.problem)}</p>\n'
    yield _models(session)
    for number, test in enumerate(session.blind_tests):
        yield _blind_test(test, session, number)
    for number, turn in enumerate(session.turns):
        yield from _turn(session, number, turn)
    yield "</body>\n</html>\n"


def _settings(session: Session) -> str:
    sampling = session.sampling
    limit = f"{sampling.max_tokens:,} tokens at most" if sampling.max_tokens else "no limit of tokens"
    return f"; temperature {sampling.temperature:g}, seed {sampling.seed}, {limit}"


def _models(session: Session) -> str:
    rows = [
        [
            LETTERS[index],
            plain(model.title),
            format_bytes(model.file_bytes) if model.file_bytes is not None else "–",
            f"{model.bits_per_weight:.2f}" if model.bits_per_weight else "–",
        ]
        for index, model in enumerate(session.models)
    ]
    return "<h2>Models</h2>\n" + _table(["", "Model", "File", "Bits per weight"], rows, numbers=(2, 3))


def _turn(session: Session, number: int, turn: SessionTurn) -> Iterator[str]:
    yield f"<h2>Prompt {number + 1}</h2>\n"
    yield f'<div class="prompt plain">{plain(turn.prompt)}</div>\n'
    given = [
        (index, pane.answer)
        for index, pane in enumerate(turn.panes)
        if pane is not None and pane.answer is not None
    ]
    yield '<div class="panes">\n'
    for index, answer in given:
        yield _answer(session, index, answer)
    yield "</div>\n"
    yield _figures(session, given)
    yield _differences(session, given)
    for measured in session.divergences:
        if measured.turn == number and max(measured.reference, measured.other) < len(session.models):
            yield _divergence(session, measured)


def _answer(session: Session, index: int, answer: SessionAnswer) -> str:
    problem = f'<p class="problem">{plain(answer.problem)}</p>' if answer.problem else ""
    branch = (
        f'<p class="soft">What if: another token at {answer.left_from.token + 1:,}</p>'
        if answer.left_from
        else ""
    )
    return (
        f'<article class="pane"><h3 dir="auto">{LETTERS[index]}  {plain(session.models[index].title)}</h3>\n'
        f'{branch}<div dir="auto">{rendered(answer.text)}</div>{problem}</article>\n'
    )


def _figures(session: Session, given: Sequence[tuple[int, SessionAnswer]]) -> str:
    rows = []
    for index, answer in given:
        figures = answer.statistics
        if figures is None:
            rows.append([LETTERS[index], *["–"] * 5, plain(answer.finish_reason)])
            continue
        rows.append(
            [
                LETTERS[index],
                f"{figures.tokens:,}",
                f"{figures.tokens_per_s:.1f}" if figures.tokens > 1 else "–",
                format_duration(figures.time_to_first_token_s) if figures.tokens else "–",
                f"{figures.prompt_tokens_per_s:.0f}" if figures.prompt_tokens_per_s else "–",
                format_bytes(figures.memory_bytes),
                plain(answer.finish_reason),
            ]
        )
    heads = ["", "Tokens", "Tokens/s", "First token", "Prompt tokens/s", "Memory", "Ended"]
    return _table(heads, rows, numbers=(1, 2, 3, 4, 5))


def _differences(session: Session, given: Sequence[tuple[int, SessionAnswer]]) -> str:
    texts = [answer.text for _, answer in given]
    if len(texts) < 2 or sum(map(len, texts)) > MOST_ALIGNED:
        return ""
    if len(set(texts)) == 1:
        return '<p class="soft">The answers are identical.</p>\n'
    rows = rows_of(texts)
    parted = sum(not row.same for row in rows)
    heads = "".join(f"<th>{LETTERS[index]}</th>" for index, _ in given)
    body = "".join(map(_row, rows))
    return (
        f"<details open><summary>Side by side: {parted} of {len(rows)} lines differ</summary>\n"
        f'<table class="rows"><tr>{heads}</tr>\n{body}</table></details>\n'
    )


def _row(row: Row) -> str:
    cells = "".join(f"<td>{_marked(part)}</td>" for part in row.parts)
    return f"<tr{' class=same' if row.same else ''}>{cells}</tr>\n"


def _marked(part: Part) -> str:
    pieces = []
    at = 0
    for start, end in part.differs:
        pieces += [plain(part.text[at:start]), f"<mark>{plain(part.text[start:end])}</mark>"]
        at = end
    return "".join([*pieces, plain(part.text[at:])]).rstrip("\n")


def _divergence(session: Session, measured: MeasuredDivergence) -> str:
    reference, other = (LETTERS[index] for index in (measured.reference, measured.other))
    figures = divergence_figures(measured.tokens)
    parted = (
        f"they first part at token {figures.first_flip + 1:,}"
        if figures.first_flip is not None
        else "they never part ways"
    )
    divergences = (figures.mean_kl, figures.median_kl, figures.kl_90, figures.kl_99, figures.maximum_kl)
    perplexities = (figures.reference_perplexity, figures.other_perplexity)
    rows = [[*map(nats, divergences), f"{figures.flips:,}", *(f"{each:.3f}" for each in perplexities)]]
    heads = ["Mean", "Median", "90 %", "99 %", "Most", "Flips"]
    heads += [f"Perplexity of {reference}", f"Perplexity of {other}"]
    return (
        f"<h3>{other} beside {reference}, token by token</h3>\n"
        f"<p>Both find the same token likeliest at {100 * figures.same_top_rate:.1f} % of {figures.tokens:,} places;"
        f' {parted}. <span class="soft">KL divergence in nats, over the whole vocabulary.</span></p>\n'
        f"{_table(heads, rows, numbers=range(len(heads)))}"
        f"{strip_chart(measured.tokens)}\n"
        f"<details><summary>The answer of {LETTERS[measured.written_by]}: the stronger the colour, the more the models"
        " differ; underlined where the other would have written something else; pointed at, both lists</summary>\n"
        f'<div class="tokens">{coloured_tokens(measured.tokens)}</div></details>\n'
    )


def _blind_test(test: BlindTest, session: Session, number: int) -> str:
    names = [model.title for model in session.models]
    shares = [share_of(model, test.votes) for model in range(len(names))]
    rows = [
        [
            plain(name),
            f"{share.wins:,} of {share.votes:,}",
            f"{100 * share.low:.0f} to {100 * share.high:.0f} %" if share.votes else "–",
            vote_bars(share),
        ]
        for name, share in zip(names, shares, strict=True)
    ]
    ties, bad = test.votes.count("tie"), test.votes.count("both bad")
    of = f", {plain(test.prompt_set)}" if test.prompt_set else ""
    return (
        f"<h2>Blind test {number + 1}{of}</h2>\n<p>{plain(verdict(names, test.votes))}</p>\n"
        + _table(["Model", "Preferred", "With 95 % confidence", ""], rows, numbers=(1, 2))
        + f'<p class="soft">Ties: {ties:,}; none was good: {bad:,}. Intervals by Wilson\'s score.</p>\n'
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="number"' if column in numbers else "" for column in range(len(cells))]
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "".join(f"<tr>{row(cells, 'td')}</tr>\n" for cells in rows)
    return f"<table><tr>{row(heads, 'th')}</tr>\n{body}</table>\n"
