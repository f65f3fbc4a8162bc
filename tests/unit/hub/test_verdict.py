"""Verdicts before any header is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.hub.client import Hub
from app.hub.documents import FileDocument, LfsDocument, ModelDocument
from app.hub.repository import HubRepository, describe_repository
from app.hub.search import FoundModel
from app.hub.verdict import Verdicts, known_among
from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.fit import Verdict
from app.recommend.staircase import Staircase, staircases_of
from app.runtime.protocol import LoadSettings

GB = 10**9
CARD = Budget(8 * GB, 24 * GB, 270e9, 50e9, is_shared=False)
SETTINGS = LoadSettings(context_length=4096)


@pytest.fixture(scope="module")
def staircase() -> Staircase:
    """Of a model with some eight billion parameters."""
    (model, *_) = [each for each in read_catalogue() if 7 * GB < each.parameters < 9 * GB and each.gguf]
    (staircase,) = staircases_of([model])
    return staircase


def repository(id: str, size: int) -> HubRepository:
    file = FileDocument("M-Q4_K_M.gguf", lfs=LfsDocument("a" * 64, size))
    return describe_repository(Hub("https://hub.test"), ModelDocument(id, siblings=[file]))


def verdict(verdicts: Verdicts, found: HubRepository) -> Verdict:
    return verdicts.of_variant(found, found.variants[0]).verdict


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [(3, Verdict.FITS), (5, Verdict.FITS), (14, Verdict.SPLIT), (100, Verdict.TOO_BIG)],
)
def test_size_alone_gives_a_first_verdict(gigabytes: int, expected: Verdict) -> None:
    assert verdict(Verdicts([], CARD, SETTINGS), repository("a/b", gigabytes * GB)) is expected


def test_a_model_of_the_catalogue_is_told_as_there(staircase: Staircase) -> None:
    size = next(each for each in staircase.sizes.quantizations if each.quantization == "Q4_K_M")
    (step,) = [
        each
        for each in staircase.choice(CARD, SETTINGS).recommendation.steps
        if each.quantization == "Q4_K_M"
    ]
    found = repository(staircase.model.gguf[0], size.file_bytes)
    told = Verdicts([staircase], CARD, SETTINGS).of_variant(found, found.variants[0])
    assert (told.verdict, told.gpu_layers) == (step.fit.verdict, step.fit.gpu_layers)
    assert told.free_bytes == pytest.approx(step.fit.free_bytes, abs=GB / 1000)


def test_quantizations_by_others_are_known_by_their_base_model(staircase: Staircase) -> None:
    known = Verdicts([staircase], CARD, SETTINGS)
    named = replace(repository("bob/Mine", 5 * GB), base_models=(staircase.model.repository,))
    unnamed = replace(named, base_models=())
    assert (
        known.of_variant(named, named.variants[0]).accelerator_bytes
        != known.of_variant(unnamed, unnamed.variants[0]).accelerator_bytes
    )


def found(parameters: int | None) -> FoundModel:
    return FoundModel("a/b", "a", 0, 0, None, None, False, False, True, parameters, None, None, (), ())


def test_found_model_is_judged_in_q4_k_m_where_its_parameters_are_known() -> None:
    verdicts = Verdicts([], CARD, SETTINGS)
    small, large, unknown = (verdicts.of_found(found(count)) for count in (8 * GB, 400 * GB, None))
    assert small is not None
    assert large is not None
    assert (small.verdict, large.verdict, unknown) == (Verdict.FITS, Verdict.TOO_BIG, None)


@pytest.mark.parametrize(
    "name", [lambda model: model.repository, lambda model: model.gguf[0].upper()], ids=["original", "gguf"]
)
def test_of_the_catalogue_only_what_found_models_are_made_of_is_needed(
    staircase: Staircase, name: Callable[[CatalogueModel], str]
) -> None:
    derived = replace(found(8 * GB), base_models=(name(staircase.model),))
    assert known_among(read_catalogue(), [found(8 * GB), derived]) == [staircase.model]
