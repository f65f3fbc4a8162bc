"""Quantizing through `llama_model_quantize`."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp

from app.core.errors import EnvironmentFault, QuantizeFailed
from app.runtime.protocol import Quantize, Quantized, QuantizeProgress, Reply
from app.runtime.worker.loading import unknown_architecture
from app.runtime.worker.log import listening, recent_lines
from app.runtime.worker.stop_flag import StopFlag

_SPECIAL = "^$\\.*+?()[]{}|"
_TENSOR_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]\s+(\S+)")


def quantize(request: Quantize, report: Callable[[Reply], None], stop: StopFlag) -> Quantized:
    """Writes `request.target`; the caller chose a temporary name and checks the result."""

    def on_log(text: str) -> None:
        if match := _TENSOR_LINE.search(text):
            report(QuantizeProgress(index=int(match[1]), count=int(match[2]), tensor=match[3]))

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = request.file_type
    parameters.nthread = request.threads
    parameters.pure = request.pure
    if request.output_type is not None:
        parameters.output_tensor_type = request.output_type
    if request.embedding_type is not None:
        parameters.token_embedding_type = request.embedding_type
    if request.tensor_types:
        parameters.tt_overrides = _overrides(request.tensor_types)
    if request.importance:
        from app.runtime.worker.given_importance import give_importance

        give_importance(parameters, Path(os.fsdecode(request.importance)))
    # llama.cpp offers no way to interrupt a quantization.
    with listening(on_log), stop.ends_process():
        code = llama_cpp.llama_model_quantize(request.source, request.target, parameters)
    if code != 0:
        raise _fault(recent_lines())
    return Quantized()


def _overrides(types: tuple[tuple[str, int], ...]) -> ctypes.Array[Any]:
    """Each name as the expression that fits it alone; the list ends where one is missing."""
    overrides: ctypes.Array[Any] = (llama_cpp.llama_model_tensor_override * (len(types) + 1))()
    for override, (name, type_number) in zip(overrides, types, strict=False):
        override.pattern = f"^{_literal(name)}$".encode()
        override.type = type_number
    return overrides


def _literal(name: str) -> str:
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in name)


def _fault(log: tuple[str, ...]) -> EnvironmentFault:
    text = "\n".join(log)
    if fault := unknown_architecture(text):
        return fault
    # Not the bare words: the log also holds the names of files.
    if re.search(r"requires an importance matrix|Missing importance matrix", text):
        return QuantizeFailed(
            "This type needs an importance matrix that tells of all weights of the model.",
            "Calibrate the model, or choose Q2_K or larger, or IQ3_S or larger.",
        )
    reasons = re.findall(r"failed to quantize: (.+)", text)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return QuantizeFailed(
        f"llama.cpp could not make this quantization{reason}.",
        "Check that the source file is whole, or choose another type.",
    )
