"""A worker that sends what no worker of ours would: a typed fault, and it is ended; the application lives on."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.core.errors import Cancelled, EnvironmentFault, WorkerDied
from app.runtime import LoadedModel, LoadSettings, Worker
from app.runtime.client import WorkerCrash, worker_command
from app.runtime.protocol import (
    Crashed,
    Describe,
    Described,
    Failed,
    Generated,
    GenerationStatistics,
    LoadProgress,
    MemoryBuffers,
    ModelDescription,
    Piece,
    Reply,
    Stopped,
    write_message,
)
from app.runtime.protocol import Loaded as LoadedReply
from tests.helpers.answers import ask, greedy

REPLAYS = (
    "import sys, time; sys.stdin.buffer.read(8); sys.stdout.buffer.write(open(sys.argv[1], 'rb').read()); "
)
REPLAYS += "sys.stdout.flush(); {then}"
BUFFERS = MemoryBuffers(
    weights=(),
    kv_cache=(),
    kv_cache_bytes=0,
    recurrent_state=(),
    output=(),
    compute=(),
    layer_devices=(),
    flash_attention=False,
)
LOADED = LoadedReply(model=ModelDescription(context_length=512, memory_bytes=1, buffers=BUFFERS))
DESCRIBED = Described(version="1", system_info="", backends=(), devices=())
STATISTICS = GenerationStatistics(
    prompt_tokens=1,
    evaluated_tokens=1,
    tokens=1,
    prompt_s=1.0,
    prompt_tokens_per_s=1.0,
    time_to_first_token_s=1.0,
    tokens_per_s=1.0,
    memory_bytes=1,
    seed=1,
    finish_reason="stop",
)


def framed(*replies: tuple[int, Reply]) -> bytes:
    stream = io.BytesIO()
    for call, reply in replies:
        write_message(stream, call, reply)
    return stream.getvalue()


def liar(tmp_path: Path, content: bytes, then: str = "time.sleep(60)") -> list[str]:
    """The command of a process that answers the first request with `content`, whatever it was."""
    path = tmp_path / "content"
    path.write_bytes(content)
    return [sys.executable, "-c", REPLAYS.format(then=then), str(path)]


@pytest.mark.parametrize(
    "content",
    [
        framed((0, LOADED)),
        framed((0, Piece(text="x", tokens=1))),
        framed((0, Generated(text="x", statistics=STATISTICS))),
        framed((7, DESCRIBED)),
        framed((0, LoadProgress(fraction=0.5)), (0, DESCRIBED)),
        b"\xff" * 100,
        b"\x10\0\0\0\0\0\0\0" + b"x" * 16,
    ],
    ids=["another's", "piece", "answer", "nobody's", "mixed", "oversized", "garbage"],
)
def test_reply_that_does_not_belong_to_the_request_ends_the_worker(tmp_path: Path, content: bytes) -> None:
    with Worker(liar(tmp_path, content)) as worker:
        with pytest.raises(WorkerDied, match="nobody can read"):
            worker.call_for(Describe())
        assert not worker.alive


def test_reply_after_the_final_one_ends_the_worker_and_the_answer_stands(tmp_path: Path) -> None:
    with Worker(liar(tmp_path, framed((0, DESCRIBED), (0, DESCRIBED)))) as worker:
        assert worker.call_for(Describe()) == DESCRIBED
        with pytest.raises(WorkerDied):
            worker.call_for(Describe())


@pytest.mark.parametrize("seed", range(12))
def test_mutated_replies_are_an_answer_or_a_typed_fault(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    replies: list[Reply] = [
        DESCRIBED,
        Failed(kind="NoSuchFault", message="m", hint="h"),
        Stopped(),
        Crashed(report="r"),
    ]
    content = bytearray(framed((0, chance.choice(replies))))
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(len(content))
        content[at : at + chance.choice((0, 1, 4))] = chance.randbytes(chance.choice((0, 1, 4)))
    command = liar(tmp_path, bytes(content), then="pass")
    with Worker(command) as worker, suppress(EnvironmentFault, WorkerCrash, Cancelled):
        assert isinstance(worker.call_for(Describe()), Described)


def test_model_whose_worker_answers_nonsense_is_no_model(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = liar(
        tmp_path, framed((0, LOADED)), then="sys.stdin.buffer.read(8); sys.stdout.buffer.write(b'y' * 99)"
    )
    monkeypatch.setattr("app.runtime.client.worker_command", lambda: command)
    with LoadedModel.load(tiny, LoadSettings()) as model, pytest.raises(WorkerDied):
        ask(model, "hello", greedy(1))


def test_endless_line_in_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('x' * 3_000_000); sys.exit(1)"
    with Worker([sys.executable, "-c", code]) as worker:
        with pytest.raises(WorkerDied) as caught:
            worker.call_for(Describe())
        assert sum(map(len, caught.value.log)) < 1_000_000


@pytest.mark.parametrize(
    "content",
    [b"\xff" * 64, b"\x04\0\0\0\0\0\0\0abcd", framed((0, DESCRIBED)), b"\x10\0\0\0\0\0\0\0cut"],
    ids=["oversized", "garbage", "a reply", "cut short"],
)
def test_worker_that_is_sent_nonsense_leaves_at_once(content: bytes) -> None:
    worker = subprocess.run(worker_command(), input=content, capture_output=True, timeout=60)
    assert worker.returncode == 0
    assert worker.stdout == b""
    assert b"nibble worker:" in worker.stderr
    assert b"Traceback" not in worker.stderr
