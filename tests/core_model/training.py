"""A corpus, a run and its settings that are small enough for tests."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from trivium.core_model.train.config import TrainConfig

MODEL = {
    "dim": 32,
    "num_layers": 2,
    "num_heads": 4,
    "num_kv_heads": 2,
    "hidden_dim": 32,
    "num_experts": 4,
    "experts_per_token": 2,
    "expert_dim": 16,
    "num_shared_experts": 1,
    "dense_layers": [0],
    "router_scores": "sigmoid",
    "router_bias": True,
    "num_mtp_layers": 1,
    "tied_embeddings": True,
    "max_positions": 64,
}
WORDS = ["net", "sales", "rose", "fell", "by", "a", "tenth", "pump", "heat", "chest", "clear", "effusion", "left"]


def write_corpus(folder: Path, documents: int = 60) -> Path:
    chance = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    texts = [" ".join(chance.choices(WORDS, k=chance.randrange(3, 40))) for _ in range(documents)]
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return folder


def settings(folder: Path, **changes: Any) -> dict[str, Any]:
    """Return settings of a run in a folder; its corpus is written if need be."""
    if not (folder / "corpus").is_dir():
        write_corpus(folder / "corpus")
    return {
        "out": str(folder / "run"),
        "data": [str(folder / "corpus")],
        "steps": 6,
        "model": MODEL,
        "holdout": 0.2,
        "length": 32,
        "batch_size": 4,
        "learning_rate": 0.01,
        "warmup_steps": 2,
        "log_every": 1,
        "eval_every": 3,
        "eval_rows": 4,
        "save_every": 2,
        "balance": {"bias_speed": 0.01},
        **changes,
    }


def config(folder: Path, **changes: Any) -> TrainConfig:
    return TrainConfig.from_mapping(settings(folder, **changes))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
