"""What a graph gets from outside: tokens, positions, masks, places in the cache."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, result
from app.memory.compute.batch import Batch
from app.memory.geometry import Geometry, Indexer, Layer
from app.memory.kv_cache import KvType
from app.memory.placement import PROCESSOR

F32 = 4
F16 = 2
I32 = 4
_I64 = 8
_SMALLEST_ROTATION = 64


class Inputs:
    """Each input is made once."""

    def __init__(self, geometry: Geometry, batch: Batch) -> None:
        self._geometry = geometry
        self._batch = batch
        self._wide_mask: Tensor | None = None
        self._made: dict[tuple[str, bool], Tensor] = {}
        self.longest_values = max((layer.values for layer in geometry.layers), default=0)
        self.windowed = any(layer.windowed for layer in geometry.layers)
        self._key_lengths: dict[bool, set[int]] = {False: set(), True: set()}
        self._value_lengths: dict[bool, set[int]] = {False: set(), True: set()}
        for layer in geometry.layers:
            if layer.has_cache:
                self._key_lengths[layer.windowed].add(layer.key_length)
                self._value_lengths[layer.windowed].add(layer.value_length)

    def tokens(self) -> Tensor:
        return self._input("tokens", self._batch.tokens * I32)

    def tokens_again(self) -> Tensor:
        """For embeddings that layers have of their own."""
        return self._input("tokens again", self._batch.tokens * I32)

    def embeddings(self) -> Tensor:
        """Reserved for embeddings that are given instead of tokens, though none ever are."""
        length = self._geometry.embedding * (1 + self._geometry.deepstack_layers)
        return self._input("embeddings", self._batch.tokens * length * F32)

    def positions(self) -> Tensor:
        return self._input("positions", self._batch.tokens * self._geometry.positions * I32)

    def states(self) -> Tensor:
        """Where the recurrent state of each sequence is."""
        return self._input("states", self._batch.sequences * I32)

    def outputs(self) -> Tensor:
        return self._input("outputs", self._batch.outputs * I32)

    def attention_scale(self) -> Tensor:
        return self._input("attention scale", self._batch.tokens * F32)

    def cells(self, layer: Layer) -> int:
        """Tokens of one sequence that the layer's cache has room for."""
        return self._batch.window_cells if layer.windowed else self._batch.cells

    def mask(self, layer: Layer) -> Tensor:
        number = F16 if self._batch.flash_attention else F32
        return self._input("mask", self.cells(layer) * self._batch.tokens * number, layer.windowed)

    def key_places(self, layer: Layer) -> Tensor:
        return self._input("key places", self._batch.tokens * _I64, layer.windowed)

    def value_places(self, layer: Layer) -> Tensor:
        """Without flash attention the cache is transposed, and each number has a place of its own."""
        each = 1 if self._batch.flash_attention else self.longest_values
        return self._input("value places", self._batch.tokens * each * _I64, layer.windowed)

    def key_rotation(self, layer: Layer) -> Tensor | None:
        """The Hadamard matrix that keys are turned by before they are quantized, as large as fits."""
        if not self._turns(self._key_lengths[layer.windowed], self._batch.kv_type):
            return None
        side = _rotation_side(layer.key_length)
        return self._input("key rotation", side * side * F32, layer.windowed)

    def value_rotation(self, layer: Layer) -> Tensor | None:
        """Values are quantized with flash attention only."""
        unturned = self._geometry.latent or not self._batch.flash_attention
        value_type = self._batch.value_type or self._batch.kv_type
        if unturned or not self._turns(self._value_lengths[layer.windowed], value_type):
            return None
        return self._input("value rotation", _SMALLEST_ROTATION**2 * F32, layer.windowed)

    def index_rotation(self, indexer: Indexer) -> Tensor:
        """As `key_rotation`, but whatever the type of the cache."""
        return self._input("index rotation", _rotation_side(indexer.key_length) ** 2 * F32)

    def index_key_places(self) -> Tensor:
        return self._input("index key places", self._batch.tokens * _I64)

    def index_mask(self) -> Tensor:
        return self._input("index mask", self._batch.cells * self._batch.tokens * F16)

    def cells_of_positions(self, indexer: Indexer) -> Tensor:
        numbers = indexer.reserved_positions * self._batch.sequences
        return self._input("cells of positions", numbers * I32)

    def position_mask(self, indexer: Indexer) -> Tensor:
        return self._input("position mask", indexer.reserved_positions * self._batch.tokens * F32)

    def block_bias(self, indexer: Indexer) -> Tensor:
        return self._input("block bias", indexer.reserved_blocks * self._batch.tokens * F32)

    def blocks_of_cells(self) -> Tensor:
        return self._input("blocks of cells", self._batch.cells * self._batch.sequences * I32)

    def wide_mask(self, layer: Layer) -> Tensor:
        """The mask in F32, made once for all layers."""
        if self._wide_mask is None:
            self._wide_mask = result(self.cells(layer) * self._batch.tokens * F32, self.mask(layer))
        return self._wide_mask

    def _turns(self, lengths: set[int], kv_type: KvType) -> bool:
        """`lengths` of the heads that are in one cache."""
        return kv_type != "f16" and len(lengths) == 1 and not min(lengths) % _SMALLEST_ROTATION

    def _input(self, name: str, size: int, windowed: bool = False) -> Tensor:
        key = (name, windowed)
        if key not in self._made:
            made = self._made[key] = Tensor(size, given=True)
            made.device = PROCESSOR
        return self._made[key]


def _rotation_side(length: int) -> int:
    """The largest power of two that divides `length`."""
    return max(length & -length, _SMALLEST_ROTATION)
