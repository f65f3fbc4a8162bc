"""One module per family of architectures: config.json in, ModelPlan out.

A new one is a module with a function like `llama.plan_llama`, and one line here for each name that
config.json may give it; then its configuration in `tests/data/convert/configurations.py`, and what
llama.cpp's converter makes of it recorded.
"""

from __future__ import annotations

from collections.abc import Callable

from app.convert.checkpoint.architectures.gemma import plan_gemma2, plan_gemma3, plan_gemma3_with_pictures
from app.convert.checkpoint.architectures.gpt_oss import plan_gpt_oss
from app.convert.checkpoint.architectures.granite import plan_granite
from app.convert.checkpoint.architectures.llama import plan_llama, plan_smollm3
from app.convert.checkpoint.architectures.mixtral import plan_mixtral
from app.convert.checkpoint.architectures.olmo2 import plan_olmo2
from app.convert.checkpoint.architectures.phi3 import plan_phi3
from app.convert.checkpoint.architectures.qwen import plan_qwen2, plan_qwen3, plan_qwen3_moe
from app.convert.checkpoint.architectures.starcoder2 import plan_starcoder2
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan

ARCHITECTURES: dict[str, Callable[[Config], ModelPlan]] = {
    "LlamaForCausalLM": plan_llama,
    "MistralForCausalLM": plan_llama,
    "SmolLM3ForCausalLM": plan_smollm3,
    "MixtralForCausalLM": plan_mixtral,
    "GraniteForCausalLM": plan_granite,
    "Qwen2ForCausalLM": plan_qwen2,
    "Qwen3ForCausalLM": plan_qwen3,
    "Qwen3MoeForCausalLM": plan_qwen3_moe,
    "Gemma2ForCausalLM": plan_gemma2,
    "Gemma3ForCausalLM": plan_gemma3,
    "Gemma3ForConditionalGeneration": plan_gemma3_with_pictures,
    "Phi3ForCausalLM": plan_phi3,
    "Olmo2ForCausalLM": plan_olmo2,
    "Olmo3ForCausalLM": plan_olmo2,
    "Starcoder2ForCausalLM": plan_starcoder2,
    "GptOssForCausalLM": plan_gpt_oss,
}
"""By the name in config.json's `architectures`."""
