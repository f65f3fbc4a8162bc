"""What makes a kept cache one of other files or of another way to load."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from app.chat.kept_caches import cache_stamp
from app.runtime import LoadSettings
from app.runtime.protocol import Adapter

PATH = Path("model.gguf")
FILE = (1, 2)
PLAIN = LoadSettings()


@pytest.mark.parametrize(
    "options",
    [
        {"context_length": 8192},
        {"threads": 3},
        {"prompt_threads": 3},
        {"gpu_layers": 4},
        {"devices": ("CUDA0",), "split": (1.0,)},
        {"batch": 1024, "ubatch": 64},
        {"expert_layers_in_memory": 3},
        {"processor_only": True},
        {"load_mode": "none"},
    ],
    ids=str,
)
def test_where_and_how_fast_it_is_computed_makes_no_other_cache(options: dict[str, object]) -> None:
    assert cache_stamp(PATH, FILE, msgspec.structs.replace(PLAIN, **options)) == cache_stamp(
        PATH, FILE, PLAIN
    )


@pytest.mark.parametrize(
    "options",
    [
        {"kv_type": "q8_0"},
        {"value_type": "q4_0"},
        {"flash_attention": "off"},
        {"sequences": 2},
        {"adapters": (Adapter(b"a.gguf"),)},
    ],
    ids=str,
)
def test_what_is_computed_makes_another_cache(options: dict[str, object]) -> None:
    assert cache_stamp(PATH, FILE, msgspec.structs.replace(PLAIN, **options)) != cache_stamp(
        PATH, FILE, PLAIN
    )


def test_other_files_make_another_cache(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"first")
    settings = LoadSettings(adapters=(Adapter(os.fsencode(adapter)),))
    before = cache_stamp(PATH, FILE, settings)
    assert cache_stamp(PATH, (1, 3), settings) != before
    assert cache_stamp(Path("another.gguf"), FILE, settings) != before
    adapter.write_bytes(b"another")
    assert cache_stamp(PATH, FILE, settings) != before
    weaker = LoadSettings(adapters=(Adapter(os.fsencode(adapter), 0.5),))
    assert cache_stamp(PATH, FILE, weaker) != cache_stamp(PATH, FILE, settings)
