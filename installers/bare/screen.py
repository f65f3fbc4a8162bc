"""A screen that nobody sees, and hands at its keyboard and mouse."""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtGui import QImage

from installers.faults import BuildFault

WIDTH, HEIGHT = 1280, 800
PATIENCE_S = 120


@dataclass
class Screen:
    """`name`: as in DISPLAY. What it shows is in the file `buffer`, as xwd has it. Pictures of it go to `pictures`,
    numbered."""

    name: str
    buffer: Path
    pictures: Path
    taken: int = 0

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
        _picture(self.buffer.read_bytes()).save(str(self.pictures / f"{self.taken:02}-{name}.png"))

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
    with TemporaryDirectory(prefix="nibble-screen-") as memory:
        # It takes a number that is free, and tells it.
        size = f"{WIDTH}x{HEIGHT}x24"
        command = [
            "Xvfb",
            "-displayfd",
            "1",
            "-screen",
            "0",
            size,
            "-ac",
            "-nolisten",
            "tcp",
            "-fbdir",
            memory,
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout is not None
            number = server.stdout.readline().strip()
            if not number:
                raise BuildFault("Xvfb does not start.")
            try:
                yield Screen(f":{number}", Path(memory) / "Xvfb_screen0", pictures)
            finally:
                server.terminate()


def _picture(dump: bytes) -> QImage:
    """Of an xwd file with 32 bits a pixel (X11/XWDFile.h): a head of 25 numbers, names, colours, rows."""
    head = struct.unpack(">25I", dump[:100])
    head_bytes, width, height, row_bytes, colours = head[0], head[4], head[5], head[12], head[19]
    start = head_bytes + 12 * colours
    rows = dump[start : start + row_bytes * height]
    return QImage(rows, width, height, row_bytes, QImage.Format.Format_RGB32).copy()
