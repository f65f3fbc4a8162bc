import threading

import pytest
import shiboken6
from PySide6.QtCore import QObject, QThread

from app.core.errors import Cancelled, DiskFull
from app.ui import bugs, jobs


class Log(QObject):
    """Notes what it is told, and that it is told on the GUI thread."""

    def __init__(self):
        super().__init__()
        self.events = []

    def handlers(self):
        names = ("progress", "value", "done", "failed")
        handlers = {f"on_{name}": lambda what, name=name: self.note(name, what) for name in names}
        for name in ("cancelled", "end"):
            handlers[f"on_{name}"] = lambda name=name: self.note(name)
        return handlers

    def note(self, name, what=None):
        assert QThread.currentThread() is self.thread()
        self.events.append((name, what))

    @property
    def names(self):
        return [name for name, _ in self.events]


@pytest.fixture
def log():
    return Log()


def run_to_end(qtbot, log, work):
    job = jobs.run(log, "Test", work, **log.handlers())
    qtbot.waitUntil(lambda: "end" in log.names)
    return job


def test_values_and_result_arrive_on_the_gui_thread_in_order(qtbot, log):
    def work(control):
        assert threading.current_thread() is not threading.main_thread()
        control.emit("one")
        control.emit("two")
        return 3

    run_to_end(qtbot, log, work)
    assert log.events == [("value", "one"), ("value", "two"), ("done", 3), ("end", None)]


def test_an_environment_fault_goes_to_on_failed_and_not_to_the_bug_reporter(qtbot, log):
    fault = DiskFull("The disk is full.")

    def work(control):
        raise fault

    with qtbot.assertNotEmitted(bugs.reporter().reported):
        run_to_end(qtbot, log, work)
    assert log.events == [("failed", fault), ("end", None)]


def test_a_bug_is_reported_with_its_traceback_and_ends_the_job(qtbot, log):
    def work(control):
        raise ZeroDivisionError("made for the test")

    with qtbot.waitSignal(bugs.reporter().reported) as reported:
        run_to_end(qtbot, log, work)
    assert log.names == ["end"]
    assert "made for the test" in reported.args[0]
    assert "While: Test" in reported.args[0]


def test_cancelling_tells_so_and_is_no_failure(qtbot, log):
    def work(control):
        while True:
            control.cancel.raise_if_cancelled()

    jobs.run(log, "Test", work, **log.handlers()).cancel()
    qtbot.waitUntil(lambda: "end" in log.names)
    assert log.names == ["cancelled", "end"]


def test_a_flood_of_progress_is_thinned_and_the_last_one_arrives(qtbot, log):
    def work(control):
        for done in range(10_001):
            control.progress("work", done, 10_000, "steps")

    run_to_end(qtbot, log, work)
    progress = [what for name, what in log.events if name == "progress"]
    assert len(progress) < 5_000
    assert progress[-1].done == 10_000


def test_a_destroyed_owner_cancels_its_job_and_hears_nothing_more(qtbot, log):
    heard = []
    cancelled = threading.Event()
    owner = QObject()

    def work(control):
        try:
            while True:
                control.emit("still here")
                control.cancel.raise_if_cancelled()
        except Cancelled:
            cancelled.set()
            raise

    jobs.run(owner, "Test", work, on_value=heard.append, on_end=lambda: heard.append("end"))
    qtbot.waitUntil(lambda: len(heard) > 0)
    shiboken6.delete(owner)
    count = len(heard)
    qtbot.waitUntil(lambda: not jobs.running())
    assert cancelled.is_set()
    assert len(heard) == count


def test_a_bug_in_a_handler_still_leaves_the_busy_state(qtbot, log):
    def done(result):
        raise ZeroDivisionError("made for the test")

    with qtbot.captureExceptions() as caught:
        jobs.run(log, "Test", lambda control: 1, on_done=done, on_end=lambda: log.note("end"))
        qtbot.waitUntil(lambda: "end" in log.names)
    assert [kind for kind, _, _ in caught] == [ZeroDivisionError]


def test_cancel_all_waits_for_every_job(qtbot, log):
    def work(control):
        while True:
            control.cancel.raise_if_cancelled()

    for _ in range(3):
        jobs.run(log, "Test", work)
    assert jobs.cancel_all(10)
    qtbot.waitUntil(lambda: not jobs.running())
