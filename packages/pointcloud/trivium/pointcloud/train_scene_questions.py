"""Train the model that answers questions about scenes: `python -m trivium.pointcloud.train_scene_questions --out DIR`.

Scenes are simulated and looked at by the LiDAR detector that ships; the model reads what it found and learns the exact
answers from the truth (`scenes/looked.py`). Each step mixes new scenes (`scenes/mixing.py`) and asks several questions
of each, in ways drawn from the grammar. `--out` keeps the scenes, the core's checkpoints (the same command goes on from
both) and `scenes.safetensors`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
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
from trivium.pointcloud.encoders.objects import Objects
from trivium.pointcloud.scenes.answerer import ASKED, END, UNKNOWN, SceneAnswerer, padded, vocabulary
from trivium.pointcloud.scenes.looked import Looked, kept_scenes, looked_split, read_looked, write_looked
from trivium.pointcloud.scenes.mixing import Mixer
from trivium.pointcloud.scenes.questions import ANSWERS, KINDS, MEANINGS, answer, places_of
from trivium.pointcloud.scenes.wordings import LANGUAGES, say

__all__ = ["QuestionObjective", "answers_of", "main", "new_answerer", "usual_answers"]

_EACH = 8  # questions about a scene of a step
_WAYS = 300  # ways to ask for each meaning in each language, drawn once
_STRANGE, _DROPPED = 0.12, 0.05
_ASKED_WEIGHT = 0.3
DECODER: dict[str, Any] = {
    "dim": 96, "num_layers": 3, "num_heads": 4, "num_experts": 4, "experts_per_token": 2, "expert_dim": 128,
    "router_scores": "softmax", "aux_loss_weight": 0.01, "tied_embeddings": True, "max_positions": 128,
    "query_key_norm": True, "rope_theta": 1000.0,
}  # fmt: skip
WIDTH = 96
"""Of the tokens of objects."""


def new_answerer(seed: int) -> SceneAnswerer:
    """Return a fresh model that knows the words of the phrasings."""
    known = vocabulary()
    return SceneAnswerer(ModelConfig(vocab_size=END + 1 + len(known), **DECODER), known, WIDTH, seed)


def answers_of(truth: Sequence[Objects]) -> np.ndarray:
    """Return the answer to each of `MEANINGS` in each scene, (S, M) int64 rows of `ANSWERS`."""
    places = [places_of(one.boxes, one.kinds) for one in truth]
    return np.array([[ANSWERS.index(answer(meaning, one)) for meaning in MEANINGS] for one in places], np.int64)


def usual_answers(answers: np.ndarray) -> np.ndarray:
    """Return the most frequent answer to each meaning, (M,): the best that can be said without seeing the scene."""
    return np.array([Counter(column.tolist()).most_common(1)[0][0] for column in answers.T])


class QuestionObjective:
    """What the core's loop learns: answers to questions about scenes, both drawn anew at each step.

    Args:
        model: changed by training.
        looked: scenes to learn from.
        config: of the run; `batch_size` questions a step.
        held: scenes that show how far training is; no choice is made by them.
    """

    def __init__(self, model: SceneAnswerer, looked: Looked, config: TrainConfig, held: Looked) -> None:
        self.model, self._config = model, config
        self._balancer = Balancer(model, config.balance)
        self._device = torch.device(config.device)
        self._mixer = Mixer(looked)
        chance = random.Random(config.seed)
        self._ways = [
            [model.words(say(meaning, language, chance)) for language in LANGUAGES for _ in range(_WAYS)]
            for meaning in MEANINGS
        ]
        self._held = self._held_batches(held)

    def micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """Draw scenes, meanings and words of a step."""
        chance = np.random.default_rng([self._config.seed, step])
        scenes = [self._mixer.draw(chance) for _ in range(max(1, self._config.batch_size // _EACH))]
        return [self._batch(chance, scenes, is_disturbed=True)]

    def losses(self, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the cross-entropy of answers and of what is asked, and the balance of the experts."""
        ids, rows, goals, asked = batch.data
        read = self.model(ids, rows)
        loss = class_loss(read.answers, goals)
        for said, part in zip(read.asked.split([len(one) for one in ASKED], dim=1), asked.unbind(dim=1), strict=True):
            loss = loss + _ASKED_WEIGHT * class_loss(said, part)
        return loss * batch.count, self._balancer.loss(read.routings, read.mask.long())

    def after_step(self) -> dict[str, float]:
        """Keep the experts balanced."""
        self._balancer.after_step()
        return {}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Return the share of right answers on held scenes, mean of the kinds of questions."""
        self.model.eval()
        right = 0.0
        for batch in self._held:
            ids, rows, goals, _ = batch.data
            right += float((self.model(ids, rows).answers.argmax(dim=1) == goals).float().mean())
        self.model.train()
        return {"accuracy": right / len(self._held)}

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

    def _held_batches(self, held: Looked) -> list[MicroBatch]:
        chance, pairs = np.random.default_rng(9), list(zip(held.found, held.truth, strict=True))
        return [
            self._batch(chance, pairs[first : first + 50], is_disturbed=False) for first in range(0, len(pairs), 50)
        ]

    def _batch(
        self, chance: np.random.Generator, scenes: list[tuple[Objects, Objects]], *, is_disturbed: bool
    ) -> MicroBatch:
        """Ask `_EACH` questions of each scene; kinds are as likely, whatever the number of their meanings."""
        which, ids, goals, asked = [], [], [], []
        for at, (_, truth) in enumerate(scenes):
            places = places_of(truth.boxes, truth.kinds)
            for kind in chance.integers(len(_OF_KIND), size=_EACH).tolist():
                meaning = int(chance.choice(_OF_KIND[kind]))
                words = self._ways[meaning][chance.integers(len(self._ways[meaning]))]
                which.append(at)
                ids.append(_disturbed(words, chance) if is_disturbed else words)
                goals.append(ANSWERS.index(answer(MEANINGS[meaning], places)))
                asked.append(_ASKED[meaning])
        rows = self.model.encoder.rows([found for found, _ in scenes]).of(torch.tensor(which))
        tables = (torch.tensor(one, device=self._device) for one in (goals, asked))
        return MicroBatch((padded(ids).to(self._device), rows.to(self._device), *tables), len(ids))


def _disturbed(ids: list[int], chance: np.random.Generator) -> list[int]:
    """Change half the questions as strangers do: other words in place of some, some dropped, some around."""
    if chance.random() < 0.5:
        return ids
    fate = chance.random(len(ids))
    ids = [UNKNOWN if one < _STRANGE else word for word, one in zip(ids, fate, strict=True) if one < 1 - _DROPPED]
    before, after = chance.integers(0, 4, size=2)
    return [UNKNOWN] * int(before) + ids + [UNKNOWN] * int(after)


_OF_KIND = [np.flatnonzero([meaning.kind == kind for meaning in MEANINGS]) for kind in KINDS]
_ASKED = [
    [one.index(part) for one, part in zip(ASKED, (m.kind, m.about, m.other, m.radius), strict=True)] for m in MEANINGS
]


def main() -> int:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--held", type=int, default=200, help="validation scenes that show how far it is")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=512, help="questions a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    looked = kept_scenes(given.out, given.scenes, given.seed, given.device)
    held_file = given.out / "held.safetensors"
    if not held_file.exists():
        write_looked(looked_split("questions_validation", count=given.held, device=given.device), held_file)
    held = read_looked(held_file)
    model = new_answerer(given.seed).to(given.device)
    print(f"{len(looked.found)} scenes; {sum(one.numel() for one in model.parameters())} parameters", flush=True)
    config = TrainConfig(
        out=str(given.out / "run"), data=("simulated",), model=model.config.to_json(), steps=given.steps,
        batch_size=given.batch, learning_rate=given.rate, warmup_steps=min(200, given.steps // 4), weight_decay=0.02,
        ema_decay=0.995, eval_every=500, save_every=250, device=given.device, seed=given.seed, balance=BalanceConfig(),
        log_every=50,
    )  # fmt: skip
    objective = QuestionObjective(model, looked, config, held)
    result = fit(objective, config, resume=(given.out / "run").exists())
    objective.load(given.out / "run" / "model")  # the average of the weights
    answers = answers_of(held.truth)
    print(f"loss {result.loss:.4f}; held scenes {objective.evaluate()['accuracy']:.4f}")
    usual = usual_answers(answers) == answers
    alone = np.mean([usual[:, mine].mean() for mine in _OF_KIND])
    print(f"question only, held scenes, mean of kinds: {alone:.4f}")
    model.save(given.out / "scenes.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
