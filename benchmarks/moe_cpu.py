"""A mixture-of-experts layer against a dense one of equal active FLOPs: forward and backward, float32, one thread.

Run: `python benchmarks/moe_cpu.py --seed 1` . Both layers run alternately in one process; times are CPU seconds of the
process, so that other work on the machine disturbs less, and ratios are of neighbouring runs. The process keeps freed
memory, as `trivium train` does: else the system clears pages of gradients anew in some runs and not in others. Where
transformers is installed its Qwen3-MoE block runs too. Parts of the layer are then timed alone: what the products of
16 experts cost beyond those of one matrix is the floor under any layer built of them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from setting import arguments, setting, verdict
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.layers.feed_forward import FeedForward
from trivium.core_model.moe.grouped import row_ends
from trivium.core_model.moe.layer import MixtureOfExperts
from trivium.core_model.train.memory import keep_freed_memory

TOKENS, DIM, WIDTH, EXPERTS, CHOSEN = 1024, 256, 256, 16, 2
TARGET = 1.2


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=60, help="repetitions")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(options.seed)
    print(setting(("torch", "transformers"), options.seed))
    print(f"{TOKENS} tokens, width {DIM}, {EXPERTS} experts of {WIDTH}, {CHOSEN} per token; dense of {CHOSEN * WIDTH}")
    layers = make_layers(options.seed)
    x, upstream = torch.randn(1, TOKENS, DIM), torch.randn(1, TOKENS, DIM)
    steps = {name: _step(layer, x, upstream) for name, layer in layers.items()}
    times = alternate(steps, options.runs)
    ratios = {name: _ratio(seconds, times["dense"]) for name, seconds in times.items()}
    for name, seconds in times.items():
        print(f"  {name:<34}{1e3 * statistics.median(seconds):8.1f} ms   {ratios[name]:.2f} of dense")
    parts = alternate(products(), options.runs)
    floor = _ratio(parts["grouped products"], parts["dense products"])
    for name, seconds in parts.items():
        print(f"  {name:<34}{1e3 * statistics.median(seconds):8.1f} ms")
    print(f"  the products of the experts alone take {floor:.2f} of the dense ones: the floor of the ratio")
    ours = ratios["ours"]
    return verdict(ours <= TARGET, f"forward and backward {ours:.2f} of dense, target {TARGET}, floor {floor:.2f}")


def make_layers(seed: int) -> dict[str, nn.Module]:
    """Return the layers by name."""
    config = ModelConfig(
        vocab_size=8,
        dim=DIM,
        num_layers=1,
        num_heads=4,
        num_experts=EXPERTS,
        experts_per_token=CHOSEN,
        expert_dim=WIDTH,
    )
    ours, generator = MixtureOfExperts(config), torch.Generator().manual_seed(seed)
    ours.router.reset(0.02, generator)
    ours.experts.reset(0.02, generator)
    layers: dict[str, nn.Module] = {"dense": FeedForward(DIM, CHOSEN * WIDTH), "ours": ours}
    try:
        from transformers import Qwen3MoeConfig
        from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock
    except ImportError:
        return layers
    theirs = Qwen3MoeConfig(
        hidden_size=DIM,
        moe_intermediate_size=WIDTH,
        num_experts=EXPERTS,
        num_experts_per_tok=CHOSEN,
        norm_topk_prob=True,
        experts_implementation="grouped_mm",
    )
    block = Qwen3MoeSparseMoeBlock(theirs)
    with torch.no_grad():
        for mine, other in ((ours.router.weight, "gate.weight"), (ours.experts.gate_up, "experts.gate_up_proj")):
            block.get_parameter(other).copy_(mine)
        block.get_parameter("experts.down_proj").copy_(ours.experts.down)
    return {**layers, "transformers, grouped_mm": block}


def products() -> dict[str, Callable[[], object]]:
    """Return all matrix products of the dense layer, and of the experts with even loads."""
    dense = _three(TOKENS, CHOSEN * WIDTH)
    rows = TOKENS * CHOSEN
    ends = row_ends(torch.full((EXPERTS,), rows // EXPERTS))
    grouped = [
        (torch.randn(rows, inner), torch.randn(EXPERTS, outer, inner), torch.randn(rows, outer))
        for inner, outer in ((DIM, WIDTH), (DIM, WIDTH), (WIDTH, DIM))
    ]

    def run_dense() -> None:
        for x, weight, gradient in dense:
            F.linear(x, weight), gradient @ weight, gradient.t() @ x

    def run_grouped() -> None:
        for x, weight, gradient in grouped:
            F.grouped_mm(x, weight.transpose(1, 2), offs=ends)
            F.grouped_mm(gradient, weight, offs=ends), F.grouped_mm(gradient.t(), x, offs=ends)

    return {"dense products": run_dense, "grouped products": run_grouped}


def alternate(steps: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Run all in turn, again and again; return CPU seconds of each run after three for warming up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(runs + 3):
        for name, step in steps.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    return {name: seconds[3:] for name, seconds in times.items()}


def _step(layer: nn.Module, x: torch.Tensor, upstream: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        layer.zero_grad()
        out = layer(x.detach().requires_grad_())
        (out[0] if isinstance(out, tuple) else out).backward(upstream)

    return step


def _three(rows: int, width: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    sizes = ((DIM, width), (DIM, width), (width, DIM))
    return [(torch.randn(rows, i), torch.randn(o, i), torch.randn(rows, o)) for i, o in sizes]


def _ratio(seconds: list[float], base: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(seconds, base, strict=True))


if __name__ == "__main__":
    sys.exit(main())
