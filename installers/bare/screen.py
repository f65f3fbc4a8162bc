"""A screen that nobody sees, and hands at its keyboard and mouse."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installers.commands import run
from installers.faults import BuildFault

NUMBER = 77
WIDTH, HEIGHT = 1280, 800
PATIENCE_S = 120


@dataclass
class Screen:
    """Pictures of it go to `pictures`, numbered."""

    pictures: Path
    taken: int = 0

    @property
    def name(self) -> str:
        return f":{NUMBER}"

    def wait_for_window(self, title: str) -> None:
        """Until there is one, which then has the keyboard. Raises BuildFault."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self._xdotool("search", "--onlyvisible", "--name", title, check=False).split()
            if found:
                self._xdotool("windowmove", found[0], "0", "0")
                self._xdotool("windowfocus", "--sync", found[0], check=False)
                return
            time.sleep(0.2)
        self.take("no-window")
        raise BuildFault(f"No window called {title} appeared within {PATIENCE_S} s.")

    def has_window(self, title: str) -> bool:
        return bool(self._xdotool("search", "--onlyvisible", "--name", title, check=False).split())

    def click(self, x: int, y: int) -> None:
        self._xdotool("mousemove", str(x), str(y), "sleep", "0.3", "click", "1")
        time.sleep(0.5)

    def press(self, keys: str) -> None:
        self._xdotool("key", "--clearmodifiers", keys)
        time.sleep(0.5)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "40", text)
        time.sleep(0.5)

    def take(self, name: str) -> None:
        self.taken += 1
        run(
            [
                "import",
                "-display",
                self.name,
                "-window",
                "root",
                self.pictures / f"{self.taken:02}-{name}.png",
            ]
        )

    def _xdotool(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env={"DISPLAY": self.name, "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise BuildFault(f"xdotool {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def screen(pictures: Path) -> Iterator[Screen]:
    server = subprocess.Popen(
        ["Xvfb", f":{NUMBER}", "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-ac", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not Path(f"/tmp/.X11-unix/X{NUMBER}").exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise BuildFault("Xvfb does not start.")
            time.sleep(0.1)
        yield Screen(pictures)
    finally:
        server.terminate()
        server.wait(20)
