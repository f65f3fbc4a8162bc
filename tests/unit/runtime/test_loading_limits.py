"""Settings that no model could be loaded with."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import WrongChoice
from app.runtime.loading_limits import require_possible
from app.runtime.protocol import Adapter, LoadSettings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adapters": (Adapter(b"x", float("nan")),)}, "strength of nan"),
        ({"adapters": (Adapter(b"x", float("-inf")),)}, "strength of -inf"),
        ({"adapters": (Adapter(b"x", 1e9),)}, "strength of 1e"),
        ({"threads": 513}, "513 threads"),
        ({"threads": -1}, "-1 threads"),
        ({"prompt_threads": 100_000}, "100,000 threads"),
        ({"batch": 0}, "batch of 0"),
        ({"value_type": "q4_0", "flash_attention": "off"}, "q4_0 needs flash attention"),
        ({"devices": ("CPU\0", "CPU\0")}, "twice"),
        ({"split": (1.0,)}, "1 parts does not go with 0 devices"),
        ({"devices": ("CPU",), "split": (0.0,)}, "numbers that are not below zero"),
        ({"devices": ("CPU",), "split": (float("nan"),)}, "numbers that are not below zero"),
    ],
    ids=str,
)
def test_settings_that_llama_cpp_would_die_of_are_refused_in_a_sentence(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(WrongChoice, match=words):
        require_possible(LoadSettings(**options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threads": 512, "prompt_threads": 1},
        {"kv_type": "q4_0", "value_type": "f16", "flash_attention": "on"},
        {"devices": ("CUDA0", "CUDA1"), "split": (0.0, 1.0)},
        {"adapters": (Adapter(b"x", -100.0), Adapter(b"x", 0.0))},
    ],
    ids=str,
)
def test_settings_that_some_model_can_be_loaded_with_pass(options: dict[str, Any]) -> None:
    require_possible(LoadSettings(**options))
