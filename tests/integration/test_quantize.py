"""Quantizing: what is written is right to the byte, and whatever goes wrong leaves nothing behind."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import psutil
import pytest
from gguf.quants import dequantize
from gguf.quants import quantize as reference_quantize

from app.convert import quantize
from app.core.errors import (
    Cancelled,
    DamagedGguf,
    DiskFull,
    EnvironmentFault,
    FileGone,
    QuantizeFailed,
    UnknownArchitecture,
    WorkerDied,
    WrongChoice,
)
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.command_line import KILLED, nibble, obey_permissions, start_nibble
from tests.helpers.library import scan_folders
from tests.helpers.raw_gguf import STRING, llama_header
from tests.helpers.tiny_gguf import write_tiny_model

LLAMA_QUANTIZE = Path.home() / ".cache" / "nibble-reference" / "bin" / "llama-quantize"
Q8_0_BITS = 8.5  # 32 weights in 8 bits and a 16-bit scale


def control(on_progress: Callable[[Progress], object] = lambda progress: None) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: on_progress(event) if isinstance(event, Progress) else None
    )


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(scope="module", autouse=True)
def source_untouched(tiny: Path, heavy: Path) -> Iterator[None]:
    """By any of these tests; to look after each would take longer than most of them."""
    before = [digest(tiny), digest(heavy)]
    yield
    assert [digest(tiny), digest(heavy)] == before


@pytest.fixture(scope="module")
def made(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny model in a type, made once and on one thread."""
    folder = tmp_path_factory.mktemp("made")
    return functools.cache(lambda kind: quantize(tiny, kind, folder, control(), threads=1))


# What is written


@pytest.mark.parametrize(
    ("kind", "worst_error"),
    [
        # Relative root mean square error of normally distributed weights in so many bits.
        ("F16", 1e-3),
        ("BF16", 5e-3),
        ("Q8_0", 0.02),  # a little more than usual: the tiny model's output has outliers
        ("Q4_K_M", 0.12),
        ("IQ4_XS", 0.12),
        ("Q2_K", 0.5),
    ],
)
def test_quantization_is_named_right_close_to_its_source_and_answers(
    tiny: Path, made: Callable[[str], Path], kind: str, worst_error: float
) -> None:
    path = made(kind)
    facts = read_facts(path)
    ours, original = tensors(path), tensors(tiny)
    assert path.name == f"tiny-{kind}.gguf"
    assert facts.quantization == kind
    assert set(ours) == set(original)
    bits = sum(int(tensor.n_bytes) * 8 for tensor in ours.values())
    assert facts.bits_per_weight == bits / sum(int(tensor.n_elements) for tensor in original.values())
    for name, tensor in ours.items():
        exact = np.asarray(original[name].data, np.float32)
        error = np.sqrt(np.mean((dequantize(tensor.data, tensor.tensor_type) - exact) ** 2))
        assert error <= worst_error * np.sqrt(np.mean(exact**2)), name
    with LoadedModel.load(path, LoadSettings(context_length=256, threads=1)) as model:
        assert ask(model, "hello", greedy(5)).statistics.tokens == 5


@pytest.mark.parametrize("kind", ["Q8_0", "F16", "BF16"])
def test_quantization_has_the_bytes_of_another_implementation(
    tiny: Path, made: Callable[[str], Path], kind: str
) -> None:
    original = tensors(tiny)
    wanted = gguf.GGMLQuantizationType[kind]
    for name, tensor in tensors(made(kind)).items():
        exact = np.asarray(original[name].data, np.float32)
        if exact.ndim == 1:  # norms stay as they are
            assert np.array_equal(tensor.data, exact)
        else:
            assert tensor.tensor_type == wanted
            assert np.array_equal(
                tensor.data.view(np.uint8), reference_quantize(exact, wanted).view(np.uint8)
            ), name


def test_q8_0_takes_eight_and_a_half_bits_for_each_weight_of_a_matrix(
    tiny: Path, made: Callable[[str], Path]
) -> None:
    facts = read_facts(made("Q8_0"))
    source = read_facts(tiny)
    matrices = sum(tensor.elements for tensor in source.tensors if len(tensor.shape) == 2)
    norms = source.parameters - matrices
    assert facts.bits_per_weight == (matrices * Q8_0_BITS + norms * 32) / source.parameters


@pytest.mark.skipif(not LLAMA_QUANTIZE.exists(), reason="llama.cpp's own tools are not built here")
@pytest.mark.parametrize("kind", ["Q4_K_M", "Q2_K", "IQ4_XS", "Q6_K"])
def test_quantization_has_the_bytes_llama_quantize_writes(
    tiny: Path, tmp_path: Path, made: Callable[[str], Path], kind: str
) -> None:
    theirs = tmp_path / "theirs.gguf"
    done = subprocess.run([LLAMA_QUANTIZE, tiny, theirs, kind, "1"], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    reference, ours = tensors(theirs), tensors(made(kind))
    assert list(ours) == list(reference)
    for name, tensor in ours.items():
        assert tensor.tensor_type == reference[name].tensor_type
        assert tensor.data.tobytes() == reference[name].data.tobytes(), name


def test_quantization_of_a_split_model_is_one_whole_file(out: Path, tmp_path: Path) -> None:
    part = write_tiny_model(tmp_path / "big-F16.gguf", type="f16", tensors_per_part=8)
    path = quantize(part, "Q8_0", out, control())
    assert path.name == "big-Q8_0.gguf"
    assert set(tensors(path)) == {tensor.name for tensor in read_facts(part).tensors}
    with LoadedModel.load(path, LoadSettings(context_length=256, threads=1)) as model:
        assert ask(model, "hello", greedy(2)).statistics.tokens == 2


def test_progress_runs_through_the_bytes_of_the_source(tiny: Path, out: Path) -> None:
    seen: list[Progress] = []
    quantize(tiny, "Q8_0", out, control(seen.append))
    total = read_facts(tiny).tensor_bytes
    assert {(progress.stage, progress.total, progress.unit) for progress in seen} == {
        ("Making Q8_0", total, "bytes")
    }
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert done[0] == 0
    assert 0.5 * total < done[-1] <= total


def test_quantization_made_again_replaces_the_earlier_one(tiny: Path, out: Path) -> None:
    out.mkdir()
    (out / "tiny-Q8_0.gguf").write_bytes(b"an earlier one")
    path = quantize(tiny, "Q8_0", out, control())
    assert read_facts(path).quantization == "Q8_0"
    assert list(out.iterdir()) == [path]


# What is refused


def test_quantization_of_a_quantized_file_is_refused(made: Callable[[str], Path], out: Path) -> None:
    smaller = made("Q8_0")
    with pytest.raises(WrongChoice, match=r"already quantized \(Q8_0\)") as caught:
        quantize(smaller, "Q4_K_M", out, control())
    assert "F16" in caught.value.hint
    assert not out.exists()


def test_type_that_needs_an_importance_matrix_is_refused_with_what_to_choose(tiny: Path, out: Path) -> None:
    with pytest.raises(WrongChoice, match="IQ1_S needs an importance matrix") as caught:
        quantize(tiny, "IQ1_S", out, control())
    assert "Q2_K" in caught.value.hint
    assert "--calibrate" in caught.value.hint
    assert not out.exists()


def test_quantization_onto_its_own_source_is_refused(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "bard-F16.gguf", type="f16")
    before = digest(source)
    with pytest.raises(WrongChoice, match="the source itself"):
        quantize(source, "F16", tmp_path, control())
    assert digest(source) == before


def test_quantization_of_an_unknown_architecture_names_it_whatever_the_file_is_called(
    tmp_path: Path, out: Path
) -> None:
    source = write_tiny_model(tmp_path / "with-imatrix.gguf", architecture="nosucharch")
    with pytest.raises(UnknownArchitecture, match="'nosucharch'"):
        quantize(source, "Q8_0", out, control())
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("mark", ["imatrix", "adapter", "mmproj"])
def test_file_that_is_no_model_is_refused(tmp_path: Path, out: Path, mark: str) -> None:
    source = tmp_path / "thing.gguf"
    source.write_bytes(llama_header().key("general.type", STRING, mark).to_bytes())
    with pytest.raises(WrongChoice, match=r"thing\.gguf holds no model"):
        quantize(source, "Q8_0", out, control())


def test_quantization_of_a_missing_source_raises_file_gone(tmp_path: Path, out: Path) -> None:
    with pytest.raises(FileGone):
        quantize(tmp_path / "none.gguf", "Q8_0", out, control())
    assert not out.exists()


def test_quantization_of_a_truncated_source_is_refused(tiny: Path, tmp_path: Path, out: Path) -> None:
    source = tmp_path / "cut-F32.gguf"
    source.write_bytes(tiny.read_bytes()[:-1000])
    with pytest.raises(DamagedGguf):
        quantize(source, "Q8_0", out, control())
    assert not out.exists()


def test_quantization_of_weights_that_are_no_numbers_fails_and_leaves_nothing(
    tmp_path: Path, out: Path
) -> None:
    source = write_tiny_model(tmp_path / "nan.gguf")
    reader = gguf.GGUFReader(source, "r+")
    reader.tensors[1].data[...] = np.nan
    reader.data.flush()
    with pytest.raises(QuantizeFailed) as caught:
        quantize(source, "Q4_K_M", out, control())
    assert caught.value.hint
    assert list(out.iterdir()) == []


def test_quantization_that_cannot_fit_is_refused_with_both_numbers(
    tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=0, free=1_000_000)
    )
    with pytest.raises(DiskFull) as caught:
        quantize(tiny, "Q8_0", out, control())
    # 1.394 M weights at 8.5 bits, of which the norms stay F32 (4 kB more), and a header of 11 kB.
    assert "1.50 MB" in caught.value.message
    assert "1.00 MB free" in caught.value.message
    assert list(out.iterdir()) == []


def test_output_folder_that_is_a_file_is_refused(tiny: Path, out: Path) -> None:
    out.write_bytes(b"")
    with pytest.raises(EnvironmentFault, match="out"):
        quantize(tiny, "Q8_0", out, control())


# What goes wrong on the way


class CancelAtFirstTensor(JobControl):
    def __init__(self) -> None:
        super().__init__(CancelToken(), self._look)
        self.cancelled_at = 0.0

    def _look(self, event: object) -> None:
        if isinstance(event, Progress) and event.done > 0 and not self.cancel.cancelled:
            self.cancelled_at = time.monotonic()
            self.cancel.cancel()


def test_cancel_on_the_way_leaves_nothing_and_ends_at_once(heavy: Path, out: Path) -> None:
    control = CancelAtFirstTensor()
    with pytest.raises(Cancelled):
        quantize(heavy, "Q4_K_M", out, control, threads=1)
    assert time.monotonic() - control.cancelled_at < 2.0
    assert list(out.iterdir()) == []


def test_cancel_on_the_way_keeps_the_earlier_file_of_that_name(heavy: Path, out: Path) -> None:
    out.mkdir()
    earlier = out / "heavy-Q4_K_M.gguf"
    earlier.write_bytes(b"an earlier one")
    with pytest.raises(Cancelled):
        quantize(heavy, "Q4_K_M", out, CancelAtFirstTensor(), threads=1)
    assert [file.read_bytes() for file in out.iterdir()] == [b"an earlier one"]


def test_worker_killed_on_the_way_raises_and_leaves_nothing(heavy: Path, out: Path) -> None:
    me = psutil.Process()

    def kill(progress: Progress) -> None:
        if progress.done > 0:
            for child in me.children():
                child.kill()

    with pytest.raises(WorkerDied, match=KILLED) as caught:
        quantize(heavy, "Q4_K_M", out, control(kill), threads=1)
    assert caught.value.hint
    assert list(out.iterdir()) == []


def wait_for_part(folder: Path, process: subprocess.Popen[str]) -> Path:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        for part in folder.glob(".*.part") if folder.exists() else ():
            if part.stat().st_size > 0:
                return part
        time.sleep(0.005)
    raise AssertionError(f"no file was begun: {process.communicate()}")


def test_nibble_killed_on_the_way_leaves_nothing_the_library_would_show(heavy: Path, out: Path) -> None:
    with start_nibble("convert", heavy, "--to", "Q4_K_M", "--out", out) as process:
        part = wait_for_part(out, process)
        worker = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
    assert psutil.wait_procs(worker, timeout=10)[1] == []
    assert [file for file in out.iterdir() if file != part] == []
    assert scan_folders([out]) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupted_convert_exits_130_and_leaves_nothing(heavy: Path, out: Path) -> None:
    with start_nibble("convert", heavy, "--to", "Q4_K_M", "--out", out, "--json") as process:
        wait_for_part(out, process)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (output, errors) == ("", "")
    assert list(out.iterdir()) == []


def test_disk_that_fills_on_the_way_leaves_nothing_half_written(tiny: Path, small_disk: Path) -> None:
    filler = small_disk / "another program's file"

    def fill(progress: Progress) -> None:
        if progress.done == 0 and filler.exists():
            return
        try:
            with filler.open("ab", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        except OSError:
            return

    with pytest.raises(DiskFull, match="ran full") as caught:
        quantize(tiny, "Q8_0", small_disk, control(fill), threads=1)
    assert caught.value.hint
    assert list(small_disk.iterdir()) == [filler]


def test_disk_too_small_from_the_start_is_refused_before_anything_is_written(
    heavy: Path, small_disk: Path
) -> None:
    with pytest.raises(DiskFull, match="free"):
        quantize(heavy, "Q8_0", small_disk, control())
    assert list(small_disk.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_file_that_may_not_grow_further_fails_with_one_sentence_and_leaves_nothing(
    tiny: Path, out: Path
) -> None:
    import resource  # not there on Windows

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    outcome = nibble("convert", tiny, "--to", "Q8_0", "--out", out, "--json", before=limit)
    outcome.assert_refused()
    assert outcome.out == ""
    assert list(out.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="permissions as on Linux")
@pytest.mark.parametrize("below", ["", "new"])
def test_output_folder_that_may_not_be_written_is_refused(tiny: Path, out: Path, below: str) -> None:
    out.mkdir(mode=0o500)
    outcome = nibble("convert", tiny, "--to", "Q8_0", "--out", out / below, before=obey_permissions)
    outcome.assert_refused("not allowed to write", str(out / below))
    assert list(out.iterdir()) == []


def test_several_types_in_one_command_are_all_made(tiny: Path, out: Path) -> None:
    outcome = nibble("convert", tiny, "--to", "q8_0, F16", "--out", out, "--json")
    assert outcome.code == 0
    assert [entry["quantization"] for entry in outcome.document["outputs"]] == ["Q8_0", "F16"]
    for entry in outcome.document["outputs"]:
        path = Path(entry["path"])
        assert path.stat().st_size == entry["file_bytes"]
        assert read_facts(path).bits_per_weight == entry["bits_per_weight"]
