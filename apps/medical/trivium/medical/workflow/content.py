"""The text of a report being written: sentences by section, each with what became of it, and how it reads as a whole.

A sentence of a draft is `draft` until somebody accepts, edits or rejects it; one that a person typed is `typed`. Text
is made of all but the rejected. A report with an undecided sentence cannot be signed. Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase
from trivium.service.text import LANGUAGES, Catalogue

__all__ = [
    "SECTIONS", "blank", "checked", "from_draft", "joined", "said", "sha256_of", "spoken", "text_of", "undecided",
    "with_draft",
]  # fmt: skip

SECTIONS = ("exam", "indication", "technique", "comparison", "findings", "impression")
_STATUSES = frozenset({"draft", "accepted", "edited", "rejected", "typed"})
_MOST_SENTENCES = 200
_LONGEST = 2000

Content = dict[str, Any]


def blank(language: str) -> Content:
    """Return a report with empty sections."""
    return {"language": language, "sections": {name: [] for name in SECTIONS}}


def from_draft(document: Mapping[str, Any], number: int) -> Content:
    """Return a report that holds a draft's sentences, none of them decided; a refused draft has none.

    Args:
        number: of the draft; a later one's sentences are others.
    """
    content = blank(document["language"])
    for name, sentences in document.get("sections", {}).items():
        content["sections"][name] = [
            {
                "id": f"d{number}-{name}-{position}",
                "text": one["text"],
                "status": "draft",
                "draft": one["text"],
                "claims": list(one["claims"]),
            }
            for position, one in enumerate(sentences, 1)
        ]
    return content


def with_draft(content: Content, document: Mapping[str, Any], number: int) -> Content:
    """Return the report with a draft's sentences behind what is there; no word that was typed changes."""
    added = from_draft(document, number)["sections"]
    known = {one["id"] for one in spoken(content, with_rejected=True)}
    sections = {
        name: [*content["sections"][name], *(one for one in added[name] if one["id"] not in known)] for name in SECTIONS
    }
    return {**content, "sections": sections}


def checked(content: Any) -> Content:
    """Return a report that came from a page, with what belongs in it and nothing else.

    Raises:
        InputError: if its shape is wrong, or it is too long.
    """
    if not isinstance(content, dict) or content.get("language") not in LANGUAGES:
        raise InputError("is no report with a language", where="content")
    given = content.get("sections")
    if not isinstance(given, dict) or set(given) != set(SECTIONS):
        raise InputError(Phrase("needs exactly the sections {names}", names=", ".join(SECTIONS)), where="content")
    sections = {name: [_checked_sentence(one) for one in _listed(given[name])] for name in SECTIONS}
    every = [one for name in SECTIONS for one in sections[name]]
    if len(every) > _MOST_SENTENCES:
        raise InputError(
            Phrase("has {count} sentences, more than {limit}", count=len(every), limit=_MOST_SENTENCES), where="content"
        )
    if len({one["id"] for one in every}) != len(every):
        raise InputError("two sentences have one id", where="content")
    return {"language": content["language"], "sections": sections}


def spoken(content: Content, *, with_rejected: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the sentences that the report says, in order; empty ones are not said."""
    for name in SECTIONS:
        for one in content["sections"][name]:
            if with_rejected or (one["status"] != "rejected" and one["text"].strip()):
                yield {**one, "section": name}


def undecided(content: Content) -> int:
    """Count the sentences of the draft that nobody has accepted, edited or rejected."""
    return sum(one["status"] == "draft" for one in spoken(content, with_rejected=True))


def text_of(content: Content, texts: Catalogue) -> str:
    """Return the report as text: a heading and its sentences, one a line; sections that say nothing are left out.

    Args:
        texts: the app's catalogue in the report's language.
    """
    return joined(said(content), texts)


def said(content: Content) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the sections that say something: name and sentences."""
    found = [
        (name, tuple(one["text"].strip() for one in spoken(content) if one["section"] == name)) for name in SECTIONS
    ]
    return tuple((name, sentences) for name, sentences in found if sentences)


def joined(sections: Iterable[tuple[str, Iterable[str]]], texts: Catalogue) -> str:
    """Return sections as one text."""
    blocks = ["\n".join([texts[f"section.{name}"].upper(), *sentences]) for name, sentences in sections]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def sha256_of(text: str) -> str:
    """Return the hash that a signature binds a text by."""
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InputError("a section is not a list of sentences", where="content")
    return value


def _checked_sentence(one: Any) -> dict[str, Any]:
    fields = {"id": str, "text": str, "status": str, "draft": str, "claims": list}
    if not isinstance(one, dict) or not all(isinstance(one.get(name), kind) for name, kind in fields.items()):
        raise InputError("a sentence needs id, text, status, draft and claims", where="content")
    if one["status"] not in _STATUSES:
        what = Phrase("a sentence is {status}", status=repr(one["status"][:20]))
        raise InputError(what, where="content", hint=Phrase("use {names}", names=", ".join(sorted(_STATUSES))))
    texts = (one["id"], one["text"], one["draft"], *one["claims"])
    if not one["id"] or not all(isinstance(part, str) and len(part) <= _LONGEST for part in texts):
        raise InputError(
            Phrase("a sentence has more than {limit} characters, or no id", limit=_LONGEST), where="content"
        )
    if one["status"] in ("draft", "accepted") and one["text"] != one["draft"]:
        raise InputError("an accepted sentence differs from the draft; it is edited", where="content")
    return {name: one[name] for name in fields}
