"""Training in bfloat16 beside float32: loss and gradient of the first step, and the losses of a short run.

Run: `python benchmarks/precision.py --seed 1 --device cuda`. The reference is float32 on the CPU; float32 and bfloat16
(with float32 copies of the weights) on the device are held against it: same weights, same rows of real text
(`tiny_shakespeare`, see docs/data.md), a mixture of experts of 11 million parameters. Expert choices may flip in
bfloat16 where scores are close, so gradients agree in direction, not in every digit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import mean

from setting import arguments, setting, verdict

TEXT = (
    Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    / "data/corpus/tiny_shakespeare"
)
MODEL = {
    "dim": 256,
    "num_layers": 4,
    "num_heads": 8,
    "num_kv_heads": 4,
    "hidden_dim": 512,
    "dense_layers": [0],
    "num_experts": 8,
    "experts_per_token": 2,
    "expert_dim": 256,
    "num_shared_experts": 1,
    "router_scores": "sigmoid",
    "router_bias": True,
    "tied_embeddings": True,
    "max_positions": 256,
}
LOSS_LIMIT, COSINE_LIMIT, RUN_LIMIT = 0.002, 0.99, 0.02


def main() -> int:
    """Measure, print and judge."""
    parser = arguments(__doc__)
    parser.add_argument("--device", default="cpu", help="what is compared with the CPU")
    parser.add_argument("--steps", type=int, default=25, help="optimizer steps of the run")
    options = parser.parse_args()
    if not TEXT.is_dir():
        sys.exit(f"no text at {TEXT}; docs/data.md says where to get it (TRIVIUM_SHARED names the folder)")
    import torch

    print(setting(("torch",), options.seed))
    if options.device.startswith("cuda"):
        print(f"device: {torch.cuda.get_device_name()}")
    kinds = dict.fromkeys([("float32", "cpu"), ("float32", options.device), ("bfloat16", options.device)])
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision, device in kinds:
            found[precision, device] = _measure(Path(folder), precision, device, options.seed, options.steps)
            loss, _, losses, speed = found[precision, device]
            print(
                f"{precision:8} on {device:5} first loss {loss:.5f}, last ten of {options.steps} "
                f"{mean(losses[-10:]):.4f}, {speed:,.0f} tokens/s",
                flush=True,
            )
    reference = found["float32", "cpu"]
    is_good = True
    for kind in list(kinds)[1:]:
        loss, gradient, losses, _ = found[kind]
        of_loss = abs(loss - reference[0]) / reference[0]
        cosine = float(torch.nn.functional.cosine_similarity(gradient, reference[1], dim=0))
        length = float(gradient.norm() / reference[1].norm())
        of_run = abs(mean(losses[-10:]) - mean(reference[2][-10:])) / mean(reference[2][-10:])
        print(
            f"{kind[0]:8} on {kind[1]:5} against float32 on cpu: first loss {of_loss:.2e} apart, gradient's cosine "
            f"{cosine:.6f} and length {length:.4f}, last ten losses {of_run:.2%} apart"
        )
        is_good &= of_loss <= LOSS_LIMIT and cosine >= COSINE_LIMIT and of_run <= RUN_LIMIT
    return verdict(
        is_good,
        f"first loss within {LOSS_LIMIT:.1%}, gradient's cosine at least {COSINE_LIMIT}, last losses within "
        f"{RUN_LIMIT:.0%} of float32 on the CPU",
    )


def _measure(folder: Path, precision: str, device: str, seed: int, steps: int):
    """Return loss and gradient `(parameters,)` of the first step, the losses of a run, and its tokens per second."""
    import torch

    from trivium.core_model.data.packing import PackedRows
    from trivium.core_model.data.tokens import prepare
    from trivium.core_model.tokenizer import Tokenizer
    from trivium.core_model.train.config import TrainConfig
    from trivium.core_model.train.text import TextObjective, build_model, train

    out = folder / f"{precision}-{device}"
    config = TrainConfig.from_mapping(
        {
            "out": str(out),
            "data": [str(TEXT)],
            "model": MODEL,
            "steps": steps,
            "length": 256,
            "batch_size": 8,
            "learning_rate": 2e-3,
            "warmup_steps": min(10, steps - 1),
            "schedule": "constant",
            "holdout": 0.0,
            "eval_every": 0,
            "save_every": 0,
            "log_every": 1,
            "precision": precision,
            "device": device,
            "seed": seed,
            "balance": {"bias_speed": 0.001},
        }
    )
    tokenizer = Tokenizer.builtin()
    rows = PackedRows(prepare([TEXT], tokenizer, out / "tokens", holdout=0.0)["train"], config.length, seed)
    objective = TextObjective(build_model(config, tokenizer), tokenizer, rows, None, config)
    (batch,) = objective.micro_batches(0)
    loss = objective.losses(batch)[0] / batch.count
    loss.backward()
    # In float64: a sum of millions of products is not exact to three digits in float32.
    gradient = torch.cat([value.grad.double().cpu().flatten() for value in objective.model.parameters()])
    train(config)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    speeds = sorted(line["per_second"] for line in lines)
    return float(loss.detach()), gradient, [line["loss"] for line in lines], speeds[len(speeds) // 2]


if __name__ == "__main__":
    sys.exit(main())
