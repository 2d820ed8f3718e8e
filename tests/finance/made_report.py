"""Reports of the invented sample filings, made once a test session: what the tests of the exports read."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Comparison
from trivium.finance.analyze.policy import load_policy
from trivium.finance.claims import claims_of, values_of
from trivium.finance.display import Scale
from trivium.finance.narrate import narrate
from trivium.finance.parse.reader import read_source
from trivium.finance.report.content import Content
from trivium.finance.report.html import render_html
from trivium.finance.samples import write_samples
from trivium.service.evidence import Claim, Sentence

QORVANE = ("QRVN_10-K_FY2023.htm", "QRVN_10-Q_FY2024Q3.htm", "QRVN_10-K_FY2024.htm")
SEVERAL = ("QRVN_10-K_FY2024.htm", "FWHS_10-K_FY2024.htm", "TVMK_10-K_FY2024.htm")
BANK = ("BRKF_10-K_FY2024.htm",)


@dataclass(frozen=True)
class Made:
    """A comparison with all that a renderer takes."""

    comparison: Comparison
    claims: dict[str, Claim]
    sentences: tuple[Sentence, ...]
    language: str
    scale: Scale

    def html(self) -> str:
        """Return the HTML report."""
        return render_html(Content(self.comparison, self.sentences, self.claims, self.language, self.scale))


@functools.cache
def samples() -> dict[str, bytes]:
    """Return the bytes of every sample filing by name."""
    with tempfile.TemporaryDirectory() as folder:
        return {path.name: path.read_bytes() for path in write_samples(Path(folder))}


@functools.cache
def made(names: tuple[str, ...] = QORVANE, language: str = "en", scale: Scale = Scale.MILLION) -> Made:
    """Return the report of some sample filings."""
    return made_of(names, lambda data: data, language, scale)


def made_of(
    names: tuple[str, ...], changed: Callable[[bytes], bytes], language: str = "en", scale: Scale = Scale.MILLION
) -> Made:
    """Return the report of sample filings whose bytes were changed before they were read."""
    filings = [filing for name in names for filing in read_source(name, changed(samples()[name]))]
    comparison = compare(filings, load_policy(), created=date(2026, 1, 5))
    claims = claims_of(values_of(comparison))
    return Made(comparison, claims, narrate(comparison, language, scale), language, scale)


@functools.cache
def page(names: tuple[str, ...] = QORVANE, language: str = "en", scale: Scale = Scale.MILLION) -> str:
    """Return the HTML report of some sample filings."""
    return made(names, language, scale).html()
