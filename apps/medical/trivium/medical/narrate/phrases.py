"""The phrase file: what a finding is called and what a sentence looks like, in the words of the site."""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from trivium.service.errors import InputError
from trivium.service.text import LANGUAGES

__all__ = ["Phrases", "load_phrases"]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one language.

    Args:
        language: `en` or `zh`.
        findings: what each finding is called, by its name with `_` for a space.
        sentences: templates.
        places: names of the six zones.
        words: lists of words that carry polarity, side, a prior or normality; the checker reads them.
    """

    language: str
    findings: dict[str, str]
    sentences: dict[str, str]
    places: dict[str, str]
    words: dict[str, list[str]]

    def name(self, finding: str) -> str:
        """Return what a finding is called."""
        return self.findings[finding.replace(" ", "_")]

    def say(self, key: str, **values: object) -> str:
        """Return a sentence with its fields filled in."""
        return self.sentences[key].format(**values)


def load_phrases(language: str, site_file: Path | None = None) -> Phrases:
    """Load the phrases that ship, with a site's own laid over them.

    Raises:
        InputError: if the language is unknown, or the site's file cannot be read, has a key that does not exist, or a
            sentence whose fields differ from ours.
    """
    if language not in LANGUAGES:
        raise InputError(f"unknown language {language!r}", hint=f"use {', '.join(LANGUAGES)}")
    ours = tomllib.loads((resources.files("trivium.medical") / "phrases" / f"{language}.toml").read_text("utf-8"))
    if site_file is not None:
        _lay_over(ours, _read(site_file), str(site_file))
    return Phrases(language, ours["finding"], ours["sentence"], ours["place"], ours["words"])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the phrase file cannot be read ({error})", where=str(path), hint="see the one that ships"
        ) from error


def _lay_over(ours: dict[str, Any], site: dict[str, Any], where: str) -> None:
    for section, entries in site.items():
        for key, value in entries.items() if isinstance(entries, dict) else ():
            mine = ours.get(section, {}).get(key)
            if mine is None or type(value) is not type(mine):
                raise InputError(
                    f"{section}.{key} is not a phrase", where=where, hint="keep the keys of the one that ships"
                )
            if section == "sentence" and _fields(value) != _fields(mine):
                raise InputError(
                    f"sentence.{key} must keep the fields {', '.join(sorted(_fields(mine))) or '(none)'}", where=where
                )
            ours[section][key] = value


def _fields(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}
