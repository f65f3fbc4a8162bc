"""The options of all samplers, under the names of llama.cpp's own programs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.cli.numbers import finite
from app.core.errors import WrongChoice, from_os_error
from app.runtime.sampling import Sampling, TokenBias, read_bias
from app.runtime.sampling_limits import LIMITS, require_possible

_PANEL = "Samplers"
_NUMBERS = {
    "dynatemp_range": "The temperature moves by up to so much, with how sure the model is; 0 is off.",
    "dynatemp_exponent": "How it moves: entropy to this power.",
    "top_k": "Only this many of the likeliest tokens; 0 is off.",
    "top_p": "Only the likeliest tokens that together have this probability; 1 is off.",
    "min_p": "Only tokens with this share of the likeliest one's probability; 0 is off.",
    "typical_p": "Only tokens about as surprising as expected, up to this probability; 1 is off.",
    "top_n_sigma": "Only tokens within so many standard deviations of the largest logit; -1 is off.",
    "xtc_probability": "How often the likeliest tokens are left out; 0 is off.",
    "xtc_threshold": "From which probability on they are; above 0.5 is off.",
    "repeat_penalty": "Makes tokens that came up less likely; 1 is off.",
    "repeat_last_n": "How many tokens back penalties look.",
    "frequency_penalty": "Subtracted for each time a token came up; 0 is off.",
    "presence_penalty": "Subtracted once if a token came up; 0 is off.",
    "dry_multiplier": "Makes longer repetitions less likely (DRY); 0 is off.",
    "dry_base": "How fast that grows with their length.",
    "dry_allowed_length": "Up to which length they are allowed, in tokens.",
    "dry_penalty_last_n": "How many tokens back DRY looks.",
    "mirostat": "Holds the level of surprise, in place of the samplers above: 1, 2, or 0 for off.",
    "mirostat_tau": "At how many bits.",
    "mirostat_eta": "How fast it corrects itself.",
}
"""In the order of the help."""


def sampler_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `command` these options, and instead of them, as `samplers`, a Sampling of what they say."""

    @functools.wraps(command)
    def run(**options: Any) -> None:
        numbers = {name: options.pop(name) for name in _NUMBERS}
        sampling = Sampling(
            **numbers,
            dry_sequence_breakers=tuple(
                options.pop("dry_sequence_breaker") or Sampling().dry_sequence_breakers
            ),
            logit_bias=tuple(map(_bias, options.pop("logit_bias") or ())),
            stop=tuple(options.pop("stop") or ()),
            grammar=_text_of(options.pop("grammar_file")),
            json_schema=_text_of(options.pop("json_schema_file")),
        )
        require_possible(sampling)  # before a model is loaded for it
        command(**options, samplers=sampling)

    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [*(each for each in own if each.name != "samplers"), *_parameters()]
    # Where typer reads options from.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def with_choices(samplers: Sampling, seed: int, temperature: float, max_tokens: int) -> Sampling:
    """`samplers` with what options say that other commands have, too."""
    return msgspec.structs.replace(samplers, seed=seed, temperature=temperature, max_tokens=max_tokens)


def _parameters() -> list[inspect.Parameter]:
    parameters = [_number(name, explanation) for name, explanation in _NUMBERS.items()]
    texts = list[str] | None
    for name, kind, explanation in (
        ("dry_sequence_breaker", texts, "No repetition runs across this text; may be given several times."),
        (
            "logit_bias",
            texts,
            "TOKEN=BIAS: added to the logit of a token (its number, or a text). Several times.",
        ),
        ("stop", texts, "The answer ends before this text; may be given several times."),
        ("grammar_file", Path | None, "The answer follows this grammar, in GBNF."),
        ("json_schema_file", Path | None, "The answer is JSON that follows this schema."),
    ):
        option = typer.Option(_flag(name), help=explanation, rich_help_panel=_PANEL)
        parameters.append(_parameter(name, Annotated[kind, option], None))
    return parameters


def _number(name: str, explanation: str) -> inspect.Parameter:
    limits = LIMITS[name]
    kind = int if limits.whole else float
    option = typer.Option(
        _flag(name),
        min=kind(limits.least),
        max=kind(limits.most),
        help=explanation,
        rich_help_panel=_PANEL,
        callback=None if limits.whole else finite,
    )
    return _parameter(name, Annotated[kind, option], getattr(Sampling(), name))


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _bias(text: str) -> TokenBias:
    try:
        return read_bias(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is not TOKEN=BIAS", param_hint="--logit-bias") from None


def _text_of(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise from_os_error(error, path) from error
    except UnicodeDecodeError as error:
        raise WrongChoice(f"{path} is not text in UTF-8.", "Choose another file.") from error
