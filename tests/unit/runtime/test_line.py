"""Who is next, and who is to stop: told to two threads, whatever comes between."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from app.runtime.protocol import Describe
from app.runtime.worker.line import Call, Line


def line_of(*numbers: int) -> Line:
    line = Line()
    for number in numbers:
        line.join(Call(number, Describe(), 0.0))
    return line


def begin_next(line: Line) -> int | None:
    call = line.first(wait=False)
    return call.number if call is not None and line.begin(call) else None


def test_who_came_first_begins_first() -> None:
    line = line_of(3, 1, 2)
    assert [begin_next(line) for _ in range(4)] == [3, 1, 2, None]


def test_who_is_cancelled_in_the_line_never_begins_and_stops_nobody() -> None:
    line = line_of(1, 2, 3)
    assert begin_next(line) == 1
    assert line.cancel(2)
    assert not line.stop.is_set
    assert begin_next(line) == 3


def test_call_that_is_cancelled_between_being_seen_and_beginning_does_not_begin() -> None:
    line = line_of(1, 2)
    call = line.first(wait=False)
    assert call is not None
    assert line.cancel(1)
    assert not line.begin(call)
    assert begin_next(line) == 2


def test_cancel_of_what_has_begun_stops_work_until_it_is_told() -> None:
    line = line_of(1, 2)
    begin_next(line), begin_next(line)
    assert not line.cancel(2)
    assert line.stop.is_set
    assert line.stop.buffer.value == b"x"  # what llama.cpp sees
    assert line.cancelled() == {2}
    assert not line.stop.is_set
    assert line.stop.buffer.value == b""
    assert line.cancelled() == set()


def test_cancel_that_comes_after_the_end_stops_nobody() -> None:
    line = line_of(1, 2)
    begin_next(line), begin_next(line)
    line.end(1)
    assert not line.cancel(1)
    assert not line.stop.is_set
    line.cancel(2)
    line.end(2)
    assert not line.stop.is_set


def test_whoever_waits_for_work_gets_what_comes() -> None:
    line = Line()
    found: list[Call | None] = []
    thread = threading.Thread(target=lambda: found.append(line.first(wait=True)))
    thread.start()
    line.join(Call(7, Describe(), 0.0))
    thread.join(10)
    assert [call.number for call in found if call is not None] == [7]


@given(st.lists(st.tuples(st.sampled_from(["join", "begin", "cancel", "end", "take"]), st.integers(0, 4))))
def test_flag_is_set_exactly_while_somebody_who_has_begun_is_to_stop(steps: list[tuple[str, int]]) -> None:
    line, waiting, begun, cancelled = Line(), [], set[int](), set[int]()
    for step, number in steps:
        match step:
            case "join" if number not in waiting and number not in begun:
                line.join(Call(number, Describe(), 0.0))
                waiting.append(number)
            case "begin":
                assert begin_next(line) == (waiting[0] if waiting else None)
                begun |= set(waiting[:1])
                del waiting[:1]
            case "cancel":
                assert line.cancel(number) == (number in waiting)
                if number in begun:
                    cancelled.add(number)
                waiting = [each for each in waiting if each != number]
            case "end":
                line.end(number)
                begun.discard(number)
                cancelled.discard(number)
            case "take":
                assert line.cancelled() == cancelled
                cancelled.clear()
        assert line.stop.is_set == bool(cancelled)
