"""Greedy tokens with caches, one by one, in a batch and continuously, beside computing every token anew.

Run: `python benchmarks/cached.py --seed 1`. Three small mixtures of experts (grouped, latent and windowed attention)
learn Shakespeare; then they continue prompts of unequal length. In float64 tokens must be identical. In bfloat16 each
token is asked again by one pass over all before it: the share that is the same, and how far the logits of the cached
pass lie from the uncached ones, beside how far bfloat16 itself lies from float64. `--keep DIR` makes it resumable;
`--model DIR` takes any other checkpoint in place of the three.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from setting import DATA, arguments, require_data, setting, verdict

from trivium.core_model import Decoder, Sampling, Tokenizer, from_pretrained
from trivium.core_model.data.tokens import read_documents
from trivium.core_model.generate import generate
from trivium.core_model.layers.cache import new_cache
from trivium.core_model.serve.engine import Engine, EngineConfig
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.text import train

TEXT = DATA / "corpus" / "tiny_shakespeare"
SHAPE = {
    "dim": 64,
    "num_layers": 3,
    "num_heads": 4,
    "num_experts": 8,
    "experts_per_token": 2,
    "expert_dim": 64,
    "num_shared_experts": 1,
    "hidden_dim": 128,
    "dense_layers": [0],
    "tied_embeddings": True,
    "max_positions": 512,
}
KINDS = {
    "grouped": {"num_kv_heads": 2},
    "latent": {"attention": "latent", "query_rank": 32, "kv_rank": 32, "nope_dim": 16, "rope_dim": 16, "value_dim": 16},
    "window, memory": {"num_kv_heads": 2, "window": 32, "global_tokens": 4, "memory_slots": 8},
}
STEPS = 300
TARGET = 0.995

Row = list[int]


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, help="folder of a checkpoint to measure in place of the three")
    parser.add_argument("--keep", type=Path, help="folder where what was learned stays, and is found again")
    parser.add_argument("--prompts", type=int, default=16, help="number of prompts")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    require_data(TEXT)
    print(setting(("torch",), options.seed))
    print(f"{options.prompts} prompts of 4 to 100 tokens, {options.tokens} new ones each")
    same, exact = 1.0, True
    with tempfile.TemporaryDirectory() as made:
        folders = {"model": options.model} if options.model else _learn(options.keep or Path(made), options.seed)
        for kind, folder in folders.items():
            prompts = _prompts(Tokenizer.from_folder(folder), options.prompts, options.seed)
            exact &= _is_exact(_read(folder, "float64"), prompts, options.tokens)
            same = min(same, _measure(kind, folder, prompts, options.tokens))
    words = "identical" if exact else "NOT identical"
    text = f"float64 {words}; bfloat16 at least {same:.2%} of tokens the same (target {TARGET:.1%})"
    return verdict(exact and same >= TARGET, text)


def _learn(folder: Path, seed: int) -> dict[str, Path]:
    found = {kind: folder / kind / "model" for kind in KINDS}
    for kind, changes in KINDS.items():
        run = {"out": str(folder / kind), "data": [str(TEXT)], "steps": STEPS, "model": SHAPE | changes, "seed": seed}
        run |= {
            "length": 128,
            "batch_size": 8,
            "learning_rate": 5e-3,
            "eval_every": 0,
            "holdout": 0.05,
            "save_every": 50,
        }
        loss = train(TrainConfig.from_mapping(run), resume=True).loss
        print(f"  {kind}: loss {loss:.3f} after {STEPS} steps", flush=True)
    return found


def _read(folder: Path, dtype: str) -> Decoder:
    decoder = from_pretrained(folder, dtype=dtype)
    decoder.config = decoder.config.replace(eos_ids=())  # so that every prompt gets as many tokens
    return decoder


def _prompts(tokenizer: Tokenizer, count: int, seed: int) -> list[Row]:
    """Cut stretches of unequal length out of the text."""
    file = next(iter(sorted(TEXT.glob("*.jsonl.gz"))))
    ids = [token for text in read_documents(file) for token in tokenizer.encode(text)]
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(0, len(ids) - 100, (count,), generator=generator).tolist()
    lengths = torch.randint(4, 101, (count,), generator=generator).tolist()
    return [ids[start : start + length] for start, length in zip(starts, lengths, strict=True)]


def _forms(decoder: Decoder, prompts: list[Row], tokens: int) -> dict[str, Callable[[], list[Row]]]:
    sampling = Sampling(max_new_tokens=tokens)
    pages = EngineConfig(max_rows=8, num_pages=8 * -(-(100 + tokens) // 16), page_size=16)
    return {
        "one by one": lambda: [list(generate(decoder, [prompt], sampling)[0].token_ids) for prompt in prompts],
        "in a batch": lambda: [list(row.token_ids) for row in generate(decoder, prompts, sampling)],
        "continuously": lambda: [list(row.token_ids) for row in Engine(decoder, pages).run(prompts, sampling)],
    }


def _is_exact(decoder: Decoder, prompts: list[Row], tokens: int) -> bool:
    """Say whether every form gives the tokens of computing all anew."""
    found = [form() for form in _forms(decoder, prompts, tokens).values()]
    return all(rows == found[0] for rows in found) and _agreement(decoder, prompts, found[0]) == 1


@torch.inference_mode()
def _again(decoder: Decoder, prompt: Row, new: Row) -> torch.Tensor:
    """Return the logits of each new token by one pass over all before the last, `(N, V)`."""
    return decoder(torch.tensor([[*prompt, *new[:-1]]])).logits[0, len(prompt) - 1 :]


def _agreement(decoder: Decoder, prompts: list[Row], rows: list[Row]) -> float:
    """Return the share of tokens that are the likeliest by that pass, too."""
    pairs = [(_again(decoder, prompt, row).argmax(dim=-1), row) for prompt, row in zip(prompts, rows, strict=True)]
    return sum(int((best == torch.tensor(row)).sum()) for best, row in pairs) / sum(len(row) for row in rows)


@torch.inference_mode()
def _cached(decoder: Decoder, prompt: Row, new: Row) -> torch.Tensor:
    """Return the same logits by one pass per token with a cache."""
    cache = new_cache(decoder.config)
    inputs = [prompt, *([token] for token in new[:-1])]
    return torch.cat([decoder(torch.tensor([ids]), cache=cache, keep_logits=1).logits[0] for ids in inputs])


def _measure(kind: str, folder: Path, prompts: list[Row], tokens: int) -> float:
    """Print a line for each form in bfloat16, and the logits' errors; return the lowest agreement."""
    decoder, precise = _read(folder, "bfloat16"), _read(folder, "bfloat16").double()
    shares, rows = {}, []
    for name, form in _forms(decoder, prompts, tokens).items():
        rows = form()
        shares[name] = _agreement(decoder, prompts, rows)
    some = list(zip(prompts, rows, strict=True))[:8]
    plain = torch.cat([_again(decoder, *pair).double() for pair in some])
    cached = torch.cat([_cached(decoder, *pair).double() for pair in some])
    truth = torch.cat([_again(precise, *pair) for pair in some])
    print(f"  {kind}: " + ", ".join(f"{name} {share:.2%}" for name, share in shares.items()), flush=True)
    print(
        f"    logits, relative: cached from uncached {_apart(cached, plain):.1e}, uncached from float64 "
        f"{_apart(plain, truth):.1e}, cached from float64 {_apart(cached, truth):.1e}; largest difference "
        f"{float((cached - plain).abs().max()):.3f} of logits up to {float(plain.abs().max()):.1f}",
        flush=True,
    )
    return min(shares.values())


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


if __name__ == "__main__":
    sys.exit(main())
