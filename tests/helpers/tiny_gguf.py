"""Llama models with random weights that llama.cpp really loads, made when a test starts.

Small enough to write in a fraction of a second, complete enough to chat, to quantize to every
llama.cpp type (rows are multiples of 256, the size of a k-quant block) and to tokenize any text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray

WeightType = Literal["f32", "f16", "bf16"]
Weights = NDArray[np.float32]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The plain ChatML template; its markers are control tokens of the tiny vocabulary."""

_TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
}

_CONTROL_TOKENS = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")
_WORD_PIECES = (
    "▁t he in er an on re ▁a ▁the ▁w ▁s ▁h ▁b ou at en it is or es nd ▁o ▁and ▁to ▁of ▁in ▁I ▁you ▁is ing "
    "▁he ▁that ll ▁for ▁was ▁on ▁it ed ly ver ▁with hello ▁hello world ▁world ▁Hello"
)
_OTHER_CHARACTERS = "\n▁äéüñß漢字日本Ωж→😀🦙"


@dataclass(frozen=True)
class Shape:
    """The dimensions of a llama model, in elements."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    experts: int = 0

    @property
    def head_length(self) -> int:
        return self.hidden // self.heads


@dataclass(frozen=True)
class Vocabulary:
    """A SentencePiece vocabulary: one score and one `gguf.TokenType` for each token."""

    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens)


def tiny_vocabulary(size: int = 0) -> Vocabulary:
    """Every byte, printable ASCII, a few other characters and word pieces; filled up to `size`."""
    kind = gguf.TokenType
    entries: list[tuple[str, float, int]] = [("<unk>", 0.0, kind.UNKNOWN)]
    entries += [(token, 0.0, kind.CONTROL) for token in _CONTROL_TOKENS]
    entries += [(f"<0x{byte:02X}>", 0.0, kind.BYTE) for byte in range(256)]
    pieces = [*_WORD_PIECES.split(), *(chr(code) for code in range(0x21, 0x7F)), *_OTHER_CHARACTERS]
    pieces = list(dict.fromkeys(pieces))
    pieces += [f"▁filler{number}" for number in range(size - len(entries) - len(pieces))]
    # A higher score merges earlier, so longer pieces come first among the real ones.
    entries += [(piece, -float(rank), kind.NORMAL) for rank, piece in enumerate(pieces, start=1)]
    tokens, scores, types = zip(*entries, strict=True)
    return Vocabulary(tokens, scores, tuple(int(entry) for entry in types))


def write_tiny_model(
    path: Path,
    *,
    hidden: int = 256,
    layers: int = 2,
    heads: int = 4,
    kv_heads: int = 2,
    feed_forward: int = 512,
    context: int = 512,
    vocabulary: int = 0,
    type: WeightType = "f32",
    chat_template: str | None = None,
    name: str = "Tiny random",
    seed: int = 0,
    architecture: str = "llama",
    scale: float = 1.0,
    never_ends: bool = False,
    tensors_per_part: int = 0,
    add_bos: bool = True,
    add_eos: bool = False,
    experts: int = 0,
    recommended: Mapping[str, float] | None = None,
) -> Path:
    """Writes a model of about 1.4 M parameters to `path` and returns the file to open.

    `hidden` and `feed_forward` must be multiples of 256 for k-quants to apply. `vocabulary` fills
    the vocabulary (about 410 tokens) up to that many. Equal seeds give equal weights in every
    `type`. `scale` is the standard deviation of the logits, roughly. With `never_ends` the model
    chooses no control or byte token: answers are whole characters and as long as asked for.
    `tensors_per_part` splits the file; the path returned is then that of the first part. An
    `architecture` llama.cpp does not know gives a file it refuses. `add_bos` and `add_eos` say whether
    the tokenizer puts "<s>" before a text and "</s>" after it. With `experts` each layer has so many, of which two see
    a token. `recommended`: what its maker says of sampling, by the last parts of the keys `general.sampling.*`.
    """
    shape = Shape(hidden, layers, heads, kv_heads, feed_forward, context, experts)
    words = tiny_vocabulary(vocabulary)
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=tensors_per_part)
    _add_metadata(writer, shape, words, name, type, chat_template)
    for key, value in (recommended or {}).items():  # as llama.cpp's converter does
        add = writer.add_int32 if isinstance(value, int) else writer.add_float32
        add(f"general.sampling.{key}", value)
    writer.add_add_bos_token(add_bos)
    writer.add_add_eos_token(add_eos)
    _write_weights(writer, shape, words, type, seed, scale, never_ends)
    return next(path.parent.glob(f"{path.stem}-00001-of-*.gguf")) if tensors_per_part else path


def write_random_model(
    path: Path,
    *,
    parameters: int = 300_000_000,
    hidden: int = 1024,
    heads: int = 16,
    kv_heads: int = 4,
    feed_forward: int = 2816,
    vocabulary: int = 32_000,
    context: int = 4096,
    type: WeightType = "f16",
    chat_template: str | None = None,
    seed: int = 0,
) -> Path:
    """A model of at least `parameters` parameters for measuring speed; its answers never end.

    Written tensor by tensor: memory stays below ten times the largest tensor's elements.
    """
    per_layer = hidden * (2 * hidden + 2 * hidden * kv_heads // heads + 3 * feed_forward + 2)
    layers = max(1, -(-(parameters - 2 * hidden * vocabulary) // per_layer))
    return write_tiny_model(
        path,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        feed_forward=feed_forward,
        context=context,
        vocabulary=vocabulary,
        type=type,
        chat_template=chat_template,
        name="Random for speed",
        seed=seed,
        never_ends=True,
    )


def _add_metadata(
    writer: gguf.GGUFWriter,
    shape: Shape,
    words: Vocabulary,
    name: str,
    type: WeightType,
    chat_template: str | None,
) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(_TYPES[type][1])
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(2)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_length)
    writer.add_value_length(shape.head_length)
    writer.add_rope_dimension_count(shape.head_length)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(words.tokens))
    writer.add_token_scores(list(words.scores))
    writer.add_token_types(list(words.types))
    writer.add_unk_token_id(words.tokens.index("<unk>"))
    writer.add_bos_token_id(words.tokens.index("<s>"))
    writer.add_eos_token_id(words.tokens.index("</s>"))
    writer.add_eot_token_id(words.tokens.index("<|im_end|>"))
    writer.add_add_space_prefix(True)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def _write_weights(
    writer: gguf.GGUFWriter,
    shape: Shape,
    words: Vocabulary,
    type: WeightType,
    seed: int,
    scale: float,
    never_ends: bool,
) -> None:
    plan = list(_plan(shape, len(words)))
    for name, dimensions in plan:
        raw_type = _TYPES["f32" if len(dimensions) == 1 else type][0]
        size = 4 if raw_type == gguf.GGMLQuantizationType.F32 else 2
        elements = int(np.prod(dimensions))
        writer.add_tensor_info(name, dimensions, np.dtype(np.float32), elements * size, raw_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, (name, dimensions) in enumerate(plan):
        if len(dimensions) == 1:
            writer.write_tensor_data(np.ones(dimensions, np.float32))
            continue
        spread = 1.0 if name == "token_embd.weight" else scale / dimensions[-1] ** 0.5
        random = np.random.default_rng([seed, number])
        weights = random.standard_normal(dimensions, np.float32) * np.float32(spread)
        if never_ends:
            _never_end(name, weights, words)
        writer.write_tensor_data(_stored(weights, type))
    writer.close()


def _plan(shape: Shape, vocabulary: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and dimensions (experts, rows, columns) of all tensors, in file order."""
    suffix, experts = ("_exps", (shape.experts,)) if shape.experts else ("", ())
    kv_length = shape.kv_heads * shape.head_length
    yield "token_embd.weight", (vocabulary, shape.hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (shape.hidden,)
        yield f"{block}.attn_q.weight", (shape.hidden, shape.hidden)
        yield f"{block}.attn_k.weight", (kv_length, shape.hidden)
        yield f"{block}.attn_v.weight", (kv_length, shape.hidden)
        yield f"{block}.attn_output.weight", (shape.hidden, shape.hidden)
        yield f"{block}.ffn_norm.weight", (shape.hidden,)
        if shape.experts:
            yield f"{block}.ffn_gate_inp.weight", (shape.experts, shape.hidden)
        yield f"{block}.ffn_gate{suffix}.weight", (*experts, shape.feed_forward, shape.hidden)
        yield f"{block}.ffn_up{suffix}.weight", (*experts, shape.feed_forward, shape.hidden)
        yield f"{block}.ffn_down{suffix}.weight", (*experts, shape.hidden, shape.feed_forward)
    yield "output_norm.weight", (shape.hidden,)
    yield "output.weight", (vocabulary, shape.hidden)


def _never_end(name: str, weights: Weights, words: Vocabulary) -> None:
    """Makes channel 0 a constant that no layer changes, and lets it forbid tokens in the output."""
    if name == "token_embd.weight":
        weights[:, 0] = 4.0
    elif name.endswith(("attn_output.weight", "ffn_down.weight", "ffn_down_exps.weight")):
        weights[..., 0, :] = 0.0
    elif name == "output.weight":
        weights[:, 0] = 0.0
        forbidden = [number for number, kind in enumerate(words.types) if kind != gguf.TokenType.NORMAL]
        weights[forbidden, 0] = -64.0


def _stored(weights: Weights, type: WeightType) -> NDArray[Any]:
    if type == "f32":
        return weights
    if type == "f16":
        return weights.astype(np.float16)
    return gguf.quants.quantize(weights, gguf.GGMLQuantizationType.BF16)
