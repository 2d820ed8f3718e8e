"""Seeded errors in invented chest reports: how many of each kind the checker finds, and how often it is wrong.

    python benchmarks/medical_checker.py --seed 1

Reports and errors are written by `medical_reports/`, whose words were chosen apart from the checker's. A twin with one
error counts as found when a mark of the right kind is there that the report without it does not have. False alarms are
counted on unedited drafts, and on the reports without an error; the same drafts are read by rule, and what they state
is compared with what they were made from. `--once` uses the templates kept back; each such run
is logged in docs/experiments.md. `--developed` uses the wordings that the checker's rules were developed on; `--cases`
takes whole reports written by hand instead, on which the rules have been repaired since.
`--show KIND` prints what was missed.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from medical_reports.cases import cases
from medical_reports.written import ERRORS, Report, Templates, reports
from setting import arguments, setting, verdict

from trivium.medical.evaluate.rule_labels import rule_labels
from trivium.medical.reading import Mark, check_report

RECALL, FALSE_ALARMS, LABELS = 0.95, 0.03, 0.99
# What an error may be called: a lost "no" is a contradiction.
ACCEPTED = {kind: {kind} for kind in ERRORS} | {"negation": {"contradiction"}}


def main() -> int:
    """Print recall for each kind and false alarms, for each language; return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=200, help="reports for each kind and language")
    parser.add_argument("--once", action="store_true", help="use the templates that were kept back")
    parser.add_argument("--developed", action="store_true", help="use the wordings that the rules were developed on")
    parser.add_argument("--cases", action="store_true", help="use whole reports written by hand, without templates")
    parser.add_argument("--show", default="", metavar="KIND", help="print missed errors, or `false` for false alarms")
    given = parser.parse_args()
    print(setting((), given.seed))
    if given.cases:
        return _whole_reports(given.show)
    worst_recall, worst_alarms, worst_labels = 1.0, 0.0, 1.0
    for language in ("en", "zh"):
        templates = Templates(language, is_once=given.once, is_developed=given.developed)
        alarms, right = 0, 0
        for kind in ERRORS:
            chance = random.Random(f"{given.seed} {language} {kind}")
            found = 0
            for report, wrong in reports(given.count, chance, templates, kind):
                before, after = _marks(report), _marks(wrong)
                is_found = _is_found(kind, before, after)
                found, right, alarms = found + is_found, right + 1, alarms + bool(before)
                if given.show == kind and not is_found:
                    print(f"--- missed\n{wrong.text()}\n{after}")
                if given.show == "false" and before:
                    print(f"--- false\n{report.text()}\n{before}")
            print(f"{language}  {kind:18} {found:4} of {given.count}  recall {found / given.count:.3f}")
            worst_recall = min(worst_recall, found / given.count)
        drafts = list(_drafts(1000, random.Random(given.seed), language))
        marked = [text for text, placed, _ in drafts if check_report(text, language=language, placed=placed)]
        worst_alarms = max(worst_alarms, len(marked) / len(drafts))
        read_back = np.mean([np.equal(rule_labels(text), stated) for text, _, stated in drafts])
        worst_labels = min(worst_labels, float(read_back))
        print(f"{language}  drafts read by rule: {read_back:.4f} of their labels as they were")
        print(
            f"{language}  false alarms: {len(marked)} of {len(drafts)} unedited drafts, "
            f"{alarms} of {right} right reports"
        )
    print(f"20,000 characters are checked in {_slowest():.0f} ms at a load of {os.getloadavg()[0]:.1f}")
    fits = worst_recall >= RECALL and worst_alarms <= FALSE_ALARMS and worst_labels >= LABELS
    return verdict(
        fits,
        f"lowest recall of a kind {worst_recall:.3f} (0.95), false alarms on drafts {worst_alarms:.3f} (0.03), "
        f"labels of drafts read back {worst_labels:.4f} (0.99)",
    )


def _whole_reports(show: str) -> int:
    """Print how many twins of whole reports are found and how many right ones are marked; return the exit code."""
    worst_recall, worst_alarms = 1.0, 0.0
    for language in ("en", "zh"):
        found, of, alarms, right = 0, 0, 0, 0
        for case in cases(language):
            before = check_report(case.text, sex=case.sex, placed=case.placed)
            alarms, right = alarms + bool(before), right + 1
            if show == "false" and before:
                print(f"--- false {case.name}\n{before}")
            for kind, text, placed in case.twins:
                is_found = _is_found(kind, before, check_report(text, sex=case.sex, placed=placed))
                found, of = found + is_found, of + 1
                if show == kind and not is_found:
                    print(f"--- missed {case.name}\n{text}")
        print(f"{language}  whole reports: {found} of {of} errors found, {alarms} of {right} right reports marked")
        worst_recall, worst_alarms = min(worst_recall, found / of), max(worst_alarms, alarms / right)
    return verdict(
        worst_recall >= RECALL and worst_alarms <= FALSE_ALARMS,
        f"errors found in whole reports {worst_recall:.3f} (0.95), right ones marked {worst_alarms:.3f} (0.03)",
    )


def _is_found(kind: str, before: list[Mark], after: list[Mark]) -> bool:
    """Whether a mark of an accepted kind is there that the right report does not have."""
    new = {(one.kind, one.what) for one in after} - {(one.kind, one.what) for one in before}
    return bool({one for one, _ in new} & ACCEPTED[kind])


def _marks(report: Report) -> list[Mark]:
    return check_report(report.text(), sex=report.sex, placed=report.placed)


def _drafts(count: int, chance: random.Random, language: str) -> Iterator[tuple[str, dict[str, str], list[bool]]]:
    """Yield drafts of random findings as text, with the sides of their regions and what they state."""
    from trivium.medical.narrate import load_phrases, narrate, place_of
    from trivium.medical.records import Finding, Header, HeartSize, Quality, Radiograph, State
    from trivium.service.evidence import ImageRegion
    from trivium.service.text import catalogue
    from trivium.vision.findings import FINDINGS, NO_FINDING

    phrases, texts = load_phrases(language), catalogue("trivium.medical", language)
    quality = Quality("good", (), (), 0.9, 0, -1.0, -1.0, True)
    for _ in range(count):
        header = Header(view=chance.choice(["PA", "AP", ""]))
        film = Radiograph("x", "ab" * 32, np.zeros((400, 500), np.float32), "PNG", 8, header)
        box = ImageRegion(200, 200, 100, 100)
        heart_size = HeartSize(round(chance.uniform(0.35, 0.7), 2), box, box) if chance.random() < 0.5 else None
        has_prior = chance.random() < 0.3
        findings = []
        for name in FINDINGS:
            state = chance.choice([*State, State.NOT_ASSESSED])
            is_placed = state in (State.PRESENT, State.UNCERTAIN)
            region = ImageRegion(chance.choice([20, 350]), chance.choice([40, 180, 320]), 40, 40) if is_placed else None
            is_outside = region is not None and chance.random() < 0.3
            is_assessed = state != State.NOT_ASSESSED
            findings.append(Finding(name, round(chance.random(), 3), state, is_assessed, region, is_outside))
        deniable = frozenset(chance.sample(list(FINDINGS), 8))
        lines = []
        told = narrate(film, quality, findings, deniable, phrases, heart_size=heart_size, has_prior=has_prior)
        for section, said in told.items():
            lines += [texts[f"section.{section}"], *(one.text for one in said)]
        placed = [one for one in findings if one.region and not one.is_outside]
        sides = {one.name: place_of(one.region, film.size).split("_")[1] for one in placed if one.region}
        yield "\n".join(lines), sides, [one.state == State.PRESENT for one in findings if one.name != NO_FINDING]


def _slowest() -> float:
    templates, chance, worst = Templates("en"), random.Random(1), 0.0
    pages = (wrong.text() for kind in ERRORS for _, wrong in reports(30, chance, templates, kind))
    text = "\n".join(pages)[:20_000]
    for _ in range(5):
        start = time.perf_counter()
        check_report(text)
        worst = max(worst, time.perf_counter() - start)
    return worst * 1000


if __name__ == "__main__":
    sys.exit(main())
