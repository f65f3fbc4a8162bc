"""What is loaded with a model into its process: adapters (LoRA), a projector of images or sound, a draft model.

May import `app.memory.estimate` and what that imports. Main entries: `read_companions`, which refuses what llama.cpp
would refuse, and `with_companions`, which adds them to an estimate.
"""

from app.memory.companions.lora import adapter_rank
from app.memory.companions.projector import encoders
from app.memory.companions.together import Companions, read_companions, with_companions

__all__ = ["Companions", "adapter_rank", "encoders", "read_companions", "with_companions"]
