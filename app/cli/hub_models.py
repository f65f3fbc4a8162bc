"""Models to look at without having them: `owner/repo[:QUANT]` on the Hub, by its header alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.models import model_named
from app.cli.running import run_job
from app.core.errors import UnknownModel
from app.core.jobs import CancelToken, JobControl
from app.gguf import ModelFacts, read_facts
from app.gguf.summary import summarize
from app.hub import (
    Hub,
    HubReference,
    HubRepository,
    Variant,
    choose_variant,
    open_hub,
    open_repository,
    parse_reference,
    read_remote_facts,
    write_remote_ghost,
)
from app.library import LibraryEntry
from app.storage import data_folder
from app.storage.atomic import scratch_folder

MODEL_HELP = (
    "A path to a .gguf file, a name in the library, guide, or owner/repo[:QUANT] on the Hugging Face Hub."
)


@dataclass(frozen=True)
class _Remote:
    hub: Hub
    repository: HubRepository
    variant: Variant


def described_model(reference: str) -> tuple[LibraryEntry, ModelFacts]:
    """What is here comes first; nothing is downloaded but a header.

    Raises what `model_named`, `open_repository`, `choose_variant` and `read_remote_facts` raise.
    """
    try:
        entry = model_named(reference)
    except UnknownModel:
        wanted = parse_reference(reference)
        if wanted is None:
            raise
        return _described(wanted)
    return entry, read_facts(entry.path)


@contextmanager
def file_to_plan_with(reference: str, facts: ModelFacts, cancel: CancelToken) -> Iterator[Path]:
    """The file of `described_model(reference)`, or a ghost of it where it is on the Hub."""
    wanted = None if facts.path.exists() else parse_reference(reference)
    if wanted is None:
        yield facts.path
        return
    remote = _open(wanted, cancel)
    cache = data_folder().create().cache
    with scratch_folder(cache / "ghost") as folder:
        yield write_remote_ghost(remote.hub, remote.repository, remote.variant, cache, folder, cancel)


def _described(wanted: HubReference) -> tuple[LibraryEntry, ModelFacts]:
    def work(control: JobControl) -> tuple[LibraryEntry, ModelFacts]:
        control.progress("Asking the Hub")
        remote = _open(wanted, control.cancel)
        cache = data_folder().create().cache
        facts = read_remote_facts(remote.hub, remote.repository, remote.variant, cache, control.cancel)
        name = f"{remote.repository.id}:{remote.variant.label}"
        return LibraryEntry(facts.path, name, summarize(facts), file_bytes=facts.file_bytes), facts

    return run_job("ask the Hub", work)


def _open(wanted: HubReference, cancel: CancelToken) -> _Remote:
    hub = open_hub()
    repository = open_repository(hub, wanted.repository, cancel)
    return _Remote(hub, repository, choose_variant(repository, wanted.choice))
