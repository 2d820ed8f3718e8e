"""One optimizer step of a mixture of experts on one GPU, bf16, beside the same model in transformers, in one process.

12 layers of width 768, 12 query and 4 key heads of 64, 32 experts of 512 with 4 chosen, vocabulary 32,000 with tied
embeddings: 100 M parameters work for a token, 496 M in all. 8 rows of 2,048 random tokens; AdamW (fused), gradients
clipped. Each is run plain and compiled. FLOPs are 6 per active parameter and token (the embedding counts once, as the
head) and 12 T per layer and attention width, halved because it is causal; MFU is their share of an 8192-wide product.
Run: `python benchmarks/train_gpu.py --seed 1`; `--small` is for trying the script on a CPU.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_clock import median_ms
from setting import arguments, setting
from torch import nn
from torch.nn import functional as F

from trivium.core_model.checkpoint import from_pretrained

SIZES: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "num_experts": 32,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
    "intermediate_size": 2048,
}
SMALL = {**SIZES, "vocab_size": 128, "hidden_size": 64, "num_hidden_layers": 2, "head_dim": 16, "num_experts": 8}
PACKAGES = ("torch", "triton", "transformers")
TARGET = 2.0


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--small", action="store_true", help="a tiny model and batch, float32, on the CPU")
    options = parser.parse_args()
    sizes, device = (SMALL, "cpu") if options.small else (SIZES, "cuda")
    rows, length = (2, 64) if options.small else (8, 2048)
    name = "CPU" if options.small else torch.cuda.get_device_name()
    print(setting(PACKAGES, options.seed) + f", {name}")
    torch.manual_seed(options.seed)
    ids = torch.randint(0, sizes["vocab_size"], (rows, length), device=device)
    peak = _peak() if not options.small else float("nan")
    with tempfile.TemporaryDirectory() as folder:
        makers = _makers(sizes, Path(folder), device, torch.float32 if options.small else torch.bfloat16)
        rates: dict[str, float] = {}
        for kind, make in makers.items():
            if options.small and "compiled" in kind:
                continue
            rates[kind] = _measure(kind, make(), ids, sizes, peak)
            gc.collect()
    ours = max(rate for kind, rate in rates.items() if kind.startswith("ours"))
    theirs = {kind: rate for kind, rate in rates.items() if kind.startswith("transformers")}
    plain, best = theirs["transformers"], max(theirs.values())
    print(
        f"{'PASS' if ours >= TARGET * plain else 'FAIL'}: {ours / plain:.2f} x transformers (target {TARGET:.0f}), "
        f"{ours / best:.2f} x its compiled model"
    )
    return 0 if ours >= TARGET * plain else 1


def _makers(sizes: dict[str, Any], folder: Path, device: str, dtype: torch.dtype) -> dict[str, Callable[[], Any]]:
    """Return how each contender is made, all with the same weights."""
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    def config() -> Any:
        return Qwen3MoeConfig(
            **sizes,
            norm_topk_prob=True,
            tie_word_embeddings=True,
            max_position_embeddings=4096,
            experts_implementation="grouped_mm",
            use_cache=False,
        )

    Qwen3MoeForCausalLM(config()).to(dtype).save_pretrained(folder)

    def theirs() -> nn.Module:
        model = Qwen3MoeForCausalLM(config()).to(device, dtype)
        model.load_state_dict(Qwen3MoeForCausalLM.from_pretrained(folder, dtype=dtype).state_dict())
        return model.train()

    def ours() -> nn.Module:
        return from_pretrained(folder, dtype=dtype, device=device).train()

    def compiled(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        def made() -> nn.Module:
            model = make()
            model.forward = torch.compile(model.forward)
            return model

        return made

    return {
        "transformers": theirs,
        "ours": ours,
        "transformers, compiled": compiled(theirs),
        "ours, compiled": compiled(ours),
    }


def _measure(kind: str, model: nn.Module, ids: torch.Tensor, sizes: dict[str, Any], peak: float) -> float:
    """Print and return tokens per second."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=ids.is_cuda)

    def step() -> None:
        logits = model(ids).logits[:, :-1]
        F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if ids.is_cuda:
        torch.cuda.reset_peak_memory_stats()
    took = median_ms(step, warm=4, times=10)
    rate = ids.numel() / took * 1e3
    memory = torch.cuda.max_memory_allocated() / 2**30 if ids.is_cuda else float("nan")
    used = rate * _flops_of_a_token(sizes, ids.shape[1]) / 1e12
    print(
        f"  {kind:24} {took:7.1f} ms a step, {rate:9,.0f} tokens/s, {used:.0f} TFLOP/s, MFU {used / peak:.3f}, "
        f"peak memory {memory:.1f} GiB",
        flush=True,
    )
    return rate


def _flops_of_a_token(sizes: dict[str, Any], length: int) -> float:
    dim, head = sizes["hidden_size"], sizes["head_dim"]
    heads, kv_heads = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    attention = dim * head * (2 * heads + 2 * kv_heads)
    experts = dim * sizes["num_experts"] + 3 * dim * sizes["moe_intermediate_size"] * sizes["num_experts_per_tok"]
    active = sizes["num_hidden_layers"] * (attention + experts) + dim * sizes["vocab_size"]
    return 6 * active + 6 * sizes["num_hidden_layers"] * heads * head * length


def _peak() -> float:
    """Return the TFLOP/s of a large product."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    found = 2 * 8192**3 / median_ms(lambda: a @ b) / 1e9
    print(f"  ceiling: {found:.0f} TFLOP/s")
    return found


if __name__ == "__main__":
    sys.exit(main())
