"""What systems would write of each film, beside the report that was written: rows of text measures.

The report is the table's column `report`. Where there is none it is what our grammar says of the labels, in the same
words that a draft has: a reference made from labels, and named so. The baselines never read a film but for the nearest
neighbour: a constant report that scores well shows what BLEU and ROUGE-L do not measure. Beside them stand the findings
that the texts state, by rule, which tell such systems apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trivium.medical.evaluate.labelled import LabelledFilms
from trivium.medical.evaluate.rule_labels import RuleLabels, rule_labels
from trivium.medical.evaluate.text import Matches, Words, bleu, matches, rouge_l, words
from trivium.medical.narrate import Phrases
from trivium.vision.descriptors import block_means
from trivium.vision.findings import FINDINGS, NO_FINDING, PATHOLOGIES
from trivium.vision.folds import patient_folds
from trivium.vision.metrics import micro_f1, resamples

__all__ = [
    "LABEL_MEASURES", "SILENCE", "TEXT_MEASURES", "TextRow", "Told", "best_constant", "report_of", "row_of",
    "text_rows", "told",
]  # fmt: skip

TEXT_MEASURES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l")
LABEL_MEASURES = ("label_micro_f1", "label_macro_f1", "normal_accuracy")
_CANDIDATES = 20  # of the best constant report, the most frequent and others at random
_JUDGED = 100  # reports of other patients that candidates are tried on
_DENIED = ("Effusion", "Pneumothorax", "Consolidation")
_BASELINES = ("most frequent report", "best constant report", "random report", "nearest neighbour", "gold labels")


class Told(NamedTuple):
    """A report as it is compared: its words, and the findings that it states."""

    words: Words
    labels: RuleLabels


SILENCE = Told((), (False,) * len(PATHOLOGIES))


def told(text: str) -> Told:
    """Return what a report is compared by."""
    return Told(words(text), rule_labels(text))


@dataclass(frozen=True, slots=True)
class TextRow:
    """What one system's reports are worth, film by film.

    Args:
        matches: (N, 10) of `text.matches`.
        rouge: (N,) ROUGE-L.
        given: (N, 14) findings that the system's reports state.
        wanted: (N, 14) findings that the reports state that were written.
    """

    matches: NDArray[np.int64]
    rouge: NDArray[np.float64]
    given: NDArray[np.bool_]
    wanted: NDArray[np.bool_]

    def measures(self, films: NDArray[np.intp]) -> tuple[float, ...]:
        """Return the `TEXT_MEASURES` and then the `LABEL_MEASURES` of some films.

        Macro F1 is the mean over the findings that a report of these films states; a report is normal that states none.
        """
        given, wanted = self.given[films], self.wanted[films]
        stated = np.flatnonzero(wanted.any(0))
        macro = float(np.mean([micro_f1(given[:, one], wanted[:, one]) for one in stated])) if len(stated) else 0.0
        normal = float((given.any(1) == wanted.any(1)).mean())
        values = bleu(self.matches[films].sum(0).tolist())
        return *values, float(self.rouge[films].mean()), micro_f1(given, wanted), macro, normal

    def figures(self, patients: NDArray[np.generic], seed: int, rounds: int) -> dict[str, dict[str, float]]:
        """Return the measures by name, with 95 % intervals that resample patients."""
        values = self.measures(np.arange(len(self.rouge)))
        drawn = [self.measures(films) for films in resamples(patients, rounds, seed)]
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0).tolist()
        return {
            key: {"value": round(values[place], 4), "low": round(low[place], 4), "high": round(high[place], 4)}
            for place, key in enumerate((*TEXT_MEASURES, *LABEL_MEASURES))
        }


def report_of(present: NDArray[np.bool_], phrases: Phrases) -> str:
    """Return labels as a report: what is present, and no effusion, pneumothorax, consolidation where they are not."""
    named = [name for name, is_present in zip(FINDINGS, present, strict=True) if is_present and name != NO_FINDING]
    said = [phrases.say("impression_present", findings=phrases.name(name)) for name in named]
    no = phrases.words["negated"][0].capitalize()
    denied = [f"{no}{phrases.name(name)}." for name in _DENIED if name not in named]
    return " ".join([*said, *denied])


def text_rows(data: LabelledFilms, phrases: Phrases, seed: int) -> dict[str, TextRow]:
    """Return one row a system.

    The reports of baselines are those of other patients: five parts of patients, as for the other measures. The gold
    labels get a report of another patient with the same labels, and none where there is none.
    """
    written = list(data.reports) if data.reports else [report_of(one, phrases) for one in data.labels]
    reference = [told(one) for one in written]
    parts = patient_folds(data.patients, seed)
    generator = np.random.default_rng(seed)
    pixels = block_means(data.films)
    texts: dict[str, list[Told]] = {name: [SILENCE] * len(reference) for name in _BASELINES}
    for part in parts:
        rest = np.setdiff1d(np.arange(len(reference)), part)
        counted = Counter(reference[one] for one in rest)
        constant = best_constant([reference[one] for one in rest], counted, generator)
        away = ((pixels[part][:, None] - pixels[rest][None]) ** 2).sum(2)
        for place, film in enumerate(part):
            same = rest[(data.labels[rest] == data.labels[film]).all(1)]
            texts["most frequent report"][film] = counted.most_common(1)[0][0]
            texts["best constant report"][film] = constant
            texts["random report"][film] = reference[generator.choice(rest)]
            texts["nearest neighbour"][film] = reference[rest[away[place].argmin()]]
            texts["gold labels"][film] = reference[generator.choice(same)] if len(same) else SILENCE
    rows = {"shipped models": [told(report_of(one, phrases)) for one in data.present], **texts}
    return {name: row_of(given, reference) for name, given in rows.items()}


def best_constant(
    known: Sequence[Told],
    counted: Counter[Told],
    generator: np.random.Generator,
    judged_on: Sequence[Told] | None = None,
    candidates: int = _CANDIDATES,
) -> Told:
    """Return the known report that has the highest BLEU-4 as the only one.

    Args:
        known: reports, of which half of the candidates are drawn; the other half are the most frequent.
        counted: the same.
        judged_on: reports that candidates are tried on, at most `_JUDGED` of them; of the known where not given.
        candidates: how many.
    """
    tried = [one for one, _ in counted.most_common(candidates // 2)]
    tried += [known[one] for one in generator.choice(len(known), size=candidates // 2)]
    pool = judged_on or known
    judged = [pool[one] for one in generator.choice(len(pool), size=min(_JUDGED, len(pool)), replace=False)]

    def merit(candidate: Told) -> tuple[float, ...]:
        return bleu(np.sum([matches(candidate.words, one.words) for one in judged], 0).tolist())[::-1]

    return max(dict.fromkeys(tried), key=merit)


def row_of(given: Sequence[Told], reference: Sequence[Told]) -> TextRow:
    """Return what texts are worth beside the reports that were written."""
    pairs = [(a.words, b.words) for a, b in zip(given, reference, strict=True)]
    counts: list[Matches] = [matches(a, b) for a, b in pairs]
    return TextRow(
        np.array(counts, np.int64),
        np.array([rouge_l(a, b) for a, b in pairs]),
        np.array([one.labels for one in given]),
        np.array([one.labels for one in reference]),
    )
