"""One module per family of architectures: config.json in, ModelPlan out.

A new one is a module with a function like `llama.plan_llama`, and one line here for each name that
config.json may give it.
"""

from __future__ import annotations

from collections.abc import Callable

from app.convert.checkpoint.architectures.llama import plan_llama
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan

ARCHITECTURES: dict[str, Callable[[Config], ModelPlan]] = {
    "LlamaForCausalLM": plan_llama,
}
"""By the name in config.json's `architectures`."""
