"""Questions about pictures that training never saw: easy-VQA's own words and paraphrases, English and Chinese.

    python benchmarks/vision_vqa.py --seed 1

Pictures are the tenth that `train_vqa --seed` kept back. Paraphrases come from `vision_vqa_paraphrases.toml`, written
apart from the grammar that training draws from; those that the training's draws hold word for word are left out. Beside
each figure stand the same model without a picture and the most frequent answer.
"""

from __future__ import annotations

import random
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.answerer import BLANK, Answerer
from trivium.vision.picture_encoder import PICTURE_SIDE
from trivium.vision.question_files import Pictures, read_questions
from trivium.vision.questions import ANSWERS, meaning_of
from trivium.vision.train_vqa import held_out, pool_of

LANGUAGES = {"en": 0.99, "zh": 0.98}


def paraphrase(meaning, words, chance):
    """Return one of the paraphrases of a meaning."""
    names = {**words["colors"], **words["shapes"]}
    text = chance.choice(words[meaning.pattern])
    name = names.get(meaning.about, "")
    it = words["thing"].format(color=name) if meaning.about in words["colors"] else name
    subject = words["color_things"][meaning.about or "none"] if meaning.kind == "color" else ""
    return text.format(color=name, it=it, subject=subject)


def accuracy(model, texts, pictures, which, truth):
    """Return the share of right answers with the pictures, and with none."""
    best = model.answer(texts, pictures, which).argmax(1)
    blank = np.full((1, 3, PICTURE_SIDE, PICTURE_SIDE), BLANK, np.uint8)
    blind = model.answer(texts, blank, [0] * len(texts)).argmax(1)
    goal = np.array([ANSWERS.index(one) for one in truth])
    return (best == goal).mean(), (blind == goal).mean(), best == goal


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, help="folder with vqa.safetensors; the shipped one if not given")
    parser.add_argument("--ways", type=int, default=600, help="as given to the training")
    parser.add_argument("--errors", type=int, default=0, help="print so many of the questions answered wrongly")
    given = parser.parse_args()
    print(setting(("torch", "numpy"), given.seed))
    torch.set_num_threads(1)
    folder = require_data(DATA / "medical" / "easy-vqa")
    asked = read_questions(folder / "questions.json.gz")
    kept_back = held_out([one.image_id for one in asked], given.seed)
    asked = [one for one in asked if one.image_id in kept_back]
    source = Pictures(folder / "images.zip")
    ids = sorted(kept_back)
    pictures = np.stack([source.read(one) for one in ids])
    which = np.searchsorted(ids, [one.image_id for one in asked])
    truth = [one.answer for one in asked]
    model = Answerer.load(given.weights) if given.weights else Answerer.load()
    word, count = Counter(truth).most_common(1)[0]
    print(f"{len(asked)} questions about {len(ids)} pictures; always {word!r} {count / len(asked):.4f}")
    own, blind, _ = accuracy(model, [one.question for one in asked], pictures, which, truth)
    print(f"en, own words: {own:.4f}; question only {blind:.4f}", flush=True)
    reached = {"own": own}
    phrases = tomllib.loads((Path(__file__).parent / "vision_vqa_paraphrases.toml").read_text(encoding="utf-8"))
    trained = {text for pool in pool_of(given.ways, given.seed).values() for each in pool for text in each}
    for language in LANGUAGES:
        chance = random.Random(given.seed)
        texts = [paraphrase(meaning_of(one.question), phrases[language], chance) for one in asked]
        fresh = [row for row, text in enumerate(texts) if text not in trained]
        shown = [texts[row] for row in fresh]
        reached[language], blind, right = accuracy(model, shown, pictures, which[fresh], [truth[row] for row in fresh])
        print(
            f"{language}, paraphrases not in training: {reached[language]:.4f} of {len(fresh)} "
            f"({len(set(shown))} different); question only {blind:.4f}",
            flush=True,
        )
        wrong = Counter(text for text, is_right in zip(shown, right, strict=True) if not is_right)
        for text, times in wrong.most_common(given.errors):
            print(f"    {times} x {text}")
    good = min(own, reached["en"]) >= 0.99 and reached["zh"] >= 0.98
    return verdict(
        good,
        f"English {own:.4f}, paraphrases {reached['en']:.4f} (0.99); Chinese paraphrases {reached['zh']:.4f} (0.98)",
    )


if __name__ == "__main__":
    sys.exit(main())
