"""Comparisons of the invented sample companies, read and told once a test run: what the tests of every export print."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Comparison
from trivium.finance.analyze.policy import load_policy
from trivium.finance.check import check
from trivium.finance.claims import claims_of, context_of, values_of
from trivium.finance.display import Scale
from trivium.finance.narrate import narrate
from trivium.finance.parse.reader import read_source
from trivium.finance.records import Filing
from trivium.finance.samples.filing import PLANS, build
from trivium.service.evidence import Claim, Sentence

CASES = {
    "filing": ("FWHS_10-K_FY2024",),
    "periods": ("TVMK_10-K_FY2023", "TVMK_10-K_FY2024"),
    "companies": ("FWHS_10-K_FY2024", "QRVN_10-K_FY2024", "TVMK_10-K_FY2024"),
    "quarters": ("QRVN_10-K_FY2023", "QRVN_10-Q_FY2024Q1", "QRVN_10-Q_FY2024Q2", "QRVN_10-Q_FY2024Q3"),
    "apart": ("BRKF_10-K_FY2024", "QRVN_10-Q_FY2024Q1"),
}
"""The sample filings of each comparison, by the start of their file names.

`quarters` has a split, derived quarters and trailing twelve months; in `apart` no two columns compare.
"""

CREATED = datetime.date(2025, 3, 31)


@dataclass(frozen=True)
class Case:
    """What a renderer takes."""

    comparison: Comparison
    sentences: tuple[Sentence, ...]
    claims: dict[str, Claim]


@functools.cache
def compared(kind: str) -> Comparison:
    """Return one of the comparisons of `CASES`."""
    filings = [filing for start in CASES[kind] for filing in _filings(start)]
    return compare(filings, load_policy(), created=CREATED)


@functools.cache
def case(kind: str, language: str = "en", scale: str = "million") -> Case:
    """Return a comparison with its checked sentences and claims."""
    return told(compared(kind), language, scale)


def told(comparison: Comparison, language: str = "en", scale: str = "million") -> Case:
    """Return sentences and claims of any comparison."""
    claims = claims_of(values_of(comparison))
    sentences, removed = check(
        narrate(comparison, language, Scale(scale)), claims, language, context=context_of(comparison)
    )
    assert not removed, removed
    return Case(comparison, tuple(sentences), claims)


@functools.cache
def _filings(start: str) -> tuple[Filing, ...]:
    page = build(next(plan for plan in PLANS if plan.file.startswith(start)), seed=7)
    return read_source(page.file, page.content)
