"""Of several questions only the last one asked is answered."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject

from app.core.errors import EnvironmentFault, NoConnection
from app.core.jobs import JobControl
from app.ui import bugs, jobs
from app.ui.latest import Latest
from tests.ui.conftest import settle


@pytest.fixture
def owner() -> QObject:
    return QObject()


def test_who_asks_anew_hears_only_that_and_the_work_before_is_cancelled(qtbot, owner):
    latest, heard, release = Latest(owner), [], threading.Event()

    def slow(control: JobControl) -> str:
        release.wait(10)
        return "cancelled" if control.cancel.cancelled else "not cancelled"

    latest.ask("first", slow, heard.append, heard.append)
    (first,) = jobs.running()
    latest.ask("second", lambda control: "second", heard.append, heard.append)
    release.set()
    settle(qtbot)
    assert heard == ["second"]
    assert first.result() == "cancelled"
    assert not latest.is_asking


def test_what_is_dropped_is_not_heard_of(qtbot, owner):
    latest, heard = Latest(owner), []
    latest.ask("first", lambda control: "first", heard.append, heard.append)
    assert latest.is_asking
    latest.drop()
    settle(qtbot)
    assert heard == []
    assert not latest.is_asking


def test_a_fault_is_told(qtbot, owner):
    latest, heard, fault = Latest(owner), [], NoConnection("No.", "Try again.")

    def work(control: JobControl) -> str:
        raise fault

    latest.ask("first", work, heard.append, heard.append)
    settle(qtbot)
    assert heard == [fault]


def test_a_bug_leaves_no_busy_state(qtbot, owner, monkeypatch):
    latest, heard, reported = Latest(owner), [], []
    monkeypatch.setattr(bugs.reporter(), "report", lambda error, doing: reported.append((error, doing)))
    latest.ask("divide", lambda control: 1 / 0, heard.append, heard.append)
    settle(qtbot)
    assert [type(error) for error in heard] == [EnvironmentFault]
    assert [doing for _, doing in reported] == ["divide"]


def test_an_answer_may_ask_again(qtbot, owner):
    latest, heard = Latest(owner), []
    latest.ask(
        "one",
        lambda control: 1,
        lambda one: latest.ask("two", lambda _: one + 1, heard.append, heard.append),
        heard.append,
    )
    settle(qtbot)
    assert heard == [2]
