"""What a file that is no GGUF probably is instead, told from its first bytes."""

from __future__ import annotations

from app.core.errors import NotGguf

_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "only a Git LFS pointer to a model",
        "Download the file itself, with git lfs pull or from the model's page.",
    ),
    (b"<!doc", "a web page saved under that name", "Download the model again; the site may ask for a login."),
    (b"<html", "a web page saved under that name", "Download the model again; the site may ask for a login."),
    (b"pk\x03\x04", "a zip archive or a PyTorch checkpoint", "Unpack it, or convert it to GGUF first."),
    (b"lmgg", "a model for an old llama.cpp, from before GGUF", "Download a GGUF conversion of it."),
    (b"fmgg", "a model for an old llama.cpp, from before GGUF", "Download a GGUF conversion of it."),
    (b"tjgg", "a model for an old llama.cpp, from before GGUF", "Download a GGUF conversion of it."),
    (b"algg", "an adapter for an old llama.cpp, from before GGUF", "Download a GGUF conversion of it."),
)
"""Start in lower case, what it is, what to do."""


def not_gguf(name: str, start: bytes, file_bytes: int) -> NotGguf:
    """The fault for a file called `name` that starts with `start` and not with the GGUF magic."""
    if file_bytes == 0:
        return NotGguf(f"{name} is empty, not a GGUF model.", "Download it again.")
    lowered = start.lower()
    for beginning, what, hint in _OTHERS:
        if lowered.startswith(beginning):
            return NotGguf(f"{name} is not a GGUF model: it is {what}.", hint)
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < file_bytes:
        return NotGguf(
            f"{name} is not a GGUF model: it is a safetensors checkpoint.",
            "Convert the folder it is in to GGUF first, with nibble convert.",
        )
    if not any(start):
        return NotGguf(
            f"{name} is not a GGUF model: it starts with zeros, as an unfinished download does.",
            "Download it again.",
        )
    return NotGguf(f"{name} is not a GGUF model.", "Choose a file that was made for llama.cpp.")
