"""How many key metrics of the real filings are right: chosen by the mapping policy, held against a table read by eye.

A cell with a value must be met exactly; a blank cell (no stand-alone line under a standard concept) must be absent or
derived, with the reason; cells marked DROPPED are not scored. Run: `python benchmarks/metrics.py`.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from decimal import Decimal

from setting import FINANCE, arguments, filings, require_data, setting, verdict

from trivium.finance.analyze.model import Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import own_values
from trivium.finance.parse.reader import read_path

Key = tuple[str, str, str, str]


def main() -> int:
    """Compare cell by cell, print each miss, and return the exit code."""
    options = arguments(__doc__).parse_args()
    require_data()
    print(setting(seed=options.seed))
    found = _found()
    counts: Counter[str] = Counter()
    with (FINANCE / "gold_metrics.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            key = row["ticker"], row["file"], row["metric"], row["period_kind"]
            score = _score(row, found.get(key))
            counts[score] += 1
            if score in ("wrong", "missing", "blank wrong"):
                print(f"  {score}: {' '.join(key)}: gold {row['value'] or 'blank'}, found {_told(found.get(key))}")
    total = counts["exact"] + counts["wrong"] + counts["missing"]
    blank = counts["blank ok"] + counts["blank wrong"]
    print(
        f"exact {counts['exact']}, wrong {counts['wrong']}, missing {counts['missing']} of {total} cells with a value"
    )
    print(f"blank cells absent or derived {counts['blank ok']} of {blank}; not scored {counts['not scored']}")
    is_good = counts["exact"] >= 0.99 * total and counts["wrong"] <= 1 and counts["blank ok"] >= 0.98 * blank
    return verdict(is_good, f"{counts['exact']} of {total} exact, {counts['wrong']} wrong")


def _found() -> dict[Key, Value]:
    policy = load_policy()
    found = {}
    for path in filings():
        file = path.name.removesuffix(".htm.gz")
        for filing in read_path(path):
            for kind, value in own_values(filing, policy):
                found[path.parent.name, file, value.metric, kind] = value
    return found


def _score(row: dict[str, str], value: Value | None) -> str:
    if row["row_label"].startswith("DROPPED"):
        return "not scored"
    if not row["value"]:
        return "blank wrong" if value is not None and value.status is Status.REPORTED else "blank ok"
    if value is None or value.amount is None:
        return "missing"
    return "exact" if value.amount == Decimal(row["value"]) else "wrong"


def _told(value: Value | None) -> str:
    if value is None:
        return "nothing"
    concept = value.fact.concept.qname if value.fact else value.formula
    return f"{value.amount} {value.status} {concept}"


if __name__ == "__main__":
    sys.exit(main())
