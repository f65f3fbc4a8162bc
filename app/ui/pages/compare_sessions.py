"""Keeps what is compared: each prompt, the answers while they come, what was measured; and brings it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.compare import PaneAnswer
from app.compare.answers import AskedWith
from app.compare.session import (
    LeftFrom,
    MeasuredDivergence,
    PaneTurn,
    Session,
    SessionAnswer,
    SessionModel,
    SessionTurn,
    kept_answer,
    session_model,
)
from app.core.errors import EnvironmentFault
from app.gguf import ModelSummary
from app.library import EntryState, LibraryEntry
from app.runtime import Sampling
from app.runtime.protocol import TokenDivergence
from app.ui.notice import Kind
from app.ui.pages.compare_history import History
from app.ui.pages.compare_pane_settings import difference_words
from app.ui.pages.compare_turn import Turn
from app.ui.services import Services

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage


class Sessions(QObject):
    """The session that the page shows is `current`; None until something was asked."""

    def __init__(self, page: ComparePage, services: Services) -> None:
        super().__init__(page)
        self._page = page
        self._services = services
        self._broken = False
        self._measured: list[MeasuredDivergence] = []
        self.current: int | None = None
        self.history: History | None = None
        engine = page.engine
        engine.delta.connect(self._piece_came)
        engine.finished.connect(lambda index, answer: self._write_turn(self._last))
        engine.ended.connect(lambda indexes: self._write_turn(self._last))
        engine.diverged.connect(self._diverged)
        page.header.history_asked.connect(self.show_history)

    # Keeping

    def asked(self) -> None:
        """A prompt is with the models: from now on this is kept."""
        if self.current is None:
            models = [session_model(pane.entry) for pane in self._page.panes if pane.entry is not None]
            self._measured.clear()
            self._broken = False
            self._keep(lambda: self._begin(models))
            for number in range(self._last):  # what is on the page already, where its session was deleted
                self._write_turn(number)
        self._write_turn(self._last)

    def write_last(self) -> None:
        """Something about the last turn has changed."""
        self._write_turn(self._last)

    def leave(self) -> None:
        """What comes next is another session."""
        self.current = None
        self._measured.clear()  # it tells of panes by their places

    def divergence(self, reference: int, other: int) -> Sequence[TokenDivergence] | None:
        """What was measured of the last answers, where it was."""
        for each in reversed(self._measured):
            if (each.turn, each.answer, each.reference, each.other) == (
                self._last,
                self._shown(reference),
                reference,
                other,
            ):
                return each.tokens
        return None

    def _shown(self, pane: int) -> int:
        turn = self._page.panes[pane].turn
        return turn.shown if turn is not None else 0

    def _begin(self, models: Sequence[SessionModel]) -> None:
        self.current = self._services.comparisons.begin(models, self._page.composer.sampling)

    @property
    def _last(self) -> int:
        """The number of the turn that is asked."""
        return len(self._page.panes[0].turns) - 1 if self._page.panes else -1

    def _write_turn(self, number: int) -> None:
        """As far as it has come."""
        session = self.current
        if session is None or number < 0:
            return
        turns = [pane.turns[number] for pane in self._page.panes]
        panes = tuple(
            PaneTurn(answers=_answers(turn), shown=turn.shown) if turn.was_asked else None for turn in turns
        )
        kept = SessionTurn(prompt=turns[0].prompt, panes=panes, alone=turns[0].alone)
        self._keep(lambda: self._services.comparisons.write_turn(session, number, kept))

    def _piece_came(self, index: int, text: str, tokens: int) -> None:
        session = self.current
        if session is not None:
            self._keep(lambda: self._services.comparisons.append_piece(session, self._last, index, text))

    def _diverged(self, reference: int, other: int, tokens: Sequence[TokenDivergence]) -> None:
        session = self.current
        measured = MeasuredDivergence(
            turn=self._last,
            answer=self._shown(reference),
            written_by=reference,
            reference=reference,
            other=other,
            tokens=tuple(tokens),
        )
        self._measured.append(measured)
        if session is not None:
            self._keep(lambda: self._services.comparisons.write_divergence(session, measured))

    def _keep(self, write: Callable[[], object]) -> None:
        """Once it could not be kept, that is said, and comparing goes on without."""
        if self._broken:
            return
        try:
            write()
        except EnvironmentFault as fault:
            self._broken = True
            self._page.notices.show_message(
                Kind.WARNING,
                self.tr("This comparison is not kept any more: {reason}").format(reason=fault.message),
                fault.hint,
            )

    # Bringing back

    def show_history(self) -> None:
        if self.history is None:
            self.history = History(self._services, self._page)
            self.history.chosen.connect(self.open)
            self.history.deleted.connect(self._forget)
            self.history.finished.connect(self._history_closed)
        self.history.look()
        self.history.show()
        self.history.raise_()

    def open(self, number: int) -> None:
        """Shows the session as it was; what is asked next goes on with it."""
        page = self._page
        if page.running:
            return
        try:
            session = self._services.comparisons.session(number)
        except EnvironmentFault as fault:
            page.notices.show_fault(fault)
            return
        if session.blind_tests:
            page.blind.open_kept(number)
            return
        known = {entry.path: entry for entry in page.shelf.entries}
        entries = [known.get(Path(model.path)) or _gone(model) for model in session.models]
        self.leave()  # until it is whole, nothing of it is written
        page.clearing.begin_restoring(entries)
        for turn in session.turns:
            self._put_turn(turn, session.sampling)
        self._measured = list(session.divergences)
        self.current, self._broken = number, False
        page.clearing.end_restoring(session.sampling)
        page.composer.show_system_prompt(_system_prompt(session))
        self._tell(session, [entry for entry in entries if entry.path not in known])

    def _put_turn(self, turn: SessionTurn, shared: Sampling) -> None:
        asked = [pane.badge.letter for pane, given in zip(self._page.panes, turn.panes, strict=True) if given]
        for pane, given in zip(self._page.panes, turn.panes, strict=True):
            shown = pane.add_turn(turn.prompt)
            shown.alone = turn.alone
            if given is None:
                shown.show_not_asked(", ".join(asked))
                continue
            path = pane.entry.path if pane.entry is not None else Path()
            for answer in given.answers:
                shown.ask_with(*_asked_with(answer, turn, shared))
                shown.finish(answer.pane_answer(path), answer.left_from)
            if not shown.versions:
                shown.finish(PaneAnswer(path, "", None))
            else:
                shown.show_version(given.shown)

    def _tell(self, session: Session, gone: Sequence[LibraryEntry]) -> None:
        if session.problem:
            self._page.notices.show_message(Kind.WARNING, session.problem, "")
        if gone:
            self._page.notices.show_message(
                Kind.INFO,
                self.tr("Not on this computer any more: {models}.").format(
                    models=", ".join(dict.fromkeys(entry.title for entry in gone))
                ),
                self.tr("The answers can be read and exported. To ask further, choose other models."),
            )

    def _forget(self, number: int) -> None:
        """It was deleted: what is asked next begins another one."""
        if number == self.current:
            self.leave()

    def _history_closed(self) -> None:
        self.history = None


def _answers(turn: Turn) -> tuple[SessionAnswer, ...]:
    """All there are, and what has come of the next one."""
    kept = [_kept(each.answer, each.asked_with, each.left_from) for each in turn.versions]
    if turn.under_way and turn.text:
        kept.append(_kept(PaneAnswer(Path(), turn.text, None), turn.asked_with, None))
    return tuple(kept)


def _kept(answer: PaneAnswer, asked: AskedWith | None, left_from: LeftFrom | None) -> SessionAnswer:
    if asked is None:  # kept before settings were
        return kept_answer(answer, left_from=left_from)
    return kept_answer(answer, asked.sampling, asked.system_prompt, left_from)


def _asked_with(answer: SessionAnswer, turn: SessionTurn, shared: Sampling) -> tuple[AskedWith | None, str]:
    """And in what its settings were others than the shared ones, where not all panes had the same: what is shared may
    have been changed since the session began."""
    if answer.sampling is None:
        return None, ""
    beside = {each.sampling for pane in turn.panes if pane is not None for each in pane.answers}
    words = difference_words(answer.sampling, shared) if len(beside) > 1 else ""
    return AskedWith(answer.sampling, answer.system_prompt), words


def _system_prompt(session: Session) -> str:
    """The last one."""
    panes = (pane for turn in reversed(session.turns) for pane in turn.panes if pane is not None)
    return next((pane.answer.system_prompt for pane in panes if pane.answer is not None), "")


def _gone(model: SessionModel) -> LibraryEntry:
    """For a model that is not in the library: it can be named, and asked only to hear that it is gone. Its bits count
    all the same: which model the others are held against must not change."""
    facts = ModelSummary(
        kind="model",
        parameters=model.parameters or 0,
        file_bytes=model.file_bytes or 0,
        files=1,
        name=model.name,
        quantization=model.quantization,
        bits_per_weight=model.bits_per_weight,
    )
    return LibraryEntry(
        Path(model.path), model.name, facts, state=EntryState.GONE, file_bytes=model.file_bytes
    )
