"""What llama.cpp's own high-level bindings make of a prompt, in a process of their own.

`python -m tests.helpers.reference` reads one JSON request from stdin and prints one JSON reply;
the functions here start it, since the tests' process must not load llama.cpp.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.runtime import ChatMessage


@dataclass(frozen=True)
class Completion:
    text: str
    tokens: tuple[int, ...]
    prompt_tokens: tuple[int, ...]


def chatml(messages: list[ChatMessage]) -> str:
    turns = "".join(f"<|im_start|>{turn.role}\n{turn.content}<|im_end|>\n" for turn in messages)
    return f"{turns}<|im_start|>assistant\n"


def tokenize(path: Path, *texts: str) -> list[tuple[int, ...]]:
    """The tokens of whole prompts, with the start token."""
    return [tuple(tokens) for tokens in _call({"path": str(path), "tokenize": texts})]


def complete(path: Path, prompt: str, max_tokens: int, repeat_penalty: float = 1.0) -> Completion:
    """The greedy continuation of `prompt` by `llama_cpp.Llama`, on one thread."""
    reply = _call(
        {"path": str(path), "prompt": prompt, "max_tokens": max_tokens, "repeat_penalty": repeat_penalty}
    )
    return Completion(reply["text"], tuple(reply["tokens"]), tuple(reply["prompt_tokens"]))


def logits(path: Path, tokens: list[int]) -> list[list[float]]:
    """One row for each token, with a cache in F32 and no flash attention: as exact as llama.cpp can."""
    rows: list[list[float]] = _call({"path": str(path), "logits": tokens})
    return rows


def log_probabilities(path: Path, text: str) -> list[float]:
    """Those of the tokens of `text`, the start token excepted, evaluated one by one on one thread.

    Without flash attention, whose rounding of single tokens is several times coarser.
    """
    found: list[float] = _call({"path": str(path), "score": text})
    return found


def _call(request: dict[str, Any]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.reference"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def _score(path: str, text: str) -> Iterator[float]:
    import llama_cpp
    import numpy as np

    llama = llama_cpp.Llama(path, n_ctx=1024, n_threads=1, n_threads_batch=1, verbose=False)
    tokens = llama.tokenize(text.encode(), add_bos=True, special=True)
    for token, following in pairwise(tokens):
        llama.eval([token])
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),))
        exact = logits.astype(np.float64)
        yield float(exact[following] - np.logaddexp.reduce(exact))


def _serve(request: dict[str, Any]) -> Any:
    from llama_cpp import Llama

    if "tokenize" in request:
        llama = Llama(request["path"], vocab_only=True, verbose=False)
        return [llama.tokenize(text.encode(), add_bos=True, special=True) for text in request["tokenize"]]
    if "score" in request:
        return list(_score(request["path"], request["score"]))
    if "logits" in request:
        exact = {"type_k": 0, "type_v": 0, "flash_attn": False}  # 0: GGML_TYPE_F32
        llama = Llama(request["path"], n_ctx=512, n_threads=1, logits_all=True, verbose=False, **exact)
        llama.eval(request["logits"])
        return llama.scores[: llama.n_tokens].tolist()
    # Flash attention as llama.cpp chooses it by itself; the bindings' own default is without.
    llama = Llama(request["path"], n_ctx=1024, n_threads=1, n_threads_batch=1, flash_attn=True, verbose=False)
    prompt = llama.tokenize(request["prompt"].encode(), add_bos=True, special=True)
    count = request["max_tokens"]
    penalty = request["repeat_penalty"]
    completion = llama.create_completion(prompt, max_tokens=count, temperature=0.0, repeat_penalty=penalty)
    # Llama keeps the tokens it has evaluated: the prompt and all of the answer but its last token.
    spoken = llama.input_ids[len(prompt) : llama.n_tokens].tolist()
    return {"text": completion["choices"][0]["text"], "tokens": spoken, "prompt_tokens": prompt}


if __name__ == "__main__":
    print(json.dumps(_serve(json.load(sys.stdin))))
