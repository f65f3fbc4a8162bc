"""Shows a file in the system's file manager."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def reveal(path: Path) -> bool:
    """With the file chosen, where the system can; else its folder, or the nearest one that is left of it. Whether
    anything opened."""
    command = reveal_command(path, sys.platform) if path.exists() else None
    if command is not None:
        import subprocess  # takes a start longer than most modules

        try:
            subprocess.Popen(command)
        except OSError:
            pass
        else:
            return True
    folder = next((each for each in path.parents if each.is_dir()), None)
    return folder is not None and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def reveal_command(path: Path, platform: str) -> str | list[str] | None:
    """None for a system whose file managers have no common command for that."""
    if platform == "win32":
        # As one text: Explorer reads its command line itself and knows no quotes around the whole option.
        return f'explorer /select,"{path}"'
    if platform == "darwin":
        return ["open", "-R", str(path)]
    return None
