"""LoRA adapters: read beside a model, and put to use in its context."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from pathlib import Path

import llama_cpp

from app.core.errors import EnvironmentFault, LoadFailed, TooLittleMemory, WrongChoice
from app.core.text import encodable
from app.gguf import read_facts
from app.runtime.protocol import Adapter
from app.runtime.worker.log import listening


def use_adapters(model: object, context: object, adapters: Sequence[Adapter]) -> None:
    """From now on `context` computes with all of `adapters`, which are freed with `model`.

    What llama.cpp would end the process for is looked for before, by those who know the model's tensors
    (`app.memory.companions`); here only what its own reader takes on trust.
    Raises LoadFailed, TooLittleMemory, and what reading the headers raises.
    """
    if not adapters:
        return
    handles = [_read(model, adapter.path) for adapter in adapters]
    pointers = (llama_cpp.llama_adapter_lora_p_ctypes * len(handles))(*handles)
    strengths = (ctypes.c_float * len(handles))(*(adapter.strength for adapter in adapters))
    if llama_cpp.llama_set_adapters_lora(context, pointers, len(handles), strengths) != 0:
        raise LoadFailed(
            "llama.cpp does not use these adapters with this model.", "Load it without adapters."
        )


def _read(model: object, path: bytes) -> object:
    name = encodable(os.path.basename(os.fsdecode(path)))
    require_types(Path(os.fsdecode(path)))
    log: list[str] = []
    with listening(log.append):
        handle = llama_cpp.llama_adapter_lora_init(model, path)
    if not handle:
        raise _fault(name, "".join(log))
    return handle


def require_types(path: Path) -> None:
    """llama.cpp ends the process where a number of the header is of another type than it expects.

    Raises WrongChoice, and what reading a header raises.
    """
    metadata = read_facts(path).metadata
    texts = ("general.type", "general.architecture", "adapter.type")
    is_sound = all(isinstance(metadata.get(key, ""), str) for key in texts)
    if not is_sound or not isinstance(metadata.get("adapter.lora.alpha", 0.0), float):
        raise WrongChoice(
            f"{path.name} is no LoRA adapter that llama.cpp can read: its header is damaged.",
            "Download it again, or choose another adapter.",
        )


def _fault(name: str, log: str) -> EnvironmentFault:
    if "failed to allocate" in log:
        return TooLittleMemory(
            f"There was too little memory for the adapter {name}.",
            "Load the model without it, or close other programs.",
        )
    reasons = re.findall(r"failed to apply lora adapter: (.+)", log)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return LoadFailed(
        f"llama.cpp cannot use the adapter {name} with this model{reason}.",
        "Choose an adapter that was made for this model.",
    )
