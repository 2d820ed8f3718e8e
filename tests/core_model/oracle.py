"""Tiny random models of transformers, one per family: what ours are compared with."""

from __future__ import annotations

import torch
import transformers

SIZES = {
    "vocab_size": 131,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initializer_range": 0.15,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 10000.0}
DEEPSEEK = {
    "intermediate_size": 48,
    "moe_intermediate_size": 16,
    "num_key_value_heads": 4,
    "n_shared_experts": 2,
    "n_routed_experts": 8,
    "n_group": 4,
    "topk_group": 2,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 12,
    "q_lora_rank": 20,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
QWEN = {
    "intermediate_size": 40,
    "moe_intermediate_size": 16,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "num_experts": 6,
    "num_experts_per_tok": 2,
}
MIXTRAL = {"intermediate_size": 24, "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2}

# name -> (family, settings beside SIZES)
CASES = {
    "llama": ("llama", {"intermediate_size": 48, "num_key_value_heads": 2}),
    "llama-tied-biased-llama3": (
        "llama",
        {"intermediate_size": 48, "tie_word_embeddings": True, "attention_bias": True, "rope_parameters": LLAMA3},
    ),
    "mixtral": ("mixtral", MIXTRAL),
    "mixtral-window": ("mixtral", {**MIXTRAL, "sliding_window": 5}),
    "qwen3_moe": ("qwen3_moe", {**QWEN, "norm_topk_prob": True, "mlp_only_layers": [1]}),
    "qwen3_moe-yarn": ("qwen3_moe", {**QWEN, "decoder_sparse_step": 2, "rope_parameters": YARN}),
    "deepseek_v3": ("deepseek_v3", DEEPSEEK),
    "deepseek_v3-yarn-full-query": (
        "deepseek_v3",
        {
            **DEEPSEEK,
            "q_lora_rank": None,
            "rope_interleave": False,
            "rope_parameters": {**YARN, "mscale": 0.7, "mscale_all_dim": 1.0, "beta_fast": 8, "beta_slow": 1},
        },
    ),
}
CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "mixtral": (transformers.MixtralConfig, transformers.MixtralForCausalLM),
    "qwen3_moe": (transformers.Qwen3MoeConfig, transformers.Qwen3MoeForCausalLM),
    "deepseek_v3": (transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM),
}


def oracle(name: str) -> transformers.PreTrainedModel:
    """Make the model of a case, seeded; norms, biases and router biases are drawn too, so that none is trivial."""
    family, settings = CASES[name]
    config_class, model_class = CLASSES[family]
    torch.manual_seed(7)
    model = model_class(config_class(**SIZES, **settings)).eval()
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if "norm" in key:
                tensor.normal_(1.0, 0.1, generator=generator)
            elif "bias" in key or key.endswith("gate.weight"):
                tensor.normal_(0.0, 0.2, generator=generator)
    return model


def token_ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, SIZES["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(seed))
