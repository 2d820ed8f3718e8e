"""The books of a company: flows and balances by quarter in whole ticks, summed exactly over any run of quarters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from trivium.finance.samples.company import Company, Debt

__all__ = ["Books", "Quarter", "debt_outstanding", "split"]


@dataclass(frozen=True)
class Quarter:
    """One quarter: flows during it, balances at its end, and share counts in ticks of the share scale."""

    flows: Mapping[str, int]
    balances: Mapping[str, int]
    shares: Mapping[str, int]


@dataclass(frozen=True)
class Books:
    """All quarters of a company, keyed by (fiscal year, number)."""

    company: Company
    quarters: Mapping[tuple[int, int], Quarter]

    def flow(self, key: str, year: int, first: int, last: int) -> int:
        """Sum a flow over quarters of one year, in ticks."""
        return sum(self.quarters[year, number].flows[key] for number in range(first, last + 1))

    def balance(self, key: str, year: int, number: int) -> int:
        """Return a balance at the end of a quarter, in ticks; number 0 is the end of the year before."""
        year, number = (year - 1, 4) if number == 0 else (year, number)
        return self.quarters[year, number].balances[key]

    def shares(self, kind: str, year: int, first: int, last: int) -> int:
        """Return shares in ticks: the mean of the quarters for `basic` and `diluted`, the last for `outstanding`."""
        if kind == "outstanding":
            return self.quarters[year, last].shares[kind]
        counts = [self.quarters[year, number].shares[kind] for number in range(first, last + 1)]
        step = self.company.split_factor
        return step * round(sum(counts) / len(counts) / step)

    def per_share(self, kind: str, year: int, first: int, last: int, split_factor: int) -> Decimal:
        """Return earnings per `basic` or `diluted` share in dollars and cents, on the basis before or after a split."""
        company = self.company
        income = Decimal(self.flow("net_income", year, first, last)).scaleb(company.scale - company.places)
        count = Decimal(self.shares(kind, year, first, last)).scaleb(company.share_scale - company.share_places)
        return (income * split_factor / count).quantize(Decimal("0.01"), ROUND_HALF_UP)


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Divide a whole number by weights so that the parts add up to it exactly."""
    whole = sum(weights)
    parts = [int(total * weight / whole) for weight in weights]
    parts[0] += total - sum(parts)
    return parts


def debt_outstanding(debts: Sequence[Debt], year: int, number: int) -> dict[str, int]:
    """Return principal outstanding at the end of a quarter by note, only those that are."""
    return {debt.qname: debt.principal for debt in debts if debt.issued <= (year, number) < debt.due}
