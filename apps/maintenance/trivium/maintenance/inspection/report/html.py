"""The report as one HTML file that asks nobody: pictures, the 3D view's places and its program lie in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from trivium.maintenance.inspection.report.colors import FULL, UNSEEN, hex_color
from trivium.maintenance.inspection.report.document import Bars, Cell, Cloud, Document, Grid
from trivium.maintenance.inspection.report.views import View
from trivium.service.text import Catalogue, catalogue

__all__ = ["legend_svg", "picture_svg", "render_html"]

_SIGNS = {"good": "\N{HEAVY CHECK MARK}", "bad": "\N{HEAVY MULTIPLICATION X}", "wait": "?"}
_SCALE_STEPS = 24
_SVG = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" fill="#16202b"'


def render_html(document: Document) -> str:
    """Return the page."""
    texts = catalogue("trivium.maintenance", document.language)
    language = "zh-CN" if document.language == "zh" else "en"
    parts = [
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document.title)}</title><style>{_resource('report.css')}</style></head><body><main>",
        f"<h1>{escape(document.title)}</h1>",
        _verdict(document),
        _facts(document),
        _list(document.sentences),
        f"<h2>{escape(document.views_heading)}</h2>",
        _views(document, texts),
        _close_ups(document),
        _model(document.cloud, texts),
        _bars(document.bars) if document.bars else "",
        _table(document.table),
        f"<h2>{escape(texts['inspection.method'])}</h2>",
        *(f"<p>{escape(line)}</p>" for line in document.method),
        *(f'<p class="note">{escape(line)}</p>' for line in document.notes),
        "</main>",
        *_program(document),
        "</body></html>",
    ]
    return "\n".join(parts)


def legend_svg(limit: float, texts: Catalogue) -> str:
    """Return the colour scale with its limits, and what grey means, as a picture that scales."""
    width, bar = 420.0, 360.0
    left = (width - bar) / 2
    shapes = []
    for step in range(_SCALE_STEPS):
        share = -1 + 2 * (step + 0.5) / _SCALE_STEPS
        x = left + bar * step / _SCALE_STEPS
        shapes.append(
            f'<rect x="{x:.1f}" y="18" width="{bar / _SCALE_STEPS + 0.3:.1f}" height="14" fill="{hex_color(share)}"/>'
        )
    shapes.append(f'<rect x="{left}" y="18" width="{bar}" height="14" fill="none" stroke="#5b6672"/>')
    for times in (-2, -1, 0, 1, 2):
        x = left + bar * (times + 2) / 4
        weight = 2 if abs(times) == 1 else 1
        shapes.append(f'<line x1="{x}" x2="{x}" y1="16" y2="36" stroke="#16202b" stroke-width="{weight}"/>')
        text = "0" if not times else f"{times * limit * FULL / 2:+g}".replace("-", "\u2212")
        shapes.append(f'<text x="{x}" y="48" text-anchor="middle">{text}</text>')
    shapes.append(f'<text x="{left}" y="12">{escape(texts["inspection.too_low"])}</text>')
    shapes.append(f'<text x="{width / 2}" y="12" text-anchor="middle">{escape(texts["inspection.legend"])}</text>')
    shapes.append(f'<text x="{left + bar}" y="12" text-anchor="end">{escape(texts["inspection.too_high"])}</text>')
    return (
        f'<svg {_SVG} class="legend" viewBox="0 0 {width:g} 52" font-size="11" role="img" '
        f'aria-label="{escape(texts["inspection.legend"])}">{"".join(shapes)}</svg>'
    )


def picture_svg(view: View, alt: str) -> str:
    """Return a picture with its marks and the directions of the axes on top."""
    data = base64.b64encode(view.png).decode()
    shapes = [f'<image href="data:image/png;base64,{data}" width="{view.width}" height="{view.height}"/>']
    for mark in view.marks:
        dash = ' stroke-dasharray="5 4"' if mark.is_hidden else ""
        x, y = mark.label(view.width, view.height)
        shapes.append(
            f'<path d="M{mark.x:.1f} {mark.y:.1f}L{x:.1f} {y:.1f}" stroke="#16202b" stroke-width="2"{dash}/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="17" fill="#fff" stroke="#16202b" stroke-width="2.5"{dash}/>'
            f'<text x="{x:.1f}" y="{y + 7:.1f}" text-anchor="middle">{mark.number}</text>'
        )
    foot = (60.0, view.height + 8.0)
    for name, (x, y) in zip("xyz", view.axes, strict=True):
        tip = (foot[0] + 42 * x, foot[1] + 42 * y)
        shapes.append(
            f'<line x1="{foot[0]}" y1="{foot[1]}" x2="{tip[0]:.1f}" y2="{tip[1]:.1f}" stroke="#16202b" '
            'stroke-width="2"/>'
        )
        shapes.append(
            f'<text class="axis" x="{tip[0] + 10 * x:.1f}" y="{tip[1] + 10 * y + 6:.1f}" '
            f'text-anchor="middle">{name}</text>'
        )
    box = f"0 0 {view.width} {view.height + 70}"
    look = f'{_SVG} font-size="20" font-weight="600"'
    return f'<svg {look} viewBox="{box}" role="img" aria-label="{escape(alt)}">{"".join(shapes)}</svg>'


def _verdict(document: Document) -> str:
    warning = f"<p>{escape(document.warning)}</p>" if document.warning else ""
    return (
        f'<section class="verdict {document.tone}"><p class="word"><span aria-hidden="true">{_SIGNS[document.tone]}'
        f"</span> {escape(document.verdict)}</p>{warning}</section>"
    )


def _facts(document: Document) -> str:
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{_cell(cell)}</dd></div>" for label, cell in document.facts)
    return f'<dl class="facts">{rows}</dl>'


def _list(sentences: tuple[Cell, ...]) -> str:
    return f'<ul class="findings">{"".join(f"<li>{_cell(one)}</li>" for one in sentences)}</ul>'


def _cell(cell: Cell) -> str:
    if not cell.claim_ids:
        return escape(cell.text)
    return f'<span data-claims="{escape(" ".join(cell.claim_ids))}">{escape(cell.text)}</span>'


def _views(document: Document, texts: Catalogue) -> str:
    pictures = "".join(
        f"<figure>{picture_svg(view, alt)}</figure>"
        for view, alt in zip(document.views, document.view_alts, strict=True)
    )
    legend = ""
    if document.limit is not None:
        unseen = f'<i style="--a:rgb{UNSEEN[0]};--b:rgb{UNSEEN[1]}"></i> {escape(texts["inspection.not_seen"])}'
        legend = f'<div class="scale">{legend_svg(document.limit, texts)}<span class="unseen">{unseen}</span></div>'
    has_hidden = any(mark.is_hidden for view in document.views for mark in view.marks)
    note = f'<p class="note">{escape(texts["inspection.hidden_mark"])}</p>' if has_hidden else ""
    return f'<div class="views">{pictures}</div>{legend}{note}'


def _close_ups(document: Document) -> str:
    pictures = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(view.png).decode()}" alt="{escape(text)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
        for view, text in zip(document.close_ups, document.close_up_texts, strict=True)
    )
    return f'<div class="close-ups">{pictures}</div>' if pictures else ""


def _model(cloud: Cloud, texts: Catalogue) -> str:
    buttons = "".join(
        f'<button type="button" data-eye="{eye}">{escape(texts[f"inspection.eye_{name}"])}</button>'
        for name, eye in (("corner", "1.1,-1.1,0.8"), ("front", "0,-1.5,0.01"), ("side", "1.5,0,0.01"),
                          ("top", "0,-0.01,1.5"), ("below", "0,-0.01,-1.5"), ("nearer", "1.25"), ("farther", "0.8"))
    )  # fmt: skip
    return (
        f'<section id="model"><h2>{escape(texts["inspection.model"])}</h2><div class="turns">{buttons}</div>'
        f'<div id="plot"><canvas tabindex="0" role="application" aria-label="{escape(texts["inspection.model"])}" '
        'aria-describedby="model-note"></canvas><output id="value"></output></div>'
        f'<p class="note" id="model-note">{escape(texts.say("inspection.model_note", count=f"{len(cloud.xyz):,}"))}'
        "</p></section>"
    )


def _bars(bars: Bars) -> str:
    width, height, foot = 640.0, 170.0, 26.0
    top = float(bars.shares.max()) or 1.0
    each = width / len(bars.shares)
    shapes = []
    for at, share in enumerate(bars.shares.tolist()):
        tall = (height - foot - 12) * share / top
        middle = (bars.edges[at] + bars.edges[at + 1]) / 2
        shapes.append(
            f'<rect x="{at * each:.1f}" y="{height - foot - tall:.1f}" width="{each - 1:.1f}" height="{tall:.1f}" '
            f'fill="{hex_color(float(middle / bars.edges[-1]))}" stroke="#5b6672" stroke-width=".7"/>'
        )
    for times in (-2, -1, 0, 1, 2):
        x = width * (times + 2) / 4
        anchor = {-2: "start", 2: "end"}.get(times, "middle")
        if abs(times) == 1:
            shapes.append(
                f'<line x1="{x}" x2="{x}" y1="4" y2="{height - foot}" stroke="#16202b" stroke-dasharray="4 3"/>'
            )
        text = "0" if not times else f"{times * bars.limit:+g}".replace("-", "\u2212")
        shapes.append(f'<text x="{x}" y="{height - 10}" text-anchor="{anchor}">{text}</text>')
    shapes.append(f'<line x1="0" x2="{width}" y1="{height - foot}" y2="{height - foot}" stroke="#16202b"/>')
    return (
        f'<h2>{escape(bars.heading)}</h2><svg class="bars" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(bars.alt)}">{"".join(shapes)}</svg><p class="note">{escape(bars.alt)}</p>'
    )


def _table(grid: Grid) -> str:
    if not grid.rows:
        return f"<h2>{escape(grid.heading)}</h2><p>{escape(grid.nothing)}</p>"
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = "".join(
        f'<tr><th scope="row">{_cell(row[0])}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])}</tr>'
        for row in grid.rows
    )
    return (
        f'<h2 id="regions">{escape(grid.heading)}</h2><div class="wide" role="region" aria-labelledby="regions" '
        f'tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _program(document: Document) -> Iterator[str]:
    """Yield the 3D view's data, and what draws it."""
    yield f'<script type="application/json" id="i-scene">{json.dumps(_scene(document), separators=(",", ":"))}</script>'
    yield f"<script>{_resource('model.js')}</script>"


def _scene(document: Document) -> dict[str, Any]:
    """Return what the 3D view reads: places in 65,536 steps of the longest side, deviations in steps of 16 bits."""
    cloud = document.cloud
    both = np.concatenate((cloud.xyz, cloud.vertices))
    low = both.min(axis=0) if len(both) else np.zeros(3)
    step = float((both - low).max(initial=0)) / 65_535 or 1.0
    scene: dict[str, Any] = {
        "low": low.tolist(),
        "step": step,
        "points": _packed((cloud.xyz - low) / step, "<u2"),
        "vertices": _packed((cloud.vertices - low) / step, "<u2"),
        "faces": _packed(cloud.faces, "<u4"),
        "marks": np.round(cloud.marks, 3).tolist(),
        "eye": document.views[0].towards.tolist(),
        "limit": document.limit,
    }
    if cloud.values is not None:
        value_step = float(np.abs(cloud.values).max(initial=0)) / 32_767 or 1.0
        scene |= {"values": _packed(cloud.values / value_step, "<i2"), "value_step": value_step}
    return scene


def _packed(numbers: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.round(numbers).astype(kind).tobytes()).decode()


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
