"""Texts in the reader's language: one catalogue per owner, `<owner>/locale/{en,zh}.toml`. Standard library only."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

__all__ = ["LANGUAGES", "Catalogue", "catalogue"]

LANGUAGES = ("en", "zh")


class Catalogue(Mapping[str, str]):
    """Texts of one owner in one language, by dotted key (`metric.revenue`)."""

    def __init__(self, owner: str, language: str, texts: dict[str, str]) -> None:
        self.owner = owner
        self.language = language
        self._texts = texts

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def say(self, key: str, /, **values: object) -> str:
        """Return the text of `key` with its `{name}` fields filled in.

        Raises:
            KeyError: if the catalogue lacks the key or the text needs a value that was not given.
        """
        return self._texts[key].format(**values)


@functools.cache
def catalogue(owner: str, language: str) -> Catalogue:
    """Load the catalogue of a package such as `trivium.finance`.

    Raises:
        ValueError: if the language is not one of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    text = (resources.files(owner) / "locale" / f"{language}.toml").read_text(encoding="utf-8")
    return Catalogue(owner, language, dict(_flatten("", tomllib.loads(text))))


def _flatten(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(f"{name}.", value)
        else:
            yield name, str(value)
