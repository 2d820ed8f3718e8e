"""The tensors of others: which parameter, or part of a stacked one, each tensor of a family's files is.

No weights are touched here and torch is not imported; the settings of a family are in `families.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trivium.core_model.config import ModelConfig

__all__ = ["Place", "layout"]


@dataclass(frozen=True)
class Place:
    """Where a tensor of a file belongs.

    Args:
        parameter: our name.
        expert: index into a stacked parameter; None for the whole.
        half: 0 or 1 for the first or second half of that expert's rows; None for all.
        is_copy: the file repeats a tensor that it holds elsewhere: written, not read.
    """

    parameter: str
    expert: int | None = None
    half: int | None = None
    is_copy: bool = False


_ATTENTION = {
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
}
_LATENT = {
    "attention.query_down": "self_attn.q_a_proj",
    "attention.query_norm": "self_attn.q_a_layernorm",
    "attention.query_up": "self_attn.q_b_proj",
    "attention.kv_down": "self_attn.kv_a_proj_with_mqa",
    "attention.kv_norm": "self_attn.kv_a_layernorm",
    "attention.kv_up": "self_attn.kv_b_proj",
    "attention.output": "self_attn.o_proj",
}
_BLOCK = {
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
    "feed_forward.router": "mlp.gate",
    "feed_forward.shared.gate": "mlp.shared_experts.gate_proj",
    "feed_forward.shared.up": "mlp.shared_experts.up_proj",
    "feed_forward.shared.down": "mlp.shared_experts.down_proj",
}
_AHEAD = {"embedding_norm": "enorm", "hidden_norm": "hnorm", "project": "eh_proj", "norm": "shared_head.norm"}
_TOP = {
    "embedding.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}


def layout(config: ModelConfig, parameters: Iterable[str]) -> dict[str, Place]:
    """Say for every tensor of a checkpoint where it belongs.

    Args:
        config: names the family and the number of experts.
        parameters: our names, as in the decoder's state dict.

    Returns:
        Tensor name in the file -> place, in the order of `parameters`.
    """
    if config.family == "trivium":
        return {f"decoder.{name}": Place(name) for name in parameters}
    places: dict[str, Place] = {}
    for name in parameters:
        head, _, rest = name.partition(".")
        if head == "layers":
            index, _, inner = rest.partition(".")
            places |= _block(config, f"model.layers.{index}", name, inner)
        elif head == "ahead":
            index, _, inner = rest.partition(".")
            places |= _ahead(config, f"model.layers.{config.num_layers + int(index)}", name, inner)
        else:
            places[_TOP[name]] = Place(name)
    return places


def _block(config: ModelConfig, prefix: str, name: str, inner: str) -> dict[str, Place]:
    """Place one parameter of a block: `inner` is its name there, such as `attention.query.weight`."""
    moe, gate, up, down = "mlp", "gate_proj", "up_proj", "down_proj"
    if config.family == "mixtral":
        moe, gate, up, down = "block_sparse_moe", "w1", "w3", "w2"
    experts = f"{prefix}.{moe}.experts"
    if inner == "feed_forward.experts.gate_up":
        return {
            f"{experts}.{expert}.{part}.weight": Place(name, expert, half)
            for expert in range(config.num_experts)
            for half, part in enumerate((gate, up))
        }
    if inner == "feed_forward.experts.down":
        return {f"{experts}.{expert}.{down}.weight": Place(name, expert) for expert in range(config.num_experts)}
    if inner == "feed_forward.router.bias":
        return {f"{prefix}.{moe}.gate.e_score_correction_bias": Place(name)}
    module, _, leaf = inner.rpartition(".")
    names = _BLOCK | (_LATENT if config.attention == "latent" else _ATTENTION)
    theirs = names[module].replace("mlp", moe) if module == "feed_forward.router" else names[module]
    if module == "attention.query_up" and not config.query_rank:
        theirs = "self_attn.q_proj"
    return {f"{prefix}.{theirs}.{leaf}": Place(name)}


def _ahead(config: ModelConfig, prefix: str, name: str, inner: str) -> dict[str, Place]:
    """Place one parameter of a multi-token prediction module, which repeats embedding and head."""
    if inner.startswith("block."):
        return _block(config, prefix, name, inner.removeprefix("block."))
    module, _, leaf = inner.rpartition(".")
    places = {f"{prefix}.{_AHEAD[module]}.{leaf}": Place(name)}
    if module == "project":
        places[f"{prefix}.embed_tokens.weight"] = Place("embedding.weight", is_copy=True)
        head = "embedding.weight" if config.tied_embeddings else "head.weight"
        places[f"{prefix}.shared_head.head.weight"] = Place(head, is_copy=True)
    return places
