"""Graphics cards that are not there, for llama.cpp to plan with: what it would reserve on each.

`python -m tests.helpers.pretend_cards MODEL QUESTIONS` loads MODEL, which may be a ghost, without memory (`no_alloc`)
and prints a line of JSON for each question. The scheduler and the allocator are llama.cpp's own; of a card they ask
only what is answered here: its free memory, its alignment, which operations it wants though their weights are in
main memory. Nothing is ever computed. A process of its own, since a failed assertion in llama.cpp ends it.

Sources: `ggml-backend-impl.h` for the tables of functions, `ggml-cuda.cu` for what a CUDA card answers.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_bool, c_char_p, c_int, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import llama_cpp

_INTERFACE_VERSION = 2
_GPU = 1
_SOMEWHERE = 1 << 30
_EXPERTS = rb"\.ffn_(up|down|gate|gate_up)_(ch)?exps"
_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}


@dataclass(frozen=True)
class Card:
    """`wanted_batch`: the fewest tokens for which it takes over operations whose weights are in main memory, 0: never.
    `widens_cache`, `fuses_experts`: like CUDA it takes more memory for attention to a quantized cache, and for the
    sum of experts."""

    name: str
    free_bytes: int
    alignment: int
    wanted_batch: int
    widens_cache: bool
    fuses_experts: bool


class _Tensor(Structure):
    _fields_: ClassVar = [
        ("type", c_int),
        ("buffer", c_void_p),
        ("ne", c_int64 * 4),
        ("nb", c_size_t * 4),
        ("op", c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", c_void_p * 10),
        ("view_src", c_void_p),
    ]


class Properties(Structure):
    _fields_: ClassVar = [
        ("name", c_char_p),
        ("description", c_char_p),
        ("free", c_size_t),
        ("total", c_size_t),
        ("type", c_int),
        ("id", c_char_p),
        ("capabilities", c_bool * 5),
    ]


class _BufferTable(Structure):
    _fields_: ClassVar = [("functions", c_void_p * 11)]


class _Dependencies(Structure):
    _fields_: ClassVar = [("add", CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)), ("user_data", c_void_p)]


class _Override(Structure):
    _fields_: ClassVar = [("pattern", c_char_p), ("buffer_type", c_void_p)]


_library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml.so.0"))
"""The one that llama.cpp is linked with: under another name it would be loaded twice, with two lists of devices."""


def function_of(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


_register = function_of("ggml_backend_register", None, c_void_p)
_make_buffer = function_of("ggml_backend_buffer_init", c_void_p, c_void_p, _BufferTable, c_void_p, c_size_t)
_allocate = function_of("ggml_backend_buft_alloc_buffer", c_void_p, c_void_p, c_size_t)
_processor_type = function_of("ggml_backend_cpu_buffer_type", c_void_p)
_bytes_of = function_of("ggml_nbytes", c_size_t, c_void_p)
_rows_of = function_of("ggml_nrows", c_int64, c_void_p)
_op_name = function_of("ggml_op_name", c_char_p, c_int)
_node_count = function_of("ggml_graph_n_nodes", c_int, c_void_p)
_node = function_of("ggml_graph_node", c_void_p, c_void_p, c_int)

_reserve = llama_cpp.llama_cpp._lib["_Z19llama_graph_reserveP13llama_contextjjj"]
_reserve.restype, _reserve.argtypes = c_void_p, (c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32)

_kept: list[object] = []
"""What llama.cpp has pointers to."""

_allocated: dict[str, int] = {}
"""The last buffer on each card and in main memory, in bytes."""


def pointers(size: int, entries: dict[int, tuple[Any, Callable[..., Any]]]) -> list[int | None]:
    """Pointers to functions, by their place among `size`."""
    found: list[int | None] = [None] * size
    for place, (form, function) in entries.items():
        callback = form(function)
        _kept.append(callback)
        found[place] = ctypes.cast(callback, c_void_p).value
    return found


def text_of(words: str) -> int:
    memory = ctypes.create_string_buffer(words.encode())
    _kept.append(memory)
    return ctypes.addressof(memory)


def struct_of(*words: int | None) -> int:
    """The address of a struct of pointers, for good."""
    memory = (c_void_p * len(words))(*words)
    _kept.append(memory)
    return ctypes.addressof(memory)


_POINTER = CFUNCTYPE(c_void_p, c_void_p)
_SIZE = CFUNCTYPE(c_size_t, c_void_p)
_BOOL = CFUNCTYPE(c_bool, c_void_p)
_ASKED_OF = CFUNCTYPE(c_bool, c_void_p, c_void_p)


def register(cards: list[Card]) -> None:
    devices = [_device(card) for card in cards]
    name = text_of("PRETEND")
    registry = struct_of(
        _INTERFACE_VERSION,
        *pointers(
            4,
            {
                0: (_POINTER, lambda _: name),
                1: (_SIZE, lambda _: len(devices)),
                2: (CFUNCTYPE(c_void_p, c_void_p, c_size_t), lambda _, index: devices[index]),
            },
        ),
        None,
    )
    for device in devices:
        (c_void_p * 18).from_address(device)[15] = registry
    _register(registry)


def _device(card: Card) -> int:
    name = text_of(card.name)
    kind = _buffer_type(card, name)
    host = _host_type()

    def tell_memory(_: int, free: Any, total: Any) -> None:
        free[0] = total[0] = card.free_bytes

    def tell_properties(_: int, told: Any) -> None:
        told[0] = Properties(
            name,
            name,
            card.free_bytes,
            card.free_bytes,
            _GPU,
            None,
            (c_bool * 5)(True, True, False, True, True),
        )

    def wants(_: int, operation: int) -> bool:
        return bool(card.wanted_batch) and _batch_of(operation) >= card.wanted_batch

    size = POINTER(c_size_t)
    words = pointers(
        15,
        {
            0: (_POINTER, lambda _: name),
            1: (_POINTER, lambda _: name),
            2: (CFUNCTYPE(None, c_void_p, size, size), tell_memory),
            3: (CFUNCTYPE(c_int, c_void_p), lambda _: _GPU),
            4: (CFUNCTYPE(None, c_void_p, POINTER(Properties)), tell_properties),
            5: (CFUNCTYPE(c_void_p, c_void_p, c_char_p), lambda _, parameters: backend),
            6: (_POINTER, lambda _: kind),
            7: (_POINTER, lambda _: host),
            9: (_ASKED_OF, lambda _, operation: True),
            10: (_ASKED_OF, lambda _, other: other == kind),
            11: (_ASKED_OF, wants),
        },
    )
    device = struct_of(*words, None, None, None)
    backend = _backend(card, name, device)
    return device


def _buffer_type(card: Card, name: int) -> int:
    table = _BufferTable()
    table.functions[1] = pointers(1, {0: (_POINTER, lambda _: _SOMEWHERE)})[0]
    table.functions[9] = pointers(1, {0: (CFUNCTYPE(None, c_void_p, ctypes.c_uint8), lambda *_: None)})[0]

    def allocate(kind: int, size: int) -> int:
        _allocated[card.name] = size
        return _make_buffer(kind, table, None, size)  # type: ignore[no-any-return]

    words = pointers(
        6,
        {
            0: (_POINTER, lambda _: name),
            1: (CFUNCTYPE(c_void_p, c_void_p, c_size_t), allocate),
            2: (_SIZE, lambda _: card.alignment),
            4: (CFUNCTYPE(c_size_t, c_void_p, c_void_p), lambda _, tensor: _size_on(card, tensor)),
        },
    )
    return struct_of(*words, None, None)


def _host_type() -> int:
    """Main memory under another name, as CUDA has it: so it can be seen how much of it is allocated."""

    def allocate(kind: int, size: int) -> int:
        _allocated["CPU"] = size
        buffer: int = _allocate(_processor_type(), size)
        (c_void_p * 12).from_address(buffer)[11] = kind
        return buffer

    name = text_of("PRETEND_Host")
    processor = (c_void_p * 8).from_address(_processor_type())
    words = pointers(
        6, {0: (_POINTER, lambda _: name), 1: (CFUNCTYPE(c_void_p, c_void_p, c_size_t), allocate)}
    )
    words[2:] = processor[2:6]
    return struct_of(*words, processor[6], None)


def _backend(card: Card, name: int, device: int) -> int:
    entries: dict[int, tuple[Any, Callable[..., Any]]] = {
        0: (_POINTER, lambda _: name),
        1: (CFUNCTYPE(None, c_void_p), lambda _: None),
    }
    if card.fuses_experts:
        entries[15] = (CFUNCTYPE(None, c_void_p, c_void_p, POINTER(_Dependencies)), _keep_experts)
    return struct_of(struct_of(None, None), *pointers(16, entries), device, None)


def _tensor(address: int) -> _Tensor:
    return _Tensor.from_address(address)


def _name(tensor: _Tensor) -> bytes:
    return _op_name(tensor.op)  # type: ignore[no-any-return]


def _batch_of(operation: int) -> int:
    tensor = _tensor(operation)
    match _name(tensor):
        case b"GET_ROWS":
            return 0
        case b"MUL_MAT":
            return int(tensor.ne[1])
        case b"MUL_MAT_ID" | b"ROPE" | b"ROPE_BACK":
            return int(tensor.ne[2])
    return int(_rows_of(operation))


def _size_on(card: Card, address: int) -> int:
    tensor = _tensor(address)
    size: int = _bytes_of(address)
    if card.widens_cache and _name(tensor) == b"FLASH_ATTN_EXT":
        keys, values = tensor.src[1], tensor.src[2]
        shared = _tensor(values).view_src and _tensor(values).view_src == _tensor(keys).view_src
        for one in (keys,) if shared else (keys, values):
            if _tensor(one).type != _TYPES["f16"]:
                numbers = 2
                for count in _tensor(one).ne:
                    numbers *= count
                size = -(-size // 128) * 128 + numbers
    return size


def _keep_experts(_: int, graph: int, dependencies: Any) -> None:
    """Experts' results are kept until they are summed, as a weighted sum is computed at once."""
    nodes = [_node(graph, index) for index in range(_node_count(graph))]
    names = [_name(_tensor(node)) for node in nodes]
    for index, node in enumerate(nodes):
        used = _tensor(node).ne[1]
        if names[index] != b"MUL" or not 2 <= used <= 32 or index + 2 * used - 1 >= len(nodes):
            continue
        experts, shares = (_tensor(node).src[place] for place in (0, 1))
        if not experts or not shares or tuple(_tensor(shares).ne) != (1, *_tensor(node).ne[1:]):
            continue
        last = index + 2 * used - 1
        if sorted(names[index + 1 : last + 1]) == [b"ADD"] * (used - 1) + [b"VIEW"] * used:
            for kept in (experts, shares):
                dependencies[0].add(dependencies[0].user_data, kept, nodes[last])


def answer(path: str, question: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """The compute buffers in bytes, and the device of each layer and of the output.

    Not those that are logged: for a dry run the scheduler forgets which norms were bound to a device."""
    lines.clear()
    parameters = llama_cpp.llama_model_default_params()
    parameters.no_alloc, parameters.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
    parameters.n_gpu_layers = question["gpu_layers"]
    stay = question["expert_layers_in_memory"]
    patterns = [rb"blk\.%d%s" % (layer, _EXPERTS) for layer in range(stay)] if stay >= 0 else [_EXPERTS]
    if patterns:
        overrides = (_Override * (len(patterns) + 1))(
            *(_Override(pattern, _processor_type()) for pattern in patterns)
        )
        parameters.tensor_buft_overrides = ctypes.addressof(overrides)
    model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
    if not model:
        sys.exit("".join(lines[-5:]))
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_ubatch, params.n_seq_max = (
        question[key] for key in ("context", "ubatch", "sequences")
    )
    params.n_batch = max(512, question["ubatch"])
    params.flash_attn_type, params.swa_full = int(question["flash_attention"]), False
    params.n_outputs_max = question["outputs"]
    params.type_k = params.type_v = _TYPES[question["kv_type"]]
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        sys.exit("".join(lines[-5:]))
    layers = re.findall(r"layer +\d+ assigned to device (\S+),", "".join(lines))
    _allocated.clear()
    tokens = min(llama_cpp.llama_n_ctx(context), llama_cpp.llama_n_ubatch(context))
    _reserve(context, tokens, question["sequences"], min(tokens, question["outputs"]))
    compute = dict(_allocated)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return {"compute": compute, "layers": layers}


def main() -> None:
    path, cards, questions = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    lines: list[str] = []
    listen = llama_cpp.llama_log_callback(lambda _, text, __: lines.append(text.decode("utf-8", "replace")))
    llama_cpp.llama_log_set(listen, c_void_p(0))
    llama_cpp.llama_backend_init()
    register([Card(**card) for card in cards])
    for question in questions:
        print(json.dumps(answer(path, question, lines)), flush=True)


if __name__ == "__main__":
    main()
