"""`nibble recommend`: which quantization of a model, or which models, for a computer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from app.cli.machines import MachineOption, budget_on, machine_named
from app.cli.models import guide_meant_by, model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import EnvironmentFault, UnknownModel, WrongChoice
from app.core.jobs import JobControl
from app.core.units import format_bytes, format_rates
from app.gguf import ModelFacts, read_facts
from app.library import means_path
from app.recommend.advice import advised
from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.choose import Alternative, Recommendation, Step
from app.recommend.file_staircase import FileStaircase
from app.recommend.kept_sizes import kept_file
from app.recommend.ranking import Choice, rank
from app.recommend.staircase import keep_staircases, staircases_of
from app.runtime.protocol import LoadSettings
from app.storage import data_folder

_SHOWN = 20


@dataclass(frozen=True)
class _Advice:
    """`identity`: what tells the model in JSON."""

    name: str
    identity: dict[str, str]
    recommendation: Recommendation


@engine_command
def recommend(
    model: Annotated[
        str | None,
        typer.Argument(help="A model of the catalogue, a path to a .gguf file or a name in the library."),
    ] = None,
    context: Annotated[int, typer.Option(min=1, max=1 << 24, help="Context length in tokens.")] = 4096,
    machine: MachineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend a quantization of a model, or the models that suit this computer."""
    budget = budget_on(machine_named(machine), machine)
    if model is None:
        found = [_of_choice(each) for each in _all(budget, LoadSettings(context_length=context))]
        steps = [(each, each.recommendation.best) for each in found]
    else:
        advice = _on(model, budget, context)
        best = advice.recommendation.best
        order = range(len(advice.recommendation.steps))
        steps = [(advice, index) for index in sorted(order, key=lambda index: index != best)]
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


def _on(reference: str, budget: Budget, context: int) -> _Advice:
    """The catalogue comes before the library, whose names are those of files. Raises UnknownModel, WrongChoice, and
    what reading a file raises."""
    if not means_path(reference) and guide_meant_by(reference) is None:
        found = _in_catalogue(reference)
        if len(found) == 1:
            return _of_model(found[0], budget, context)
        if found:
            names = ", ".join(each.id for each in found[:8])
            raise UnknownModel(
                f"{len(found)} models of the catalogue are called so: {names}.", "Name one of them."
            )
    facts = _file_named(reference)
    chosen = FileStaircase(facts).recommendation(budget, context)
    return _Advice(facts.path.stem, {"path": str(facts.path)}, chosen)


def _of_model(model: CatalogueModel, budget: Budget, context: int) -> _Advice:
    family = [each for each in read_catalogue() if each.family == model.family]
    staircases = staircases_of(family, kept=kept_file(data_folder().create()))
    staircase = next(each for each in staircases if each.model.id == model.id)
    return _of_choice(advised(staircase, staircases, budget, context))


def _of_choice(choice: Choice) -> _Advice:
    model = choice.model
    return _Advice(model.name, {"id": model.id, "repository": model.repository}, choice.recommendation)


def _in_catalogue(words: str) -> list[CatalogueModel]:
    """By id or name, or else a part of either."""
    wanted = words.casefold()
    models = read_catalogue()
    exact = [each for each in models if wanted in (each.id.casefold(), each.name.casefold())]
    return exact or [each for each in models if wanted in f"{each.id} {each.name}".casefold()]


def _file_named(reference: str) -> ModelFacts:
    try:
        entry = model_named(reference)
    except UnknownModel as fault:
        if means_path(reference):
            raise
        raise UnknownModel(
            f"There is no model called {reference} in the catalogue or in the library.",
            "nibble recommend lists what suits you, nibble list what is here.",
        ) from fault
    facts = read_facts(entry.path)
    if facts.kind != "model":
        raise WrongChoice(f"{entry.name}: {entry.why_no_chat}", "Choose a model.")
    return facts


def _document(advice: _Advice, index: int) -> dict[str, Any]:
    chosen = advice.recommendation
    is_best = index == chosen.best
    return {
        "model": advice.name,
        **advice.identity,
        **_step_document(chosen.steps[index]),
        "recommended": is_best,
        "reason": _reason(chosen, index),
        "warning": chosen.warning if is_best else "",
        "alternatives": [_alternative_document(each) for each in chosen.alternatives] if is_best else [],
    }


def _alternative_document(alternative: Alternative) -> dict[str, Any]:
    model = alternative.model
    return {
        "model": model.name if model else None,
        "id": model.id if model else None,
        "context_tokens": alternative.settings.context_length,
        "kv": alternative.settings.kv_type,
        **_step_document(alternative.step),
        "reason": alternative.reason,
    }


def _step_document(step: Step) -> dict[str, Any]:
    fit, speed = step.fit, step.fit.speed
    return {
        "quantization": step.quantization,
        "verdict": str(fit.verdict),
        "file_bytes": step.file_bytes,
        "total_bytes": step.need.total_bytes,
        "gpu_layers": fit.gpu_layers,
        "expert_layers_on_cpu": fit.expert_layers_in_memory,
        "accelerator_bytes": fit.accelerator_bytes,
        "memory_bytes": fit.memory_bytes,
        "free_bytes": fit.free_bytes,
        "tokens_per_s": round(speed.middle, 2),
        "tokens_per_s_range": [round(speed.low, 2), round(speed.high, 2)],
        "speed_basis": speed.basis,
        "kl_divergence": round(step.loss.kl_divergence, 5),
        "perplexity_increase": round(step.loss.perplexity_increase, 5),
        "expected_loss": step.loss.words,
        "loss_source": step.loss.source,
    }


def _reason(chosen: Recommendation, index: int) -> str:
    if index == chosen.best:
        return chosen.reason
    step = chosen.steps[index]
    return f"{step.quantization}: {step.fit.verdict}, {step.loss.words}."


def _text(steps: list[tuple[_Advice, int]], *, single: bool) -> str:
    lines = [_line(advice.name, advice.recommendation.steps[index], single) for advice, index in steps]
    if single and steps:
        chosen = steps[0][0].recommendation
        lines += ["", chosen.reason, *([chosen.warning] if chosen.warning else [])]
        if chosen.alternatives:
            lines += ["", "Or:", *(f"- {each.reason}" for each in chosen.alternatives)]
    return "\n".join(lines)


def _line(model: str, step: Step, single: bool) -> str:
    speed = step.fit.speed
    name = "" if single else f"{model[:30]:<31}"
    return (
        f"{name}{step.quantization:<10} {format_bytes(step.file_bytes):>8}  "
        f"{format_bytes(step.need.total_bytes):>8} in use  ~{format_rates(speed.low, speed.high)}"
        f"{' measured' if speed.is_measured else ''}  {step.fit.verdict}, {step.loss.words}"
    )
