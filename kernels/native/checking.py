"""Is a pack whole, does it load, does it find devices, and does a model answer on it as on the program's own build?

`app` is not imported: the program is driven by its command line, in processes and a data folder of their own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kernels.native.computer import this_machine, this_system
from kernels.native.fault import Fault
from kernels.native.manifest import Manifest, flaws, read_manifest
from kernels.native.recipes import Recipe, recipe_for
from kernels.native.source import bindings_version

ROOT = Path(__file__).parents[2]
LIMIT_S = 600
PROMPTS = ("What is a token?", "How much memory does a model need?")
TOKENS = 48
_OPTIONS = ("--temperature", "0", "--seed", "1", "--max-tokens", str(TOKENS), "--json")


@dataclass(frozen=True)
class Step:
    name: str
    passed: bool
    told: str


@dataclass
class Report:
    """What was seen, in its order; the check ends with the first step that fails."""

    pack: Path
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.steps) and all(step.passed for step in self.steps)

    @property
    def lines(self) -> list[str]:
        steps = [f"{'ok    ' if step.passed else 'FAILED'}  {step.name:9} {step.told}" for step in self.steps]
        return [*steps, f"{self.pack.name}: {'passed' if self.passed else 'failed'}"]

    @property
    def document(self) -> dict[str, Any]:
        steps = [{"name": each.name, "passed": each.passed, "told": each.told} for each in self.steps]
        return {"pack": str(self.pack), "passed": self.passed, "steps": steps}


def check_pack(pack: Path, program: Path | None = None) -> Report:
    """`program`: an executable; None: this checkout's. Raises Fault where there is nothing to check."""
    manifest = read_manifest(pack)
    report = Report(pack)
    command = [str(program.resolve())] if program is not None else [sys.executable, "-m", "app"]
    try:
        for name, told in _steps(pack, manifest, command):
            report.steps.append(Step(name, True, told))
    except _Failed as failed:
        report.steps.append(Step(failed.step, False, str(failed)))
    return report


class _Failed(Exception):
    def __init__(self, step: str, sentence: str) -> None:
        super().__init__(sentence)
        self.step = step


def _steps(pack: Path, manifest: Manifest, command: list[str]) -> Iterator[tuple[str, str]]:
    if wrong := flaws(pack, manifest):
        raise _Failed("files", " ".join(wrong))
    yield "files", f"{len(manifest.files)} files are as they were built"
    here, its = (this_system(), this_machine()), (manifest.system, manifest.machine)
    if its != here:
        raise _Failed("computer", f"It was built for {' on '.join(its)}; this is {' on '.join(here)}.")
    if manifest.version != bindings_version():
        raise _Failed(
            "version", f"It is of {manifest.version}; llama-cpp-python here is {bindings_version()}."
        )
    recipe = recipe_for(manifest.backend)
    if recipe is None:
        raise _Failed("backend", f"There is no recipe for the backend {manifest.backend}.")
    with TemporaryDirectory(prefix="nibble-check-") as home, _server(pack, recipe) as servers:
        plain = _Program(command, Path(home), {})
        on_pack = _Program(command, Path(home), {"LLAMA_CPP_LIB_PATH": str(pack), **servers})
        yield "devices", _devices(on_pack, recipe)
        plain.run("devices", "doctor", "--use-pack", "plain", "--json")
        yield from _answers(plain, on_pack, recipe)


def _devices(program: _Program, recipe: Recipe) -> str:
    devices = program.run("devices", "doctor", "--json")["runtime"]["devices"]
    told = ", ".join(f"{each['name']} ({each['description'] or each['backend']})" for each in devices)
    if not any(each["backend"] == recipe.kind if recipe.kind else each["kind"] == "cpu" for each in devices):
        raise _Failed("devices", f"It lists none that it is for: {told or 'none at all'}.")
    return told


def _answers(plain: _Program, on_pack: _Program, recipe: Recipe) -> Iterator[tuple[str, str]]:
    layers = ("--gpu-layers", "-1") if recipe.kind else ()
    tokens, placed = 0, {}
    for prompt in PROMPTS:
        expected = plain.run("answer", "chat", "guide", "-p", prompt, *_OPTIONS)
        answer = on_pack.run("answer", "chat", "guide", "-p", prompt, *_OPTIONS, *layers)
        if (answer["text"], answer["tokens"]) != (expected["text"], expected["tokens"]):
            raise _Failed(
                "answer",
                f"To {prompt!r} it says {answer['text']!r}, and the plain build {expected['text']!r}.",
            )
        tokens += answer["tokens"]
        placed = answer["layers"]
    yield "answer", f"{tokens} tokens as the plain build chooses them"
    told = ", ".join(f"{count} on {device}" for device, count in placed.items())
    if recipe.kind and not any(device.startswith(recipe.kind) for device in placed):
        raise _Failed("offload", f"No layer is on a device of it: {told}.")
    yield "offload", f"layers: {told}"


class _Program:
    def __init__(self, command: list[str], home: Path, changes: Mapping[str, str]) -> None:
        self._command = command
        kept = {name: value for name, value in os.environ.items() if name != "LLAMA_CPP_LIB_PATH"}
        self._environment = {**kept, "NIBBLE_HOME": str(home), **changes}

    def run(self, step: str, *arguments: str) -> Any:
        """What the command prints. Raises _Failed with its last words where it fails."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=LIMIT_S,
            )
        except OSError as error:
            raise Fault(f"{self._command[0]} cannot be started: {error.strerror or error}.") from None
        except subprocess.TimeoutExpired:
            raise _Failed(step, f"The program takes longer than {LIMIT_S} seconds.") from None
        try:
            if not done.returncode:
                return json.loads(done.stdout)
        except ValueError:
            pass
        words = " ".join(done.stderr.split()[-60:])
        raise _Failed(step, f"The program ended with {done.returncode}: {words}")


def _server(pack: Path, recipe: Recipe) -> Any:
    return _rpc_server(pack) if recipe.backend == "rpc" else nullcontext({})


@contextmanager
def _rpc_server(pack: Path) -> Iterator[dict[str, str]]:
    """One on this computer, and the environment that names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "kernels.native.rpc_server", str(pack), endpoint]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await(endpoint, server)
            yield {"NIBBLE_RPC_SERVERS": endpoint}
        finally:
            server.kill()


def _await(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    host, _, port = endpoint.partition(":")
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise _Failed("devices", "Its RPC server does not start.")
