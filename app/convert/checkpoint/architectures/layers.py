"""The tensors of a transformer's parts, under the names Transformers gives them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from app.convert.checkpoint.architectures.dimensions import Dimensions
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import PlannedTensor

EMBEDDING = "model.embed_tokens.weight"
OUTPUT = "lm_head.weight"


def vocabulary(dimensions: Dimensions, *, tied: bool) -> Iterator[PlannedTensor]:
    """The embedding, and the output where it is not the same tensor."""
    yield PlannedTensor(EMBEDDING, (dimensions.vocabulary, dimensions.hidden))
    if not tied:
        yield PlannedTensor(OUTPUT, (dimensions.vocabulary, dimensions.hidden))


def unused(*, tied: bool) -> tuple[str, ...]:
    """The frequencies follow from rope_theta; a tied output that is stored as well is the embedding."""
    return ("*.rotary_emb.inv_freq", *((OUTPUT,) if tied else ()))


def is_tied(config: Config, default: bool) -> bool:
    return config.flag("tie_word_embeddings", default=default)


def norm(name: str, length: int, *, plus: float = 0.0, bias: bool = False) -> Iterator[PlannedTensor]:
    yield PlannedTensor(f"{name}.weight", (length,), plus=plus)
    if bias:
        yield PlannedTensor(f"{name}.bias", (length,))


def attention(
    prefix: str, dimensions: Dimensions, *, biases: Collection[str] = (), turned: bool = False
) -> Iterator[PlannedTensor]:
    """`biases`: of "q", "k", "v" and "o", which have one. `turned`: RoPE turns neighbours, as in GGUF's "llama"."""
    hidden, rope_rows = dimensions.hidden, dimensions.head_length if turned else 0
    for name, rows, columns, rope in (
        ("q", dimensions.query, hidden, rope_rows),
        ("k", dimensions.key, hidden, rope_rows),
        ("v", dimensions.key, hidden, 0),
        ("o", hidden, dimensions.query, 0),
    ):
        yield PlannedTensor(f"{prefix}.self_attn.{name}_proj.weight", (rows, columns), rope)
        if name in biases:
            yield PlannedTensor(f"{prefix}.self_attn.{name}_proj.bias", (rows,), rope)


def feed_forward(
    prefix: str,
    hidden: int,
    length: int,
    *,
    names: Collection[str] = ("gate", "up", "down"),
    bias: bool = False,
) -> Iterator[PlannedTensor]:
    for name in names:
        rows, columns = (hidden, length) if name == "down" else (length, hidden)
        yield PlannedTensor(f"{prefix}.mlp.{name}_proj.weight", (rows, columns))
        if bias:
            yield PlannedTensor(f"{prefix}.mlp.{name}_proj.bias", (rows,))


def experts(
    made: str, stored: str, count: int, hidden: int, length: int, *, gate: str, up: str, down: str
) -> Iterator[PlannedTensor]:
    """Each matrix of all experts as one tensor. `made` and `stored`: their names, with {matrix} and, in `stored`,
    {expert}."""
    for matrix, rows, columns in ((gate, length, hidden), (up, length, hidden), (down, hidden, length)):
        each = tuple(stored.format(expert=expert, matrix=matrix) for expert in range(count))
        yield PlannedTensor(made.format(matrix=matrix), (rows, columns), stacked=each)
