"""A component: a work that is in the program, under a licence of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    OWN = "own"
    """Nibble itself."""
    PYTHON = "python"
    """The interpreter and its standard library."""
    QT = "qt"
    DISTRIBUTION = "distribution"
    """A Python package."""
    FONT = "font"
    LIBRARY = "library"
    """A library that came inside a Python package."""
    RUNTIME = "runtime"
    """llama.cpp, as a runtime pack has it."""
    SYSTEM = "system"
    """A library of the system the program was frozen on."""
    FREEZER = "freezer"
    """What starts the frozen program."""


@dataclass(frozen=True)
class LicenceText:
    title: str
    text: str


@dataclass(frozen=True)
class Inside:
    """A work that was compiled into the component."""

    name: str
    licence: str
    version: str = ""
    copyright: str = ""
    homepage: str = ""


@dataclass(frozen=True)
class Component:
    """`licence`: an SPDX expression; empty where nobody says it in a way that can be read. `notice`: what has to be
    told beside the texts. `inside`: what is compiled into it under other names."""

    name: str
    kind: Kind
    version: str = ""
    licence: str = ""
    copyright: str = ""
    homepage: str = ""
    notice: str = ""
    inside: tuple[Inside, ...] = ()
    texts: tuple[LicenceText, ...] = ()
