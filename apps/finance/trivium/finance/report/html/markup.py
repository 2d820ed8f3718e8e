"""HTML as values: text is escaped unless it is `Html` already. Not a template language."""

from __future__ import annotations

import html
from collections.abc import Iterable

__all__ = ["Html", "escape", "join", "tag"]

_VOID = frozenset({"meta", "col", "br", "input", "line", "rect", "path", "circle", "polyline"})


class Html(str):
    """Markup that goes into a page as it stands."""

    __slots__ = ()


def escape(text: str) -> Html:
    """Return text as markup; `Html` is returned unchanged."""
    return text if isinstance(text, Html) else Html(html.escape(text))


def join(parts: Iterable[str], between: str = "") -> Html:
    """Return the parts one after the other, each escaped unless it is markup."""
    return Html(escape(between).join(map(escape, parts)))


def tag(name: str, *children: str, **attributes: str | int | float | bool) -> Html:
    """Return an element.

    Args:
        attributes: an underscore at the end is dropped (`class_`), others become hyphens (`data_unit`); True gives a
            bare attribute, False and the empty string none.
    """
    written = "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not False and value != ""
    )
    if name in _VOID:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
