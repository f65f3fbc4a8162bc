"""How the next token is chosen: the settings of llama.cpp's samplers, under the names and with the defaults of
llama.cpp's server (which are those of its `common_params_sampling`)."""

from __future__ import annotations

import msgspec


class TokenBias(msgspec.Struct, frozen=True):
    """`bias` is added to the logit of a token before anything else is done with it: 0 changes nothing, -100 all
    but forbids it. `token` is an id, or a text: then each token that llama.cpp makes of it gets the bias."""

    token: int | str
    bias: float


def read_bias(text: str) -> TokenBias:
    """As a person writes it: `42=-5` for token 42, ` llama=1.5` for the tokens of a text. Raises ValueError."""
    token, _, bias = text.rpartition("=")
    if not token:
        raise ValueError(f"{text[:40]!r} is not TOKEN=BIAS")
    return TokenBias(int(token) if token.isascii() and token.isdecimal() else token, float(bias))


def write_bias(bias: TokenBias) -> str:
    return f"{bias.token}={bias.bias:g}"


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """The sampler chain, in llama.cpp's order: logit bias, penalties, DRY, top-n-sigma, top-k, typical, top-p,
    min-p, XTC, temperature, and a draw with `seed`. A default of 0 or 1 is "off" where nothing else is said.

    `temperature` divides the logits; 0 takes the likeliest token after bias, penalties and DRY, whatever all others
    say. Dynamic temperature (Zhu et al. 2023, arXiv 2309.02772): with a `dynatemp_range` above 0 it moves between
    `temperature` - range and + range with the entropy of the candidates, to the power of `dynatemp_exponent`.

    `top_k` keeps so many of the likeliest tokens; `top_p` the likeliest that together have this probability
    (nucleus sampling, Holtzman et al. 2019, arXiv 1904.09751); `min_p` those with at least this share of the
    likeliest one's probability (Nguyen et al. 2024, arXiv 2407.01082); `typical_p` those whose information is
    nearest to the expected, up to this probability (Meister et al. 2022, arXiv 2202.00666); `top_n_sigma` those
    whose logit is within so many standard deviations of the largest, -1 and 0: off (Tang et al. 2024, arXiv
    2411.07641). With `xtc_probability`, all but the least likely of the tokens above `xtc_threshold` are
    left out ("Exclude Top Choices", p-e-w 2024, text-generation-webui 6335); a threshold above 0.5 is off.

    Penalties look at the last `repeat_last_n` tokens of the answer (0: off): `repeat_penalty` divides a positive
    logit of a token among them and multiplies a negative one (1: off; Keskar et al. 2019, arXiv 1909.05858),
    `frequency_penalty` is subtracted from it once for each time it came up, `presence_penalty` once. DRY
    ("Don't Repeat Yourself", p-e-w 2024, text-generation-webui 5677) subtracts `dry_multiplier` *
    `dry_base` ^ (length - `dry_allowed_length`) from what would extend a repetition of that length, in tokens,
    among the last `dry_penalty_last_n` (0: off); no repetition runs across one of `dry_sequence_breakers`.

    `mirostat` 1 or 2 (Basu et al. 2020, arXiv 2007.14966) takes the place of everything but logit bias and
    temperature: it holds the surprise of each token near `mirostat_tau`, in bits, and corrects itself by
    `mirostat_eta` of what it missed.

    `seed` is any number; what it came to is in the answer's statistics. `max_tokens` 0: until the model ends or
    the context is full. The answer ends before the first of the texts in `stop`. It follows `grammar`, in
    llama.cpp's GBNF from the rule `root`, or is JSON after `json_schema`, a JSON Schema as text; "" is off, and
    not both.
    """

    temperature: float = 0.8
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: tuple[TokenBias, ...] = ()
    seed: int = 0
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""
    json_schema: str = ""
