"""The licence texts of what a pack is made of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FOLDER = "licences"
_CODE = {".c", ".cpp", ".h", ".hpp", ".cu", ".cuh", ".metal", ".comp", ".glsl", ".m"}
_PARTS = ("include", "src", "ggml/include", "ggml/src")
"""Of llama.cpp's source, where all is that a pack can be made of."""

_NOT_COMPILED = {"kleidiai", "spacemit"}
"""Parts of the processor's backend that no recipe switches on."""

_COMMENTS = re.compile(r"/\*.*?\*/|(?:^[ \t]*//[^\n]*\n?)+", re.MULTILINE | re.DOTALL)
_CLAIM = re.compile(r"copyright\D{0,6}\d{4}|\(c\) \d{4}", re.IGNORECASE)
_MARKS = re.compile(r"^[ \t]*(//|/\*+|\*/|\*)[ \t]?")


def write_licences(
    pack: Path,
    source: Path,
    backends: Sequence[str],
    headers: Sequence[Path],
    libraries: Mapping[str, Sequence[Path]],
) -> None:
    """Into the pack's folder for them. `backends`: whose code is in it. `headers`: of others, whose code was compiled
    into it. `libraries`: the licences of those that go with it, by their names."""
    folder = pack / FOLDER
    folder.mkdir()
    shutil.copyfile(source / "LICENSE", folder / "llama.cpp.txt")
    named = [(file.relative_to(source).as_posix(), file) for file in _code(source, backends)]
    named += [(file.name, file) for file in headers]
    rule = f"\n{'-' * 80}\n\n"
    begin = "Parts of llama.cpp, and of what it is compiled with, whose authors are named in them.\n"
    notices = [f"{name}\n\n{notice}\n" for name, file in named for notice in notices_in(file)]
    (folder / "notices.txt").write_text(rule.join([begin, *notices]), "utf-8")
    for name, licences in libraries.items():
        (folder / f"{name}.txt").write_bytes(b"\n\n".join(file.read_bytes() for file in licences))


def _code(source: Path, backends: Sequence[str]) -> Iterator[Path]:
    folders = {folder.name for folder in (source / "ggml" / "src").iterdir() if folder.is_dir()}
    others = folders - {f"ggml-{name}" for name in backends} | _NOT_COMPILED
    for part in _PARTS:
        for file in sorted((source / part).rglob("*")):
            if file.suffix in _CODE and others.isdisjoint((*file.relative_to(source).parts, file.stem)):
                yield file


def notices_in(file: Path) -> Iterator[str]:
    """The comments in it that tell who has rights in it."""
    for comment in _COMMENTS.findall(file.read_text("utf-8", "replace")):
        if _CLAIM.search(comment):
            yield "\n".join(_MARKS.sub("", line).rstrip() for line in comment.strip().splitlines()).strip()
