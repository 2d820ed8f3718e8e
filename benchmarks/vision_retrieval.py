"""Films by text and texts by film, on films of patients that the encoders did not see.

    python benchmarks/vision_retrieval.py --seed 21

NIH films at 64 px in five patient-grouped parts. Each film's text is made from its labels, in wordings of both
languages, so that the figures say how well labels are found, not how well reports are. Film to text: is the film's own
set of labels among the first k of the sets that occur in its part? Text to film: the share of the first k films of the
part that show the finding which a query of one term names, mean over findings with 30 films, both languages. Label
only: sets of labels by how frequent they are elsewhere; no film is read. "And frequency": likeness plus that, weighed
as is best on a fifth of the training patients. Classifier: by its probabilities alone, calibrated on that fifth; "space
alone": without them. Passes when films to a text are better than the classifier's, and texts to a film than without a
film. Seeds 0 to 4, 20 and 21 were seen while this was written.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict

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
WEIGHTS = (0, 0.1, 0.2, 0.5, 1, 2, 5)
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


def film_to_text(like, labels, known, probabilities, weight, generator):
    """Return hits `(N, ranks)` of each system on one part; the sets of labels that occur in it are the gallery.

    Args:
        like: (N, sets) of the films and the reports of these sets.
    """
    sets, own, frequency = gallery(labels, known)
    p = np.clip(probabilities, 1e-4, 1 - 1e-4)
    likely = np.log(p) @ sets.T + np.log(1 - p) @ (~sets).T
    n = len(labels)
    return {
        "likeness": found(np.argsort(-like, 1), own),
        "and frequency": found(np.argsort(-(weight * like + frequency), 1), own),
        "classifier": found(np.argsort(-likely, 1), own),
        "label only": found(np.tile(np.argsort(-frequency, kind="stable"), (n, 1)), own),
        "random": found(np.argsort(generator.random((n, len(sets))), 1), own),
    }


def reports_of(labels):
    """Return the report of each set of labels that occurs, in the order of `gallery`."""
    return [report_from_labels(one) for one in np.unique(labels, axis=0)]


def weight_of_likeness(like, labels, known):
    """Return by what likeness is best multiplied before the log of frequency is added."""
    _, own, frequency = gallery(labels, known)
    return max(WEIGHTS, key=lambda weight: found(np.argsort(-(weight * like + frequency), 1), own)[:, 1].mean())


def text_to_film(retriever, described, nats, labels):
    """Return for each rank the mean share of right films of each system on one part."""
    films = retriever.of_films(described)
    out = {"likeness, English": [], "likeness, Chinese": [], "space alone": [], "classifier": [], "random": []}
    for name, (english, chinese) in QUERIES.items():
        column = FINDINGS.index(name)
        truth = labels[:, column]
        scores = {
            "likeness, English": retriever.likeness(described, nats, [english])[:, 0],
            "likeness, Chinese": retriever.likeness(described, nats, [chinese])[:, 0],
            "space alone": films @ retriever.of_texts([english])[0],
            "classifier": nats[:, column],
        }
        for system, score in scores.items():
            ranked = truth[np.argsort(-score, kind="stable")]
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
    nih, classifier = read_nih(DATA / "medical" / "nih"), FindingsClassifier.load()
    small = np.flatnonzero(nih.is_small)
    described = describe(classifier.net, classifier.laid_all(nih.films))
    labels, patients = nih.labels[small], nih.patients[small]
    generator = np.random.default_rng(given.seed)
    assert all(labels[:, FINDINGS.index(name)].sum() >= MIN_FILMS for name in QUERIES)
    texts, shares, held_patients, sizes = {}, {}, [], []
    for part in patient_folds(patients, given.seed):
        others = np.flatnonzero(~np.isin(nih.patients, patients[part]))
        tuned = others[patient_folds(nih.patients[others], given.seed)[0]]
        rest = np.setdiff1d(others, tuned)
        retriever = Retriever.fit(described[rest], [report_from_labels(one) for one in nih.labels[rest]])
        model, _ = chosen(described[rest], nih.labels[rest], nih.patients[rest], given.seed + 1, SHARES)
        seen, scores = model(described[tuned]), model(described[small[part]])
        platts = [fit_platt(seen[:, c], nih.labels[tuned][:, c]) for c in range(len(FINDINGS))]
        slopes = np.array([platt.slope for platt in platts])
        like = retriever.likeness(described[tuned], seen * slopes, reports_of(nih.labels[tuned]))
        weight = weight_of_likeness(like, nih.labels[tuned], nih.labels[rest])
        probabilities = np.stack([platt(scores[:, c]) for c, platt in enumerate(platts)], 1)
        like = retriever.likeness(described[small[part]], scores * slopes, reports_of(labels[part]))
        for system, hits in film_to_text(
            like, labels[part], nih.labels[others], probabilities, weight, generator
        ).items():
            texts.setdefault(system, []).append(hits)
        for system, row in text_to_film(retriever, described[small[part]], scores * slopes, labels[part]).items():
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
    ours, alone, chance = (float(np.mean(shares[name], 0)[2]) for name in ("likeness, English", "classifier", "random"))
    return verdict(
        low > 0 and ours > max(chance, alone),
        f"text to film at 10 {ours:.3f}, classifier {alone:.3f}, chance {chance:.3f}; film to text at 5 "
        f"{hits['and frequency'][:, 1].mean():.3f}, {gain(every):+.3f} to label only ({low:+.3f} to {high:+.3f})",
    )


if __name__ == "__main__":
    sys.exit(main())
