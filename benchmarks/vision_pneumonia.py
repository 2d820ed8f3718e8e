"""PneumoniaMNIST: what ships beside raw pixels with logistic regression, on films as they are and altered.

    python benchmarks/vision_pneumonia.py --seed 1

Both learned from the training part (2,428) and meet the validation part (270), as it is and altered in tone, contrast,
sharpness, place and size: what another hospital's films may look like. Nothing was chosen on the validation part. Films
have no patient numbers, so intervals draw films.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.chest_films import pneumonia_films
from trivium.vision.films import resize
from trivium.vision.metrics import auroc, interval
from trivium.vision.pneumonia import PneumoniaClassifier, small_standard


def logistic(train, labels, decay=1e-2):
    """Return a scorer: logistic regression on standardised pixels by Newton steps."""
    x = train.reshape(len(train), -1).astype(np.float64)
    mean, spread = x.mean(0), x.std(0) + 1e-2
    x = np.c_[(x - mean) / spread, np.ones(len(x))]
    w, penalty = np.zeros(x.shape[1]), decay * len(x) * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    for _ in range(10):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        w -= np.linalg.solve((x * (p * (1 - p) + 1e-6)[:, None]).T @ x + penalty, x.T @ (p - labels) + penalty @ w)
    return lambda films: np.c_[(films.reshape(len(films), -1) - mean) / spread, np.ones(len(films))] @ w


def altered(films, generator):
    """Yield names and altered films `(N, 28, 28)` in [0, 1]."""
    blurred = (films + np.roll(films, 1, 1) + np.roll(films, -1, 1) + np.roll(films, 1, 2) + np.roll(films, -1, 2)) / 5
    middle = films[:, 3:25, 3:25]
    yield "as they are", films
    yield "gamma 0.6", films**0.6
    yield "gamma 1.6", films**1.6
    yield "half contrast", films * 0.5 + 0.25
    yield "darker", films * 0.7
    yield "blurred", blurred
    yield "noise", np.clip(films + generator.normal(0, 0.05, films.shape), 0, 1)
    yield "shifted by 2 px", np.roll(films, (2, -2), (1, 2))
    yield "zoomed in", np.stack([resize(film, 28) for film in middle])


def main() -> int:
    given = arguments(__doc__).parse_args()
    print(setting(("numpy",), given.seed))
    folder = require_data(DATA / "medical") / "pneumoniamnist"
    raw_score = logistic(*pneumonia_films(folder, "train"))
    films, truth = pneumonia_films(folder, "val")
    model = PneumoniaClassifier.load()
    each, gains = np.arange(len(truth)), []
    for name, changed in altered(films, np.random.default_rng(given.seed)):
        ours = model.logits(np.stack([small_standard(film.astype(np.float32)) for film in changed]))
        raw, right = raw_score(changed), model.calibrated(ours) >= 0.5

        def gain(chosen, a=ours, b=raw):
            return auroc(a[chosen], truth[chosen]) - auroc(b[chosen], truth[chosen])

        low, high = interval(gain, each, rounds=500, seed=given.seed)
        gains.append((gain(each), low, high))
        print(
            f"{name:16s} ours {auroc(ours, truth):.4f} / {(right == truth).mean():.3f}, raw pixels "
            f"{auroc(raw, truth):.4f} / {((raw > 0) == truth).mean():.3f}; difference {gains[-1][0]:+.4f} "
            f"({low:+.4f} to {high:+.4f})",
            flush=True,
        )
    large = np.stack([small_standard(resize(film, 224)) for film in films])
    print(f"enlarged to 224 px: ours {auroc(model.logits(large), truth):.4f}")
    spoken = np.mean([model.speaks_of(resize(film, 224), (224, 224)) for film in films])
    print(f"enlarged to 224 px: it speaks of {spoken:.3f} of them")
    first, low, high = gains[0]
    word = "above" if low > 0 else "below" if high < 0 else "a tie"
    rest = np.mean([one[0] for one in gains[1:]])
    return verdict(high >= 0, f"{word} as they are ({first:+.4f}, {low:+.4f} to {high:+.4f}); altered {rest:+.4f}")


if __name__ == "__main__":
    sys.exit(main())
