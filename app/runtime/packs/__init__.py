"""Runtime packs: llama.cpp's libraries, built for one kind of computer each, in a folder with a small manifest.

`pack` finds them, `choice` tries them in a worker and says which one is used, `record` remembers what came of it;
`offered` names those that can be had, `getting` brings one to its `place`. The build inside llama-cpp-python needs no
trial and is the last choice. Main entry: `RuntimePacks`.
"""

from app.runtime.packs.choice import PackState, RuntimePacks, runtime_packs
from app.runtime.packs.pack import Pack

__all__ = ["Pack", "PackState", "RuntimePacks", "runtime_packs"]
