"""The frozen program: PyInstaller's one-folder of it, with the runtime packs that go along.

PyInstaller keeps all but the executables in a folder `_internal`. llama.cpp lies where its bindings look for it, in
`llama_cpp/lib` in there; other packs lie in `packs` beside the executable, where `app.runtime.packs` looks for them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from installers.faults import BuildFault
from installers.release import COMMAND, NAME, ROOT, Release, read_project
from installers.runtime import put_runtime, runtime_of

_LOG_LINES = 20


def freeze(release: Release, packs: Path | None, out: Path, *, native_runtime: bool) -> Path:
    """The folder (on macOS the .app) that was made inside `out`. Raises BuildFault."""
    require_possible(release)
    runtime = runtime_of(release, packs, native_runtime=native_runtime)
    _run_pyinstaller(release, out)
    program = out / (f"{NAME}.app" if release.system == "macos" else COMMAND)
    if release.system == "windows":
        (program / f"{COMMAND}-console.exe").rename(program / f"{COMMAND}.com")
    if release.system == "macos":
        shutil.rmtree(out / COMMAND)  # the same once more, without the bundle around it
    put_runtime(runtime, program, release)
    if release.system == "linux":
        from installers.linux.completing import complete

        complete(program)
    return program


def internal_folder(program: Path, release: Release) -> Path:
    """Where libraries, packages and data lie in the frozen program (`sys._MEIPASS`)."""
    return program / "Contents" / "Frameworks" if release.system == "macos" else program / "_internal"


def require_possible(release: Release) -> None:
    """Raises BuildFault where something is missing to freeze the program with."""
    if importlib.util.find_spec("PyInstaller") is None:
        raise BuildFault("PyInstaller is not installed: install the group installers of pyproject.toml.")
    try:
        installed = metadata("nibble")
    except PackageNotFoundError:
        raise BuildFault("Nibble itself is not installed here, so nobody knows what it needs.") from None
    project = read_project()
    urls = {f"{label}, {url}" for label, url in project["urls"].items()}
    if installed["Version"] != release.version or set(installed.get_all("Project-URL") or []) != urls:
        raise BuildFault(
            "The Nibble that is installed is another version than the checkout: install it again."
        )
    if release.system == "linux":
        from installers.linux.completing import require_tools

        require_tools()


def _run_pyinstaller(release: Release, out: Path) -> None:
    work = out / "work"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",  # what PyInstaller writes has the same order each time
        "SOURCE_DATE_EPOCH": str(release.made_at),
    }
    command = [
        sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN",
        "--distpath", str(out), "--workpath", str(work),
        str(ROOT / "installers" / "nibble.spec"), "--", release.target,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-_LOG_LINES:])
        raise BuildFault(f"PyInstaller did not freeze the program (exit status {done.returncode}):\n{last}")
    shutil.rmtree(work)
