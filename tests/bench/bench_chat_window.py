"""What the window costs while answers stream, and with a long conversation. By hand:

    python -m tests.bench.bench_chat_window [--seconds N] [ROW …]

Through the real widgets, drawn off screen unless QT_QPA_PLATFORM says otherwise; answers are made of the same text each
time. `streaming`: stalls of the event loop while two columns get 200 tokens/s each, 30 times a second as the worker
sends them, until each has 20,000 characters. `processor`: of one core, at 30 tokens/s. `opening`: a conversation of 500
messages and 300,000 characters until its first screen is painted, memory of the process, and scrolling through it.
`hostile`: the longest stall while an answer streams that was made to be slow; `whole`: while it is opened.

A stall is how much later than asked a timer of 1 ms comes; on a busy machine others' work is in it too, so that the
processor time of the longest turn of the loop is told beside it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator

import psutil

if sys.platform == "linux":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.chat import Message, MessageState
from app.ui.pages.chat_column import MessageColumn
from app.ui.pages.chat_text import load_reader
from app.ui.theme import Theme

BATCHES_PER_S = 30
FRAME_S = 1 / 60
STEP_PX = 120
WHOLE_S = 8.0
PASSAGE = """## How it works

The **cache** keeps what has been computed for `n` tokens; each new one costs $O(n)$, see [here](http://example.org).
A second sentence makes the paragraph as long as they usually are, with *emphasis* in it and a number like 3.14.

1. Read the prompt.
2. Choose a token, with a temperature of 0.8.
3. Go on until the end.

```python
def fib(n: int) -> int:
    \"\"\"The n-th number.\"\"\"
    if n < 2:  # the end
        return n
    return fib(n - 1) + fib(n - 2)
```

| type | bits | perplexity |
|------|-----:|-----------:|
| Q4_K | 4.5 | 6.12 |
| Q8_0 | 8.5 | 6.01 |

> Quoted words, over more than a line, so that they are broken where the column ends and go on below.

"""
HOSTILE = {
    "one line": "a" * 60_000,
    "nested quotes": "> " * 10_000 + "x",
    "open fence": "```py\n" + "x = (1 + 2) * foo('bar')  # c\n" * 700,
    "html": "<div onclick='x()'><script>alert(1)</script>\n" * 400,
    "two directions": "\u202ea\u202c \u200b" * 4_000,
    "emoji": "\U0001f600" * 5_000,
    "table of 500 columns": "|a" * 500 + "|\n" + "|-" * 500 + "|\n" + ("|a" * 500 + "|\n") * 10,
    "headings": "# h\n" * 4_000,
    "brackets": "[" * 20_000,
    "latex": "$" + "\\frac{1}{" * 500 + "$ \\def\\a{\\a\\a}$\\a$ " * 300,
    "list": "- x\n" * 5_000,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--seconds", type=float, default=20, help="of streaming at 30 tokens/s")
    options = parser.parse_args()
    application = QApplication([])
    Theme(application).dress()
    load_reader()  # as the window does while nobody waits
    print(f"load of the machine before: {os.getloadavg()[0]:.2f}")
    for name in options.rows or ROWS:
        for line in ROWS[name](options):
            print(line, flush=True)


def _streaming(options: argparse.Namespace) -> Iterator[str]:
    text = (PASSAGE * 40)[:20_000]
    window, columns = _window(2)
    stalls = _Stalls()
    _stream([(column, text) for column in columns], characters_per_s=200 * 4)
    stalls.stop()
    yield f"two columns at 200 tokens/s, 20,000 characters each: {stalls}"
    window.deleteLater()


def _processor(options: argparse.Namespace) -> Iterator[str]:
    window, (column,) = _window(1)
    text = (PASSAGE * 40)[: round(30 * 4 * options.seconds)]
    before, started = time.process_time(), time.perf_counter()
    _stream([(column, text)], characters_per_s=30 * 4)
    share = (time.process_time() - before) / (time.perf_counter() - started)
    yield f"processor at 30 tokens/s: {share:.1%} of one core"
    window.deleteLater()


def _opening(options: argparse.Namespace) -> Iterator[str]:
    messages = _conversation(500, 300_000)
    window, (column,) = _window(1)
    _turn_loop(0.3)
    before = psutil.Process().memory_info().rss
    started, used = time.perf_counter(), time.process_time()
    column.show_messages(messages)
    QApplication.processEvents()
    column.grab()
    yield (
        f"opening 500 messages: first screen after {(time.perf_counter() - started) * 1000:.0f} ms "
        f"({(time.process_time() - used) * 1000:.0f} ms of processor time)"
    )
    _turn_loop(1)
    yield f"memory: {psutil.Process().memory_info().rss / 1e6:.0f} MB, of which {_more(before):.0f} MB for it"
    bar = column.verticalScrollBar()
    yield f"scrolling up at {STEP_PX} px a frame: {_scroll(column, lambda: bar.value() - STEP_PX)}"
    yield f"  and down again: {_scroll(column, lambda: bar.value() + STEP_PX)}"
    places = iter(random.Random(1).sample(range(1000), 40))
    jumps = _scroll(column, lambda: next(places) * bar.maximum() // 1000, most_steps=40)
    yield f"  going somewhere at a time: {jumps}"
    yield f"memory with all of it made: {psutil.Process().memory_info().rss / 1e6:.0f} MB"
    window.deleteLater()


def _scroll(column: MessageColumn, where: Callable[[], int], most_steps: int = 3_000) -> str:
    """Goes on once a frame, as a hand at the wheel does: what there is to do is done between two frames or makes one
    late. Processor time and not what the clock says, which counts what else the machine does."""
    bar = column.verticalScrollBar()
    turns = _Turns()
    frames: list[float] = []
    while len(frames) < most_steps:
        before, turns.longest_s = bar.value(), 0.0
        used, until = time.thread_time(), time.perf_counter() + FRAME_S
        bar.setValue(where())
        column.viewport().repaint()
        moving_s = time.thread_time() - used
        turns.spend(until)
        # A frame is late by what was moved and painted for it, or by what was going on when it was due.
        frames.append(max(moving_s, turns.longest_s))
        if bar.value() == before and before in (bar.minimum(), bar.maximum()):
            break
    frames.sort()
    late = sum(frame > FRAME_S for frame in frames)
    return (
        f"{len(frames)} frames, processor time median {frames[len(frames) // 2] * 1000:.1f} ms, 95th percentile "
        f"{frames[int(len(frames) * 0.95)] * 1000:.1f} ms, worst {frames[-1] * 1000:.1f} ms, {late} late"
    )


class _Turns:
    """Turns of the event loop, and the processor time of the longest one."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    def spend(self, until: float) -> None:
        while (left_s := until - time.perf_counter()) > 0:
            used = time.thread_time()
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 0)
            self.longest_s = max(self.longest_s, time.thread_time() - used)
            time.sleep(min(left_s, 0.001))


def _hostile(options: argparse.Namespace) -> Iterator[str]:
    for name, text in HOSTILE.items():
        window, (column,) = _window(1)
        stalls = _Stalls()
        _stream([(column, text)], characters_per_s=8_000)
        _turn_loop(0.3)
        stalls.stop()
        yield f"hostile, {name}: {stalls}"
        window.deleteLater()


def _whole(options: argparse.Namespace) -> Iterator[str]:
    """The same texts at once, as when their conversation is opened, and one line of 1 MB."""
    for name, text in {**HOSTILE, "one line": "a " * 500_000, "one word": "a" * 1_000_000}.items():
        window, (column,) = _window(1)
        stalls = _Stalls()
        column.show_messages([Message(1, "assistant", text, MessageState.COMPLETE, 0.0)])
        until = time.perf_counter() + WHOLE_S
        while column.answers()[0].prose.is_reading and time.perf_counter() < until:
            _turn_loop(0.1)
        _turn_loop(0.5)  # colours and formulas
        stalls.stop()
        yield f"opened whole, {name}: {stalls}"
        window.deleteLater()


ROWS: dict[str, Callable[[argparse.Namespace], Iterator[str]]] = {
    "streaming": _streaming,
    "processor": _processor,
    "opening": _opening,
    "hostile": _hostile,
    "whole": _whole,
}


class _Stalls:
    """How late a timer comes, and the processor time that this thread took between two of its calls."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._used: list[float] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._note)
        self._timer.start(1)
        self._last, self._last_used = time.perf_counter(), time.thread_time()

    def _note(self) -> None:
        now, used = time.perf_counter(), time.thread_time()
        self._late.append(max(now - self._last - 0.001, 0))
        self._used.append(used - self._last_used)
        self._last, self._last_used = now, used

    def stop(self) -> None:
        self._timer.stop()

    def __str__(self) -> str:
        late, used = sorted(self._late), sorted(self._used)
        at = min(int(len(late) * 0.99), len(late) - 1)
        return (
            f"stalls 99th percentile {late[at] * 1000:.1f} ms, worst {late[-1] * 1000:.1f} ms "
            f"(processor: {used[at] * 1000:.1f}, {used[-1] * 1000:.1f} ms)"
        )


def _window(columns: int) -> tuple[QWidget, list[MessageColumn]]:
    window = QWidget()
    row = QHBoxLayout(window)
    made = [MessageColumn() for _ in range(columns)]
    for column in made:
        row.addWidget(column)
    window.resize(1280, 800)
    window.show()
    _turn_loop(0.2)
    return window, made


def _stream(streams: list[tuple[MessageColumn, str]], characters_per_s: float) -> None:
    """As the worker sends it: a batch for each column 30 times a second."""
    for column, _ in streams:
        column.begin_answer()
    size = max(round(characters_per_s / BATCHES_PER_S), 1)
    sent = 0
    loop = QEventLoop()

    def send() -> None:
        nonlocal sent
        for column, text in streams:
            if column.live is not None and text[sent : sent + size]:
                column.live.append(text[sent : sent + size])
        sent += size
        if sent >= max(len(text) for _, text in streams):
            loop.quit()

    timer = QTimer()
    timer.timeout.connect(send)
    timer.start(round(1000 / BATCHES_PER_S))
    loop.exec()
    timer.stop()
    for number, (column, text) in enumerate(streams):
        column.end_answer(Message(number, "assistant", text, MessageState.COMPLETE, 0.0))


def _conversation(messages: int, characters: int) -> list[Message]:
    each = characters * 2 // messages
    answers = (PASSAGE * 4)[: each - 40]
    return [
        Message(n, "assistant", answers, MessageState.COMPLETE, 0.0)
        if n % 2
        else Message(n, "user", f"Question {n} about how it works, please", MessageState.COMPLETE, 0.0)
        for n in range(messages)
    ]


def _turn_loop(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def _more(before: int) -> float:
    return (psutil.Process().memory_info().rss - before) / 1e6


if __name__ == "__main__":
    main()
