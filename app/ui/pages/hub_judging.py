"""How models of the Hub would run on this computer, told to lists by jobs: the latest question wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.jobs import JobControl
from app.ui.pages.hub_result_rows import Result

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.gguf import ModelFacts
    from app.hub import FoundModel, HubRepository, Variant
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit
    from app.recommend.need import Need
    from app.recommend.staircase import Staircase


@dataclass(frozen=True)
class Circumstances:
    """What verdicts are for: this computer as it is now, and a context in tokens."""

    staircases: tuple[Staircase, ...]
    budget: Budget
    context: int


@dataclass(frozen=True)
class Judgement:
    """How one variant would run. `need` where its header was read, so that `fit` is exact."""

    fit: Fit
    need: Need | None = None


def judge_results(
    models: Sequence[FoundModel], read: Mapping[str, tuple[str, ModelFacts]], here: Circumstances
) -> Callable[[JobControl], list[Result]]:
    """The work of a job. `read`: by repository, which of its variants' headers was read last, and what it says."""

    def work(control: JobControl) -> list[Result]:
        from app.hub.verdict import Verdicts
        from app.runtime.protocol import LoadSettings

        verdicts = Verdicts(here.staircases, here.budget, LoadSettings(context_length=here.context))
        results = []
        for model in models:
            control.cancel.raise_if_cancelled()
            known = read.get(model.id)
            if known is not None:
                results.append(Result(model, _exactly(known[1], here).fit, known[0]))
            else:
                results.append(Result(model, verdicts.of_found(model)))
        return results

    return work


def judge_variants(
    repository: HubRepository,
    variants: Sequence[Variant],
    facts: Mapping[str, ModelFacts],
    here: Circumstances,
) -> Callable[[JobControl], dict[str, Judgement]]:
    """The work of a job. By label, as `facts` are of those of its `variants` whose header was read."""

    def work(control: JobControl) -> dict[str, Judgement]:
        from app.hub.verdict import Verdicts
        from app.runtime.protocol import LoadSettings

        verdicts = Verdicts(here.staircases, here.budget, LoadSettings(context_length=here.context))
        judged = {}
        for variant in variants:
            control.cancel.raise_if_cancelled()
            known = facts.get(variant.label)
            if known is not None:
                judged[variant.label] = _exactly(known, here)
            else:
                judged[variant.label] = Judgement(verdicts.of_variant(repository, variant))
        return judged

    return work


def _exactly(facts: ModelFacts, here: Circumstances) -> Judgement:
    from app.recommend.fit import fit
    from app.recommend.need import need_of
    from app.runtime.protocol import LoadSettings

    context = min(here.context, facts.context_length or here.context)
    need = need_of(facts, LoadSettings(context_length=context))
    return Judgement(fit(need, here.budget), need)
