"""What the application asks of a worker."""

from __future__ import annotations

import msgspec

from app.runtime.protocol.conversation import AnswerSoFar, ChatMessage, TemplateOptions, WhenFull
from app.runtime.protocol.load_settings import LoadSettings
from app.runtime.protocol.message import Message
from app.runtime.sampling import Sampling


class Load(Message, frozen=True):
    """`path` as `os.fsencode` gives it: not every file name is Unicode."""

    path: bytes
    settings: LoadSettings


class DryRun(Message, frozen=True):
    """What would `Load` allocate? `path` may be that of a ghost: a header with a hole for tensor data.

    A Cancel ends the worker.
    """

    path: bytes
    settings: LoadSettings


class Generate(Message, frozen=True):
    """Answers a conversation.

    `top_probabilities`: how many of the likeliest tokens of each place to tell; 0 tells none, and nothing of those
    chosen. `conversation`: what the application calls it; by that name its cache is saved.

    `when_full`: what happens where it outgrows the context. "stop": it is refused, as PromptTooLong. "drop_oldest": the
    oldest turns are left out, but not the system prompt, so that an answer of `max_tokens` or a quarter of the context
    has room. An answer that fills the context ends there either way.

    `continues`: the answer goes on where that ends. Only what is new is sent and counts for `max_tokens`.

    `tells_tokens`: the whole conversation comes back in tokens. `begins`: tokens that the answer begins with, as if the
    model had chosen them; they are sent like all others, and do not count for `max_tokens`.
    """

    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    options: TemplateOptions = TemplateOptions()
    top_probabilities: int = 0
    conversation: str = ""
    when_full: WhenFull = "stop"
    continues: AnswerSoFar | None = None
    tells_tokens: bool = False
    begins: tuple[int, ...] = ()


class Score(Message, frozen=True):
    """How probable is `text`, taken from its beginning? The KV cache is empty afterwards.

    With `parse_special`, special tokens spelled in the text count as such; without, they are the
    characters they are written in.
    """

    text: str
    parse_special: bool


class WriteLogits(Message, frozen=True):
    """Writes what the model expects at the places of `tokens[start:]` to the file `path`, for `Diverge` of another
    model: its logits as float32, a row for each of these tokens. The KV cache is empty afterwards."""

    tokens: tuple[int, ...]
    start: int
    path: bytes


class Diverge(Message, frozen=True):
    """How much does the model differ from another one, the reference, that has written its logits for the same `tokens`
    and `start` to `path`? The `top` likeliest tokens of both are told for each place. `vocabulary` as the reference
    told it (`LogitsWritten`). The KV cache is empty afterwards."""

    tokens: tuple[int, ...]
    start: int
    path: bytes
    vocabulary: str
    top: int


class Count(Message, frozen=True):
    """How many tokens is `text`, as a part of what somebody says? Met beside whatever else is going on."""

    text: str


class Bench(Message, frozen=True):
    """How fast is the loaded model? The KV cache is empty afterwards.

    As llama-bench measures it: `prompt_tokens` random tokens in batches, then `generated_tokens` of them one by
    one, each from an empty cache and `repetitions` times, without sampling and text. Either may be 0.
    """

    prompt_tokens: int
    generated_tokens: int
    repetitions: int


class Calibrate(Message, frozen=True):
    """Takes the importance matrix of the loaded model over `text` and writes it to the file `path`, where the text is
    called `dataset`."""

    text: str
    dataset: str
    path: bytes


class SaveCache(Message, frozen=True):
    """Keeps what the KV cache has of a conversation in the file `path`, unless that takes more than `most_bytes`.

    `stamp`: of the model and the settings without which the file is of no use.
    """

    path: bytes
    conversation: str
    stamp: str
    most_bytes: int


class RestoreCache(Message, frozen=True):
    """Makes a conversation known from its file, where that is whole and of this `stamp`. Else nothing happens."""

    path: bytes
    conversation: str
    stamp: str


class Quantize(Message, frozen=True):
    """Makes `target` from `source`, paths as in `Load`; `file_type` is a `llama_ftype`.

    Types are numbers of `ggml_type`. `tensor_types`: of tensors by their whole names. `output_type` is also that of an
    embedding which serves as output, unless there is an `embedding_type`. `pure`: all others get the base type.
    `importance`: the file of an importance matrix, empty for none.
    """

    source: bytes
    target: bytes
    file_type: int
    threads: int
    tensor_types: tuple[tuple[str, int], ...] = ()
    output_type: int | None = None
    embedding_type: int | None = None
    pure: bool = False
    importance: bytes = b""


class RowsTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where rows go: to byte `offset` of the file `path`, which is there, in the `ggml_type` of number `type`."""

    path: bytes
    offset: int
    type: int


class QuantizeRows(Message, frozen=True):
    """Writes rows of a tensor to `targets`, in each as `llama_model_quantize` would.

    `numbers`: whole rows of `columns` numbers, of `source_type` (a `ggml_type`), which is F32, F16 or BF16 unless no
    target has another. `threads` 0: all logical processors. `importance`: how much an error in each column counts, a
    number in F32 for each; empty where all count the same.
    """

    tensor: str
    numbers: bytes
    columns: int
    source_type: int
    targets: tuple[RowsTarget, ...]
    threads: int
    importance: bytes = b""


class Describe(Message, frozen=True):
    """What runtime is this?"""


class Cancel(Message, frozen=True):
    """Ends the request of the same number early; one that has ended or never was is not affected."""


Request = (
    Load
    | DryRun
    | Generate
    | Score
    | WriteLogits
    | Diverge
    | Count
    | Bench
    | Calibrate
    | SaveCache
    | RestoreCache
    | Quantize
    | QuantizeRows
    | Describe
    | Cancel
)
