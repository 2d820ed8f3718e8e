"""A passkey at the beginning of a long text, asked for at its end: attention within a window plus global tokens.

A toy of two layers learns to repeat four digits that stand among the first 16 tokens, which every token sees; windows
are 32 tokens wide. It is trained on rows of 80 tokens whose second part stands at random positions up to 64k, and
tested on whole texts of unseen noise that pass through the model in pieces, its cache no longer than window and global
tokens. Beside it, over the shortest texts, the same model without global tokens, which can only guess. Chance is 1 in
10,000.
Run: `python benchmarks/passkey.py --seed 1`; some minutes on two cores.
"""

from __future__ import annotations

import sys

import torch
from setting import arguments, setting
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, new_decoder
from trivium.core_model.layers.cache import new_cache

DIGITS, NOISE, MARK, ASK = 10, 40, 50, 51  # ids 0-9 are digits, 10-49 noise, then two signs
GLOBAL, WINDOW, LONGEST, KEY = 16, 32, 65536, 4
LOCAL = 64
PIECE = 128  # tokens that pass through the model at once


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--lengths", default="1024,8192,65536")
    parser.add_argument("--texts", type=int, default=40, help="texts of each length")
    options = parser.parse_args()
    print(setting(("torch",), options.seed))
    found = 0.0
    for global_tokens in (GLOBAL, 0):
        decoder = _train(global_tokens, options.steps, options.seed)
        print(f"  window {WINDOW}, {global_tokens} global tokens")
        lengths = [int(word) for word in options.lengths.split(",")]
        for length in lengths if global_tokens else lengths[:1]:
            share, slots = _test(decoder, length, options.texts, options.seed + 1)
            print(
                f"    {length:6,} tokens: {share:.0%} of {options.texts} passkeys, cache of {slots} tokens", flush=True
            )
            if global_tokens:
                found = share
    print(f"{'PASS' if found == 1 else 'FAIL'}: {found:.0%} of passkeys found at {lengths[-1]:,} tokens")
    return 0 if found == 1 else 1


def _train(global_tokens: int, steps: int, seed: int) -> Decoder:
    config = ModelConfig(
        vocab_size=52,
        dim=64,
        num_layers=2,
        num_heads=4,
        num_kv_heads=4,
        hidden_dim=128,
        window=WINDOW,
        global_tokens=global_tokens,
        max_positions=LONGEST + KEY,
        init_std=0.08,
    )
    decoder = new_decoder(config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        keys = torch.randint(0, DIGITS, (64, KEY), generator=generator)
        ids = torch.cat((_opening(keys, generator), _noise(64, LOCAL - KEY - 1, generator), _question(keys)), dim=1)
        start = torch.randint(GLOBAL, LONGEST - LOCAL, (64, 1), generator=generator)
        positions = torch.cat((torch.arange(GLOBAL).expand(64, -1), start + torch.arange(LOCAL)), dim=1)
        logits = decoder(ids, positions=positions).logits[:, -KEY - 1 : -1]
        loss = F.cross_entropy(logits.flatten(0, 1), keys.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if sys.stderr.isatty() and step % 100 == 0:
            print(f"  step {step} loss {float(loss.detach()):.3f}", file=sys.stderr, flush=True)
    return decoder.eval()


@torch.inference_mode()
def _test(decoder: Decoder, length: int, texts: int, seed: int) -> tuple[float, int]:
    """Return the share of passkeys found, and how many tokens the cache held at last."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randint(0, DIGITS, (texts, KEY), generator=generator)
    left = length - GLOBAL - 1
    pieces = [_opening(keys, generator)]
    pieces += [_noise(texts, min(PIECE, left - done), generator) for done in range(0, left, PIECE)]
    cache = new_cache(decoder.config)
    for piece in pieces:
        decoder(piece, cache=cache, keep_logits=1)
    token, said = torch.full((texts, 1), ASK), []
    for _ in range(KEY):
        token = decoder(token, cache=cache).logits.argmax(dim=-1)
        said.append(token)
    return float((torch.cat(said, dim=1) == keys).all(dim=1).float().mean()), cache.num_slots()


def _opening(keys: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the global tokens: the passkey behind its sign at a random place among noise."""
    ids = _noise(len(keys), GLOBAL, generator)
    place = torch.randint(0, GLOBAL - KEY, (len(keys), 1), generator=generator)
    return ids.scatter(1, place + torch.arange(KEY + 1), torch.cat((torch.full((len(keys), 1), MARK), keys), dim=1))


def _question(keys: torch.Tensor) -> torch.Tensor:
    return torch.cat((torch.full((len(keys), 1), ASK), keys), dim=1)


def _noise(rows: int, length: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(DIGITS, DIGITS + NOISE, (rows, length), generator=generator)


if __name__ == "__main__":
    sys.exit(main())
