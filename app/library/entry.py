"""LibraryEntry: one model of the library, or one thing in it that cannot be read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.gguf import ModelFacts, read_facts
from app.gguf.split import split_name
from app.library.folders import is_built_in
from app.storage import DataFolder


@dataclass(frozen=True)
class LibraryEntry:
    """`path` is the file (the first part of a split model) or the folder that cannot be read.

    `name` is the file's stem without the mark of a split: short, and what a person types. Either
    `facts` or `fault` is there. Which entries are Nibble's own guide, `is_built_in` tells.
    """

    path: Path
    name: str
    facts: ModelFacts | None = None
    fault: EnvironmentFault | None = None

    @property
    def title(self) -> str:
        """For people: the name in the header with its quantization, or else the file's name."""
        if self.facts is None or self.facts.name is None:
            return self.name
        quantization = self.facts.quantization
        shown = quantization is None or quantization.casefold() in self.facts.name.casefold()
        return self.facts.name if shown else f"{self.facts.name} {quantization}"

    @property
    def quantization(self) -> str | None:
        return self.facts.quantization if self.facts else None

    @property
    def file_bytes(self) -> int | None:
        """Of all parts together."""
        return self.facts.file_bytes if self.facts else None

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


def read_entry(path: Path) -> LibraryEntry:
    """The entry for a file, whatever is wrong with it; any part of a split model will do."""
    try:
        facts = read_facts(path)
    except EnvironmentFault as fault:
        return unreadable(path, fault)
    return LibraryEntry(facts.path, model_name(facts.path), facts)


def entry_fault(entry: LibraryEntry, data: DataFolder) -> EnvironmentFault | None:
    """What is wrong with an entry, and what the person can do: with a file of the guide, nothing has to be done."""
    fault = entry.fault
    if fault is None or not is_built_in(entry.path, data):
        return fault
    return type(fault)(fault.message, "It is made again at its next use.", fault.log)


def unreadable(path: Path, fault: EnvironmentFault) -> LibraryEntry:
    # An entry may live for days; the frames of the attempt must not.
    fault.__traceback__ = fault.__cause__ = fault.__context__ = None
    return LibraryEntry(path, model_name(path), fault=fault)


def model_name(path: Path) -> str:
    """`models/Bard-00001-of-00002.gguf` -> `Bard`, `bard-q4.gguf` -> `bard-q4`."""
    split = split_name(path.name)
    if split is not None:
        return split.prefix
    return path.stem if path.suffix.lower() == ".gguf" else path.name
