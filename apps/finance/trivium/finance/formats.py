"""The formats of a report, by name. Strings only, so that a page or a help text can list them without the renderers."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FORMATS"]

FORMATS: Mapping[str, tuple[str, str]] = {
    "html": ("text/html", "trivium.finance.report.html:render_html"),
    "json": ("application/json", "trivium.finance.report.json:render_json"),
    "xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "trivium.finance.report.xlsx:render_xlsx",
    ),
    "docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "trivium.finance.report.docx:render_docx",
    ),
    "pdf": ("application/pdf", "trivium.finance.report.pdf:render_pdf"),
}
"""Media type and renderer of each format. A renderer takes (comparison, sentences, claims, *, language, scale)."""
