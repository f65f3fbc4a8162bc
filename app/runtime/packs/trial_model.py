"""The smallest model that makes a runtime compute what every model needs, to try a pack with."""

from __future__ import annotations

from pathlib import Path

_HIDDEN, _HEADS, _LAYERS, _CONTEXT = 64, 2, 2, 64


def write_trial_model(path: Path) -> None:
    """A llama with random weights in Q8_0 and a vocabulary of bytes, of some 100 KB."""
    # Here, since they take as long to import as a worker takes to start, and packs are seldom tried.
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([int(kind) for _, kind in tokens])
    chance = np.random.default_rng(0)

    def add(name: str, rows: int = 0) -> None:
        if not rows:
            writer.add_tensor(f"{name}.weight", np.ones(_HIDDEN, np.float32))
            return
        kind = gguf.GGMLQuantizationType.Q8_0
        weights = chance.standard_normal((rows, _HIDDEN), np.float32) / np.sqrt(_HIDDEN)
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weights, kind), raw_dtype=kind)

    add("token_embd", len(tokens))
    add("output", len(tokens))
    add("output_norm")
    for layer in range(_LAYERS):
        add(f"blk.{layer}.attn_norm")
        add(f"blk.{layer}.ffn_norm")
        for matrix in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            add(f"blk.{layer}.{matrix}", _HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
