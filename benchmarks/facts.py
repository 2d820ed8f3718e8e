"""Whether the reader gives every numeric fact of the real filings, exactly, and no other.

Three comparisons: inline documents with the truth tables, inline documents with the instances that the SEC extracted
from the same filings, and inline documents with the SEC's companyfacts. Run: `python benchmarks/facts.py`.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from setting import FINANCE, arguments, filing_name, filings, require_data, setting, verdict

from trivium.finance.parse.companyfacts import read_companyfacts
from trivium.finance.parse.reader import read_path
from trivium.finance.records import Fact, Filing, Period
from trivium.finance.report.delimited import fact_rows

_Row = TypeVar("_Row")
Key = tuple[str, Period, str]


def main() -> int:
    """Compare, print a line a filing, and return the exit code."""
    options = arguments(__doc__).parse_args()
    require_data()
    print(setting(seed=options.seed))
    documents = {filing_name(path): _read(path) for path in filings()}
    results = [
        ("truth tables", sum((_against_truth(name, filing) for name, filing in documents.items()), Counter())),
        ("SEC's own instances", _against_instances(documents)),
        ("SEC's companyfacts", _against_companyfacts(documents)),
    ]
    for name, counts in results:
        print(f"{name}: {counts['equal']:,} equal, {counts['missing']} missing, {counts['extra']} extra")
    is_good = all(counts["equal"] and not counts["missing"] and not counts["extra"] for _, counts in results)
    equal = results[0][1]["equal"]
    return verdict(is_good, f"{equal:,} of {equal + results[0][1]['missing']:,} facts equal to the truth tables")


def _read(path: Path) -> Filing:
    (filing,) = read_path(path)
    return filing


def _against_truth(name: str, filing: Filing) -> Counter[str]:
    with gzip.open(FINANCE / "truth_facts" / f"{name}.csv.gz", "rt", newline="") as stream:
        truth = Counter(tuple(row) for row in list(csv.reader(stream))[1:])
    counts = _compare(truth, Counter(fact_rows(filing)))
    print(f"  {name:22} {counts['equal']:6,} equal {counts['missing']:3} missing {counts['extra']:3} extra")
    return counts


def _against_instances(documents: dict[str, Filing]) -> Counter[str]:
    """Compare distinct facts without ids: the SEC keeps one of those that a filing prints twice."""
    counts: Counter[str] = Counter()
    for name, filing in documents.items():
        for path in sorted((FINANCE / "sec_xbrl" / name).glob("*_htm.xml*")):
            instance = _read(path)
            counts += _compare(_distinct(instance), _distinct(filing))
    return counts


def _distinct(filing: Filing) -> Counter[tuple[object, ...]]:
    # 6000000000.0 and 6000000000 are one value.
    return Counter({(*row[:6], Decimal(row[6]) if row[6] else None) for row in fact_rows(filing)})


def _compare(truth: Counter[_Row], found: Counter[_Row]) -> Counter[str]:
    counts = {"equal": truth & found, "missing": truth - found, "extra": found - truth}
    return Counter({kind: rows.total() for kind, rows in counts.items()})


def _against_companyfacts(documents: dict[str, Filing]) -> Counter[str]:
    """Compare the undimensioned facts of standard concepts of each filing that companyfacts has too."""
    counts: Counter[str] = Counter()
    for path in sorted((FINANCE / "sec_companyfacts").glob("*.json.gz")):
        history = read_companyfacts(str(path), gzip.decompress(path.read_bytes()))
        for filing in documents.values():
            for other in history:
                if _is_same(filing, other):
                    counts += _against_history(filing, other)
    return counts


def _is_same(filing: Filing, other: Filing) -> bool:
    return (filing.entity.identifier, filing.form, filing.period_end) == (
        other.entity.identifier,
        other.form,
        other.period_end,
    )


def _against_history(filing: Filing, other: Filing) -> Counter[str]:
    ours, theirs = _values(filing.facts), _values(other.facts)
    counts: Counter[str] = Counter()
    for key, values in theirs.items():
        kind = "missing" if key not in ours else "equal" if values <= ours[key] else "extra"
        counts[kind] += 1
    return counts


def _values(facts: tuple[Fact, ...]) -> dict[Key, set[Decimal]]:
    found: dict[Key, set[Decimal]] = {}
    for fact in facts:
        if fact.value is not None and not fact.dimensions and fact.concept.is_standard:
            found.setdefault((fact.concept.name, fact.period, str(fact.unit)), set()).add(fact.value)
    return found


if __name__ == "__main__":
    sys.exit(main())
