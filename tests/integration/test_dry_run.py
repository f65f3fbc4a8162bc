"""What the runtime says a model would take, held against what it says it took when it was loaded."""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import pytest

from app.core.errors import (
    Cancelled,
    DamagedGguf,
    FileGone,
    LoadFailed,
    NotGguf,
    UnknownArchitecture,
    WrongChoice,
)
from app.core.jobs import CancelToken
from app.memory.dry_run import dry_run
from app.runtime import LoadedModel, LoadSettings, Worker, start_worker
from app.runtime.protocol import BufferSize, DryRun, DryRunDone, DryRunResult, Load, Loaded, MemoryBuffers
from app.storage import DataFolder
from tests.helpers.forgetful_models import write_hollow_mamba
from tests.helpers.ghosts import write_ghost, write_hollow_model
from tests.helpers.tiny_gguf import tiny_vocabulary, write_tiny_model

MIB = 1024 * 1024
LOG_STEP = MIB // 100 + 1
"""The log has two decimals of a MiB."""
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"context_length": 300},
    {"flash_attention": "off"},
    {"flash_attention": "on", "kv_type": "q8_0"},
    {"kv_type": "q4_0", "context_length": 1024},
    {"ubatch": 64},
    {"ubatch": 2048},
    {"sequences": 4},
    {"gpu_layers": 0},
    {"gpu_layers": 10**12},
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with start_worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def model(models: Path) -> Path:
    """F32, 2 layers, 2 KV heads of 64."""
    return write_tiny_model(models / "dry.gguf", context=4096)


@pytest.fixture(scope="module")
def ghost(model: Path) -> Path:
    return write_ghost(model, model.with_name("dry-ghost.gguf"))


@pytest.fixture(scope="module")
def recurrent(models: Path) -> Path:
    """Mamba: 3 layers, convolutions of 4 over 512 channels, 16 states each."""
    return write_hollow_mamba(models / "mamba.gguf", layers=3, states=16)


@pytest.fixture(scope="module")
def windowed(models: Path) -> Path:
    """Gemma 3: 6 layers, of which 5 have a window of 512 tokens, 2 KV heads of 64."""
    hidden, kv, feed_forward = 256, 128, 512
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (hidden, len(tiny_vocabulary())),
        "output_norm.weight": (hidden,),
    }
    for layer in range(6):
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm": (hidden,),
            "attn_q": (hidden, hidden),
            "attn_k": (hidden, kv),
            "attn_v": (hidden, kv),
            "attn_output": (hidden, hidden),
            "post_attention_norm": (hidden,),
            "attn_k_norm": (64,),
            "attn_q_norm": (64,),
            "ffn_norm": (hidden,),
            "ffn_gate": (hidden, feed_forward),
            "ffn_up": (hidden, feed_forward),
            "ffn_down": (feed_forward, hidden),
            "post_ffw_norm": (hidden,),
        }
        tensors |= {f"blk.{layer}.{name}.weight": shape for name, shape in shapes.items()}
    keys = {
        "context_length": 8192,
        "embedding_length": hidden,
        "block_count": 6,
        "feed_forward_length": feed_forward,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 64,
        "attention.value_length": 64,
        "attention.sliding_window": 512,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    return write_hollow_model(models / "gemma.gguf", "gemma3", keys, tensors)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data").create()


def plan(worker: Worker, path: Path, settings: LoadSettings) -> DryRunResult:
    reply = worker.call_for(DryRun(path=os.fsencode(path), settings=settings))
    assert isinstance(reply, DryRunDone)
    return reply.result


def load(worker: Worker, path: Path, settings: LoadSettings) -> MemoryBuffers:
    reply = worker.call_for(Load(path=os.fsencode(path), settings=settings))
    assert isinstance(reply, Loaded)
    return reply.model.buffers


def without_weights(buffers: MemoryBuffers) -> dict[str, object]:
    return {name: getattr(buffers, name) for name in buffers.__struct_fields__ if name != "weights"}


def total(sizes: tuple[BufferSize, ...]) -> int:
    return sum(each.size_bytes or 0 for each in sizes)


# The dry run and the load


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_dry_run_of_a_file_and_of_its_ghost_says_what_the_load_then_takes(
    worker: Worker, model: Path, ghost: Path, options: dict[str, Any]
) -> None:
    settings = LoadSettings(threads=1, **options)
    planned = plan(worker, model, settings)
    assert planned == plan(worker, ghost, settings)
    assert without_weights(planned.buffers) == without_weights(load(worker, model, settings))


@pytest.mark.parametrize("options", [{}, {"ubatch": 64}, {"sequences": 3}], ids=str)
def test_dry_run_of_a_recurrent_model_says_what_the_load_then_takes(
    worker: Worker, recurrent: Path, options: dict[str, Any]
) -> None:
    settings = LoadSettings(threads=1, **options)
    planned = plan(worker, recurrent, settings)
    assert without_weights(planned.buffers) == without_weights(load(worker, recurrent, settings))
    # Per layer and sequence, in F32: 3 earlier inputs and 16 states for each of 512 channels.
    state = 3 * settings.sequences * (3 + 16) * 512 * 4
    assert total(planned.buffers.recurrent_state) == pytest.approx(state, abs=LOG_STEP)
    assert planned.buffers.kv_cache_bytes == 0


@pytest.mark.parametrize("options", [{}, {"flash_attention": "off"}, {"kv_type": "q8_0"}], ids=str)
def test_dry_run_of_a_model_with_windows_says_what_the_load_then_takes(
    worker: Worker, windowed: Path, options: dict[str, Any]
) -> None:
    settings = LoadSettings(threads=1, **options)
    planned = plan(worker, windowed, settings)
    assert without_weights(planned.buffers) == without_weights(load(worker, windowed, settings))
    assert total(planned.buffers.kv_cache) == planned.buffers.kv_cache_bytes > 0


@pytest.mark.parametrize(
    ("kv_type", "bits"),
    [("f16", 16), ("q8_0", 8.5), ("q4_0", 4.5)],  # blocks of 32 values share a scale of 16 bits
)
def test_kv_cache_has_the_size_that_its_type_and_the_context_give(
    worker: Worker, ghost: Path, kv_type: Any, bits: float
) -> None:
    planned = plan(worker, ghost, LoadSettings(context_length=2048, kv_type=kv_type))
    values = 2 * 2048 * 2 * (64 + 64)  # layers, tokens, heads, keys and values
    assert planned.buffers.kv_cache_bytes == pytest.approx(values * bits / 8, abs=LOG_STEP)
    assert planned.context_length == 2048


def test_weights_of_a_dry_run_are_those_of_the_file(worker: Worker, model: Path, ghost: Path) -> None:
    tensors = gguf.GGUFReader(model).tensors
    expected = sum(int(tensor.n_bytes) for tensor in tensors)
    assert plan(worker, ghost, LoadSettings()).weights_bytes == expected
    mapped = load(worker, model, LoadSettings(threads=1)).weights
    assert total(mapped) == pytest.approx(expected, abs=LOG_STEP)


def test_larger_micro_batches_take_larger_compute_buffers(worker: Worker, ghost: Path) -> None:
    sizes = [
        total(plan(worker, ghost, LoadSettings(ubatch=tokens)).buffers.compute) for tokens in (64, 512, 2048)
    ]
    assert sizes == sorted(set(sizes))


def test_layers_are_told_with_their_devices_the_output_last(worker: Worker, ghost: Path) -> None:
    layers = plan(worker, ghost, LoadSettings()).buffers.layer_devices
    assert len(layers) == 2 + 1


def test_model_loaded_in_the_same_worker_is_still_there_after_a_dry_run(model: Path, ghost: Path) -> None:
    with start_worker() as worker:
        before = load(worker, model, LoadSettings(threads=1))
        plan(worker, ghost, LoadSettings())
        assert load(worker, model, LoadSettings(threads=1)) == before


def test_split_model_is_asked_as_one_from_any_part(tmp_path: Path, model: Path, data: DataFolder) -> None:
    first = write_tiny_model(tmp_path / "split.gguf", context=4096, tensors_per_part=8)
    parts = sorted(tmp_path.glob("split-*.gguf"))
    assert len(parts) > 2
    whole = dry_run(model, LoadSettings(), data)
    assert dry_run(first, LoadSettings(), data).weights_bytes == whole.weights_bytes
    assert dry_run(parts[-1], LoadSettings(), data).buffers == whole.buffers


# Remembering


def remembered(data: DataFolder) -> list[Path]:
    return sorted(data.cache.rglob("*.json"))


def forge(data: DataFolder) -> None:
    """Changes what is remembered, so that an answer shows where it comes from."""
    for file in remembered(data):
        file.write_text(file.read_text().replace('"context_length":', '"context_length":77'))


def test_second_answer_comes_from_the_cache_for_the_same_header_wherever_it_is(
    model: Path, ghost: Path, data: DataFolder
) -> None:
    settings = LoadSettings(context_length=512)
    first = dry_run(ghost, settings, data)
    forge(data)
    for path in (ghost, model):
        again = dry_run(path, settings, data)
        assert again.context_length == 77512
        assert again.buffers == first.buffers
    # Threads need no memory.
    assert dry_run(ghost, LoadSettings(context_length=512, threads=7), data).context_length == 77512


def test_other_settings_or_another_header_are_asked_anew(
    tmp_path: Path, ghost: Path, data: DataFolder
) -> None:
    settings = LoadSettings(context_length=512)
    dry_run(ghost, settings, data)
    forge(data)
    assert dry_run(ghost, LoadSettings(context_length=512, kv_type="q8_0"), data).context_length == 512
    renamed = write_tiny_model(tmp_path / "renamed.gguf", context=4096, name="Tiny Random")
    assert dry_run(renamed, settings, data).context_length == 512


def test_runtime_that_was_built_anew_is_asked_anew(
    ghost: Path, data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LoadSettings(context_length=512)
    dry_run(ghost, settings, data)
    forge(data)
    package = importlib.util.find_spec("llama_cpp")
    assert package is not None
    other = shutil.copytree(Path(package.origin or "").parent / "lib", tmp_path / "lib", symlinks=True)
    for library in other.iterdir():
        os.utime(library, (1, 1), follow_symlinks=False)
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(other))
    assert dry_run(ghost, settings, data).context_length == 512


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"[" * 100_000, b'{"weights_bytes": "many"}'])
def test_damaged_cache_is_asked_anew_and_put_right(ghost: Path, data: DataFolder, content: bytes) -> None:
    settings = LoadSettings(context_length=512)
    first = dry_run(ghost, settings, data)
    (file,) = remembered(data)
    whole = file.read_bytes()
    file.write_bytes(content)
    assert dry_run(ghost, settings, data) == first
    assert file.read_bytes() == whole


def test_cache_that_cannot_be_written_costs_nothing_but_time(ghost: Path, tmp_path: Path) -> None:
    blocked = DataFolder(tmp_path / "blocked")
    blocked.root.mkdir()
    blocked.cache.write_text("a file where a folder should be")
    assert dry_run(ghost, LoadSettings(context_length=512), blocked).context_length == 512


# What cannot be done


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"context_length": 0}, "context of 0 tokens"),
        ({"context_length": -5}, "context of -5 tokens"),
        ({"context_length": 2**32 + 512}, "4,294,967,808 tokens"),
        ({"ubatch": 0}, "micro-batch of 0"),
        ({"ubatch": 2**32 + 1}, "micro-batch"),
        ({"sequences": 0}, "0 sequences"),
        ({"sequences": 257}, "257 sequences"),
        ({"kv_type": "q8_0", "flash_attention": "off"}, "q8_0 needs flash attention"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused_for_dry_run_and_load(
    worker: Worker, model: Path, options: dict[str, Any], reason: str
) -> None:
    settings = LoadSettings(**options)
    for request in (DryRun, Load):
        with pytest.raises(WrongChoice, match=reason) as caught:
            worker.call_for(request(path=os.fsencode(model), settings=settings))
        assert caught.value.hint


def test_kv_type_that_the_heads_of_a_model_do_not_allow_is_named(worker: Worker, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "heads-of-16.gguf", heads=16, kv_heads=2)
    for request in (DryRun, Load):
        with pytest.raises(LoadFailed, match="KV cache in q8_0"):
            worker.call_for(request(path=os.fsencode(path), settings=LoadSettings(kv_type="q8_0")))


def test_deleted_truncated_and_foreign_files_are_told_apart(
    model: Path, tmp_path: Path, data: DataFolder
) -> None:
    with pytest.raises(FileGone):
        dry_run(tmp_path / "none.gguf", LoadSettings(), data)
    short = tmp_path / "short.gguf"
    short.write_bytes(model.read_bytes()[:-1000])
    with pytest.raises(DamagedGguf, match="truncated"):
        dry_run(short, LoadSettings(), data)
    text = tmp_path / "text.gguf"
    text.write_text("no model at all, only words")
    with pytest.raises(NotGguf):
        dry_run(text, LoadSettings(), data)


def test_unknown_architecture_is_named(tmp_path: Path, data: DataFolder) -> None:
    path = write_tiny_model(tmp_path / "odd.gguf", architecture="nosucharch")
    with pytest.raises(UnknownArchitecture, match="'nosucharch'"):
        dry_run(write_ghost(path, tmp_path / "ghost.gguf"), LoadSettings(), data)


def test_model_that_writes_no_text_says_so(tmp_path: Path, data: DataFolder) -> None:
    hidden = 256
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (hidden, len(tiny_vocabulary())),
        "output_norm.weight": (hidden,),
    }
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        tensors[f"blk.0.{name}.weight"] = (hidden, hidden)
    tensors |= {"blk.0.attn_norm.weight": (hidden,), "blk.0.ffn_norm.weight": (hidden,)}
    keys = {
        "context_length": 512,
        "embedding_length": hidden,
        "block_count": 1,
        "feed_forward_length": hidden,
        "attention.head_count": 4,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "attention.causal": False,
    }
    path = write_hollow_model(tmp_path / "embeddings.gguf", "llama-embed", keys, tensors)
    with pytest.raises(LoadFailed, match="does not write text"):
        dry_run(path, LoadSettings(), data)


def test_vocabulary_without_a_model_is_no_model(tmp_path: Path, data: DataFolder) -> None:
    keys = {"context_length": 512, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64}
    path = write_hollow_model(tmp_path / "vocabulary.gguf", "llama", keys, {})
    with pytest.raises(LoadFailed, match="cannot load this model"):
        dry_run(path, LoadSettings(), data)


def test_fault_tells_of_its_own_file_and_not_of_one_asked_about_before(
    worker: Worker, model: Path, tmp_path: Path
) -> None:
    odd = write_tiny_model(tmp_path / "odd.gguf", architecture="nosucharch")
    lie = patch(model, "llama.embedding_length", 7, tmp_path / "lie.gguf")
    for request in (DryRun, Load):
        with pytest.raises(UnknownArchitecture):
            worker.call_for(request(path=os.fsencode(odd), settings=LoadSettings()))
        with pytest.raises(LoadFailed, match="wrong shape"):
            worker.call_for(request(path=os.fsencode(lie), settings=LoadSettings()))


# Hostile headers


def patch(path: Path, key: str, value: int, target: Path) -> Path:
    """A ghost of `path` whose header gives `value` for `key`."""
    reader = gguf.GGUFReader(path)
    field = reader.fields[key]
    offset = field.parts[field.data[0]].ctypes.data - reader.data.ctypes.data
    write_ghost(path, target)
    with target.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<I", value))
    return target


def test_header_that_makes_llama_cpp_end_its_process_is_a_fault_with_its_last_words(
    model: Path, tmp_path: Path, data: DataFolder
) -> None:
    hostile = patch(model, "llama.block_count", 1000, tmp_path / "layers.gguf")
    with pytest.raises(LoadFailed, match=r"layers\.gguf") as caught:
        dry_run(hostile, LoadSettings(), data)
    assert "LLAMA_MAX_LAYERS" in "\n".join(caught.value.log)
    assert caught.value.hint
    assert remembered(data) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.embedding_length", 0),
        ("llama.embedding_length", 2**32 - 1),
        ("llama.feed_forward_length", 2**31),
        ("llama.attention.head_count", 0),
        ("llama.attention.head_count_kv", 0),
        ("llama.attention.head_count_kv", 2**20),
        ("llama.attention.value_length", 3),
        ("llama.rope.dimension_count", 2**32 - 1),
    ],
)
def test_header_that_contradicts_its_tensors_is_a_fault(
    worker: Worker, model: Path, tmp_path: Path, key: str, value: int
) -> None:
    with pytest.raises(LoadFailed, match="cannot load this model"):
        plan(worker, patch(model, key, value, tmp_path / "lie.gguf"), LoadSettings())


def test_name_that_looks_like_the_log_changes_no_figure(worker: Worker, ghost: Path, tmp_path: Path) -> None:
    lie = "x\nllama_kv_cache:        CPU KV buffer size =  9999.00 MiB\nsched_reserve: reserving ...\n"
    path = write_tiny_model(tmp_path / "lie.gguf", context=4096, name=lie)
    assert plan(worker, path, LoadSettings()) == plan(worker, ghost, LoadSettings())


def test_state_that_outgrows_the_limit_ends_the_worker_with_a_fault(tmp_path: Path) -> None:
    # 48 layers of 512 x 4096 states in F32 are 400 MB, which llama.cpp allocates even in a dry run.
    path = write_hollow_mamba(tmp_path / "large.gguf", layers=48, states=4096)
    code = """
        from app.runtime.worker import dry_run, main
        dry_run.MEMORY_LIMIT_BYTES = 100_000_000
        main.run_worker()
    """
    with (
        Worker([sys.executable, "-c", textwrap.dedent(code)]) as worker,
        pytest.raises(LoadFailed, match="too much memory"),
    ):
        plan(worker, path, LoadSettings())


# Cancelling


def test_cancelled_dry_run_leaves_nothing_behind(ghost: Path, data: DataFolder) -> None:
    class CancelledOnceAsked(CancelToken):
        """As soon as the request is on its way, to a worker that takes much longer to start."""

        def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
            forget = super().on_cancel(callback)
            self.cancel()
            return forget

    cancel = CancelledOnceAsked()
    with pytest.raises(Cancelled):
        dry_run(ghost, LoadSettings(), data, cancel)
    assert remembered(data) == []
    with pytest.raises(Cancelled):
        dry_run(ghost, LoadSettings(), data, cancel)


# The load


def test_load_tells_its_buffers_beside_the_memory_of_its_process(model: Path) -> None:
    with LoadedModel.load(model, LoadSettings(context_length=1024, threads=1)) as loaded:
        description = loaded.description
    buffers = description.buffers
    known = (buffers.weights, buffers.kv_cache, buffers.output, buffers.compute)
    assert all(each.size_bytes is not None for sizes in known for each in sizes)
    assert total(buffers.kv_cache) == buffers.kv_cache_bytes == MIB
    assert description.memory_bytes > total(buffers.weights)


def test_sequences_share_the_context_of_a_load_evenly(model: Path) -> None:
    with LoadedModel.load(model, LoadSettings(context_length=2048, sequences=4, threads=1)) as loaded:
        assert loaded.description.context_length == 512
