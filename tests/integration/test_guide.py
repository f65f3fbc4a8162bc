"""Making the guide: what is missing, damaged or out of date, whatever disturbs it on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import app.convert
import resources
from app.core.errors import (
    Cancelled,
    DiskFull,
    EnvironmentFault,
    GuideDamaged,
    NotAllowed,
    WrongChoice,
)
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from app.guide import GUIDE_QUANTIZATIONS, guide_file, guide_is_current, make_guide
from app.guide import checkpoint as guide_checkpoint
from app.library import is_built_in, library_places, scan
from app.runtime import LoadedModel, LoadSettings
from app.storage import DataFolder, data_folder
from tests.helpers.answers import ask, greedy
from tests.helpers.guide_checkpoint import (
    needs_shipped_guide,
    nibble_with,
    start_nibble_with,
    write_guide_checkpoint,
)
from tests.helpers.library import scan_folders
from tests.helpers.tiny_gguf import write_tiny_model


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of one Nibble. Not to be changed."""
    return write_guide_checkpoint(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a later Nibble. Not to be changed."""
    return write_guide_checkpoint(tmp_path_factory.mktemp("second"), seed=1)


@pytest.fixture
def checkpoint(first: Path, tmp_path: Path) -> Path:
    """One to damage."""
    return Path(shutil.copytree(first, tmp_path / "checkpoint"))


@pytest.fixture
def data() -> DataFolder:
    return data_folder()


def control(on_progress: Callable[[Progress], object] = lambda progress: None) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: on_progress(event) if isinstance(event, Progress) else None
    )


def make(data: DataFolder, checkpoint: Path, *quantizations: str) -> list[Path]:
    return make_guide(data, quantizations or GUIDE_QUANTIZATIONS, control(), checkpoint)


def contents(data: DataFolder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in data.guide.iterdir()} if data.guide.exists() else {}


def answer(path: Path) -> str:
    with LoadedModel.load(path, LoadSettings(context_length=256, threads=1)) as model:
        return ask(model, "hello", greedy(8)).text


# What is made


def test_guide_is_made_in_the_types_asked_for_and_answers(data: DataFolder, first: Path) -> None:
    eight, four = make(data, first)
    assert (eight, four) == (data.guide / "guide-Q8_0.gguf", data.guide / "guide-Q4_0.gguf")
    for path, quantization in ((eight, "Q8_0"), (four, "Q4_0")):
        assert read_facts(path).quantization == quantization
        assert answer(path)


def test_guide_is_in_the_library_under_its_own_name_and_marked(data: DataFolder, first: Path) -> None:
    make(data, first)
    write_tiny_model(data.models / "mine.gguf") if data.create() else None
    entries = scan(library_places(data, ()), data.database)
    titles = {entry.title: is_built_in(entry.path, data) for entry in entries}
    assert titles == {
        "Nibble guide BF16": True,
        "Nibble guide Q8_0": True,
        "Nibble guide Q4_0": True,
        "Tiny random F32": False,
    }


def test_guide_that_is_there_is_not_made_again(data: DataFolder, first: Path) -> None:
    def stamps() -> dict[str, tuple[int, int]]:
        return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in data.guide.iterdir()}

    make(data, first)
    before = stamps()
    reports: list[Progress] = []
    make_guide(data, ("q4_0", "BF16", "Q8_0"), control(reports.append), first)
    assert stamps() == before
    assert reports == []


@pytest.mark.parametrize("kind", ["BF16", "F16", "Q2_K", "Q4_K_M"])
def test_guide_is_made_in_any_type(data: DataFolder, first: Path, kind: str) -> None:
    (path,) = make(data, first, kind)
    assert read_facts(path).quantization == kind


def test_type_that_does_not_exist_is_refused_before_anything_is_made(data: DataFolder, first: Path) -> None:
    with pytest.raises(WrongChoice, match="Q9"):
        make(data, first, "Q8_0", "Q9")
    assert contents(data) == {}


def test_type_that_llama_cpp_cannot_make_is_refused_with_its_reason(data: DataFolder, first: Path) -> None:
    with pytest.raises(WrongChoice, match="importance matrix"):
        make(data, first, "IQ2_XXS")
    assert list(contents(data)) == ["guide-BF16.gguf"]


# What is made again


def leave_out(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another_model(path: Path) -> None:
    write_tiny_model(path)


@pytest.mark.parametrize("damage", [leave_out, cut, empty, another_model], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("kind", ["BF16", "Q8_0"])
def test_file_that_is_gone_or_damaged_is_made_again(
    data: DataFolder, first: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    make(data, first, "Q8_0")
    before = contents(data)
    damage(guide_file(data, kind))
    make(data, first, "BF16", "Q8_0")
    assert contents(data) == before


def test_files_of_an_earlier_checkpoint_are_all_made_again(
    data: DataFolder, first: Path, second: Path
) -> None:
    make(data, first)
    before = contents(data)
    make(data, second, "Q8_0")
    after = contents(data)
    assert set(after) == set(before)
    assert all(after[name] != before[name] for name in before)
    make(data, first, "Q4_0")
    assert contents(data) == before


def test_files_made_in_an_earlier_way_are_made_again(
    data: DataFolder, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(data, first, "Q8_0")
    before = contents(data)
    monkeypatch.setattr(guide_checkpoint, "RECIPE", guide_checkpoint.RECIPE + 1)
    make(data, first, "Q8_0")
    assert all(content != before[name] for name, content in contents(data).items())


@pytest.mark.parametrize("fault", [NotAllowed, DiskFull])
def test_outdated_file_nobody_asked_for_that_cannot_be_made_again_stays_and_fails_nothing(
    data: DataFolder,
    first: Path,
    second: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[EnvironmentFault],
) -> None:
    """In use on Windows, or too large for what is left of the disk."""
    make(data, first, "Q4_0", "Q8_0")
    before = contents(data)
    made = []
    quantize = app.convert.quantize

    def denied(source: Path, kind: str, folder: Path, control: JobControl) -> Path:
        made.append(kind)
        if kind == "Q4_0":
            raise fault("guide-Q4_0.gguf cannot be written.")
        return quantize(source, kind, folder, control)

    monkeypatch.setattr(app.convert, "quantize", denied)
    (path,) = make(data, second, "Q8_0")
    assert made == ["Q8_0", "Q4_0"]
    after = contents(data)
    assert (after["guide-Q4_0.gguf"], path) == (before["guide-Q4_0.gguf"], guide_file(data, "Q8_0"))
    assert after[path.name] != before[path.name]
    with pytest.raises(fault):
        make(data, second, "Q4_0")


def test_cancel_counts_while_files_nobody_asked_for_are_made_again(
    data: DataFolder, first: Path, second: Path
) -> None:
    make(data, first, "Q4_0", "Q8_0")
    with pytest.raises(Cancelled):
        make_guide(data, ["Q8_0"], cancel_when("Making Q4_0"), second)
    assert guide_is_current(data, ["Q8_0"], second)


# Whether it is made


def test_guide_is_current_when_nothing_is_left_to_make(data: DataFolder, first: Path, second: Path) -> None:
    def current(checkpoint: Path = first) -> bool:
        return guide_is_current(data, GUIDE_QUANTIZATIONS, checkpoint)

    assert not current()
    make(data, first, "Q8_0")
    assert not current()
    assert guide_is_current(data, ["Q8_0", "BF16"], first)
    make(data, first)
    assert current()
    assert not current(second)


@pytest.mark.parametrize("damage", [leave_out, cut, empty, another_model], ids=lambda damage: damage.__name__)
def test_guide_with_a_damaged_file_is_not_current(
    data: DataFolder, first: Path, damage: Callable[[Path], None]
) -> None:
    make(data, first)
    damage(guide_file(data, "Q4_0"))
    assert not guide_is_current(data, GUIDE_QUANTIZATIONS, first)
    assert guide_is_current(data, ["Q8_0"], first)


def test_guide_that_was_made_is_current_without_a_checkpoint(data: DataFolder, checkpoint: Path) -> None:
    make(data, checkpoint)
    lose_everything(checkpoint)
    assert guide_is_current(data, GUIDE_QUANTIZATIONS, checkpoint)


# A checkpoint that is not as it should be


def flip_a_bit(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_the_weights(checkpoint: Path) -> None:
    cut(checkpoint / "model.safetensors")


def lose_the_tokenizer(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.model").unlink()


def lose_the_sums(checkpoint: Path) -> None:
    (checkpoint / "SHA256SUMS").unlink()


def lose_everything(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)


DAMAGES = [flip_a_bit, cut_the_weights, lose_the_tokenizer, lose_the_sums, lose_everything]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_checkpoint_is_refused_and_nothing_is_made(
    data: DataFolder, checkpoint: Path, damage: Callable[[Path], None]
) -> None:
    damage(checkpoint)
    with pytest.raises(GuideDamaged, match="damaged or missing") as caught:
        make(data, checkpoint)
    assert "Install Nibble again" in caught.value.hint
    assert contents(data) == {}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_guide_that_was_made_before_needs_no_checkpoint(
    data: DataFolder, checkpoint: Path, damage: Callable[[Path], None]
) -> None:
    before = make(data, checkpoint)
    damage(checkpoint)
    assert make(data, checkpoint) == before


# What disturbs it


def cancel_when(stage: str) -> JobControl:
    token = CancelToken()

    def look(event: object) -> None:
        if isinstance(event, Progress) and event.stage == stage and event.done > 0:
            token.cancel()

    return JobControl(token, look)


@pytest.mark.parametrize(
    ("stage", "finished"),
    [
        ("Checking the guide", []),
        ("Converting to BF16", []),
        ("Making Q8_0", ["guide-BF16.gguf"]),
        ("Making Q4_0", ["guide-BF16.gguf", "guide-Q8_0.gguf"]),
    ],
)
def test_cancel_leaves_only_whole_files_and_the_next_make_goes_on(
    data: DataFolder, first: Path, stage: str, finished: list[str]
) -> None:
    with pytest.raises(Cancelled):
        make_guide(data, GUIDE_QUANTIZATIONS, cancel_when(stage), first)
    assert sorted(contents(data)) == finished
    for path in make(data, first):
        assert answer(path)


@pytest.fixture(params=["tiny", pytest.param("shipped", marks=needs_shipped_guide)])
def any_checkpoint(request: pytest.FixtureRequest, first: Path) -> Path:
    return first if request.param == "tiny" else resources.guide_checkpoint()


@pytest.mark.parametrize("kind", ["BF16", "Q4_0"])
def test_nibble_killed_on_the_way_leaves_no_broken_file_and_the_next_one_makes_it(
    data: DataFolder, any_checkpoint: Path, kind: str
) -> None:
    unfinished = f".guide-{kind}.gguf.*.part"
    with start_nibble_with(any_checkpoint, "inspect", "guide-Q4_0") as process:
        await_file(data.guide, unfinished, process)
        workers = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert [entry.fault for entry in scan_folders([data.guide]) if entry.fault] == []
    assert not guide_file(data, "Q4_0").exists()

    assert nibble_with(any_checkpoint, "inspect", "guide-Q4_0", "--json").document["quantization"] == "Q4_0"
    assert sorted(contents(data)) == ["guide-BF16.gguf", "guide-Q4_0.gguf"]


def await_file(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if folder.exists() and any(folder.glob(pattern)):
            return
        time.sleep(0.001)
    raise AssertionError(f"{pattern} was not begun: {process.communicate()}")


def test_several_processes_that_make_it_at_once_all_get_it(data: DataFolder, first: Path) -> None:
    processes = [
        start_nibble_with(first, "inspect", f"guide-{kind}", "--json") for kind in ("Q8_0", "Q4_0") * 2
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, code in ends] == [0] * 4, ends
    assert sorted(contents(data)) == ["guide-BF16.gguf", "guide-Q4_0.gguf", "guide-Q8_0.gguf"]
    assert [entry.fault for entry in scan_folders([data.guide])] == [None] * 3


def test_file_that_another_process_made_and_uses_meanwhile_is_taken(
    data: DataFolder, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file in use cannot be replaced."""
    quantize = app.convert.quantize

    def denied(source: Path, kind: str, folder: Path, control: JobControl) -> Path:
        quantize(source, kind, folder, control)
        raise NotAllowed(f"Nibble is not allowed to write {folder}.")

    monkeypatch.setattr(app.convert, "quantize", denied)
    (path,) = make(data, first, "Q8_0")
    assert read_facts(path).quantization == "Q8_0"


def test_data_folder_that_cannot_be_written_is_told(data: DataFolder, first: Path) -> None:
    data.root.mkdir()
    data.guide.write_bytes(b"in the way")
    with pytest.raises(EnvironmentFault, match="guide"):
        make(data, first)
