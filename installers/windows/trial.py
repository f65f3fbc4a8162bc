"""Tries an installer as a person would, on a Windows that may be changed: `python -m installers.windows.trial SETUP`.

Installs, starts the program, installs over it while it runs, and removes it; says what is not as it should be. For the
workflow: run by hand, it removes the Nibble that is installed (and not its data).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_QUIET = ("/VERYSILENT", "/SUPPRESSMSGBOXES", "/NORESTART")
_MODEL_FILES = r"Software\Classes\.gguf\OpenWithProgids"
_LIMIT_S = 300


def main() -> int:
    """Exit status 0 where all went well; raises where it did not."""
    if len(sys.argv) != 2 or sys.platform != "win32":
        print("usage, on Windows: python -m installers.windows.trial SETUP", file=sys.stderr)
        return 2
    setup = Path(sys.argv[1]).resolve()
    local = Path(os.environ["LOCALAPPDATA"])
    program, data = local / "Programs" / "Nibble", local / "nibble"
    link = Path(os.environ["APPDATA"]) / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Nibble.lnk"

    _run(setup, *_QUIET)
    _require((program / "nibble.exe").is_file(), "The program is not where it should be.")
    _require(link.is_file(), "It is not in the start menu.")
    _require("Nibble.gguf" in _values(_MODEL_FILES), "It is not among what opens models' files.")
    print(_run(program / "nibble.com", "--version").strip())
    print(_run(program / "nibble.com", "--smoke-test").strip())

    data.mkdir(exist_ok=True)
    (data / "trial.txt").write_text("kept")
    (program / "_internal" / "trial.txt").write_text("of an earlier version")
    with subprocess.Popen([program / "nibble.exe"]) as window:
        time.sleep(15)
        _require(window.poll() is None, "The window did not stay open.")
        _run(setup, *_QUIET)
        _require(_comes(lambda: window.poll() is not None), "The window was not closed for the new version.")
    _require(not (program / "_internal" / "trial.txt").exists(), "What the old version left is still there.")
    print(_run(program / "nibble.com", "--smoke-test").strip())

    _run(program / "unins000.exe", *_QUIET)
    # A copy of it goes on after it has returned.
    _require(_comes(lambda: not program.exists()), f"There is something left in {program}.")
    _require(not link.exists(), "It is still in the start menu.")
    _require("Nibble.gguf" not in _values(_MODEL_FILES), "It is still among what opens models' files.")
    _require((data / "trial.txt").read_text() == "kept", "The person's data were touched.")
    (data / "trial.txt").unlink()
    print("Installed, started, replaced while running, removed; data left.")
    return 0


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S)
    _require(done.returncode == 0, f"{command[0]} failed ({done.returncode}): {done.stdout}{done.stderr}")
    return done.stdout


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise SystemExit(sentence)


def _comes(condition: Callable[[], bool], within_s: float = 60) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def _values(key: str) -> list[str]:
    """Names of what a key of the person's registry holds; none where there is no such key."""
    if sys.platform != "win32":
        return []
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            return [winreg.EnumValue(opened, place)[0] for place in range(winreg.QueryInfoKey(opened)[1])]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main())
