"""Text measures on an archive of reports without films, which the user brings: Indiana University's XML files.

Nothing here reads a film, so that every row is a system that cannot: what such rows score is what BLEU and ROUGE-L do
not measure. The split is R2Gen's (Chen et al., EMNLP 2020) where its `annotation.json` lies beside the reports; else
they are drawn into seven tenths to learn from, one tenth to choose on, two tenths to be scored on. The archive's
licence forbids derivatives: nothing of it is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivium.medical.evaluate.archive_files import ArchivedReport, Parts, is_archive, read_archive
from trivium.medical.evaluate.reports import Told, best_constant, row_of
from trivium.medical.evaluate.rule_labels import RuleLabels
from trivium.medical.evaluate.text import BLEU_ORDER, grams

__all__ = ["ARCHIVE_SCHEMA", "evaluate_archive", "is_archive", "read_archive"]

ARCHIVE_SCHEMA = "trivium.medical.eval_archive/2"
_SHARES = (0.7, 0.1)  # to learn from, to choose on
_CANDIDATES = 300
_CENTRAL = 60  # candidates of the most central report with the same labels


def evaluate_archive(path: Path, *, seed: int, rounds: int) -> dict[str, Any]:
    """Return what `eval.json` holds for an archive.

    Args:
        path: folder, `.zip` or tar archive of XML files.

    Raises:
        InputError: as `read_archive`.
    """
    reports, parts, left_out = read_archive(path)
    generator = np.random.default_rng(seed)
    split = parts or _drawn(len(reports), generator)
    known, chosen_on, scored = ([reports[one] for one in part] for part in split)
    wanted = [one.findings for one in scored]
    measured = {
        name: row_of(given, wanted).figures(np.arange(len(wanted)), seed, rounds)
        for name, given in _systems(known, chosen_on, scored, generator).items()
    }
    return {
        "schema": ARCHIVE_SCHEMA,
        "reports": len(reports),
        "left_out": [{"file": name, "reason": reason} for name, reason in left_out.items()],
        "split": "annotation.json" if parts else "drawn",
        "learned_from": len(known),
        "chosen_on": len(chosen_on),
        "scored": len(scored),
        "seed": seed,
        "bootstrap_rounds": rounds,
        "texts": {"reference": "findings of the archive", "systems": measured},
    }


def _drawn(count: int, generator: np.random.Generator) -> Parts:
    first, second = (round(count * share) for share in (_SHARES[0], sum(_SHARES)))
    known, chosen_on, scored = (part.tolist() for part in np.split(generator.permutation(count), [first, second]))
    return known, chosen_on, scored


def _systems(
    known: list[ArchivedReport],
    chosen_on: list[ArchivedReport],
    scored: list[ArchivedReport],
    generator: np.random.Generator,
) -> dict[str, list[Told]]:
    """Return what each system writes for each report that is scored."""
    texts, wanted = [one.findings for one in known], [one.findings for one in scored]
    counted = Counter(texts)
    constant = best_constant(texts, counted, generator, [one.findings for one in chosen_on], _CANDIDATES)
    same = _with_labels(texts, [one.labels for one in wanted])
    central = {
        labels: best_constant(group, Counter(group), generator, candidates=_CENTRAL) for labels, group in same.items()
    }
    return {
        "most frequent report": [counted.most_common(1)[0][0]] * len(wanted),
        "best constant report": [constant] * len(wanted),
        "random report": [texts[one] for one in generator.choice(len(texts), size=len(wanted))],
        "nearest indication": [texts[one] for one in _nearest(known, scored)],
        "gold labels, random": [same[one.labels][generator.integers(len(same[one.labels]))] for one in wanted],
        "gold labels, central": [central[one.labels] for one in wanted],
        "best match (peeks)": [texts[one] for one in _best_matches(texts, wanted)],
    }


def _with_labels(texts: Sequence[Told], asked: Sequence[RuleLabels]) -> dict[RuleLabels, list[Told]]:
    """Return for each set of labels asked for the texts that state it, or those whose set differs least from it."""
    by_labels: defaultdict[RuleLabels, list[Told]] = defaultdict(list)
    for text in texts:
        by_labels[text.labels].append(text)
    sets = list(by_labels)

    def away(one: RuleLabels, other: RuleLabels) -> int:
        return sum(a != b for a, b in zip(one, other, strict=True))

    return {labels: by_labels[min(sets, key=partial(away, labels))] for labels in dict.fromkeys(asked)}


def _nearest(known: list[ArchivedReport], asked: list[ArchivedReport]) -> list[int]:
    """Return for each report the known one whose indication is most alike, by words weighed by how rare they are."""
    counts = Counter(word for one in known for word in set(one.indication))
    place = {word: number for number, word in enumerate(counts)}
    weight = np.log(len(known) / np.array([counts[word] for word in place])) if place else np.zeros(0)

    def vectors(reports: list[ArchivedReport]) -> NDArray[np.float32]:
        out = np.zeros((len(reports), len(place)), np.float32)
        for row, one in enumerate(reports):
            for word in one.indication:
                if word in place:
                    out[row, place[word]] = weight[place[word]]
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), np.float32(1e-9))

    if not place:
        return [0] * len(asked)
    nearest: list[int] = (vectors(asked) @ vectors(known).T).argmax(1).tolist()
    return nearest


def _best_matches(known: Sequence[Told], asked: Sequence[Told]) -> list[int]:
    """Return for each text the known one that shares the largest part of its runs of one to four words (Dice)."""

    def runs(text: Told) -> set[tuple[str, ...]]:
        return {run for n in range(1, BLEU_ORDER + 1) for run in grams(text.words, n)}

    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    sizes = np.zeros(len(known))
    for place, text in enumerate(known):
        own = runs(text)
        sizes[place] = len(own)
        for run in own:
            holders[run].append(place)
    best = []
    for text in asked:
        own, shared = runs(text), np.zeros(len(known))
        for run in own:
            shared[holders.get(run, [])] += 1
        best.append(int((2 * shared / np.maximum(sizes + len(own), 1)).argmax()))
    return best
