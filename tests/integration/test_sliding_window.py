"""Models whose layers see only a window keep only that much, and their answers stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.gguf import read_header
from app.runtime import ChatMessage, LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.ghosts import write_hollow_model
from tests.helpers.tiny_gguf import tiny_vocabulary

WINDOW = 32
SETTINGS = LoadSettings(context_length=4096, threads=1)


def write_windowed_model(path: Path) -> Path:
    """A Gemma 3 with random weights: five of its six layers see 32 tokens."""
    hidden, head = 256, 64
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm": (hidden,),
        "attn_q": (hidden, 4 * head),
        "attn_k": (hidden, 2 * head),
        "attn_v": (hidden, 2 * head),
        "attn_output": (4 * head, hidden),
        "attn_q_norm": (head,),
        "attn_k_norm": (head,),
        "post_attention_norm": (hidden,),
        "ffn_norm": (hidden,),
        "ffn_gate": (hidden, hidden),
        "ffn_up": (hidden, hidden),
        "ffn_down": (hidden, hidden),
        "post_ffw_norm": (hidden,),
    }
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (hidden, len(tiny_vocabulary())),
        "output_norm.weight": (hidden,),
    }
    for layer in range(6):
        tensors |= {f"blk.{layer}.{name}.weight": shape for name, shape in shapes.items()}
    keys = {
        "context_length": 4096,
        "embedding_length": hidden,
        "block_count": 6,
        "feed_forward_length": hidden,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.sliding_window": WINDOW,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    write_hollow_model(path, "gemma3", keys, tensors)
    random = np.random.default_rng(4)
    with path.open("r+b") as file:
        for tensor in read_header(path).tensors:
            norm = len(tensor.shape) == 1
            weights = np.ones(tensor.elements) if norm else random.standard_normal(tensor.elements)
            file.seek(tensor.offset)
            file.write((weights * (1 if norm else hidden**-0.5)).astype(np.float32).tobytes())
    return path


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_windowed_model(tmp_path_factory.mktemp("windowed") / "gemma.gguf")


@pytest.fixture
def model(windowed: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(windowed, SETTINGS) as loaded:
        yield loaded


@pytest.fixture
def fresh(windowed: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(windowed, SETTINGS) as loaded:
        yield loaded


def test_windowed_layers_keep_the_window_and_one_batch_and_the_others_all(model: LoadedModel) -> None:
    # 32 + 512 tokens padded to 768, in five layers; 4,096 in the sixth; 2 x 64 keys and values of 2 bytes.
    expected = (5 * 768 + 4096) * 2 * (2 * 64) * 2
    assert model.description.buffers.kv_cache_bytes == pytest.approx(expected, abs=2 * 5243)


def test_answer_after_a_change_far_back_is_that_of_a_model_asked_for_the_first_time(
    model: LoadedModel, fresh: LoadedModel
) -> None:
    start, long = "hello world " * 20, "is this the world that was " * 60
    ask(model, [ChatMessage("user", start + long)], greedy(8))
    changed = [ChatMessage("user", start + "you and I " + long)]
    again = ask(model, changed, greedy(40))
    assert again.statistics.prompt_tokens > 1000
    assert again.text == ask(fresh, changed, greedy(40)).text


def test_a_conversation_that_goes_on_reads_only_what_is_new(model: LoadedModel, fresh: LoadedModel) -> None:
    first = [ChatMessage("user", "is this the world that was " * 60)]
    answer = ask(model, first, greedy(40))
    second = [*first, ChatMessage("assistant", answer.text), ChatMessage("user", "hello")]
    went_on = ask(model, second, greedy(40))
    assert went_on.statistics.evaluated_tokens < 100
    assert went_on.text == ask(fresh, second, greedy(40)).text
