"""Quantizing through `llama_model_quantize`."""

from __future__ import annotations

import re
from collections.abc import Callable

import llama_cpp

from app.core.errors import EnvironmentFault, QuantizeFailed
from app.runtime.protocol import Quantize, Quantized, QuantizeProgress, Reply
from app.runtime.worker.loading import unknown_architecture
from app.runtime.worker.log import listening, recent_lines
from app.runtime.worker.stop_flag import StopFlag

_TENSOR_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]\s+(\S+)")


def quantize(request: Quantize, report: Callable[[Reply], None], stop: StopFlag) -> Quantized:
    """Writes `request.target`; the caller chose a temporary name and checks the result."""

    def on_log(text: str) -> None:
        if match := _TENSOR_LINE.search(text):
            report(QuantizeProgress(index=int(match[1]), count=int(match[2]), tensor=match[3]))

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = request.file_type
    parameters.nthread = request.threads
    # llama.cpp offers no way to interrupt a quantization.
    with listening(on_log), stop.ends_process():
        code = llama_cpp.llama_model_quantize(request.source, request.target, parameters)
    if code != 0:
        raise _fault(recent_lines())
    return Quantized()


def _fault(log: tuple[str, ...]) -> EnvironmentFault:
    text = "\n".join(log)
    if fault := unknown_architecture(text):
        return fault
    # Not the bare words: the log also holds the names of files.
    if re.search(r"requires an importance matrix|Missing importance matrix", text):
        return QuantizeFailed(
            "This type needs an importance matrix, which this model does not have yet.",
            "Choose Q2_K or larger, or IQ3_S or larger.",
        )
    reasons = re.findall(r"failed to quantize: (.+)", text)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return QuantizeFailed(
        f"llama.cpp could not make this quantization{reason}.",
        "Check that the source file is whole, or choose another type.",
    )
