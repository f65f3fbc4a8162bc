"""Somebody who uses Nibble on the bare system, with mouse and keyboard, and has no rights there but their own.

Places to click are those of a first window of 1200x780 pixels with DejaVu's font, at the screen's upper left corner.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installers.bare.root import BareRoot
from installers.bare.screen import PATIENCE_S, Screen
from installers.faults import BuildFault

ENTRY = "/usr/share/applications/nibble.desktop"
TYPE = "application/x-gguf"
TITLE = "^Nibble$"
FIRST_QUESTION = "Is it worth going from Q4 to Q8?"
TRY_IT_NOW = (456, 465)
CHAT_PAGE = "ctrl+3"


@dataclass
class Person:
    name: str
    root: BareRoot
    screen: Screen

    @classmethod
    def added(cls, root: BareRoot, screen: Screen, name: str = "person") -> Person:
        root.run(["useradd", "--create-home", name])
        return cls(name, root, screen)

    @property
    def home(self) -> Path:
        return self.root.path / "home" / self.name

    def look_at_types(self) -> None:
        """What a file manager would do with a model's file, whatever it is called."""
        for name in ("model.gguf", "model without ending"):
            (self.home / name).write_bytes(b"GGUF\3\0\0\0")
            said = self._run(
                "gio", "info", "--attributes", "standard::content-type", f"/home/{self.name}/{name}"
            )
            self._require(TYPE in said, f"The type of {name} is not known: {said}")
        said = self._run("gio", "mime", TYPE)
        self._require(
            "nibble.desktop" in said.splitlines()[0], f"Models' files do not open with Nibble: {said}"
        )
        print(f"Models' files are {TYPE}, and open with nibble.desktop.")

    def open_by_entry(self) -> None:
        self._launch()
        self.screen.wait_for_window(TITLE)
        time.sleep(5)
        self.screen.take("first-start")

    def compare_the_guide(self) -> None:
        self.screen.click(*TRY_IT_NOW)
        guide = self.data / "guide"
        self._wait("the guide is made", lambda: (guide / "guide-Q4_0.gguf").exists())
        time.sleep(10)
        self.screen.take("before-comparing")
        self.screen.press("Return")
        self._wait("the comparison is kept", lambda: self._count("comparison_parts") > 0)
        time.sleep(3)
        self.screen.take("compared")
        (kept,) = json.loads(self._run("nibble", "comparisons", "list", "--json"))["comparisons"]
        print(f"Compared in the window: {json.dumps(kept)}")

    def chat(self, question: str) -> None:
        self.screen.press(CHAT_PAGE)
        time.sleep(4)
        self._ask(question)
        self.screen.take("chat")

    def open_file_in_running_window(self) -> None:
        """As a file manager does: by the entry, with the file."""
        model = self.home / "my own model.gguf"
        model.write_bytes((self.data / "guide" / "guide-Q4_0.gguf").read_bytes())
        self._launch(f"/home/{self.name}/{model.name}")
        self._wait(
            "the file is in the library",
            lambda: model.name in (self.data / "settings.toml").read_text(encoding="utf-8"),
        )
        time.sleep(5)
        self._ask("What is perplexity?")
        self.screen.take("opened-file")
        self._require(self._models() == [model.name], "The file that was opened did not answer.")

    def close_window(self) -> None:
        self.screen.press("ctrl+q")
        self._wait("the window closes", lambda: not self.screen.has_window(TITLE))
        self._wait("no process is left", lambda: not self._processes())
        print("Closed; no process is left.")

    def run_commands(self, program: str = "nibble") -> None:
        print(self._run(program, "--version").strip())
        answer = json.loads(self._run(program, "chat", "guide", "-p", "What is Q4_K_M?", "--json"))
        self._require(bool(answer["text"]), "`nibble chat` said nothing.")
        print(f"nibble chat: {answer['text']} ({answer['tokens_per_s']:.0f} tokens/s)")
        panes = json.loads(
            self._run(program, "compare", "guide-Q4_0", "guide-Q8_0", "-p", FIRST_QUESTION, "--json")
        )["panes"]
        self._require(
            len(panes) == 2 and all(pane["text"] for pane in panes), "`nibble compare` said nothing."
        )
        print(f"nibble compare: {' | '.join(pane['text'] for pane in panes)}")
        print(self._run(program, "doctor").strip())
        missing = self._try(program, "inspect", "/missing.gguf")
        self._require(missing.returncode == 1 and "Traceback" not in missing.stderr, missing.stderr)
        licences = self._run(program, "licences")
        self._require("Qt" in licences and "llama.cpp" in licences, licences)
        print(self._run(program, "--smoke-test").strip())

    def run_portable(self, archive: Path) -> None:
        """Unpacked in the person's own folder."""
        inside = self.root.take_in(archive)
        self._run("tar", "--extract", "--file", inside, "--directory", f"/home/{self.name}")
        folder = f"/home/{self.name}/{archive.name.removesuffix('.tar.xz')}"
        self.run_commands(f"{folder}/nibble")
        with self._started(f"{folder}/nibble"):
            self.screen.wait_for_window(TITLE)
            time.sleep(5)
            self.screen.take("portable")
            self.close_window()
        self._run(f"{folder}/desktop-entry.sh")
        said = self._run("gio", "mime", TYPE)
        self._require("nibble.desktop" in said.splitlines()[0], said)
        self._run(f"{folder}/desktop-entry.sh", "--remove")
        self._require("nibble.desktop" not in self._run("gio", "mime", TYPE), "The entry is still there.")

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "nibble"

    def _ask(self, question: str) -> None:
        before = self._count("messages")
        self.screen.type(question)
        self.screen.press("Return")
        self._wait(
            "an answer is kept",
            lambda: self._count("messages") == before + 2 and self._last()[1] == "complete",
        )
        time.sleep(2)
        print(f"Asked in the window: {question} It said: {self._last()[0]}")

    def _launch(self, *files: str) -> None:
        """The entry's own command, started by the desktop's own program."""
        subprocess.run(
            self.root.command(["gio", "launch", ENTRY, *files], self.name),
            env=self.root.environment(self.name, self._display()), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip

    @contextmanager
    def _started(self, *command: str) -> Iterator[None]:
        process = subprocess.Popen(
            self.root.command(command, self.name), env=self.root.environment(self.name, self._display()),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def _run(self, *command: str) -> str:
        done = self._try(*command)
        if done.returncode:
            raise BuildFault(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout

    def _try(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.root.run(command, self.name, self._display(), check=False)

    def _display(self) -> dict[str, str]:
        return {"DISPLAY": self.screen.name}

    def _processes(self) -> list[int]:
        uid = self.home.stat().st_uid
        return [int(each.name) for each in Path("/proc").glob("[0-9]*") if _owner(each) == (uid, "nibble")]

    def _count(self, table: str) -> int:
        return int(self._read(f"SELECT count(*) FROM {table}")[0])

    def _last(self) -> tuple[Any, ...]:
        return self._read(
            "SELECT text, state FROM messages WHERE role = 'assistant' ORDER BY id DESC LIMIT 1"
        )

    def _models(self) -> list[str]:
        """The file that answers in the newest conversation."""
        (path,) = self._read("SELECT model_path FROM conversations ORDER BY id DESC LIMIT 1")
        return [Path(path.decode() if isinstance(path, bytes) else path).name]

    def _read(self, query: str) -> tuple[Any, ...]:
        place = f"file:{self.data / 'nibble.db'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as database:
            row: tuple[Any, ...] = database.execute(query).fetchone() or ("", "")
            return row

    def _wait(self, until: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if happened():
                    return
            except (OSError, sqlite3.OperationalError):  # not there yet
                pass
            time.sleep(0.5)
        self.screen.take("waited-in-vain")
        raise BuildFault(f"Waited {PATIENCE_S} s in vain until {until}.")

    def _require(self, is_so: bool, fault: str) -> None:
        if not is_so:
            self.screen.take("wrong")
            raise BuildFault(fault)


def _owner(process: Path) -> tuple[int, str]:
    """Of a process, and its name; nobody's where it has ended, though whoever started it has not noticed yet."""
    try:
        if not (process / "cmdline").read_bytes():
            return -1, ""
        return process.stat().st_uid, (process / "comm").read_text(encoding="utf-8").strip()
    except OSError:
        return -1, ""
