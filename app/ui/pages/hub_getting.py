"""What has become of a repository's files: on this computer, coming, or still to be got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.jobs import JobControl
from app.ui.downloads import CHECKPOINT, Downloads
from app.ui.pages import discover_getting
from app.ui.pages.discover_getting import Getting, Offer
from app.ui.pages.hub_variant_rows import VariantRow

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import HubRepository, Variant

Here = dict[str, Path]
"""The file to load by its path in the repository."""


def looking_for(repository: HubRepository, models: Path) -> Callable[[JobControl], Here]:
    """Which variants are in `models`, where downloads put them; there files get their names when they are whole."""

    def work(control: JobControl) -> Here:
        from app.hub import folder_of

        folder, grouped = folder_of(repository.id, models), repository.grouped
        found = {}
        for variant in (*grouped.variants, *grouped.projectors, *grouped.drafts):
            control.cancel.raise_if_cancelled()
            is_whole = variant.is_complete and not variant.is_cut
            if is_whole and all(_is_here(folder / file.path, file.size) for file in variant.files):
                found[variant.files[0].path] = folder / variant.files[0].path
        return found

    return work


def offered(
    rows: Sequence[VariantRow], repository: HubRepository, here: Here, comings: Comings
) -> list[VariantRow]:
    """The rows, each with what its button does now."""
    return [
        replace(row, offer=_offer(row, row.variant, repository.id, here, comings)) if row.variant else row
        for row in rows
    ]


def _offer(row: VariantRow, variant: Variant, repository: str, here: Here, comings: Comings) -> Offer:
    file, getting = here.get(variant.files[0].path), comings.of_variant(variant)
    if file is not None and not row.is_model:
        file, getting = None, getting or discover_getting.here()
    return Offer(file, getting, repository, is_original=False)


class Comings:
    """What of a repository is asked for or in the queue, as it is now."""

    def __init__(self, downloads: Downloads, repository: HubRepository) -> None:
        self._asked = {name for id, name in downloads.asked if id == repository.id}
        entries = [each for each in downloads.entries if each.download.repository == repository.id]
        self._entries = {each.download.files[0].path: each for each in entries if each.state != "done"}
        self._checkpoint = next((each for each in entries if each.is_checkpoint), None)

    def of_variant(self, variant: Variant) -> Getting | None:
        entry = self._entries.get(variant.files[0].path)
        if entry is not None:
            return discover_getting.coming(entry)
        return discover_getting.asked() if variant.label in self._asked else None

    def of_original(self) -> Getting | None:
        if CHECKPOINT in self._asked:
            return discover_getting.asked()
        entry = self._checkpoint
        return discover_getting.coming(entry) if entry is not None and entry.state != "done" else None

    @property
    def has_original(self) -> bool:
        """Whether it has come, and the list of downloads still tells so."""
        return self._checkpoint is not None and self._checkpoint.state == "done"


def _is_here(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
