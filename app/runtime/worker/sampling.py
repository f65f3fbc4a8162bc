"""Choosing the next token: llama.cpp's sampler chain, in llama.cpp's own order."""

from __future__ import annotations

from typing import Protocol

import llama_cpp
import numpy as np

from app.runtime.protocol import Sampling


class Sampler(Protocol):
    def sample(self, context: object, output: int) -> int:
        """The next token after the one at index `output` of the last batch."""

    def close(self) -> None:
        """Frees what is native."""


def make_sampler(sampling: Sampling, vocabulary_size: int) -> Sampler:
    """One for one answer."""
    if sampling.temperature <= 0 and sampling.repeat_penalty == 1.0:
        return LikeliestToken(vocabulary_size)
    return SamplerChain(sampling, vocabulary_size)


class LikeliestToken:
    """Greedy, straight from the logits: the chain would first copy all of them into a list of
    candidates, which takes longer than to find the largest. Of equal ones the first, as there."""

    def __init__(self, vocabulary_size: int) -> None:
        self._shape = (vocabulary_size,)

    def sample(self, context: object, output: int) -> int:
        return int(
            np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, output), self._shape).argmax()
        )

    def close(self) -> None:
        pass


class SamplerChain:
    """llama.cpp's chain for the settings of one answer."""

    def __init__(self, sampling: Sampling, vocabulary_size: int) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in _samplers(sampling, vocabulary_size):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: object, output: int) -> int:
        return int(llama_cpp.llama_sampler_sample(self._chain, context, output))

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)


def _samplers(sampling: Sampling, vocabulary_size: int) -> list[object]:
    chain: list[object] = []
    if sampling.repeat_penalty != 1.0:
        chain.append(
            llama_cpp.llama_sampler_init_penalties(
                vocabulary_size, sampling.repeat_last_n, sampling.repeat_penalty, 0.0, 0.0
            )
        )
    if sampling.temperature <= 0:
        return [*chain, llama_cpp.llama_sampler_init_greedy()]
    return [
        *chain,
        llama_cpp.llama_sampler_init_top_k(sampling.top_k),
        llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
        llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
        llama_cpp.llama_sampler_init_temp(sampling.temperature),
        llama_cpp.llama_sampler_init_dist(sampling.seed),
    ]
