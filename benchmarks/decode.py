"""Tokens per second of decoding on one GPU, bf16, at several batch sizes, beside transformers' caches in one process.

The model is a random Qwen3-MoE of 913 M parameters: 16 layers of width 1024, 32 experts of 512, top-4, 16 query and 4
key heads; 128 prompt tokens and 128 new ones, greedy, no end token. Ours is the engine of `core_model.serve`, all
requests submitted at once. Reading the prompts is timed apart; transformers' calls hold both, so its decoding is the
difference to a call for one new token. The floor is reading every weight that a step needs once.
Run: `python benchmarks/decode.py --seed 1`; `--small` is for trying the script on a CPU.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from setting import arguments, setting

from trivium.core_model.checkpoint import from_pretrained
from trivium.core_model.decoder import Decoder
from trivium.core_model.generate import Sampling
from trivium.core_model.serve.engine import Engine, EngineConfig

SIZES: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 1024,
    "num_hidden_layers": 16,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "num_experts": 32,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
    "intermediate_size": 2048,
}
SMALL: dict[str, Any] = {
    "vocab_size": 128,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "intermediate_size": 64,
}
PACKAGES = ("torch", "triton", "transformers")
TARGETS = {1: 4.0, 32: 8.0, 256: 10.0}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--small", action="store_true", help="a tiny model and batches, float32, on the CPU")
    parser.add_argument("--tokens", type=int, default=128, help="prompt tokens, and new ones")
    parser.add_argument("--batches", default="1,32,256")
    parser.add_argument("--ours-only", action="store_true", help="leave the peers out")
    options = parser.parse_args()
    sizes, device = (SMALL, "cpu") if options.small else (SIZES, "cuda")
    name = "CPU" if options.small else torch.cuda.get_device_name()
    print(setting(PACKAGES, options.seed) + f", {name}")
    torch.manual_seed(options.seed)
    peer = _peer(sizes, device, torch.float32 if options.small else torch.bfloat16)
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        ours = from_pretrained(Path(folder), dtype=peer.dtype, device=device)
    print(
        f"  {sum(weight.numel() for weight in ours.parameters()) / 1e6:.0f} M parameters, "
        f"{options.tokens} + {options.tokens} tokens"
    )
    is_met = True
    for batch in map(int, options.batches.split(",")):
        prompts = torch.randint(3, sizes["vocab_size"], (batch, options.tokens)).tolist()
        prefill, rate = _ours(ours, prompts, options.tokens)
        print(
            f"  batch {batch}: ours {rate:9,.0f} tokens/s ({batch / rate * 1e3:.2f} ms a step), "
            f"prompts {prefill * 1e3:.0f} ms; "
            f"{_limit(ours, batch) / (batch / rate):.2f} of the limit of memory",
            flush=True,
        )
        if options.ours_only:
            continue
        rates = {kind: _theirs(peer, prompts, options.tokens, kind) for kind in ("dynamic", "static")}
        best = max(decoding for decoding, _ in rates.values())
        for kind, (decoding, total) in rates.items():
            print(
                f"    transformers, {kind} cache: {decoding:,.0f} tokens/s decoding, {total:,.0f} with prompts",
                flush=True,
            )
        whole = batch * options.tokens / (prefill + batch * options.tokens / rate)
        best_whole = max(total for _, total in rates.values())
        print(
            f"    decoding {rate / best:.1f} x the better (target {TARGETS.get(batch, 1):.0f}), "
            f"with prompts {whole / best_whole:.1f} x",
            flush=True,
        )
        is_met &= rate / best >= TARGETS.get(batch, 1)
    if not options.ours_only:
        print("PASS: all targets" if is_met else "FAIL: some target is missed")
    return 0 if is_met else 1


def _peer(sizes: dict[str, Any], device: str, dtype: torch.dtype) -> Any:
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    config = Qwen3MoeConfig(
        **sizes,
        norm_topk_prob=True,
        tie_word_embeddings=False,
        max_position_embeddings=4096,
        experts_implementation="grouped_mm",
        eos_token_id=None,
        bos_token_id=None,
        pad_token_id=None,
    )
    return Qwen3MoeForCausalLM(config).to(device, dtype).eval()


def _ours(decoder: Decoder, prompts: list[list[int]], new: int) -> tuple[float, float]:
    """Return seconds for the prompts, and tokens per second of decoding: medians of three after a trial."""
    pages = len(prompts) * -(-2 * new // 64)
    engine = Engine(decoder, EngineConfig(max_rows=len(prompts), num_pages=pages, page_size=64, prefill_tokens=32768))
    found = []
    for _ in range(4):
        for prompt in prompts:
            engine.submit(prompt, Sampling(max_new_tokens=new))
        start = _now()
        engine.step()  # reads all prompts and decodes once
        begun = _now()
        steps = 0
        while engine.busy:
            engine.step()
            steps += 1
        found.append((begun - start, len(prompts) * (new - 2) / (_now() - begun)))
    prefill, rates = zip(*found[1:], strict=True)
    del engine
    gc.collect()
    return statistics.median(prefill), statistics.median(rates)


def _theirs(peer: Any, prompts: list[list[int]], new: int, cache: str) -> tuple[float, float]:
    """Return tokens per second of decoding alone, and with the prompts."""
    ids = torch.tensor(prompts, device=peer.device)
    settings = {"do_sample": False, "attention_mask": torch.ones_like(ids)}
    if cache == "static":
        settings["cache_implementation"] = "static"

    def seconds(count: int) -> float:
        start = _now()
        with torch.inference_mode():
            peer.generate(ids, max_new_tokens=count, min_new_tokens=count, **settings)
        return _now() - start

    seconds(new)
    whole = statistics.median(seconds(new) for _ in range(3))
    first = statistics.median(seconds(1) for _ in range(3))
    return ids.shape[0] * (new - 1) / (whole - first), ids.shape[0] * new / whole


def _limit(decoder: Decoder, batch: int) -> float:
    """Return the seconds that reading the weights of one step takes at 3 TB/s: of experts, those that are chosen."""
    config = decoder.config
    experts = sum(value.numel() for name, value in decoder.named_parameters() if ".experts." in name)
    others = sum(value.numel() for value in decoder.parameters()) - experts - decoder.embedding.weight.numel()
    missed = (1 - config.experts_per_token / config.num_experts) ** batch
    return (others + experts * (1 - missed)) * 2 / 3e12


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main())
