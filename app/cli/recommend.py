"""`nibble recommend`: which quantization of a model, or which models, for a computer."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from app.cli.machines import MachineOption, machine_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import EnvironmentFault, UnknownModel
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.recommend.budget import Budget, budget_of
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.choose import Recommendation, Step
from app.recommend.kept_sizes import kept_file
from app.recommend.ranking import Choice, rank
from app.recommend.staircase import keep_staircases, staircases_of
from app.runtime.protocol import LoadSettings
from app.storage import data_folder

_SHOWN = 20


@engine_command
def recommend(
    model: Annotated[
        str | None, typer.Argument(help="A model of the catalogue by its name; all of them without.")
    ] = None,
    context: Annotated[int, typer.Option(min=1, max=1 << 24, help="Context length in tokens.")] = 4096,
    machine: MachineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend a quantization of a model, or the models that suit this computer."""
    budget = budget_of(machine_named(machine))
    settings = LoadSettings(context_length=context)
    if model is None:
        found = _all(budget, settings)
        steps = [(choice, choice.recommendation.best) for choice in found]
    else:
        (staircase,) = staircases_of([_named(model)])
        choice = staircase.choice(budget, staircase.settings(context))
        order = range(len(choice.recommendation.steps))
        steps = [(choice, index) for index in sorted(order, key=lambda i: i != choice.recommendation.best)]
    if as_json:
        print_json({"context_tokens": context, "choices": [_document(*each) for each in steps]})
    else:
        print(printable(_text(steps if model else steps[:_SHOWN], single=model is not None), lines=True))


def _all(budget: Budget, settings: LoadSettings) -> tuple[Choice, ...]:
    """The whole catalogue; seconds the first time, then from what was kept."""
    kept = kept_file(data_folder().create())

    def work(control: JobControl) -> tuple[Choice, ...]:
        staircases = staircases_of(read_catalogue(), control, kept)
        found = rank(each.choice(budget, settings) for each in staircases)
        with suppress(EnvironmentFault):
            keep_staircases(staircases, kept)
        return found

    return run_job("look at the catalogue", work)


def _named(words: str) -> CatalogueModel:
    """By id or name; a part of either where only one model has it. Raises UnknownModel."""
    wanted = words.casefold()
    models = read_catalogue()
    exact = [each for each in models if wanted in (each.id.casefold(), each.name.casefold())]
    found = exact or [each for each in models if wanted in f"{each.id} {each.name}".casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownModel(
            f"There is no model called {words} in the catalogue.", "nibble recommend lists what suits you."
        )
    names = ", ".join(each.id for each in found[:8])
    raise UnknownModel(f"{len(found)} models of the catalogue are called so: {names}.", "Name one of them.")


def _document(choice: Choice, index: int) -> dict[str, Any]:
    chosen = choice.recommendation
    step = chosen.steps[index]
    return {
        "model": choice.model.name,
        "id": choice.model.id,
        "repository": choice.model.repository,
        "quantization": step.quantization,
        "recommended": index == chosen.best,
        "verdict": str(step.fit.verdict),
        "file_bytes": step.file_bytes,
        "total_bytes": step.need.total_bytes,
        "gpu_layers": step.fit.gpu_layers,
        "accelerator_bytes": step.fit.accelerator_bytes,
        "memory_bytes": step.fit.memory_bytes,
        "free_bytes": step.fit.free_bytes,
        "tokens_per_s": round(step.fit.speed.middle, 2),
        "tokens_per_s_range": [round(step.fit.speed.low, 2), round(step.fit.speed.high, 2)],
        "speed_basis": "measured" if step.fit.speed.is_measured else "estimated",
        "kl_divergence": round(step.loss.kl_divergence, 5),
        "expected_loss": step.loss.words,
        "loss_source": step.loss.source,
        "reason": _reason(chosen, index),
        "warning": chosen.warning if index == chosen.best else "",
    }


def _reason(chosen: Recommendation, index: int) -> str:
    if index == chosen.best:
        return chosen.reason
    step = chosen.steps[index]
    return f"{step.quantization}: {step.fit.verdict}, {step.loss.words}."


def _text(steps: list[tuple[Choice, int]], *, single: bool) -> str:
    lines = [_line(choice, choice.recommendation.steps[index], single) for choice, index in steps]
    if single and steps:
        chosen = steps[0][0].recommendation
        lines += ["", chosen.reason, *([chosen.warning] if chosen.warning else [])]
    return "\n".join(lines)


def _line(choice: Choice, step: Step, single: bool) -> str:
    speed = step.fit.speed
    name = "" if single else f"{choice.model.name[:30]:<31}"
    return (
        f"{name}{step.quantization:<10} {format_bytes(step.file_bytes):>8}  "
        f"{format_bytes(step.need.total_bytes):>8} in use  ~{speed.low:.0f}-{speed.high:.0f} tok/s  "
        f"{step.fit.verdict}, {step.loss.words}"
    )
