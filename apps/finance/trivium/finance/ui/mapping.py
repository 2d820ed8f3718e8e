"""The mapping tab: where each metric was taken from, and what could be chosen instead. Texts are escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from trivium.finance.ui.document import Document
from trivium.finance.ui.words import Words

__all__ = ["mapping_table", "offered"]


def mapping_table(document: Document, words: Words) -> str:
    """Return, company by company, where each metric was taken from, with a button to change it."""
    parts = [f'<p class="tf-intro">{escape(words["page.mapping_intro"])}</p>']
    for number, company in enumerate(document.companies):
        choices = [
            choice
            for choice in document.data["mapping"]
            if choice["company"] == company["key"] and document.candidates(choice)
        ]
        found = [choice for choice in choices if choice["uses"] or choice.get("override")]
        absent = [choice for choice in choices if choice not in found]
        name = str(company["name"])
        parts.append(_mapping_group(document, found, name, words, is_open=number == 0))
        if absent:
            title = words.say("page.mapping_absent", company=name, count=len(absent))
            parts.append(_mapping_group(document, absent, title, words, is_open=False))
    return "".join(parts)


def offered(document: Document, choice: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """Return what could stand for a metric as (text, concept): printed label, concept, where it stands, value."""
    texts = []
    for candidate in document.candidates(choice):
        amount = f"{float(candidate['amount']):,.2f}".removesuffix(".00")
        parts = (
            str(candidate["label"]),
            str(candidate["concept"]),
            _position(choice, candidate, words),
            f"{amount} {candidate['unit']}",
        )
        texts.append((" \u2013 ".join(part for part in parts if part), str(candidate["concept"])))
    return texts


def _mapping_group(
    document: Document, choices: Iterable[Mapping[str, Any]], title: str, words: Words, *, is_open: bool
) -> str:
    heads = "".join(
        f'<th scope="col">{escape(words[f"page.{key}"])}</th>'
        for key in ("metric", "concept", "label", "position", "value")
    )
    rows = "".join(_mapping_row(document, choice, words) for choice in choices)
    return (
        f'<details{" open" if is_open else ""}><summary>{escape(title)}</summary><div class="tf-scroll" tabindex="0" '
        f'role="region" aria-label="{escape(title)}"><table class="tf-table"><thead><tr>{heads}'
        f"<td></td></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _mapping_row(document: Document, choice: Mapping[str, Any], words: Words) -> str:
    name = words.metric(str(choice["metric"]), str(choice["name"]))
    use = choice["uses"][0] if choice["uses"] else None
    here = next((one for one in document.candidates(choice) if use and one["concept"] == use["concept"]), None)
    concept = _breakable(use["concept"] if use else choice.get("override") or "")
    if choice.get("override"):
        concept += f' <span class="tf-status chosen">{escape(words["page.chosen_by_user"])}</span>'
    if use is None and choice.get("reason"):
        concept += f" <small>{escape(str(choice['reason']))}</small>"
    value = _mapped_value(document, choice, use)
    label = words.say("page.mapping_change_of", metric=name, company=choice["company"])
    return (
        f'<tr><th scope="row">{escape(name)}</th><td class="tf-concept">{concept}</td>'
        f"<td>{escape(use['label'] if use else '')}</td>"
        f'<td class="tf-where">{escape(_position(choice, here, words))}</td>'
        f'<td class="tf-number">{escape(value)}</td><td><button type="button" class="tf-button plain small" '
        f'data-company="{escape(str(choice["company"]))}" data-metric="{escape(str(choice["metric"]))}" '
        f'aria-label="{escape(label)}">{escape(words["page.mapping_change"])}</button></td></tr>'
    )


def _breakable(concept: str) -> str:
    """Return a concept that breaks inside its name rather than at the hyphen of its prefix."""
    prefix, colon, name = concept.partition(":")
    return f'<span class="tf-prefix">{escape(prefix + colon)}</span>{escape(name)}' if colon else escape(concept)


def _mapped_value(document: Document, choice: Mapping[str, Any], use: Mapping[str, Any] | None) -> str:
    if use is None:
        return ""
    for period in use["periods"]:
        key = period["end"] if period["start"] is None else f"{period['start']}..{period['end']}"
        value = document.data["values"].get(f"{choice['company']}/{choice['metric']}/{key}")
        if value is not None:
            return str(value["shown"])
    return ""


def _position(choice: Mapping[str, Any], candidate: Mapping[str, Any] | None, words: Words) -> str:
    """Return where a candidate stands: the statement and its row, the notes, or nothing where that is unknown."""
    if candidate is None:
        return ""
    statement = str(choice["candidates"]).split("/")[1]
    name = words[f"statement.{statement if candidate['is_on_statement'] else 'note'}"]
    if candidate["row"] is None:
        return name
    return words.say("page.position_row", statement=name, row=int(candidate["row"]) + 1)
