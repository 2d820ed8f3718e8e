"""Train the model that answers questions about scenes: `python -m trivium.pointcloud.train_scene_questions --out DIR`.

Scenes are simulated and looked at by the LiDAR detector that ships; the model reads what it found within 50 m (score
0.3 and more) and learns the exact answers from the truth: objects within 50 m with 5 points or more. Copies of a scene
are turned and mirrored, which changes sides and keeps distances. Questions are drawn anew at each step. `--out` keeps
the scenes, the core's checkpoints (the same command goes on from both) and `scenes.safetensors`.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.heads import class_loss
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.loop import MicroBatch, fit
from trivium.pointcloud.boxes import wrap_angle
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.encoders.objects import ObjectRows, Objects, objects_of
from trivium.pointcloud.scenes.answerer import UNKNOWN, SceneAnswerer, padded, vocabulary
from trivium.pointcloud.scenes.questions import ANSWERS, LANGUAGES, MEANINGS, answer, places_of, say
from trivium.pointcloud.simulator.batch import Scene, collate
from trivium.pointcloud.simulator.frames import sense
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.splits import QUESTION_SPLITS, TRAINING_SEED

__all__ = ["Looked", "QuestionObjective", "look_at", "looked_split", "main", "new_answerer", "usual_answers"]

MIN_SCORE, MIN_POINTS, REACH = 0.3, 5, 50.0
_MARGIN = 1.2  # metres beyond, so that objects at the edge are whole
_SERIES, _BATCH, _WAYS = 700_000, 5, 40
_STRANGE = 0.06
_CHUNK = 50  # scenes that are kept together
DECODER = {
    "dim": 64, "num_layers": 2, "num_heads": 4, "num_experts": 4, "experts_per_token": 2, "expert_dim": 96,
    "router_scores": "softmax", "aux_loss_weight": 0.01, "tied_embeddings": True, "max_positions": 128,
    "query_key_norm": True, "rope_theta": 1000.0,
}  # fmt: skip


WIDTH = 64
"""Of the tokens of objects."""


@dataclass(frozen=True)
class Looked:
    """Scenes: what was found in each, and the answer to each of `MEANINGS`, (S, M) int64 rows of `ANSWERS`."""

    found: list[Objects]
    answers: np.ndarray


def new_answerer(seed: int) -> SceneAnswerer:
    """Return a fresh model that knows the words of the phrasings."""
    known = vocabulary()
    return SceneAnswerer(ModelConfig(vocab_size=UNKNOWN + 1 + len(known), **DECODER), known, WIDTH, seed)  # type: ignore[arg-type]


def scenes_of(config: SimulatorConfig, seed: int, first: int, count: int, is_littered: bool) -> list[Scene]:
    """Compose scenes `first` to `first + count`."""
    return [compose(config, seed, number, is_littered=is_littered) for number in range(first, first + count)]


def look_at(composed: Iterable[list[Scene]], device: str, *, copies: int = 0, seed: int = 0) -> Looked:
    """Let LiDAR and detector look at batches of scenes.

    Args:
        composed: scenes, as many at once as memory allows.
        device: where they are looked at.
        copies: of each scene, turned and mirrored, beside it.
        seed: of the turns.
    """
    detector = Detector.load(device=device)
    chance = torch.Generator().manual_seed(seed)
    found: list[Objects] = []
    answers: list[list[int]] = []
    for scenes in composed:
        frames = sense(collate(scenes).to(device))
        near = (frames.points[:, :2].abs() <= REACH + _MARGIN).all(dim=1)
        said = detector.find_all(frames.points[near], frames.frame[near], len(scenes), min_score=MIN_SCORE)
        boxes, kinds, own = frames.boxes.cpu(), frames.kinds.cpu(), frames.box_frame.cpu()
        is_seen = (frames.visible.cpu() >= MIN_POINTS) & _is_near(boxes)
        for number, one in enumerate(objects_of(said, len(scenes), min_score=MIN_SCORE)):
            mine = (own == number) & is_seen
            kept = _is_near(one.boxes).cpu()
            one = Objects(one.boxes.cpu()[kept], one.kinds.cpu()[kept], one.scores.cpu()[kept])
            for copy in range(copies + 1):
                angle, mirror = (0.0, 1.0) if not copy else _turn(chance)
                found.append(Objects(turned(one.boxes, angle, mirror), one.kinds, one.scores))
                places = places_of(turned(boxes[mine], angle, mirror), kinds[mine])
                answers.append([ANSWERS.index(answer(meaning, places)) for meaning in MEANINGS])
    return Looked(found, np.array(answers, np.int64))


def turned(boxes: torch.Tensor, angle: float, mirror: float) -> torch.Tensor:
    """Return boxes (N, 7) with y times `mirror` (1 or -1), then turned about the sensor by `angle`, radians."""
    x, y = boxes[:, 0], boxes[:, 1] * mirror
    cos, sin = math.cos(angle), math.sin(angle)
    place = torch.stack((x * cos - y * sin, x * sin + y * cos), dim=1)
    return torch.cat((place, boxes[:, 2:6], wrap_angle(boxes[:, 6:] * mirror + angle)), dim=1)


def _turn(chance: torch.Generator) -> tuple[float, float]:
    angle, side = torch.rand(2, generator=chance).tolist()
    return 2 * math.pi * angle, 1.0 if side < 0.5 else -1.0


def _is_near(boxes: torch.Tensor) -> torch.Tensor:
    return boxes[:, :2].norm(dim=1) <= REACH


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
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.named_parameters()}
        save_file(state, folder / "model.safetensors")

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
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
        drawn = [_disturbed(self._ways[one][chance.integers(_WAYS)], chance) for one in meanings]
        ids = padded(drawn).to(self._device)
        at = torch.from_numpy(scenes).to(self._device)
        mask = rows.mask[at]
        wide = max(1, int(mask.sum(dim=1).max()))
        goals = torch.from_numpy(answers[scenes, meanings]).to(self._device)
        return MicroBatch((ids, rows.table[at, :wide], mask[:, :wide], goals), size)


def _disturbed(ids: list[int], chance: np.random.Generator) -> list[int]:
    """Put the unknown word in place of some words of half the questions, and before or after some, as strangers ask."""
    if chance.random() < 0.5:
        return ids
    ids = [UNKNOWN if strange < _STRANGE else word for word, strange in zip(ids, chance.random(len(ids)), strict=True)]
    before, after = chance.integers(0, 3, size=2)
    return [UNKNOWN] * int(before) + ids + [UNKNOWN] * int(after)


def _of_kind() -> list[np.ndarray]:
    names = [meaning.kind for meaning in MEANINGS]
    return [np.flatnonzero([name == kind for name in names]) for kind in dict.fromkeys(names)]


_OF_KIND = _of_kind()
_AROUND = QUESTION_SPLITS["questions_test"].configs[0]


def _on(rows: ObjectRows, device: torch.device) -> ObjectRows:
    return ObjectRows(rows.table.to(device), rows.mask.to(device))


def kept_scenes(folder: Path, count: int, seed: int, device: str, *, copies: int) -> Looked:
    """Return scenes to learn from; chunks that lie in the folder are read, the others made and written."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    for first in range(0, count, _CHUNK):
        path = folder / f"scenes-{seed}-{first}.safetensors"
        if not path.exists():
            size = min(_CHUNK, count - first)
            parts = (
                scenes_of(_AROUND, TRAINING_SEED + _SERIES + seed, at, min(_BATCH, first + size - at), False)
                for at in range(first, first + size, _BATCH)
            )
            write_looked(look_at(parts, device, copies=copies, seed=seed + first), path)
        chunks.append(read_looked(path))
    return Looked([one for chunk in chunks for one in chunk.found], np.concatenate([one.answers for one in chunks]))


def write_looked(looked: Looked, path: Path) -> None:
    """Write scenes as one file."""
    tensors = {name: torch.cat([getattr(one, name) for one in looked.found]) for name in ("boxes", "kinds", "scores")}
    tensors["counts"] = torch.tensor([len(one.boxes) for one in looked.found])
    tensors["answers"] = torch.from_numpy(looked.answers)
    save_file(tensors, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def read_looked(path: Path) -> Looked:
    """Read what `write_looked` wrote."""
    tensors = load_file(path)
    counts = tensors["counts"].tolist()
    parts = zip(*(tensors[name].split(counts) for name in ("boxes", "kinds", "scores")), strict=True)
    return Looked([Objects(*part) for part in parts], tensors["answers"].numpy())


def main() -> int:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--copies", type=int, default=7, help="of each scene, turned and mirrored")
    parser.add_argument("--held", type=int, default=20, help="validation scenes that show how far it is")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    looked = kept_scenes(given.out, given.scenes, given.seed, given.device, copies=given.copies)
    if not (given.out / "held.safetensors").exists():
        write_looked(
            looked_split("questions_validation", count=given.held, device=given.device), given.out / "held.safetensors"
        )
    held = read_looked(given.out / "held.safetensors")
    model = new_answerer(given.seed).to(given.device)
    print(f"{len(looked.found)} scenes; {sum(one.numel() for one in model.parameters())} parameters", flush=True)
    config = TrainConfig(
        out=str(given.out / "run"), data=("simulated",), model=model.config.to_json(), steps=given.steps,
        batch_size=given.batch, learning_rate=given.rate, warmup_steps=min(50, given.steps // 4), weight_decay=0.02,
        ema_decay=0.99, eval_every=200, save_every=50, device=given.device, seed=given.seed, balance=BalanceConfig(),
        log_every=50,
    )  # fmt: skip
    objective = QuestionObjective(model, looked, config, held)
    result = fit(objective, config, resume=(given.out / "run").exists())
    objective.load(given.out / "run" / "model")  # the average of the weights
    usual = usual_answers(looked.answers)
    print(f"loss {result.loss:.4f}; held scenes {objective.evaluate()['accuracy']:.4f}")
    print(f"question only, held scenes, all meanings alike: {(usual == held.answers).mean():.4f}")
    model.save(given.out / "scenes.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
