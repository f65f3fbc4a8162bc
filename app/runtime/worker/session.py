"""The worker's work: what is asked, in the order it came, and answers beside each other."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from app.runtime.protocol import (
    Bench,
    Calibrate,
    Count,
    Describe,
    Diverge,
    DryRun,
    Generate,
    Load,
    Quantize,
    QuantizeRows,
    Reply,
    RestoreCache,
    SaveCache,
    Score,
    WriteLogits,
)
from app.runtime.worker.counting import Counting
from app.runtime.worker.failing import failed
from app.runtime.worker.line import Call, Line
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.output import Output

if TYPE_CHECKING:
    from app.runtime.worker.batching import Batching


class Session:
    """Routes requests to the modules that meet them; holds the loaded model, if any.

    Answers begin as soon as a slot is free; all else waits until it has the runtime for itself, and what came
    after it waits, too.
    """

    def __init__(self, line: Line, output: Output) -> None:
        self._line = line
        self._output = output
        self._model: LlamaModel | None = None
        self._batching: Batching | None = None
        self._counting = Counting(line, output)

    def serve(self) -> None:
        """Never returns."""
        if not self._line.waiting:
            _import_ahead()
        while True:
            batching = self._batching
            if batching is None or not batching.running:
                self._begin(self._line.first(wait=True))
                with suppress(Exception):  # whoever asks next is told
                    self._prepare_to_answer()  # after a load has been answered
                continue
            while (call := self._line.first(wait=False)) is not None and self._may_begin(call):
                self._begin(call)
            try:
                batching.step()
            except Exception as error:  # a bug in the worker becomes a message
                batching.end_all(failed(error))

    def _may_begin(self, call: Call) -> bool:
        """While others are answered."""
        if isinstance(call.request, Count):
            return True
        return isinstance(call.request, Generate) and self._batching is not None and self._batching.has_room

    def _begin(self, call: Call | None) -> None:
        if call is None or not self._line.begin(call):
            return
        try:
            reply = self._handle(call)
        except Exception as error:
            reply = failed(error)
        if reply is not None:
            self._output.send(call.number, reply)
            self._line.end(call.number)

    def _handle(self, call: Call) -> Reply | None:
        """None where the final reply comes later."""
        report, stop = partial(self._output.send, call.number), self._line.stop
        match call.request:
            case Generate() as request:
                assert self._batching is not None, "Generate before Load"
                self._batching.begin(call, request)
                return None
            case Load() as request:
                from app.runtime.worker.loading import load

                self._unload()
                self._model, loaded = load(request, report, stop)
                return loaded
            case DryRun() as request:
                from app.runtime.worker.dry_run import dry_run

                return dry_run(request, report, stop)
            case Score() as request:
                from app.runtime.worker.scoring import score

                assert self._model is not None, "Score before Load"
                return score(self._model, request, report, stop)
            case WriteLogits() as request:
                from app.runtime.worker.diverging import write_logits

                assert self._model is not None, "WriteLogits before Load"
                return write_logits(self._model, request, report, stop)
            case Diverge() as request:
                from app.runtime.worker.diverging import diverge

                assert self._model is not None, "Diverge before Load"
                return diverge(self._model, request, report, stop)
            case Count() as request:
                assert self._model is not None, "Count before Load"
                self._counting.begin(call.number, self._model.vocabulary, request.text)
                return None
            case Bench() as request:
                from app.runtime.worker.benching import bench

                assert self._model is not None, "Bench before Load"
                return bench(self._model, request, report, stop)
            case Calibrate() as request:
                from app.runtime.worker.calibrating import calibrate

                assert self._model is not None, "Calibrate before Load"
                return calibrate(self._model, request, report, stop)
            case SaveCache() as request:
                from app.runtime.worker.kept_cache import save_cache

                assert self._model is not None, "SaveCache before Load"
                return save_cache(self._model, request)
            case RestoreCache() as request:
                from app.runtime.worker.kept_cache import restore_cache

                assert self._model is not None, "RestoreCache before Load"
                return restore_cache(self._model, request)
            case Quantize() as request:
                from app.runtime.worker.quantizing import quantize

                return quantize(request, report, stop)
            case QuantizeRows() as request:
                from app.runtime.worker.row_quantizing import quantize_rows

                return quantize_rows(request, stop)
            case Describe():
                from app.runtime.worker.describing import describe

                return describe()
            case _:
                raise AssertionError(f"{call.request} is handled where it arrives")

    def _prepare_to_answer(self) -> None:
        """Imports NumPy and Jinja2, which takes longer than to load a small model. Not beside the load: whatever
        llama.cpp logs would wait for it."""
        if self._model is not None and self._batching is None:
            from app.runtime.worker.batching import Batching

            self._batching = Batching(self._model, self._line, self._output)

    def _unload(self) -> None:
        self._counting.wait()  # it uses the model's vocabulary
        model, self._model, self._batching = self._model, None, None
        if model is not None:
            model.free()


def _import_ahead() -> None:
    """What loads a model and answers: nobody waits for this worker yet."""
    from app.runtime.worker import batching, loading  # noqa: F401
