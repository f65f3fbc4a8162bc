"""LibraryEntry: one model of the library, or one thing in it that cannot be read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.gguf.summary import ModelSummary
from app.library.places import is_built_in
from app.library.sources import FOLDER, Program
from app.storage import DataFolder


class EntryState(StrEnum):
    OK = "ok"
    CHANGED = "changed"
    """It can be used, and is not the file any more that was verified last."""
    DAMAGED = "damaged"
    """Its content is no model that can be read."""
    INCOMPLETE = "incomplete"
    """A part, or what a link leads to, or some of its bytes are missing."""
    DENIED = "denied"
    """The system does not let us read it."""
    GONE = "gone"
    """It was there at an earlier look."""
    AWAY = "away"
    """A folder of the library, or a file among them, that cannot be found: its disk may be unplugged."""


@dataclass(frozen=True)
class LibraryEntry:
    """`path` is the file (the first part of a split model) or the folder that cannot be read.

    `name` is what a person types: as the program that has it calls it, or the file's stem without the mark of a
    split; `aliases` are other names. `label` is the name that the person gave it here. Either `facts` or `fault` is
    there. `program` is who keeps it, `origin` where that program has it from. `file_bytes` are of all parts that are
    there. `companions` are files that belong to it, the projector of images and sound first. `last_used_at` in
    seconds since 1970. Which entries are Nibble's own guide, `is_built_in` tells.
    """

    path: Path
    name: str
    facts: ModelSummary | None = None
    fault: EnvironmentFault | None = None
    state: EntryState = EntryState.OK
    program: Program = FOLDER
    file_bytes: int | None = None
    origin: str = ""
    aliases: tuple[str, ...] = ()
    companions: tuple[Path, ...] = ()
    licence: str = ""
    label: str = ""
    last_used_at: float | None = None

    @property
    def title(self) -> str:
        """For people: the person's own name for it, or the name in the header with its quantization, or else `name`."""
        if self.label:
            return self.label
        if self.facts is None or self.facts.name is None:
            return self.name
        quantization = self.facts.quantization
        shown = quantization is None or quantization.casefold() in self.facts.name.casefold()
        return self.facts.name if shown else f"{self.facts.name} {quantization}"

    @property
    def plain_title(self) -> str:
        """For people, where the quantization stands beside it."""
        return self.label or (self.facts.name if self.facts else None) or self.name

    @property
    def quantization(self) -> str | None:
        return self.facts.quantization if self.facts else None

    @property
    def family(self) -> str | None:
        """As the header has it ("Llama-3.2"), or else the architecture ("llama")."""
        return (self.facts.basename or self.facts.architecture) if self.facts else None

    @property
    def can_chat(self) -> bool:
        return self.why_no_chat is None

    @property
    def why_no_chat(self) -> str | None:
        """One sentence; None where nothing in the header speaks against chatting.

        llama.cpp may still refuse the model, e.g. because it does not know the architecture.
        """
        if self.facts is None:
            return str(self.fault) if self.fault else "This is not a model."
        if self.facts.byte_order != sys.byteorder:
            return "This file is in the byte order of another kind of computer."
        match self.facts.kind:
            case "mmproj":
                return "This file turns images or sound into input for a model; choose the model beside it."
            case "adapter":
                return "This file is an adapter (LoRA), which changes a model and is none itself."
            case "imatrix":
                return "This file is an importance matrix, which helps to quantize a model."
            case "vocabulary":
                return "This file holds only a vocabulary, no weights."
        if self.facts.architecture is None:
            return "This file does not say which architecture its model has."
        return None


def entry_fault(entry: LibraryEntry, data: DataFolder) -> EnvironmentFault | None:
    """What is wrong with an entry, and what the person can do: with a file of the guide, nothing has to be done."""
    fault = entry.fault
    if fault is None or not is_built_in(entry.path, data):
        return fault
    return type(fault)(fault.message, "It is made again at its next use.", fault.log)
