"""The sentences of a draft: Exam, Indication, Technique, Comparison, Findings, Impression.

Of a prior is said only that it is here and was not compared: nothing here reads two films. A finding that is not
assessed is named as such, and while one is there is no sentence that calls the film normal. Severity is not said: no
label here grades it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trivium.medical.claims import FILM, HEART_SIZE, claim_id
from trivium.medical.narrate.phrases import Phrases
from trivium.medical.records import Finding, HeartSize, Quality, Radiograph, Section, State
from trivium.service.evidence import ImageRegion, Sentence
from trivium.vision.findings import NO_FINDING

__all__ = ["narrate", "percent", "place_of"]

# Findings that lie on one side; the heart and the whole lung have none.
PLACED = frozenset(
    {"Atelectasis", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax", "Consolidation"}
)


def narrate(
    radiograph: Radiograph,
    quality: Quality,
    findings: Sequence[Finding],
    deniable: frozenset[str],
    phrases: Phrases,
    *,
    heart_size: HeartSize | None = None,
    has_prior: bool = False,
) -> dict[Section, tuple[Sentence, ...]]:
    """Return the sentences of each section; none at all for a refused film.

    Args:
        deniable: findings whose absence may be said.
        heart_size: as measured; None where it was not.
        has_prior: whether an earlier film of the patient is here.
    """
    if quality.is_refused:
        return {}
    shown = [one for one in findings if one.name != NO_FINDING]
    return {
        Section.EXAM: (_exam(radiograph, phrases),),
        Section.INDICATION: (Sentence(phrases.say("indication"), (FILM,)),),
        Section.TECHNIQUE: (_technique(radiograph, quality, phrases),),
        Section.COMPARISON: (Sentence(phrases.say("comparison_prior" if has_prior else "comparison"), (FILM,)),),
        Section.FINDINGS: (
            *_findings(radiograph, shown, deniable, phrases),
            *_measured(radiograph, heart_size, phrases),
        ),
        Section.IMPRESSION: tuple(_impression(shown, phrases)),
    }


def percent(probability: float) -> str:
    """Return a probability in whole percent, never 0 or 100: neither is ever known."""
    return str(min(99, max(1, round(probability * 100))))


def place_of(region: ImageRegion, size: tuple[int, int]) -> str:
    """Return the zone of a region's centre; the left of a frontal film is the patient's right."""
    x, y = (region.x + region.width / 2) / size[0], (region.y + region.height / 2) / size[1]
    height = "upper" if y < 0.4 else "middle" if y < 0.6 else "lower"
    return f"{height}_{'right' if x < 0.5 else 'left'}"


def _exam(radiograph: Radiograph, phrases: Phrases) -> Sentence:
    view = radiograph.header.view
    return Sentence(phrases.say("exam", view=view) if view else phrases.say("exam_unverified"), (FILM,))


def _technique(radiograph: Radiograph, quality: Quality, phrases: Phrases) -> Sentence:
    width, height = radiograph.size
    key = "technique_low" if quality.level == "low" else "technique"
    return Sentence(phrases.say(key, width=width, height=height), (FILM,))


def _findings(
    radiograph: Radiograph, shown: Sequence[Finding], deniable: frozenset[str], phrases: Phrases
) -> Iterable[Sentence]:
    order = {State.PRESENT: 0, State.UNCERTAIN: 1, State.ABSENT: 2}
    said = [one for one in shown if one.state in order and (one.state != State.ABSENT or one.name in deniable)]
    for one in sorted(said, key=lambda one: (order[one.state], -one.probability)):
        fields = {"finding": phrases.name(one.name), "percent": percent(one.probability)}
        if one.state == State.PRESENT and one.is_outside:
            text = phrases.say("present_outside", **fields)
        elif one.state == State.PRESENT and one.region is not None and one.name in PLACED:
            place = phrases.places[place_of(one.region, radiograph.size)]
            text = phrases.say("present_placed", **fields, place=place)
        else:
            text = phrases.say(str(one.state), **fields)
        yield Sentence(text, (claim_id(one.name),))
    if unread := [one for one in shown if one.state == State.NOT_ASSESSED]:
        yield _listed("not_assessed", unread, phrases)


def _measured(radiograph: Radiograph, heart_size: HeartSize | None, phrases: Phrases) -> Iterable[Sentence]:
    if heart_size is not None:
        view = radiograph.header.view
        key = "heart_size" if view == "PA" else "heart_size_ap" if view == "AP" else "heart_size_unverified"
        yield Sentence(phrases.say(key, ratio=f"{heart_size.ratio:.2f}"), (HEART_SIZE,))


def _impression(shown: Sequence[Finding], phrases: Phrases) -> Iterable[Sentence]:
    present = [one for one in shown if one.state == State.PRESENT]
    uncertain = [one for one in shown if one.state == State.UNCERTAIN]
    if present:
        yield _listed("impression_present", present, phrases)
    if uncertain:
        yield _listed("impression_uncertain", uncertain, phrases)
    if not present and not uncertain:
        read = [one for one in shown if one.state == State.ABSENT]
        yield Sentence(phrases.say("impression_none"), (FILM, *(claim_id(one.name) for one in read)))


def _listed(key: str, findings: Sequence[Finding], phrases: Phrases) -> Sentence:
    ranked = sorted(findings, key=lambda one: -one.probability)
    names = phrases.sentences["join"].join(phrases.name(one.name) for one in ranked)
    return Sentence(phrases.say(key, findings=names), tuple(claim_id(one.name) for one in ranked))
