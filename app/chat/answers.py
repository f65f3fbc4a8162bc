"""Answers, kept while they are written: every batch of text is committed before it is shown, so that a kill at any
moment loses nothing a person has seen. What a dead writer left behind is joined and marked as cut off."""

from __future__ import annotations

import time
from collections.abc import Sequence

from app.chat.branches import Branches
from app.chat.records import Message, MessageState, WrittenWith, encoded
from app.chat.statistics import continued
from app.chat.tool_calls import all_calls, encoded_calls
from app.chat.tree import Tree, insert_message
from app.runtime import ToolCall
from app.runtime.protocol import GenerationStatistics, PieceKind
from app.storage import reading, transaction
from app.storage.processes import is_alive, this_process


class Answers(Branches):
    """Part of `ConversationStore`."""

    def begin_answer(
        self,
        conversation_id: int,
        model_name: str,
        quantization: str | None,
        written_with: WrittenWith | None = None,
        to: int | None = None,
    ) -> AnswerWriter:
        """An answer to the last prompt at or before the message `to`, without it of the branch that is shown. Where
        there is one already, it becomes another one."""
        with transaction(self._connection) as connection:
            tree = Tree(connection, conversation_id)
            branch = tree.shown_below(None) if to is None else tree.path_to(to)
            message_id = insert_message(
                connection,
                conversation_id,
                tree,
                self._last_prompt(branch),
                {
                    "role": "assistant",
                    "state": MessageState.STREAMING.value,
                    "writer": this_process(),
                    "model_name": model_name,
                    "quantization": quantization,
                    "written_with": encoded(written_with) if written_with else None,
                    "created_at": time.time(),
                },
            )
        return AnswerWriter(self, message_id)

    def continue_answer(
        self, message_id: int, model_name: str | None = None, quantization: str | None = None
    ) -> AnswerWriter:
        """What is written now follows on the text that it has. Another model than the one it is by is named beside it.

        Raises KeyError where it is no answer, or one that is being written."""
        with transaction(self._connection) as connection:
            changed = connection.execute(
                "UPDATE messages SET state = ?1, writer = ?2 WHERE id = ?3 AND role = 'assistant' AND state <> ?1",
                (MessageState.STREAMING.value, this_process(), message_id),
            )
            for column, value in (("model_name", model_name), ("quantization", quantization)):
                connection.execute(
                    f"UPDATE messages SET {column} = coalesce({column} || ' + ', '') || ?1 WHERE id = ?2"
                    f" AND ?1 IS NOT NULL AND ?1 IS NOT {column}",
                    (value, message_id),
                )
            if changed.rowcount == 0:
                raise KeyError(message_id)
        return AnswerWriter(self, message_id)

    def recover(self) -> int:
        """Marks answers whose writer is no longer alive as cut off; returns how many."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT id, writer FROM messages WHERE state = ?", (MessageState.STREAMING.value,)
            ).fetchall()
        orphans = [row["id"] for row in rows if not is_alive(row["writer"])]
        for message_id in orphans:
            self.end_answer(message_id, MessageState.CUT_OFF, None)
        return len(orphans)

    def append_piece(self, message_id: int, position: int, text: str, kind: PieceKind) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO message_pieces (message_id, position, text, kind) VALUES (?, ?, ?, ?)",
                (message_id, position, text, kind),
            )

    def end_answer(
        self,
        message_id: int,
        state: MessageState,
        statistics: GenerationStatistics | None,
        reasoning_s: float | None = None,
        tool_calls: Sequence[ToolCall] = (),
    ) -> Message | None:
        """Joins the pieces. An answer without a word or call is removed: there is nothing to keep."""
        with transaction(self._connection) as connection:
            found = connection.execute(
                "SELECT conversation_id FROM messages WHERE id = ?", (message_id,)
            ).fetchone()
            if found is None:  # its conversation was deleted
                return None
            conversation_id = found["conversation_id"]
            before = self._read([message_id], Tree(connection, conversation_id))[0]
            calls = all_calls(before.tool_calls, tool_calls)
            has_content = before.text or before.reasoning or calls
            if not has_content and state is not MessageState.COMPLETE:
                connection.execute(
                    "UPDATE messages SET parent_id = ? WHERE parent_id = ?", (before.parent, message_id)
                )
                connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))
                return None
            has_more = self._has_pieces(message_id)
            if not has_more and statistics is None and before.statistics is not None:
                statistics = before.statistics  # it was to go on, and did not by a word
                state = _state_of(statistics)
            elif statistics is not None:
                statistics = continued(before.statistics, statistics)
            if before.reasoning_s is not None:
                reasoning_s = before.reasoning_s + (reasoning_s or 0.0)
            connection.execute(
                "UPDATE messages SET text = ?, reasoning = ?, reasoning_s = ?, tool_calls = ?, state = ?,"
                " statistics = ?, writer = NULL WHERE id = ?",
                (
                    before.text,
                    before.reasoning,
                    reasoning_s,
                    encoded_calls(calls),
                    state.value,
                    encoded(statistics) if statistics else None,
                    message_id,
                ),
            )
            connection.execute("DELETE FROM message_pieces WHERE message_id = ?", (message_id,))
            connection.execute(
                "UPDATE conversations SET updated_at = ? WHERE id = ?", (time.time(), conversation_id)
            )
            return self._read([message_id], Tree(connection, conversation_id))[0]

    def _last_prompt(self, branch: list[int]) -> int | None:
        for message_id in reversed(branch):
            row = self._connection.execute("SELECT role FROM messages WHERE id = ?", (message_id,)).fetchone()
            if row["role"] == "user":
                return message_id
        return None

    def _has_pieces(self, message_id: int) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM message_pieces WHERE message_id = ? LIMIT 1", (message_id,)
        ).fetchone()
        return row is not None


def _state_of(statistics: GenerationStatistics) -> MessageState:
    return MessageState.STOPPED if statistics.finish_reason == "cancelled" else MessageState.COMPLETE


class AnswerWriter:
    """Writes one answer as it arrives."""

    def __init__(self, store: Answers, message_id: int) -> None:
        self.message_id = message_id
        self._store = store
        self._position = 0
        self._thinking = _ThinkingTime()

    def append(self, text: str, kind: PieceKind = "answer") -> None:
        """The time from the first piece of reasoning to the answer is that of thinking."""
        self._store.append_piece(self.message_id, self._position, text, kind)
        self._position += 1
        self._thinking.note(kind)

    def finish(
        self,
        state: MessageState,
        statistics: GenerationStatistics | None = None,
        tool_calls: Sequence[ToolCall] = (),
    ) -> Message | None:
        return self._store.end_answer(self.message_id, state, statistics, self._thinking.end(), tool_calls)


class _ThinkingTime:
    """From the first word of reasoning to the first of the answer, or the end."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._took_s: float | None = None

    def note(self, kind: PieceKind) -> None:
        if kind == "reasoning" and self._since is None:
            self._since = time.monotonic()
        elif kind == "answer" and self._took_s is None:
            self.end()

    def end(self) -> float | None:
        """Seconds; None where there was no reasoning."""
        if self._took_s is None and self._since is not None:
            self._took_s = time.monotonic() - self._since
        return self._took_s
