"""The packs that can be built. Another one is a preset in CMakePresets.json, a line here and its needs in `tools`."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.native.fault import Fault

_ALL = ("linux", "macos", "windows")
_NO_MAC = ("linux", "windows")


@dataclass(frozen=True)
class Recipe:
    """`name`: of the preset and of the pack's folder. `title`: for people. `backend`: as the manifest and the
    application's order of packs have it. `kind`: ggml's name of its devices, "" where the processor is the only one.
    `systems`: where it can be built.
    """

    name: str
    title: str
    backend: str
    kind: str
    systems: tuple[str, ...]

    @property
    def code(self) -> tuple[str, ...]:
        """The backends of llama.cpp whose code is in it: HIP's is CUDA's, and on a Mac BLAS is Apple's."""
        return tuple(
            dict.fromkeys(("cpu", "blas", "rpc", self.backend, *(("cuda",) if self.backend == "hip" else ())))
        )


RECIPES = (
    Recipe("cpu", "CPU", "cpu", "", _ALL),
    Recipe("rpc", "RPC", "rpc", "RPC", _ALL),
    Recipe("metal", "Metal", "metal", "MTL", ("macos",)),
    Recipe("cuda-12", "CUDA 12", "cuda", "CUDA", _NO_MAC),
    Recipe("cuda-13", "CUDA 13", "cuda", "CUDA", _NO_MAC),
    Recipe("vulkan", "Vulkan", "vulkan", "Vulkan", _NO_MAC),
    Recipe("hip", "ROCm", "hip", "ROCm", _NO_MAC),
)
ALL = "all"


def recipes_named(words: str, system: str) -> list[Recipe]:
    """`words`: names with commas between them, or "all" for what can be built on `system`. Raises Fault."""
    if words == ALL:
        return [recipe for recipe in RECIPES if system in recipe.systems]
    by_name = {recipe.name: recipe for recipe in RECIPES}
    chosen = []
    for name in dict.fromkeys(word.strip() for word in words.split(",")):
        recipe = by_name.get(name)
        if recipe is None:
            raise Fault(f"There is no backend {name}. There are {', '.join(by_name)}, and {ALL}.")
        if system not in recipe.systems:
            raise Fault(f"A {recipe.title} pack is built on {' or '.join(recipe.systems)}, not on {system}.")
        chosen.append(recipe)
    return chosen


def recipe_for(backend: str) -> Recipe | None:
    """One whose manifests say `backend`; those for several versions differ in nothing that matters for a check."""
    return next((recipe for recipe in RECIPES if recipe.backend == backend), None)
