"""What speaks against giving the program to others: a licence that is not known or not fit, a text that is not there.

Nibble is under Apache-2.0. Works under permissive licences may go with it, and such under the LGPL or MPL that can be
replaced; works under the GPL may not, but for exceptions that allow it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.about.component import Component, Kind
from app.about.components import files_of, package_folder
from app.about.expressions import applying, text_names
from app.about.kept import known_files

GPL_ONLY_LIBRARIES = (
    *("readline", "history", "gdbm", "gettextlib", "gettextsrc", "gettextpo"),
    *(
        "Qt6Charts",
        "Qt6DataVisualization",
        "Qt6Graphs",
        "Qt6HttpServer",
        "Qt6Lottie",
        "Qt6NetworkAuth",
        "Qt6Quick3D",
    ),
    *("Qt6QuickTimeline", "Qt6ShaderTools", "Qt6VirtualKeyboard", "Qt6WaylandCompositor"),
)
"""Beginnings of names, without `lib`. Of Qt: what doc.qt.io/qt-6/qtmodules.html lists under the GPL."""

_FILES_TO_KNOW = (
    ("qtawesome", "fonts/*.ttf"),
    ("ziamath", "fonts/*.?tf"),
    ("ziafont", "fonts/*.?tf"),
    ("enchant", "data/**/*.dll"),
    ("enchant", "data/**/*.dic"),
)


def problems_of(listed: Iterable[Component]) -> list[str]:
    """A sentence each; none where all may be given to others. From source only what does not depend on the system."""
    found = [problem for component in listed for problem in _of(component)]
    if getattr(sys, "frozen", False):
        found += unknown_files()
        found += gpl_libraries(Path(getattr(sys, "_MEIPASS", Path(sys.executable).parent)))
    return found


def unknown_files() -> Iterator[str]:
    """Works of their own in packages, of which `resources/licences/parts.toml` says nothing."""
    known = {file for each in known_files() for file in files_of(each)}
    for package, pattern in _FILES_TO_KNOW:
        folder = package_folder(package)
        for file in sorted(folder.glob(pattern)) if folder is not None else ():
            if file not in known:
                yield f"Nothing is known of the licence of {file.name} in {package}."


def gpl_libraries(folder: Path) -> Iterator[str]:
    """Shared libraries in `folder` that are under the GPL alone."""
    for file in sorted(folder.rglob("*")):
        name = file.name.removeprefix("lib")
        if name.startswith(GPL_ONLY_LIBRARIES) and any(end in file.name for end in (".so", ".dll", ".dylib")):
            yield f"{file.relative_to(folder)} is under the GPL, which Nibble is not."


def _of(component: Component) -> Iterator[str]:
    if not any(text.text.strip() for text in component.texts):
        yield f"{component.name} has no text of its licence."
    if component.kind is Kind.SYSTEM:
        return  # its text says it, in words
    if not component.licence:
        yield f"{component.name} does not name its licence exactly."
    elif applying(component.licence) is None:
        yield f"{component.name} is under {component.licence}, which does not fit."
    for inside in component.inside:
        licences = applying(inside.licence)
        if licences is None:
            licence = inside.licence or "no known licence"
            yield f"{inside.name} in {component.name} is under {licence}, which does not fit."
        else:
            yield from _lacking(component, inside.name, licences)


def _lacking(component: Component, name: str, licences: Iterable[str]) -> Iterator[str]:
    there = {text.title for text in component.texts}
    for licence in licences:
        for wanted in text_names(licence):
            if wanted not in there and not wanted.startswith("LicenseRef-public-domain"):
                yield f"The words of {wanted}, for {name} in {component.name}, are not kept."
