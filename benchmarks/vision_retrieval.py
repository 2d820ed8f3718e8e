"""Films by text and texts by film, on films of patients that the encoders did not see.

    python benchmarks/vision_retrieval.py --seed 21

NIH films at 64 px in five patient-grouped parts. Each film's text is made from its labels, in wordings of both
languages, so that the figures say how well labels are found, not how well reports are. Film to text: is the film's own
set of labels among the first k of the sets that occur in its part? Text to film: the share of the first k films of the
part that show the finding which a query of one term names, mean over findings with 30 films, both languages. Label
only: sets of labels by how frequent they are elsewhere; no film is read. "And frequency": likeness in the space plus
that, weighed as is best on a fifth of the training patients. Classifier: by its probabilities, without the space,
calibrated on that fifth. Passes when both ways are better than without a film. Seed 20 was seen while this was written.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.alignment import align, make_template
from trivium.vision.calibrate_findings import MIN_FILMS
from trivium.vision.calibration import fit_platt
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import patient_folds
from trivium.vision.frozen import describe
from trivium.vision.metrics import interval
from trivium.vision.report_text import report_from_labels
from trivium.vision.retrieval import Retriever
from trivium.vision.train_findings import SHARES, chosen

RANKS = (1, 5, 10)
WEIGHTS = (0, 1, 2, 5, 10, 20, 50)
QUERIES = {
    "Effusion": ("pleural effusion", "胸腔积液"),
    "Infiltration": ("infiltrate", "片状密度增高影"),
    "Cardiomegaly": ("enlarged heart", "心影增大"),
    "Atelectasis": ("atelectasis", "肺不张"),
    "Pneumothorax": ("pneumothorax", "气胸"),
    "Emphysema": ("emphysema", "肺气肿"),
    "Nodule": ("nodule", "结节"),
    "Mass": ("mass", "肿块"),
    "Consolidation": ("consolidation", "实变"),
}


def found(order, wanted):
    """Return for each row whether its own column is among the first k, for each k."""
    place = (order == wanted[:, None]).argmax(1)
    return np.stack([place < k for k in RANKS], 1).astype(float)


def gallery(labels, known):
    """Return the sets of labels that occur, which each film has, and the log of how frequent each is elsewhere."""
    sets, own = np.unique(labels, axis=0, return_inverse=True)
    return sets, own.ravel(), np.log([(known == one).all(1).sum() + 0.5 for one in sets])


def film_to_text(retriever, described, labels, known, probabilities, weight, generator):
    """Return hits `(N, ranks)` of each system on one part; the sets of labels that occur in it are the gallery."""
    sets, own, frequency = gallery(labels, known)
    like = retriever.of_films(described) @ retriever.of_texts([report_from_labels(one) for one in sets]).T
    p = np.clip(probabilities, 1e-4, 1 - 1e-4)
    likely = np.log(p) @ sets.T + np.log(1 - p) @ (~sets).T
    n = len(labels)
    return {
        "dual encoder": found(np.argsort(-like, 1), own),
        "and frequency": found(np.argsort(-(weight * like + frequency), 1), own),
        "classifier": found(np.argsort(-likely, 1), own),
        "label only": found(np.tile(np.argsort(-frequency, kind="stable"), (n, 1)), own),
        "random": found(np.argsort(generator.random((n, len(sets))), 1), own),
    }


def weight_of_likeness(retriever, described, labels, known):
    """Return by what likeness is best multiplied before the log of frequency is added."""
    sets, own, frequency = gallery(labels, known)
    like = retriever.of_films(described) @ retriever.of_texts([report_from_labels(one) for one in sets]).T
    return max(WEIGHTS, key=lambda weight: found(np.argsort(-(weight * like + frequency), 1), own)[:, 1].mean())


def text_to_film(retriever, described, labels, scores):
    """Return for each rank the mean share of right films of each system on one part."""
    films = retriever.of_films(described)
    out = {"dual encoder, English": [], "dual encoder, Chinese": [], "classifier": [], "random": []}
    for name, (english, chinese) in QUERIES.items():
        column = FINDINGS.index(name)
        truth = labels[:, column]
        orders = {
            "dual encoder, English": -(films @ retriever.of_texts([english])[0]),
            "dual encoder, Chinese": -(films @ retriever.of_texts([chinese])[0]),
            "classifier": -scores[:, column],
        }
        for system, score in orders.items():
            ranked = truth[np.argsort(score, kind="stable")]
            out[system].append([ranked[:k].mean() for k in RANKS])
        out["random"].append([truth.mean()] * len(RANKS))
    return {system: np.mean(rows, 0) for system, rows in out.items()}


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=21)
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "numpy"), given.seed))
    nih = read_nih(DATA / "medical" / "nih")
    small = np.flatnonzero(nih.is_small)
    aligned, _ = align(nih.films, make_template(nih.films[~nih.is_small]))
    described = describe(FindingsClassifier.load().net, aligned)
    labels, patients = nih.labels[small], nih.patients[small]
    generator = np.random.default_rng(given.seed)
    assert all(labels[:, FINDINGS.index(name)].sum() >= MIN_FILMS for name in QUERIES)
    texts, shares, held_patients, sizes = {}, {}, [], []
    for part in patient_folds(patients, given.seed):
        others = np.flatnonzero(~np.isin(nih.patients, patients[part]))
        tuned = others[patient_folds(nih.patients[others], given.seed)[0]]
        rest = np.setdiff1d(others, tuned)
        retriever = Retriever.fit(described[rest], [report_from_labels(one) for one in nih.labels[rest]])
        weight = weight_of_likeness(retriever, described[tuned], nih.labels[tuned], nih.labels[rest])
        model, _ = chosen(described[rest], nih.labels[rest], nih.patients[rest], given.seed + 1, SHARES)
        seen, scores = model(described[tuned]), model(described[small[part]])
        platts = [fit_platt(seen[:, c], nih.labels[tuned][:, c]) for c in range(len(FINDINGS))]
        probabilities = np.stack([platt(scores[:, c]) for c, platt in enumerate(platts)], 1)
        args = retriever, described[small[part]], labels[part]
        for system, hits in film_to_text(*args, nih.labels[others], probabilities, weight, generator).items():
            texts.setdefault(system, []).append(hits)
        for system, row in text_to_film(*args, scores).items():
            shares.setdefault(system, []).append(row)
        held_patients.append(patients[part])
        sizes.append(len(np.unique(labels[part], axis=0)))
    owners = np.concatenate(held_patients)
    print(f"film to text, recall at {RANKS}, among {min(sizes)} to {max(sizes)} sets of labels in a part")
    hits = {system: np.concatenate(one) for system, one in texts.items()}
    for system, one in hits.items():
        low, high = interval(lambda f, v=one: v[f, 1].mean(), owners, rounds=500)
        print(f"  {system:14s} " + " ".join(f"{v:.3f}" for v in one.mean(0)) + f"  (at 5: {low:.3f} to {high:.3f})")
    print(f"text to film, share of right films among the first {RANKS}, mean of {len(QUERIES)} findings")
    for system, rows in shares.items():
        print(f"  {system:22s} " + " ".join(f"{v:.3f}" for v in np.mean(rows, 0)))

    def gain(chosen_films):
        return float((hits["and frequency"][chosen_films, 1] - hits["label only"][chosen_films, 1]).mean())

    low, high = interval(gain, owners, rounds=500)
    every = np.arange(len(owners))
    ours, chance = (float(np.mean(shares[name], 0)[2]) for name in ("dual encoder, English", "random"))
    return verdict(
        low > 0 and ours > chance,
        f"text to film at 10 {ours:.3f}, chance {chance:.3f}; film to text at 5 "
        f"{hits['and frequency'][:, 1].mean():.3f}, {gain(every):+.3f} to label only ({low:+.3f} to {high:+.3f})",
    )


if __name__ == "__main__":
    sys.exit(main())
