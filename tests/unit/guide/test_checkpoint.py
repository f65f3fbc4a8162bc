"""Whether the guide's checkpoint is there and whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import Cancelled, GuideDamaged
from app.core.jobs import CancelToken, JobControl
from app.guide import guide_fault
from app.guide.checkpoint import identity, require_whole
from tests.helpers.guide_checkpoint import seal

WEIGHTS = "model.safetensors"


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def drop(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def claim_endless_header(path: Path) -> None:
    path.write_bytes((1 << 63).to_bytes(8, "little") + path.read_bytes()[8:])


def write_no_json(path: Path) -> None:
    path.write_bytes((4).to_bytes(8, "little") + b"\xff{[]")


def write_other_json(path: Path) -> None:
    path.write_bytes((13).to_bytes(8, "little") + b'{"a": "text"}')


def write_endless_offsets(path: Path) -> None:
    header = b'{"a": {"data_offsets": [0, 1e999]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def test_whole_checkpoint_has_no_fault(checkpoint: Path) -> None:
    assert guide_fault(checkpoint) is None
    assert require_whole(checkpoint, control()) == identity(checkpoint)


@pytest.mark.parametrize("damage", [drop, empty, replace_by_folder], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.model", "tokenizer_config.json", WEIGHTS, "SHA256SUMS"]
)
def test_missing_file_is_a_fault_that_names_it(
    checkpoint: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(checkpoint / name)
    fault = guide_fault(checkpoint)
    assert isinstance(fault, GuideDamaged)
    assert fault.message == f"Nibble's built-in model is damaged or missing ({name})."
    assert fault.hint == "Everything else works. Install Nibble again to get it back."
    with pytest.raises(GuideDamaged, match=rf"\({name}\)"):
        require_whole(checkpoint, control())


@pytest.mark.parametrize(
    "damage",
    [cut, lengthen, claim_endless_header, write_no_json, write_other_json, write_endless_offsets],
    ids=lambda damage: damage.__name__,
)
def test_weights_of_another_size_than_their_header_says_are_a_fault(
    checkpoint: Path, damage: Callable[[Path], None]
) -> None:
    damage(checkpoint / WEIGHTS)
    fault = guide_fault(checkpoint)
    assert fault is not None
    assert WEIGHTS in fault.message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.model", WEIGHTS])
def test_one_changed_bit_is_found_before_anything_is_made(checkpoint: Path, name: str) -> None:
    flip(checkpoint / name)
    with pytest.raises(GuideDamaged, match=name):
        require_whole(checkpoint, control())


def test_several_damaged_files_are_all_named(checkpoint: Path) -> None:
    drop(checkpoint / "config.json")
    cut(checkpoint / WEIGHTS)
    fault = guide_fault(checkpoint)
    assert fault is not None
    assert f"(config.json, {WEIGHTS})" in fault.message


def test_missing_folder_is_a_fault_that_names_it(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)
    fault = guide_fault(checkpoint)
    assert fault is not None
    assert str(checkpoint) in fault.message
    assert identity(checkpoint) is None
    with pytest.raises(GuideDamaged):
        require_whole(checkpoint, control())


@pytest.mark.parametrize(
    "sums",
    [
        b"\xff\xfe",
        b"no sums at all\n",
        b"0" * 64 + b"  config.json\n",
        b"0" * 64 + b"  ../../../etc/passwd\n",
    ],
    ids=["no text", "no sums", "one file only", "path"],
)
def test_list_of_sums_that_is_not_whole_is_a_fault(checkpoint: Path, sums: bytes) -> None:
    (checkpoint / "SHA256SUMS").write_bytes(sums)
    fault = guide_fault(checkpoint)
    assert fault is not None
    assert "SHA256SUMS" in fault.message
    assert identity(checkpoint) is None


def test_cut_list_of_sums_is_a_fault(checkpoint: Path) -> None:
    sums = (checkpoint / "SHA256SUMS").read_bytes()
    for length in range(len(sums) - 1):
        (checkpoint / "SHA256SUMS").write_bytes(sums[:length])
        assert guide_fault(checkpoint) is not None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "SHA256SUMS"])
def test_file_that_may_not_be_read_is_a_fault(checkpoint: Path, name: str) -> None:
    (checkpoint / name).chmod(0)
    assert isinstance(guide_fault(checkpoint), GuideDamaged)


def test_check_when_cancelled_raises_cancelled(checkpoint: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        require_whole(checkpoint, JobControl(token, lambda event: None))


def test_identity_follows_the_content_of_the_files(checkpoint: Path) -> None:
    before = identity(checkpoint)
    seal(checkpoint)
    assert identity(checkpoint) == before
    flip(checkpoint / "tokenizer.model")
    assert (
        identity(checkpoint) == before
    )  # the sums are the installation's word; the files are held against it
    seal(checkpoint)
    assert identity(checkpoint) not in (None, before)


def test_look_at_the_installation_is_quick_and_loads_no_engine(checkpoint: Path) -> None:
    guide_fault(checkpoint)
    started = time.perf_counter()
    for _ in range(10):
        guide_fault(checkpoint)
    assert (time.perf_counter() - started) / 10 < 0.02  # 1 ms on an idle machine
    code = (
        "import sys\nfrom app.guide import FIRST_QUESTION, GUIDE_QUANTIZATIONS, guide_fault\nguide_fault()\n"
        "heavy = {'app.convert', 'app.runtime', 'app.gguf', 'numpy', 'psutil'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
