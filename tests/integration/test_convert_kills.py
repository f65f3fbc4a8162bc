"""Nibble is killed while it converts a checkpoint: never half a file under a name, and the next run cleans up."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.convert import convert_checkpoint, make_from_checkpoint
from app.core.jobs import CancelToken, JobControl
from tests.helpers.library import scan_folders
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint

KILLED_AT = """
import os, sys
from pathlib import Path
from app.convert import make_from_checkpoint
from app.convert.checkpoint import transfer
from app.core.jobs import CancelToken, JobControl, Progress
from app.storage import atomic

source, out, types, stage = sys.argv[1:]
transfer.PIECE_BYTES = 20_000
replace, flush = os.replace, atomic._flush

def die(*arguments):
    os.kill(os.getpid(), 9)

def replace_and_die(*arguments):
    replace(*arguments)
    die()

def hear(event):
    if isinstance(event, Progress) and stage.isdigit() and event.total:
        if event.done >= int(stage) / 100 * event.total:
            die()

if stage == "flush":
    atomic._flush = die
if stage == "rename":
    os.replace = die
if stage == "renamed":
    os.replace = replace_and_die
make_from_checkpoint(Path(source), types.split(","), Path(out), JobControl(CancelToken(), hear))
"""
LLAMA = TinyLlama(dtype="BF16")


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("source") / "Tiny", LLAMA, shards=2)


@pytest.fixture(scope="module")
def whole(source: Path) -> bytes:
    return convert_checkpoint(source, source.parent / "whole.gguf", control(), "F16").read_bytes()


@pytest.mark.parametrize("stage", ["0", "1", "50", "100", "flush", "rename", "renamed"])
def test_killed_at_any_stage_there_is_a_whole_file_or_none(
    tmp_path: Path, source: Path, whole: bytes, stage: str
) -> None:
    before = contents(source)
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT, source, out, "F16", stage], capture_output=True, timeout=120
    )
    assert done.returncode not in (0, 1), done.stderr
    expect_sound(source, before, out, whole)
    if stage != "0":  # else the next lines say nothing
        assert [path.name.startswith(".") for path in out.iterdir()] == [stage != "renamed"]
    (path,) = make_from_checkpoint(source, ["F16"], out, control())
    assert list(out.iterdir()) == [path]
    assert path.read_bytes() == whole


def test_killed_at_any_moment_there_is_a_whole_file_or_none(
    tmp_path: Path, source: Path, whole: bytes
) -> None:
    before = contents(source)
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED_AT, source, out, "F16", "never"]
    begun = time.monotonic()
    subprocess.run(command, check=True, timeout=120)
    took_s = time.monotonic() - begun
    for _ in range(2):
        with subprocess.Popen(command) as process:
            time.sleep(random.uniform(0.3, 1.0) * took_s)
            process.kill()
        expect_sound(source, before, out, whole)
    (path,) = make_from_checkpoint(source, ["F16"], out, control())
    assert list(out.iterdir()) == [path]


@pytest.mark.parametrize("stage", ["1", "70"])
def test_killed_while_several_are_made_at_once_none_of_them_is_half(
    tmp_path: Path, source: Path, stage: str
) -> None:
    before = contents(source)
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT, source, out, "Q8_0,Q4_0", stage], capture_output=True, timeout=120
    )
    assert done.returncode not in (0, 1), done.stderr
    assert contents(source) == before
    assert scan_folders([out]) == []
    made = make_from_checkpoint(source, ["Q8_0", "Q4_0"], out, control())
    assert sorted(out.iterdir()) == sorted(made)


SLOW_CONVERTER = """
import os, sys, time
out = sys.argv[sys.argv.index("--outfile") + 1]
open(out, "wb").write(b"GGUF")
with open(os.path.join(os.path.dirname(sys.argv[1]), "started"), "w") as file:
    file.write(str(os.getpid()))
for number in range(1000):
    print(f"Writing: {number / 10:3.0f}%|", file=sys.stderr, flush=True)
    time.sleep(0.1)
"""
HANDS_OVER = """
import sys
from pathlib import Path
from app.convert import OtherConverter, make_from_checkpoint
from app.core.jobs import CancelToken, JobControl

source, out, script = map(Path, sys.argv[1:])
control = JobControl(CancelToken(), lambda event: None)
make_from_checkpoint(source, ["BF16"], out, control, converter=OtherConverter(script, sys.executable))
"""


def test_a_converter_of_the_persons_own_ends_with_nibble(tmp_path: Path) -> None:
    source = write_tiny_checkpoint(tmp_path / "Poet", LLAMA, config={"architectures": ["PoetForCausalLM"]})
    script, out, started = tmp_path / "convert.py", tmp_path / "out", tmp_path / "started"
    script.write_text(SLOW_CONVERTER)
    with subprocess.Popen([sys.executable, "-c", HANDS_OVER, source, out, script]) as process:
        until = time.monotonic() + 60
        while not (started.exists() and started.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        running = psutil.Process(int(started.read_text()))
        process.kill()
    assert psutil.wait_procs([running], timeout=20)[1] == []
    assert len(list(out.iterdir())) == 1  # else the next lines say nothing
    known = write_tiny_checkpoint(tmp_path / "Tiny", LLAMA)
    (path,) = make_from_checkpoint(known, ["BF16"], out, control())
    assert list(out.iterdir()) == [path]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def expect_sound(source: Path, before: dict[str, bytes], out: Path, whole: bytes) -> None:
    assert contents(source) == before
    named = [path for path in out.iterdir() if not path.name.startswith(".")] if out.exists() else []
    assert [path.read_bytes() for path in named] in ([], [whole])
    assert [model.path for model in scan_folders([out])] == named
