"""One optimizer step of a mixture of experts on one GPU, bf16, beside the same model in transformers, in one process.

12 layers of width 768, 12 query and 4 key heads of 64, 32 experts of 512 with 4 chosen, vocabulary 32,000 with tied
embeddings: 100 M parameters work for a token, 496 M in all. 8 rows of 2,048 random tokens; AdamW (fused), gradients
clipped; each model with its own loss. Each is run plain, with forward and loss compiled, and so that the whole step is
one CUDA graph; ours also with activations computed again. FLOPs are 6 per active parameter and token (the embedding
counts once, as the head) and 12 T per layer and attention width, halved because it is causal; MFU is their share of an
8192-wide product. Energy is the driver's counter over two seconds.
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
from gpu_clock import captured, joules, median_ms
from setting import arguments, setting
from torch import nn

from trivium.core_model.checkpoint import from_pretrained
from trivium.core_model.heads import text_loss_sum, text_targets
from trivium.core_model.train.text import recompute_activations

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
KINDS = (
    "transformers",
    "transformers, compiled",
    "transformers, compiled, CUDA graph",
    "ours",
    "ours, CUDA graph",
    "ours, compiled",
    "ours, compiled, CUDA graph",
    "ours recomputing, CUDA graph",
)

Loss = Callable[[torch.Tensor], torch.Tensor]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--small", action="store_true", help="a tiny model and batch, float32, on the CPU")
    parser.add_argument("--kinds", help="some of the contenders, with semicolons; all without it")
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
        for kind in options.kinds.split(";") if options.kinds else KINDS:
            if options.small and "," in kind:
                continue
            try:
                rates[kind] = _measure(kind, *makers[kind.split(",")[0]](), ids, sizes, peak)
            except Exception as reason:  # one that fails must not take the others' figures along
                print(f"  {kind:34} failed: {type(reason).__name__}: {str(reason)[:200]}", flush=True)
            torch.compiler.reset()
            gc.collect()
            torch.cuda.empty_cache()
    return _verdict(rates)


def _verdict(rates: dict[str, float]) -> int:
    ours = max((rate for kind, rate in rates.items() if kind.startswith("ours")), default=float("nan"))
    theirs = {kind: rate for kind, rate in rates.items() if kind.startswith("transformers")}
    plain, best = theirs.get("transformers", float("nan")), max(theirs.values(), default=float("nan"))
    is_met = ours >= TARGET * plain
    print(
        f"{'PASS' if is_met else 'FAIL'}: {ours / plain:.2f} x transformers (target {TARGET:.0f}), "
        f"{ours / best:.2f} x the best of its forms"
    )
    return 0 if is_met else 1


def _makers(
    sizes: dict[str, Any], folder: Path, device: str, dtype: torch.dtype
) -> dict[str, Callable[[], tuple[nn.Module, Loss]]]:
    """Return how each contender and its loss are made, all with the same weights."""
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

    def theirs() -> tuple[nn.Module, Loss]:
        model = Qwen3MoeForCausalLM(config()).to(device, dtype)
        model.load_state_dict(Qwen3MoeForCausalLM.from_pretrained(folder, dtype=dtype).state_dict())
        return model.train(), lambda ids: model(ids, labels=ids).loss

    def ours() -> tuple[nn.Module, Loss]:
        model = from_pretrained(folder, dtype=dtype, device=device).train()
        return model, lambda ids: text_loss_sum(model(ids).logits, text_targets(ids)) / (ids.numel() - len(ids))

    def recomputing() -> tuple[nn.Module, Loss]:
        model, loss = ours()
        recompute_activations(model)
        return model, loss

    return {"transformers": theirs, "ours": ours, "ours recomputing": recomputing}


def _measure(kind: str, model: nn.Module, loss: Loss, ids: torch.Tensor, sizes: dict[str, Any], peak: float) -> float:
    """Print and return tokens per second."""
    is_graph = "graph" in kind
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=ids.is_cuda, capturable=is_graph)
    loss = torch.compile(loss) if "compiled" in kind else loss

    def step() -> None:
        loss(ids).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if ids.is_cuda:
        torch.cuda.reset_peak_memory_stats()
    work = captured(step) if is_graph else step
    took = median_ms(work, warm=4, times=10)
    rate = ids.numel() / took * 1e3
    memory = torch.cuda.max_memory_allocated() / 2**30 if ids.is_cuda else float("nan")
    used = rate * _flops_of_a_token(sizes, ids.shape[1]) / 1e12
    energy, times = joules(work, seconds=2.0)
    print(
        f"  {kind:34} {took:7.1f} ms a step, {rate:9,.0f} tokens/s, {used:.0f} TFLOP/s, MFU {used / peak:.3f}, "
        f"peak memory {memory:.1f} GiB, {times * ids.numel() / energy:,.0f} tokens a joule",
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
