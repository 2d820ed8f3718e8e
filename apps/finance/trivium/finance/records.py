"""The records that parsing gives and everything after it takes: facts with their place in the source.

One set of types for every kind of source (inline XBRL, XBRL instances, companyfacts, statements in CSV and XLSX).
Money is in full units of its currency, never in thousands or millions; a missing value is None, never 0.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trivium.service.evidence import Evidence, Locator

__all__ = [
    "Arc",
    "Concept",
    "Dimension",
    "Entity",
    "Fact",
    "Filing",
    "Linkbase",
    "Period",
    "Place",
    "PresentationRow",
    "Problem",
    "Source",
    "Unit",
]

ROW_LABEL_NAMESPACE = "urn:trivium:row-label"
"""Namespace of concepts that are only a printed row label, as in a CSV statement."""

STATEMENT_ROLE = "urn:trivium:statement:"
"""Start of the roles of plain tables; then the statement's kind and the sheet's number: `balance:2`."""

_STANDARD_TAXONOMIES = ("fasb.org/", "xbrl.sec.gov/", "xbrl.ifrs.org/", "www.xbrl.org/", "xbrl.us/")


@dataclass(frozen=True, slots=True)
class Concept:
    """What a fact is about, keyed by namespace URI; the prefix is only how its document wrote it."""

    namespace: str
    name: str
    prefix: str = field(default="", compare=False)

    @property
    def qname(self) -> str:
        """`prefix:name`, as printed in tables."""
        return f"{self.prefix}:{self.name}" if self.prefix else self.name

    @property
    def is_standard(self) -> bool:
        """Whether a public taxonomy (US-GAAP, IFRS, SEC) defines it; otherwise it is the issuer's own."""
        return any(host in self.namespace for host in _STANDARD_TAXONOMIES)

    @property
    def is_row_label(self) -> bool:
        """Whether it is only a printed row label, without a taxonomy behind it."""
        return self.namespace == ROW_LABEL_NAMESPACE


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A span of whole days, both ends included, or one day (`start` None: the balance at the end of that day)."""

    end: date
    start: date | None = None

    @property
    def is_instant(self) -> bool:
        """Whether it is a balance date."""
        return self.start is None

    @property
    def days(self) -> int:
        """Number of days covered; 0 for a balance date."""
        return 0 if self.start is None else (self.end - self.start).days + 1

    @property
    def key(self) -> str:
        """`2024-09-28` or `2023-10-01..2024-09-28`."""
        return self.end.isoformat() if self.start is None else f"{self.start.isoformat()}..{self.end.isoformat()}"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis of a fact with its member: explicit (`member`) or typed (`typed`, the text content)."""

    axis: Concept
    member: Concept | None = None
    typed: str | None = None

    @property
    def text(self) -> str:
        """`axis=member`."""
        return f"{self.axis.qname}={self.typed if self.member is None else self.member.qname}"


@dataclass(frozen=True, slots=True)
class Unit:
    """Measures above and below the line; `str()` gives local names, `USD/shares`."""

    numerators: tuple[Concept, ...]
    denominators: tuple[Concept, ...] = ()

    def __str__(self) -> str:
        above = "*".join(measure.name for measure in self.numerators)
        below = "*".join(measure.name for measure in self.denominators)
        return f"{above}/{below}" if below else above

    @property
    def is_money(self) -> bool:
        """Whether it is an amount of one ISO 4217 currency."""
        return len(self.numerators) == 1 and not self.denominators and "iso4217" in self.numerators[0].namespace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fact stands in the printed document.

    Args:
        locator: the anchor that evidence points to.
        table: number of the HTML table or sheet, from 0 in document order; None outside any table.
        row: number of the row inside that table, from 0.
        column: number of the cell inside that row, from 0, merged cells counted once each.
        row_label: printed text of the first non-empty cell of the row, white space folded.
        column_label: printed text above the column of a number with dimensions, unless it is a period or a unit.
    """

    locator: Locator
    table: int | None = None
    row: int | None = None
    column: int | None = None
    row_label: str = ""
    column_label: str = ""


@dataclass(slots=True)
class Fact:
    """One reported value. Treat as immutable.

    Args:
        fact_id: the source's own id, or `#N` for the N-th fact of its document.
        value: the number in full units, scale and sign applied; None for a nil fact or a text fact.
        decimals: digits the issuer vouches for (-6: millions); None where the fact is exact (INF) or gives none.
        is_exact: whether the issuer wrote `decimals="INF"`.
        text: content of a non-numeric fact, after its transformation; None for numeric facts.
        printed: a numeric fact's content as printed, before its transformation.
        footnotes: texts of the footnotes attached to it.
    """

    fact_id: str
    concept: Concept
    period: Period
    unit: Unit | None
    value: Decimal | None
    place: Place
    dimensions: tuple[Dimension, ...] = ()
    decimals: int | None = None
    is_exact: bool = False
    text: str | None = None
    printed: str = ""
    footnotes: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether the fact has a unit."""
        return self.unit is not None

    @property
    def dimensions_text(self) -> str:
        """`axis=member` joined by `|`, sorted; empty for an undimensioned fact."""
        return "|".join(sorted(dimension.text for dimension in self.dimensions))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read, or that was read only after recovery: shown in every report.

    Args:
        where: the fact id, row, element or line.
        what: one sentence.
        is_recovery: the content was kept, after a repair that the sentence names.
    """

    where: str
    what: str
    is_recovery: bool = False


@dataclass(frozen=True, slots=True)
class PresentationRow:
    """One row of a presentation tree: concept, depth from 0, which label it prints, whether its sign is flipped."""

    concept: Concept
    depth: int
    label: str
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Arc:
    """One calculation arc: `parent` contains `child` times `weight` (1 or -1), within one `role`."""

    role: str
    parent: Concept
    child: Concept
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Linkbase:
    """Labels, statement order and sums as the issuer filed them. Empty when a filing came alone.

    Args:
        labels: standard label of each concept, in English where there is one.
        statements: rows of each presentation role, in order; keyed by role URI.
        arcs: every calculation arc.
        role_names: definition of each role, such as `0000004 - Statement - CONSOLIDATED BALANCE SHEETS`; by role URI.
    """

    labels: Mapping[Concept, str] = field(default_factory=dict)
    statements: Mapping[str, tuple[PresentationRow, ...]] = field(default_factory=dict)
    arcs: tuple[Arc, ...] = ()
    role_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """Who filed: registrant name, identifier (SEC's CIK with 10 digits), first trading symbol; empty when unknown."""

    name: str
    identifier: str = ""
    ticker: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One input file: name as given, hash of its bytes after decompression, and what it is.

    Args:
        media: `inline-xbrl`, `xbrl-instance`, `companyfacts`, `statement-csv` or `statement-xlsx`.
    """

    name: str
    sha256: str
    size: int
    media: str


@dataclass(slots=True)
class Filing:
    """One filing and all its facts, in document order. Treat as immutable.

    Args:
        form: `10-K`, `10-Q`, `20-F`, ...; empty when the source does not say.
        period_end: end of the reporting period; None when the source does not say.
        fiscal_year: the issuer's own label of its year.
        fiscal_period: `FY`, `Q1`, `Q2`, `Q3` or empty.
        filed: date it was filed, where the source says.
        accession: SEC's accession number, where the source says.
    """

    source: Source
    entity: Entity
    form: str
    period_end: date | None
    fiscal_year: int | None
    fiscal_period: str
    facts: tuple[Fact, ...]
    filed: date | None = None
    accession: str = ""
    is_amendment: bool = False
    linkbase: Linkbase = field(default_factory=Linkbase)
    problems: tuple[Problem, ...] = ()

    def evidence(self, fact: Fact) -> Evidence:
        """Return where in this filing's source a fact stands."""
        return Evidence(self.source.sha256, fact.place.locator)


@functools.lru_cache(maxsize=65536)
def intern_concept(namespace: str, name: str, prefix: str) -> Concept:
    """Return one shared `Concept` for equal arguments: a filing repeats a few hundred names thousands of times."""
    return Concept(namespace, name, prefix)
