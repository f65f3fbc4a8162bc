"""The sampling options that chat and compare share."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from app.cli.numbers import finite
from app.runtime import Sampling
from app.runtime.model import SEEDS

SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Same seed, same answer; else a new one each time.")
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", min=0.0, callback=finite, help="0 takes the likeliest token.")
]
MaxTokensOption = Annotated[
    int, typer.Option("--max-tokens", min=0, max=2**31 - 1, help="At most this many; 0 for no limit.")
]
SystemOption = Annotated[str, typer.Option("--system", help="A system prompt.")]


def sampling_from(seed: int | None, temperature: float, max_tokens: int) -> Sampling:
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    return Sampling(seed=chosen, temperature=temperature, max_tokens=max_tokens)
