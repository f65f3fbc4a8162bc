"""llama.cpp's sampler chain, in llama.cpp's own order."""

from __future__ import annotations

import llama_cpp

from app.runtime.protocol import Sampling


class SamplerChain:
    """One chain for one answer. Use as a context manager: it frees the native chain."""

    def __init__(self, sampling: Sampling, vocabulary_size: int) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in _samplers(sampling, vocabulary_size):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: object) -> int:
        """The next token after the last decoded one."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context, -1))

    def __enter__(self) -> SamplerChain:
        return self

    def __exit__(self, *_: object) -> None:
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
