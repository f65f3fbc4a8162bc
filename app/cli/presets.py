"""`--preset`: how answers are sampled where no other option says so."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.chat.presets import BUILT_IN, DEFAULT, OWN, recommended, values_of
from app.chat.saved_settings import SavedSettings
from app.core.errors import WrongChoice
from app.gguf import ModelFacts
from app.gguf.recommended_sampling import recommended_sampling
from app.runtime.sampling import Sampling

RECOMMENDED = "recommended"

PresetOption = Annotated[
    str,
    typer.Option(
        "--preset",
        help="How to sample where no option says otherwise: recommended (by the model's maker, or else balanced), "
        f"{', '.join(BUILT_IN)}, or the name of one that you saved.",
    ),
]
_OPTIONS = {
    "dry_sequence_breakers": "dry_sequence_breaker",
    "grammar": "grammar_file",
    "json_schema": "json_schema_file",
}
"""Where an option has another name than its field of `Sampling`."""


def preset_named(name: str, facts: ModelFacts, database: Path) -> Sampling:
    """Raises WrongChoice where there is none of that name."""
    wanted = name.strip().casefold()
    if wanted == RECOMMENDED:
        return values_of(DEFAULT, {}, recommended(recommended_sampling(facts.metadata)))
    if wanted in BUILT_IN:
        return BUILT_IN[wanted]
    with closing(SavedSettings(database)) as saved:
        own = saved.presets()
    for title in own:
        if title.casefold() == wanted:
            return values_of(OWN + title, own, None)
    known = ", ".join((RECOMMENDED, *BUILT_IN, *own))
    raise WrongChoice(f"There is no preset {name[:60]!r}.", f"Choose one of {known}.")


def with_preset(preset: Sampling, said: Sampling, invocation: typer.Context) -> Sampling:
    """`preset` with what the person wrote on the command line, and the seed, from `said`."""
    written: dict[str, Any] = {
        field.name: getattr(said, field.name)
        for field in msgspec.structs.fields(Sampling)
        if _is_written(invocation, _OPTIONS.get(field.name, field.name))
    }
    return msgspec.structs.replace(preset, **written | {"seed": said.seed})


def _is_written(invocation: typer.Context, option: str) -> bool:
    source = invocation.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
