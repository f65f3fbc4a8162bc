"""Records what llama.cpp's own converter makes of small random checkpoints, for `test_against_llama_cpp`.

    pip install torch transformers sentencepiece gguf numpy
    python -m tests.data.convert.record LLAMA_CPP [NAME …]

LLAMA_CPP: the folder of llama.cpp's sources in the source archive of llama-cpp-python. Which tensors a checkpoint has,
Transformers tells, which makes a model of each configuration; what is in them, `tests.helpers.random_checkpoint`. For
each configuration a file NAME.json: the configuration, the checkpoint's tensors, and of the GGUF its metadata and the
type, shape and digest of each tensor. Tokenizers are compared elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf

from tests.data.convert.configurations import CONFIGURATIONS, MXFP4_EXPERTS
from tests.helpers.random_checkpoint import write_random_checkpoint

HERE = Path(__file__).parent
WITHOUT_TOKENIZER = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import convert_hf_to_gguf as converter
from conversion import base
load_all = getattr(__import__("conversion"), "load_all_models", None)
if load_all is not None:
    load_all()
def none(self):
    self.gguf_writer.add_tokenizer_model("none")
original = base.ModelBase.from_model_architecture.__func__
def without(cls, arch, model_type=base.ModelType.TEXT):
    found = original(cls, arch, model_type)
    found.set_vocab = none
    return found
base.ModelBase.from_model_architecture = classmethod(without)
for module in list(sys.modules.values()):
    if hasattr(module, "get_model_class"):
        inner = module.get_model_class
        def patched(*arguments, _inner=inner, **named):
            found = _inner(*arguments, **named)
            found.set_vocab = none
            return found
        module.get_model_class = patched
converter.main()
"""


def main() -> None:
    sources, *names = sys.argv[1:]
    for name in names or CONFIGURATIONS:
        record(name, CONFIGURATIONS[name], Path(sources))
        print(name)


def record(name: str, config: dict[str, Any], sources: Path) -> None:
    tensors = tensors_of(config)
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_random_checkpoint(Path(scratch) / "Tiny", config, tensors)
        made = Path(scratch) / "made.gguf"
        command = [sys.executable, "-c", WITHOUT_TOKENIZER, str(sources), str(folder), "--outfile", str(made)]
        done = subprocess.run([*command, "--outtype", "bf16"], capture_output=True, text=True, check=False)
        if not made.exists():
            raise SystemExit(f"{name}: {done.stderr[-3000:]}")
        reader = gguf.GGUFReader(made)
        found = {
            "config": config,
            "checkpoint": {each: [dtype, list(shape)] for each, (dtype, shape) in tensors.items()},
            "metadata": {
                key: plain(field.contents()) for key, field in reader.fields.items() if is_compared(key)
            },
            "tensors": {
                tensor.name: [
                    tensor.tensor_type.name,
                    [int(length) for length in reversed(tensor.shape.tolist())],
                    hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16],
                ]
                for tensor in reader.tensors
            },
        }
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def tensors_of(config: dict[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """As Transformers saves them."""
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "config.json").write_text(json.dumps(config))
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(scratch), dtype=torch.bfloat16)
        model.save_pretrained(Path(scratch) / "saved")
        found = {}
        for file in sorted((Path(scratch) / "saved").glob("*.safetensors")):
            with safe_open(file, "np") as opened:
                for name in opened.keys():  # noqa: SIM118 - no mapping
                    part = opened.get_slice(name)
                    found[name] = (part.get_dtype(), tuple(part.get_shape()))
    if config.get("quantization_config", {}).get("quant_method") == "mxfp4":
        found = as_mxfp4(found)
    return found


def as_mxfp4(
    tensors: dict[str, tuple[str, tuple[int, ...]]],
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """gpt-oss as it is published: experts in blocks of 32 along the inputs, which Transformers unpacks as it loads."""
    found = {}
    for name, (dtype, shape) in tensors.items():
        if name.endswith(MXFP4_EXPERTS):
            experts, inputs, outputs = shape
            found[f"{name}_blocks"] = ("U8", (experts, outputs, inputs // 32, 16))
            found[f"{name}_scales"] = ("U8", (experts, outputs, inputs // 32))
        else:
            found[name] = (dtype, shape)
    return found


def is_compared(key: str) -> bool:
    """What changes how a model behaves; names, sizes and tokenizers are told by others."""
    return not key.startswith(("GGUF.", "general.", "tokenizer."))


def plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    main()
