"""The page's Plotly charts, drawn from a comparison document. Amounts are shown in the report's own unit and scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from trivium.finance.ui.document import Cell, Document
from trivium.finance.ui.words import Words

__all__ = ["cash_flow_chart", "peer_chart", "revenue_chart", "segment_chart"]

_COLOURS = ("#2a6c9f", "#c2712e", "#3b8a5a", "#8a5aa8", "#b0443c", "#6b7683", "#a38a1e", "#2e8f93")
_INK = "#6b7683"
_GRID = "rgba(128,140,152,.25)"
_EXPONENTS = {"full": 0, "thousand": 3, "wan": 4, "million": 6, "yi": 8, "billion": 9}
_MARGINS = ("gross_margin", "operating_margin", "net_margin")
_BANK_MARGINS = ("net_margin", "return_on_equity", "efficiency_ratio")
_INSURER_MARGINS = ("net_margin", "return_on_equity", "combined_ratio")

Points = Sequence[tuple[str, Cell | None]]


def revenue_chart(document: Document, company: str, words: Words, basis: str = "years") -> go.Figure:
    """Draw revenue as columns and margins as lines on a second axis."""
    figure = _figure(words["page.chart_revenue"])
    revenue = document.series("revenue", company, basis)
    _bars(figure, revenue, words.metric("revenue"), _COLOURS[0], _exponent(document))
    template = next(one["template"] for one in document.companies if one["key"] == company)
    lines = {"bank": _BANK_MARGINS, "insurer": _INSURER_MARGINS}.get(template, _MARGINS)
    if basis == "years":  # ratios are not told by quarter
        for colour, metric in zip(_COLOURS[1:], lines, strict=False):
            _line(figure, document.series(metric, company), words.metric(metric), colour, axis="y2")
    figure.update_layout(
        yaxis={"title": {"text": _unit(revenue, document, words)}},
        yaxis2={"overlaying": "y", "side": "right", "tickformat": ".0%", "showgrid": False, "rangemode": "tozero"},
    )
    return _finished(figure, words)


def cash_flow_chart(document: Document, company: str, words: Words, basis: str = "years") -> go.Figure:
    """Draw operating cash flow, capital expenditure (below the line) and what is left."""
    figure = _figure(words["page.chart_cash_flow"])
    operating = document.series("operating_cash_flow", company, basis)
    exponent = _exponent(document)
    _bars(figure, operating, words.metric("operating_cash_flow"), _COLOURS[0], exponent)
    _bars(figure, document.series("capex", company, basis), words.metric("capex"), _COLOURS[1], exponent, sign=-1)
    free = document.series("free_cash_flow", company, basis)
    _line(figure, free, words.metric("free_cash_flow"), _COLOURS[2], exponent=exponent)
    figure.update_layout(barmode="relative", yaxis={"title": {"text": _unit(operating, document, words)}})
    return _finished(figure, words)


def segment_chart(document: Document, place: int | None, words: Words) -> go.Figure:
    """Draw one breakdown as stacked columns."""
    if place is None:
        return _finished(_figure(words["page.chart_segments"]), words)
    breakdown = document.data["breakdowns"][place]
    figure = _figure(str(breakdown["title"]))
    labels = [str(document.data["columns"][column]["name"]) for column in breakdown["columns"]]
    points: list[tuple[str, Cell | None]] = []
    for number, row in enumerate(breakdown["rows"]):
        points = [(label, Cell(document.value(key))) for label, key in zip(labels, row["values"], strict=True)]
        _bars(figure, points, str(row["name"]), _COLOURS[number % len(_COLOURS)], _exponent(document))
    figure.update_layout(barmode="relative", yaxis={"title": {"text": _unit(points, document, words)}})
    return _finished(figure, words)


def peer_chart(document: Document, words: Words) -> go.Figure:
    """Draw the margins of several companies side by side, each in the column that speaks for it."""
    figure = _figure(words["page.chart_peers"])
    heads = {str(one["key"]): document.headline(str(one["key"])) for one in document.companies}
    for colour, metric in zip(_COLOURS, (*_MARGINS, "return_on_equity"), strict=False):
        points = [
            (f"{company} {column['name']}", document.cell(metric, company, column)) for company, column in heads.items()
        ]
        _bars(figure, points, words.metric(metric), colour)
    figure.update_layout(barmode="group", yaxis={"tickformat": ".0%"})
    return _finished(figure, words)


def _figure(title: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(title={"text": title, "x": 0.01, "y": 0.97, "font": {"size": 15}})
    return figure


def _bars(figure: go.Figure, points: Points, name: str, colour: str, exponent: int = 0, *, sign: int = 1) -> None:
    kept = [(label, cell) for label, cell in points if cell is not None and cell.amount is not None]
    if not kept:
        return
    figure.add_bar(
        x=[label for label, _ in kept],
        y=[sign * (cell.amount or 0.0) / 10**exponent for _, cell in kept],
        customdata=[cell.shown for _, cell in kept],
        hovertemplate="%{x}: %{customdata}",
        name=name,
        marker={"color": colour},
    )


def _line(figure: go.Figure, points: Points, name: str, colour: str, *, axis: str = "y", exponent: int = 0) -> None:
    kept = [(label, cell) for label, cell in points if cell is not None and cell.amount is not None]
    if not kept:
        return
    figure.add_scatter(
        x=[label for label, _ in kept],
        y=[(cell.amount or 0.0) / 10**exponent for _, cell in kept],
        customdata=[cell.shown for _, cell in kept],
        hovertemplate="%{x}: %{customdata}",
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2.5},
        yaxis=axis,
    )


def _unit(points: Points, document: Document, words: Words) -> str:
    unit = next(
        (str(cell.value.get("unit", "")) for _, cell in points if cell is not None and cell.amount is not None), ""
    )
    return words.unit(unit, str(document.data["scale"])) if unit else ""


def _exponent(document: Document) -> int:
    return _EXPONENTS[str(document.data["scale"])]


def _finished(figure: go.Figure, words: Words) -> go.Figure:
    figure.update_layout(
        height=400,
        margin={"l": 60, "r": 50, "t": 90, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK, "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        bargap=0.35,
        xaxis={"type": "category"},
    )
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    if not figure.data:
        nothing: dict[str, Any] = {"text": words["page.chart_nothing"], "showarrow": False, "x": 0.5, "y": 0.5}
        figure.add_annotation(xref="paper", yref="paper", **nothing)
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
    return figure
