"""Choosing the next token: llama.cpp's sampler chain, in llama.cpp's own order."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

import llama_cpp

from app.core.errors import GrammarFault, LoadFailed, WrongChoice
from app.runtime.sampling import Sampling
from app.runtime.sampling_limits import require_possible
from app.runtime.worker.candidates import Candidates
from app.runtime.worker.constraint import Constraint, make_constraint
from app.runtime.worker.logits import Logits
from app.runtime.worker.vocabulary import Vocabulary

MIROSTAT_TOKENS = 100
"""How many of the likeliest tokens mirostat 1 estimates the distribution from: m in the paper, and llama.cpp's."""


class Sampler(Protocol):
    def sample(self, context: object, output: int) -> int:
        """The next token after the one at index `output` of the last batch."""

    def close(self) -> None:
        """Frees what is native."""


def make_sampler(sampling: Sampling, vocabulary: Vocabulary, written: Sequence[int] = ()) -> Sampler:
    """One for one answer, of which the tokens `written` are there already.

    Raises WrongChoice or GrammarFault for settings that cannot be met.
    """
    require_possible(sampling)
    biases = list(_biases(sampling, vocabulary))
    constraint = make_constraint(sampling, vocabulary)
    changes = biases or sampling.dry_multiplier or _penalizes(sampling)
    if constraint is None and sampling.temperature == 0 and not changes:
        return LikeliestToken(vocabulary.size)
    chain = _make_chain(_samplers(sampling, vocabulary, biases))
    for token in written:
        llama_cpp.llama_sampler_accept(chain, token)
    if constraint is None:
        return SamplerChain(chain)
    constrained = ConstrainedChain(chain, constraint, vocabulary.size)
    try:
        constrained.follow(written)
    except BaseException:
        constrained.close()
        raise
    return constrained


class LikeliestToken:
    """Greedy, straight from the logits: the chain would first copy all of them into a list of
    candidates, which takes longer than to find the largest. Of equal ones the first, as there."""

    def __init__(self, vocabulary_size: int) -> None:
        self._logits = Logits(vocabulary_size)

    def sample(self, context: object, output: int) -> int:
        return int(self._logits.after(context, output).argmax())

    def close(self) -> None:
        pass


class SamplerChain:
    """llama.cpp's chain for the settings of one answer."""

    def __init__(self, chain: object) -> None:
        self._chain = chain

    def sample(self, context: object, output: int) -> int:
        return int(llama_cpp.llama_sampler_sample(self._chain, context, output))

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)


class ConstrainedChain:
    """A chain whose tokens must be allowed. As llama.cpp's own programs do it: a token is chosen from all,
    which mostly is an allowed one, and only if not, again from those that are."""

    def __init__(self, chain: object, constraint: Constraint, vocabulary_size: int) -> None:
        self._chain = chain
        self._constraint = constraint
        self._candidates = Candidates(vocabulary_size)
        self._logits = Logits(vocabulary_size)

    def sample(self, context: object, output: int) -> int:
        logits = self._logits.after(context, output)
        self._candidates.fill(logits)
        token = self._choose()
        if not self._constraint.allows(token):
            self._candidates.fill(logits)
            self._constraint.restrict(self._candidates)
            if not self._candidates.count:
                raise GrammarFault(
                    "No token of this model continues the answer as its grammar or schema demands.",
                    "Change it, or choose another model.",
                )
            token = self._choose()
        llama_cpp.llama_sampler_accept(self._chain, token)
        self._constraint.accept(token)
        return token

    def follow(self, written: Sequence[int]) -> None:
        """The answer goes on after these tokens. Raises GrammarFault where they are not allowed."""
        for token in written:
            if not self._constraint.allows(token):
                raise GrammarFault(
                    "What there is of this answer is not what its grammar or schema demands.",
                    "Have it answered anew, or change the grammar.",
                )
            self._constraint.accept(token)

    def close(self) -> None:
        self._constraint.close()
        llama_cpp.llama_sampler_free(self._chain)

    def _choose(self) -> int:
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(self._candidates.array))
        with suppress(IndexError):
            return self._candidates.chosen()
        raise LoadFailed("The model's output is no distribution of tokens.", "Choose another model.")


def _make_chain(samplers: Iterator[object]) -> object:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _samplers(
    sampling: Sampling, vocabulary: Vocabulary, biases: list[tuple[int, float]]
) -> Iterator[object]:
    if biases:
        table = (llama_cpp.llama_logit_bias * len(biases))(*biases)
        yield llama_cpp.llama_sampler_init_logit_bias(vocabulary.size, len(biases), table)
    if sampling.temperature > 0 and sampling.mirostat:
        yield llama_cpp.llama_sampler_init_temp(sampling.temperature)
        yield _mirostat(sampling, vocabulary)
        return
    yield llama_cpp.llama_sampler_init_penalties(
        vocabulary.size,
        sampling.repeat_last_n,
        sampling.repeat_penalty,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )
    yield _dry(sampling, vocabulary)
    if sampling.temperature == 0:
        yield llama_cpp.llama_sampler_init_greedy()
        return
    yield llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma)
    yield llama_cpp.llama_sampler_init_top_k(sampling.top_k)
    yield llama_cpp.llama_sampler_init_typical(sampling.typical_p, 0)
    yield llama_cpp.llama_sampler_init_top_p(sampling.top_p, 0)
    yield llama_cpp.llama_sampler_init_min_p(sampling.min_p, 0)
    yield llama_cpp.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 0, sampling.seed)
    yield llama_cpp.llama_sampler_init_temp_ext(
        sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
    )
    yield llama_cpp.llama_sampler_init_dist(sampling.seed)


def _penalizes(sampling: Sampling) -> bool:
    penalties = sampling.repeat_penalty != 1.0 or sampling.frequency_penalty or sampling.presence_penalty
    return bool(penalties and sampling.repeat_last_n)


def _mirostat(sampling: Sampling, vocabulary: Vocabulary) -> object:
    seed, tau, eta = sampling.seed, sampling.mirostat_tau, sampling.mirostat_eta
    if sampling.mirostat == 2:
        return llama_cpp.llama_sampler_init_mirostat_v2(seed, tau, eta)
    return llama_cpp.llama_sampler_init_mirostat(vocabulary.size, seed, tau, eta, MIROSTAT_TOKENS)


def _dry(sampling: Sampling, vocabulary: Vocabulary) -> object:
    breakers = [text.encode() for text in sampling.dry_sequence_breakers]
    return llama_cpp.llama_sampler_init_dry(
        vocabulary.handle,
        sampling.dry_multiplier,
        sampling.dry_base,
        sampling.dry_allowed_length,
        sampling.dry_penalty_last_n,
        (ctypes.c_char_p * len(breakers))(*breakers),
        len(breakers),
    )


def _biases(sampling: Sampling, vocabulary: Vocabulary) -> Iterator[tuple[int, float]]:
    """What the person wants and, as llama.cpp's own programs do, what the model's maker never wants to see."""
    for entry in sampling.logit_bias:
        if isinstance(entry.token, str):
            for token in vocabulary.tokenize_plain(entry.token):
                yield token, entry.bias
        elif 0 <= entry.token < vocabulary.size:
            yield entry.token, entry.bias
        else:
            raise WrongChoice(
                f"This model has no token {entry.token:,}.",
                f"Its tokens are 0 to {vocabulary.size - 1:,}.",
            )
    for token in vocabulary.suppressed:
        yield token, -math.inf
