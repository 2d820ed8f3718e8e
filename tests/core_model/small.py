"""Small models of every kind of attention and feed-forward, for tests."""

from __future__ import annotations

from trivium.core_model.config import ModelConfig

BASE = {
    "vocab_size": 97,
    "dim": 32,
    "num_layers": 3,
    "num_heads": 4,
    "num_kv_heads": 2,
    "hidden_dim": 48,
    "init_std": 0.15,
    "max_positions": 64,
    "eos_ids": (2,),
    "pad_id": 0,
}
LATENT = {"attention": "latent", "query_rank": 16, "kv_rank": 12, "nope_dim": 8, "rope_dim": 4, "value_dim": 8}
EXPERTS = {
    "num_experts": 8,
    "experts_per_token": 2,
    "expert_dim": 16,
    "num_shared_experts": 1,
    "dense_layers": (0,),
    "num_groups": 4,
    "groups_per_token": 2,
    "router_scores": "sigmoid",
    "router_bias": True,
    "route_scale": 2.5,
}
WINDOW = {"window": 5, "global_tokens": 2, "memory_slots": 3}
KINDS = {
    "grouped": {},
    "latent": LATENT,
    "experts": EXPERTS,
    "latent-experts": {**LATENT, **EXPERTS},
    "window": {"window": 4},
    "window-global-memory": WINDOW,
    "latent-window-global-memory": {**LATENT, **WINDOW},
    "low-rank-experts": {"num_experts": 4, "experts_per_token": 2, "expert_rank": 4},
}


def small_config(kind: str = "grouped", **changes: object) -> ModelConfig:
    return ModelConfig(**{**BASE, **KINDS[kind], **changes})
