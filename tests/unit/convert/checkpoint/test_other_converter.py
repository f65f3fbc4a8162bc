"""Architectures that Nibble lacks, handed to a converter of the person's own: a small script with its command line."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from app.convert import OtherConverter, convert_checkpoint, make_from_checkpoint
from app.core.errors import (
    Cancelled,
    ConverterFailed,
    EnvironmentFault,
    FileGone,
    UnknownArchitecture,
    UnsupportedCheckpoint,
    WrongChoice,
)
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint

READS_ARGUMENTS = """
    import argparse, os, shutil, sys, time
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--outfile")
    parser.add_argument("--outtype")
    options = parser.parse_args()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_checkpoint(tmp_path / "Poet", config={"architectures": ["PoetForCausalLM"]})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def script(tmp_path: Path, body: str) -> OtherConverter:
    path = tmp_path / "convert_hf_to_gguf.py"
    path.write_text(textwrap.dedent(READS_ARGUMENTS) + textwrap.dedent(body))
    return OtherConverter(path, sys.executable)


def control(progress: list[Progress] | None = None) -> JobControl:
    def hear(event: object) -> None:
        if progress is not None and isinstance(event, Progress):
            progress.append(event)

    return JobControl(CancelToken(), hear)


def ready(tmp_path: Path, file_type: str) -> Path:
    known = write_tiny_checkpoint(tmp_path / "Known")
    return convert_checkpoint(known, tmp_path / "ready.gguf", control(), file_type)


def copies(tmp_path: Path) -> OtherConverter:
    """Writes a real GGUF, with a line of progress as tqdm draws it."""
    ready(tmp_path, "BF16")
    return script(
        tmp_path,
        f"""
        print("INFO:hf-to-gguf:Loading model", file=sys.stderr)
        for percent in (0, 50, 100):
            print(f"\\rWriting: {{percent:3}}%|###| 1.0M/2.0M", end="", file=sys.stderr)
        assert options.outtype == "bf16", options
        shutil.copy({str(tmp_path / "ready.gguf")!r}, options.outfile)
        """,
    )


def test_a_lacking_architecture_is_converted_by_the_script(tmp_path: Path, folder: Path, out: Path) -> None:
    seen: list[Progress] = []
    (path,) = make_from_checkpoint(folder, ["BF16"], out, control(seen), converter=copies(tmp_path))
    assert path == out / "Poet-BF16.gguf"
    assert read_facts(path).quantization == "BF16"
    assert list(out.iterdir()) == [path]
    total = seen[0].total
    assert [each.done / total for each in seen] == [0, 0, 0.5, 1]
    assert {each.stage for each in seen} == {"Converting with convert_hf_to_gguf.py"}


def test_a_known_architecture_stays_with_nibble(tmp_path: Path, out: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Tiny")
    started = script(tmp_path, f"open({str(tmp_path / 'started')!r}, 'w')")
    make_from_checkpoint(folder, ["BF16"], out, control(), converter=started)
    assert not (tmp_path / "started").exists()


def test_without_being_asked_for_no_script_is_run_and_the_fault_tells_of_it(folder: Path, out: Path) -> None:
    with pytest.raises(UnknownArchitecture) as caught:
        make_from_checkpoint(folder, ["BF16"], out, control())
    assert "--converter" in caught.value.hint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit('No module named torch')", "No module named torch"),
        (
            "print('ERROR: Model PoetForCausalLM is not supported'); sys.exit(1)",
            "PoetForCausalLM is not supported",
        ),
        ("os.kill(os.getpid(), 9)", "said nothing"),
        ("pass", "no whole GGUF"),
        ("open(options.outfile, 'wb').write(b'GGUF')", "no whole GGUF"),
        ("sys.stdout.write('x' * 1_000_000); sys.exit(1)", "xxx"),
    ],
)
def test_what_fails_there_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, folder: Path, out: Path, body: str, words: str
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConverterFailed) as caught:
        make_from_checkpoint(folder, ["BF16"], out, control(), converter=script(tmp_path, body))
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 500
    assert caught.value.hint
    assert list(out.iterdir()) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_type_than_was_asked_for_is_not_taken(tmp_path: Path, folder: Path, out: Path) -> None:
    copier = script(tmp_path, f"shutil.copy({str(ready(tmp_path, 'F16'))!r}, options.outfile)")
    with pytest.raises(ConverterFailed, match="something else"):
        make_from_checkpoint(folder, ["BF16"], out, control(), converter=copier)
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="looks for processes by their parents")
def test_cancel_ends_the_script_and_what_it_started(tmp_path: Path, folder: Path, out: Path) -> None:
    sleeper = script(
        tmp_path,
        """
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        open(options.model + "/../child", "w").write(str(child.pid))
        open(options.outfile, "wb").write(b"GGUF")
        print("Writing:  50%|##|", flush=True)
        time.sleep(100)
        """,
    )
    token = CancelToken()

    def cancel(event: object) -> None:
        if isinstance(event, Progress) and event.done:
            token.cancel()

    begun = time.monotonic()
    with pytest.raises(Cancelled):
        make_from_checkpoint(folder, ["BF16"], out, JobControl(token, cancel), converter=sleeper)
    assert time.monotonic() - begun < 60
    child = int((tmp_path / "child").read_text())
    gone = [process for process in psutil.process_iter(["pid"]) if process.pid == child]
    assert psutil.wait_procs(gone, timeout=10)[1] == []
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("converter", "kind", "words"),
    [
        (OtherConverter(Path("none.py"), sys.executable), FileGone, "none.py"),
        (OtherConverter(Path(__file__), "no-such-python"), WrongChoice, "no-such-python"),
    ],
)
def test_what_cannot_be_started_is_told_before(
    folder: Path, out: Path, converter: OtherConverter, kind: type[EnvironmentFault], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        make_from_checkpoint(folder, ["BF16"], out, control(), converter=converter)
    assert caught.value.hint
    assert not out.exists()


def test_pickled_weights_are_not_handed_over(tmp_path: Path, folder: Path, out: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsupportedCheckpoint, match="pickled"):
        make_from_checkpoint(folder, ["BF16"], out, control(), converter=copies(tmp_path))


def test_adapter_is_not_dropped_silently(tmp_path: Path, folder: Path, out: Path) -> None:
    with pytest.raises(WrongChoice, match="adapter"):
        make_from_checkpoint(
            folder, ["BF16"], out, control(), lora=tmp_path / "adapter", converter=copies(tmp_path)
        )
