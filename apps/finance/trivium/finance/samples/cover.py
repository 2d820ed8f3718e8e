"""The cover page of a filing: who files, for which period, and the shares outstanding."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples.edition import Edition
from trivium.finance.samples.inline import NumberStyle, element, page_date
from trivium.finance.samples.layout import centered, page_foot, paragraph

__all__ = ["cover_page"]

_PLAIN_SHARES = NumberStyle("xbrli:shares", 0, 0, "INF")
_CHECKED, _EMPTY = "☒", "☐"


def cover_page(edition: Edition) -> list[Element]:
    """Return the cover page; what is not printed goes to the hidden section."""
    _hide_cover_facts(edition)
    company, form = edition.company, edition.plan.form
    kind = "ANNUAL" if edition.is_annual else "QUARTERLY"
    text = edition.document.text
    span = edition.span
    report = "Annual" if edition.is_annual else "Quarterly"
    ballots = [
        text(f"dei:Document{name}Report", [mark], span, value, format_="ixt-sec:boolballotbox")
        for name, mark, value in ((report, _CHECKED, "true"), ("Transition", _EMPTY, "false"))
    ]
    return [
        centered(
            element("h2", None, "UNITED STATES SECURITIES AND EXCHANGE COMMISSION"),
            paragraph("A sample of the Trivium project: this company does not exist and files nowhere.", kind="small"),
            element("h1", None, "FORM ", text("dei:DocumentType", [form], span, form)),
            paragraph(
                ballots[0], f" {kind} REPORT PURSUANT TO SECTION 13 OR 15(d) OF THE SECURITIES EXCHANGE ACT OF 1934"
            ),
            paragraph(_period_words(edition), _period_end(edition)),
            paragraph(ballots[1], " TRANSITION REPORT"),
            element("h1", None, text("dei:EntityRegistrantName", [company.name], span, company.name)),
            paragraph(
                text(
                    "dei:EntityIncorporationStateCountryCode",
                    [company.state],
                    span,
                    _STATES[company.state],
                    format_="ixt-sec:stateprovnameen",
                ),
                f" (state of incorporation) | Offices in {company.city}",
            ),
            paragraph(
                "Common stock, trading symbol ",
                text("dei:TradingSymbol", [company.ticker], span, company.ticker),
                ", registered on ",
                text(
                    "dei:SecurityExchangeName",
                    [company.exchange],
                    span,
                    "NYSE" if "York" in company.exchange else "NASDAQ",
                    format_="ixt-sec:exchnameen",
                ),
            ),
        ),
        *_share_lines(edition),
        page_foot(company.name, form, 1),
    ]


_STATES = {"Connecticut": "CT", "Delaware": "DE", "Ohio": "OH", "Pennsylvania": "PA", "Wisconsin": "WI"}


def _hide_cover_facts(edition: Edition) -> None:
    plan, document = edition.plan, edition.document
    period = "FY" if edition.is_annual else f"Q{plan.quarter}"
    for concept, value in (
        ("dei:AmendmentFlag", "false"),
        ("dei:DocumentFiscalYearFocus", str(plan.year)),
        ("dei:DocumentFiscalPeriodFocus", period),
        ("dei:EntityCentralIndexKey", edition.company.cik),
    ):
        document.hide(document.text(concept, [value], edition.span, value))


def _period_words(edition: Edition) -> str:
    return "For the fiscal year ended " if edition.is_annual else "For the quarterly period ended "


def _period_end(edition: Edition) -> Element:
    """Return the period's end; in a 10-K the fiscal year's last day is tagged inside it, as many issuers do."""
    end, text = edition.span.end, edition.document.text
    dated = "ixt:date-monthname-day-year-en"
    year_end = edition.company.year_end(edition.plan.year)
    value = f"--{year_end:%m-%d}"
    if not edition.is_annual:
        edition.document.hide(text("dei:CurrentFiscalYearEndDate", [value], edition.span, value))
        return text("dei:DocumentPeriodEndDate", [page_date(end)], edition.span, end.isoformat(), format_=dated)
    day = page_date(year_end, with_year=False)
    inner = text("dei:CurrentFiscalYearEndDate", [day], edition.span, value, format_="ixt:date-monthname-day-en")
    content: list[Element | str] = [inner, f", {end.year}"]
    return text("dei:DocumentPeriodEndDate", content, edition.span, end.isoformat(), format_=dated)


def _share_lines(edition: Edition) -> list[Element]:
    plan, company, document = edition.plan, edition.company, edition.document
    lines = []
    outstanding = edition.value("outstanding", edition.current, "count")
    if outstanding is None:
        raise ValueError(f"{plan.file}: shares outstanding are missing")
    if edition.is_annual:
        day = Period(company.quarter_end(plan.year, 2))
        factor = company.split_factor if plan.is_before_split else 1
        value = (outstanding * company.price * factor * Decimal("1.31")).quantize(Decimal("1000000"))
        style = NumberStyle("iso4217:USD", 6, 0, "-6")
        lines.append(
            paragraph(
                "The aggregate market value of the common stock held by non-affiliates was about $",
                document.number("dei:EntityPublicFloat", value, day, style),
                f" million as of {page_date(day.end)}.",
            )
        )
    day = Period(edition.span.end + timedelta(days=24))
    count = document.number("dei:EntityCommonStockSharesOutstanding", outstanding - 4177, day, _PLAIN_SHARES)
    lines.append(paragraph(count, f" shares of common stock were outstanding as of {page_date(day.end)}."))
    return lines
