"""What `resources/licences` keeps for parts that do not bring it themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import resources
from app.about.component import Inside, Kind, LicenceText
from app.about.expressions import applying, text_names


@dataclass(frozen=True)
class About:
    """What a distribution does not say itself; empty where there is nothing to add."""

    licence: str = ""
    notice: str = ""
    texts: tuple[LicenceText, ...] = ()
    inside: tuple[Inside, ...] = ()


@dataclass(frozen=True)
class KnownFiles:
    """Files of a package that are a work of their own: those that fit one of `patterns`, from the package's folder."""

    package: str
    patterns: tuple[str, ...]
    name: str
    kind: Kind
    licence: str
    copyright: str
    homepage: str
    notice: str
    texts: tuple[LicenceText, ...]


def about_distribution(name: str) -> About:
    """`name` in its normal form."""
    table = _parts()
    said: dict[str, Any] = next((each for each in table["distribution"] if each["name"] == name), {})
    return About(
        said.get("licence", ""),
        said.get("notice", "").strip(),
        tuple(_text(path) for path in said.get("texts", ())),
        tuple(_inside(each) for each in table["inside"] if each["of"] == name),
    )


def known_files() -> list[KnownFiles]:
    return [
        KnownFiles(
            each["package"],
            tuple(each["patterns"]),
            each["name"],
            Kind(each["kind"]),
            each["licence"],
            each["copyright"],
            each["homepage"],
            each.get("notice", ""),
            tuple(_text(path) for path in each.get("texts", ())),
        )
        for each in _parts()["files"]
    ]


def inside_qt() -> tuple[Inside, ...]:
    table = tomllib.loads(_folder().joinpath("qt.toml").read_text(encoding="utf-8"))
    return tuple(_inside(each) for each in table["part"])


def own_text(name: str) -> LicenceText:
    return _text(f"own/{name}.txt")


def standard_texts(expressions: Iterable[str]) -> tuple[LicenceText, ...]:
    """The words of the licences under which works with these expressions are used, each once. One that is not kept is
    left out (`problems` tells)."""
    licences = dict.fromkeys(each for expression in expressions for each in applying(expression) or ())
    names = dict.fromkeys(name for licence in licences for name in text_names(licence))
    paths = [f"texts/{name}.txt" for name in sorted(names, key=str.casefold)]
    return tuple(_text(path) for path in paths if _folder().joinpath(path).exists())


def system_folder() -> Path:
    """Copyright files of the libraries that were taken along from the build system; need not exist."""
    return _folder() / "system"


def _inside(said: dict[str, Any]) -> Inside:
    return Inside(
        said["name"],
        said["licence"],
        copyright=said.get("copyright", ""),
        homepage=said.get("homepage", ""),
    )


def _text(path: str) -> LicenceText:
    return LicenceText(Path(path).stem, _folder().joinpath(path).read_text(encoding="utf-8"))


@cache
def _parts() -> dict[str, Any]:
    return tomllib.loads(_folder().joinpath("parts.toml").read_text(encoding="utf-8"))


def _folder() -> Path:
    return resources.licences_folder()
