"""Pictures of a report, as HTML and SVG that stand in the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.chat.export.html_text import plain
from app.compare.token_words import nats, percent, strength, texts, visible
from app.compare.votes import Share
from app.runtime.protocol import TokenDivergence, TokenView

HEIGHT = 60
MOST_BARS = 1200
_FAINTEST_BAR = 2


def strip_chart(tokens: Sequence[TokenDivergence]) -> str:
    """A bar for each token, as high as the models differ there; of too many the one that differs most."""
    bars = min(len(tokens), MOST_BARS)
    drawn = []
    for bar in range(bars):
        first, last = bar * len(tokens) // bars, (bar + 1) * len(tokens) // bars
        shown = max(tokens[first : max(last, first + 1)], key=lambda token: strength(token.kl_divergence))
        height = max(strength(shown.kl_divergence) * HEIGHT, _FAINTEST_BAR)
        colour = "var(--bar)" if shown.same_top else "var(--flip)"
        drawn.append(
            f'<rect x="{bar}" y="{HEIGHT - height:.1f}" width="0.8" height="{height:.1f}" fill="{colour}">'
            f"<title>{plain(visible(shown.text))}: {nats(shown.kl_divergence)}</title></rect>"
        )
    return (
        f'<svg role="img" aria-label="How much the models differ at each token" height="{HEIGHT}"'
        f' viewBox="0 0 {max(bars, 1)} {HEIGHT}" preserveAspectRatio="none">{"".join(drawn)}</svg>'
    )


def coloured_tokens(tokens: Sequence[TokenDivergence]) -> str:
    """The text, each token on a ground as strong as the models differ; both lists of the likeliest in its tip."""
    return "".join(_token(token, text) for token, text in zip(tokens, texts(tokens), strict=True))


def vote_bars(share: Share) -> str:
    """How often one was preferred, and between which shares the true one lies."""
    if not share.votes:
        return ""
    wins = share.wins / share.votes
    return (
        '<svg role="img" height="16" viewBox="0 0 100 16" preserveAspectRatio="none" aria-label="Share of the votes">'
        f'<rect x="0" y="4" width="{100 * wins:.1f}" height="8" fill="var(--accent)"/>'
        f'<rect x="{100 * share.low:.1f}" y="7.5" width="{100 * (share.high - share.low):.1f}" height="1"'
        ' fill="var(--text)"/><rect x="49.9" y="0" width="0.2" height="16" fill="var(--soft)"/></svg>'
    )


def _token(token: TokenDivergence, text: str) -> str:
    if not text:  # a part of a character that the next token completes
        return ""
    share = strength(token.kl_divergence)
    style = f' style="background: rgba(var(--warm), {0.08 + 0.42 * share:.2f})"' if share else ""
    tag = "span" if token.same_top else "u"
    tip = f"KL divergence {nats(token.kl_divergence)}\n{_list('Here', token.reference)}\n{_list('Other', token.other)}"
    return f'<{tag}{style} title="{plain(tip)}">{plain(text)}</{tag}>'


def _list(name: str, view: TokenView) -> str:
    known = [each for each in view.likeliest if not math.isnan(each.log_probability)]
    likeliest = ", ".join(f"{visible(each.text)} {percent(each.log_probability)}" for each in known)
    return f"{name}: number {view.rank + 1:,}, {percent(view.log_probability)} of: {likeliest}"
