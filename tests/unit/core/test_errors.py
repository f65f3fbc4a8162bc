"""From the operating system's errors to sentences for people."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import (
    FAULTS,
    DiskFull,
    EnvironmentFault,
    FileGone,
    NotAllowed,
    UnreadableFile,
    from_os_error,
)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOENT, FileGone, "not there"),
        (errno.EACCES, NotAllowed, "not allowed to read"),
        (errno.EPERM, NotAllowed, "not allowed to read"),
        (errno.ENOSPC, DiskFull, "ran full"),
        (errno.EDQUOT, DiskFull, "ran full"),
        (errno.EFBIG, DiskFull, "ran full"),
        (errno.EIO, UnreadableFile, os.strerror(errno.EIO)),
        (errno.EISDIR, UnreadableFile, os.strerror(errno.EISDIR)),
        (errno.ENOTDIR, UnreadableFile, os.strerror(errno.ENOTDIR)),
    ],
)
def test_from_os_error_gives_typed_fault_that_names_file_and_next_step(
    number: int, kind: type[EnvironmentFault], word: str
) -> None:
    fault = from_os_error(os_error(number), Path("/models/bard.gguf"))
    assert type(fault) is kind
    assert word in fault.message
    assert "/models/bard.gguf" in fault.message
    assert fault.hint


@pytest.mark.parametrize(("number", "word"), [(errno.EACCES, "write"), (errno.EIO, "written")])
def test_from_os_error_while_writing_speaks_of_writing(number: int, word: str) -> None:
    assert word in from_os_error(os_error(number), "x", writing=True).message


def test_from_os_error_of_real_missing_file_gives_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "none").read_bytes()
    assert isinstance(from_os_error(caught.value, tmp_path / "none"), FileGone)


def kinds(kind: type[EnvironmentFault]) -> Iterator[type[EnvironmentFault]]:
    for below in kind.__subclasses__():
        yield below
        yield from kinds(below)


def test_faults_of_every_kind_can_cross_a_process_boundary_by_name() -> None:
    ours = {kind for kind in kinds(EnvironmentFault) if kind.__module__ == "app.core.errors"}
    assert {FAULTS[kind.__name__] for kind in ours} == ours


@pytest.mark.parametrize(("hint", "text"), [("Try again.", "It broke. Try again."), ("", "It broke.")])
def test_fault_as_text_is_sentence_and_hint(hint: str, text: str) -> None:
    assert str(EnvironmentFault("It broke.", hint)) == text
