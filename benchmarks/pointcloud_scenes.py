"""Questions about simulated scenes with exact answers, answered through the core from detected objects.

Run: `python benchmarks/pointcloud_scenes.py`, or with `--weights F`. Scenes are those of `simulator/splits.py` (32
beams all around), fixed before training; `--count` takes so many of 500. Each meaning is asked of each scene in English
and Chinese, in words that training never drew, and once more in words of its grammar. Beside the share of right answers
stand the best that the question alone allows (the most frequent answer to each meaning in these very scenes, so an
upper bound), the model shown another scene, and the exact rule applied to what the detector found with a score of
0.5 or more (chosen on 60 training scenes; at 0.3, as before, it is worse). The exact rule on the truth is always right.
Passes when the scene is worth 15 points or more over the question alone.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import torch
from setting import arguments, setting, verdict

from trivium.pointcloud.encoders.objects import Objects
from trivium.pointcloud.scenes.answerer import SHIPPED, SceneAnswerer
from trivium.pointcloud.scenes.looked import looked_split
from trivium.pointcloud.scenes.questions import ANSWERS, KINDS, MEANINGS
from trivium.pointcloud.scenes.wordings import LANGUAGES, say
from trivium.pointcloud.simulator.splits import digest
from trivium.pointcloud.train_scene_questions import answers_of, usual_answers

GAIN = 0.15
SURE = 0.5
DRAWS = 1000


def main() -> int:
    """Ask everything of every scene."""
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="of train_scene_questions")
    parser.add_argument("--count", type=int, help="scenes; all if not given")
    parser.add_argument("--device", default="cpu", help="where all networks run")
    options = parser.parse_args()
    print(setting(("torch", "numpy"), options.seed))
    torch.set_num_threads(1)
    model = SceneAnswerer.load(options.weights).to(options.device)
    looked = looked_split("questions_test", count=options.count, device=options.device)
    truth = answers_of(looked.truth)
    scenes = len(truth)
    print(f"questions_test {digest('questions_test')}: {scenes} scenes, {len(MEANINGS)} meanings, two languages")
    chance = random.Random(options.seed)
    own = np.repeat(np.arange(scenes), len(MEANINGS))

    def asked(language: str, which: np.ndarray, *, kept: bool) -> np.ndarray:
        """Return which answers are right, (S, M)."""
        texts = [say(meaning, language, chance, kept=kept) for _ in range(scenes) for meaning in MEANINGS]
        said = model.answer(texts, looked.found, which.tolist())
        return np.array([ANSWERS.index(one) for one in said]).reshape(truth.shape) == truth

    right = np.stack([asked(language, own, kept=True) for language in LANGUAGES])
    taught = np.stack([asked(language, own, kept=False) for language in LANGUAGES])
    swapped = asked(LANGUAGES[0], (own + scenes // 2) % scenes, kept=True)
    columns = {
        "English": right[0],
        "Chinese": right[1],
        "in words of the grammar": taught,
        "question only": usual_answers(truth) == truth,
        "another scene": swapped,
        "rule, 0.3": answers_of([_sure(one, 0.3) for one in looked.found]) == truth,
        "rule, 0.5": answers_of([_sure(one, SURE) for one in looked.found]) == truth,
    }
    widths = [max(len(name), 7) + 2 for name in columns]
    print(f"{'kind':8}" + "".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True)))
    for kind in KINDS:
        row = [one[..., _OF_KIND[kind]].mean() for one in columns.values()]
        print(f"{kind:8}" + "".join(f"{one:{width}.3f}" for one, width in zip(row, widths, strict=True)))
    row = [_over_kinds(one) for one in columns.values()]
    print(f"{'all':8}" + "".join(f"{one:{width}.3f}" for one, width in zip(row, widths, strict=True)))
    draws = np.random.default_rng(options.seed).integers(scenes, size=(DRAWS, scenes))
    text, gains = [], {}
    for name in ("question only", "rule, 0.5"):
        resampled = [_over_kinds(right[:, at]) - _over_kinds(columns[name][at]) for at in draws]
        gains[name] = _over_kinds(right) - _over_kinds(columns[name])
        low, high = np.percentile(resampled, (2.5, 97.5))
        text.append(f"{name} {_over_kinds(columns[name]):.3f}: {gains[name]:+.3f} ({low:+.3f} to {high:+.3f})")
    return verdict(
        gains["question only"] >= GAIN,
        f"{_over_kinds(right):.3f} right (mean of kinds, words never taught); {'; '.join(text)}",
    )


_KIND_OF = np.array([meaning.kind for meaning in MEANINGS])
_OF_KIND = {kind: np.flatnonzero(kind == _KIND_OF) for kind in KINDS}


def _over_kinds(table: np.ndarray) -> float:
    return float(np.mean([table[..., mine].mean() for mine in _OF_KIND.values()]))


def _sure(found: Objects, least: float) -> Objects:
    kept = found.scores >= least
    return Objects(found.boxes[kept], found.kinds[kept], found.scores[kept])


if __name__ == "__main__":
    sys.exit(main())
