"""What the jobs of a repository's page do: read the repository, its card, and the header of one of its variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault, GatedRepository, HubFault, NotOnHub, TokenRefused, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.ui.pages.hub_card import readable

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.convert.checkpoint.prospect import Prospect
    from app.gguf import ModelFacts
    from app.hub import Hub, HubReference, HubRepository, OriginalCheckpoint, Variant


@dataclass(frozen=True)
class Opened:
    """A repository. `label`: of the variant to look at first, empty where none is meant; `refusal`: why its files
    cannot be had, though it can be looked at; `prospect`: what could be made of its original."""

    hub: Hub
    repository: HubRepository
    label: str
    original: OriginalCheckpoint | None
    prospect: Prospect
    refusal: EnvironmentFault | None


def opening(reference: HubReference) -> Callable[[JobControl], Opened]:
    """Raises what `open_repository` raises."""

    def work(control: JobControl) -> Opened:
        from app.hub import open_hub, open_repository

        hub = open_hub()
        repository = open_repository(hub, reference.repository, control.cancel)
        refusal = _refusal(hub, repository, control.cancel)
        original = _original(hub, repository, control.cancel)
        prospect = _prospect(repository, original)
        if refusal is not None and original is not None and not (original.is_pickled or original.is_adapter):
            words = QCoreApplication.translate("HubPage", "Only who has access gets it.")
            prospect = replace(prospect, reason_against=words)
        label = _label(repository, reference.choice)
        return Opened(hub, repository, label, original, prospect, refusal)

    return work


def reading_card(opened: Opened) -> Callable[[JobControl], str | None]:
    """The card's text, made readable; None where there is none."""

    def work(control: JobControl) -> str | None:
        from app.hub import read_card

        card = read_card(opened.hub, opened.repository, control.cancel)
        return readable(card.text) if card is not None else None

    return work


def reading_facts(opened: Opened, variant: Variant, cache: Path) -> Callable[[JobControl], ModelFacts]:
    """Raises what `read_remote_facts` raises, and WrongChoice for what is no model."""

    def work(control: JobControl) -> ModelFacts:
        from app.hub import read_remote_facts

        facts = read_remote_facts(opened.hub, opened.repository, variant, cache, control.cancel)
        if facts.kind != "model":
            sentence = QCoreApplication.translate("HubPage", "{file} is no model by itself.")
            raise WrongChoice(sentence.format(file=variant.files[0].name))
        return facts

    return work


def _label(repository: HubRepository, choice: str) -> str:
    from app.hub import choose_variant

    try:
        return choose_variant(repository, choice).label
    except WrongChoice:
        return ""


def _refusal(hub: Hub, repository: HubRepository, cancel: CancelToken) -> EnvironmentFault | None:
    """Anyone may look at a gated repository; whether its files can be had shows only when one is asked for."""
    large = next((file for file in repository.files if file.is_lfs), None)
    if not repository.is_gated or large is None:
        return None
    try:
        hub.locate(repository.id, large.path, cancel, repository.commit)
    except (GatedRepository, TokenRefused) as fault:
        return fault
    return None


def _original(hub: Hub, repository: HubRepository, cancel: CancelToken) -> OriginalCheckpoint | None:
    from app.hub import read_original

    try:
        return read_original(hub, repository, cancel)
    except (GatedRepository, TokenRefused, NotOnHub, HubFault):
        return None  # its config.json is not to be had, and without it nothing can be said of it


def _prospect(repository: HubRepository, original: OriginalCheckpoint | None) -> Prospect:
    from app.convert.checkpoint.prospect import Described, Prospect, prospect_of

    if original is None:
        return Prospect()
    names = [file.path for file in repository.files]
    return prospect_of(
        Described(
            original.config, original.form, original.is_pickled, original.is_adapter, names, repository.id
        )
    )
