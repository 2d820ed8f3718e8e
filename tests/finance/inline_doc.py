"""A builder of small inline XBRL documents for tests: the cover page, contexts, units, and statements from rows.

Amounts in rows are in millions; None leaves the cell out. What a test expects is worked out by hand, never here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from trivium.finance.parse.inline import read_inline
from trivium.finance.records import Fact, Filing

NAMESPACES = {
    "": "http://www.w3.org/1999/xhtml",
    "ix": "http://www.xbrl.org/2013/inlineXBRL",
    "ixt": "http://www.xbrl.org/inlineXBRL/transformation/2020-02-12",
    "ixt-sec": "http://www.sec.gov/inlineXBRL/transformation/2015-08-31",
    "xbrli": "http://www.xbrl.org/2003/instance",
    "xbrldi": "http://xbrl.org/2006/xbrldi",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "link": "http://www.xbrl.org/2003/linkbase",
    "xlink": "http://www.w3.org/1999/xlink",
    "iso4217": "http://www.xbrl.org/2003/iso4217",
    "dei": "http://xbrl.sec.gov/dei/2024",
    "us-gaap": "http://fasb.org/us-gaap/2024",
    "ifrs-full": "https://xbrl.ifrs.org/taxonomy/2024-03-27/ifrs-full",
    "srt": "http://fasb.org/srt/2024",
    "ex": "http://www.example.com/20241231",
}
UNITS = {
    "usd": "<xbrli:measure>iso4217:USD</xbrli:measure>",
    "eur": "<xbrli:measure>iso4217:EUR</xbrli:measure>",
    "shares": "<xbrli:measure>xbrli:shares</xbrli:measure>",
    "pure": "<xbrli:measure>xbrli:pure</xbrli:measure>",
    "eps": (
        "<xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator>"
        "<xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide>"
    ),
}
UNITS["eurps"] = UNITS["eps"].replace("USD", "EUR")
YEAR = "2024-01-01/2024-12-31"
PRIOR = "2023-01-01/2023-12-31"
CLOSE = "2024-12-31"
OPEN = "2023-12-31"

_SHARE_COUNTS = ("Weighted", "AdjustedWeighted", "CommonStockShares", "NumberOfShares")

Amount = int | float | str | Decimal | None
Row = tuple[str, str, *tuple[Amount, ...]]
"""Printed label, concept (`Revenues` is us-gaap), and one amount a column."""


def context(context_id: str, period: str, members: str = "") -> str:
    """Return a context; `period` is `start/end` or a day, `members` the inside of its segment."""
    start, slash, end = period.partition("/")
    dates = (
        f"<xbrli:startDate>{start}</xbrli:startDate><xbrli:endDate>{end}</xbrli:endDate>"
        if slash
        else f"<xbrli:instant>{start}</xbrli:instant>"
    )
    segment = f"<xbrli:segment>{members}</xbrli:segment>" if members else ""
    return (
        f'<xbrli:context id="{context_id}"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">'
        f"0000001234</xbrli:identifier>{segment}</xbrli:entity><xbrli:period>{dates}</xbrli:period></xbrli:context>"
    )


def member(axis: str, value: str) -> str:
    """Return an explicit member, both as prefixed names."""
    return f'<xbrldi:explicitMember dimension="{axis}">{value}</xbrldi:explicitMember>'


def number(name: str, text: str, context_ref: str = "y", unit: str = "usd", **attributes: str) -> str:
    """Return an `ix:nonFraction`; attributes with `_` for `:` in front, as `xsi_nil`."""
    given = {"scale": "6", "decimals": "-6", "format": "ixt:num-dot-decimal"} | attributes
    given = {key: value for key, value in given.items() if value != ""}
    return _tag("nonFraction", {"name": _qualified(name), "contextRef": context_ref, "unitRef": unit} | given, text)


def words(name: str, text: str, context_ref: str = "y", **attributes: str) -> str:
    """Return an `ix:nonNumeric`."""
    return _tag("nonNumeric", {"name": name, "contextRef": context_ref} | attributes, text)


def document(
    body: str,
    *,
    contexts: str = "",
    units: Sequence[str] = ("usd", "shares", "eps", "pure"),
    cover: str | None = None,
    hidden: str = "",
    namespaces: dict[str, str] | None = None,
    head: str = "",
) -> bytes:
    """Return a whole document: context `y` is 2024, `i` its last day; `cover` None gives a 10-K of Example Corp."""
    names = NAMESPACES | (namespaces or {})
    declared = " ".join(f'xmlns{":" if prefix else ""}{prefix}="{uri}"' for prefix, uri in names.items() if uri)
    resources = "".join(f'<xbrli:unit id="{unit}">{UNITS[unit]}</xbrli:unit>' for unit in units)
    header = (
        f"<ix:header><ix:hidden>{annual_cover() if cover is None else cover}{hidden}</ix:hidden><ix:references>"
        '<link:schemaRef xlink:type="simple" xlink:href="ex-20241231.xsd"/></ix:references>'
        f"<ix:resources>{context('y', YEAR)}{context('i', CLOSE)}{contexts}{resources}</ix:resources></ix:header>"
    )
    return f"{head}<html {declared}><body><div>{header}</div>{body}</body></html>".encode()


def annual_cover(form: str = "10-K", end: str = CLOSE, year: str = "2024", period: str = "FY", ref: str = "y") -> str:
    """Return the facts of a cover page."""
    stated = {
        "EntityRegistrantName": "Example Corp",
        "EntityCentralIndexKey": "0000001234",
        "DocumentType": form,
        "DocumentPeriodEndDate": end,
        "DocumentFiscalYearFocus": year,
        "DocumentFiscalPeriodFocus": period,
        "TradingSymbol": "EXC",
        "AmendmentFlag": "false",
    }
    return "".join(words(f"dei:{name}", text, ref) for name, text in stated.items())


def statement(rows: Sequence[Row], periods: Sequence[str], unit: str = "usd") -> str:
    """Return one printed table; a column's context has its period as id. Units follow from the concept's name."""
    return "<table>" + "".join(_row(row, periods, unit) for row in rows) + "</table>"


def filing_bytes(
    income: Sequence[Row] = (),
    balance: Sequence[Row] = (),
    cash_flow: Sequence[Row] = (),
    *,
    notes: Sequence[Sequence[Row]] = (),
    flows: Sequence[str] = (YEAR, PRIOR),
    dates: Sequence[str] = (CLOSE, OPEN),
    cash_periods: Sequence[str] | None = None,
    cover: str | None = None,
    unit: str = "usd",
    extra: str = "",
) -> bytes:
    """Return a filing with the three statements, then its notes (their columns are those of the income statement)."""
    parts = [(income, flows), (balance, dates), (cash_flow, flows if cash_periods is None else cash_periods)]
    parts += [(note, flows) for note in notes]
    # Pages of prose without facts keep notes away from statements, as in real filings.
    apart = "<table><tr><td>-</td></tr></table>" * 6
    body = apart.join(statement(rows, periods, unit) for rows, periods in parts if rows)
    used = dict.fromkeys((*flows, *dates, *(cash_periods or ())))
    contexts = "".join(context(_id(period), period) for period in used)
    kinds = ("eur", "shares", "eurps", "pure") if unit == "eur" else ("usd", "shares", "eps", "pure")
    return document(body + extra, contexts=contexts, units=kinds, cover=cover)


def filing(*statements: Sequence[Row], **options: object) -> Filing:
    """Read what `filing_bytes` gives."""
    return read_inline("ex.htm", [("ex.htm", filing_bytes(*statements, **options))])  # type: ignore[arg-type]


def read(body: str, **options: object) -> Filing:
    """Read a document with this body."""
    return read_inline("ex.htm", [("ex.htm", document(body, **options))])  # type: ignore[arg-type]


def fact(source: Filing, name: str) -> Fact:
    """Return the only fact of a concept, by local name."""
    (found,) = (one for one in source.facts if one.concept.name == name)
    return found


def complaints(source: Filing) -> list[str]:
    """Return the problems as `where: what`."""
    return [f"{problem.where}: {problem.what}" for problem in source.problems]


def _row(row: Row, periods: Sequence[str], unit: str) -> str:
    label, concept, *amounts = row
    cells = []
    for amount, period in zip(amounts, periods, strict=False):
        printed = "" if amount is None else _amount(concept, Decimal(str(amount)), _id(period), unit)
        cells.append(f"<td>{printed}</td>")
    return f"<tr><td>{label}</td>{''.join(cells)}</tr>"


def _amount(concept: str, amount: Decimal, context_ref: str, unit: str) -> str:
    name = concept.rpartition(":")[2]
    sign = {"sign": "-"} if amount < 0 else {}
    if re.search(r"Per(Basic|Diluted)?Share|PerOutstanding", name):
        per_share = "eurps" if unit == "eur" else "eps"
        return number(concept, f"{abs(amount):,f}", context_ref, per_share, scale="0", decimals="2", **sign)
    if name.startswith(_SHARE_COUNTS):
        return number(concept, f"{abs(amount):,f}", context_ref, "shares", **sign)
    return number(concept, f"{abs(amount):,f}", context_ref, unit, **sign)


def _id(period: str) -> str:
    return "p" + period.replace("/", "_")


def _qualified(name: str) -> str:
    return name if ":" in name or not name else f"us-gaap:{name}"


def _tag(tag: str, attributes: dict[str, str], text: str) -> str:
    written = " ".join(
        f'{key.replace("xsi_", "xsi:")}="{value}"' for key, value in attributes.items() if value is not None
    )
    return f"<ix:{tag} {written}>{text}</ix:{tag}>"
