"""Read each sentence of an inspection's report again, on its own, and keep it only if all it says follows.

Knows no template: it finds places, areas, volumes, uncertainties, limits, percentages and lengths by their form, holds
each against the one bound claim that it can be, and looks whether the words for a verdict, for trust and for the side
of the surface agree with the claims. A digit that is left over is bound to nothing, and the sentence goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from trivium.service.evidence import Claim, Sentence

__all__ = ["Removed", "check"]

_N = r"([-\u2212]?\d+(?:\.\d+)?)"
_CONSTANT = re.compile(r"k = 2(?![\d.])|ISO 14253-1|ISO 1101|3-2-1")
_REGION = re.compile(r"(?:[Rr]egion|区域)\s*(\d+)")
_PLACE = re.compile(rf"\({_N}, {_N}, {_N}\) mm")
_WORDS = {  # text claim: value: words that say it
    "verdict": {
        "pass": re.compile(r"^Pass\b|^合格"),
        "fail": re.compile(r"^Fail\b|^不合格"),
        "undecided": re.compile(r"^Undecided\b|^无法判定"),
        "incomplete": re.compile(r"^Incomplete\b|^数据不完整"),
        "changed": re.compile(r"^Changed\b|^有变化"),
        "unchanged": re.compile(r"^Unchanged\b|^无变化"),
    },
    "aligned": {
        "trusted": re.compile(r"\bis trusted\b|配准可信"),
        "untrusted": re.compile(r"\bnot trusted\b|配准不可信"),
    },
    "kind": {
        "hollow": re.compile(r"\bhollow\b|凹陷"),
        "bump": re.compile(r"\bbump\b|凸起"),
        "loss": re.compile(r"\bloss\b|\blost\b|损失"),
        "gain": re.compile(r"\bgain\b|\bgained\b|增加"),
    },
}
# Form, and the ending of the claim's name that such a number must be; percentages are shares of 1.
_FORMS = (
    (re.compile(rf"U = {_N} mm³"), "volume_u", Decimal(1)),
    (re.compile(rf"U = {_N} mm(?![²³])"), "u", Decimal(1)),
    (re.compile(rf"{_N} mm³"), "volume", Decimal(1)),
    (re.compile(rf"{_N} mm²"), "area", Decimal(1)),
    (re.compile(rf"±{_N} mm"), "limit", Decimal(1)),
    (re.compile(rf"(?:at least|至少)\s*{_N} %"), "min_coverage", Decimal(100)),
    (re.compile(rf"{_N} %"), "coverage", Decimal(100)),
)
_LENGTH = re.compile(rf"{_N} mm(?![²³])")
_COUNT = re.compile(_N)
_OWN_FORM = {"u", "volume_u", "volume", "area", "out", "limit", "min_coverage", "coverage", "x", "y", "z"}


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence that was taken out, and the first thing in it that does not follow from its claims."""

    sentence: Sentence
    reason: str


def check(
    sentences: Iterable[Sentence], claims: Mapping[str, Claim]
) -> tuple[tuple[Sentence, ...], tuple[Removed, ...]]:
    """Return the sentences that follow from the claims bound to them, and the others with the reason."""
    kept, removed = [], []
    for sentence in sentences:
        reason = _Reading(sentence, claims).fault()
        if reason:
            removed.append(Removed(sentence, reason))
        else:
            kept.append(sentence)
    return tuple(kept), tuple(removed)


class _Reading:
    """One sentence as it is read: what is understood is taken out of the text."""

    def __init__(self, sentence: Sentence, claims: Mapping[str, Claim]) -> None:
        self._text = _CONSTANT.sub(" ", sentence.text)
        self._unknown = [name for name in sentence.claim_ids if name not in claims]
        self._bound = {name: claims[name] for name in sentence.claim_ids if name in claims}

    def fault(self) -> str:
        if self._unknown:
            return f"bound to {self._unknown[0]!r}, which is no claim"
        return self._words() or self._region() or self._place() or self._forms() or self._lengths() or self._counts()

    def _words(self) -> str:
        """Words for verdict, trust and side must agree with the bound claim, and need one."""
        for name, values in _WORDS.items():
            found = [claim for key, claim in self._bound.items() if key.rpartition(".")[2] == name]
            for value, words in values.items():
                if words.search(self._text) and [claim.value for claim in found] != [value]:
                    return f"says {value}, which does not follow from its claims"
        return ""

    def _region(self) -> str:
        found = _REGION.search(self._text)
        groups = {name.partition(".")[0] for name in self._bound if "." in name}
        if found and groups != {f"d{found[1]}"}:
            return f"speaks of region {found[1]}, and is bound to {', '.join(sorted(groups)) or 'none'}"
        if len(groups) > 1:
            return "is bound to more than one region"
        self._text = _REGION.sub(" ", self._text)
        return ""

    def _place(self) -> str:
        for found in _PLACE.finditer(self._text):
            for number, axis in zip(found.groups(), "xyz", strict=True):
                if fault := self._differs(number, axis):
                    return fault
        self._text = _PLACE.sub(" ", self._text)
        return ""

    def _forms(self) -> str:
        for form, ending, factor in _FORMS:
            for found in form.finditer(self._text):
                if fault := self._differs(found[1], ending, factor):
                    return fault
            self._text = form.sub(" ", self._text)
        return ""

    def _lengths(self) -> str:
        """A plain length is the one bound length that has no form of its own."""
        return self._plain(_LENGTH, "mm")

    def _counts(self) -> str:
        return self._plain(_COUNT, "pure")

    def _plain(self, form: re.Pattern[str], unit: str) -> str:
        for found in form.finditer(self._text):
            able = [
                name.rpartition(".")[2]
                for name, claim in self._bound.items()
                if claim.unit == unit and name.rpartition(".")[2] not in _OWN_FORM
            ]
            if len(able) != 1:
                return f"{found[0]} is bound to {'nothing' if not able else 'more than one claim'}"
            if fault := self._differs(found[1], able[0]):
                return fault
        self._text = form.sub(" ", self._text)
        return ""

    def _differs(self, shown: str, ending: str, factor: Decimal = Decimal(1)) -> str:
        found = [claim for name, claim in self._bound.items() if name.rpartition(".")[2] == ending]
        if len(found) != 1 or not isinstance(found[0].value, Decimal):
            return f"{shown} is bound to nothing"
        number = Decimal(shown.replace("\u2212", "-"))
        places = number.as_tuple().exponent
        assert isinstance(places, int)
        rounded = (found[0].value * factor).quantize(Decimal(1).scaleb(places), ROUND_HALF_EVEN)
        return "" if number == rounded else f"{shown} is not {found[0].id}, which is {rounded}"
