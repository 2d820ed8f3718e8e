"""The parts of the page that are HTML of our own: head, progress of a job, overview cards, downloads, past jobs.

Every text that comes from a file or a user is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from trivium.finance.app import SPEC
from trivium.finance.ui.document import Cell, Document
from trivium.finance.ui.words import Words
from trivium.service.evidence import ReportFile
from trivium.service.jobs import Job, JobState
from trivium.service.pages import error_text
from trivium.service.phrase import translate

__all__ = [
    "alert",
    "cards",
    "downloads",
    "drop_zone",
    "frame",
    "head",
    "intro",
    "past_jobs",
    "progress",
]

_STAGES = ("parse", "analyze", "narrate", "check", "report")
_CARDS = {
    "bank": (
        "revenue",
        "net_interest_income",
        "net_income",
        "eps_diluted",
        "net_margin",
        "efficiency_ratio",
        "return_on_equity",
        "provision_for_credit_losses",
    ),
    "insurer": (
        "revenue",
        "premiums_earned",
        "net_income",
        "eps_diluted",
        "net_margin",
        "combined_ratio",
        "loss_ratio",
        "return_on_equity",
    ),
    "": (
        "revenue",
        "gross_margin",
        "operating_margin",
        "net_margin",
        "net_income",
        "eps_diluted",
        "free_cash_flow",
        "net_debt",
    ),
}
_COLUMNS = ("revenue", "revenue_growth", "operating_margin", "net_margin", "eps_diluted", "free_cash_flow", "net_debt")
_ACCEPTED = ".htm,.html,.xhtml,.xml,.xsd,.zip,.xbri,.json,.csv,.tsv,.xlsx,.xls,.gz,.pdf,.txt"
_LETTERS = " pp个百分点"
_MOST_CARDS = 3
"""Companies that get cards; more of them share one table."""


def head(words: Words, job_id: str) -> str:
    """Return the heading of the page, with a way back to a new comparison when a job is open."""
    language = "zh-CN" if words.language == "zh" else "en"
    new = f'<a class="tf-button plain" href="./">{escape(words["page.new"])}</a>' if job_id else ""
    return (
        f'<div class="tf-head" data-language="{language}" data-title="{escape(words["page.heading"])} - Trivium">'
        f"<h1>{escape(words['page.heading'])}</h1>{new}</div>"
    )


def intro(words: Words) -> str:
    """Return the line under the heading, for a page without a job."""
    return f'<p class="tf-intro">{escape(words["page.intro"])}</p>'


def drop_zone(words: Words, max_bytes: int) -> str:
    """Return the place that files are dropped on; `drop.js` fills its list and uploads them."""
    texts = {
        "remove": words["page.remove"],
        "nothing": words["page.no_files"],
        "waiting": words["page.uploading"],
        "large": words.say("page.too_large", limit=f"{max_bytes / 2**20:,.0f} MiB"),
        "failed": words["page.upload_failed"],
    }
    data = " ".join(f'data-{key}="{escape(text)}"' for key, text in texts.items())
    return (
        f'<div class="tf-drop" data-max="{max_bytes}" {data}><label class="tf-zone"><input type="file" multiple '
        f'accept="{_ACCEPTED}"><strong>{escape(words["page.files_drop"])}</strong> '
        f"<span>{escape(words['page.files_browse'])}</span><small>{escape(words['page.files_hint'])}</small></label>"
        f'<ul class="tf-chosen" aria-label="{escape(words["page.files"])}"></ul>'
        f'<p class="tf-alert" role="alert" hidden></p></div>'
    )


def alert(text: str, reference: str, words: Words) -> str:
    """Return one clear line about what went wrong, with the reference that the log has too, if there is one."""
    tail = f" <small>{escape(words.say('page.error_reference', reference=reference))}</small>" if reference else ""
    return f'<p class="tf-alert" role="alert">{escape(text)}{tail}</p>'


def progress(job: Job, words: Words, problems: Mapping[str, Sequence[str]]) -> str:
    """Return the panel of a job: its title and state, and while it runs the stages, a bar and a button to stop it."""
    link = f"./?job={quote(job.id)}"
    lines = [
        f'<h2>{escape(job.title)}</h2><p class="tf-meta"><span class="tf-state {job.state}" data-field="state_text">'
        f"{escape(words.state(job.state))}</span> <span>{escape(words.moment(job.created_at))}</span> "
        f'<a href="{link}">{escape(words["page.job_link"])}</a></p>'
    ]
    if not job.state.is_final:
        lines.append(_running(job, words))
    elif job.state in (JobState.FAILED, JobState.QUARANTINED):
        reference = escape(words.say("page.error_reference", reference=job.error_reference))
        error = escape(error_text(job.error, SPEC, words.language))
        lines.append(
            f'<div class="tf-alert" role="alert"><strong>{escape(words["page.failed"])}</strong> '
            f"{error} <small>{reference}</small></div>{_again(job, words)}"
        )
    elif job.state is JobState.CANCELLED:
        lines.append(f'<p class="tf-note">{escape(words["page.cancelled"])}</p>{_again(job, words)}')
    for heading, found in problems.items():
        items = "".join(f"<li>{escape(translate(line, words.language))}</li>" for line in found)
        lines.append(f'<div class="tf-note"><b>{escape(words[heading])}</b><ul>{items}</ul></div>' if found else "")
    watched = "" if job.state.is_final else f' data-job="{escape(job.id)}"'
    return f'<section class="tf-job"{watched} data-shown="{escape(job.id)}">{"".join(lines)}</section>'


def _running(job: Job, words: Words) -> str:
    stages = ("fetch", *_STAGES) if job.kind == "fetch" else _STAGES
    items = "".join(f'<li data-stage="{stage}">{escape(words[f"stage.{stage}"])}</li>' for stage in stages)
    doing = words[f"stage.{job.stage}"] if job.stage in stages else words["page.queued"]
    return (
        f'<p class="tf-doing" aria-live="polite"><span data-field="stage_text">{escape(doing)}</span> '
        f'<span class="tf-left" data-estimate="{escape(words["page.estimate"])}"></span></p>'
        f'<progress max="1" value="{job.progress:.3f}" data-field="progress" '
        f'aria-label="{escape(words["page.progress"])}"></progress>'
        f'<ol class="tf-stages" aria-label="{escape(words["page.stages"])}">{items}</ol>'
        f'<button type="button" class="tf-button plain" data-cancel="{escape(job.id)}" '
        f'data-cancelling="{escape(words["page.cancelling"])}">{escape(words["page.cancel"])}</button>'
    )


def _again(job: Job, words: Words) -> str:
    return (
        f'<button type="button" class="tf-button plain" data-again="{escape(job.id)}">'
        f"{escape(words['page.again'])}</button>"
    )


def cards(document: Document, words: Words) -> str:
    """Return the overview: cards for up to three companies, a table for more."""
    if len(document.companies) > _MOST_CARDS:
        return _company_table(document, words)
    return "".join(_company_cards(document, company, words) for company in document.companies)


def _company_cards(document: Document, company: Mapping[str, Any], words: Words) -> str:
    key = str(company["key"])
    column = document.headline(key)
    found = [
        (metric, cell)
        for metric in _CARDS.get(str(company["template"]), _CARDS[""])
        if (cell := document.cell(metric, key, column)) is not None
    ]
    heading = words.say("page.cards_period", company=company["name"], period=column["name"])
    items = "".join(_card(document, key, metric, cell, words) for metric, cell in found)
    return (
        f'<section class="tf-overview" aria-label="{escape(heading)}"><h2>{escape(heading)} '
        f"<small>{escape(str(column['end']))}</small></h2>"
        f'<ul class="tf-cards">{items}</ul></section>'
    )


def _card(document: Document, company: str, metric: str, cell: Cell, words: Words) -> str:
    unit = words.unit(str(cell.value.get("unit", "")), str(document.data["scale"])) if cell.amount is not None else ""
    name = words.metric(metric, str(cell.value["name"]))
    if cell.amount is None:
        body = f'<p class="tf-value none">{escape(words["page.absent"])}</p>'
        foot = f'<p class="tf-foot">{escape(str(cell.value.get("reason") or ""))}</p>'
    else:
        body = (
            f'<p class="tf-value">{escape(cell.shown)} <small>{escape(unit)}</small></p>'
            f"{_change(document, cell, words)}"
        )
        status = str(cell.value["status"])
        foot = f'<p class="tf-foot"><span class="tf-status {status}">{escape(words[f"page.{status}"])}</span></p>'
    return f'<li class="tf-card"><h3>{escape(name)}</h3>{body}{_spark(document.series(metric, company))}{foot}</li>'


def _change(document: Document, cell: Cell, words: Words) -> str:
    """Return the change on the period before: relative, or absolute where a percentage would mean nothing."""
    if cell.change is None:
        return ""
    key = "absolute" if cell.change["is_points"] else "relative"
    change = Cell(document.value(cell.change[key]))
    if change.amount is None:
        change = Cell(document.value(cell.change["absolute"]))
    if change.amount is None:
        return ""
    way = "up" if change.amount > 0 else "down" if change.amount < 0 else "flat"
    shown = change.shown.strip("()")
    if cell.change["is_points"]:  # the report may be in the other language than the page
        shown = shown.rstrip(_LETTERS) + words["unit.points_suffix"]
    shown = {"up": "+", "down": "\u2212", "flat": ""}[way] + shown
    base = str(document.value(cell.change["base"])["period_name"]).split(" (")[0].split("\uff08")[0]
    return f'<p class="tf-change {way}">{escape(words.say("page.change_from", change=shown, base=base))}</p>'


def _spark(points: Iterable[tuple[str, Cell | None]]) -> str:
    """Return small columns of a metric over the periods; hidden from readers, who have the report's tables."""
    amounts = [cell.amount for _, cell in points if cell is not None and cell.amount is not None]
    if len(amounts) < 3:
        return ""
    low, high = min(*amounts, 0.0), max(*amounts, 0.0)
    span = (high - low) or 1.0
    width = 100 / len(amounts)
    bars = "".join(
        f'<rect x="{place * width + width * 0.15:.1f}" width="{width * 0.7:.1f}" '
        f'y="{(high - max(amount, 0.0)) / span * 28:.1f}" height="{max(abs(amount) / span * 28, 0.6):.1f}"/>'
        for place, amount in enumerate(amounts)
    )
    return f'<svg class="tf-spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'


def _company_table(document: Document, words: Words) -> str:
    heads = "".join(f'<th scope="col">{escape(words.metric(metric))}</th>' for metric in _COLUMNS)
    rows = []
    for company in document.companies:
        key = str(company["key"])
        column = document.headline(key)
        found = [document.cell(metric, key, column) for metric in _COLUMNS]
        texts = "".join(f"<td>{escape(cell.shown if cell else '')}</td>" for cell in found)
        unit = words.unit(str(company["currency"]), str(document.data["scale"]))
        rows.append(
            f'<tr><th scope="row">{escape(str(company["name"]))} <small>{escape(str(column["name"]))} '
            f"{escape(unit)}</small></th>{texts}</tr>"
        )
    return (
        f'<section class="tf-overview"><h2>{escape(words["page.cards"])}</h2><div class="tf-scroll" tabindex="0" '
        f'role="region" aria-label="{escape(words["page.cards"])}"><table class="tf-table"><thead><tr>'
        f'<th scope="col">{escape(words["page.company"])}</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"</table></div></section>"
    )


def frame(job: Job, words: Words) -> str:
    """Return the report in a frame of its own: its scripts run, and reach nothing outside it."""
    url = f"../files/{quote(job.id)}/comparison.html?inline=1"
    return (
        f'<p class="tf-full"><a href="{url}" target="_blank" rel="noopener">{escape(words["page.full_page"])}</a></p>'
        f'<iframe class="tf-frame" src="{url}" title="{escape(words["page.report_frame"])}" '
        f'sandbox="allow-scripts allow-popups allow-downloads"></iframe>'
    )


def downloads(job: Job, words: Words) -> str:
    """Return links to every file of a job: the report's formats, then filings that were fetched."""
    reports = [file for file in job.files if file.name.startswith("comparison.")]
    filings = [file for file in job.files if file not in reports]
    order = {"html": 0, "xlsx": 1, "docx": 2, "pdf": 3}
    reports.sort(key=lambda file: order.get(file.name.rpartition(".")[2], 9))
    parts = [_files(job, reports, words)]
    if filings:
        parts.append(f"<h3>{escape(words['page.fetched_filings'])}</h3>{_files(job, filings, words)}")
    return "".join(parts)


def _files(job: Job, files: Iterable[ReportFile], words: Words) -> str:
    items = []
    for file in files:
        ending = file.name.rpartition(".")[2]
        is_report = file.name.startswith("comparison.") and ending in ("html", "xlsx", "docx", "pdf", "json")
        what = words[f"page.file_{ending}"] if is_report else ""
        items.append(
            f'<li><a class="tf-button" download href="../files/{quote(job.id)}/{quote(file.name)}">'
            f"{escape(file.name)}</a> <span>{escape(what)}</span> <small>{file.size / 1024:,.0f} KB</small></li>"
        )
    return f'<ul class="tf-files">{"".join(items)}</ul>'


def past_jobs(jobs: Sequence[Job], words: Words) -> str:
    """Return the visitor's comparisons, newest first, each with its permanent link."""
    if not jobs:
        return f"<section><h2>{escape(words['page.past'])}</h2><p>{escape(words['page.past_nothing'])}</p></section>"
    items = "".join(
        f'<li><a href="./?job={quote(job.id)}">{escape(job.title)}</a> '
        f'<span class="tf-state {job.state}">{escape(words.state(job.state))}</span> '
        f'<time datetime="{job.created_at.isoformat()}">{escape(words.moment(job.created_at))}</time></li>'
        for job in jobs
    )
    return f'<section><h2>{escape(words["page.past"])}</h2><ul class="tf-past">{items}</ul></section>'
