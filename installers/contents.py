"""What goes into the frozen program besides the code that PyInstaller finds by itself, and what of that stays out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions, packages_distributions
from pathlib import Path

from installers.release import ROOT

PACKAGES = ("app", "kernels.formats", "rich._unicode_data")
"""Of which every module goes along: some are only imported by their names (commands, `app.runtime`)."""

HIDDEN_IMPORTS = (
    "llama_cpp.llama_cpp",  # by its name, in `runtime/worker/bindings`
    "qtawesome",  # never imported, only found: its folder has the icon font
)

DATA_PACKAGES = ("latex2mathml", "ziafont", "ziamath")
"""Which open files of theirs, and of which PyInstaller knows nothing: symbols, and the fonts of formulas."""

LEFT_OUT_MODULES = (
    # The high-level interface of llama_cpp; workers take the module of C functions alone.
    "diskcache",
    "llama_cpp._internals",
    "llama_cpp.llama",
    "llama_cpp.llama_cache",
    "llama_cpp.llama_chat_format",
    "llama_cpp.llama_embedding",
    "llama_cpp.llama_grammar",
    "llama_cpp.llama_speculative",
    "llama_cpp.llama_tokenizer",
    "llama_cpp.llama_types",
    "llama_cpp.server",
    # Of qtawesome, whose font is used without it.
    "qtpy",
    "PySide6.QtDBus",
    "PySide6.QtOpenGL",
    "PySide6.QtOpenGLWidgets",
    # Other ways to transfer files than `app.downloads`.
    "hf_xet",
    "huggingface_hub.cli",
    "huggingface_hub.inference",
    # Makers of the guide and of runtime packs: they stand beside the program.
    "resources.guide",
    "kernels.native",
    # For developers.
    "_distutils_hack",
    "crypt",
    "curses",
    "distutils",
    "doctest",
    "lib2to3",
    "nis",
    "numpy.f2py",
    "pdb",
    "pip",
    "pkg_resources",
    "pytest",
    "readline",
    "rlcompleter",
    "setuptools",
    "tkinter",
    "turtle",
)

LEFT_OUT_FIRST_STEPS = ("pyi_rth_inspect", "pyi_rth_multiprocessing", "pyi_rth_pkgutil")
"""PyInstaller has every start, also of a worker, load these modules to mend them for programs that look for sources,
for modules in folders, or start processes with multiprocessing. Nibble does none of it."""

QT_PLUGINS = {
    "iconengines": ("svgicon",),
    "imageformats": ("svg",),
    "platforms": ("cocoa", "offscreen", "wayland", "windows", "xcb"),
    # Input of other scripts: dead and compose keys, and ibus where the system has it.
    "platforminputcontexts": ("compose", "ibus"),
    # The desktop's own dialogs, fonts and light or dark setting.
    "platformthemes": ("gtk3", "xdgdesktopportal"),
    "wayland-decoration-client": ("adwaita", "bradient"),
    "wayland-shell-integration": ("xdg-shell",),
}
"""Of each kind those that Nibble has a use for: no graphics in OpenGL, no pictures but SVG, no network but local
sockets, no database, no printing."""

QT_LIBRARIES = ("Core", "DBus", "Gui", "Network", "Svg", "WaylandClient", "Widgets", "XcbQpa")
"""Modules of Qt, and what the plugins above need."""

ENCHANT_LIBRARIES = (
    *("enchant_hunspell", "libenchant-2", "libgcc_s_seh-1", "libglib-2.0-0", "libgmodule-2.0-0"),
    *("libhunspell-1.7-0", "libiconv-2", "libintl-8", "libpcre2-8-0", "libstdc++-6", "libwinpthread-1"),
)
"""What Enchant with Hunspell imports on Windows, and what those import. Its wheel has all that its makers had installed
besides: OpenSSL, Python, Tcl, and libraries under the GPL."""

_LEFT_OUT_DATA = (
    rf"enchant/data/(?!.*/(share/enchant/.*|({'|'.join(map(re.escape, ENCHANT_LIBRARIES))})\.dll)$)",
    r"PySide6/(Qt/)?translations/",
    r"PySide6/.*opengl32sw\.dll$",  # OpenGL by the processor, which nothing asks for
    r"qtawesome/fonts/(?!phosphor-)",
    r"(ziafont|ziamath|latex2mathml|numpy|yaml)/.*\.pyi$",
    r"llama_cpp/lib/",  # a runtime pack is put there
    r"setuptools/",
    r"[^/]+\.dist-info/",  # chosen by `metadata_files`
)

_LEFT_OUT_RESOURCES = (
    r".*\.pyc?$",
    r"(.*/)?README\.md$",
    r"guide/(training|record)/",
    # `resources.guide_answers` reads the other ones.
    r"guide/corpus/(arithmetic|more|refusals)\.toml$",
)

_METADATA_FILES = ("METADATA", "RECORD", "entry_points.txt", "top_level.txt")
_LICENCE = re.compile(r"(?i)(un)?licen[cs]e|copying|copyright|notice|authors")


def resource_files(root: Path = ROOT) -> list[Path]:
    """Files below `resources` that the program opens, relative to it."""
    folder = root / "resources"
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [
        file
        for file in files
        if not any(re.match(pattern, file.as_posix()) for pattern in _LEFT_OUT_RESOURCES)
    ]


def is_wanted(destination: str) -> bool:
    """Whether a file that PyInstaller would take along is, by its place in the program."""
    place = destination.replace("\\", "/")
    return not any(re.match(pattern, place) for pattern in _LEFT_OUT_DATA) and _is_wanted_of_qt(place)


def _is_wanted_of_qt(place: str) -> bool:
    plugin = re.match(r"PySide6/(?:Qt/)?plugins/([^/]+)/(?:lib)?q?([\w-]+)\.", place)
    if plugin:
        names = QT_PLUGINS.get(plugin[1], ())
        return any(plugin[2] in (name, f"{name}platforminputcontextplugin") for name in names)
    library = re.search(r"(?:^|/)(?:lib)?Qt6?([A-Z]\w*?)(?:\.framework/|\.so\.6$|\.dll$|6?\.dylib$|$)", place)
    if library and not place.endswith((".abi3.so", ".pyd")):
        return library[1] in QT_LIBRARIES
    return True


def metadata_files(modules: Iterable[str]) -> list[tuple[Path, str]]:
    """What the distributions that `modules` (all in the program, by their full names) are from say of themselves, with
    their licences wherever they lie: each file and the folder of the program that it goes to."""
    top = {module.partition(".")[0] for module in modules} - {"app", "kernels", "resources", "installers"}
    by_package = packages_distributions()
    names = {name for package in top for name in by_package.get(package, ())}
    found = [distribution(name) for name in sorted(names | {"nibble"}, key=str.casefold)]
    return [entry for each in found for entry in _files_of(each)]


def bundled_distributions(folder: Path) -> list[str]:
    """The names of those whose metadata lie in `folder`."""
    return sorted(each.metadata["Name"] for each in distributions(path=[str(folder)]))


def _files_of(found: Distribution) -> Iterator[tuple[Path, str]]:
    for file in found.files or ():
        if ".." in file.parts or not _tells_of_it(file.parts):
            continue
        path = Path(str(found.locate_file(file)))
        if path.is_file() and path.suffix not in (".py", ".pyc", ".pyi"):
            yield path, file.parent.as_posix()


def _tells_of_it(parts: tuple[str, ...]) -> bool:
    if parts[0].endswith(".dist-info"):
        return (
            parts[-1] in _METADATA_FILES
            or bool({"licenses", "sboms"} & set(parts))
            or bool(_LICENCE.match(parts[-1]))
        )
    return bool(_LICENCE.match(parts[-1]))
