"""Say in our own words what is wrong with a request's values: one line that can be told in the reader's language.

FastAPI finds the fault by a route's types (pydantic); its texts are English only, and some name types of Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trivium.service.phrase import Phrase, text_of

__all__ = ["invalid_text"]

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "json_invalid": "is not valid JSON",
    "int": "is not a whole number",
    "float": "is not a number",
    "finite_number": "is not a finite number",
    "bool": "is neither true nor false",
    "string": "is not a text",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "list": "is not a list",
    "too_short": "has {actual_length} entries, and needs {min_length} at least",
    "too_long": "has {actual_length} entries, and may have {max_length} at most",
    "dict": "is not an object with named fields",
    "model_attributes": "is not an object with named fields",
    "greater_than": "is not more than {gt}",
    "greater_than_equal": "is less than {ge}",
    "less_than": "is not less than {lt}",
    "less_than_equal": "is more than {le}",
    "enum": "is not one of {expected}",
    "literal_error": "is not one of {expected}",
    "date": "is not a date such as 2026-01-31",
    "date_from_datetime": "is not a date such as 2026-01-31",
    "datetime": "is not a time such as 2026-01-31T12:00:00Z",
    "datetime_from_date": "is not a time such as 2026-01-31T12:00:00Z",
    "timezone": "is a time without an offset from UTC",
    "uuid": "is not a UUID",
}
"""By pydantic's kinds of errors; the ways in which one type is missed (`int_type`, `int_parsing`) share their words."""


def invalid_text(error: Mapping[str, Any]) -> Phrase:
    """Return `body.request.to: is not a whole number` for an entry of pydantic's `errors()`.

    What we raise ourselves while a value is read is told as it is, and a kind that has no words here in pydantic's.
    """
    context = error.get("ctx", {})
    if "expected" in context:
        context = context | {"expected": context["expected"].replace(" or ", ", ")}
    kind = error["type"]
    for ending in ("_type", "_parsing", "_parsing_size", "_from_float", "_aware"):
        kind = kind.removesuffix(ending)
    if isinstance(context.get("error"), ValueError):
        what = text_of(context["error"])
    elif kind in _WORDS:
        what = Phrase(_WORDS[kind], **context)
    else:
        what = error["msg"]
    return Phrase("{where}: {what}", where=".".join(str(part) for part in error["loc"]), what=what)
