"""One comparison as one HTML file: no request leaves it, no text in it can become markup or script."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources

from trivium.finance.analyze.model import Comparison, Table, Value
from trivium.finance.claims import short_name, values_of
from trivium.finance.display import Scale
from trivium.finance.records import Filing
from trivium.finance.report.content import Content
from trivium.finance.report.html.cells import Cells
from trivium.finance.report.html.findings import Findings
from trivium.finance.report.html.markup import Html, escape, join, tag
from trivium.finance.report.html.overview import Overview
from trivium.finance.report.html.sections import Sections
from trivium.finance.report.html.tables import Tables
from trivium.finance.report.ledger import Ledger, to_script
from trivium.finance.report.sources import file_name
from trivium.finance.report.wording import Wording
from trivium.finance.standing import peer_columns

__all__ = ["render_html"]

_PANEL_TEXTS = (
    "accession", "anchor", "back", "close", "concept", "decimals", "derived", "absent", "reported", "excerpt",
    "excerpt_note", "file", "filed", "filing", "full_value", "members", "na", "no_table", "panel", "period_end",
    "printed", "reason", "row", "scale",
)  # fmt: skip
_STATEMENTS = ("income_statement", "balance_sheet", "cash_flow")
_SOURCE_HEADS = ("form", "company", "period", "period_end", "filed", "accession", "file", "sha256")
_SHA_SHOWN = 12
_MOST_NAMES = 4


def render_html(content: Content) -> str:
    """Return the report of a comparison as one HTML document.

    Raises:
        ValueError: if a number has no claim behind it, or its claim says another number.
    """
    return _Page(content).render()


class _Page:
    def __init__(self, content: Content) -> None:
        self.content = content
        self.comparison = content.comparison
        self.wording = Wording(self.comparison, content.language, content.scale)
        self.ledger = Ledger(self.comparison, content.claims, self.wording)
        self.cells = Cells(self.ledger, self.wording)
        self.tables = Tables(self.comparison, self.cells, self.wording)
        self.sections = Sections(self.comparison, self.cells, self.wording)

    def render(self) -> str:
        """Return the whole document."""
        parts = [(key, content) for key, content in self._parts() if content]
        contents = [tag("li", tag("a", self.wording.say(f"part_{key}"), href=f"#{key}")) for key, _ in parts]
        body = join(
            tag("section", tag("h2", self.wording.say(f"part_{key}")), content, id=key) for key, content in parts
        )
        main = tag("main", self._title_block(), body, id="main")
        nav = tag("nav", tag("ol", *contents), aria_label=self.wording.say("contents"))
        panel = tag("aside", id="panel", tabindex="-1", aria_label=self.wording.say("panel"), hidden=True)
        page = tag("div", nav, main, panel, id="page")
        script_data = f'<script type="application/json" id="report-data">{to_script(self._data())}</script>'
        tip = '<div id="tip" role="tooltip" hidden></div>'
        style, script = _asset("report.css"), _asset("report.js")
        return (
            f'<!doctype html>\n<html lang="{self.wording.say("html_lang")}"><head><meta charset="utf-8"/>'
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
            f"<title>{escape(self._title())}</title><style>{style}</style></head><body>"
            f"{self._toolbar()}{page}{tip}{script_data}<script>{script}</script></body></html>\n"
        )

    def _parts(self) -> Iterator[tuple[str, Html]]:
        """Yield (key, content) of every part in reading order; a part without content is left out."""
        comparison = self.comparison
        overview = Overview(comparison, self.cells, self.wording)
        findings = Findings(_by_id(comparison), self.cells, self.wording)
        yield "findings", self._list((findings.sentence(one) for one in self.content.sentences), "findings")
        yield "overview", join((overview.cards(), overview.charts()))
        yield "statements", self._statements(_STATEMENTS)
        yield "quarters", join(self.tables.statement(table) for table in self._starting("quarters"))
        yield "common_size", join(self.tables.statement(table) for table in self._starting("common_size"))
        yield "ratios", join(self.tables.ratios(table) for table in self._starting("ratios"))
        yield "peers", self._peers()
        yield "breakdowns", join(self.tables.breakdown(one) for one in comparison.breakdowns)
        yield "bridges", join(self.sections.bridge(one) for one in comparison.bridges)
        yield "checks", self.sections.checks() if comparison.checks else Html()
        yield "restated", self._restated()
        yield "unread", self.sections.unread()
        yield "left_out", self.sections.left_out(self.content.removed)
        yield "missing", self.sections.absent(self._shown(is_available=False))
        yield "method", self._method()

    def _statements(self, keys: Iterable[str]) -> Html:
        tables = {table.key: table for table in self.comparison.tables}
        return join(
            (
                self._legend(),
                self.tables.column_notes(),
                *(self.tables.statement(tables[key]) for key in keys if key in tables),
            )
        )

    def _starting(self, prefix: str) -> list[Table]:
        return [table for table in self.comparison.tables if table.key.startswith(prefix)]

    def _peers(self) -> Html:
        indexes = peer_columns(self.comparison)
        tables = {table.key: table for table in self.comparison.tables}
        if not indexes or not {"ratios", "peer_ranks", "peer_medians"} <= set(tables):
            return Html()
        return self.tables.peers(tables["ratios"], tables["peer_ranks"], tables["peer_medians"], indexes)

    def _restated(self) -> Html:
        parts = [self.sections.restated()] if self.comparison.restated else []
        parts += [self.sections.split_adjusted(series) for series in self.comparison.series if series.adjusted]
        return join(parts)

    def _shown(self, *, is_available: bool) -> list[Value]:
        return [value for value in self.ledger.shown if value.is_available is is_available]

    def _method(self) -> Html:
        notes = [self.wording.message(note) for note in self.comparison.notes]
        policies = [self.wording.say(f"policy_{key}") for key in ("sign", "rounding", "missing", "restated", "changes")]
        shown = self._shown(is_available=True)
        return join(
            (
                self._list((tag("li", text) for text in (*notes, *policies)), "notes"),
                tag("h3", self.wording.say("definitions")),
                self.sections.definitions(shown),
                tag("h3", self.wording.say("mapping")),
                self.sections.mapping(shown),
            )
        )

    def _legend(self) -> Html:
        items = (
            tag("span", tag("i", self.wording.say("legend_derived"), class_="derived")),
            tag("span", f"{self.wording.say('na')}{self.wording.say('colon')}{self.wording.say('legend_na')}"),
            tag("span", f"{self.wording.say('nm')}{self.wording.say('colon')}{self.wording.say('legend_nm')}"),
            tag("span", self.wording.say("legend_noted"), class_="noted-legend"),
            tag("span", self.wording.say("legend_click"), class_="screen"),
        )
        return tag("p", *items, class_="legend")

    @staticmethod
    def _list(items: Iterable[Html], class_: str) -> Html:
        made = list(items)
        return tag("ul", *made, class_=class_) if made else Html()

    def _title(self) -> str:
        names = [short_name(series.company.name) or series.company.key for series in self.comparison.series]
        listed = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            listed = self.wording.say("and_more", names=listed, count=len(names) - _MOST_NAMES)
        colon = self.wording.say("colon")
        if self.comparison.kind == "filing":
            filing = self.ledger.filings[-1]
            told = " ".join(filter(None, (filing.form, self.wording.fiscal(filing))))
            return f"{listed}{colon}{told}" if told else listed
        spans = self._spans()
        return f"{listed}{colon}{spans[0]}" + (f" – {spans[-1]}" if len(spans) > 1 else "")

    def _spans(self) -> list[str]:
        """The fiscal labels of the columns, oldest first, each once."""
        ordered = sorted((column.span for column in self.comparison.columns), key=lambda span: span.period.end)
        years = sorted(ordered, key=lambda span: span.fiscal_year) if self.comparison.kind == "companies" else ordered
        return list(dict.fromkeys(self.wording.span(span) for span in years))

    def _title_block(self) -> Html:
        comparison, wording = self.comparison, self.wording
        names = ", ".join(f"{one.company.name} ({one.company.key})" for one in comparison.series)
        currencies = dict.fromkeys(one.company.currency for one in comparison.series if one.company.currency)
        standards = dict.fromkeys(one.company.accounting for one in comparison.series if one.company.accounting)
        pairs = {
            "company": escape(names),
            "periods": escape(", ".join(self._spans())),
            "amounts_in": join((self.cells.head(currency) for currency in currencies), ", "),
            "standards": escape(", ".join(standards)),
            "created": escape(comparison.created.isoformat() if comparison.created else ""),
        }
        facts = [join((tag("dt", wording.say(f"head_{key}")), tag("dd", text))) for key, text in pairs.items() if text]
        kind = wording.say(f"kind_{comparison.kind}")
        return tag(
            "header", tag("p", kind, class_="kind"), tag("h1", self._title()), tag("dl", *facts), self._sources()
        )

    def _sources(self) -> Html:
        given = [self._source(filing) for filing in self.ledger.filings]
        heads = [key for key in _SOURCE_HEADS if any(texts[key] for texts in given)]
        head = [tag("th", self.wording.say(f"head_{key}"), scope="col") for key in heads]
        rows = [tag("tr", *(tag("td", texts[key]) for key in heads)) for texts in given]
        caption = tag("caption", self.wording.say("sources"))
        table = tag("table", caption, tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="sources")
        return tag("div", table, class_="scroll", tabindex="0", role="group", aria_label=self.wording.say("sources"))

    def _source(self, filing: Filing) -> dict[str, str]:
        return {
            "form": filing.form,
            "company": filing.entity.name,
            "period": self.wording.fiscal(filing),
            "period_end": filing.period_end.isoformat() if filing.period_end else "",
            "filed": filing.filed.isoformat() if filing.filed else "",
            "accession": filing.accession,
            "file": file_name(filing.source.name),
            "sha256": tag("code", filing.source.sha256[:_SHA_SHOWN], title=filing.source.sha256),
        }

    def _toolbar(self) -> Html:
        options = [
            tag(
                "option",
                self.wording.say(f"scale_{scale.value}"),
                value=scale.value,
                selected=scale is self.wording.scale,
            )
            for scale in Scale
        ]
        skip = tag("a", self.wording.say("skip"), href="#main", class_="skip")
        label = tag("label", self.wording.say("unit_switch"), " ", tag("select", *options, id="unit"))
        title = tag("span", self._title(), class_="running")
        return tag("div", skip, title, self._basis_switch(), label, class_="toolbar", role="banner")

    def _basis_switch(self) -> Html:
        """Return the switch between shares after and before splits, where a split came between the columns."""
        if not any(series.adjusted for series in self.comparison.series):
            return Html()
        options = [tag("option", self.wording.say(f"basis_{basis}"), value=basis) for basis in ("adjusted", "reported")]
        return tag("label", self.wording.say("basis_switch"), " ", tag("select", *options, id="basis"))

    def _data(self) -> dict[str, object]:
        return {
            "scale": self.wording.scale.value,
            "texts": {key: self.wording.say(key) for key in _PANEL_TEXTS}
            | {"points_suffix": self.wording.points_suffix},
            "heads": self.wording.scales(sorted(self.cells.units)),
            **self.ledger.to_data(),
        }


def _by_id(comparison: Comparison) -> dict[str, Value]:
    return {value.id: value for value in values_of(comparison)}


@functools.cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return the content security policy: this one style sheet, this one script, and no request at all."""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
