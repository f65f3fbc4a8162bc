"""Answers beside each other: continuous batching over the sequences of one context.

Drives llama.cpp's low-level API. Every answer that writes adds its last token to the batch, and those that
still read their prompt share what room is left; who has logits then chooses its next token. Once all write,
nothing is done between two tokens but to put one into the batch, evaluate it, and choose the next.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import llama_cpp

from app.core.errors import LoadFailed, PromptTooLong
from app.runtime.protocol import Generate, Reply
from app.runtime.sampling_limits import require_possible_top
from app.runtime.worker.answer import FRAME_S, Answer
from app.runtime.worker.answer_text import AnswerText
from app.runtime.worker.answers import AnswerFormat
from app.runtime.worker.batch import Batch
from app.runtime.worker.failing import failed
from app.runtime.worker.line import Call, Line
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.output import Output
from app.runtime.worker.probabilities import TokenProbabilities
from app.runtime.worker.prompting import make_prompt, reader_of
from app.runtime.worker.sampling import make_sampler
from app.runtime.worker.slots import choose_slot
from app.runtime.worker.spelling import Spelling
from app.runtime.worker.templates import ChatTemplate

DECODE_ABORTED = 2
DECODE_NO_SLOT = 1


@dataclass(frozen=True, slots=True)
class _Part:
    """An answer's part in a step: so many tokens, of which the last is at `output` in the batch."""

    answer: Answer
    tokens: int
    output: int


class Batching:
    """The answers of one loaded model. Each has a slot of its own; `running` are in the slots' order, in which
    llama.cpp can evaluate neighbours together. A batch is steady while the same answers each add one token.
    """

    def __init__(self, model: LlamaModel, line: Line, output: Output) -> None:
        self._model = model
        self._template = ChatTemplate(model.template_text)
        self._template.prepare()  # while the person reads or writes
        self._format = AnswerFormat.of(model.template_text or "", model.vocabulary.spells_special)
        model.vocabulary.reveal(self._format.marks)
        self._line = line
        self._output = output
        self._batch = Batch(model.batch_tokens)
        self._parts: list[_Part] = []
        self._is_steady = False
        self.running: list[Answer] = []

    @property
    def has_room(self) -> bool:
        return len(self.running) < len(self._model.slots)

    def begin(self, call: Call, request: Generate) -> None:
        """Gives the answer to `call` a slot; its first token comes with a later step.

        Raises TemplateFault, PromptTooLong, WrongChoice, GrammarFault.
        """
        require_possible_top(request.top_probabilities)
        prompt = make_prompt(self._model, self._template, self._format, request)
        reader = reader_of(self._format, request, prompt.before_answer)
        taken = [answer.slot for answer in self.running]
        free = [slot for slot in self._model.slots if slot not in taken]
        # At least the last token is evaluated again, since its logits are needed.
        slot, common = choose_slot(free, prompt.tokens[:-1])
        sampler = make_sampler(
            request.sampling, self._model.vocabulary, (*prompt.written_tokens, *prompt.begins)
        )
        slot.forget_beyond(common)
        if common == 0:
            slot.spelling = Spelling()  # another conversation, of which nothing may be kept under this name
        for other in self._model.slots:
            if other.conversation == request.conversation:
                other.conversation = ""  # what it has of it is older
        slot.conversation = request.conversation
        answer = Answer(
            call.number,
            slot,
            prompt,
            AnswerText(
                reader,
                request.sampling.stop,
                self._model.typed_specials.spelled(prompt.written_text),
                request.continues,
            ),
            request.sampling,
            sampler,
            TokenProbabilities(request.top_probabilities, self._model.vocabulary),
            self._model.vocabulary,
            self._model.context_length,
            call.arrived_at,
            partial(self._output.send, call.number),
            request.tells_tokens,
        )
        self._is_steady = False
        self.running.append(answer)
        self.running.sort(key=lambda each: each.slot.sequence)

    def step(self) -> None:
        """Brings every answer further: by a part of its prompt while it or another one reads, or else by what it
        writes in a frame."""
        if self._line.stop.is_set:
            self._end_cancelled()
        if not self.running:
            return
        if self._is_steady:
            self._write_on()
            return
        self._fill_batch()
        if self._decode():
            self._note_read()

    def end_all(self, reply: Reply) -> None:
        for answer in list(self.running):
            self._end(answer, reply)

    def _write_on(self) -> None:
        """The same answers as before, token by token, until one of them must be looked at, the frame is over or
        somebody wants something. The loop is all that stands between llama-bench's speed and ours."""
        stop, waiting = self._line.stop, self._line.waiting
        written_at = 0.0
        until = time.perf_counter() + FRAME_S
        goes_on = True
        while goes_on and self._decode_next():
            for part in self._parts:
                goes_on &= self._write(part)
            written_at = time.perf_counter()
            goes_on &= written_at < until and not waiting and not stop.is_set
        for part in self._parts:
            if written_at and part.answer in self.running:
                self._look(part.answer, written_at)

    def _decode_next(self) -> bool:
        """The last token of each. False where it is to be done again."""
        for part in self._parts:
            self._batch.replace(part.output, part.answer.tokens[-1])
        if not self._decode():
            return False
        for part in self._parts:
            part.answer.slot.cached.append(part.answer.tokens[-1])
        return True

    def _decode(self) -> bool:
        """False where it was stopped, and nothing of the batch is in the cache. Raises PromptTooLong, LoadFailed."""
        code = llama_cpp.llama_decode(self._model.context, self._batch.native)
        if code:
            self._undo(code)
        return not code

    def _fill_batch(self) -> None:
        self._batch.clear()
        self._parts = []
        # One token for each, so that nobody waits; the rest for who came first.
        left = self._model.batch_tokens - len(self.running)
        extra: dict[Answer, int] = {}
        for answer in sorted(self.running, key=lambda each: each.begun_at):
            extra[answer] = min(answer.unevaluated - 1, left)
            left -= extra[answer]
        for answer in self.running:
            position = len(answer.slot.cached)
            tokens = answer.tokens[position : position + 1 + extra[answer]]
            at_end = position + len(tokens) == len(answer.tokens)
            output = self._batch.add(answer.slot.sequence, position, tokens, wants_logits=at_end)
            self._parts.append(_Part(answer, len(tokens), output))

    def _note_read(self) -> None:
        """Those that have their prompt in the cache choose a token; once all have, the batch is steady."""
        self._is_steady = True
        for part in self._parts:
            answer, cached = part.answer, part.answer.slot.cached
            cached += answer.tokens[len(cached) : len(cached) + part.tokens]
            if answer.count == 0:
                self._report_progress(answer)
            self._is_steady &= part.tokens == 1 and not answer.unevaluated
            if not answer.unevaluated and (self._write(part) or answer in self.running):
                self._look(answer, time.perf_counter())

    def _report_progress(self, answer: Answer) -> None:
        if not answer.unevaluated:
            llama_cpp.llama_synchronize(self._model.context)  # or a card's time would be missing
        answer.has_evaluated()

    def _write(self, part: _Part) -> bool:
        """Whether the answer goes on without a look at it."""
        try:
            return not part.answer.write(self._model.context, part.output)
        except Exception as error:  # of this answer, not of those beside it
            self._end(part.answer, failed(error))
            return False

    def _look(self, answer: Answer, written_at: float) -> None:
        try:
            answer.look(written_at)
            if answer.finish_reason is None:
                return
            reply: Reply = answer.finish(self._model.memory_in_use())
        except Exception as error:
            reply = failed(error)
        self._end(answer, reply)

    def _end_cancelled(self) -> None:
        cancelled = self._line.cancelled()
        for answer in [answer for answer in self.running if answer.number in cancelled]:
            self._end(answer, answer.finish(self._model.memory_in_use()))

    def _end(self, answer: Answer, reply: Reply) -> None:
        self._is_steady = False
        self.running.remove(answer)
        answer.sampler.close()
        answer.slot.used_at = time.perf_counter()
        try:
            self._output.send(answer.number, reply)
        except ValueError as error:  # no text of UTF-8, a number too large: nobody may wait for ever
            self._output.send(answer.number, failed(error))
        self._line.end(answer.number)

    def _undo(self, code: int) -> None:
        """What was decoded only in part must not be taken for cached. Whoever is not cancelled does that step again.

        Raises PromptTooLong or LoadFailed where the step was not just aborted.
        """
        self._is_steady = False
        for part in self._parts:
            part.answer.slot.forget_beyond(len(part.answer.slot.cached))
        if code == DECODE_ABORTED:
            return
        if code == DECODE_NO_SLOT:
            raise PromptTooLong(
                f"The context of {self._model.context_length} tokens is full.",
                "Start a new chat.",
            )
        raise LoadFailed(
            f"llama.cpp could not evaluate the prompt (code {code}).",
            "Try again; if it happens again, choose another model.",
        )
