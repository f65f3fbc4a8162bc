"""The house rules of ARCHITECTURE.md: who imports whom, no Qt in the engine, no llama.cpp in the application."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.tiny_gguf import CHATML, write_tiny_model

ROOT = Path(__file__).parents[2]


def test_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""

WALK = """
import importlib, pkgutil, sys
import app
rooms = [module.name for module in pkgutil.walk_packages(app.__path__, "app.", onerror=lambda name: None)]
engine = [name for name in rooms if not name.startswith(("app.ui", "app.runtime.worker", "app.__main__"))]
for name in engine:
    importlib.import_module(name)
print(len(engine))
assert not {"PySide6", "shiboken6", "llama_cpp"} & set(sys.modules)
"""


def test_engine_imports_where_neither_qt_nor_llama_cpp_can_be_loaded() -> None:
    code = BLOCKER.format(blocked={"PySide6", "shiboken6", "llama_cpp"}) + WALK
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


def test_nibble_answers_where_qt_is_not_installed(tmp_path: Path) -> None:
    """The worker processes included: the block is in every Python that is started below."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(blocked={"PySide6", "shiboken6", "qtawesome"}))
    model = write_tiny_model(tmp_path / "tiny.gguf", chat_template=CHATML, never_ends=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "app"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )

    answer = run("chat", str(model), "-p", "hello", "--max-tokens", "4", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["tokens"] == 4
    assert "PySide6" in run().stderr  # the block works: there is no window here


def test_application_that_loads_a_model_never_loads_llama_cpp_itself(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", chat_template=CHATML)
    code = BLOCKER.format(blocked={"llama_cpp"}) + (
        "from app.cli import run_command_line\n"
        f"code = run_command_line(['chat', {str(model)!r}, '-p', 'hello', '--max-tokens', '3', '--json'])\n"
        "assert 'llama_cpp' not in sys.modules\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
