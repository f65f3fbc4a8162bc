"""How long downloads wait: for servers that ask for it, for the network, and for the speed a person allows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.core.errors import NoConnection
from app.downloads.patience import Patience
from app.downloads.rate import MovingRate
from app.downloads.retry_after import retry_after_s
from app.downloads.speed_limit import SpeedLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Pausing(threading.Event):
    """An event nobody sets; waiting for it lets the clock go on."""

    def __init__(self, clock: Clock, late_s: float = 0.0) -> None:
        super().__init__()
        self._clock = clock
        self._late_s = late_s

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._clock.now += timeout + self._late_s
        return self.is_set()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"RateLimit": '"api";r=0;t=55'}, 55.0),
        ({"Retry-After": "3", "RateLimit": '"api";r=0;t=55'}, 3.0),
        ({"Retry-After": "9" * 50}, 86_400.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_what_a_server_wishes_is_understood(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_a_date_is_understood_too() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=90)
    wished = retry_after_s({"Retry-After": format_datetime(moment, usegmt=True)})
    assert wished is not None
    assert 60 < wished <= 90


def test_waits_grow_and_end_after_a_minute() -> None:
    patience = Patience()
    waits: list[float] = []
    while sum(waits) < 60:
        waits.append(patience.wait_s("the connection was cut", 0.0))
    with pytest.raises(NoConnection, match=r"cut\."):
        patience.wait_s("the connection was cut", 0.0)
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits == sorted(waits)
    assert sum(waits) < 120


def test_a_server_s_wish_is_a_wait_of_that_length() -> None:
    assert Patience().wait_s("the server answers 429", 300.0) == 300.0


@pytest.mark.parametrize("late_s", [0.0, 0.0007])
@pytest.mark.parametrize("bytes_per_s", [20_000, 1_000_000, 50_000_000])
def test_the_speed_limit_holds_on_average(bytes_per_s: int, late_s: float) -> None:
    """Also where threads wake up a little late, as they do."""
    clock = Clock()
    limit = SpeedLimit(bytes_per_s, clock)
    piece = 65_536
    begun, pieces = clock.now, 5 * bytes_per_s // piece + 20
    for _ in range(pieces):
        limit.take(piece, Pausing(clock, late_s))
    rate = pieces * piece / (clock.now - begun)
    assert 0.9 * bytes_per_s < rate < 1.1 * bytes_per_s


def test_a_limit_that_is_lifted_lets_all_go_at_once() -> None:
    clock = Clock()
    limit = SpeedLimit(1000, clock)
    limit.take(1_000_000, Pausing(clock))
    limit.bytes_per_s = 1_000_000
    begun = clock.now
    limit.take(1_000_000, Pausing(clock))
    limit.take(1_000_000, Pausing(clock))
    assert clock.now - begun < 2
    limit.bytes_per_s = 0
    begun = clock.now
    for _ in range(100):
        limit.take(1_000_000, Pausing(clock))
    assert clock.now == begun


def test_a_download_that_is_stopped_does_not_wait() -> None:
    clock = Clock()
    limit = SpeedLimit(1, clock)
    limit.take(1_000_000, threading.Event())
    stopped = threading.Event()
    stopped.set()
    limit.take(1, stopped)  # else it would take eleven days


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    rate = MovingRate(clock)
    assert rate.bytes_per_s(0) is None
    for second in range(1, 31):
        clock.now += 1
        told = rate.bytes_per_s(second * 100)
    assert told == pytest.approx(100)
    for second in range(1, 11):
        clock.now += 1
        told = rate.bytes_per_s(3000 + second * 1000)
    assert told == pytest.approx(1000)
