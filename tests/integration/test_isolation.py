"""Whatever ends a worker, the application lives and says what happened; a worker never outlives the application."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from app.core.errors import (
    EnvironmentFault,
    TooLittleMemory,
    UnknownInstruction,
    WorkerAborted,
    WorkerCrashed,
    WorkerDied,
    WorkerStalled,
)
from app.runtime import LoadedModel, LoadSettings, Worker, client
from app.runtime.protocol import Describe, Piece
from tests.helpers.answers import ask, greedy, talk

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

SETTINGS = LoadSettings(context_length=4096, threads=1)


def wait_gone(pid: int, timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def answer_until(model: LoadedModel, sent: signal.Signals) -> None:
    for event in model.generate(talk("hello"), greedy()):
        if isinstance(event, Piece):
            os.kill(model.worker_pid, sent)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (signal.SIGKILL, WorkerDied),
        (signal.SIGSEGV, WorkerCrashed),
        (signal.SIGILL, UnknownInstruction),
        (signal.SIGABRT, WorkerCrashed),
        (signal.SIGTERM, WorkerDied),
    ],
)
def test_signal_while_generating_is_a_typed_fault_with_log_and_hint(
    tiny: Path, sent: signal.Signals, kind: type[WorkerDied]
) -> None:
    with LoadedModel.load(tiny, SETTINGS) as model:
        with pytest.raises(WorkerDied, match=sent.name if sent != signal.SIGILL else "instruction") as caught:
            answer_until(model, sent)
        assert type(caught.value) is kind
        assert caught.value.hint
        assert any("llama" in line for line in caught.value.log)
        assert wait_gone(model.worker_pid)


def test_worker_that_does_nothing_any_more_is_ended(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 2.0)
    with LoadedModel.load(tiny, SETTINGS) as model:
        with pytest.raises(WorkerStalled, match="did nothing for 2 seconds") as caught:
            answer_until(model, signal.SIGSTOP)
        assert caught.value.hint
        assert not model.alive


def test_worker_that_only_takes_long_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        import sys, time
        from app.runtime.protocol import Described, write_message
        end = time.monotonic() + 4
        while time.monotonic() < end:
            sum(range(1_000_000))  # some hundredths of a second, then nothing, as with a slow disk or a card
            time.sleep(0.5)
        write_message(sys.stdout.buffer, 0, Described(version="", system_info="", backends=(), devices=()))
    """
    with worker_of(code, patience_s=2.0) as worker:
        assert worker.call_for(Describe())


def worker_of(code: str, patience_s: float | None = None) -> Worker:
    return Worker([sys.executable, "-c", textwrap.dedent(code)], patience_s=patience_s)


def test_memory_that_the_system_refuses_is_too_little_memory(
    heavy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half a gigabyte beyond what the libraries take: the context below asks for more.
    limited = """
        import resource, sys
        import llama_cpp
        from app.runtime.worker.main import run_worker
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + (512 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.exit(run_worker())
    """
    if sys.platform != "linux":
        pytest.skip("the limit is read from /proc")
    command = [sys.executable, "-c", textwrap.dedent(limited)]
    monkeypatch.setattr(client, "worker_command", lambda: command)
    with pytest.raises(TooLittleMemory) as caught:
        LoadedModel.load(heavy, LoadSettings(context_length=1 << 18, threads=1))
    assert caught.value.hint


def test_failed_check_inside_llama_cpp_is_quoted(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With no memory for tensors, mapping the file fails a check of llama.cpp.
    asserting = """
        import sys
        from app.runtime.worker import loading
        from app.runtime.worker.main import run_worker
        make = loading.model_parameters
        def without_memory(settings):
            parameters = make(settings)
            parameters.no_alloc = True
            return parameters
        loading.model_parameters = without_memory
        sys.exit(run_worker())
    """
    monkeypatch.setattr(client, "worker_command", lambda: [sys.executable, "-c", textwrap.dedent(asserting)])
    with pytest.raises(WorkerAborted, match="GGML_ASSERT") as caught:
        LoadedModel.load(tiny, SETTINGS)
    assert caught.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="a file in use cannot be cut everywhere")
def test_model_whose_file_is_cut_while_it_is_in_use_is_told_as_such(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny.read_bytes())
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1, load_mode="mmap")) as model:
        assert ask(model, "hello", greedy(2)).statistics.tokens == 2
        os.truncate(path, 4096)
        with pytest.raises(WorkerCrashed, match="could not be read any more") as caught:
            ask(model, "hello world", greedy(2))
        assert "disk" in caught.value.hint


def test_next_worker_is_as_good_as_new_after_any_death(tiny: Path) -> None:
    with LoadedModel.load(tiny, SETTINGS) as model:
        text = ask(model, "hello", greedy(8)).text
        with pytest.raises(EnvironmentFault):
            answer_until(model, signal.SIGSEGV)
    with LoadedModel.load(tiny, SETTINGS) as model:
        assert ask(model, "hello", greedy(8)).text == text


# The application ends

APPLICATION = """
    import sys, threading, time
    from app.runtime import Worker
    from app.runtime.protocol import Describe
    worker = Worker([sys.executable, "-c", sys.argv[1]])
    threading.Thread(target=lambda: worker.call_for(Describe()), daemon=True).start()
    while "deep inside" not in worker.log:
        time.sleep(0.01)
    print(worker.pid, flush=True)
    time.sleep(600)
"""
HOLDS_THE_LOCK = """
    import ctypes, os, sys
    from app.runtime.worker import describing
    def hang():
        os.write(2, b"deep inside\\n")
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps Python's lock: no thread of this process runs any Python
    describing.describe = hang
    from app.runtime.worker.main import run_worker
    run_worker()
"""


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_worker_deep_inside_a_call_does_not_outlive_the_application(
    end: signal.Signals, is_stopped: bool
) -> None:
    if is_stopped and sys.platform != "linux":
        pytest.skip("only Linux ends a process that is stopped")
    with application(HOLDS_THE_LOCK) as process:
        assert process.stdout is not None
        worker_pid = int(process.stdout.readline())
        if is_stopped:
            os.kill(worker_pid, signal.SIGSTOP)
        process.send_signal(end)
        process.communicate()
        assert wait_gone(worker_pid)


def application(worker_code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(APPLICATION), textwrap.dedent(worker_code)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_worker_lives_on_when_the_thread_that_started_it_ends(tiny: Path) -> None:
    import threading

    models: list[LoadedModel] = []
    thread = threading.Thread(target=lambda: models.append(LoadedModel.load(tiny, SETTINGS)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with models[0] as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3


def test_worker_that_starts_when_the_application_is_gone_already_leaves_at_once() -> None:
    if sys.platform != "linux":
        pytest.skip("the pipe of Linux")
    reading, writing = os.pipe()
    os.close(writing)
    worker = subprocess.Popen(
        client.worker_command(),
        stdin=subprocess.PIPE,  # which does not end
        stdout=subprocess.DEVNULL,
        pass_fds=(reading,),
        env={**os.environ, "NIBBLE_LIFELINE": str(reading)},
    )
    with worker:
        os.close(reading)
        assert worker.wait(20) == 0
