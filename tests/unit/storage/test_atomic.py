"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from app.core.errors import DiskFull, EnvironmentFault, FileGone, NotAllowed
from app.storage.atomic import finished_file, finished_files, scratch_folder, write_atomically


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_finished_file_after_clean_exit_is_under_its_final_name_alone(target: Path) -> None:
    with finished_file(target) as partial:
        partial.write_bytes(b"whole")
        assert not target.exists()
        assert partial.parent == target.parent  # a rename is atomic only within one file system
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]


def test_finished_file_replaces_an_earlier_one(target: Path) -> None:
    target.write_bytes(b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_finished_file_after_exception_leaves_target_as_it_was(
    target: Path, error: BaseException, before: bytes | None
) -> None:
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(type(error)), finished_file(target) as partial:  # noqa: PT012 - it must be inside
        partial.write_bytes(b"half")
        raise error
    assert [file.read_bytes() for file in target.parent.iterdir()] == ([] if before is None else [before])


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EACCES, NotAllowed), (errno.EROFS, EnvironmentFault)],
)
def test_finished_file_with_failing_disk_raises_typed_fault_about_the_target(
    target: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[EnvironmentFault]
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=r"model\.gguf") as caught:
        write_atomically(target, b"half")
    assert ".part" not in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_finished_file_lets_an_os_error_about_something_else_pass(target: Path) -> None:
    def write() -> None:
        with finished_file(target) as partial:
            partial.write_bytes(b"half")
            (target.parent / "source").read_bytes()

    with pytest.raises(FileNotFoundError, match="source"):
        write()
    assert list(target.parent.iterdir()) == []


WRITER = """
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from app.storage.atomic import finished_file
with finished_file(Path(sys.argv[1])) as partial:
    partial.write_bytes(b"half")
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_next_finished_file_removes_what_a_killed_writer_left_and_nothing_else(tmp_path: Path) -> None:
    def start(target: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        return process

    other = tmp_path / ".somebody.else.part"
    other.write_bytes(b"theirs")
    with start(tmp_path / "killed.gguf") as killed, start(tmp_path / "alive.gguf") as alive:
        killed.kill()
        killed.communicate()
        assert len(list(tmp_path.glob(".killed.gguf.*.part"))) == 1
        write_atomically(tmp_path / "new.gguf", b"new")
        assert list(tmp_path.glob(".killed.*")) == []
        assert len(list(tmp_path.glob(".alive.gguf.*.part"))) == 1
        alive.communicate("")
    assert {file.name for file in tmp_path.iterdir()} == {other.name, "new.gguf", "alive.gguf"}


def test_finished_file_in_missing_folder_raises_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        write_atomically(tmp_path / "none" / "x", b"x")


def test_finished_file_that_nobody_wrote_raises_and_leaves_nothing(target: Path) -> None:
    with pytest.raises(FileGone), finished_file(target):
        pass
    assert list(target.parent.iterdir()) == []


def test_two_finished_files_for_one_target_do_not_disturb_each_other(target: Path) -> None:
    with finished_file(target) as first:
        first.write_bytes(b"first")
        with finished_file(target) as second:
            second.write_bytes(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"


@pytest.mark.parametrize("error", [None, RuntimeError("stop")])
def test_scratch_folder_is_hidden_and_gone_afterwards_with_all_in_it(
    target: Path, error: Exception | None
) -> None:
    with pytest.raises(RuntimeError) if error else nullcontext(), scratch_folder(target) as scratch:
        assert scratch.parent == target.parent
        assert scratch.name.startswith(".")
        (scratch / "below").mkdir()
        (scratch / "below" / "large").write_bytes(b"x")
        if error:
            raise error
    assert list(target.parent.iterdir()) == []


def test_scratch_folder_of_a_killed_process_is_removed_by_the_next_one(target: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from app.storage.atomic import scratch_folder\n"
        "with scratch_folder(Path(sys.argv[1])) as scratch:\n"
        "    (scratch / 'large').write_bytes(b'x')\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], timeout=60)
    assert len(list(target.parent.rglob("large"))) == 1
    with scratch_folder(target) as scratch:
        assert list(target.parent.iterdir()) == [scratch]


def test_scratch_folder_in_missing_folder_raises_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone), scratch_folder(tmp_path / "none" / "x"):
        pass


def test_finished_files_get_their_names_together_and_the_first_one_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / f"model-{number}.gguf" for number in (1, 2, 3)]
    named: list[str] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        named.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    with finished_files(targets) as partials:
        for number, partial in enumerate(partials):
            partial.write_bytes(bytes([number]))
        assert not any(target.exists() for target in targets)
    assert named == ["model-3.gguf", "model-2.gguf", "model-1.gguf"]
    assert [target.read_bytes() for target in targets] == [b"\0", b"\1", b"\2"]
    assert sorted(tmp_path.iterdir()) == targets


def test_finished_files_of_which_one_cannot_be_named_leave_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / f"model-{number}.gguf" for number in (1, 2)]
    replace = os.replace

    def refuse_the_first(source: Path, target: Path) -> None:
        if target == targets[0]:
            raise PermissionError(errno.EACCES, "denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_the_first)
    with pytest.raises(NotAllowed):
        write_together(targets)
    assert list(tmp_path.iterdir()) == []


def test_finished_files_after_an_exception_leave_none(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_together([tmp_path / "a", tmp_path / "b"], then=lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []


def write_together(targets: list[Path], then: Callable[[], object] = lambda: None) -> None:
    with finished_files(targets) as partials:
        for partial in partials:
            partial.write_bytes(b"whole")
        then()
