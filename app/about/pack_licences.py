"""llama.cpp as it is here: the build inside the bindings, and runtime packs with the licences that they bring.

A pack may come from anywhere: only plain files right in its folder `licences` are read, and not without limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from app.about.component import Component, Kind, LicenceText
from app.about.kept import own_text

FOLDER = "licences"
MOST_TEXTS = 100
LARGEST_TEXT_BYTES = 1 << 20


def read_packs() -> Iterator[Component]:
    from app.runtime.packs import runtime_packs

    home = "https://github.com/ggml-org/llama.cpp"
    for state in runtime_packs().states():
        pack = state.pack
        folder = pack.folder or _bindings_own()
        if not pack.flaw:
            # In the frozen program the bindings' own libraries are a pack, too, with its licences.
            texts = tuple(_texts(folder / FOLDER)) if folder is not None else ()
            yield Component(
                f"llama.cpp, runtime pack {pack.name}" if pack.folder is not None else "llama.cpp",
                Kind.RUNTIME,
                f"of llama-cpp-python {pack.version}",
                "MIT",
                "Copyright (c) 2023-2026 The ggml authors",
                home,
                notice=_others(texts),
                texts=texts or (own_text("llama.cpp"),),
            )


def _bindings_own() -> Path | None:
    spec = find_spec("llama_cpp")
    return Path(spec.origin).parent / "lib" if spec is not None and spec.origin is not None else None


def _others(texts: tuple[LicenceText, ...]) -> str:
    if len(texts) < 2:
        return ""
    return "llama.cpp is under the MIT licence; what was built into this pack with it is under the licences below."


def _texts(folder: Path) -> Iterator[LicenceText]:
    if not folder.is_dir() or folder.is_symlink():
        return
    with suppress(OSError):  # of a pack that is being removed, or that somebody has closed to us
        files = sorted(each for each in folder.iterdir() if each.is_file() and not each.is_symlink())
        for file in files[:MOST_TEXTS]:
            with file.open("rb") as opened:
                content = opened.read(LARGEST_TEXT_BYTES)
            yield LicenceText(file.name, content.decode("utf-8", errors="replace"))
