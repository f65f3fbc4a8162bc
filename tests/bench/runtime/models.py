"""The models that are measured. What a weight's value is does not change how long it takes to read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.convert import quantize
from app.core.jobs import Job
from app.guide import make_guide
from app.storage import DataFolder
from tests.helpers.tiny_gguf import CHATML, write_random_model, write_tiny_model


def middling_model(folder: Path, quantization: str) -> Path:
    """500 M parameters; its answers never end."""
    return _quantized(folder, "random-500m", quantization, _write_middling)


def small_model(folder: Path) -> Path:
    """The guide's shape with random weights: its answers never end, so that they can be measured at any length."""
    return _quantized(folder, "random-9m", "Q8_0", _write_small)


def long_model(folder: Path) -> Path:
    """Small enough to fill a context of thousands of tokens in seconds."""
    return _quantized(folder, "random-long", "Q8_0", _write_long)


def wide_model(folder: Path, quantization: str) -> Path:
    """A vocabulary of 128 thousand, as models of today have, on a small body."""
    return _quantized(folder, "random-wide", quantization, _write_wide)


def billion_model(folder: Path, quantization: str) -> Path:
    """The shape of Llama 3.2 1B: what a vocabulary of 128 thousand costs beside a body that goes with it."""
    return _quantized(folder, "random-1b", quantization, _write_billion)


def guide_model(folder: Path) -> Path:
    data = DataFolder(folder / "guide").create()
    return Job("make the guide", lambda control: make_guide(data, ["Q8_0"], control)[0]).start().result()


def _write_middling(path: Path) -> None:
    write_random_model(path, parameters=500_000_000, context=8192, chat_template=CHATML)


def _write_small(path: Path) -> None:
    write_tiny_model(
        path,
        hidden=512,
        layers=3,
        heads=8,
        kv_heads=4,
        feed_forward=1024,
        context=2048,
        vocabulary=2048,
        type="f16",
        chat_template=CHATML,
        never_ends=True,
    )


def _write_wide(path: Path) -> None:
    write_tiny_model(
        path,
        hidden=1024,
        layers=8,
        heads=16,
        kv_heads=4,
        feed_forward=3072,
        context=2048,
        vocabulary=128_256,
        type="f16",
        never_ends=True,
    )


def _write_billion(path: Path) -> None:
    write_tiny_model(
        path,
        hidden=2048,
        layers=16,
        heads=32,
        kv_heads=8,
        feed_forward=8192,
        context=2048,
        vocabulary=128_256,
        type="f16",
        never_ends=True,
    )


def _write_long(path: Path) -> None:
    write_tiny_model(path, context=8192, type="f16", chat_template=CHATML, never_ends=True)


def _quantized(folder: Path, name: str, quantization: str, write: Callable[[Path], None]) -> Path:
    """Made once for a folder."""
    target = folder / f"{name}-{quantization}.gguf"
    if target.exists():
        return target
    source = folder / f"{name}-F16.gguf"
    write(source)
    made = Job("quantize", lambda control: quantize(source, quantization, folder, control)).start().result()
    source.unlink()
    return made.rename(target)
