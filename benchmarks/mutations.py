"""What the reader makes of damaged filings, and which edits of a number something reveals.

Part 1 damages the structure of real filings (cut, delete, duplicate, unbalance, corrupt ...). Every fact that is still
read must have its exact value, or the loss must be named; a fact whose own declarations were hit (its element, context
or unit as written) cannot be known for wrong and is counted apart. Part 2 edits the scale or the sign of single facts
and asks whether an inconsistent duplicate or an accounting identity tells. Run:
`python benchmarks/mutations.py --count 500 --seed 1`.
"""

from __future__ import annotations

import csv
import functools
import gzip
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from damage import KINDS, Page
from setting import FINANCE, arguments, filing_name, filings, require_data, setting, verdict

from trivium.finance.analyze.duplicates import duplicate_facts, inconsistent_duplicates
from trivium.finance.analyze.identities import check_identities, identities
from trivium.finance.analyze.model import Check, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.parse.reader import read_source
from trivium.finance.records import Fact, Filing
from trivium.finance.report.delimited import fact_rows
from trivium.service.errors import InputError

_REFERENCE = re.compile(rb"\s(?:contextRef|unitRef)=[\"']([^\"']*)[\"']")
_REMOVES = {"delete an element", "swap two elements", "break an attribute", "corrupt bytes", "erase or blank bytes"}


def main() -> int:
    """Damage, edit, print the counts and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=500, help="number of damaged filings")
    parser.add_argument("--edits", type=int, default=300, help="number of edits of scale or sign")
    options = parser.parse_args()
    require_data()
    print(setting(seed=options.seed))
    rng = random.Random(options.seed)
    failures = _damage(rng, options.count)
    missed = _edit(rng, options.edits)
    text = f"{options.count} damaged filings gave {failures} wrong values or unnamed failures; "
    return verdict(not failures and not missed, text + f"{missed} edits went unreported that a check could see")


def _damage(rng: random.Random, count: int) -> int:
    paths, outcomes, failures = filings(), Counter[str](), 0
    kinds = list(KINDS)
    for number in range(count):
        path, kind = rng.choice(paths), kinds[number % len(kinds)]
        page, truth = _page(path), _truth(path)
        mutated = KINDS[kind](page, rng)
        if rng.random() < 0.3:
            kind, mutated = f"{kind}, twice", _again(mutated, rng)
        try:
            (filing,) = read_source("mutated.htm", mutated)
        except InputError:
            outcomes["refused by a named error"] += 1
            continue
        except Exception as error:  # whatever escapes is the finding
            print(f"  CRASH {kind} {filing_name(path)}: {error!r}")
            failures += 1
            continue
        found = _judge(filing, page, mutated, truth)
        outcomes.update(found)
        is_silent = not filing.problems and len(truth) > found["exact facts"] + found["facts with edited declarations"]
        outcomes["read with its problems named" if filing.problems else "read without a problem"] += 1
        if found["WRONG facts"] or (is_silent and kind.removesuffix(", twice") not in _REMOVES):
            print(f"  {'WRONG' if found['WRONG facts'] else 'SILENT LOSS'} {kind} {filing_name(path)}")
            failures += 1
    for name, total in sorted(outcomes.items()):
        print(f"  {name}: {total:,}")
    return failures


def _again(data: bytes, rng: random.Random) -> bytes:
    """Add a second damage that needs no parse of the first result."""
    place = rng.randrange(len(data))
    return rng.choice((data[:place], data[:place] + b"<" + data[place:], data[:place] + data[place + 1 :]))


def _judge(filing: Filing, page: Page, mutated: bytes, truth: set[tuple[str, ...]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for row in fact_rows(filing):
        identity = row[:7]
        if identity in truth:
            seen.add(identity)
        elif _is_untouched(page, mutated, row[8]):
            counts["WRONG facts"] += 1
            print(f"    {row}")
        else:
            counts["facts with edited declarations"] += 1
    counts["exact facts"] = len(seen)
    return counts


def _is_untouched(page: Page, mutated: bytes, fact_id: str) -> bool:
    """Whether a fact's element, its context and its unit stand in the damaged document as they were written."""
    written = page.source(fact_id)
    if written is None or written not in mutated:
        return False
    head = written[: written.index(b">")]
    for reference in _REFERENCE.findall(head):
        resource = page.source(reference.decode())
        if resource is None or resource not in mutated:
            return False
    return True


@functools.cache
def _page(path: Path) -> Page:
    return Page(gzip.decompress(path.read_bytes()))


@functools.cache
def _truth(path: Path) -> set[tuple[str, ...]]:
    with gzip.open(FINANCE / "truth_facts" / f"{filing_name(path)}.csv.gz", "rt", newline="") as stream:
        return {tuple(row[:7]) for row in list(csv.reader(stream))[1:]}


def _edit(rng: random.Random, count: int) -> int:
    """Edit single facts and count what tells; return how many went unreported though a check could see them."""
    outcomes: Counter[str] = Counter()
    missed = 0
    for _ in range(count):
        path = rng.choice(filings())
        filing, failing, used, twins = _examined(path)
        fact = rng.choice([one for one in filing.facts if one.value and one.unit is not None])
        assert fact.value is not None
        factor = rng.choice((-1, 1000, "0.001"))
        edited = replace(fact, value=fact.value * type(fact.value)(factor))
        changed = replace(filing, facts=tuple(edited if one is fact else one for one in filing.facts))
        by_twin = len(inconsistent_duplicates(changed)) > len(inconsistent_duplicates(filing))
        is_used = fact.fact_id in used
        by_check = bool(_failing(_checks(changed)) - failing)
        outcomes["told by a duplicate"] += by_twin
        outcomes["told by an identity"] += by_check
        outcomes["told by either"] += by_twin or by_check
        is_visible = fact.fact_id in twins or is_used
        outcomes["in a duplicate or an identity"] += is_visible
        if is_visible and not (by_twin or by_check):
            # Issuers lay a statement out in one of several ways; an identity that holds in another form says nothing.
            is_hidden = fact.fact_id not in _used(_checks(changed))
            outcomes["not told: the identity holds in another form"] += is_hidden
            missed += not is_hidden
            print(f"  NOT TOLD {filing_name(path)} {fact.fact_id} {fact.concept.qname} {fact.value} x {factor}")
    for name, total in outcomes.items():
        print(f"  {name}: {total} of {count} ({total / count:.0%})")
    hidden = count - outcomes["in a duplicate or an identity"]
    print(f"  nothing in the filing can reveal: {hidden} of {count} ({hidden / count:.0%})")
    return missed


@functools.cache
def _examined(path: Path) -> tuple[Filing, frozenset[str], frozenset[str], frozenset[str]]:
    """Return a filing, its failing checks, and the ids of facts that identities use and that have duplicates."""
    (filing,) = read_source(path.name, path.read_bytes())
    checks = _checks(filing)
    twins = frozenset(fact.fact_id for facts in duplicate_facts(filing) for fact in facts)
    return filing, _failing(checks), _used(checks), twins


def _used(checks: tuple[Check, ...]) -> frozenset[str]:
    """Return the facts in equations that hold; an inequality tells only the edits that break it."""
    loose = {identity.key for identity in identities() if identity.relation != "equal"}
    equations = (check for check in checks if check.verdict == "holds" and check.key not in loose)
    return frozenset(fact.fact_id for check in equations for fact in _facts(check))


def _checks(filing: Filing) -> tuple[Check, ...]:
    return check_identities(build_series([filing], load_policy()))


def _failing(checks: tuple[Check, ...]) -> frozenset[str]:
    return frozenset(f"{check.key}/{check.period.key}" for check in checks if check.verdict == "fails")


def _facts(check: Check) -> Iterator[Fact]:
    waiting: list[Value] = [side for side in (check.left, check.right) if side is not None]
    while waiting:
        value = waiting.pop()
        if value.fact is not None:
            yield value.fact
        waiting += value.inputs


if __name__ == "__main__":
    sys.exit(main())
