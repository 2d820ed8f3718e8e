"""Questions about simulated scenes with exact answers, answered through the core from detected objects.

Run: `python benchmarks/pointcloud_scenes.py --weights F`. Scenes are those of `simulator/splits.py` (32 beams all
around), fixed before training; `--count` takes so many of 500. Each meaning is asked of each scene in English and
Chinese, in words that training never drew. Beside the share of right answers stand the best that the question alone
allows (the most frequent answer to each meaning in these very scenes, so an upper bound), the model shown another
scene, and the exact rule applied to the detected objects, which shows what the detector missed. Passes when the scene
is worth 15 points or more over the question alone.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import torch
from setting import arguments, setting, verdict

from trivium.pointcloud.scenes.answerer import SceneAnswerer
from trivium.pointcloud.scenes.questions import ANSWERS, KINDS, LANGUAGES, MEANINGS, answer, places_of, say
from trivium.pointcloud.simulator.splits import digest
from trivium.pointcloud.train_scene_questions import looked_split, usual_answers

GAIN = 0.15


def main() -> int:
    """Ask everything of every scene."""
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="of train_scene_questions")
    parser.add_argument("--count", type=int, help="scenes; all if not given")
    parser.add_argument("--device", default="cpu", help="where all networks run")
    options = parser.parse_args()
    print(setting(("torch", "numpy"), options.seed))
    torch.set_num_threads(1)
    model = SceneAnswerer.load(options.weights).to(options.device)
    looked = looked_split("questions_test", count=options.count, device=options.device)
    scenes, truth = len(looked.found), looked.answers
    print(f"questions_test {digest('questions_test')}: {scenes} scenes, {len(MEANINGS)} meanings, two languages")
    chance = random.Random(options.seed)
    right, swapped = (np.zeros((len(LANGUAGES), *truth.shape), bool) for _ in range(2))
    for number, language in enumerate(LANGUAGES):
        texts = [say(meaning, language, chance, kept=True) for _ in range(scenes) for meaning in MEANINGS]
        own = np.repeat(np.arange(scenes), len(MEANINGS))
        for table, which in ((right, own), (swapped, (own + scenes // 2) % scenes)):
            said = model.answer(texts, looked.found, which.tolist())
            table[number] = np.array([ANSWERS.index(one) for one in said]).reshape(truth.shape) == truth
    usual = usual_answers(truth) == truth
    seen = [places_of(one.boxes, one.kinds) for one in looked.found]
    rule = [[answer(meaning, places) for meaning in MEANINGS] for places in seen]
    by_rule = np.array([[ANSWERS.index(one) for one in row] for row in rule]) == truth
    kind_of = np.array([meaning.kind for meaning in MEANINGS])
    print(f"{'kind':8}{'English':>9}{'Chinese':>9}{'question only':>15}{'another scene':>15}{'rule on detections':>20}")
    for kind in KINDS:
        mine = kind_of == kind
        row = [one[..., mine].mean() for one in (right[0], right[1], usual, swapped, by_rule)]
        print(f"{kind:8}{row[0]:9.3f}{row[1]:9.3f}{row[2]:15.3f}{row[3]:15.3f}{row[4]:20.3f}")

    def over_kinds(table: np.ndarray) -> float:
        return float(np.mean([table[..., kind_of == kind].mean() for kind in KINDS]))

    reached, alone = over_kinds(right), over_kinds(usual)
    resampled = [
        over_kinds(right[:, at]) - over_kinds(usual[at])
        for at in np.random.default_rng(options.seed).integers(scenes, size=(200, scenes))
    ]
    low, high = np.percentile(resampled, (2.5, 97.5))
    return verdict(
        reached - alone >= GAIN,
        f"{reached:.3f} right (mean of kinds), question only {alone:.3f}: {reached - alone:+.3f} ({low:+.3f} to "
        f"{high:+.3f}); another scene {over_kinds(swapped):.3f}, exact rule on detections {over_kinds(by_rule):.3f}",
    )


if __name__ == "__main__":
    sys.exit(main())
