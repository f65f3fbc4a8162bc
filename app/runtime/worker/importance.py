"""Sums up what goes into the weight matrices of a model while its graph runs, for an importance matrix.

Which matrices, and what is counted, is as llama-imatrix does it (`tools/imatrix` of llama.cpp): all matrices in blocks
that meet 16 rows or more, and all those of experts.
"""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from app.core.errors import LoadFailed
from app.gguf.importance import Importance
from app.runtime.worker.graph_tensor import F32, GraphTensor, Numbers, operation

_FEWEST_ROWS = 16
_Int = ctypes.c_int
_Sums = NDArray[np.float32]


class ImportanceCollector:
    """`callback` is llama.cpp's `cb_eval`: it is asked of every node of the graph whether it wants to see it, and is
    shown those it wanted once they are computed.

    What follows the last of them is not computed: what the model expects next does not matter here, and the largest
    matrix of small models is the one for it. That takes passes that are all alike, each begun by `begin_pass`.
    """

    def __init__(self) -> None:
        self.fault: Exception | None = None
        """What went wrong in a pass, which then ends early: a callback cannot raise."""
        self.callback = llama_cpp.ggml_backend_sched_eval_callback(self._on_node)
        self._multiply, self._multiply_by_experts = operation("MUL_MAT"), operation("MUL_MAT_ID")
        self._numbers = Numbers()
        self._sums: dict[str, _Sums] = {}
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._seen = 0
        self._nodes_of_pass = 0
        self._inputs = 0
        self._squares: _Sums = np.empty(0, np.float32)
        self._routed = (0, 0)
        self._by_expert: tuple[_Sums, NDArray[np.int64]]

    def begin_pass(self) -> None:
        self._nodes_of_pass = self._nodes_of_pass or self._seen
        self._seen = 0
        self._inputs, self._routed = 0, (0, 0)

    def importance(self) -> dict[str, Importance]:
        """By the name of the weights' tensor."""
        return {
            name: Importance(sums.reshape(len(self._counts[name]), -1), self._counts[name])
            for name, sums in self._sums.items()
        }

    def _on_node(self, address: int, ask: bool, _: object) -> bool:
        try:
            if ask:
                return self._wants(address)
            self._take(address)
        except Exception as error:
            self.fault = error
            return False
        self._seen += 1
        return self._seen != self._nodes_of_pass

    def _wants(self, address: int) -> bool:
        """For every node, some thousands in a pass."""
        op = _Int.from_address(address + GraphTensor.op.offset).value
        if op != self._multiply and op != self._multiply_by_experts:
            return False
        node = GraphTensor.from_address(address)
        inputs = GraphTensor.from_address(node.src[1])
        if inputs.type != F32:
            return False
        if op == self._multiply_by_experts:
            return True
        return inputs.ne[1] >= _FEWEST_ROWS and _name(node.src[0]).startswith("blk.")

    def _take(self, address: int) -> None:
        node = GraphTensor.from_address(address)
        name = _name(node.src[0])
        if node.op == self._multiply_by_experts:
            self._take_experts(name, node)
        else:
            self._take_matrix(name, node)

    def _take_matrix(self, name: str, node: GraphTensor) -> None:
        """Weights [columns, rows, matrices], inputs [columns, tokens, …]; one count for all."""
        weights = GraphTensor.from_address(node.src[0])
        if node.src[1] != self._inputs:  # queries, keys and values have the same
            self._inputs = node.src[1]
            self._squares = _squares(self._numbers.floats(node.src[1]))
            _require_finite(self._squares, name)
        across, deep = weights.ne[2], weights.ne[3]
        outer, inner, columns = self._squares.shape
        sums = self._sums.setdefault(name, np.zeros((across * deep, columns), np.float32))
        for i in range(outer):
            for j in range(inner):
                sums[(i % deep) * across + j % across] += self._squares[i, j]
        inputs = GraphTensor.from_address(node.src[1])
        rows = inputs.ne[1] * inputs.ne[2] * inputs.ne[3]
        counts = self._counts.setdefault(name, np.zeros(1, np.int64))
        counts += rows // (across * deep)

    def _take_experts(self, name: str, node: GraphTensor) -> None:
        """Weights [columns, rows, experts], inputs [columns, 1 or chosen experts, tokens], ids [chosen, tokens]."""
        if self._routed != (node.src[1], node.src[2]):  # gate and up have the same
            self._routed = (node.src[1], node.src[2])
            experts = GraphTensor.from_address(node.src[0]).ne[2]
            inputs, ids = self._numbers.floats(node.src[1])[0], self._numbers.integers(node.src[2])[0, 0]
            self._by_expert = _squares_by_expert(inputs, ids, experts)
            _require_finite(self._by_expert[0], name)
        squares, tokens = self._by_expert
        self._sums.setdefault(name, np.zeros_like(squares))
        self._sums[name] += squares
        self._counts.setdefault(name, np.zeros_like(tokens))
        self._counts[name] += tokens


def _squares(inputs: _Sums) -> _Sums:
    """Sums of squares over the tokens of [outer, inner, tokens, columns]."""
    squares: _Sums = np.einsum("oitc,oitc->oic", inputs, inputs)
    return squares


def _squares_by_expert(
    inputs: _Sums, ids: NDArray[np.int32], experts: int
) -> tuple[_Sums, NDArray[np.int64]]:
    """Sums of squares for each expert over the rows of `inputs` [tokens, 1 or chosen, columns] that `ids` [tokens,
    chosen] give it, and how many those are."""
    tokens, chosen = ids.shape
    width = inputs.shape[1]
    rows = (np.arange(tokens)[:, None] * width + np.arange(chosen) % width).ravel()
    of_expert = ids.ravel()
    counts = np.bincount(of_expert, minlength=experts)
    if len(counts) != experts:
        raise LoadFailed(
            "This model sends tokens to experts that it does not have.", "Use another file of this model."
        )
    flat = inputs.reshape(tokens * width, -1)
    order = rows[np.argsort(of_expert, kind="stable")]
    sums = np.zeros((experts, flat.shape[1]), np.float32)
    start = 0
    for expert, count in enumerate(counts.tolist()):
        if count:
            given = flat[order[start : start + count]]
            sums[expert] = np.einsum("tc,tc->c", given, given)
            start += count
    return sums, counts


def _require_finite(squares: _Sums, name: str) -> None:
    if not np.isfinite(squares).all():
        raise LoadFailed(
            f"This model computes values for {name} that are no numbers, so its importance matrix cannot be taken.",
            "Use another file of this model, such as BF16 or F32.",
        )


def _name(address: int) -> str:
    """Of weights; a copy on a device is called `CUDA0#blk.0.attn_k.weight#0`."""
    name = GraphTensor.from_address(address).name.decode("utf-8", "replace")
    return name.split("#")[1] if "#" in name else name
