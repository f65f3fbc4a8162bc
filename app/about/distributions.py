"""The Python distributions in the program, by what their dist-info says.

From source these are the requirements of Nibble and theirs, as the markers say for this computer, so without the tools
of developers. In the frozen program it is every one that was taken along.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path, PurePosixPath

import msgspec
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from app.about.component import Component, Inside, Kind, LicenceText
from app.about.kept import about_distribution, standard_texts

OWN = "nibble"

_LICENCE_FILE = re.compile(r"(?i)(un)?licen[cs]e|copying|copyright|notice|authors")
_USUAL_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING", "COPYING.txt", "NOTICE")
_HOMES = (
    "homepage",
    "home",
    "repository",
    "source",
    "source code",
    "sourcecode",
    "code",
    "github",
    "documentation",
)

_SHORT = 3000
"""Characters; the licences under which most of it is are shorter."""

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Those that name one licence exactly. "BSD License" does not."""

_OLD_NAMES = {"apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "isc license": "ISC"}


def read_distributions() -> list[Component]:
    """By name. One that is required but not installed has neither version nor texts."""
    found = _frozen() if getattr(sys, "frozen", False) else dict(_closure(OWN))
    return [_component(name, found[name]) for name in sorted(found)]


def _frozen() -> dict[str, Distribution | None]:
    named = ((each.metadata["Name"], each) for each in distributions())
    return {canonicalize_name(name): each for name, each in named if name}


def _closure(first: str) -> Iterator[tuple[str, Distribution | None]]:
    """What is required, each once, also where two of them require each other."""
    asked: set[tuple[str, str]] = set()
    told: set[str] = set()
    waiting = [(first, "")]
    while waiting:
        name, extra = waiting.pop()
        key = canonicalize_name(name)
        if (key, extra) in asked:
            continue
        asked.add((key, extra))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            found = None
        if key not in told:
            told.add(key)
            yield key, found
        for wanted in _requirements(found, extra):
            waiting += [(wanted.name, each) for each in ("", *sorted(wanted.extras))]


def _requirements(found: Distribution | None, extra: str) -> Iterator[Requirement]:
    for line in (found.requires if found is not None else None) or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            yield wanted


def _component(name: str, found: Distribution | None) -> Component:
    kind = Kind.OWN if name == OWN else Kind.DISTRIBUTION
    if found is None:
        return Component(name, kind)
    kept = about_distribution(name)
    inside = _merged(kept.inside, _listed_inside(found, name))
    licence = kept.licence or _declared(found)
    texts = (*_own_texts(found), *kept.texts)
    if texts and sum(len(each.text) for each in texts) < _SHORT:
        # Some only say which licence it is; of a long one people are owed the words.
        texts = (*texts, *(each for each in standard_texts([licence]) if len(each.text) > _SHORT))
    titles = {each.title for each in texts}
    more = (each for each in standard_texts(each.licence for each in inside) if each.title not in titles)
    return Component(
        name="Nibble" if kind is Kind.OWN else found.metadata["Name"].replace("_", "-"),
        kind=kind,
        version=found.version,
        licence=licence,
        homepage=_home(found),
        notice=kept.notice,
        inside=inside,
        texts=(*texts, *more),
    )


def _declared(found: Distribution) -> str:
    """As an SPDX expression; empty where what it declares names no licence exactly."""
    for said in (_first(found, "License-Expression"), _first(found, "License")):
        if said and len(said) < 200:  # some have the whole text there
            try:
                return canonicalize_license_expression(_OLD_NAMES.get(said.strip().casefold(), said))
            except InvalidLicenseExpression:
                continue
    names = [
        each.rpartition(" :: ")[2]
        for each in found.metadata.get_all("Classifier") or ()
        if "License ::" in each
    ]
    return (
        " AND ".join(_CLASSIFIERS[each] for each in names)
        if names and set(names) <= set(_CLASSIFIERS)
        else ""
    )


def _own_texts(found: Distribution) -> Iterator[LicenceText]:
    """Those that it brings: where PEP 639 has them, where older tools put them, and of what it has vendored."""
    named = found.metadata.get_all("License-File") or []
    names = [*(f"licenses/{each}" for each in named), *named]
    paths = [str(file) for file in found.files or () if _LICENCE_FILE.match(PurePosixPath(file).name)]
    seen: set[str] = set()
    for title, text in (*_in_dist_info(found, [*names, *_USUAL_FILES]), *_in_record(found, paths)):
        if text.strip() and text not in seen:
            seen.add(text)
            yield LicenceText(title, text)


def _in_dist_info(found: Distribution, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            text = found.read_text(name)
        except UnicodeDecodeError:
            continue  # if it is in the record, it is read from there
        if text:
            yield name.removeprefix("licenses/"), text


def _in_record(found: Distribution, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path.endswith((".py", ".pyc", ".pyi")) or "/.." in f"/{path}":
            continue
        try:
            content = Path(str(found.locate_file(path))).read_bytes()
        except OSError:  # not taken along
            continue
        shown = re.sub(r"^[^/]+\.dist-info/(licenses/)?", "", path)
        yield shown, content.decode("utf-8", errors="replace")


def _first(found: Distribution, field: str) -> str:
    """Empty where its metadata do not have it."""
    return next(iter(found.metadata.get_all(field) or ()), "")


def _home(found: Distribution) -> str:
    """Where people find it; empty where it does not say."""
    urls = {}
    for line in found.metadata.get_all("Project-URL") or ():
        label, _, url = line.partition(",")
        urls[label.strip().casefold()] = url.strip()
    candidates = [
        _first(found, "Home-page"),
        *(urls.get(each, "") for each in _HOMES),
        *urls.values(),
    ]
    return next((each for each in candidates if each.startswith(("https://", "http://"))), "")


class _License(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _Choice(msgspec.Struct, frozen=True):
    license: _License = _License()
    expression: str = ""


class _Listed(msgspec.Struct, frozen=True):
    name: str
    version: str = ""
    licenses: tuple[_Choice, ...] = ()

    @property
    def expression(self) -> str:
        said = [each.expression or each.license.id or each.license.name for each in self.licenses]
        return said[0] if len(said) == 1 else " AND ".join(f"({each})" for each in said)


class _Bill(msgspec.Struct, frozen=True):
    """CycloneDX, as far as it is needed."""

    components: tuple[_Listed, ...]


def _listed_inside(found: Distribution, name: str) -> Iterator[Inside]:
    """What its bills of materials list (PEP 770)."""
    for file in found.files or ():
        path = PurePosixPath(file)
        if path.suffix != ".json" or path.parent.name != "sboms":
            continue
        try:
            bill = msgspec.json.decode(Path(str(found.locate_file(file))).read_bytes(), type=_Bill)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        for each in bill.components:
            if canonicalize_name(each.name) != name:
                yield Inside(each.name, each.expression, each.version)


def _merged(kept: Iterable[Inside], listed: Iterable[Inside]) -> tuple[Inside, ...]:
    """Each once; what is kept here knows more than the bills do."""
    named = {each.name.casefold(): each for each in listed}
    for each in kept:
        found = named.get(each.name.casefold())
        version = found.version if found is not None else each.version
        named[each.name.casefold()] = Inside(each.name, each.licence, version, each.copyright, each.homepage)
    return tuple(named[key] for key in sorted(named))
