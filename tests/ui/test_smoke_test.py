"""`nibble --smoke-test`: what installers and their makers ask of an installation, from source."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from PySide6.QtCore import QTimer

from app.ui import smoke_test as smoke
from tests.helpers.command_line import COMMAND

PATIENCE_S = 120


def smoke_test(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--smoke-test", *arguments],
        env=os.environ | variables, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip


def test_whole_installation_answers_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = smoke_test(tmp_path / "report", TMPDIR=str(temporary), TEMP=str(temporary), TMP=str(temporary))
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "report").read_text(encoding="utf-8")
    assert said == done.stdout
    assert len(said.split("it said: ")[1].split()) > 5
    assert not home.exists()
    assert not Path(os.environ["HOME"]).exists() or not any(Path(os.environ["HOME"]).rglob("nibble*"))
    assert not any(temporary.iterdir())


def test_runtime_that_cannot_be_loaded_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    done = smoke_test(tmp_path / "report", LLAMA_CPP_LIB_PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    said = (tmp_path / "report").read_text(encoding="utf-8")
    assert len(said.strip().splitlines()) == 1
    assert said in done.stderr


def test_window_that_is_closed_meanwhile_is_a_fault(monkeypatch, capfd, qapp, tmp_path: Path) -> None:
    monkeypatch.setattr(smoke, "after_first_paint", lambda window, then: QTimer.singleShot(0, window.leave))
    monkeypatch.setattr(smoke, "prepare_application", lambda application: None)
    assert smoke.run_smoke_test([]) == 1
    assert "was closed before" in capfd.readouterr().err


def test_report_that_cannot_be_written_is_a_fault(monkeypatch, capfd, tmp_path: Path) -> None:
    monkeypatch.setattr(smoke, "_answer_in_window", lambda: ("Hello", ""))
    assert smoke.run_smoke_test([str(tmp_path / "missing" / "report")]) == 1
    assert "report cannot be written: No such file" in capfd.readouterr().err


def test_wrong_usage_is_exit_2(capfd) -> None:
    assert smoke.run_smoke_test(["one", "two"]) == 2
    assert "takes one file" in capfd.readouterr().err
