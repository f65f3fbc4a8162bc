"""How two models differ at one token of a text."""

from __future__ import annotations

import msgspec

from app.runtime.protocol.generation import TokenProbability


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """What one model expects at a token's place. `log_probability` of the token (natural logarithm), the `rank` of the
    token among all of the vocabulary (0: none is likelier), and the `likeliest` ones, the first first."""

    log_probability: float
    rank: int
    likeliest: tuple[TokenProbability, ...]


class TokenDivergence(msgspec.Struct, frozen=True, kw_only=True):
    """At the place of `token`, whose bytes are `text`.

    `kl_divergence` in nats, of the reference's distribution from the other's: the sum over the vocabulary of
    p (ln p - ln q). Not a number where the logits of either are none.
    """

    token: int
    text: bytes
    kl_divergence: float
    reference: TokenView
    other: TokenView

    @property
    def same_top(self) -> bool:
        """Whether both find the same token likeliest."""
        return self.reference.likeliest[0].token == self.other.likeliest[0].token
