"""`llama_model_quantize` itself, in a process of its own: a failed assertion in llama.cpp ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

QUANTIZE = r"""
import ctypes, json, re, sys
import llama_cpp

source, wanted = sys.argv[1].encode(), json.load(sys.stdin)
log = []
listen = llama_cpp.llama_log_callback(lambda level, text, data: log.append(text.decode("utf-8", "replace")))
llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))


def importance_matrix(lengths):
    entries = (llama_cpp.llama_model_imatrix_data * (len(lengths) + 1))()
    for entry, (name, length) in zip(entries, lengths.items()):
        values = (ctypes.c_float * length)(*[1.0] * length)
        entry.name, entry.data, entry.size = name.encode(), values, length
    return entries


for each in wanted:
    log.clear()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread, parameters.dry_run = each["file_type"], 1, not each["target"]
    if each["importance"]:
        matrix = importance_matrix(each["importance"])
        parameters.imatrix = matrix
    parameters.pure = each["pure"]
    if each["output"] is not None:
        parameters.output_tensor_type = each["output"]
    if each["embedding"] is not None:
        parameters.token_embedding_type = each["embedding"]
    if each["patterns"]:
        overrides = (llama_cpp.llama_model_tensor_override * (len(each["patterns"]) + 1))()
        for override, (pattern, type_number) in zip(overrides, each["patterns"]):
            override.pattern, override.type = pattern.encode(), type_number
        parameters.tt_overrides = overrides
    code = llama_cpp.llama_model_quantize(source, each["target"].encode() or b"never-written", parameters)
    text = "".join(log)
    types = {}
    for name, kept, rest in re.findall(r"\[ *\d+/ *\d+\] +(\S+) +- \[.*?\], type = +(\S+), (.*)", text):
        made = re.search(r"\((\w+)\)$|converting to (\w+) ", rest)
        types[name] = (next(filter(None, made.groups())) if made else kept).upper()
    failure = re.search(r"failed to quantize: (.*)", text)
    print(json.dumps({"types": types, "failure": failure[1] if failure else "" if code == 0 else str(code)}))
"""


@dataclass(frozen=True)
class Wanted:
    """A `llama_ftype`, with an importance matrix the length of its entry for each tensor, and types of `ggml_type`
    for single tensors.

    Without a `target` it is a `dry_run`, which decides on every type, reads no weights (the source may be a
    ghost) and looks at no entry of the matrix, only whether there is any: `ANY_MATRIX` will do.
    """

    file_type: int
    importance: Mapping[str, int] = field(default_factory=dict)
    target: str = ""
    patterns: Sequence[tuple[str, int]] = ()
    output: int | None = None
    embedding: int | None = None
    pure: bool = False


ANY_MATRIX = {"any": 1}


@dataclass(frozen=True)
class Made:
    """Type names by tensor, as the log has them; `failure` says why it came to nothing."""

    types: dict[str, str]
    failure: str


def llama_quantize(source: Path, wanted: Sequence[Wanted]) -> list[Made]:
    run = subprocess.run(
        [sys.executable, "-c", QUANTIZE, str(source)],
        input=json.dumps([asdict(each) for each in wanted]),
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return [Made(**json.loads(line)) for line in run.stdout.splitlines()]
