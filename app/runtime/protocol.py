"""Every message between the application and a worker, declared once.

Framing: four bytes little-endian length, four bytes number of the call, then one MessagePack map with
a `type` tag. The application numbers its requests and may send as many as it likes; a `Cancel` has the
number of the request it ends. The worker answers each with any number of intermediate replies and exactly
one final one, all with its number. Answers (`Generate`) run beside each other, as many as the loaded
context has sequences, and so does a `Count`; every other request runs alone. Requests begin in the order they came.
"""

from __future__ import annotations

import struct
from typing import IO, Any, Literal, TypeVar

import msgspec

from app.runtime.sampling import Sampling as Sampling

T = TypeVar("T")

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
"""No message comes near this; a longer one means the stream is out of step."""


class _Message(msgspec.Struct, frozen=True, tag_field="type", tag=True, kw_only=True):
    pass


class ToolCall(msgspec.Struct, frozen=True):
    """A model's wish to have the tool `name` used. `arguments` is the text of a JSON object; `id` is empty
    where the model's format has none."""

    name: str
    arguments: str
    id: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """One turn. `role` is 'system', 'user', 'assistant' or 'tool'.

    An assistant's may hold its `reasoning`, which the template keeps or drops, and `tool_calls`. A tool's
    holds the result as `content`, with the tool's name and, where the call had one, its id.
    """

    role: str
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""

    @property
    def said(self) -> str:
        """All that is in it, in no template's form: for how much that is."""
        calls = (f"{call.name}{call.arguments}" for call in self.tool_calls)
        return "".join((self.reasoning, self.content, *calls))


class TemplateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's chat template gets beside the messages; one that knows nothing of it ignores it.

    `tools` as OpenAI's interface has them: `{"type": "function", "function": {...}}`. `thinking` None and
    `reasoning_effort` empty: as the template has it by itself. `arguments` are handed on by their names.
    """

    tools: tuple[dict[str, Any], ...] = ()
    thinking: bool | None = None
    reasoning_effort: str = ""
    arguments: dict[str, Any] = {}


KvType = Literal["f16", "q8_0", "q4_0"]
FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["auto", "mmap", "mlock", "mmap+mlock", "none"]
WhenFull = Literal["stop", "drop_oldest"]


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA adapter: its file as `os.fsencode` gives it. `strength` 1 is as it was trained, 0 without effect."""

    path: bytes
    strength: float = 1.0


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is loaded. `context_length` in tokens; `threads` 0: one per physical core; `prompt_threads`, for
    more than one token at once, 0: as many as `threads`.

    `gpu_layers` counts the output as the last layer; -1 is all, and so is any number above what the
    model has; without an accelerator it has no effect. `devices`: ggml's names of those to use, in this order; all
    without. `split`: the parts that each of `devices` gets, in any unit; by their free memory without.
    `kv_type`: how the KV cache stores keys, and values where `value_type` is None; all but "f16" need flash
    attention, which "auto" uses where the devices can. `ubatch`: most tokens evaluated at once;
    `batch`: most that llama.cpp is given at once, 512 and one `ubatch` at least.
    `sequences` share the context: each has an equal part of it.
    `experts_on_processor`: weights of experts stay in main memory whatever their layer's device.
    `processor_only`: accelerators are left alone; without, one that has no layers still computes long prompts.
    `load_mode` in llama.cpp's words: "mmap" reads the file where it lies, "none" copies it, "mlock" keeps it from
    being swapped out; "auto" is mmap where the devices can. `adapters` are all in use at once.
    """

    context_length: int = 4096
    threads: int = 0
    prompt_threads: int = 0
    gpu_layers: int = -1
    devices: tuple[str, ...] = ()
    split: tuple[float, ...] = ()
    kv_type: KvType = "f16"
    value_type: KvType | None = None
    batch: int = 512
    ubatch: int = 512
    flash_attention: FlashAttention = "auto"
    sequences: int = 1
    experts_on_processor: bool = False
    processor_only: bool = False
    load_mode: LoadMode = "auto"
    adapters: tuple[Adapter, ...] = ()


class Load(_Message, frozen=True):
    """`path` as `os.fsencode` gives it: not every file name is Unicode."""

    path: bytes
    settings: LoadSettings


class DryRun(_Message, frozen=True):
    """What would `Load` allocate? `path` may be that of a ghost: a header with a hole for tensor data.

    A Cancel ends the worker.
    """

    path: bytes
    settings: LoadSettings


class AnswerSoFar(msgspec.Struct, frozen=True):
    """What there is of an answer that was cut, as `Generated` had it. Without any text, the reasoning is not over."""

    text: str
    reasoning: str = ""


class Generate(_Message, frozen=True):
    """Answers a conversation.

    `top_probabilities`: how many of the likeliest tokens of each place to tell; 0 tells none, and nothing of those
    chosen. `conversation`: what the application calls it; by that name its cache is saved.

    `when_full`: what happens where it outgrows the context. "stop": it is refused, as PromptTooLong. "drop_oldest": the
    oldest turns are left out, but not the system prompt, so that an answer of `max_tokens` or a quarter of the context
    has room. An answer that fills the context ends there either way.

    `continues`: the answer goes on where that ends. Only what is new is sent and counts for `max_tokens`.
    """

    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    options: TemplateOptions = TemplateOptions()
    top_probabilities: int = 0
    conversation: str = ""
    when_full: WhenFull = "stop"
    continues: AnswerSoFar | None = None


class Score(_Message, frozen=True):
    """How probable is `text`, taken from its beginning? The KV cache is empty afterwards.

    With `parse_special`, special tokens spelled in the text count as such; without, they are the
    characters they are written in.
    """

    text: str
    parse_special: bool


class Count(_Message, frozen=True):
    """How many tokens is `text`, as a part of what somebody says? Met beside whatever else is going on."""

    text: str


class Bench(_Message, frozen=True):
    """How fast is the loaded model? The KV cache is empty afterwards.

    As llama-bench measures it: `prompt_tokens` random tokens in batches, then `generated_tokens` of them one by
    one, each from an empty cache and `repetitions` times, without sampling and text. Either may be 0.
    """

    prompt_tokens: int
    generated_tokens: int
    repetitions: int


class SaveCache(_Message, frozen=True):
    """Keeps what the KV cache has of a conversation in the file `path`, unless that takes more than `most_bytes`.

    `stamp`: of the model and the settings without which the file is of no use.
    """

    path: bytes
    conversation: str
    stamp: str
    most_bytes: int


class RestoreCache(_Message, frozen=True):
    """Makes a conversation known from its file, where that is whole and of this `stamp`. Else nothing happens."""

    path: bytes
    conversation: str
    stamp: str


class Quantize(_Message, frozen=True):
    """Makes `target` from `source`, paths as in `Load`; `file_type` is a `llama_ftype`."""

    source: bytes
    target: bytes
    file_type: int
    threads: int


class Describe(_Message, frozen=True):
    """What runtime is this?"""


class Cancel(_Message, frozen=True):
    """Ends the request of the same number early; one that has ended or never was is not affected."""


class LoadProgress(_Message, frozen=True):
    """`fraction` of the weights read, 0 to 1."""

    fraction: float


class BufferSize(msgspec.Struct, frozen=True):
    """What is in buffers of one of ggml's types, which `buffer` names: "CPU", "CUDA0", "CUDA_Host".

    `size_bytes` None: the runtime did not say.
    """

    buffer: str
    size_bytes: int | None


def _known_bytes(buffers: tuple[BufferSize, ...]) -> int:
    return sum(buffer.size_bytes or 0 for buffer in buffers)


class MemoryBuffers(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime's log says about its memory.

    The log gives MiB with two decimals, so each size is within 5,243 bytes (2^20 / 200) of the truth, a sum
    of n of them within n times that, and a KV cache beyond 16 GiB within a part in ten million, as it is
    computed in single precision; no portable function of llama.cpp gives the bytes.

    `weights`: "CPU_Mapped" is the span of the file that is mapped, of which "CPU_REPACK" or "AMX" may
    hold a second copy. `kv_cache_bytes` is the whole KV cache, summed over its parts (sliding window,
    indexer) where there are several. `recurrent_state`, which is any that does not grow with the context,
    and `output` (logits) are allocated once. `compute` holds the activations of the largest batch.
    `layer_devices`: the device of each layer, in order, the output last. `flash_attention`: whether used.
    """

    weights: tuple[BufferSize, ...]
    kv_cache: tuple[BufferSize, ...]
    kv_cache_bytes: int
    recurrent_state: tuple[BufferSize, ...]
    output: tuple[BufferSize, ...]
    compute: tuple[BufferSize, ...]
    layer_devices: tuple[str, ...]
    flash_attention: bool

    @property
    def cache_bytes(self) -> int:
        """KV cache and recurrent state."""
        return self.kv_cache_bytes + _known_bytes(self.recurrent_state)

    @property
    def working_bytes(self) -> int:
        """Compute and output buffers."""
        return _known_bytes(self.compute) + _known_bytes(self.output)


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded. `context_length`: of one sequence. `memory_bytes`: of the worker after loading,
    each weight counted once; `buffers`: what the runtime says it allocated."""

    context_length: int
    memory_bytes: int
    buffers: MemoryBuffers


class Loaded(_Message, frozen=True):
    model: ModelDescription


class DryRunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a load would allocate.

    `weights_bytes`: of all tensors in the file, exact; those that only predict further tokens are not
    loaded. In `buffers`, sizes of `weights` are None, and of `kv_cache` where one is spread over several
    devices; the rest is as in a load. `context_length` in tokens, all sequences together, as llama.cpp
    rounds it.
    """

    weights_bytes: int
    context_length: int
    buffers: MemoryBuffers


class DryRunDone(_Message, frozen=True):
    result: DryRunResult


class PromptProgress(_Message, frozen=True):
    """How much of the prompt is evaluated, in tokens; `reused` came from the KV cache. `dropped_messages` of the
    conversation are not in it."""

    done: int
    total: int
    reused: int
    dropped_messages: int = 0


class TokenProbability(msgspec.Struct, frozen=True):
    """`text`: its bytes, which may be a part of a character; of a special token its name. `log_probability`:
    natural logarithm, as the model gives it, before any sampler."""

    token: int
    text: bytes
    log_probability: float


class TokenChoice(msgspec.Struct, frozen=True):
    """The token that was `chosen`, and those that were `likeliest` there, the first first."""

    chosen: TokenProbability
    likeliest: tuple[TokenProbability, ...]


PieceKind = Literal["answer", "reasoning"]


class Piece(_Message, frozen=True):
    """The text since the last piece; `tokens` generated so far. At most about 30 a second.

    `probabilities`, where asked for: of the tokens until the end of this text that no piece has told of.
    """

    text: str
    tokens: int
    kind: PieceKind = "answer"
    probabilities: tuple[TokenChoice, ...] = ()


class GenerationStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one answer.

    `prompt_tokens` is the whole prompt, of which `evaluated_tokens` were not in the KV cache;
    `dropped_messages` were left out of it. The last `continued_tokens` of it are those of the answer that goes on.
    `time_to_first_token_s` runs from the request's arrival; `tokens_per_s` is decode speed after
    the first token; `memory_bytes` is the worker's at the end, each weight counted once.
    `finish_reason`: 'stop' (the model ended, or a stop string came), 'length' (max_tokens), 'context' (the context is
    full), 'cancelled'.
    """

    prompt_tokens: int
    evaluated_tokens: int
    tokens: int
    prompt_s: float
    prompt_tokens_per_s: float
    time_to_first_token_s: float
    tokens_per_s: float
    memory_bytes: int
    seed: int
    finish_reason: str
    dropped_messages: int = 0
    continued_tokens: int = 0


class Generated(_Message, frozen=True):
    """`text` and `reasoning` equal the pieces of their kind joined. `tool_calls` are in neither.

    `probabilities` are those of the pieces and, where no more text followed, of the tokens after them. An answer
    cut at a stop string has none for tokens from there on.
    """

    text: str
    statistics: GenerationStatistics
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    probabilities: tuple[TokenChoice, ...] = ()


class ScoreProgress(_Message, frozen=True):
    """`done` of `total` log-probabilities are known."""

    done: int
    total: int


class Scored(_Message, frozen=True):
    """`log_probabilities[i]` is the natural logarithm of the probability of `tokens[i + 1]` after
    all tokens before it: one for each token but the first.

    `tokens` begins with the start token where the model's metadata adds one (once, should the text
    spell it too and `parse_special` be set); an end token is never added. Not a number where the
    model's own logits are none.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]


class Counted(_Message, frozen=True):
    tokens: int


class BenchProgress(_Message, frozen=True):
    """`done` of `total` repetitions are measured, those of prompt and generation counted together."""

    done: int
    total: int


class BenchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long each repetition took, in seconds; empty for what was not asked for."""

    prompt_s: tuple[float, ...]
    generate_s: tuple[float, ...]


class Benched(_Message, frozen=True):
    times: BenchTimes


class CacheSaved(_Message, frozen=True):
    """`tokens` 0: nothing of the conversation is in the cache, or it takes too much."""

    tokens: int


class CacheRestored(_Message, frozen=True):
    """`tokens` of the conversation are in the cache now; 0: the file was of no use."""

    tokens: int


class QuantizeProgress(_Message, frozen=True):
    """Tensor number `index` (from 1) of `count`, called `tensor`, is being written."""

    index: int
    count: int
    tensor: str


class Quantized(_Message, frozen=True):
    pass


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of ggml's registry; `kind` is 'cpu', 'gpu', 'igpu' or 'accel'."""

    name: str
    description: str
    backend: str
    kind: str
    total_bytes: int
    free_bytes: int


class Described(_Message, frozen=True):
    version: str
    system_info: str
    backends: tuple[str, ...]
    devices: tuple[Device, ...]


class Failed(_Message, frozen=True):
    """An EnvironmentFault of class `kind` (see `app.core.errors.FAULTS`), with the log's last lines: what
    the worker wrote to stderr may arrive later than this."""

    kind: str
    message: str
    hint: str
    log: tuple[str, ...] = ()


class Crashed(_Message, frozen=True):
    """A bug in the worker: its traceback."""

    report: str


class Stopped(_Message, frozen=True):
    """The request was cancelled before it had a result."""


Request = (
    Load | DryRun | Generate | Score | Count | Bench | SaveCache | RestoreCache | Quantize | Describe | Cancel
)
Reply = (
    LoadProgress
    | Loaded
    | DryRunDone
    | PromptProgress
    | Piece
    | Generated
    | ScoreProgress
    | Scored
    | Counted
    | BenchProgress
    | Benched
    | CacheSaved
    | CacheRestored
    | QuantizeProgress
    | Quantized
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
    Count: (Counted,),
    Bench: (BenchProgress, Benched),
    SaveCache: (CacheSaved,),
    RestoreCache: (CacheRestored,),
    Quantize: (QuantizeProgress, Quantized),
    Describe: (Described,),
}
"""What may come for each request, besides what may for any: Failed, Crashed, Stopped."""

FINAL_REPLIES = (
    Loaded,
    DryRunDone,
    Generated,
    Scored,
    Counted,
    Benched,
    CacheSaved,
    CacheRestored,
    Quantized,
    Described,
    Failed,
    Crashed,
    Stopped,
)

_HEAD = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(Request)
_reply_decoder = msgspec.msgpack.Decoder(Reply)

CALLS = 2**32
"""Numbers of calls wrap around here."""


class ProtocolError(Exception):
    """The stream does not hold what the protocol says: the other end is broken."""


def write_message(stream: IO[bytes], call: int, message: Request | Reply) -> None:
    """One write and one flush; whoever writes from several threads lets only one in at a time."""
    write_frame(stream, frame(call, message))


def frame(call: int, message: Request | Reply) -> bytes:
    body = _encoder.encode(message)
    return _HEAD.pack(len(body), call) + body


def write_frame(stream: IO[bytes], content: bytes) -> None:
    stream.write(content)
    stream.flush()


def read_request(stream: IO[bytes]) -> tuple[int, Request] | None:
    """The next request with the number of its call; None at the end of the stream."""
    return _read(stream, _request_decoder)


def read_reply(stream: IO[bytes]) -> tuple[int, Reply] | None:
    """The next reply with the number of its call; None at the end of the stream."""
    return _read(stream, _reply_decoder)


def _read(stream: IO[bytes], decoder: msgspec.msgpack.Decoder[T]) -> tuple[int, T] | None:
    head = stream.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise ProtocolError("the stream ends inside a head")
    length, call = _HEAD.unpack(head)
    if length > MESSAGE_LIMIT_BYTES:
        raise ProtocolError(f"a message of {length} bytes")
    body = stream.read(length)
    if len(body) < length:
        raise ProtocolError("the stream ends inside a message")
    try:
        return call, decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"message of {len(body)} bytes: {error}") from error
