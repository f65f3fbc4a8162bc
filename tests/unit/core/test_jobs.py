"""Jobs: they end exactly once, with a result, an error or a cancel; progress and values come in order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from app.core.errors import Cancelled, EnvironmentFault
from app.core.jobs import CancelToken, Emitted, Ended, Job, JobControl, JobState, Progress, RateMeter

LONG_S = 10.0


def run(work: Callable[[JobControl], object]) -> tuple[Job[object], list[object]]:
    events: list[object] = []
    job = Job("test", work, events.append).start()
    assert job.wait(LONG_S)
    return job, events


def test_job_that_returns_is_done_and_gives_its_result() -> None:
    job, events = run(lambda control: 42)
    assert (job.state, job.result()) == (JobState.DONE, 42)
    assert events == [Ended(JobState.DONE, result=42)]


def test_job_with_progress_and_values_tells_them_in_order_and_its_end_last() -> None:
    def work(control: JobControl) -> str:
        control.progress("reading", 1, 4, "files")
        control.emit("a")
        control.progress("reading", 2, 4, "files")
        return "whole"

    _, events = run(work)
    assert [type(event) for event in events] == [Progress, Emitted, Progress, Ended]
    assert events[1] == Emitted("a")
    first, second = events[0], events[2]
    assert isinstance(first, Progress)
    assert isinstance(second, Progress)
    assert (first.stage, first.done, first.total, first.unit, first.fraction) == (
        "reading",
        1,
        4,
        "files",
        0.25,
    )
    assert second.fraction == 0.5


def test_job_that_raises_fails_and_raises_the_same_error_to_the_asker() -> None:
    fault = EnvironmentFault("The disk ran full.")

    def work(control: JobControl) -> None:
        raise fault

    job, events = run(work)
    assert job.state is JobState.FAILED
    with pytest.raises(EnvironmentFault) as caught:
        job.result()
    assert caught.value is fault
    assert events == [Ended(JobState.FAILED, error=fault)]


def test_job_whose_listener_fails_still_ends_with_that_error() -> None:
    def listener(event: object) -> None:
        if isinstance(event, Progress):
            raise RuntimeError("no screen")

    job = Job("test", lambda control: control.progress("x"), listener).start()
    with pytest.raises(RuntimeError, match="no screen"):
        job.result(LONG_S)


def test_cancel_of_waiting_work_ends_it_as_cancelled() -> None:
    started = threading.Event()

    def work(control: JobControl) -> None:
        woken = threading.Event()
        control.cancel.on_cancel(woken.set)
        started.set()
        woken.wait(LONG_S)
        control.cancel.raise_if_cancelled()

    job = Job("test", work).start()
    started.wait(LONG_S)
    assert job.state is JobState.RUNNING
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(LONG_S)
    assert job.state is JobState.CANCELLED


def test_cancel_after_the_end_changes_nothing() -> None:
    job, events = run(lambda control: "kept")
    job.cancel()
    assert (job.state, job.result(), len(events)) == (JobState.DONE, "kept", 1)


def test_cancel_that_work_does_not_look_at_leaves_its_result() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(control: JobControl) -> str:
        begun.set()
        go_on.wait(LONG_S)
        return "finished anyway"

    job = Job("test", work).start()
    begun.wait(LONG_S)
    job.cancel()
    go_on.set()
    assert job.result(LONG_S) == "finished anyway"
    assert job.state is JobState.DONE


def test_cancel_before_start_is_seen_by_the_work() -> None:
    job: Job[None] = Job("test", lambda control: control.cancel.raise_if_cancelled())
    job.cancel()
    with pytest.raises(Cancelled):
        job.start().result(LONG_S)


def test_result_of_running_job_with_timeout_raises_timeout_error() -> None:
    go_on = threading.Event()
    job = Job("slow", lambda control: go_on.wait(LONG_S)).start()
    with pytest.raises(TimeoutError, match="slow"):
        job.result(0.01)
    go_on.set()
    job.wait(LONG_S)


def test_cancel_token_calls_back_once_however_often_it_is_cancelled() -> None:
    token, calls = CancelToken(), []
    token.on_cancel(lambda: calls.append("called"))
    token.cancel()
    token.cancel()
    assert calls == ["called"]


def test_cancel_token_cancelled_already_calls_back_at_once() -> None:
    token, calls = CancelToken(), []
    token.cancel()
    token.on_cancel(lambda: calls.append("called"))
    assert calls == ["called"]


def test_cancel_token_does_not_call_back_what_was_removed() -> None:
    token, calls = CancelToken(), []
    forget = token.on_cancel(lambda: calls.append("removed"))
    token.on_cancel(lambda: calls.append("kept"))
    forget()
    forget()
    token.cancel()
    assert calls == ["kept"]


def test_cancel_token_may_be_used_from_its_own_callback() -> None:
    token, seen = CancelToken(), []

    def callback() -> None:
        token.cancel()
        seen.append(token.cancelled)

    token.on_cancel(callback)
    token.cancel()
    assert seen == [True]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_meter_gives_rate_and_time_left_from_what_was_gained() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    assert meter.measure("writing", 50, 450, "bytes").rate_per_s is None  # 50 were there at the start
    clock.now += 4.0
    progress = meter.measure("writing", 250, 450, "bytes")
    assert (progress.rate_per_s, progress.left_s) == (50.0, 4.0)


def test_rate_meter_on_next_stage_starts_anew() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    meter.measure("reading", 0, 100, "files")
    clock.now += 1.0
    assert meter.measure("reading", 50, 100, "files").rate_per_s == 50.0
    assert meter.measure("writing", 10, 100, "files").rate_per_s is None
    clock.now += 2.0
    assert meter.measure("writing", 30, 100, "files").rate_per_s == 10.0


@pytest.mark.parametrize(("elapsed_s", "done"), [(0.01, 50), (5.0, 0), (5.0, -1)])
def test_rate_meter_with_nothing_to_go_by_tells_no_rate(elapsed_s: float, done: float) -> None:
    clock = Clock()
    meter = RateMeter(clock)
    meter.measure("x", 0, 100, "files")
    clock.now += elapsed_s
    progress = meter.measure("x", done, 100, "files")
    assert (progress.rate_per_s, progress.left_s) == (None, None)


def test_rate_meter_without_total_tells_rate_but_no_time_left() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    meter.measure("x", 0, 0, "files")
    clock.now += 2.0
    progress = meter.measure("x", 10, 0, "files")
    assert (progress.rate_per_s, progress.left_s, progress.fraction) == (5.0, None, None)


def test_progress_beyond_its_total_is_shown_as_whole() -> None:
    assert Progress("x", done=12, total=10).fraction == 1.0
