"""The steps of the tokenizers of well-known models, as their tokenizer.json has them; the vocabularies are tiny.

`NAME: Family(...)`. The expressions are written here once more, as published, so that a slip in
`app.convert.checkpoint.pre_tokenizers` shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CL100K = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+"
    "|\\s+(?!\\S)|\\s+"
)
QWEN = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+"
    "|\\s+(?!\\S)|\\s+"
)
O200K = (
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
TEKKEN = (
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
    "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@dataclass(frozen=True)
class Family:
    """`pre`: `tokenizer.ggml.pre` of published GGUF files. `configuration`: of tests.data.convert.configurations."""

    pre: str
    configuration: str
    pre_tokenizer: dict[str, Any] | None
    specials: tuple[str, ...]
    settings: dict[str, Any]
    normalizer: dict[str, Any] | None = None
    post_processor: dict[str, Any] | None = None
    ignore_merges: bool = False
    byte_fallback: bool = False
    plain: tuple[str, ...] = field(default=())
    """Added tokens that are not special."""


def split_then_bytes(expression: str, behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": invert}
    return {"type": "Sequence", "pretokenizers": [split, bytes_step(use_regex=False)]}


def bytes_step(*, use_regex: bool = True, trim_offsets: bool = True) -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": trim_offsets,
        "use_regex": use_regex,
    }


def begins_with(*texts: str, ends_with: str | None = None) -> dict[str, Any]:
    single = [{"SpecialToken": {"id": text, "type_id": 0}} for text in texts]
    single.append({"Sequence": {"id": "A", "type_id": 0}})
    if ends_with:
        single.append({"SpecialToken": {"id": ends_with, "type_id": 0}})
    second = [{"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": single + second, "special_tokens": {}}


DIGITS_THEN_BYTES = {
    "type": "Sequence",
    "pretokenizers": [{"type": "Digits", "individual_digits": True}, bytes_step()],
}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
PREPEND_AND_SPACES = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, SPACES]}
SENTENCEPIECE = ("<unk>", "<s>", "</s>")

FAMILIES: dict[str, Family] = {
    "llama-3": Family(
        "llama-bpe",
        "llama-3.2",
        split_then_bytes(CL100K),
        ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": True},
        post_processor={
            "type": "Sequence",
            "processors": [bytes_step(), begins_with("<|begin_of_text|>")],
        },
        ignore_merges=True,
    ),
    "smollm-3": Family(
        "llama-bpe",
        "smollm3",
        split_then_bytes(CL100K),
        ("<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"),
        {"bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"},
        post_processor=bytes_step(),
        ignore_merges=True,
        plain=("<think>", "</think>"),
    ),
    "qwen-2.5": Family(
        "qwen2",
        "qwen2",
        split_then_bytes(QWEN),
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        {
            "add_bos_token": False,
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "chat_template": CHATML,
            "clean_up_tokenization_spaces": False,
        },
        normalizer={"type": "NFC"},
        post_processor=bytes_step(trim_offsets=False),
        plain=("<tool_call>", "</tool_call>"),
    ),
    "smollm-2": Family(
        "smollm",
        "llama-3.2",
        DIGITS_THEN_BYTES,
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        {
            "bos_token": "<|im_start|>",
            "eos_token": "<|im_end|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "<|im_end|>",
            "clean_up_tokenization_spaces": False,
        },
    ),
    "starcoder-2": Family(
        "starcoder",
        "starcoder2",
        DIGITS_THEN_BYTES,
        ("<|endoftext|>", "<fim_prefix>"),
        {
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "clean_up_tokenization_spaces": True,
        },
        post_processor=bytes_step(),
    ),
    "granite-3": Family(
        "starcoder",
        "granite",
        DIGITS_THEN_BYTES,
        ("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"),
        {
            "add_bos_token": False,
            "bos_token": "<|end_of_text|>",
            "eos_token": "<|end_of_text|>",
            "pad_token": "<|end_of_text|>",
            "unk_token": "<|end_of_text|>",
            "clean_up_tokenization_spaces": True,
        },
    ),
    "olmo-2": Family(
        "dbrx",
        "olmo2",
        split_then_bytes(CL100K, "Removed", invert=True),
        ("<|endoftext|>", "<|pad|>"),
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|pad|>"},
        post_processor=bytes_step(),
    ),
    "phi-4": Family(
        "dbrx",
        "phi4",
        split_then_bytes(CL100K),
        ("<|endoftext|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>"),
        {
            "tokenizer_class": "GPT2Tokenizer",
            "bos_token": "<|endoftext|>",
            "eos_token": "<|im_end|>",
            "unk_token": "<|endoftext|>",
        },
        post_processor=bytes_step(),
    ),
    "gpt-oss": Family(
        "gpt-4o",
        "gpt-oss",
        split_then_bytes(O200K),
        ("<|startoftext|>", "<|endoftext|>", "<|return|>", "<|start|>", "<|end|>", "<|message|>"),
        {"bos_token": "<|startoftext|>", "eos_token": "<|return|>", "pad_token": "<|endoftext|>"},
        post_processor=bytes_step(trim_offsets=False),
    ),
    "nemo": Family(
        "tekken",
        "mistral",
        split_then_bytes(TEKKEN),
        ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
        {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        post_processor=begins_with("<s>"),
        ignore_merges=True,
    ),
    "ends": Family(
        "qwen2",
        "qwen3",
        split_then_bytes(QWEN),
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        {"bos_token": None, "eos_token": "<|im_end|>"},
        post_processor=begins_with("<|im_start|>", ends_with="<|endoftext|>"),
    ),
    "llama-2": Family(
        "default",
        "llama-3.2",
        None,
        SENTENCEPIECE,
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        normalizer=PREPEND_AND_SPACES,
        post_processor=begins_with("<s>"),
        byte_fallback=True,
    ),
    "mistral-0.3": Family(
        "default",
        "mistral",
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
        (*SENTENCEPIECE, "[INST]", "[/INST]"),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        post_processor=begins_with("<s>"),
        byte_fallback=True,
    ),
    "gemma": Family(
        "default",
        "llama-3.2",
        {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"),
        {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"},
        normalizer=SPACES,
        post_processor=begins_with("<bos>"),
        byte_fallback=True,
    ),
}
"""`ends`: no published one; what is around a text on both sides."""
