"""Where models are: one module for each program that keeps some, and the table of them.

Each module has `places(system)`, the folders in which that program keeps models here, and `find(folder, walk)`, the
models in one of them. Folders are read and never written; what is in them counts as hostile. No model file is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.library.sources import folder, gpt4all, hugging_face, jan, llama_cpp, lm_studio, ollama
from app.library.sources.found import FoundModel
from app.library.sources.system import System, this_system
from app.library.sources.walk import Walk, model_name

__all__ = [
    "FOLDER",
    "NIBBLE",
    "PROGRAMS",
    "FoundModel",
    "Program",
    "System",
    "Walk",
    "model_name",
    "this_system",
]


@dataclass(frozen=True)
class Program:
    """`id` for JSON, `title` for people. `is_own`: its files are Nibble's or the person's, and may be deleted here."""

    id: str
    title: str
    places: Callable[[System], list[str]]
    find: Callable[[str, Walk], Iterator[FoundModel]]
    is_own: bool = False


NIBBLE = Program("nibble", "Nibble", lambda system: [], folder.find, is_own=True)
FOLDER = Program("folder", "Folder", lambda system: [], folder.find, is_own=True)

PROGRAMS = (
    Program("huggingface", "Hugging Face cache", hugging_face.places, hugging_face.find),
    Program("lmstudio", "LM Studio", lm_studio.places, lm_studio.find),
    Program("ollama", "Ollama", ollama.places, ollama.find),
    Program("gpt4all", "GPT4All", gpt4all.places, gpt4all.find),
    Program("jan", "Jan", jan.places, jan.find),
    Program("llama.cpp", "llama.cpp", llama_cpp.places, folder.find),
)
