"""Application and worker killed at random moments of an answer: all that the window had been given to show is there
when the database is opened again.

    python -m tests.fuzz.kills [--count 200] [--seed 0]

The window is a process of its own on a data folder of its own, with a model of random weights that answers until it is
killed. It tells over a pipe what it shows. Half of the kills meet the window, half its worker, after which the same
window is asked again. Prints what came of it; exits with 1 where a shown word is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.chat import ConversationStore, Message
from app.runtime import Sampling
from app.storage import DataFolder
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

LATEST_S = 1.0
"""After the first word an answer is killed within this time."""
PATIENCE_S = 60.0
SCREEN = Path(__file__).parents[1] / "helpers" / "screen.json"


@dataclass
class Report:
    """`kept_more`: characters that were in the database and not shown yet."""

    kills: Counter[str] = field(default_factory=Counter)
    shown: int = 0
    kept_more: int = 0
    workers_left: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        for victim, count in self.kills.most_common():
            yield f"{count:6,}  kills of the {victim}"
        yield f"{self.shown:,} characters were shown, {self.kept_more:,} more were kept; {len(self.wrong)} wrong"
        yield f"{self.workers_left} workers outlived their window"
        yield from self.wrong


class Window:
    """The process under test."""

    def __init__(self, folder: DataFolder, conversation: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.shown_window", str(conversation)],
            env=os.environ
            | {"NIBBLE_HOME": str(folder.root), "QT_QPA_PLATFORM": f"offscreen:configfile={SCREEN}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line()["ready"]

    def ask(self, prompt: str) -> tuple[str, int]:
        """What was shown first, and the worker that wrote it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{prompt}\n")
        self._process.stdin.flush()
        while "text" not in (said := self._line()):
            pass
        return said["text"], said["worker"]

    def rest_after_kill_of(self, worker: int) -> str:
        """What else was shown until the answer ended."""
        psutil.Process(worker).kill()
        parts = []
        while "ended" not in (said := self._line()):
            parts.append(said["text"])
        return "".join(parts)

    def rest_after_kill(self) -> tuple[str, list[psutil.Process]]:
        """What else had been shown, and its processes that still live."""
        workers = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        assert self._process.stdout is not None
        parts = [json.loads(line) for line in self._process.stdout if line.endswith("\n")]
        self.close()
        _, alive = psutil.wait_procs(workers, timeout=10)
        return "".join(part.get("text", "") for part in parts), alive

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()

    def _line(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the window ended by itself"
        said = json.loads(line)
        assert isinstance(said, dict)
        return said


def kill_often(root: Path, count: int, seed: int) -> Report:
    """In `root`, which is empty."""
    folder = DataFolder(root).create()
    model = write_tiny_model(
        folder.models / "endless.gguf",
        name="Endless",
        context=4096,
        layers=1,
        never_ends=True,
        chat_template=CHATML,
    )
    report, chance = Report(), random.Random(seed)
    before: dict[int, list[Message]] = {}
    window: Window | None = None
    conversation = 0
    for number in range(count):
        if window is None:
            conversation = _new_conversation(folder, model)
            window = Window(folder, conversation)
        shown, worker = window.ask(f"Prompt {number}")
        time.sleep(chance.uniform(0, LATEST_S))
        victim = chance.choice(("worker", "window"))
        report.kills[victim] += 1
        if victim == "worker":
            shown += window.rest_after_kill_of(worker)
        else:
            rest, alive = window.rest_after_kill()
            shown += rest
            report.workers_left += len(alive)
            window = None
        _compare(folder, conversation, number, shown, before, report)
    if window is not None:
        window.close()
    return report


def _new_conversation(folder: DataFolder, model: Path) -> int:
    with ConversationStore(folder.database) as store:
        conversation = store.create(model, Sampling(temperature=0, max_tokens=0))
        store.add_prompt(conversation.id, "Hello")
        return conversation.id


def _compare(
    folder: DataFolder,
    conversation: int,
    number: int,
    shown: str,
    before: dict[int, list[Message]],
    report: Report,
) -> None:
    """The database is opened anew, as the next start does."""
    with ConversationStore(folder.database) as store:
        store.recover()
        messages = store.messages(conversation)
        for earlier, kept in before.items():
            if earlier != conversation and store.messages(earlier) != kept:
                report.wrong.append(f"kill {number}: conversation {earlier} has changed")
    known = before.get(conversation, messages[:1])
    *rest, prompt, answer = messages
    report.shown += len(shown)
    report.kept_more += len(answer.text) - len(shown)
    if rest != known or prompt.text != f"Prompt {number}":
        report.wrong.append(f"kill {number}: what was there before has changed")
    if not shown or not answer.text.startswith(shown) or answer.state.value != "cut_off":
        report.wrong.append(f"kill {number}: shown {shown!r}, kept {answer.text!r} ({answer.state})")
    before[conversation] = messages


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = kill_often(Path(folder), asked.count, asked.seed)
    print("\n".join(report.lines()))
    return 1 if report.wrong or report.workers_left else 0


if __name__ == "__main__":
    sys.exit(main())
