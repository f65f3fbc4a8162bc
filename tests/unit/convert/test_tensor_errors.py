"""What a quantization did to each tensor, held against arithmetic and against the gguf package's own reader."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from app.convert import make_from_checkpoint, meant_weights, quantize
from app.convert.tensor_errors import measure_errors
from app.core.errors import Cancelled, DamagedGguf, WrongChoice
from app.core.jobs import CancelToken, JobControl
from kernels.formats.error import rounding_error
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model
from tests.unit.convert.checkpoint.test_quantized import CASES, write


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def write_gguf(path: Path, **tensors: NDArray[np.float32]) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def weights_of(path: Path) -> dict[str, NDArray[np.float32]]:
    return {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }


def test_error_is_relative_to_the_weights(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "a.gguf", a=np.float32([3, 4]), b=np.float32([0, 12]))
    made = write_gguf(tmp_path / "b.gguf", a=np.float32([3, 4.5]), b=np.float32([0, 12]))
    errors = measure_errors(made, source, control())
    a, b = errors.tensors
    assert (a.name, a.relative, a.largest) == ("a", 0.1, 0.5)
    assert (b.name, b.relative, b.largest) == ("b", 0.0, 0.0)
    assert errors.relative == pytest.approx(0.5 / 13)
    assert errors.worst_first == [a, b]


@pytest.mark.parametrize("kind", ["Q4_K_M", "Q8_0", "IQ4_XS", "TQ1_0"])
def test_errors_are_those_of_numpy(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16")
    made = quantize(source, kind, tmp_path, control())
    ours, theirs = weights_of(made), weights_of(source)
    monkeypatch.setattr(meant_weights, "PIECE_ELEMENTS", 1 << 13)  # so that tensors have several
    for each in measure_errors(made, source, control()).tensors:
        expected = rounding_error(theirs[each.name], ours[each.name])
        assert each.relative == pytest.approx(expected.relative), each.name
        assert each.largest == pytest.approx(expected.largest), each.name
        assert (each.relative == 0) is (each.type in ("F32", "F16")), each.name


@pytest.mark.parametrize("case", ["gptq", "awq", "fp8-blocks", "nf4-double"])
def test_checkpoints_are_compared_as_their_format_means_them(tmp_path: Path, case: str) -> None:
    """Rows of queries and keys stand in another order in a GGUF: taken for another's, they would be all wrong."""
    config, weights, kept = CASES[case]
    write(tmp_path / "Tiny", config, weights)
    exact, rounded = make_from_checkpoint(tmp_path / "Tiny", [kept or "F32", "Q4_K_M"], tmp_path, control())
    errors = measure_errors(exact, tmp_path / "Tiny", control())
    worst = errors.worst_first[0]
    assert worst.relative is not None
    assert worst.relative < 2e-3, worst  # the minimum of Q4_1 is a product in F16
    assert (errors.relative == 0) is (kept != "Q4_1")
    twice = measure_errors(rounded, tmp_path / "Tiny", control())
    assert twice.relative is not None
    assert 0.01 < twice.relative < 0.2


def test_a_checkpoint_in_full_precision_is_the_same_source_as_its_file(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "Nova", TinyLlama(tied=True))
    plain, made = make_from_checkpoint(folder, ["BF16", "Q4_0"], tmp_path, control())
    by_file = measure_errors(made, plain, control()).tensors
    by_folder = measure_errors(made, folder, control()).tensors
    told = [(each.name, each.type, each.relative, each.largest) for each in by_file]
    assert told == [(each.name, each.type, each.relative, each.largest) for each in by_folder]


def test_numbers_that_are_none_have_no_error(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "a.gguf", a=np.float32([3, np.nan]), b=np.float32([1, 2]))
    made = write_gguf(tmp_path / "b.gguf", a=np.float32([3, 4]), b=np.float32([1, 2]))
    errors = measure_errors(made, source, control())
    assert [each.relative for each in errors.tensors] == [None, 0.0]
    assert errors.relative == 0.0
    assert [each.name for each in errors.worst_first] == ["b", "a"]


def test_another_model_is_refused(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "a.gguf", a=np.float32([3, 4]))
    for other in ({"a": np.float32([3, 4, 5])}, {"c": np.float32([3, 4])}):
        made = write_gguf(tmp_path / "b.gguf", **other)
        with pytest.raises(WrongChoice, match="was not made of"):
            measure_errors(made, source, control())


def test_a_file_cut_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meant_weights, "PIECE_ELEMENTS", 256)
    source = write_gguf(tmp_path / "a.gguf", a=np.ones(4096, np.float32))
    made = write_gguf(tmp_path / "b.gguf", a=np.ones(4096, np.float32))

    def cut(event: object) -> None:
        source.write_bytes(source.read_bytes()[:-8000])  # of 16,384

    with pytest.raises(DamagedGguf, match="became shorter"):
        measure_errors(made, source, JobControl(CancelToken(), cut))


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "a.gguf", a=np.ones(64, np.float32))
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        measure_errors(source, source, JobControl(cancel, lambda event: None))
