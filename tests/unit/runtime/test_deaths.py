"""What a worker's end tells: exit codes as POSIX and Windows give them, last words as llama.cpp and drivers write."""

from __future__ import annotations

import signal

import pytest

from app.core.errors import (
    DriverReset,
    KilledForMemory,
    TooLittleMemory,
    UnknownInstruction,
    WorkerAborted,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerStalled,
)
from app.runtime.deaths import Ending, explain

ABORT = -signal.SIGABRT if hasattr(signal, "SIGABRT") else -6


def fault(code: int | None, *log: str, **options: object) -> WorkerDied:
    return explain(Ending(code, log, windows=False, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-11, WorkerCrashed),  # SIGSEGV
        (-4, UnknownInstruction),  # SIGILL
        (-7, WorkerCrashed),  # SIGBUS on Linux
        (-8, WorkerCrashed),  # SIGFPE
        (-6, WorkerCrashed),  # SIGABRT without a word
        (-9, WorkerDied),
        (1, WorkerDied),
        (None, WorkerDied),
    ],
)
def test_every_end_has_a_sentence_a_next_step_and_the_log(code: int | None, kind: type[WorkerDied]) -> None:
    death = fault(code, "last words")
    assert type(death) is kind
    assert death.message.endswith(".")
    assert death.hint.endswith(".")
    assert death.log == ("last words",)


def test_instruction_the_processor_lacks_is_told_as_such() -> None:
    assert "instruction" in fault(-4).message


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "ggml_vulkan: vk::Queue::submit: ErrorOutOfDeviceMemory",
        "  what():  std::bad_alloc",
    ],
)
def test_process_that_was_refused_memory_died_of_it(words: str) -> None:
    death = fault(ABORT, "ggml_backend_alloc: ", words, "/src/ggml.c:12: fatal error")
    assert type(death) is WorkerOutOfMemory
    assert isinstance(death, TooLittleMemory)


def test_memory_that_was_lacking_long_before_the_end_is_not_its_reason() -> None:
    log = ["CUDA error: out of memory", *["decoding"] * 100]
    assert type(fault(-11, *log)) is WorkerCrashed


def test_killed_process_died_for_memory_only_where_the_system_says_so() -> None:
    assert type(fault(-9, memory_kills=1)) is KilledForMemory
    assert type(fault(-9)) is WorkerDied
    assert type(fault(-11, memory_kills=1)) is WorkerCrashed
    assert "SIGKILL" in fault(-9).message


@pytest.mark.parametrize(
    "words",
    [
        # ggml-vulkan.cpp, ggml-cuda.cu with the texts of cudaGetErrorString, and Metal's localized descriptions.
        "ggml_vulkan: device lost on NVIDIA GeForce RTX 4060",
        "vk::Queue::submit: ErrorDeviceLost",
        "CUDA error: unspecified launch failure",
        "CUDA error: the launch timed out and was terminated",
        "CUDA error: an illegal memory access was encountered",
        "ROCm error: unspecified launch failure",
        "error: Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)",
        "error: Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)",
        "error: Ignored (for causing prior/excessive GPU errors) "
        "(00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)",
    ],
)
def test_driver_that_gave_up_is_told_as_such(words: str) -> None:
    assert type(fault(ABORT, words, "/src/ggml-cuda.cu:104: CUDA error")) is DriverReset


def test_failed_check_of_llama_cpp_is_quoted() -> None:
    # As `ggml_abort` of ggml.c prints it.
    death = fault(ABORT, "/src/llama.cpp/src/llama-context.cpp:1234: GGML_ASSERT(n_tokens > 0) failed")
    assert type(death) is WorkerAborted
    assert "GGML_ASSERT(n_tokens > 0) failed" in death.message
    assert "llama-context.cpp" not in death.message


def test_connection_to_another_computer_that_breaks_is_told_as_such() -> None:
    # The words of RPC_STATUS_ASSERT in ggml-rpc.cpp.
    death = fault(ABORT, "/src/ggml-rpc.cpp:466: Remote RPC server crashed or returned malformed response")
    assert "other computer" in death.message


def test_stalled_process_says_for_how_long() -> None:
    death = fault(-9, stalled_s=60.0)
    assert type(death) is WorkerStalled
    assert "60 seconds" in death.message


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        # ntstatus.h
        (0xC0000005, WorkerCrashed, "0xc0000005"),
        (0xC000001D, UnknownInstruction, "instruction"),
        (0xC0000006, WorkerCrashed, "file"),
        (1, WorkerDied, "exit code 1"),
    ],
)
def test_exit_codes_of_windows_tell_the_same(code: int, kind: type[WorkerDied], word: str) -> None:
    death = explain(Ending(code, (), windows=True))
    assert type(death) is kind
    assert word in death.message
