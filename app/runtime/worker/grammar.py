"""A GBNF grammar as a constraint, by llama.cpp's own grammar sampler."""

from __future__ import annotations

import ctypes
import time

import llama_cpp
import numpy as np

from app.core.errors import GrammarFault
from app.runtime.gbnf import ROOT, check_grammar
from app.runtime.worker.candidates import Candidates
from app.runtime.worker.vocabulary import Vocabulary
from app.runtime.worker.whole_characters import WholeCharacters

MOST_STEP_S = 0.1
"""Of a core's time for one token, a hundred times what any usual grammar takes. llama.cpp keeps every way in which
the answer so far can be read and compares each with all others; in some grammars (`root ::= "a" root "b" | "a"
root "c" | "a"`) those double with each character, and three characters later it would be minutes."""


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

    def allows(self, token: int) -> bool:
        self._one.id, self._one.logit = token, 0.0
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(self._only))
        return bool(self._one.logit == 0.0) and self._characters.allows(token)

    def restrict(self, candidates: Candidates) -> None:
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(candidates.array))
        candidates.keep((candidates.logits > -np.inf) & self._characters.allowed())

    def accept(self, token: int) -> None:
        started = time.thread_time()
        llama_cpp.llama_sampler_accept(self._sampler, token)
        self._characters.accept(token)
        if time.thread_time() - started > MOST_STEP_S:
            raise GrammarFault(
                "This grammar cannot be followed any further: there are too many ways to read the answer so far.",
                "Write it so that every answer can be read in one way.",
            )

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._sampler)
