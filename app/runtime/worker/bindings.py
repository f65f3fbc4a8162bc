"""llama.cpp's C functions without the rest of the package `llama_cpp`.

The package imports all that its high-level interface needs as well (NumPy, Jinja2, diskcache): 23 MB and most of the
time in which a worker starts. Its module of C functions, which is all that is used here, needs none of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

PACKAGE = "llama_cpp"
FUNCTIONS = f"{PACKAGE}.llama_cpp"


def import_bindings() -> None:
    """Makes `llama_cpp` the package with its C functions and nothing else; before anything else imports it.

    Where that does not work, since another version is laid out otherwise, it is imported as it is. Raises what
    importing it raises.
    """
    if PACKAGE in sys.modules:
        return
    try:
        _import_functions()
    except Exception:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        importlib.import_module(PACKAGE)


def _import_functions() -> None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    package = importlib.util.module_from_spec(spec)  # its `__init__` is not run
    sys.modules[PACKAGE] = package
    functions = importlib.import_module(FUNCTIONS)
    for name, value in vars(functions).items():
        if not name.startswith("_"):
            setattr(package, name, value)
