"""Which parts of the layers several accelerators get where experts of the first ones stay in main memory.

Left alone, llama.cpp shares layers out by number, in proportion to free memory: the device with the first ones, whose
experts are elsewhere, would stay almost empty while the last one is full.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, pairwise

import msgspec

from app.memory.placement import place_of, runtime_name
from app.memory.plan import Load
from app.recommend.need import Need
from app.runtime.protocol import LoadSettings


def balanced(load: Load, need: Need) -> LoadSettings:
    """The settings of `load` with parts in which the bytes on each of its accelerators are in proportion to what is
    free there. As they are where nothing is to be balanced, or a person chose the parts."""
    settings, accelerators = load.settings, load.accelerators
    names = settings.devices or tuple(runtime_name(accelerators, index) for index in range(len(accelerators)))
    places = [place for name in names if (place := place_of(name, accelerators)) is not None]
    if len(places) < 2 or settings.split or not settings.expert_layers_in_memory:
        return settings
    free = [accelerators[place].free_bytes for place in places]
    sizes = _sizes(need, settings)
    if not sum(free) or not sizes:
        return settings
    # A layer goes where its middle is.
    total = sum(sizes)
    middles = [end - size / 2 for end, size in zip(accumulate(sizes), sizes, strict=True)]
    borders = [bisect_left(middles, total * share / sum(free)) for share in accumulate(free[:-1])]
    ends = [0, *borders, len(sizes)]
    parts = tuple(float(end - begin) for begin, end in pairwise(ends))
    return msgspec.structs.replace(settings, devices=names, split=parts)


def _sizes(need: Need, settings: LoadSettings) -> list[float]:
    """Bytes that each layer has on an accelerator, with its cache; the output is the last one."""
    plain = need.layer_bytes - need.expert_bytes / need.layers + need.kv_bytes / need.layers
    experts = need.expert_bytes / max(need.expert_layers, 1)
    stay = need.layers if settings.expert_layers_in_memory < 0 else settings.expert_layers_in_memory
    with_experts = max(stay, need.plain_layers)
    sizes = [plain + (experts if layer >= with_experts else 0) for layer in range(need.layers)]
    sizes.append(need.output_bytes)
    count = len(sizes) if settings.gpu_layers < 0 else min(settings.gpu_layers, len(sizes))
    return sizes[len(sizes) - count :]
