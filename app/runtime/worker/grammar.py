"""A GBNF grammar as a constraint, by llama.cpp's own grammar sampler."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
import psutil

from app.core.errors import GrammarFault
from app.runtime.worker.candidates import Candidates
from app.runtime.worker.gbnf import ROOT, check_grammar
from app.runtime.worker.vocabulary import Vocabulary
from app.runtime.worker.whole_characters import WholeCharacters

MOST_MEMORY_BYTES = 1 << 30
"""llama.cpp keeps every way in which the answer so far can be read. In an ambiguous grammar (of palindromes, say)
those double with each character."""


class Grammar:
    """llama.cpp throws through the C interface, and so ends the process, when it is made to accept a token that
    the grammar does not allow: `allows` must have been asked."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        check_grammar(text)
        self._sampler = llama_cpp.llama_sampler_init_grammar(vocabulary.handle, text.encode(), ROOT.encode())
        if not self._sampler:
            raise GrammarFault(
                "llama.cpp does not take this grammar.",
                "It may repeat too much: use fewer or smaller repetitions.",
            )
        self._characters = WholeCharacters(vocabulary)
        self._one = llama_cpp.llama_token_data()
        self._only = llama_cpp.llama_token_data_array(ctypes.pointer(self._one), 1, -1, False)
        self._process = psutil.Process()
        self._memory_bytes = self._process.memory_info().rss

    def allows(self, token: int) -> bool:
        self._one.id, self._one.logit = token, 0.0
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(self._only))
        return bool(self._one.logit == 0.0) and self._characters.allows(token)

    def restrict(self, candidates: Candidates) -> None:
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(candidates.array))
        candidates.keep((candidates.logits > -np.inf) & self._characters.allowed())

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._sampler, token)
        self._characters.accept(token)
        if self._process.memory_info().rss > self._memory_bytes + MOST_MEMORY_BYTES:
            raise GrammarFault(
                "This grammar takes too much memory: there are too many ways to read the answer so far.",
                "Write it so that each answer can be read in one way.",
            )

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._sampler)
