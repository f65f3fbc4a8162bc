"""Makes the guide's GGUF files from its checkpoint, whichever are missing, damaged or from an older one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import resources
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.guide.checkpoint import identity, require_whole
from app.guide.names import SOURCE_QUANTIZATION, guide_file
from app.storage import DataFolder

NAME = "Nibble guide"
STAMP = "nibble.guide.checkpoint"
"""In each file: which checkpoint it was made from. Quantizing carries it over."""


def make_guide(
    data: DataFolder, quantizations: Sequence[str], control: JobControl, checkpoint: Path | None = None
) -> list[Path]:
    """The guide in these quantizations, in the data folder, made where they are not there yet; in the order asked for.

    BF16, from which the others are made, stays beside them: it is what a person can quantize. Files from the
    checkpoint of an earlier Nibble are made again; those that were not asked for last, and where that fails they
    stay as they are. A file appears when it is whole; being killed leaves nothing the library would show, and
    several processes may do this at once. `checkpoint`: another folder than the installation's. What is up to
    date needs no checkpoint.

    Raises GuideDamaged, DiskFull, NotAllowed, Cancelled, WrongChoice for a name that is no quantization, and what
    `app.convert.quantize` raises.
    """
    from app.convert import quantization_named

    maker = _Maker(data, checkpoint or resources.guide_checkpoint(), control)
    names = [quantization_named(name).name for name in quantizations]
    for name in names:
        maker.bring_up_to_date(name)
    for name in maker.outdated():
        # Nobody asked for these: one that is in use (Windows) or has no room is made at its own next use.
        with suppress(EnvironmentFault):
            maker.bring_up_to_date(name)
    return [guide_file(data, name) for name in names]


def guide_is_current(data: DataFolder, quantizations: Sequence[str], checkpoint: Path | None = None) -> bool:
    """Whether `make_guide` would have nothing to make for these, each called as in `app.convert.QUANTIZATIONS`.

    Reads the files' headers, a few milliseconds each, so it belongs into a job. False where one is
    missing, cut off, not the guide or from the checkpoint of an earlier Nibble.
    """
    current = identity(checkpoint or resources.guide_checkpoint())
    return all(_is_current(guide_file(data, name), current) for name in quantizations)


class _Maker:
    """One run over the guide's files."""

    def __init__(self, data: DataFolder, checkpoint: Path, control: JobControl) -> None:
        self._data = data
        self._checkpoint = checkpoint
        self._control = control
        self._identity = identity(checkpoint)

    def outdated(self) -> list[str]:
        """The quantizations of an earlier checkpoint."""
        from app.convert import QUANTIZATIONS

        return [
            kind.name
            for kind in QUANTIZATIONS
            if _made_from(guide_file(self._data, kind.name)) not in (None, self._identity)
        ]

    def bring_up_to_date(self, quantization: str) -> None:
        target = guide_file(self._data, quantization)
        if _is_current(target, self._identity):
            return
        self._control.cancel.raise_if_cancelled()
        try:
            if quantization == SOURCE_QUANTIZATION:
                self._convert(target)
            else:
                self._quantize(quantization)
        except EnvironmentFault:
            # Windows denies replacing a file that is in use: another process has made and loaded it meanwhile.
            if not _is_current(target, self._identity):
                raise

    def _convert(self, target: Path) -> None:
        from app.convert.checkpoint import convert_checkpoint

        self._identity = require_whole(self._checkpoint, self._control)
        told = {"general.name": NAME, STAMP: self._identity}
        convert_checkpoint(self._checkpoint, target, self._control, SOURCE_QUANTIZATION, told)

    def _quantize(self, quantization: str) -> None:
        from app.convert import quantize

        self.bring_up_to_date(SOURCE_QUANTIZATION)
        quantize(guide_file(self._data, SOURCE_QUANTIZATION), quantization, self._data.guide, self._control)


def _is_current(path: Path, wanted: str | None) -> bool:
    """`wanted`: the checkpoint's identity; where it has none, whatever is whole will do."""
    made_from = _made_from(path)
    return made_from is not None and wanted in (None, made_from)


def _made_from(path: Path) -> str | None:
    """The identity of the checkpoint the file says it was made from; None if it is no whole file of the guide."""
    from app.gguf import read_facts

    try:
        found = read_facts(path).metadata.get(STAMP)
    except EnvironmentFault:
        return None
    return found if isinstance(found, str) else None
