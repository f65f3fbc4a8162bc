"""The Llama architecture in PyTorch, small and plain; for training only.

Tensor names and shapes are those of Hugging Face's LlamaForCausalLM, so that its checkpoint is one.
RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et al. 2021) in the half-split layout,
grouped-query attention (Ainslie et al. 2023), SwiGLU (Shazeer 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Geometry:
    """Sizes in elements; hidden and feed-forward are multiples of 256, the block of the k-quants."""

    vocabulary: int
    hidden: int = 512
    feed_forward: int = 1024
    layers: int = 3
    heads: int = 8
    kv_heads: int = 4
    context: int = 1024
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_length(self) -> int:
        return self.hidden // self.heads


class RMSNorm(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(geometry.hidden))
        self.epsilon = geometry.norm_epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.epsilon)


class Attention(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        g = self.geometry = geometry
        self.q_proj = nn.Linear(g.hidden, g.heads * g.head_length, bias=False)
        self.k_proj = nn.Linear(g.hidden, g.kv_heads * g.head_length, bias=False)
        self.v_proj = nn.Linear(g.hidden, g.kv_heads * g.head_length, bias=False)
        self.o_proj = nn.Linear(g.heads * g.head_length, g.hidden, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        g = self.geometry
        batch, length, _ = x.shape
        q = self.q_proj(x).view(batch, length, g.heads, g.head_length).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, g.kv_heads, g.head_length).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, g.kv_heads, g.head_length).transpose(1, 2)
        q, k = rotate(q, rotation), rotate(k, rotation)
        groups = g.heads // g.kv_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        # Written out: on a processor and at such lengths faster than the fused kernel's way back.
        scores = (q @ k.transpose(-2, -1)).float() * g.head_length**-0.5 + mask
        mixed = scores.softmax(-1).to(v.dtype) @ v
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(geometry.hidden, geometry.feed_forward, bias=False)
        self.up_proj = nn.Linear(geometry.hidden, geometry.feed_forward, bias=False)
        self.down_proj = nn.Linear(geometry.feed_forward, geometry.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(geometry)
        self.self_attn = Attention(geometry)
        self.post_attention_layernorm = RMSNorm(geometry)
        self.mlp = FeedForward(geometry)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor, dropout: float) -> Tensor:
        x = x + dropped(self.self_attn(self.input_layernorm(x), rotation, mask), dropout)
        return x + dropped(self.mlp(self.post_attention_layernorm(x)), dropout)


class Llama(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(geometry.vocabulary, geometry.hidden)
        self.model.layers = nn.ModuleList(Layer(geometry) for _ in range(geometry.layers))
        self.model.norm = RMSNorm(geometry)
        self.lm_head = nn.Linear(geometry.hidden, geometry.vocabulary, bias=False)
        self._initialize()

    @property
    def device(self) -> torch.device:
        return self.lm_head.weight.device

    def forward(self, tokens: Tensor, dropout: float = 0.0) -> Tensor:
        """Logits [batch, length, vocabulary] of `tokens` [batch, length]."""
        x = self.model.embed_tokens(tokens)
        rotation = rotations(self.geometry, tokens.shape[1], tokens.device)
        mask = torch.full((tokens.shape[1], tokens.shape[1]), -torch.inf, device=tokens.device).triu(1)
        for layer in self.model.layers:
            x = layer(x, rotation, mask, dropout)
        return self.lm_head(self.model.norm(x))

    def _initialize(self) -> None:
        """As GPT-2 (Radford et al. 2019): what is added to the residual stream starts smaller."""
        smaller = (2 * self.geometry.layers) ** -0.5
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                ends_a_branch = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 * (smaller if ends_a_branch else 1.0))


def dropped(x: Tensor, share: float) -> Tensor:
    """Dropout with one mask for all positions of a sequence (Gal and Ghahramani 2016): few draws."""
    if share == 0.0:
        return x
    kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= share
    return x * (kept / (1 - share)).to(x.dtype)


def rotations(geometry: Geometry, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, head length] of the rotary positions."""
    half = torch.arange(0, geometry.head_length, 2, dtype=torch.float32, device=device)
    frequencies = geometry.rope_theta ** (-half / geometry.head_length)
    angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = rotation
    first, second = x.chunk(2, dim=-1)
    return x * cosine.to(x.dtype) + torch.cat((-second, first), dim=-1) * sine.to(x.dtype)
