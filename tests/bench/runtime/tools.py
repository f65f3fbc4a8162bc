"""llama.cpp's own tools, built from the source archive of the same llama-cpp-python version.

They run on the libraries that the worker loads, where the system lets them be chosen: so only the caller differs, and
not how the same source was compiled.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.runtime import Sampling

BATCH = 512
READY = "generation run 1/"
"""What llama-bench says when model and context are there and one token has been decoded to warm up."""


@dataclass(frozen=True)
class Started:
    """From the start of the process until it is ready, and what it has in memory then."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class LlamaBench:
    tool: Path
    threads: int

    def tokens_per_s(self, model: Path, *, prompt: int = 0, generate: int = 0, depth: int = 0) -> float:
        command = [
            *self._command(model),
            "-p",
            str(prompt),
            "-n",
            str(generate),
            "-d",
            str(depth),
            "-o",
            "json",
        ]
        command += ["-r", "1"]
        output = subprocess.run(command, capture_output=True, check=True, env=environment()).stdout
        return float(json.loads(output)[0]["avg_ts"])

    def start(self, model: Path, context: int) -> Started:
        """With a context of so many tokens; ended as soon as it is ready."""
        command = [*self._command(model), "-p", "0", "-n", str(context), "--progress"]
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if READY in line:
                    break
            else:
                raise RuntimeError(f"{self.tool.name} ended before it was ready")
            seconds = time.perf_counter() - start
            memory = resident_bytes(process.pid)
            process.kill()
        return Started(seconds, memory)

    def _command(self, model: Path) -> list[str]:
        return [
            str(self.tool),
            "-m",
            str(model),
            "-t",
            str(self.threads),
            "-b",
            str(BATCH),
            "-ub",
            str(BATCH),
        ]


@dataclass(frozen=True)
class LlamaServer:
    port: int
    pid: int

    def answer_all(self, prompts: Sequence[str], tokens: int, sampling: Sampling) -> float:
        """Streams an answer of so many tokens to each prompt, all at once; seconds until the last has ended."""
        threads = [
            threading.Thread(target=self._answer, args=(prompt, tokens, sampling)) for prompt in prompts
        ]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    def _answer(self, prompt: str, tokens: int, sampling: Sampling) -> None:
        body = {
            "prompt": prompt,
            "n_predict": tokens,
            "stream": True,
            "ignore_eos": True,
            "cache_prompt": False,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "seed": 1,
            "samplers": ["top_k", "top_p", "min_p", "temperature"],
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        events = [line for line in connection.getresponse() if line.startswith(b"data: ")]
        connection.close()
        last = json.loads(events[-1].removeprefix(b"data: "))
        if last.get("tokens_predicted") != tokens:
            raise RuntimeError(f"llama-server answered otherwise: {last}")


@contextmanager
def llama_server(tool: Path, model: Path, *, threads: int, slots: int, context: int) -> Iterator[LlamaServer]:
    """With `context` tokens in each of `slots`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(tool), "-m", str(model), "-t", str(threads), "-b", str(BATCH), "-ub", str(BATCH)]
    command += ["-np", str(slots), "-c", str(slots * context), "--no-kv-unified", "--cache-ram", "0"]
    command += ["--port", str(port), "--no-ui", "--log-disable"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        _wait_until_ready(process, port)
        yield LlamaServer(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"llama-server ended with {process.returncode}")


def environment() -> dict[str, str]:
    """Of a tool, with the worker's libraries before its own."""
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    libraries = Path(spec.submodule_search_locations[0]) / "lib"
    name = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    return {**os.environ, name: str(libraries)}


def resident_bytes(pid: int) -> int:
    """Mapped weights included: both sides map the same file."""
    return int(psutil.Process(pid).memory_info().rss)
