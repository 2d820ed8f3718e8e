"""Text measures on an archive of reports without films, which the user brings: Indiana University's XML files.

Nothing here reads a film, so that every row is a system that cannot: what such rows score is what BLEU and ROUGE-L do
not measure. Reports are drawn into seven tenths to learn from, one tenth to choose on, two tenths to be scored on;
R2Gen's split, which papers use, is not known here. The archive's licence forbids derivatives: nothing of it is kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from trivium.medical.evaluate.reports import best_constant, row_of
from trivium.medical.evaluate.text import Words, words
from trivium.service.errors import InputError

__all__ = ["ARCHIVE_SCHEMA", "evaluate_archive", "is_archive", "read_archive"]

ARCHIVE_SCHEMA = "trivium.medical.eval_archive/1"
_PARTS = (0.7, 0.1)  # to learn from, to choose on
_MIN_REPORTS = 20
_CANDIDATES = 300


@dataclass(frozen=True, slots=True)
class ArchivedReport:
    """What a report says, and what was asked."""

    findings: Words
    indication: Words


def is_archive(folder: Path) -> bool:
    """Return whether a folder holds XML files and no `labels.csv`."""
    return not (folder / "labels.csv").is_file() and next(folder.rglob("*.xml"), None) is not None


def read_archive(folder: Path) -> list[ArchivedReport]:
    """Read every XML file that has findings, in the order of names.

    Raises:
        InputError: if a file is no XML, or too few have findings.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    reports = []
    for path in sorted(folder.rglob("*.xml")):
        try:
            root = etree.parse(str(path), parser).getroot()
        except (OSError, etree.XMLSyntaxError) as error:
            raise InputError(f"cannot be read ({error})", where=str(path)) from error
        said = {one.get("Label", ""): words(one.text or "") for one in root.iter("AbstractText")}
        if said.get("FINDINGS"):
            reports.append(ArchivedReport(said["FINDINGS"], said.get("INDICATION", ())))
    if len(reports) < _MIN_REPORTS:
        raise InputError(
            f"holds {len(reports)} reports with findings", where=str(folder), hint=f"give at least {_MIN_REPORTS}"
        )
    return reports


def evaluate_archive(folder: Path, *, seed: int, rounds: int) -> dict[str, Any]:
    """Return what `eval.json` holds for an archive.

    Raises:
        InputError: as `read_archive`.
    """
    reports = read_archive(folder)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(reports))
    first, second = (round(len(reports) * share) for share in (_PARTS[0], sum(_PARTS)))
    known, chosen_on, scored = ([reports[one] for one in part] for part in np.split(order, [first, second]))
    texts = [one.findings for one in known]
    wanted = [one.findings for one in scored]
    counted = Counter(texts)
    constant = best_constant(texts, counted, generator, [one.findings for one in chosen_on], _CANDIDATES)
    systems = {
        "most frequent report": [counted.most_common(1)[0][0]] * len(wanted),
        "best constant report": [constant] * len(wanted),
        "random report": [texts[one] for one in generator.choice(len(texts), size=len(wanted))],
        "nearest indication": [texts[one] for one in _nearest(known, scored)],
    }
    measured = {
        name: row_of(given, wanted).figures(np.arange(len(wanted)), seed, rounds) for name, given in systems.items()
    }
    return {
        "schema": ARCHIVE_SCHEMA,
        "reports": len(reports),
        "scored": len(scored),
        "seed": seed,
        "bootstrap_rounds": rounds,
        "texts": {"reference": "findings of the archive", "systems": measured},
    }


def _nearest(known: list[ArchivedReport], asked: list[ArchivedReport]) -> list[int]:
    """Return for each report the known one whose indication is most alike, by words weighed by how rare they are."""
    counts = Counter(word for one in known for word in set(one.indication))
    place = {word: number for number, word in enumerate(counts)}
    weight = np.log(len(known) / np.array([counts[word] for word in place])) if place else np.zeros(0)

    def vectors(reports: list[ArchivedReport]) -> np.ndarray:
        out = np.zeros((len(reports), len(place)), np.float32)
        for row, one in enumerate(reports):
            for word in one.indication:
                if word in place:
                    out[row, place[word]] = weight[place[word]]
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)

    return (vectors(asked) @ vectors(known).T).argmax(1).tolist() if place else [0] * len(asked)
