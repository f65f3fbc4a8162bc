"""The C functions of `llama_cpp` alone: all that the worker uses is there, and what it does not use is not loaded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WORKER = ROOT / "app" / "runtime" / "worker"
ALONE = "from app.runtime.worker.bindings import import_bindings; import_bindings(); "


def run(code: str, *paths: Path) -> object:
    """What `code` prints as JSON, in a process of its own; `paths` are searched for modules first."""
    search = f"import json, sys; sys.path[:0] = {[str(path) for path in (*paths, ROOT)]!r}; "
    done = subprocess.run(
        [sys.executable, "-P", "-c", search + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_the_worker_names_is_what_the_whole_package_has() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in WORKER.rglob("*.py"))
    names = sorted(set(re.findall(r"\bllama_cpp\.(\w+)", source)) - {"llama_cpp"})
    assert "llama_decode" in names
    tell = f"import llama_cpp; print(json.dumps({{n: str(getattr(llama_cpp, n)) for n in {names!r}}}))"
    kind = re.compile(r"( object)? at 0x\w+")  # where it lies in memory
    alone, whole = run(ALONE + tell), run(tell)
    assert isinstance(alone, dict)
    assert isinstance(whole, dict)
    assert {n: kind.sub("", t) for n, t in alone.items()} == {n: kind.sub("", t) for n, t in whole.items()}


def test_neither_numpy_nor_jinja_is_loaded_with_them() -> None:
    found = run(
        ALONE + "print(json.dumps([n for n in ('numpy', 'jinja2', 'diskcache') if n in sys.modules]))"
    )
    assert found == []


def test_worker_that_waits_for_a_load_has_imported_neither_the_other_end_nor_what_only_answers_need() -> None:
    unwanted = ("numpy", "jinja2", "app.runtime.client", "app.runtime.model")
    load_all = (
        ALONE + "import app.runtime.worker.main, app.runtime.worker.session, app.runtime.worker.loading; "
    )
    assert run(load_all + f"print(json.dumps([n for n in {unwanted!r} if n in sys.modules]))") == []


def test_runtime_has_all_that_it_promises() -> None:
    promised = "import app.runtime as r; print(json.dumps([n for n in r.__all__ if not hasattr(r, n)]))"
    assert run(promised) == []
    assert run("import app.runtime as r; print(json.dumps(hasattr(r, 'no_such_thing')))") is False


def test_package_of_another_layout_is_imported_as_it_is(tmp_path: Path) -> None:
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").write_text("from llama_cpp.elsewhere import llama_decode")
    (package / "elsewhere.py").write_text("llama_decode = 'elsewhere'")
    assert run(ALONE + "import llama_cpp; print(json.dumps(llama_cpp.llama_decode))", tmp_path) == "elsewhere"
