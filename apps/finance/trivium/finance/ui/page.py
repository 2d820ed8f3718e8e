"""The finance page: files or a ticker in, progress while a worker compares, the report and its charts when it is done.

Handlers only submit and read: the work is the workers', its state is asked for by the page's own script (`job.js`), and
an address with `?job=` opens a comparison again. The language is the visitor's at every load; nothing is built twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr
import structlog

from trivium.finance.ui import actions, charts, mapping, views
from trivium.finance.ui.document import Document, open_document
from trivium.finance.ui.layout import Parts, Updates, lay_out, resource, texts
from trivium.finance.ui.words import Words
from trivium.service.errors import NotFoundError, TriviumError
from trivium.service.jobs import Job
from trivium.service.runtime import Runtime
from trivium.service.visitor import language_of, owner_of, require

__all__ = ["build"]

log = structlog.get_logger(__name__)

_PAST = 50
_KEPT_S = 3600
_COMPARE = "() => document.querySelector('.tf-drop').dispatchEvent(new Event('compare', {bubbles: true}))"
"""The drop zone knows the files and whether they are uploaded; it submits."""
_SHOW_CHOICE = "() => setTimeout(() => document.querySelector('#tf-concepts input')?.focus(), 100)"


def build(runtime: Runtime) -> gr.Blocks:
    """Build the page for the web shell to mount at /finance."""
    with gr.Blocks(title="Trivium", analytics_enabled=False, delete_cache=(_KEPT_S, _KEPT_S)) as demo:
        parts = lay_out(runtime)
        _Page(runtime, parts).wire(demo)
    demo.trivium_css = resource("page.css")
    return demo


class _Page:
    """The handlers."""

    def __init__(self, runtime: Runtime, parts: Parts) -> None:
        self.runtime = runtime
        self.parts = parts

    def wire(self, demo: gr.Blocks) -> None:
        """Connect the events; none of them waits in a queue behind another visitor's."""
        parts, every = self.parts, self.parts.all()
        choices = [parts.language, parts.scale, parts.formats, parts.rates]
        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        demo.load(self.open, None, every, **quick)
        parts.job_panel.submit(self.ended, None, every, **quick)
        parts.job_panel.select(self.again, None, every, **quick)
        parts.go.click(None, js=_COMPARE)
        parts.drop.submit(self.compare, choices, every, **quick)
        asked = [parts.ticker, parts.forms, parts.years, parts.contact]
        gr.on([parts.fetch.click, parts.ticker.submit], self.fetch, [*asked, *choices], every, **quick)
        parts.mapping.select(self.offer, [parts.job_id], every, **quick).then(None, js=_SHOW_CHOICE)
        parts.use.click(self.use, [parts.job_id, parts.chosen, parts.concepts], every, **quick)
        parts.clear.click(self.clear, [parts.job_id, parts.chosen], every, **quick)
        drawn = [parts.revenue, parts.cash_flow, parts.segments]
        given = [parts.job_id, parts.company, parts.basis]
        parts.company.input(self.other_company, given, [*drawn, parts.breakdown], **quick)
        parts.basis.input(self.other_basis, given, drawn[:2], **quick)
        parts.breakdown.input(self.other_breakdown, [parts.job_id, parts.breakdown], drawn[2:], **quick)

    # -- events -------------------------------------------------------------------------------------------------

    def open(self, request: gr.Request) -> Updates:
        """Fill the page in the visitor's language, and open the job that the address names."""
        words = Words(language_of(request))
        asked = str(request.query_params.get("job", ""))
        updates = texts(self.parts, words, asked, self.runtime.settings.max_upload_bytes) | self._past(request, words)

        def show() -> Updates:
            job = self.runtime.jobs.get(asked, owner=owner_of(request))
            if job.app != "finance":
                raise NotFoundError(words["page.no_job"])
            return self._job(job, words)

        if not asked:
            return updates
        return _merged(updates, self._answer(words, show, missing=words["page.no_job"]))

    def ended(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the results of a job that the page has followed to its end."""
        words = Words(language_of(request))
        job_id = str(event.job)

        def show() -> Updates:
            job = self.runtime.jobs.get(job_id, owner=owner_of(request))
            return self._job(job, words) | self._past(request, words)

        return self._answer(words, show)

    def again(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Run a failed or cancelled job once more."""
        words = Words(language_of(request))
        job_id = str(event.job)
        return self._answer(
            words,
            lambda: self._submitted(actions.run_again(self.runtime, _runner(request), job_id), request, words),
        )

    def compare(
        self,
        language: str,
        scale: str,
        formats: list[str],
        rates: str,
        event: gr.EventData,
        request: gr.Request,
    ) -> Updates:
        """Submit the uploaded files."""
        words = Words(language_of(request))
        chosen = _choices(language, scale, formats, rates)

        def submit() -> Updates:
            files = list(event.files)
            job = actions.submit_files(self.runtime, _runner(request), words, files, chosen)
            return self._submitted(job, request, words)

        return self._answer(words, submit)

    def fetch(
        self,
        ticker: str,
        forms: list[str],
        years: int,
        contact: str,
        language: str,
        scale: str,
        formats: list[str],
        rates: str,
        request: gr.Request,
    ) -> Updates:
        """Submit a job that fetches from the SEC."""
        words = Words(language_of(request))
        asked = {"ticker": ticker, "forms": forms, "years": years or 1, "contact": contact}
        chosen = _choices(language, scale, formats, rates)

        def submit() -> Updates:
            job = actions.submit_fetch(self.runtime, _runner(request), words, asked, chosen)
            return self._submitted(job, request, words)

        return self._answer(words, submit)

    def offer(self, job_id: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Offer the concepts that could stand for a metric."""
        words = Words(language_of(request))
        company, metric = str(event.company), str(event.metric)

        def offer() -> Updates:
            document = self._document(job_id, request)
            choice = document.choice(company, metric)
            if choice is None:
                raise NotFoundError(words["page.mapping_nothing"])
            name = words.metric(metric, str(choice["name"]))
            offered = mapping.offered(document, choice, words)
            current = choice.get("override") or (choice["uses"][0]["concept"] if choice["uses"] else None)
            value = current if current in [concept for _, concept in offered] else None
            label = words.say("page.choices", metric=name, company=company)
            parts = self.parts
            return {
                parts.choice: gr.update(visible=True),
                parts.concepts: gr.update(label=label, choices=offered, value=value),
                parts.clear: gr.update(visible=bool(choice.get("override"))),
                parts.chosen: (company, metric),
            }

        return self._answer(words, offer)

    def use(self, job_id: str, chosen: tuple[str, str], concept: str | None, request: gr.Request) -> Updates:
        """Keep the chosen concept and run again."""
        words = Words(language_of(request))
        if not concept:
            return self._alert(words["page.no_concept"], "", words)

        def again() -> Updates:
            job = actions.use_concept(self.runtime, _runner(request), job_id, *chosen, concept)
            return self._submitted(job, request, words)

        return self._answer(words, again)

    def clear(self, job_id: str, chosen: tuple[str, str], request: gr.Request) -> Updates:
        """Go back to the policy's choice and run again."""
        words = Words(language_of(request))

        def again() -> Updates:
            job = actions.clear_concept(self.runtime, _runner(request), job_id, *chosen)
            return self._submitted(job, request, words)

        return self._answer(words, again)

    def other_company(self, job_id: str, company: str, basis: str, request: gr.Request) -> Updates:
        """Draw another company."""
        words = Words(language_of(request))
        return self._drawn(self._document(job_id, request), company, basis, words)

    def other_basis(self, job_id: str, company: str, basis: str, request: gr.Request) -> Updates:
        """Draw years or quarters."""
        words = Words(language_of(request))
        document = self._document(job_id, request)
        return {
            self.parts.revenue: charts.revenue_chart(document, company, words, basis),
            self.parts.cash_flow: charts.cash_flow_chart(document, company, words, basis),
        }

    def other_breakdown(self, job_id: str, place: int | None, request: gr.Request) -> Updates:
        """Draw another breakdown."""
        words = Words(language_of(request))
        return {self.parts.segments: charts.segment_chart(self._document(job_id, request), place, words)}

    # -- what they show -----------------------------------------------------------------------------------------

    def _answer(self, words: Words, do: Callable[[], Updates], missing: str = "") -> Updates:
        """Do something; a failure becomes one line on the page, with the reference that the log has too."""
        try:
            return {self.parts.alert: gr.update(value="", visible=False)} | do()
        except TriviumError as error:
            log.info("page.refused", error=error.line, reference=error.reference)
            text = missing if missing and isinstance(error, NotFoundError) else error.line_in(words.language)
            return self._alert(text, error.reference, words)
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("page.crashed", reference=reference)
            return self._alert(words["page.something_wrong"], reference, words)

    def _alert(self, text: str, reference: str, words: Words) -> Updates:
        return {self.parts.alert: gr.update(value=views.alert(text, reference, words), visible=True)}

    def _document(self, job_id: str, request: gr.Request) -> Document:
        job = self.runtime.jobs.get(job_id, owner=owner_of(request))
        document = open_document(self.runtime.store, job)
        if document is None:
            raise NotFoundError("the job has no comparison", where=job_id)
        return document

    def _submitted(self, job: Job, request: gr.Request, words: Words) -> Updates:
        return self._job(job, words) | self._past(request, words)

    def _past(self, request: gr.Request, words: Words) -> Updates:
        jobs = self.runtime.jobs.recent(owner=owner_of(request), app="finance", limit=_PAST)
        return {self.parts.past: views.past_jobs(jobs, words)}

    def _job(self, job: Job, words: Words) -> Updates:
        """Show a job: its panel always, its results when there are any."""
        parts = self.parts
        document = open_document(self.runtime.store, job)
        problems = actions.problems_of(self.runtime, job)
        updates: Updates = {
            parts.job_id: job.id,
            parts.head: views.head(words, job.id),
            parts.intro: gr.update(visible=False),
            parts.job_panel: gr.update(value=views.progress(job, words, problems), visible=True),
            parts.results: gr.update(visible=document is not None),
            parts.new: gr.update(open=job.state.is_final and document is None),
            parts.choice: gr.update(visible=False),
        }
        return updates if document is None else updates | self._results(job, document, words)

    def _results(self, job: Job, document: Document, words: Words) -> Updates:
        parts = self.parts
        first = str(document.companies[0]["key"])
        names = [(str(one["name"]), str(one["key"])) for one in document.companies]
        is_many = len(names) > 1
        return {
            parts.cards: views.cards(document, words),
            parts.frame: views.frame(job, words),
            parts.downloads: views.downloads(job, words),
            parts.mapping: mapping.mapping_table(document, words),
            parts.company: gr.update(choices=names, value=first, visible=is_many),
            parts.basis: gr.update(value="years", visible=document.has_quarters),
            parts.peers: gr.update(value=charts.peer_chart(document, words) if is_many else None, visible=is_many),
            **self._drawn(document, first, "years", words),
        }

    def _drawn(self, document: Document, company: str, basis: str, words: Words) -> Updates:
        parts = self.parts
        breakdowns = [(str(one["title"]), place) for place, one in document.breakdowns(company)]
        first = breakdowns[0][1] if breakdowns else None
        return {
            parts.revenue: charts.revenue_chart(document, company, words, basis),
            parts.cash_flow: charts.cash_flow_chart(document, company, words, basis),
            parts.segments: charts.segment_chart(document, first, words),
            parts.breakdown: gr.update(choices=breakdowns, value=first, visible=bool(breakdowns)),
        }


def _merged(first: Updates, then: Updates) -> Updates:
    """Return both; where both change one component, what the second says comes on top of the first."""
    both = {
        part: first[part] | then[part]
        for part in first.keys() & then.keys()
        if isinstance(first[part], dict) and isinstance(then[part], dict)
    }
    return first | then | both


def _runner(request: gr.Request) -> str:
    """Return in whose name the visitor may submit jobs."""
    require(request, "finance.run")
    return owner_of(request)


def _choices(language: str, scale: str, formats: list[str], rates: str) -> dict[str, Any]:
    return {"language": language, "scale": scale, "formats": formats, "rates": rates}
