"""What llama.cpp's samplers, made directly and in an order the test writes down, choose after a prompt; and the same
for penalties by arithmetic. In a process of its own, as `tests.helpers.reference`.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Step = list[Any]
"""The name of a sampler and its arguments as in llama.h, without vocabulary or its size."""


def drawn(path: Path, prompt: str, count: int, chains: list[list[Step]]) -> list[str]:
    """The text of `count` tokens, for each chain that chooses them."""
    return _call({"path": str(path), "prompt": prompt, "count": count, "chains": chains})


def penalized(path: Path, prompt: str, count: int, penalties: list[dict[str, Any]]) -> list[str]:
    """The text of the likeliest `count` tokens after each of `penalties`, by arithmetic: `bias` (a list of token
    and bias), `repeat`, `frequency`, `presence`, `window`; `dry` (multiplier, base, allowed length, window)."""
    return _call({"path": str(path), "prompt": prompt, "count": count, "penalties": penalties})


def _call(request: dict[str, Any]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.reference_sampling"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    texts: list[str] = json.loads(done.stdout)
    return texts


def _serve(request: dict[str, Any]) -> list[str]:
    import llama_cpp

    llama = llama_cpp.Llama(
        request["path"], n_ctx=512, n_threads=1, n_threads_batch=1, flash_attn=True, verbose=False
    )
    prompt = llama.tokenize(request["prompt"].encode(), add_bos=True, special=True)
    choosers = [_chain(llama, chain) for chain in request.get("chains", ())]
    choosers += [_penalizer(llama, penalties) for penalties in request.get("penalties", ())]
    return [_text(llama, prompt, request["count"], choose) for choose in choosers]


def _text(llama: Any, prompt: list[int], count: int, choose: Callable[[list[int]], int]) -> str:
    import llama_cpp

    llama.reset()
    llama.eval(prompt)
    tokens: list[int] = []
    while len(tokens) < count:
        token = choose(tokens)
        if llama_cpp.llama_vocab_is_eog(llama_cpp.llama_model_get_vocab(llama.model), token):
            break
        tokens.append(token)
        llama.eval([token])
    return b"".join(_piece(llama, token) for token in tokens).decode("utf-8", "replace")


def _piece(llama: Any, token: int) -> bytes:
    import llama_cpp

    buffer = ctypes.create_string_buffer(256)
    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    size = llama_cpp.llama_token_to_piece(vocab, token, buffer, 256, 0, False)
    return buffer.raw[:size]


def _chain(llama: Any, steps: list[Step]) -> Callable[[list[int]], int]:
    import llama_cpp

    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    for name, *arguments in steps:
        make = getattr(llama_cpp, f"llama_sampler_init_{name}")
        if name in ("penalties", "mirostat"):
            arguments = [llama.n_vocab(), *arguments]
        elif name == "dry":
            *numbers, breakers = arguments
            texts = [text.encode() for text in breakers]
            arguments = [vocab, *numbers, (ctypes.c_char_p * len(texts))(*texts), len(texts)]
        elif name == "grammar":
            arguments = [vocab, arguments[0].encode(), b"root"]
        llama_cpp.llama_sampler_chain_add(chain, make(*arguments))
    return lambda tokens: int(llama_cpp.llama_sampler_sample(chain, llama.ctx, -1))


def _penalizer(llama: Any, penalties: dict[str, Any]) -> Callable[[list[int]], int]:
    import llama_cpp
    import numpy as np

    def choose(tokens: list[int]) -> int:
        raw = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
        logits = np.ctypeslib.as_array(raw, (llama.n_vocab(),)).astype(np.float64)
        for token, bias in penalties.get("bias", []):
            logits[token] += bias
        window = penalties.get("window", 64)
        for token, times in Counter(tokens[-window:] if window else []).items():
            repeat = penalties.get("repeat", 1.0)
            logits[token] = logits[token] / repeat if logits[token] > 0 else logits[token] * repeat
            logits[token] -= times * penalties.get("frequency", 0.0) + penalties.get("presence", 0.0)
        if "dry" in penalties:
            multiplier, base, allowed, last = penalties["dry"]
            for token, length in _repetitions(tokens[-last:], allowed):
                logits[token] -= multiplier * base ** (length - allowed)
        return int(logits.argmax())

    return choose


def _repetitions(tokens: list[int], least: int) -> Iterator[tuple[int, int]]:
    """Each token that came after the longest ending, of at least `least` tokens, that came up before, and that
    ending's length."""
    longest: dict[int, int] = {}
    for place in range(1, len(tokens)):
        length = 0
        while length < place and tokens[place - 1 - length] == tokens[len(tokens) - 1 - length]:
            length += 1
        if length >= max(least, 1):
            longest[tokens[place]] = max(longest.get(tokens[place], 0), length)
    yield from longest.items()


if __name__ == "__main__":
    print(json.dumps(_serve(json.load(sys.stdin))))
