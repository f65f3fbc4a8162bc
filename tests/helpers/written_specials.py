"""Prompts in tokens as the worker makes them, and as llama.cpp does when told what is plain text.

`python -m tests.helpers.written_specials VOCABULARY` reads the parts of a prompt as JSON from stdin; a process of its
own, since tests must not load llama.cpp.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spelled:
    """`prompt`: as it reads. `ours`: its tokens. `alone`: those that llama.cpp gives for each part alone."""

    prompt: str
    ours: tuple[int, ...]
    alone: tuple[int, ...]


def spell(vocabulary: Path, parts: list[tuple[str, bool]]) -> Spelled:
    """`parts`: text of a prompt and whether the template wrote it; each part of the template is one special token."""
    command = [sys.executable, "-m", "tests.helpers.written_specials", str(vocabulary)]
    done = subprocess.run(command, input=json.dumps(parts), capture_output=True, text=True, check=True)
    reply: dict[str, Any] = json.loads(done.stdout)
    return Spelled(reply["prompt"], tuple(reply["ours"]), tuple(reply["alone"]))


def main() -> int:
    import llama_cpp

    from app.runtime.worker.log import install_log
    from app.runtime.worker.typed_specials import TypedSpecials
    from app.runtime.worker.vocabulary import Vocabulary

    install_log()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), parameters)
    vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(model))
    typed = TypedSpecials(vocabulary)
    parts: list[tuple[str, bool]] = json.load(sys.stdin)
    prompt = "".join(text if of_template else typed.protect(text) for text, of_template in parts)
    alone = vocabulary.tokenize_text("", parse_special=True)
    for text, of_template in parts:
        tokens = vocabulary.tokenize_continuation(text) if of_template else vocabulary.tokenize_plain(text)
        assert not of_template or len(tokens) == 1
        alone += tokens
    print(json.dumps({"prompt": typed.spelled(prompt), "ours": typed.tokenize(prompt), "alone": alone}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
