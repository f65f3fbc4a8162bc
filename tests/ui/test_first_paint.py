"""What waits for the first paint of a window."""

from __future__ import annotations

import weakref
from functools import partial

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

from app.ui import jobs
from app.ui.first_paint import after_first_paint


class Painted(QWidget):
    def __init__(self):
        super().__init__()
        self.times = 0

    def paintEvent(self, event):
        self.times += 1


def test_work_begins_once_and_after_the_window_was_painted(qtbot):
    window = Painted()
    qtbot.addWidget(window)
    begun = []
    after_first_paint(window, lambda: begun.append(window.times))
    qtbot.wait(20)
    assert begun == []
    window.show()
    qtbot.waitUntil(lambda: bool(begun))
    assert begun[0] >= 1
    window.update()
    qtbot.waitUntil(lambda: window.times > begun[0])
    assert len(begun) == 1


def test_work_begins_behind_a_window_that_is_never_painted(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    begun = []
    after_first_paint(window, lambda: begun.append(True))
    qtbot.waitUntil(lambda: bool(begun), timeout=10_000)


def test_window_that_nobody_holds_may_go_once_work_has_begun(qtbot, qapp):
    for _ in range(100):  # where it is destroyed twice, that does not always show
        window, begun = Painted(), []
        after_first_paint(window, partial(note, begun, window))
        window.show()
        qtbot.waitUntil(lambda begun=begun: bool(begun))
        gone = weakref.ref(window)
        del window
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()
        assert gone() is None


def note(begun, window):
    begun.append(window.times)


def test_held_job_runs_when_held_ones_begin_and_others_at_once(qtbot):
    owner, done = QObject(), []
    jobs.hold()
    try:
        jobs.run(owner, "Held", lambda control: 1, on_done=done.append)
        qtbot.wait(50)
        assert done == []
    finally:
        jobs.begin_held()
    jobs.run(owner, "Free", lambda control: 2, on_done=done.append)
    qtbot.waitUntil(lambda: sorted(done) == [1, 2])


def test_leaving_before_the_first_paint_cancels_what_is_held(qtbot):
    owner, ended = QObject(), []
    jobs.hold()

    def work(control):
        control.cancel.raise_if_cancelled()
        return "ran"

    jobs.run(owner, "Held", work, on_done=ended.append, on_cancelled=lambda: ended.append("cancelled"))
    assert jobs.cancel_all(10.0)
    qtbot.waitUntil(lambda: bool(ended))
    assert ended == ["cancelled"]
