"""Quantizing a real model: every type llama.cpp writes, in the bytes its blocks take, whatever disturbs it."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.convert import QUANTIZATIONS, Quantization
from app.convert.quantize import expected_bytes
from app.core.errors import Cancelled, QuantizeFailed, WorkerDied, WrongChoice
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from app.guide import make_guide
from app.runtime import Worker, start_worker
from app.runtime.protocol import Quantize, Quantized
from app.storage import DataFolder
from tests.helpers.command_line import KILLED

MADE = [kind for kind in QUANTIZATIONS if not kind.needs_importance_matrix]
REFUSED = [kind for kind in QUANTIZATIONS if kind.needs_importance_matrix]
ALIGNMENT = 32
BITS = {
    "F32": 32,
    "F16": 16,
    "BF16": 16,
    # Blocks of 32 weights with one or two numbers of 16 bits (MXFP4: one of 8), Q2_0 of 64 and Q1_0 of 128.
    "Q8_0": 8 + 16 / 32,
    "Q5_1": 5 + 32 / 32,
    "Q5_0": 5 + 16 / 32,
    "Q4_1": 4 + 32 / 32,
    "Q4_0": 4 + 16 / 32,
    "IQ4_NL": 4 + 16 / 32,
    "MXFP4": 4 + 8 / 32,
    "Q2_0": 2 + 16 / 64,
    "Q1_0": 1 + 16 / 128,
    # Blocks of 256 weights, as https://github.com/ggml-org/llama.cpp/pull/1684 and those after it tell.
    "Q6_K": 6.5625,
    "Q5_K": 5.5,
    "Q4_K": 4.5,
    "Q3_K": 3.4375,
    "Q2_K": 2.625,
    "IQ4_XS": 4.25,
    "IQ3_S": 3.4375,
    "TQ2_0": 2.0625,
    "TQ1_0": 1.6875,
}
"""Of each weight in a block."""
FALLBACKS = {"F16", "Q4_0", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL"}
"""What llama.cpp takes where rows are no multiple of 256 weights."""
MAIN_TYPES = {"IQ3_M": "IQ3_S", "MXFP4_MOE": "Q8_0"}
"""Of most weights, where it is not that of the name; MXFP4_MOE keeps its 4 bits for experts, and the guide has none."""


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with start_worker() as worker:
        yield worker


def quantize(worker: Worker, source: Path, kind: Quantization, target: Path) -> None:
    request = Quantize(
        source=os.fsencode(source), target=os.fsencode(target), file_type=kind.file_type, threads=0
    )
    assert isinstance(worker.call_for(request), Quantized)


@pytest.fixture(scope="module")
def made(
    worker: Worker, guide: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Quantization], Path]:
    """The guide in a type, made once."""
    folder = tmp_path_factory.mktemp("made")

    @functools.cache
    def make(kind: Quantization) -> Path:
        target = folder / f"guide-{kind.name}.gguf"
        quantize(worker, guide("BF16"), kind, target)
        return target

    return make


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.name)
def test_type_is_written_as_named_without_fallback_and_in_the_bytes_of_its_blocks(
    made: Callable[[Quantization], Path], kind: Quantization
) -> None:
    target = made(kind)
    facts = read_facts(target)
    assert facts.quantization == kind.name
    weights = Counter[str]()
    for tensor in facts.tensors:
        if len(tensor.shape) == 2:
            weights[tensor.type] += tensor.elements
    main = MAIN_TYPES.get(kind.name, re.sub("(?<=_K)_[SML]$", "", kind.name))
    assert weights.most_common(1)[0][0] == main
    assert weights.keys() & FALLBACKS <= {main}
    size = sum(aligned(int(tensor.elements * BITS[tensor.type] / 8)) for tensor in facts.tensors)
    assert target.stat().st_size == facts.tensors[0].offset + size


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.name)
def test_size_that_is_expected_is_enough_and_hardly_more(
    made: Callable[[Quantization], Path], guide: Callable[[str], Path], kind: Quantization
) -> None:
    target = made(kind)
    expected = expected_bytes(read_facts(guide("BF16")), kind)
    assert target.stat().st_size <= expected <= target.stat().st_size + 256


def test_type_for_experts_is_refused_for_the_guide_which_has_none(
    tmp_path: Path, guide: Callable[[str], Path]
) -> None:
    data = DataFolder(tmp_path / "data")
    data.guide.mkdir(parents=True)
    shutil.copy(guide("BF16"), data.guide)
    with pytest.raises(WrongChoice, match="makes only experts smaller") as caught:
        make_guide(data, ["MXFP4_MOE"], JobControl(CancelToken(), lambda event: None))
    assert "Q4_K_M" in caught.value.hint
    assert [file.name for file in data.guide.iterdir()] == ["guide-BF16.gguf"]


def test_types_that_need_an_importance_matrix_are_refused(
    worker: Worker, guide: Callable[[str], Path], tmp_path: Path
) -> None:
    for kind in REFUSED:
        with pytest.raises(QuantizeFailed, match="importance matrix"):
            quantize(worker, guide("BF16"), kind, tmp_path / "guide.gguf")


def cancel(control: JobControl) -> None:
    control.cancel.cancel()


def kill(control: JobControl) -> None:
    newest = max(psutil.Process().children(), key=lambda child: child.create_time())
    newest.kill()


@pytest.mark.parametrize(("disturb", "fault"), [(cancel, Cancelled), (kill, WorkerDied)])
def test_quantization_cut_short_leaves_its_source_and_the_next_try_makes_the_same_file(
    guide: Callable[[str], Path],
    tmp_path: Path,
    disturb: Callable[[JobControl], None],
    fault: type[Exception],
) -> None:
    data = DataFolder(tmp_path / "data")
    data.guide.mkdir(parents=True)
    shutil.copy(guide("BF16"), data.guide)

    def look(event: object) -> None:
        if isinstance(event, Progress) and event.stage == "Making Q4_K_M" and event.done > 0:
            disturb(control)

    control = JobControl(CancelToken(), look)
    with pytest.raises(fault, match=KILLED if fault is WorkerDied else None):
        make_guide(data, ["Q4_K_M"], control)
    assert [file.name for file in data.guide.iterdir()] == ["guide-BF16.gguf"]

    (path,) = make_guide(data, ["Q4_K_M"], JobControl(CancelToken(), lambda event: None))
    assert path.read_bytes() == guide("Q4_K_M").read_bytes()
    assert (data.guide / "guide-BF16.gguf").read_bytes() == guide("BF16").read_bytes()
