"""The life of a worker: loading, stopping, dying, and what is left behind (nothing)."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.convert import quantize
from app.core.errors import Cancelled, EnvironmentFault, FileGone, LoadFailed, UnknownArchitecture, WorkerDied
from app.core.jobs import CancelToken, Job, JobControl
from app.gguf import read_header
from app.gguf.source import LocalFile
from app.runtime import Generation, LoadedModel, LoadSettings, Worker, client, start_worker
from app.runtime.protocol import Describe, Described, LoadProgress, Piece, PromptProgress
from tests.helpers.answers import ask, events, greedy, talk
from tests.helpers.command_line import KILLED
from tests.helpers.raw_gguf import llama_header
from tests.helpers.tiny_gguf import write_random_model, write_tiny_model

SETTINGS = LoadSettings(context_length=512, threads=1)
LONG_SETTINGS = LoadSettings(context_length=4096, threads=1)
AT_ONCE_S = 2.0
"""The goal is 200 ms; the rest is for a machine that is busy with other things."""


@pytest.fixture(scope="module")
def slow(heavy: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(heavy, LONG_SETTINGS) as loaded:
        yield loaded


def wait_gone(pid: int, timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


# Loading


def test_load_tells_progress_and_what_was_loaded(tiny: Path) -> None:
    fractions: list[float] = []
    with LoadedModel.load(tiny, SETTINGS, on_progress=fractions.append) as model:
        description = model.description
        assert model.alive
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert description.context_length == 512
    assert not model.alive


def test_memory_in_use_counts_each_weight_once_whatever_the_runtime_repacks(tmp_path: Path) -> None:
    source = write_random_model(tmp_path / "random-f16.gguf", parameters=80_000_000)
    sizes, memory = [], []
    for name in ("Q8_0", "Q4_K_M"):

        def work(control: JobControl, name: str = name) -> Path:
            return quantize(source, name, tmp_path, control)

        path = Job("quantize", work).start().result()
        sizes.append(path.stat().st_size)
        with LoadedModel.load(path, SETTINGS) as model:
            memory.append(model.description.memory_bytes)
    saved = sizes[0] - sizes[1]
    # Half of it: tensors that llama.cpp never touches in the warm-up are not in memory yet.
    assert memory[0] - memory[1] > saved / 2


def test_close_ends_the_process_and_may_be_repeated(tiny: Path) -> None:
    model = LoadedModel.load(tiny, SETTINGS)
    pid = model.worker_pid
    model.close()
    assert not psutil.pid_exists(pid)
    model.close()


def test_load_of_unknown_architecture_names_it(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "odd.gguf", architecture="nosucharch")
    with pytest.raises(UnknownArchitecture, match="'nosucharch'") as caught:
        LoadedModel.load(path, SETTINGS)
    assert caught.value.hint
    assert caught.value.log


def test_load_of_file_without_its_tensors_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "hollow.gguf"
    path.write_bytes(llama_header().to_bytes())
    with pytest.raises(LoadFailed, match="cannot load this model") as caught:
        LoadedModel.load(path, SETTINGS)
    assert caught.value.hint


def test_load_of_model_without_vocabulary_says_so(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "mute.gguf")
    content = path.read_bytes()
    key = b"tokenizer.ggml.model" + struct.pack("<I", 8)  # a text
    changed = content.replace(key + struct.pack("<Q", 5) + b"llama", key + struct.pack("<Q", 4) + b"none")
    # A byte less, which is given back to the padding before the tensors.
    with LocalFile(path) as source:
        data_offset = read_header(source).data_offset
    path.write_bytes(changed[: data_offset - 1] + b"\0" + changed[data_offset - 1 :])
    with pytest.raises(LoadFailed, match="no vocabulary") as caught:
        LoadedModel.load(path, SETTINGS)
    assert caught.value.hint


def test_load_of_truncated_file_says_so(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    path.write_bytes(tiny.read_bytes()[:-100_000])
    with pytest.raises(LoadFailed, match="cannot load this model"):
        LoadedModel.load(path, SETTINGS)


def test_load_of_deleted_file_raises_file_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone, match=r"none\.gguf"):
        LoadedModel.load(tmp_path / "none.gguf", SETTINGS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_load_of_file_whose_name_is_no_unicode_works(tiny: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff\xe4\xf6 .gguf"))
    path.write_bytes(tiny.read_bytes())
    with LoadedModel.load(path, SETTINGS) as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3
    path.unlink()
    with pytest.raises(FileGone, match="not there"):
        LoadedModel.load(path, SETTINGS)


def test_load_with_name_of_any_characters_works(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "größe 🦙 'x' \"y\" %s.gguf"
    path.write_bytes(tiny.read_bytes())
    with LoadedModel.load(path, SETTINGS) as model:
        assert ask(model, "hello", greedy(3)).statistics.tokens == 3


def test_cancel_while_loading_ends_it_and_leaves_no_process(models: Path) -> None:
    # Many tensors: llama.cpp looks at the stop flag after each.
    path = write_tiny_model(models / "many.gguf", layers=60, feed_forward=256, type="f16")
    cancel = CancelToken()
    cancelled_at: list[float] = []

    def stop(fraction: float) -> None:
        cancelled_at.append(time.monotonic())
        cancel.cancel()

    with pytest.raises(Cancelled):
        LoadedModel.load(path, SETTINGS, cancel, stop)
    assert time.monotonic() - cancelled_at[0] < AT_ONCE_S


def test_cancel_before_loading_loads_nothing(tiny: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        LoadedModel.load(tiny, SETTINGS, cancel)


def test_load_whose_listener_fails_leaves_no_process(tiny: Path) -> None:
    def fail(fraction: float) -> None:
        raise RuntimeError("no screen")

    with pytest.raises(RuntimeError, match="no screen"):
        LoadedModel.load(tiny, SETTINGS, on_progress=fail)


# Stopping


def test_cancel_during_an_answer_keeps_its_text_and_the_next_request_is_answered(slow: LoadedModel) -> None:
    whole = ask(slow, "hello", greedy(25)).text
    cancel = CancelToken()
    parts: list[str] = []
    cancelled_at = 0.0
    answer = None
    for event in slow.generate(talk("hello"), greedy(), cancel):
        if isinstance(event, Piece):
            parts.append(event.text)
            if event.tokens >= 5 and not cancel.cancelled:
                cancelled_at = time.monotonic()
                cancel.cancel()
        elif isinstance(event, Generation):
            answer = event
    assert time.monotonic() - cancelled_at < AT_ONCE_S
    assert answer is not None
    assert answer.statistics.finish_reason == "cancelled"
    assert 5 <= answer.statistics.tokens < 4000
    assert answer.text == "".join(parts)
    assert answer.text.startswith(whole) or whole.startswith(answer.text)
    assert ask(slow, "hello", greedy(25)).text == whole


def test_cancel_while_reading_a_long_prompt_ends_at_once_and_spoils_nothing(slow: LoadedModel) -> None:
    whole = ask(slow, "hello", greedy(25)).text
    long_prompt = "hello world " * 550
    cancel = CancelToken()
    cancelled_at = 0.0
    answer = None
    for event in slow.generate(talk(long_prompt), greedy(50), cancel):
        if isinstance(event, PromptProgress) and event.done and not cancel.cancelled:
            time.sleep(0.05)  # well inside the next batch
            cancelled_at = time.monotonic()
            cancel.cancel()
        elif isinstance(event, Generation):
            answer = event
    assert time.monotonic() - cancelled_at < AT_ONCE_S
    assert answer is not None
    assert (answer.text, answer.statistics.tokens, answer.statistics.finish_reason) == ("", 0, "cancelled")
    assert answer.statistics.evaluated_tokens < answer.statistics.prompt_tokens
    assert ask(slow, "hello", greedy(25)).text == whole


def test_cancel_before_an_answer_asks_nothing(slow: LoadedModel) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        ask(slow, "hello", greedy(5), cancel)
    assert ask(slow, "hello", greedy(5)).statistics.finish_reason == "length"


def test_cancel_that_comes_as_the_answer_ends_never_meets_the_next_one(model: LoadedModel) -> None:
    for tokens in [1, 2, 3, 4] * 15:
        cancel = CancelToken()
        for event in model.generate(talk("hello"), greedy(tokens), cancel):
            if isinstance(event, Piece) and event.tokens == tokens:
                cancel.cancel()
        following = ask(model, "hello", greedy(3)).statistics
        assert (following.tokens, following.finish_reason) == (3, "length")


def test_answer_abandoned_midway_does_not_spoil_the_next_one(slow: LoadedModel) -> None:
    whole = ask(slow, "hello", greedy(25)).text
    for event in slow.generate(talk("Tell me more."), greedy()):
        if isinstance(event, Piece):
            break
    assert ask(slow, "hello", greedy(25)).text == whole


def test_answer_whose_listener_fails_does_not_spoil_the_next_one(slow: LoadedModel) -> None:
    whole = ask(slow, "hello", greedy(25)).text
    with pytest.raises(RuntimeError, match="no screen"):  # noqa: PT012 - as a program would write it
        for event in slow.generate(talk("Tell me more."), greedy()):
            if isinstance(event, Piece):
                raise RuntimeError("no screen")
    assert ask(slow, "hello", greedy(25)).text == whole


def test_two_threads_that_ask_one_worker_both_get_their_whole_answer(model: LoadedModel) -> None:
    prompts = ["hello", "Who goes there?", "What of the sea?", "And the land?"]
    alone = [ask(model, prompt, greedy(40)).text for prompt in prompts]
    together = [""] * len(prompts)

    def run(index: int) -> None:
        for _ in range(3):
            together[index] = ask(model, prompts[index], greedy(40)).text

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert together == alone
    assert len(set(alone)) == len(prompts)


# Dying


def test_worker_killed_during_an_answer_raises_with_its_log_and_is_gone(heavy: Path) -> None:
    model = LoadedModel.load(heavy, LONG_SETTINGS)
    parts: list[str] = []
    with pytest.raises(WorkerDied) as caught:  # noqa: PT012 - the kill comes in the middle
        for event in model.generate(talk("hello"), greedy()):
            if isinstance(event, Piece):
                parts.append(event.text)
                psutil.Process(model.worker_pid).kill()
    assert KILLED in caught.value.message
    assert caught.value.hint
    assert any("llama" in line for line in caught.value.log)
    assert parts
    assert not model.alive
    assert not psutil.pid_exists(model.worker_pid)
    with pytest.raises(WorkerDied):
        ask(model, "hello", greedy(1))
    model.close()


def test_worker_killed_while_loading_raises_and_is_gone(heavy: Path) -> None:
    me = psutil.Process()

    def kill(fraction: float) -> None:
        for child in me.children():
            child.kill()

    with pytest.raises(WorkerDied, match=KILLED):
        LoadedModel.load(heavy, LONG_SETTINGS, on_progress=kill)


def test_close_from_another_thread_ends_a_running_answer(heavy: Path) -> None:
    model = LoadedModel.load(heavy, LONG_SETTINGS)
    with pytest.raises(WorkerDied):  # noqa: PT012 - the close comes in the middle
        for event in model.generate(talk("hello"), greedy()):
            if isinstance(event, Piece) and model.alive:
                thread = threading.Thread(target=model.close)
                thread.start()
                thread.join(AT_ONCE_S)
                assert not thread.is_alive()
    assert not psutil.pid_exists(model.worker_pid)


APPLICATION = """
    import sys
    from pathlib import Path
    from app.runtime import ChatMessage, LoadedModel, LoadSettings, Sampling
    from app.runtime.protocol import Piece
    model = LoadedModel.load(Path(sys.argv[1]), LoadSettings(context_length=4096, threads=1))
    print(model.worker_pid, flush=True)
    prompt = {"idle": None, "answering": "hello", "reading": "hello world " * 550}[sys.argv[2]]
    if prompt is None:
        sys.stdin.read()
    for event in model.generate([ChatMessage("user", prompt)], Sampling(temperature=0)):
        print(event, flush=True)
"""


@pytest.mark.parametrize("occupation", ["idle", "answering", "reading"])
def test_worker_does_not_outlive_an_application_that_is_killed(heavy: Path, occupation: str) -> None:
    application = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(APPLICATION), str(heavy), occupation],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with application:
        assert application.stdout is not None
        worker_pid = int(application.stdout.readline())
        if occupation != "idle":
            application.stdout.readline()  # it has begun
            time.sleep(0.2)
        assert psutil.pid_exists(worker_pid)
        application.kill()
        application.communicate()
        assert wait_gone(worker_pid)


# Other ends of the wire


def test_describe_names_the_processor_as_a_device() -> None:
    with start_worker() as worker:
        described = worker.call_for(Describe())
    assert isinstance(described, Described)
    assert "cpu" in {device.kind for device in described.devices}
    assert described.version
    # ggml counts the memory this machine really has.
    total = max(device.total_bytes for device in described.devices if device.kind == "cpu")
    assert total == pytest.approx(psutil.virtual_memory().total, rel=0.02)


def worker_of(code: str) -> Worker:
    return Worker([sys.executable, "-c", code])


def test_process_that_ends_at_once_raises_with_its_exit_code_and_last_words() -> None:
    with worker_of("import sys; sys.stderr.write('no library\\n'); sys.exit(7)") as worker:
        with pytest.raises(WorkerDied, match="exit code 7") as caught:
            worker.call_for(Describe())
        assert caught.value.log == ("no library",)


@pytest.mark.parametrize(
    "code", ["print('hello ' * 1000, flush=True)", "print('\\x05' + '\\0' * 7 + 'whats', end='', flush=True)"]
)
def test_process_that_does_not_speak_the_protocol_is_ended(code: str) -> None:
    with worker_of(f"import time; {code}; time.sleep(60)") as worker:
        with pytest.raises(WorkerDied):
            worker.call_for(Describe())
        assert wait_gone(worker.pid)


def test_process_that_does_not_answer_a_cancel_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CANCEL_GRACE_S", 0.2)
    cancel = CancelToken()
    with worker_of("import time; time.sleep(60)") as worker:
        timer = threading.Timer(0.2, cancel.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            worker.call_for(Describe(), cancel)
        assert wait_gone(worker.pid)
        timer.join()


def test_log_keeps_the_last_lines_only_and_never_blocks_the_process() -> None:
    code = "import sys\nfor i in range(100_000): sys.stderr.write(f'line {i} \\xff\\n')\nsys.exit(1)"
    with worker_of(code) as worker:
        with pytest.raises(WorkerDied) as caught:
            worker.call_for(Describe())
        assert caught.value.log[-1].startswith("line 99999")
        assert 0 < len(caught.value.log) <= client.LOG_LINES


def test_replies_before_the_final_one_come_in_order(tiny: Path) -> None:
    with LoadedModel.load(tiny, SETTINGS) as model:
        kinds = [type(event) for event in events(model, "hello " * 30, greedy(200))]
    assert kinds[0] is PromptProgress
    assert kinds[-1] is Generation
    assert kinds == sorted(kinds, key=[PromptProgress, Piece, Generation].index)
    assert LoadProgress not in kinds


def test_fault_from_a_worker_is_no_bug_report(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        LoadedModel.load(tmp_path / "none.gguf", SETTINGS)
    assert "Traceback" not in str(caught.value)
