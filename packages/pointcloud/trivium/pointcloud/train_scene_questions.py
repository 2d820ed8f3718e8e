"""Train the model that answers questions about scenes: `python -m trivium.pointcloud.train_scene_questions --out F`.

Scenes are simulated and looked at by the LiDAR detector that ships; the model reads what it found (score 0.3 and more)
and learns the exact answers from the truth: objects with 5 points or more. Questions are drawn anew at each step.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.heads import class_loss
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.loop import MicroBatch, fit
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.encoders.objects import ObjectRows, Objects, objects_of
from trivium.pointcloud.scenes.answerer import UNKNOWN, SceneAnswerer, padded, vocabulary
from trivium.pointcloud.scenes.questions import ANSWERS, LANGUAGES, MEANINGS, answer, places_of, say
from trivium.pointcloud.simulator.batch import Scene, collate
from trivium.pointcloud.simulator.frames import sense
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.splits import QUESTION_SPLITS, TRAINING_SEED

__all__ = ["Looked", "QuestionObjective", "look_at", "looked_split", "main", "new_answerer", "usual_answers"]

MIN_SCORE, MIN_POINTS = 0.3, 5
_SERIES, _BATCH, _WAYS = 700_000, 20, 40
DECODER = {
    "dim": 128, "num_layers": 3, "num_heads": 4, "num_experts": 8, "experts_per_token": 2, "expert_dim": 96,
    "router_scores": "softmax", "aux_loss_weight": 0.01, "tied_embeddings": True, "max_positions": 128,
    "query_key_norm": True, "rope_theta": 1000.0,
}  # fmt: skip


@dataclass(frozen=True)
class Looked:
    """Scenes: what was found in each, and the answer to each of `MEANINGS`, (S, M) int64 rows of `ANSWERS`."""

    found: list[Objects]
    answers: np.ndarray


def new_answerer(seed: int) -> SceneAnswerer:
    """Return a fresh model that knows the words of the phrasings."""
    known = vocabulary()
    return SceneAnswerer(ModelConfig(vocab_size=UNKNOWN + 1 + len(known), **DECODER), known, seed=seed)  # type: ignore[arg-type]


def scenes_of(config: SimulatorConfig, seed: int, first: int, count: int, is_littered: bool) -> list[Scene]:
    """Compose scenes `first` to `first + count`."""
    return [compose(config, seed, number, is_littered=is_littered) for number in range(first, first + count)]


def look_at(composed: Iterator[list[Scene]], device: str) -> Looked:
    """Let LiDAR and detector look at batches of scenes."""
    detector = Detector.load(device=device)
    found: list[Objects] = []
    answers: list[list[int]] = []
    for scenes in composed:
        frames = sense(collate(scenes).to(device))
        said = detector.find_all(frames.points, frames.frame, len(scenes), min_score=MIN_SCORE)
        for one in objects_of(said, len(scenes), min_score=MIN_SCORE):
            found.append(Objects(one.boxes.cpu(), one.kinds.cpu(), one.scores.cpu()))
        boxes, kinds, own = frames.boxes.cpu(), frames.kinds.cpu(), frames.box_frame.cpu()
        is_seen = frames.visible.cpu() >= MIN_POINTS
        for number in range(len(scenes)):
            mine = (own == number) & is_seen
            places = places_of(boxes[mine], kinds[mine])
            answers.append([ANSWERS.index(answer(meaning, places)) for meaning in MEANINGS])
    return Looked(found, np.array(answers, np.int64))


def looked_split(name: str, *, count: int | None = None, device: str = "cpu") -> Looked:
    """Return the scenes of a split, `count` of them (all if None)."""
    split = QUESTION_SPLITS[name]
    size = min(count or split.count, split.count)
    parts = (
        scenes_of(split.configs[0], split.seed, first, min(_BATCH, size - first), False)
        for first in range(0, size, _BATCH)
    )
    return look_at(parts, device)


def usual_answers(answers: np.ndarray) -> np.ndarray:
    """Return the most frequent answer to each meaning, (M,): the best that can be said without seeing the scene."""
    return np.array([Counter(column.tolist()).most_common(1)[0][0] for column in answers.T])


class QuestionObjective:
    """What the core's loop learns: answers to questions drawn anew at each step.

    Args:
        model: changed by training.
        looked: scenes to learn from.
        config: of the run; `batch_size` questions a step.
        held: scenes that show how far training is; no choice is made by them.
    """

    def __init__(self, model: SceneAnswerer, looked: Looked, config: TrainConfig, held: Looked) -> None:
        self.model, self._config, self._looked, self._held = model, config, looked, held
        self._balancer = Balancer(model, config.balance)
        self._device = torch.device(config.device)
        self._rows = _on(model.encoder.rows(looked.found), self._device)
        self._held_rows = _on(model.encoder.rows(held.found), self._device)
        chance = random.Random(config.seed)
        self._ways = [
            [model.words(say(meaning, language, chance)) for language in LANGUAGES for _ in range(_WAYS // 2)]
            for meaning in MEANINGS
        ]

    def micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """Draw scenes, meanings and words of a step."""
        return [self._batch(np.random.default_rng([self._config.seed, step]), self._rows, self._looked.answers)]

    def losses(self, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the summed cross-entropy and the balancing penalty."""
        ids, table, mask, goals = batch.data
        read = self.model(ids, ObjectRows(table, mask))
        return class_loss(read.answers, goals) * len(goals), self._balancer.loss(read.routings, read.mask.long())

    def after_step(self) -> dict[str, float]:
        """Keep the experts balanced."""
        self._balancer.after_step()
        return {}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Return the share of right answers on held scenes."""
        self.model.eval()
        right = 0.0
        for number in range(8):
            ids, table, mask, goals = self._batch(
                np.random.default_rng([9, number]), self._held_rows, self._held.answers
            ).data
            right += float((self.model(ids, ObjectRows(table, mask)).answers.argmax(dim=1) == goals).float().mean())
        self.model.train()
        return {"accuracy": right / 8}

    def save(self, folder: Path) -> None:
        """Write the parameters in full precision, so that a run can go on from them."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.named_parameters()}
        save_file(state, folder / "model.safetensors")

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        from safetensors.torch import load_file

        self.model.put(load_file(folder / "model.safetensors"))

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a step follows from its number."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back nothing."""

    def _batch(self, chance: np.random.Generator, rows: ObjectRows, answers: np.ndarray) -> MicroBatch:
        size = self._config.batch_size
        scenes = chance.integers(len(answers), size=size)
        # Kinds of questions are as likely, whatever the number of their meanings.
        meanings = np.array([chance.choice(_OF_KIND[kind]) for kind in chance.integers(len(_OF_KIND), size=size)])
        ids = padded([self._ways[one][chance.integers(_WAYS)] for one in meanings]).to(self._device)
        at = torch.from_numpy(scenes).to(self._device)
        mask = rows.mask[at]
        wide = max(1, int(mask.sum(dim=1).max()))
        goals = torch.from_numpy(answers[scenes, meanings]).to(self._device)
        return MicroBatch((ids, rows.table[at, :wide], mask[:, :wide], goals), size)


def _of_kind() -> list[np.ndarray]:
    names = [meaning.kind for meaning in MEANINGS]
    return [np.flatnonzero([name == kind for name in names]) for kind in dict.fromkeys(names)]


_OF_KIND = _of_kind()


def _on(rows: ObjectRows, device: torch.device) -> ObjectRows:
    return ObjectRows(rows.table.to(device), rows.mask.to(device))


def _composed(seed: int, count: int, workers: int) -> Iterator[list[Scene]]:
    work = partial(
        scenes_of, QUESTION_SPLITS["questions_test"].configs[0], TRAINING_SEED + _SERIES + seed, count=_BATCH,
        is_littered=False,
    )  # fmt: skip
    starts = range(0, count, _BATCH)
    if not workers:
        yield from (work(first) for first in starts)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, starts)


def main() -> int:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that compose scenes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    start = time.monotonic()
    held = looked_split("questions_validation", device=given.device)
    looked = look_at(_composed(given.seed, given.scenes, given.workers), given.device)
    model = new_answerer(given.seed).to(given.device)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(looked.found)} scenes after {time.monotonic() - start:.0f} s; {count} parameters", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            out=folder, data=("simulated",), model=model.config.to_json(), steps=given.steps, batch_size=given.batch,
            learning_rate=given.rate, warmup_steps=min(100, given.steps // 4), weight_decay=0.05, ema_decay=0.995,
            eval_every=500, save_every=given.steps, device=given.device, seed=given.seed, balance=BalanceConfig(),
            log_every=250,
        )  # fmt: skip
        objective = QuestionObjective(model, looked, config, held)
        result = fit(objective, config, resume=False)
        objective.load(Path(folder) / "model")  # the average of the weights
    usual = usual_answers(looked.answers)
    print(
        f"loss {result.loss:.4f}, {time.monotonic() - start:.0f} s; held scenes {objective.evaluate()['accuracy']:.4f}"
    )
    print(f"question only, held scenes, all meanings alike: {(usual == held.answers).mean():.4f}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    model.save(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
