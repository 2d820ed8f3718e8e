"""The finance page's components and their fixed texts. What they do is in page.py."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

import gradio as gr

from trivium.finance.ui import actions, views
from trivium.finance.ui.words import Words
from trivium.service.runtime import Runtime

__all__ = ["Parts", "Updates", "lay_out", "resource", "texts"]

_FORMS = ("10-K", "10-Q", "20-F", "40-F")
_SCALES = ("usual", "full", "thousand", "wan", "million", "yi", "billion")

Updates = dict[Any, Any]


@dataclass(slots=True)
class Parts:
    """The page's components by name."""

    head: gr.HTML
    main: gr.Column
    intro: gr.HTML
    alert: gr.HTML
    job_panel: gr.HTML
    results: gr.Column
    cards: gr.HTML
    tab_report: gr.Tab
    frame: gr.HTML
    tab_analysis: gr.Tab
    company: gr.Dropdown
    basis: gr.Radio
    breakdown: gr.Dropdown
    revenue: gr.Plot
    cash_flow: gr.Plot
    segments: gr.Plot
    peers: gr.Plot
    tab_mapping: gr.Tab
    mapping: gr.HTML
    choice: gr.Column
    concepts: gr.Radio
    use: gr.Button
    clear: gr.Button
    tab_downloads: gr.Tab
    downloads: gr.HTML
    new: gr.Accordion
    drop: gr.HTML
    go: gr.Button
    sec_heading: gr.HTML
    ticker: gr.Textbox
    forms: gr.CheckboxGroup
    years: gr.Number
    contact: gr.Textbox
    fetch: gr.Button
    sec_hint: gr.HTML
    language: gr.Radio
    scale: gr.Dropdown
    formats: gr.CheckboxGroup
    rates_box: gr.Accordion
    rates: gr.Textbox
    past: gr.HTML
    job_id: gr.State
    chosen: gr.State

    def all(self) -> list[Any]:
        """Every component, as the outputs of a handler that may change any."""
        return [getattr(self, one.name) for one in fields(self)]


def lay_out(runtime: Runtime) -> Parts:
    """Make the components, inside the page that is being built."""
    parts: dict[str, Any] = {"job_id": gr.State(""), "chosen": gr.State(("", ""))}
    parts["head"] = gr.HTML(js_on_load=resource("head.js"), elem_id="tf-head")
    with gr.Column(visible=False, elem_id="tf-main") as parts["main"]:
        parts["intro"] = gr.HTML()
        parts["alert"] = gr.HTML(visible=False, elem_id="tf-alert")
        parts["job_panel"] = gr.HTML(js_on_load=resource("job.js"), elem_id="tf-job", visible=False)
        with gr.Column(visible=False) as parts["results"]:
            _lay_out_results(parts)
        with gr.Accordion(open=True, elem_id="tf-new") as parts["new"]:
            _lay_out_request(parts, has_contact=bool(runtime.settings.sec_contact))
        parts["past"] = gr.HTML(elem_id="tf-past")
    return Parts(**parts)


def _lay_out_results(parts: dict[str, Any]) -> None:
    parts["cards"] = gr.HTML(elem_id="tf-cards")
    with gr.Tabs():
        with gr.Tab(id="report") as parts["tab_report"]:
            parts["frame"] = gr.HTML(elem_id="tf-report")
        with gr.Tab(id="analysis") as parts["tab_analysis"]:
            with gr.Row():
                parts["company"] = gr.Dropdown(filterable=False)
                parts["basis"] = gr.Radio()
                parts["breakdown"] = gr.Dropdown(filterable=False)
            with gr.Row():
                parts["revenue"] = gr.Plot(show_label=False, container=False)
                parts["cash_flow"] = gr.Plot(show_label=False, container=False)
            with gr.Row():
                parts["segments"] = gr.Plot(show_label=False, container=False)
                parts["peers"] = gr.Plot(show_label=False, container=False)
        with gr.Tab(id="mapping") as parts["tab_mapping"]:
            with gr.Column(visible=False, elem_id="tf-choice") as parts["choice"]:
                parts["concepts"] = gr.Radio(elem_id="tf-concepts")
                with gr.Row():
                    parts["use"] = gr.Button(variant="primary", elem_id="tf-use")
                    parts["clear"] = gr.Button(elem_id="tf-clear")
            parts["mapping"] = gr.HTML(js_on_load=resource("mapping.js"), elem_id="tf-mapping")
        with gr.Tab(id="downloads") as parts["tab_downloads"]:
            parts["downloads"] = gr.HTML(elem_id="tf-downloads")


def _lay_out_request(parts: dict[str, Any], *, has_contact: bool) -> None:
    with gr.Row():
        with gr.Column(scale=3):
            parts["drop"] = gr.HTML(js_on_load=resource("drop.js"), elem_id="tf-drop")
            with gr.Row():
                parts["language"] = gr.Radio(elem_id="tf-language", choices=[("English", "en"), ("中文", "zh")])
                parts["scale"] = gr.Dropdown(elem_id="tf-scale", filterable=False)
            is_choice = bool(actions.EXTRA_FORMATS)
            parts["formats"] = gr.CheckboxGroup(elem_id="tf-formats", visible=is_choice)
            with gr.Accordion(open=False, elem_id="tf-rates-box") as parts["rates_box"]:
                parts["rates"] = gr.Textbox(lines=3, max_lines=12, elem_id="tf-rates")
            parts["go"] = gr.Button(variant="primary", elem_id="tf-compare")
        with gr.Column(scale=2, elem_id="tf-sec"):
            parts["sec_heading"] = gr.HTML()
            with gr.Row():
                parts["ticker"] = gr.Textbox(max_lines=1, elem_id="tf-ticker", min_width=120)
                parts["years"] = gr.Number(value=2, minimum=1, maximum=30, precision=0, min_width=90)
            parts["forms"] = gr.CheckboxGroup(choices=list(_FORMS), value=["10-K", "10-Q"])
            parts["contact"] = gr.Textbox(max_lines=1, visible=not has_contact, elem_id="tf-contact")
            parts["fetch"] = gr.Button(elem_id="tf-fetch")
            parts["sec_hint"] = gr.HTML()


def texts(parts: Parts, words: Words, job_id: str, max_bytes: int) -> Updates:
    """Return every fixed text of the page in a language."""
    scales = [(words[f"page.scale_{name}"], "" if name == "usual" else name) for name in _SCALES]
    kinds = [(words[f"page.file_{name}"], name) for name in actions.EXTRA_FORMATS]
    return {
        parts.main: gr.update(visible=True),
        parts.head: views.head(words, job_id),
        parts.intro: views.intro(words),
        parts.drop: views.drop_zone(words, max_bytes),
        parts.sec_heading: f"<h2>{words['page.fetch_heading']}</h2>",
        parts.sec_hint: f'<p class="tf-hint">{words["page.fetch_hint"]}</p>',
        parts.ticker: gr.update(label=words["page.ticker"], placeholder=words["page.ticker_hint"]),
        parts.forms: gr.update(label=words["page.forms"]),
        parts.years: gr.update(label=words["page.years_back"]),
        parts.contact: gr.update(label=words["page.contact"], info=words["page.contact_hint"]),
        parts.fetch: gr.update(value=words["page.fetch"]),
        parts.go: gr.update(value=words["page.compare"]),
        parts.language: gr.update(label=words["page.language"], value=words.language),
        parts.scale: gr.update(label=words["page.scale"], choices=scales, value=""),
        parts.formats: gr.update(label=words["page.formats"], choices=kinds, value=list(actions.EXTRA_FORMATS)),
        parts.rates_box: gr.update(label=words["page.rates_heading"]),
        parts.rates: gr.update(
            label=words["page.rates"], info=words["page.rates_hint"], placeholder=words["page.rates_example"]
        ),
        parts.new: gr.update(label=words["page.new"], open=not job_id),
        parts.tab_report: gr.update(label=words["page.report"]),
        parts.tab_analysis: gr.update(label=words["page.analysis"]),
        parts.tab_mapping: gr.update(label=words["page.mapping"]),
        parts.tab_downloads: gr.update(label=words["page.downloads"]),
        parts.company: gr.update(label=words["page.analysis_company"]),
        parts.basis: gr.update(
            label=words["page.analysis_basis"],
            choices=[(words["page.years"], "years"), (words["page.quarters"], "quarters")],
        ),
        parts.breakdown: gr.update(label=words["page.analysis_breakdown"]),
        parts.use: gr.update(value=words["page.apply"]),
        parts.clear: gr.update(value=words["page.clear"]),
    }


def resource(name: str) -> str:
    """Return a script or style sheet that lies beside this file."""
    return (resources.files("trivium.finance.ui") / name).read_text(encoding="utf-8")
