"""Balancing of experts on real text: utilisation and held-out loss of four methods, five seeds, one model.

Run: `python benchmarks/balance.py --seed 101 [--limit RUNS]` . Finished runs are kept in `--out` and not repeated, so
that the table can be made in pieces; the verdict comes when all are there. `--table sweep --seed 2001 --seeds 3`
compares speeds of the loss-free bias on validation text: the speed of the table was chosen by it, before the test text
was read. `--table dynamic --seed 201 --seeds 3` compares two experts for every token with a number that depends on it.

All methods use the same initial weights, tokens, order of tokens and sigmoid scores; runs of one seed are compared
with each other. Utilisation is mean over largest load of all held-out tokens, nothing dropped, mean over layers. Even
an ideal router does not reach 1, as tokens are drawn: what chance leaves it, over the held-out text and over one
batch of training, is printed beside.

Documents are cut to 4,000 bytes, so that each part holds many, and every part has as much of each folder: what is
uneven in the text would else be counted against the router. The test text of a first table, of 400 steps, is left
out: the test text here was read by none before this one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from setting import FINANCE, arguments, setting, verdict
from torch.nn import functional as F
from tqdm import tqdm

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.decoder import Decoder, new_decoder
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.moe.loads import expert_loads, load_entropy, max_violation, utilisation
from trivium.core_model.train.memory import keep_freed_memory

CORPUS = FINANCE.parent / "corpus"
FOLDERS = ("medquad", "python_docs", "openstax_economics", "tiny_shakespeare", "nltk_state_union", "chinese_poetry")
BYTES_PER_FOLDER = {"train": 300_000, "validation": 50_000, "test": 50_000}
BYTES_PER_DOCUMENT, BYTES_OF_FIRST_TABLE = 4_000, 18_000
STEPS, BATCH, LENGTH, RATE = 800, 16, 128, 4e-3
MODEL = ModelConfig(
    vocab_size=256,
    dim=64,
    num_layers=2,
    num_heads=4,
    max_positions=LENGTH,
    num_experts=16,
    experts_per_token=2,
    expert_dim=64,
    router_scores="sigmoid",
    router_bias=True,
)


@dataclass(frozen=True)
class Method:
    """One line of a table.

    Args:
        balance: how experts are kept even.
        router: what differs in the model's config.
    """

    balance: BalanceConfig
    router: dict[str, str | int | float] = field(default_factory=dict)


def loss_free(speed: float, **router: str | int | float) -> Method:
    """Return loss-free balancing in proportion to the error."""
    return Method(BalanceConfig(bias_speed=speed, bias_rule="proportional"), router)


TABLES = {
    "methods": {
        "none": Method(BalanceConfig()),
        "auxiliary": Method(BalanceConfig(auxiliary_weight=0.03)),
        "loss-free bias": loss_free(0.005),
        "progressive capacity": Method(
            BalanceConfig(capacity_start=1.0, capacity_end=2.0, capacity_steps=STEPS * 3 // 5)
        ),
    },
    "sweep": {
        "none": Method(BalanceConfig()),
        **{f"loss-free bias {speed}": loss_free(speed) for speed in (0.005, 0.01, 0.02)},
    },
    "dynamic": {
        "two experts": loss_free(0.005, router_scores="softmax"),
        # Divided by its sum the one weight would be 1, and the router would learn nothing.
        "one expert": loss_free(0.005, router_scores="softmax", experts_per_token=1, normalize_weights=False),
        "one or two, score mass 0.15": loss_free(0.005, router_scores="softmax", score_mass=0.15),
        "one to four, score mass 0.25": loss_free(0.005, router_scores="softmax", score_mass=0.25, experts_per_token=4),
    },
}


def main() -> int:
    """Run what is missing, print the table, and judge it."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs per method, from --seed on")
    parser.add_argument("--limit", type=int, default=10**6, help="runs to make now")
    parser.add_argument("--out", type=Path, default=Path("out/balance"), help="folder of finished runs")
    parser.add_argument("--table", choices=TABLES, default="methods", help="what to compare")
    options = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit(f"no text at {CORPUS}; docs/data.md says where to get it (TRIVIUM_SHARED names the folder)")
    torch.set_num_threads(1)
    keep_freed_memory()
    print(setting(("torch",), options.seed))
    text = read_text()
    kept = text["validation" if options.table == "sweep" else "test"]
    methods = TABLES[options.table]
    seeds = range(options.seed, options.seed + options.seeds)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    made = 0
    for seed in seeds:
        for name, method in methods.items():
            path = options.out / f"{_key(method, seed, options.table)}.json"
            if not path.exists():
                if made == options.limit:
                    print(f"stopped after {made} runs; run again for the rest")
                    return 2
                path.write_text(json.dumps(train(method, text["train"], kept, seed, f"{name}, seed {seed}")))
                made += 1
            results[name].append(json.loads(path.read_text()))
    print(
        f"{MODEL.num_layers} layers of {MODEL.num_experts} experts, {MODEL.experts_per_token} per token; {STEPS} steps"
    )
    print(f"of {BATCH * LENGTH} bytes; held-out text: {len(kept):,} bytes; loss in nats per byte; mean (sd over seeds)")
    ceilings = [ideal_utilisation(tokens) for tokens in (len(kept), BATCH * LENGTH)]
    print(f"utilisation that chance leaves an ideal router: {ceilings[0]:.3f}; of one batch {ceilings[1]:.3f}")
    best = report(results)
    if options.table == "dynamic":
        print("no target: what a number of experts that depends on the token saves, and whether that costs quality")
        return 0
    stretch = best[1] >= 0.95 and best[2] <= 0.3
    text = f"{best[0]}: utilisation {best[1]:.3f} at a loss {best[2]:+.2f} % from unbalanced (target 0.90 within 0.5 %"
    return verdict(best[1] >= 0.90, f"{text}; stretch 0.95 within 0.3 %: {'met' if stretch else 'not met'})")


def report(results: dict[str, list[dict[str, float]]]) -> tuple[str, float, float]:
    """Print a line per method.

    Returns:
        The method of best utilisation whose loss is at most half a percent above the first one's: its name, its
        utilisation, its change of loss in percent.
    """
    base = next(iter(results.values()))
    heads = ("utilisation", "loss", "loss change %", "MaxVio")
    print(
        f"{'method':<30}"
        + "".join(f"{head:>18}" for head in heads)
        + f"{'entropy':>9}{'dropped':>9}{'slots':>7}{'s':>6}"
    )
    best = ("no method", 0.0, 0.0)
    for name, runs in results.items():
        changes = [100 * (run["loss"] / plain["loss"] - 1) for run, plain in zip(runs, base, strict=True)]
        columns = [_spread([run["utilisation"] for run in runs], 3), _spread([run["loss"] for run in runs], 4)]
        columns += [_spread(changes, 2), _spread([run["max_violation"] for run in runs], 2)]
        means = ("load_entropy", "dropped_share", "slots_per_token", "seconds")
        rest = [statistics.mean(run[key] for run in runs) for key in means]
        print(
            f"{name:<30}" + "".join(f"{column:>18}" for column in columns),
            f"{rest[0]:>8.3f}{rest[1]:>9.3f}{rest[2]:>7.2f}{rest[3]:>6.1f}",
        )
        mean = statistics.mean(run["utilisation"] for run in runs)
        if statistics.mean(changes) <= 0.5 and mean > best[1]:
            best = (name, mean, statistics.mean(changes))
    return best


def train(method: Method, text: torch.Tensor, kept: torch.Tensor, seed: int, name: str) -> dict[str, float]:
    """Train one model and measure it on held-out text."""
    model = new_decoder(MODEL.replace(**method.router), seed=seed)
    balancer = Balancer(model, method.balance)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1, betas=(0.9, 0.95))
    generator = torch.Generator().manual_seed(seed)
    start, dropped = time.process_time(), 0.0
    for step in tqdm(range(STEPS), desc=name, disable=not sys.stderr.isatty()):
        rate = min((step + 1) / 40, 0.5 * (1 + math.cos(math.pi * step / STEPS)) + 0.02)
        optimizer.param_groups[0]["lr"] = RATE * rate
        first = torch.randint(len(text) - LENGTH, (BATCH, 1), generator=generator)
        rows = text[first + torch.arange(LENGTH + 1)].long()
        out = model(rows[:, :-1])
        loss = F.cross_entropy(out.logits.flatten(0, 1), rows[:, 1:].flatten()) + balancer.loss(out.routings)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        balancer.after_step()
        dropped += balancer.metrics()["dropped_share"] / STEPS
    seconds = time.process_time() - start
    return {**measure(model.eval(), kept), "dropped_share": dropped, "seconds": seconds, "seed": seed}


@torch.no_grad()
def measure(model: Decoder, text: torch.Tensor) -> dict[str, float]:
    """Return held-out loss, and measures of the loads of all its tokens, mean over layers."""
    rows = text[: len(text) // (LENGTH + 1) * (LENGTH + 1)].view(-1, LENGTH + 1).long()
    loads = torch.zeros(MODEL.num_layers, MODEL.num_experts, dtype=torch.int64)
    total = 0.0
    for part in rows.split(32):
        out = model(part[:, :-1])
        total += float(F.cross_entropy(out.logits.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"))
        loads += torch.stack([expert_loads(routing.expert_ids_TK, MODEL.num_experts) for routing in out.routings])
    measures = {"utilisation": utilisation, "max_violation": max_violation, "load_entropy": load_entropy}
    found = {name: statistics.mean(map(measure, loads)) for name, measure in measures.items()}
    tokens = rows[:, 1:].numel()
    return {"loss": total / tokens, "slots_per_token": float(loads.sum()) / len(loads) / tokens, **found}


def ideal_utilisation(tokens: int, draws: int = 8) -> float:
    """Return the mean utilisation of a router that gives each token two experts by equal chances."""
    chance = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        ids = torch.rand(tokens, MODEL.num_experts, generator=chance).topk(MODEL.experts_per_token).indices
        found.append(utilisation(expert_loads(ids, MODEL.num_experts)))
    return statistics.mean(found)


def read_text() -> dict[str, torch.Tensor]:
    """Return bytes for training, validation and test; each document is in one of them, each folder in all."""
    parts: dict[str, list[bytes]] = {name: [] for name in BYTES_PER_FOLDER}
    for folder in FOLDERS:
        found: dict[str, list[bytes]] = {name: [] for name in BYTES_PER_FOLDER}
        before = 0
        with gzip.open(CORPUS / folder / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                document = json.loads(line)["text"].encode()[:20_000]
                place = hashlib.sha256(document).digest()[0] % 10
                name = "validation" if place == 0 else "test" if place == 1 else "train"
                if name == "test":
                    before += len(document) + 1
                    if before - len(document) - 1 < BYTES_OF_FIRST_TABLE:
                        continue
                found[name].append(document[:BYTES_PER_DOCUMENT])
        for name, documents in found.items():
            whole = b"\n".join(documents)
            assert len(whole) >= BYTES_PER_FOLDER[name], (folder, name, len(whole))
            parts[name].append(whole[: BYTES_PER_FOLDER[name]])
    return {name: torch.frombuffer(bytearray(b"".join(found)), dtype=torch.uint8) for name, found in parts.items()}


def _key(method: Method, seed: int, table: str) -> str:
    """Name a run by everything that decides its result."""
    run = [asdict(method), MODEL.to_json(), STEPS, BATCH, LENGTH, RATE, seed, table, torch.__version__]
    text = [FOLDERS, BYTES_PER_FOLDER, BYTES_PER_DOCUMENT, BYTES_OF_FIRST_TABLE]
    return hashlib.sha256(json.dumps([run, text]).encode()).hexdigest()[:16]


def _spread(values: list[float], digits: int) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ({deviation:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
