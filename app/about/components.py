"""All that is in the program: Nibble, Python, Qt, distributions, fonts, libraries, llama.cpp, system libraries."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from app.about.component import Component, Inside, Kind, LicenceText
from app.about.distributions import read_distributions
from app.about.kept import (
    KnownFiles,
    inside_qt,
    known_files,
    own_text,
    standard_texts,
    system_folder,
)
from app.about.pack_licences import read_packs

QT_NOTICE = (
    "Nibble uses Qt {version}, Copyright (C) The Qt Company Ltd. and other contributors, under version 3 of "
    "the GNU Lesser General Public License. That licence and the GNU General Public License, to which it "
    "adds, follow below.\n\n"
    "Source: https://download.qt.io/official_releases/qt/ has that of Qt, and "
    "https://download.qt.io/official_releases/QtForPython/ that of Qt for Python (PySide6 and Shiboken6), "
    "both in this version and unchanged.\n\n"
    "You may change these libraries and use Nibble with yours. They are files of their own, in the folder "
    "PySide6 of the program: replace them by others that are compatible, built from that source for instance. "
    "(On a Mac, sign the program anew afterwards: codesign --force --deep --sign - Nibble.app.) You may also "
    "take Nibble apart to find faults in what you changed."
)


def components() -> list[Component]:
    """Nibble first, then what it stands on, then the rest by name. Reads some hundred files; for a job."""
    distributions = read_distributions()
    return [
        *(each for each in distributions if each.kind is Kind.OWN),
        _python(),
        *_qt(),
        *_freezer(),
        *read_packs(),
        *(each for each in distributions if each.kind is not Kind.OWN),
        *_files(),
        *_system(),
    ]


def _python() -> Component:
    return Component(
        "Python",
        Kind.PYTHON,
        platform.python_version(),
        "PSF-2.0",
        homepage="https://www.python.org",
        notice="With the software that it incorporates.",
        texts=(*_interpreters_own(), own_text("python")),
    )


def _interpreters_own() -> Iterator[LicenceText]:
    """Where it was installed with it; a frozen one was not."""
    if getattr(sys, "frozen", False):
        return
    stdlib = Path(os.__file__).parent
    for path in (stdlib / "LICENSE.txt", stdlib.parent / "LICENSE.txt"):
        if path.is_file():
            yield LicenceText(f"Python {platform.python_version()}", path.read_text(encoding="utf-8"))
            return


def _qt() -> Iterator[Component]:
    try:
        number = version("PySide6-Essentials")
    except PackageNotFoundError:  # the engine alone
        return
    inside = inside_qt()
    yield Component(
        "Qt",
        Kind.QT,
        number,
        "LGPL-3.0-only",
        "Copyright (C) The Qt Company Ltd. and other contributors",
        "https://www.qt.io",
        QT_NOTICE.format(version=number),
        inside,
        standard_texts(["LGPL-3.0-only", *(each.licence for each in inside)]),
    )


def _freezer() -> Iterator[Component]:
    if getattr(sys, "frozen", False):
        yield Component(
            "PyInstaller bootloader",
            Kind.FREEZER,
            licence="GPL-2.0-or-later WITH Bootloader-exception",
            homepage="https://pyinstaller.org",
            notice="The exception lets programs under any licence be started by it.",
            texts=(own_text("pyinstaller"),),
        )


def _files() -> Iterator[Component]:
    for known in known_files():
        found = files_of(known)
        if found:
            yield Component(
                known.name,
                known.kind,
                licence=known.licence,
                copyright=known.copyright,
                homepage=known.homepage,
                notice=known.notice,
                inside=tuple(Inside(file.name, known.licence) for file in found) if len(found) > 1 else (),
                texts=known.texts or standard_texts([known.licence]),
            )


def files_of(known: KnownFiles) -> list[Path]:
    """Those that are here."""
    folder = package_folder(known.package)
    if folder is None:
        return []
    return sorted({file for pattern in known.patterns for file in folder.glob(pattern)})


def package_folder(package: str) -> Path | None:
    """Without importing it."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _system() -> Iterator[Component]:
    """A file of that name, or a folder with files."""
    folder = system_folder()
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
        texts = tuple(
            LicenceText(file.name, file.read_text(encoding="utf-8", errors="replace"))
            for file in files
            if file.is_file()
        )
        yield Component(entry.name if entry.is_dir() else entry.stem, Kind.SYSTEM, texts=texts)
