"""The settings of others, both ways: `config.json` of Llama, Mixtral, Qwen3-MoE, DeepSeek-V3, and our own.

No weights are touched here and torch is not imported; the names of tensors are in `layout.py`. A model that a family
cannot say is refused with the settings it cannot say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trivium.core_model.checks import short
from trivium.core_model.config import FAMILIES, ModelConfig, RopeScaling
from trivium.service.errors import InputError

__all__ = ["read_config", "write_config"]

ARCHITECTURES = {
    "trivium": "TriviumForCausalLM",
    "llama": "LlamaForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "deepseek_v3": "DeepseekV3ForCausalLM",
}


def read_config(data: Mapping[str, Any]) -> ModelConfig:
    """Turn the contents of a `config.json` into ours.

    Raises:
        InputError: if the family is unknown, a needed setting is absent, or one asks for what we do not compute.
    """
    family = data.get("model_type")
    if family == "trivium":
        return ModelConfig.from_json(_object(data, "trivium"))
    if family not in FAMILIES:
        raise InputError(f"model_type {family!r} is unknown", hint=f"known: {', '.join(FAMILIES)}")
    _refuse(data)
    try:
        return ModelConfig(family=family, **_read_common(data, family), **_READERS[family](data))
    except KeyError as error:
        raise InputError(f"config.json of a {family} model lacks {error.args[0]!r}") from None


def write_config(config: ModelConfig) -> dict[str, Any]:
    """Turn ours into the contents of a `config.json` of `config.family`.

    Raises:
        InputError: if the family has no way to say some setting; the message names them.
    """
    family = config.family
    data = {"model_type": family, "architectures": [ARCHITECTURES[family]]}
    if family == "trivium":
        return data | {"trivium": config.to_json()}
    if (family == "llama") == (config.num_experts > 0):
        raise InputError(
            f"a {family} checkpoint cannot say num_experts = {config.num_experts}",
            hint="write it with family='trivium'",
        )
    data |= _write_common(config) | _WRITERS[family](config)
    understood = read_config(data)
    lost = [
        f"{entry.name} = {getattr(config, entry.name)!r}"
        for entry in dataclasses.fields(config)
        if getattr(config, entry.name) != getattr(understood, entry.name)
    ]
    if lost:
        raise InputError(f"a {family} checkpoint cannot say {', '.join(lost)}", hint="write it with family='trivium'")
    return data


def _read_common(data: Mapping[str, Any], family: str) -> dict[str, Any]:
    return {
        "vocab_size": data["vocab_size"],
        "dim": data["hidden_size"],
        "num_layers": data["num_hidden_layers"],
        "num_heads": data["num_attention_heads"],
        "max_positions": data.get("max_position_embeddings", 2048),
        "norm_eps": data.get("rms_norm_eps", 1e-5 if family == "mixtral" else 1e-6),
        "tied_embeddings": data.get("tie_word_embeddings", False),
        "init_std": data.get("initializer_range", 0.02),
        "bos_id": data.get("bos_token_id"),
        "eos_ids": _ids(data.get("eos_token_id")),
        "pad_id": data.get("pad_token_id"),
        **_read_rope(data, family),
    }


def _write_common(config: ModelConfig) -> dict[str, Any]:
    eos = [*config.eos_ids]
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.dim,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied_embeddings,
        "initializer_range": config.init_std,
        "hidden_act": "silu",
        "bos_token_id": config.bos_id,
        "eos_token_id": (eos[0] if len(eos) == 1 else eos) if eos else None,
        "pad_token_id": config.pad_id,
        "rope_theta": config.rope_theta,
        "rope_scaling": _write_scaling(config.rope_scaling),
    }


def _read_rope(data: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Read `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before)."""
    rope = _object(data, "rope_parameters") or _object(data, "rope_scaling")
    theta = rope.get("rope_theta", data.get("rope_theta", 1e6 if family == "mixtral" else 1e4))
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return {"rope_theta": theta, "rope_scaling": None}
    if kind not in ("yarn", "llama3"):
        raise InputError(f"rope type {kind!r} is not computed here", hint="known: default, yarn, llama3")
    names = {entry.name for entry in dataclasses.fields(RopeScaling)} - {"kind", "factor", "original_positions"}
    known = {name: rope[name] for name in names if rope.get(name) is not None}
    scaling = RopeScaling(kind, rope["factor"], rope["original_max_position_embeddings"], **known)
    return {"rope_theta": theta, "rope_scaling": scaling}


def _write_scaling(scaling: RopeScaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    data = {"rope_type": scaling.kind, "type": scaling.kind, "factor": scaling.factor}
    data["original_max_position_embeddings"] = scaling.original_positions
    return data | {name: getattr(scaling, name) for name in _SCALES[scaling.kind] if getattr(scaling, name) is not None}


_SCALES = {
    "yarn": ("beta_fast", "beta_slow", "mscale", "mscale_all_dim", "attention_factor", "truncate"),
    "llama3": ("low_freq_factor", "high_freq_factor"),
}


def _read_heads(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "num_kv_heads": data.get("num_key_value_heads") or 0,
        "head_dim": data.get("head_dim") or 0,
        "attention_bias": data.get("attention_bias", False),
    }


def _write_heads(config: ModelConfig) -> dict[str, Any]:
    return {
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "attention_bias": config.attention_bias,
    }


def _read_llama(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"hidden_dim": data["intermediate_size"], **_read_heads(data)}


def _write_llama(config: ModelConfig) -> dict[str, Any]:
    return {"intermediate_size": config.hidden_dim, "mlp_bias": False, **_write_heads(config)}


def _read_mixtral(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "num_experts": data.get("num_local_experts", 8),
        "experts_per_token": data.get("num_experts_per_tok", 2),
        "expert_dim": data["intermediate_size"],
        "aux_loss_weight": data.get("router_aux_loss_coef", 0.001),
        "window": data.get("sliding_window") or 0,
        **_read_heads(data),
    }


def _write_mixtral(config: ModelConfig) -> dict[str, Any]:
    return {
        "num_local_experts": config.num_experts,
        "num_experts_per_tok": config.experts_per_token,
        "intermediate_size": config.expert_dim,
        "router_aux_loss_coef": config.aux_loss_weight,
        "sliding_window": config.window or None,
        **_write_heads(config),
    }


def _read_qwen3_moe(data: Mapping[str, Any]) -> dict[str, Any]:
    step, dense = _whole(data, "decoder_sparse_step", 1) or 1, _ids(data.get("mlp_only_layers"))
    layers = range(_whole(data, "num_hidden_layers"))
    return {
        "hidden_dim": data["intermediate_size"],
        "num_experts": data["num_experts"] if "num_experts" in data else data["num_local_experts"],
        "experts_per_token": data.get("num_experts_per_tok", 8),
        "expert_dim": data["moe_intermediate_size"],
        "normalize_weights": data.get("norm_topk_prob", False),
        "aux_loss_weight": data.get("router_aux_loss_coef", 0.001),
        "dense_layers": tuple(layer for layer in layers if layer in dense or (layer + 1) % step),
        "query_key_norm": True,
        "window": (data.get("sliding_window") or 0) if data.get("use_sliding_window") else 0,
        **_read_heads(data),
    }


def _write_qwen3_moe(config: ModelConfig) -> dict[str, Any]:
    return {
        "intermediate_size": config.hidden_dim,
        "num_experts": config.num_experts,
        "num_experts_per_tok": config.experts_per_token,
        "moe_intermediate_size": config.expert_dim,
        "norm_topk_prob": config.normalize_weights,
        "router_aux_loss_coef": config.aux_loss_weight,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [*config.dense_layers],
        "use_sliding_window": config.window > 0,
        "sliding_window": config.window or None,
        "max_window_layers": 0 if config.window else config.num_layers,
        **_write_heads(config),
    }


def _read_deepseek_v3(data: Mapping[str, Any]) -> dict[str, Any]:
    dense = min(_whole(data, "first_k_dense_replace", 3), _whole(data, "num_hidden_layers"))
    return {
        "hidden_dim": data["intermediate_size"],
        "attention": "latent",
        "attention_bias": data.get("attention_bias", False),
        "query_rank": data.get("q_lora_rank") or 0,
        "kv_rank": data["kv_lora_rank"],
        "nope_dim": data["qk_nope_head_dim"],
        "rope_dim": data["qk_rope_head_dim"],
        "value_dim": data["v_head_dim"],
        "rope_interleaved": data.get("rope_interleave", True),
        "num_experts": data["n_routed_experts"],
        "experts_per_token": data["num_experts_per_tok"],
        "expert_dim": data["moe_intermediate_size"],
        "num_shared_experts": data.get("n_shared_experts") or 0,
        "dense_layers": tuple(range(dense)),
        "router_scores": "sigmoid",
        "normalize_weights": data.get("norm_topk_prob", True),
        "route_scale": data.get("routed_scaling_factor", 1.0),
        "router_bias": True,
        "num_groups": data.get("n_group") or 1,
        "groups_per_token": data.get("topk_group") or 1,
        "aux_loss_weight": data.get("aux_loss_alpha", 0.0),
        "num_mtp_layers": data.get("num_nextn_predict_layers") or 0,
    }


def _write_deepseek_v3(config: ModelConfig) -> dict[str, Any]:
    return {
        "intermediate_size": config.hidden_dim,
        "attention_bias": config.attention_bias,
        "num_key_value_heads": config.num_heads,
        "q_lora_rank": config.query_rank or None,
        "kv_lora_rank": config.kv_rank,
        "qk_nope_head_dim": config.nope_dim,
        "qk_rope_head_dim": config.rope_dim,
        "v_head_dim": config.value_dim,
        "rope_interleave": config.rope_interleaved,
        "n_routed_experts": config.num_experts,
        "num_experts_per_tok": config.experts_per_token,
        "moe_intermediate_size": config.expert_dim,
        "n_shared_experts": config.num_shared_experts,
        "first_k_dense_replace": len(config.dense_layers),
        "moe_layer_freq": 1,
        "scoring_func": "sigmoid",
        "topk_method": "noaux_tc",
        "norm_topk_prob": config.normalize_weights,
        "routed_scaling_factor": config.route_scale,
        "n_group": config.num_groups,
        "topk_group": config.groups_per_token,
        "aux_loss_alpha": config.aux_loss_weight,
        "num_nextn_predict_layers": config.num_mtp_layers,
    }


_READERS = {
    "llama": _read_llama,
    "mixtral": _read_mixtral,
    "qwen3_moe": _read_qwen3_moe,
    "deepseek_v3": _read_deepseek_v3,
}
_WRITERS = {
    "llama": _write_llama,
    "mixtral": _write_mixtral,
    "qwen3_moe": _write_qwen3_moe,
    "deepseek_v3": _write_deepseek_v3,
}


def _refuse(data: Mapping[str, Any]) -> None:
    """Stop at settings that change the computation in ways we do not have."""
    only: dict[str, tuple[Any, ...]] = {
        "hidden_act": ("silu", "swish"),
        "mlp_bias": (False,),
        "moe_layer_freq": (1,),
        "scoring_func": ("sigmoid",) if data.get("model_type") == "deepseek_v3" else (data.get("scoring_func"),),
        "topk_method": ("noaux_tc",),
        "partial_rotary_factor": (1, 1.0),
    }
    for name, known in only.items():
        if data.get(name) is not None and data[name] not in known:
            raise InputError(f"{name} = {data[name]!r} is not computed here", hint=f"known: {known[0]!r}")
    if quantized := _object(data, "quantization_config"):
        method = quantized.get("quant_method", "unknown")
        raise InputError(f"the weights are quantized ({method})", hint="convert them to bfloat16 first")


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return settings that lie within others; none where there are none."""
    value = data.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name} is {short(value)}", hint="settings by name were expected")
    return value or {}


def _whole(data: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Return a whole number that others follow from."""
    value = data[name] if default is None else data.get(name, default)
    if type(value) is not int or value < 0:
        raise InputError(f"{name} is {short(value)}", hint="give a whole number, 0 or more")
    return value


def _ids(value: Any) -> tuple[Any, ...]:
    """Return one number, several or none as several."""
    return tuple(value) if isinstance(value, list | tuple) else () if value is None else (value,)
