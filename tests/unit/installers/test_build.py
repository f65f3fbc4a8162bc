"""The driver that makes installers: what it says when something is not possible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from installers.build import main
from installers.release import ROOT, TARGETS, this_system

ELSEWHERE = [target for target, system in TARGETS.items() if system != this_system()]


def test_driver_runs_as_a_file_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "installers" / "build.py", "--help"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for target in TARGETS:
        assert target in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["--target"], ["--target", "linux-rpm"], ["--targets", "linux-deb"]]
)
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "--target" in capsys.readouterr().err
