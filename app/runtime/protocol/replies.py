"""What a worker answers, and to what."""

from __future__ import annotations

import msgspec

from app.runtime.protocol.conversation import ToolCall
from app.runtime.protocol.divergence import TokenDivergence
from app.runtime.protocol.generation import GenerationStatistics, PieceKind, TokenChoice
from app.runtime.protocol.memory import DryRunResult, ModelDescription
from app.runtime.protocol.message import Message
from app.runtime.protocol.requests import (
    Bench,
    Calibrate,
    Count,
    Describe,
    Diverge,
    DryRun,
    Generate,
    Load,
    Quantize,
    QuantizeRows,
    RestoreCache,
    SaveCache,
    Score,
    WriteLogits,
)


class LoadProgress(Message, frozen=True):
    """`fraction` of the weights read, 0 to 1."""

    fraction: float


class Loaded(Message, frozen=True):
    model: ModelDescription


class DryRunDone(Message, frozen=True):
    result: DryRunResult


class PromptProgress(Message, frozen=True):
    """How much of the prompt is evaluated, in tokens; `reused` came from the KV cache. `dropped_messages` of the
    conversation are not in it."""

    done: int
    total: int
    reused: int
    dropped_messages: int = 0


class Piece(Message, frozen=True):
    """The text since the last piece; `tokens` generated so far. At most about 30 a second.

    `probabilities`, where asked for: of the tokens until the end of this text that no piece has told of.
    """

    text: str
    tokens: int
    kind: PieceKind = "answer"
    probabilities: tuple[TokenChoice, ...] = ()


class Generated(Message, frozen=True):
    """`text` and `reasoning` equal the pieces of their kind joined. `tool_calls` are in neither.

    `probabilities` are those of the pieces and, where no more text followed, of the tokens after them. An answer
    cut at a stop string has none for tokens from there on.

    `conversation`, where asked for, is the whole of it in tokens, with the one that ended the answer; the first
    `statistics.prompt_tokens` are those of the prompt.
    """

    text: str
    statistics: GenerationStatistics
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    probabilities: tuple[TokenChoice, ...] = ()
    conversation: tuple[int, ...] = ()


class ScoreProgress(Message, frozen=True):
    """`done` of `total` tokens are evaluated."""

    done: int
    total: int


class Scored(Message, frozen=True):
    """`log_probabilities[i]` is the natural logarithm of the probability of `tokens[i + 1]` after
    all tokens before it: one for each token but the first.

    `tokens` begins with the start token where the model's metadata adds one (once, should the text
    spell it too and `parse_special` be set); an end token is never added. Not a number where the
    model's own logits are none.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]


class LogitsWritten(Message, frozen=True):
    """`vocabulary` is the same for models whose tokens are the same."""

    vocabulary: str


class Divergences(Message, frozen=True):
    """The next `tokens` of those asked for, in their order."""

    tokens: tuple[TokenDivergence, ...]


class Diverged(Message, frozen=True):
    """That was all."""


class Counted(Message, frozen=True):
    tokens: int


class BenchProgress(Message, frozen=True):
    """`done` of `total` repetitions are measured, those of prompt and generation counted together."""

    done: int
    total: int


class BenchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long each repetition took, in seconds; empty for what was not asked for."""

    prompt_s: tuple[float, ...]
    generate_s: tuple[float, ...]


class Benched(Message, frozen=True):
    times: BenchTimes


class CalibrateProgress(Message, frozen=True):
    """`done` of `total` chunks of the text are evaluated."""

    done: int
    total: int


class Calibrated(Message, frozen=True):
    """The matrix was taken over so many `chunks` and is written."""

    chunks: int


class CacheSaved(Message, frozen=True):
    """`tokens` 0: nothing of the conversation is in the cache, or it takes too much."""

    tokens: int


class CacheRestored(Message, frozen=True):
    """`tokens` of the conversation are in the cache now; 0: the file was of no use."""

    tokens: int


class QuantizeProgress(Message, frozen=True):
    """Tensor number `index` (from 1) of `count`, called `tensor`, is being written."""

    index: int
    count: int
    tensor: str


class Quantized(Message, frozen=True):
    pass


class RowsQuantized(Message, frozen=True):
    pass


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of ggml's registry; `kind` is 'cpu', 'gpu', 'igpu' or 'accel'."""

    name: str
    description: str
    backend: str
    kind: str
    total_bytes: int
    free_bytes: int


class Described(Message, frozen=True):
    version: str
    system_info: str
    backends: tuple[str, ...]
    devices: tuple[Device, ...]


class Failed(Message, frozen=True):
    """An EnvironmentFault of class `kind` (see `app.core.errors.FAULTS`), with the log's last lines: what
    the worker wrote to stderr may arrive later than this."""

    kind: str
    message: str
    hint: str
    log: tuple[str, ...] = ()


class Crashed(Message, frozen=True):
    """A bug in the worker: its traceback."""

    report: str


class Stopped(Message, frozen=True):
    """The request was cancelled before it had a result."""


Reply = (
    LoadProgress
    | Loaded
    | DryRunDone
    | PromptProgress
    | Piece
    | Generated
    | ScoreProgress
    | Scored
    | LogitsWritten
    | Divergences
    | Diverged
    | Counted
    | BenchProgress
    | Benched
    | CalibrateProgress
    | Calibrated
    | CacheSaved
    | CacheRestored
    | QuantizeProgress
    | Quantized
    | RowsQuantized
    | Described
    | Failed
    | Crashed
    | Stopped
)
ANSWERS: dict[type, tuple[type, ...]] = {
    Load: (LoadProgress, Loaded),
    DryRun: (DryRunDone,),
    Generate: (PromptProgress, Piece, Generated),
    Score: (ScoreProgress, Scored),
    WriteLogits: (ScoreProgress, LogitsWritten),
    Diverge: (ScoreProgress, Divergences, Diverged),
    Count: (Counted,),
    Bench: (BenchProgress, Benched),
    Calibrate: (CalibrateProgress, Calibrated),
    SaveCache: (CacheSaved,),
    RestoreCache: (CacheRestored,),
    Quantize: (QuantizeProgress, Quantized),
    QuantizeRows: (RowsQuantized,),
    Describe: (Described,),
}
"""What may come for each request, besides what may for any: Failed, Crashed, Stopped."""

FINAL_REPLIES = (
    Loaded,
    DryRunDone,
    Generated,
    Scored,
    LogitsWritten,
    Diverged,
    Counted,
    Benched,
    Calibrated,
    CacheSaved,
    CacheRestored,
    Quantized,
    RowsQuantized,
    Described,
    Failed,
    Crashed,
    Stopped,
)
