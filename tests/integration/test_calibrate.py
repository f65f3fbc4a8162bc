"""Calibrating: what goes into a model's matrices is summed up as arithmetic says; failures leave nothing."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from app.convert import calibrate
from app.convert.calibrate import load_plainly
from app.core.errors import Cancelled, DiskFull, LoadFailed, WrongChoice
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf.importance import read_importance
from app.runtime import LoadSettings
from tests.data.importance.record import CASES, Case
from tests.helpers import reference
from tests.helpers.tiny_gguf import write_tiny_model

on_one_thread = functools.partial(load_plainly, settings=LoadSettings(context_length=512, threads=1))
TEXT = " ".join(f"hello world {number} you and the {number * number}" for number in range(120))
CHUNK = 512
EPSILON = 1e-5
"""Of the norms of the tiny model."""


def control(on_progress: Callable[[Progress], object] = lambda progress: None) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: on_progress(event) if isinstance(event, Progress) else None
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "tiny.imatrix.gguf"


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "experts.gguf", experts=4, layers=1)


def chunks_of(model: Path) -> np.ndarray:
    """Of the text, as llama.cpp's own bindings cut it, each begun with the start token."""
    (tokens,) = reference.tokenize(model, TEXT)
    chunks = np.array(tokens[: len(tokens) // CHUNK * CHUNK]).reshape(-1, CHUNK)
    chunks[:, 0] = tokens[0]
    return chunks


def first_inputs(model: Path, tokens: np.ndarray) -> np.ndarray:
    """What goes into the first layer's queries: embeddings, normed."""
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(model).tensors}
    embedded = tensors["token_embd.weight"].astype(np.float64)[tokens]
    normed = embedded / np.sqrt(np.mean(embedded**2, axis=-1, keepdims=True) + EPSILON)
    return normed * tensors["blk.0.attn_norm.weight"]


def test_squares_of_what_goes_into_the_first_layer_are_summed_over_all_whole_chunks(
    tiny: Path, target: Path
) -> None:
    calibrate(tiny, TEXT, target, control(), dataset="words.txt", load=on_one_thread)
    matrix = read_importance(target)
    chunks = chunks_of(tiny)
    assert len(chunks) > 2
    assert (matrix.chunks, matrix.chunk_tokens, matrix.datasets) == (len(chunks), CHUNK, ("words.txt",))
    expected = (first_inputs(tiny, chunks.ravel()) ** 2).sum(axis=0)
    for name in ("q", "k", "v"):
        found = matrix.tensors[f"blk.0.attn_{name}.weight"]
        assert found.counts.tolist() == [chunks.size]
        assert found.sums[0] == pytest.approx(expected, rel=1e-3)


def test_every_matrix_of_every_layer_is_counted_and_neither_embedding_nor_output(
    tiny: Path, target: Path
) -> None:
    calibrate(tiny, TEXT, target, control(), load=on_one_thread)
    shapes = {tensor.name: tensor.shape for tensor in gguf.GGUFReader(tiny).tensors}
    matrices = {
        name: int(shape[0]) for name, shape in shapes.items() if name.startswith("blk.") and len(shape) == 2
    }
    found = read_importance(target).tensors
    assert {name: each.sums.shape[1] for name, each in found.items()} == matrices
    assert {each.counts.item() for each in found.values()} == {chunks_of(tiny).size}
    assert all((each.sums > 0).any() for each in found.values())


def test_each_expert_counts_the_tokens_it_was_given(experts: Path, target: Path) -> None:
    calibrate(experts, TEXT, target, control(), load=on_one_thread)
    found = read_importance(target).tensors
    tokens = chunks_of(experts).size
    for name in ("up", "gate", "down"):
        each = found[f"blk.0.ffn_{name}_exps.weight"]
        assert each.counts.sum() == 2 * tokens  # two see each
        assert len(each.sums) == len(each.counts) == 4
    # What goes into the router goes into the experts it chooses: each token twice.
    router, up = found["blk.0.ffn_gate_inp.weight"], found["blk.0.ffn_up_exps.weight"]
    assert up.sums.sum(axis=0) == pytest.approx(2 * router.sums[0], rel=1e-4)


def test_progress_counts_chunks(tiny: Path, target: Path) -> None:
    seen: list[Progress] = []
    calibrate(tiny, TEXT, target, control(seen.append), load=on_one_thread)
    told = [(each.done, each.total) for each in seen if each.unit == "chunks"]
    total = len(chunks_of(tiny))
    assert told == [(done, total) for done in range(total + 1)]


def test_text_too_short_is_refused_with_what_it_takes(tiny: Path, target: Path) -> None:
    with pytest.raises(WrongChoice, match="1,024") as caught:
        calibrate(tiny, "hello world", target, control(), load=on_one_thread)
    assert "longer" in caught.value.hint
    assert list(target.parent.iterdir()) == []


def test_cancelled_calibration_leaves_nothing(tiny: Path, target: Path) -> None:
    token = CancelToken()

    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.unit == "chunks" and event.done == 1:
            token.cancel()

    with pytest.raises(Cancelled):
        calibrate(tiny, TEXT * 10, target, JobControl(token, stop), load=on_one_thread)
    assert list(target.parent.iterdir()) == []


def test_disk_that_is_full_is_told_of_and_nothing_is_left(tiny: Path, small_disk: Path) -> None:
    target = small_disk / "m.gguf"
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    with pytest.raises(DiskFull):
        calibrate(tiny, TEXT, target, control(), load=on_one_thread)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_model_that_computes_no_numbers_is_named_with_its_tensor(tmp_path: Path, target: Path) -> None:
    model = write_tiny_model(tmp_path / "broken.gguf", layers=1)
    reader = gguf.GGUFReader(model, "r+")
    next(tensor for tensor in reader.tensors if tensor.name == "blk.0.attn_norm.weight").data[3] = np.nan
    reader.data.flush()
    with pytest.raises(LoadFailed, match=r"blk\.0\.attn_\w\.weight"):
        calibrate(model, TEXT, target, control(), load=on_one_thread)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_matrix_is_that_of_llama_imatrix(case: Case, tmp_path: Path, target: Path) -> None:
    model = case.write_model(tmp_path / "model.gguf")
    calibrate(model, case.text, target, control(), dataset="words.txt", load=on_one_thread)
    ours, theirs = read_importance(target), read_importance(case.recorded)
    assert (ours.chunks, ours.chunk_tokens, ours.datasets) == (case.chunks, CHUNK, theirs.datasets)
    assert set(ours.tensors) == set(theirs.tensors)
    for name, each in theirs.tensors.items():
        assert ours.tensors[name].counts.tolist() == each.counts.tolist(), name
        assert ours.tensors[name].sums == pytest.approx(each.sums, rel=1e-3), name
