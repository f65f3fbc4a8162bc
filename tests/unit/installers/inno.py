"""Reads a script of Inno Setup: sections, their entries, and what its preprocessor puts in place of names."""

from __future__ import annotations

import re
from collections.abc import Mapping

Entry = dict[str, str]


def sections(text: str, definitions: Mapping[str, str], *, signed: bool = False) -> dict[str, list[str]]:
    """Lines by section, without comments and empty ones. `#ifdef Signed` is the only condition known."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    skipped = False
    for raw in text.splitlines():
        line = raw.strip()
        if line == "#ifdef Signed":
            skipped = not signed
        elif line == "#endif":
            skipped = False
        elif line.startswith("#"):
            raise ValueError(f"unknown to this reader: {line}")
        elif skipped or not line or line.startswith(";"):
            continue
        elif heading := re.fullmatch(r"\[(\w+)\]", line):
            lines = found.setdefault(heading[1], [])
        else:
            lines.append(_substituted(line, definitions))
    return found


def settings(lines: list[str]) -> Entry:
    """Of lines such as `AppName=Nibble`."""
    return dict(line.split("=", 1) for line in lines)


def entries(lines: list[str]) -> list[Entry]:
    """Of lines such as `Source: "a\\*"; DestDir: "{app}"; Flags: ignoreversion`."""
    return [dict(_parameters(line)) for line in lines]


def _parameters(line: str) -> list[tuple[str, str]]:
    found, rest = [], line
    while rest:
        match = re.match(r'\s*(\w+):\s*(?:"((?:[^"]|"")*)"|([^;"]*))\s*(?:;|$)', rest)
        if match is None:
            raise ValueError(f"not understood: {rest}")
        quoted = match[2] is not None
        found.append((match[1], match[2].replace('""', '"') if quoted else match[3].strip()))
        rest = rest[match.end() :].strip()
    return found


def _substituted(line: str, definitions: Mapping[str, str]) -> str:
    return re.sub(r"\{#(\w+)\}", lambda match: definitions[match[1]], line)
