"""Whole right reports written by hand, and their twins in which one passage is changed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Case", "cases"]


@dataclass(frozen=True, slots=True)
class Case:
    """A right report with its wrong twins.

    Args:
        name: number in its file, with the language.
        text: the report.
        sex: of the patient, `M` or `F`.
        placed: side on which the film shows a finding, `left` or `right`.
        twins: kind of error, text and placed sides of each.
    """

    name: str
    text: str
    sex: str
    placed: dict[str, str]
    twins: tuple[tuple[str, str, dict[str, str]], ...]


def cases(language: str) -> Iterator[Case]:
    """Yield the cases of `cases_<language>.toml`; ValueError where a changed passage is not there exactly once."""
    path = Path(__file__).parent / f"cases_{language}.toml"
    for one in tomllib.loads(path.read_text(encoding="utf-8"))["report"]:
        text, placed, twins = one["text"].strip(), one.get("placed", {}), []
        for error in one.get("errors", []):
            if "placed" in error:
                twins.append((error["kind"], text, {**placed, **error["placed"]}))
            elif text.count(error["find"]) == 1:
                twins.append((error["kind"], text.replace(error["find"], error["put"]), placed))
            else:
                raise ValueError(f"{path.name}: {one['id']}: {error['find']!r} must be in the text exactly once")
        yield Case(one["id"], text, one["sex"], placed, tuple(twins))
