"""Read each sentence anew, by its words alone, and compare with the findings it is bound to.

The reading knows the site's phrases for findings and the word lists of the phrase file, not the templates: a sentence
that was edited by hand is read the same way. What cannot be read does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trivium.medical.claims import FILM, HEART_SIZE, claim_id
from trivium.medical.narrate.grammar import percent, place_of
from trivium.medical.narrate.phrases import Phrases
from trivium.medical.records import Finding, Radiograph, Section, State
from trivium.service.evidence import Claim, Sentence

__all__ = ["check"]

_SPOKEN = (Section.FINDINGS, Section.IMPRESSION)


def check(
    sections: Mapping[Section, Sequence[Sentence]],
    claims: Mapping[str, Claim],
    findings: Sequence[Finding],
    radiograph: Radiograph,
    phrases: Phrases,
    *,
    has_prior: bool = False,
) -> tuple[dict[Section, tuple[Sentence, ...]], list[str]]:
    """Return the sentences that follow from their claims, and why each of the others was left out.

    Args:
        has_prior: whether an earlier film is here; it was not compared, and only that may be said of it.
    """
    reader = _Reader(claims, {one.name: one for one in findings}, radiograph, phrases, has_prior=has_prior)
    kept: dict[Section, tuple[Sentence, ...]] = {}
    removed: list[str] = []
    for section, sentences in sections.items():
        good = []
        for sentence in sentences:
            reason = reader.fault(sentence, section)
            if reason:
                removed.append(f"{sentence.text!r}: {reason}")
            else:
                good.append(sentence)
        kept[section] = tuple(good)
    return kept, removed


class _Reader:
    def __init__(
        self,
        claims: Mapping[str, Claim],
        findings: Mapping[str, Finding],
        radiograph: Radiograph,
        phrases: Phrases,
        *,
        has_prior: bool,
    ) -> None:
        self._claims = claims
        self._findings = findings
        self._radiograph = radiograph
        self._words = phrases.words
        self._has_prior = has_prior
        # The longest first: "pleural thickening" before a shorter phrase inside it.
        self._names = sorted(
            ((phrases.name(name).lower(), name) for name in findings if name != "No Finding"),
            key=lambda one: -len(one[0]),
        )

    def fault(self, sentence: Sentence, section: Section) -> str:
        """Return why a sentence does not follow, or nothing."""
        text = sentence.text.lower()
        if missing := [one for one in sentence.claim_ids if one not in self._claims]:
            return f"it is bound to {missing[0]}, which is no claim"
        if not sentence.claim_ids:
            return "it is bound to nothing"
        if reason := self._fault_of_prior(text, section):
            return reason
        if HEART_SIZE in sentence.claim_ids or self._first("heart_size", text):
            return self._fault_of_heart_size(text, sentence)
        bound = [self._findings[one.partition("/")[2]] for one in sentence.claim_ids if one != FILM]
        unread = [one.name for one in self._findings.values() if one.state == State.NOT_ASSESSED]
        if unread and (word := self._first("normal", text)):
            return f"it calls the film {word.strip()} while {len(unread)} findings are not assessed"
        if section not in _SPOKEN:
            return self._fault_of_size(text)
        return (
            self._fault_of_names(text, bound) or self._fault_of_numbers(text, bound)
            or self._fault_of_polarity(text, bound) or self._fault_of_side(text, bound)
        )  # fmt: skip

    def _fault_of_prior(self, text: str, section: Section) -> str:
        """Under Comparison, a prior that is here must be named and called not compared; all else speaks of none."""
        none = f"and none was {'compared' if self._has_prior else 'given'}"
        if held := self._first("held", text):
            is_told = section == Section.COMPARISON and self._first("uncompared", text)
            if not self._has_prior or not is_told:
                return f"it speaks of a prior film ({held}), {none}"
            for word in (*self._words["held"], *self._words["uncompared"]):
                text = text.replace(word, " ")
        elif self._has_prior and section == Section.COMPARISON:
            return "it does not say that a prior film is here"
        word = self._first("prior", text)
        return f"it speaks of a prior film ({word.strip()}), {none}" if word else ""

    def _fault_of_heart_size(self, text: str, sentence: Sentence) -> str:
        """It gives the ratio measured and no other number, says of an AP view what that does, and names no finding."""
        if sentence.claim_ids != (HEART_SIZE,):
            return "the cardiothoracic ratio and what else it says are not bound to their own claims"
        if not self._first("heart_size", text):
            return "it is bound to the cardiothoracic ratio and does not name it"
        if re.findall(r"\d+(?:\.\d+)?", text) != [str(self._claims[HEART_SIZE].value)]:
            return "its number is not the cardiothoracic ratio that was measured"
        if named := next((name for phrase, name in self._names if phrase in text), ""):
            return f"it names {named} and is bound to the cardiothoracic ratio"
        is_ap, is_said = self._radiograph.header.view == "AP", bool(self._first("wider", text))
        return "" if is_ap == is_said else "it does not say what the view does to the heart's width"

    def _fault_of_size(self, text: str) -> str:
        allowed = {str(one) for one in self._radiograph.size}
        strange = [one for one in re.findall(r"\d+(?:\.\d+)?", text) if one not in allowed]
        return f"the number {strange[0]} is not the film's" if strange else ""

    def _fault_of_names(self, text: str, bound: Sequence[Finding]) -> str:
        named, rest = set(), text
        for phrase, name in self._names:
            if phrase in rest:
                named.add(name)
                rest = rest.replace(phrase, " ")
        expected = {one.name for one in bound}
        if named and named != expected:
            return f"it names {', '.join(sorted(named))} and is bound to {', '.join(sorted(expected)) or 'the film'}"
        if not named and any(one.state != State.ABSENT for one in bound):
            return "it names none of the findings it is bound to"
        return ""

    def _fault_of_numbers(self, text: str, bound: Sequence[Finding]) -> str:
        numbers = re.findall(r"\d+(?:\.\d+)?", text)
        allowed = {percent(float(self._claims[claim_id(one.name)].value)) for one in bound}
        strange = [one for one in numbers if one not in allowed]
        return f"the number {strange[0]} does not follow" if strange else ""

    def _fault_of_polarity(self, text: str, bound: Sequence[Finding]) -> str:
        said = self._said(text)
        if said is None:
            return "it cannot be read as present, uncertain, absent or not assessed"
        wrong = [one for one in bound if one.state != said]
        return f"it says {said} of {wrong[0].name}, which is {wrong[0].state}" if wrong else ""

    def _said(self, text: str) -> State | None:
        if self._first("unread", text):
            return State.NOT_ASSESSED
        if self._first("hedged", text):
            return State.UNCERTAIN
        if self._first("negated", text) or text.startswith(("nothing ", "在已评估")):
            return State.ABSENT
        return State.PRESENT if self._first("suspected", text) else None

    def _fault_of_side(self, text: str, bound: Sequence[Finding]) -> str:
        for side in ("left", "right"):
            if self._first(side, text):
                places = [
                    place_of(one.region, self._radiograph.size) for one in bound if one.region and not one.is_outside
                ]
                if not any(place.endswith(side) for place in places):
                    return f"its side ({side}) does not follow from a region"
        return ""

    def _first(self, kind: str, text: str) -> str:
        return next((word for word in self._words[kind] if word in text), "")
