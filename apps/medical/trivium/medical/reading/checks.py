"""What in a written report does not fit together: sides, contradictions, an invented prior, what the impression omits.

Each check reads the report alone. A mark names the kind, the place in the text and what it clashes with; words are the
page's. Milliseconds for a report of a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from trivium.medical.reading.comparison import comparisons
from trivium.medical.reading.gaps import gaps
from trivium.medical.reading.normality import normality
from trivium.medical.reading.read import LONGEST_HEADING, SIZED, Mention, Reading, Span, measures, named, read_report

__all__ = ["KINDS", "Mark", "check_report"]

_IN_LUNGS = (
    "Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation", "Edema", "Emphysema", "Fibrosis",
)  # fmt: skip
_AIRSPACE = ("Pneumonia", "Infiltration", "Consolidation")  # names of one shadow
_ANY_FRACTURE = "Fracture"
_LASTING = (
    "Cardiomegaly",
    "Emphysema",
    "Fibrosis",
    "Pleural Thickening",
    "Hernia",
)  # beside which nothing acute may be
_OF_NOW = re.compile(r"\b(?:acute|active)\b|急性|活动性", re.IGNORECASE)
_OF_WEIGHT = re.compile(rf"{_OF_NOW.pattern}|\bsignificant\b", re.IGNORECASE)  # beside which something old may be
_CLASHING = {
    "lungs": (*_IN_LUNGS, "Pneumothorax"),
    "chest": (*_IN_LUNGS, "Pneumothorax", "Effusion"),
    "heart and lungs": (
        *_IN_LUNGS,
        "Pneumothorax",
        "Effusion",
        "Cardiomegaly",
        "Pleural Thickening",
        "Pneumomediastinum",
        "Mediastinal widening",
    ),
}  # all others deny any
# What is old is neither acute nor new.
_OLD = re.compile(
    r"\b(?:old|healed|healing|chronic|remote|long-?standing|calcified|scar\w*|post-?(?:surgical|operative|traumatic))\b|"
    r"陈旧|愈合|慢性|钙化",
    re.IGNORECASE,
)
_FRESH = re.compile(r"\b(?:acute|active|displaced|new|suspicious|recent|fresh)\b|急性|新鲜|活动性|新发", re.IGNORECASE)
# A comma that does not part a place from its side: "middle lobe, left chest", "位于左侧".
_LIES = re.compile(
    r"上叶(?=[上下、]?(?:舌段?)?$)|upper lobes?(?=\s*$)|"
    r"[，,]\s*(?:位于|见于|在|于)|[,，]\s*(?=(?:on |in |of |at )?(?:the )?$)|\b(?:on|in|of|at) the\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\b(?:lobes?|zones?|base|apex|fissure|and|or)\b|[,;，、；及和叶]", re.IGNORECASE)
_SHORTEST_MM, _LONGEST_MM = 0.4, 400.0
_LARGEST_NODULE_MM = 30.0
_BEFORE = re.compile(
    r"\W*(?:previously|formerly|was|from|before|earlier|compared (?:with|to)|"
    r"(?:较?前片|前次|上次|昨日|此前|原)(?:片|测|为|约|示)*)\W*",
    re.IGNORECASE,
)
_CHANGE = 6  # times, from one film to the next, at most
_SAME_SIZE = 0.15  # of one lesion in two sections, as a share


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that does not fit.

    Args:
        kind: one of `KINDS`; the catalogue says it under `mark.<kind>`.
        start: place in the text, in characters.
        end: one past the last.
        what: the finding, device or word that it is about.
        other: the sentence that it clashes with; empty when it stands alone.
    """

    kind: str
    start: int
    end: int
    what: str
    other: str = ""


def check_report(
    text: str, *, sex: str = "", language: str = "", placed: Mapping[str, str] | None = None
) -> list[Mark]:
    """Return what does not fit, in the order of the text.

    Args:
        sex: of the patient, `M` or `F`; empty to go by the text's own words.
        language: `en` or `zh`; empty to tell it by the characters.
        placed: side on which a finding lies on the film, `left` or `right`, where that is known.
    """
    reading = read_report(text, language)
    found = {mark for check in _CHECKS for mark in check(reading)}
    found |= {*_wrong_sex(reading, sex), *_elsewhere(reading, placed or {})}
    return sorted(found, key=lambda one: (one.start, one.end, one.kind, one.what))


def _sides(reading: Reading) -> Iterator[Mark]:
    """One finding, two sections, two sides."""
    for above, below in _pairs(reading):
        clash = {above.side, below.side} == {"left", "right"}
        only = [one for one in _said(reading, above.name, above.span.section) if one.side in (below.side, "both", "")]
        if clash and not only:
            yield _mark("side", below, above)
    for below in _mentioned(reading.mentions, "impression", "present"):
        shadows = [one for name in _AIRSPACE for one in _said(reading, name, "findings")]
        is_other = below.name in _AIRSPACE and below.name not in {one.name for one in shadows}
        if is_other and shadows and all({one.side, below.side} == {"left", "right"} for one in shadows):
            yield _mark("side", below, shadows[0])


def _elsewhere(reading: Reading, placed: Mapping[str, str]) -> Iterator[Mark]:
    """A side other than the one on which the finding lies on the film."""
    for said in reading.mentions:
        is_spoken = said.span.section in ("findings", "impression") and said.polarity != "absent"
        if is_spoken and {said.side, placed.get(said.name)} == {"left", "right"}:
            yield _mark("region", said)


def _severities(reading: Reading) -> Iterator[Mark]:
    """One finding, two sections, two degrees."""
    for above, below in _pairs(reading):
        graded = [
            one for one in _said(reading, above.name, above.span.section)
            if one.grades and (one.side == below.side or not one.side or not below.side)
        ]  # fmt: skip
        if above in graded and below.grades and not any(one.grades & below.grades for one in graded):
            yield _mark("severity", below, above)


def _contradictions(reading: Reading) -> Iterator[Mark]:
    """Present here, absent there; a negation without a side, or on the same side."""
    mentions = _distinct(reading)
    for section, other in (("findings", "findings"), ("findings", "impression"), ("impression", "findings")):
        for denied in _mentioned(mentions, section, "absent"):
            for said in _mentioned(mentions, other, "present"):
                if _denies(denied, said) and said.span != denied.span and _same_side(denied, said):
                    above, below = (said, denied) if section == "impression" else (denied, said)
                    yield _mark("contradiction", below, above)


def _missing(reading: Reading) -> Iterator[Mark]:
    """A critical finding that the impression does not speak of."""
    if not any(span.section == "impression" for span in reading.sentences):
        return
    spoken = {one.name for one in reading.mentions if one.span.section == "impression"}
    withdraws = reading.words.patterns.get("withdraws")  # what is said of a tube too deep
    if withdraws and any(span.section == "impression" and withdraws.search(span.text) for span in reading.sentences):
        spoken.add("Bronchial intubation")
    for said in _mentioned(reading.mentions, "findings", "present"):
        if said.name in reading.words.critical and said.name not in spoken:
            yield _mark("missing_critical", said)


def _unsupported(reading: Reading) -> Iterator[Mark]:
    """The impression speaks of what the findings never mention; a guess may explain any shadow in the lung."""
    if not any(span.section == "findings" for span in reading.sentences):
        return
    named = {one.name for one in reading.mentions if one.span.section == "findings" and not one.is_implied}
    named |= set(_alike(reading))
    fractures = {one.name for one in reading.mentions if one.name.lower().endswith("fracture")}
    related = [fractures, {"Pneumonia", "Infiltration", "Consolidation"}, {"Mass", "Nodule"}, {"Edema", "Infiltration"}]
    for polarity, groups in (("present", related), ("uncertain", [*related, set(_IN_LUNGS)])):
        for said in _mentioned(reading.mentions, "impression", polarity):
            kin = {said.name}.union(*(group for group in groups if said.name in group))
            if not kin & named:
                yield _mark("device" if said.name in reading.words.devices else "unsupported", said)


def _alike(reading: Reading) -> Iterator[str]:
    """Yield findings that the findings describe without their name: "flattened diaphragms"."""
    said = "\n".join(span.text for span in reading.sentences if span.section == "findings")
    for key, pattern in reading.words.patterns.items():
        if key.startswith("like_") and pattern.search(said):
            yield key.removeprefix("like_")


def _invented_prior(reading: Reading) -> Iterator[Mark]:
    """It compares, and says that there is nothing to compare with, or does not say with what."""
    comparison = [span for span in reading.sentences if span.section == "comparison"]
    has_prior = any(not reading.words.patterns["no_prior"].search(span.text) for span in comparison)
    if has_prior:
        return
    for span in reading.sentences:
        if span.section in ("findings", "impression"):
            things = [(one.start, one.end) for one in named(span.text, reading.words)]
            other = comparison[0].text if comparison else ""
            for start, end in comparisons(span.text, reading.words.language, things):
                yield Mark("prior", span.start + start, span.start + end, span.text[start:end], other)


def _normal(reading: Reading) -> Iterator[Mark]:
    """It calls the film normal beside a finding."""
    positive = [
        one for one in reading.mentions
        if one.polarity == "present" and one.name not in reading.words.devices
        and one.span.section in ("findings", "impression")
    ]  # fmt: skip
    spoken_of = {one.span for one in reading.mentions if not one.is_implied and one.polarity != "absent"}
    for span in reading.sentences:
        is_about_more = reading.words.patterns["otherwise"].search(span.text)
        if span.section != "impression" or is_about_more or span in spoken_of:
            continue
        if claim := normality(span.text, reading.words.language):
            said = span.text[claim.start : claim.end]
            against = [
                one for one in positive
                if one.name in _CLASHING.get(claim.scope, (one.name,))
                and not (_OF_NOW.search(said) and one.name in _LASTING)
                and not (_OF_WEIGHT.search(said) and _OLD.search(one.span.text))
            ]  # fmt: skip
            if against:
                place = span.start + claim.start
                yield Mark("normal", place, place + len(said), against[0].name, against[0].span.text)


def _devices(reading: Reading) -> Iterator[Mark]:
    """A device that is there in one place and absent in another."""
    mentions = [one for one in _distinct(reading) if one.span.section in ("findings", "impression")]
    for one in mentions:
        for other in mentions:
            is_device = one.name in reading.words.devices and one.name == other.name
            if is_device and one.polarity == "present" and other.polarity == "absent":
                yield _mark("device", one, other)


def _units(reading: Reading) -> Iterator[Mark]:
    """A length that nothing in a chest has, a lesion without a unit, or one lesion with two sizes."""
    lesions = {one.span: one.name for one in reading.mentions if one.name == "Mass"}
    lesions |= {one.span: one.name for one in reading.mentions if one.name == "Nodule"}
    for span in reading.sentences:
        if span.section in ("findings", "impression"):
            yield from _odd_lengths(span, is_lesion=span in lesions, is_nodule=_is_small(span, lesions, reading))
    for above, below in _pairs(reading):
        sizes = (above.size_mm or 0.0, below.size_mm or 0.0)
        if above.name in SIZED and all(sizes) and max(sizes) - min(sizes) > _SAME_SIZE * max(sizes):
            yield _mark("unit", below, above)


def _is_small(span: Span, lesions: Mapping[Span, str], reading: Reading) -> bool:
    small = reading.words.patterns.get("small")
    return lesions.get(span) == "Nodule" or bool(small and span not in lesions and small.search(span.text))


def _odd_lengths(span: Span, *, is_lesion: bool, is_nodule: bool) -> Iterator[Mark]:
    all_measures = list(measures(span.text))
    for earlier, later in pairwise(all_measures):  # "8 cm, previously 12 mm"
        is_of_before = _BEFORE.fullmatch(span.text[earlier.end : later.start])
        if is_of_before and earlier.mm and later.mm and max(earlier.mm, later.mm) > _CHANGE * min(earlier.mm, later.mm):
            yield Mark("unit", span.start + earlier.start, span.start + earlier.end, earlier.text)
    for found in all_measures:
        largest = _LARGEST_NODULE_MM if is_nodule else _LONGEST_MM
        is_odd = found.mm is not None and not _SHORTEST_MM <= found.mm <= largest
        is_no_length = is_lesion and found.mm is None and found.text[-1] not in "%％"
        if is_odd or is_no_length:
            yield Mark("unit", span.start + found.start, span.start + found.end, found.text)


def _anatomy(reading: Reading) -> Iterator[Mark]:
    """A lobe or fissure on the side that has none: the nearest side, with no other part of the lung between."""
    patterns = reading.words.patterns
    for span in reading.sentences:
        text = span.text.replace("-", " ")
        for found in patterns["impossible"].finditer(text):
            yield Mark("anatomy", span.start + found.start(), span.start + found.end(), span.text[slice(*found.span())])
        for side, parts in reading.words.one_sided.items():
            other = "left" if side == "right" else "right"
            for part in parts.finditer(text):
                near = [
                    hit for hit in patterns[other].finditer(text)
                    if not _BETWEEN.search(_LIES.sub("", _between(text, hit, part)))
                ]  # fmt: skip
                own = [hit for hit in patterns[side].finditer(text) if hit.end() <= part.start()]
                if near and not any(hit.start() > near[0].start() for hit in own):
                    start, end = min(near[0].start(), part.start()), max(near[0].end(), part.end())
                    yield Mark("anatomy", span.start + start, span.start + end, span.text[start:end])


def _between(text: str, one: re.Match[str], other: re.Match[str]) -> str:
    return text[min(one.end(), other.end()) : max(one.start(), other.start())]


def _unfilled(reading: Reading) -> Iterator[Mark]:
    """A gap of a template that nobody filled in."""
    headings = [place for _, pattern in reading.words.headings for place in _in_brackets(pattern, reading.text)]
    for start, end in gaps(reading.text):
        if (start, end) not in headings:
            yield Mark("unfilled", start, end, reading.text[start:end])


def _in_brackets(heading: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield where a heading stands in brackets of its own: `【检查所见】`."""
    for line in re.finditer(r"^.*$", text, re.MULTILINE):
        if found := heading.match(line[0][:LONGEST_HEADING]):
            start = line.start() + len(line[0]) - len(line[0].lstrip())
            yield start, line.start() + len(found[0].rstrip(" :："))


def _wrong_sex(reading: Reading, sex: str) -> Iterator[Mark]:
    """An organ that the patient's sex does not have."""
    patterns = reading.words.patterns
    said = {key for key in ("male", "female") if patterns[key].search(reading.text)}
    known = {"M": "male", "F": "female"}.get(sex.upper()) or (said.pop() if len(said) == 1 else "")
    wrong = {"male": "female_only", "female": "male_only"}.get(known)
    of_mother = patterns.get("of_birth") if (born := patterns.get("newborn")) and born.search(reading.text) else None
    for word in patterns[wrong].finditer(reading.text) if wrong else ():
        if of_mother and of_mother.match(reading.text, word.start()):
            continue
        yield Mark("sex", word.start(), word.end(), word[0])


def _pairs(reading: Reading) -> Iterator[tuple[Mention, Mention]]:
    """Yield the same finding in the findings and in the impression, present or uncertain in both."""
    mentions = _distinct(reading)
    for above in mentions:
        for below in mentions:
            is_pair = above.name == below.name and (above.span.section, below.span.section) == (
                "findings",
                "impression",
            )
            if is_pair and "absent" not in (above.polarity, below.polarity):
                yield above, below


def _said(reading: Reading, name: str, section: str) -> list[Mention]:
    return [
        one for one in reading.mentions
        if one.name == name and one.span.section == section and one.polarity != "absent"
    ]  # fmt: skip


def _mentioned(mentions: Iterable[Mention], section: str, polarity: str) -> list[Mention]:
    return [one for one in mentions if one.span.section == section and one.polarity == polarity]


def _distinct(reading: Reading) -> list[Mention]:
    """Return the first mention of each that say the same, so that a text of one word takes no square of its length."""
    first: dict[tuple[object, ...], Mention] = {}
    for one in reading.mentions:
        ages = bool(_OLD.search(one.span.text)), bool(_FRESH.search(one.span.text))
        key = (one.name, one.span.section, one.polarity, one.side, one.size_mm, one.grades, one.is_implied, ages)
        first.setdefault(key, one)
    return list(first.values())


def _denies(denied: Mention, said: Mention) -> bool:
    """Whether it denies this: without a fracture no bone has one; without a large effusion, a small one may be."""
    is_same = denied.name == said.name or (denied.name == _ANY_FRACTURE and said.name.endswith(" fracture"))
    if not is_same or (denied.grades and said.grades and not denied.grades & said.grades):
        return False
    return not (_FRESH.search(denied.span.text) and _OLD.search(said.span.text))


def _same_side(one: Mention, other: Mention) -> bool:
    return not one.side or not other.side or one.side == other.side or "both" in (one.side, other.side)


def _mark(kind: str, at: Mention, other: Mention | None = None) -> Mark:
    return Mark(kind, at.span.start, at.span.end, at.name, other.span.text if other else "")


_CHECKS: tuple[Callable[[Reading], Iterator[Mark]], ...] = (
    _sides, _severities, _contradictions, _missing, _unsupported, _invented_prior, _normal, _devices, _units, _anatomy,
    _unfilled,
)  # fmt: skip
KINDS = (
    "side", "region", "severity", "contradiction", "missing_critical", "unsupported", "prior", "normal", "device",
    "unit", "anatomy", "unfilled", "sex",
)  # fmt: skip
