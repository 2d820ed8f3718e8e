"""English text that another language can be made from where it is read, with what is filled into it.

A message is written once, in English, where it arises: `Phrase("more than {limit} cells", limit="1,000")` is the text
"more than 1,000 cells" for logs, programs and command lines. Pages and reports `translate` it: each owner's
`locale/phrases.zh.toml` says the Chinese by the English template. A text without values needs no `Phrase`: it is its
own template. Templates that no file has stay English. Standard library only.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import trivium

__all__ = ["Phrase", "joined", "pack", "phrases", "text_of", "translate", "unpack"]


class Phrase(str):
    """A text that remembers its template and the values in it.

    Args:
        template: English, with `{name}` fields and no format specifications.
        values: anything; what is no text yet becomes one, in one line. A `Phrase` among them is translated too.
    """

    template: str
    values: Mapping[str, str]

    def __new__(cls, template: str, /, **values: object) -> Phrase:
        """Fill the template in.

        Raises:
            KeyError: if a field of the template has no value.
        """
        kept = {name: value if isinstance(value, Phrase) else _folded(value) for name, value in values.items()}
        text = super().__new__(cls, template.format_map(kept))
        text.template = template
        text.values = kept
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        # Errors cross process borders (worker children), and copies keep the parts.
        return (self.template,), dict(self.values)


def joined(parts: Iterable[str], separator: str = "; ") -> str:
    """Join texts by `; `, `, ` or ` or `, so that each can be translated; empty for none."""
    first, *rest = list(parts) or [""]
    for part in rest:
        first = Phrase(f"{{first}}{separator}{{next}}", first=first, next=part)
    return first


def text_of(error: Exception) -> str:
    """Return what an exception says; as a `Phrase` if it was raised with one, which `str(error)` forgets."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, Phrase) else str(error)


def translate(text: str, language: str) -> str:
    """Return the text in a language (`en`, `zh`): English as it is, and what has no translation."""
    if language == "en":
        return str(text)
    known = phrases(language)
    if not isinstance(text, Phrase):
        return known.get(text, text)
    told = {name: translate(value, language) for name, value in text.values.items()}
    return known.get(text.template, text.template).format_map(told)


@functools.cache
def phrases(language: str) -> Mapping[str, str]:
    """Return every owner's translations into a language, by English template; those of the platform win."""
    owners = [owner for root in trivium.__path__ for owner in Path(root).iterdir()]
    found: dict[str, str] = {}
    for owner in sorted(owners, key=lambda one: (one.name == "service", one.name)):
        file = owner / "locale" / f"phrases.{language}.toml"
        if file.is_file():
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


def pack(text: str) -> str:
    """Return a text as a string to store, with its template and values if it has any; `unpack` reads it."""
    return json.dumps(_to_json(text), ensure_ascii=False) if isinstance(text, Phrase) else text


def unpack(stored: str) -> str:
    """Return the text that was packed; a string that is none, as it is."""
    if not stored.startswith('{"phrase":'):
        return stored
    try:
        return _from_json(json.loads(stored))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return stored


def _to_json(text: str) -> Any:
    if not isinstance(text, Phrase):
        return text
    return {"phrase": text.template, "values": {name: _to_json(value) for name, value in text.values.items()}}


def _from_json(data: Any) -> str:
    if isinstance(data, str):
        return data
    return Phrase(data["phrase"], **{name: _from_json(value) for name, value in data["values"].items()})


def _folded(value: object) -> str:
    return " ".join(str(value).split())
