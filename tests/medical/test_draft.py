"""From findings to sentences and back: states, phrases, the checker; with a classifier whose scores the test sets."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from trivium.medical.analyze.quality import assess
from trivium.medical.check import check
from trivium.medical.claims import claims_of
from trivium.medical.narrate import load_phrases, narrate, place_of
from trivium.medical.records import Draft, Finding, Header, Quality, Radiograph, Section, State
from trivium.medical.report import json as json_report
from trivium.medical.report import text as text_report
from trivium.service.errors import InputError
from trivium.service.evidence import ImageRegion, Sentence
from trivium.vision.findings import FINDINGS
from trivium.vision.quality_gate import Verdict

FILM = Radiograph("x.png", "ab" * 32, np.zeros((400, 500), np.float32), "PNG", 8, Header(view="PA"))
GOOD = Quality("good", (), (), 0.9, 0, -1.0, -1.0, True)
LOWER_LEFT = ImageRegion(350, 300, 50, 50)  # right half of the picture: the patient's left


def findings(**states: tuple[State, float]) -> tuple[Finding, ...]:
    rest = (State.NOT_ASSESSED, 0.05)
    return tuple(
        Finding(
            name, states.get(name, rest)[1], states.get(name, rest)[0], name in states,
            LOWER_LEFT if states.get(name, rest)[0] == State.PRESENT else None,
        )
        for name in FINDINGS
    )  # fmt: skip


SOME = findings(
    Effusion=(State.PRESENT, 0.412), Nodule=(State.UNCERTAIN, 0.13), Cardiomegaly=(State.ABSENT, 0.04),
    Mass=(State.ABSENT, 0.03),
)  # fmt: skip


@pytest.mark.parametrize(("language", "place"), [("en", "a place outside the chest"), ("zh", "胸部以外的位置")])
def test_evidence_outside_the_chest_is_said_and_gives_no_side(language, place):
    phrases = load_phrases(language)
    outside = tuple(replace(one, is_outside=one.region is not None) for one in SOME)
    sections = narrate(FILM, GOOD, outside, frozenset(), phrases)
    assert place in sections[Section.FINDINGS][0].text
    assert check(sections, claims_of(FILM, outside), outside, FILM, phrases) == (sections, [])
    sided, removed = check(
        narrate(FILM, GOOD, SOME, frozenset(), phrases), claims_of(FILM, SOME), outside, FILM, phrases
    )
    assert sided[Section.FINDINGS] == sections[Section.FINDINGS][1:]
    assert len(removed) == 1


@pytest.mark.parametrize(
    ("view", "reason", "warnings"),
    [
        ("PA", None, ["age_not_verified"]),
        ("OBLIQUE", "oblique", ["age_not_verified"]),
        ("DECUBITUS", "decubitus", ["age_not_verified"]),
        ("LATERAL", "lateral", ["age_not_verified"]),
        ("SWIMMERS", None, ["view_not_verified", "age_not_verified"]),
    ],
)
def test_a_view_that_is_not_frontal_is_refused_with_its_reason(view, reason, warnings):
    gate = SimpleNamespace(judge=lambda film: Verdict(0.99, 0, -1.0, -1.0, -1.0))
    quality, _ = assess(replace(FILM, header=Header(view=view)), gate)
    assert (list(quality.reasons), list(quality.warnings)) == ([reason] if reason else [], warnings)
    assert (narrate(FILM, quality, SOME, frozenset(), load_phrases("en")) == {}) == bool(reason)


@pytest.fixture(params=["en", "zh"])
def told(request):
    phrases = load_phrases(request.param)
    return narrate(FILM, GOOD, SOME, frozenset({"Cardiomegaly"}), phrases), phrases


def test_the_sentences_of_a_draft_in_english():
    sections = narrate(FILM, GOOD, SOME, frozenset({"Cardiomegaly"}), load_phrases("en"))
    assert [one.text for one in sections[Section.FINDINGS]][:3] == [
        "Suspected pleural effusion (probability 41%); the score rests on the left lower zone.",
        "Possible nodule (probability 13%).",
        "No enlarged cardiac silhouette suspected (probability 4%).",
    ]
    assert [one.text for one in sections[Section.IMPRESSION]] == [
        "Suspected pleural effusion.",
        "Possible nodule.",
    ]
    assert sections[Section.COMPARISON][0].text == "None."
    said = " ".join(one.text for sentences in sections.values() for one in sentences)
    assert "No pneumothorax" not in said
    assert "mass" not in said.lower().replace("not assessed", "").split("not assessed")[0] or "No mass" not in said


def test_an_unedited_draft_passes_the_checker(told):
    sections, phrases = told
    kept, removed = check(sections, claims_of(FILM, SOME), SOME, FILM, phrases)
    assert removed == []
    assert kept == sections


def test_a_prior_that_is_here_is_named_and_called_not_compared(told):
    _, phrases = told
    sections = narrate(FILM, GOOD, SOME, frozenset(), phrases, has_prior=True)
    said = {"en": "A prior film is here and was not compared.", "zh": "有既往片，未作对比。"}[phrases.language]
    assert [one.text for one in sections[Section.COMPARISON]] == [said]
    assert check(sections, claims_of(FILM, SOME), SOME, FILM, phrases, has_prior=True) == (sections, [])
    (reason,) = check(sections, claims_of(FILM, SOME), SOME, FILM, phrases)[1]  # and where none is here, it goes
    assert reason.endswith("and none was given")


@pytest.mark.parametrize(
    ("section", "text", "language"),
    [
        ("comparison", "None.", "en"),
        ("comparison", "Compared with the prior film, unchanged.", "en"),
        ("comparison", "A prior film is here and was not compared; stable.", "en"),
        ("comparison", "A prior film is here.", "en"),
        ("findings", "Suspected pleural effusion, unchanged.", "en"),
        ("findings", "A prior film is here and was not compared: suspected pleural effusion.", "en"),
        ("comparison", "无。", "zh"),
        ("comparison", "有既往片，未作对比，较前相仿。", "zh"),
        ("findings", "疑似胸腔积液，较前好转。", "zh"),
    ],
)
def test_nothing_else_is_said_of_a_prior_that_is_here(section, text, language):
    sections = {Section(section): (Sentence(text, ("finding/Effusion",)),)}
    kept, removed = check(sections, claims_of(FILM, SOME), SOME, FILM, load_phrases(language), has_prior=True)
    assert (kept[Section(section)], "prior film" in removed[0]) == ((), True)


@pytest.mark.parametrize(
    ("text", "bound", "reason"),
    [
        ("No pleural effusion suspected (probability 41%).", "Effusion", "says absent of Effusion"),
        ("Suspected pleural effusion (probability 14%).", "Effusion", "the number 14 does not follow"),
        ("Suspected pneumonia (probability 41%).", "Effusion", "names Pneumonia and is bound to Effusion"),
        ("Suspected pleural effusion; the score rests on the right lower zone.", "Effusion", "its side (right)"),
        ("Suspected pleural effusion, unchanged.", "Effusion", "speaks of a prior film"),
        ("No pneumothorax suspected.", "Pneumothorax", "which is not_assessed"),
        ("The lungs are normal.", "Mass", "calls the film normal"),
        ("Suspected nodule (probability 13%).", "Nodule", "says present of Nodule"),
        ("Pleural effusion.", "Effusion", "cannot be read"),
    ],
)
def test_a_wrong_sentence_goes(text, bound, reason):
    sections = {Section.FINDINGS: (Sentence(text, (f"finding/{bound}",)),)}
    kept, removed = check(sections, claims_of(FILM, SOME), SOME, FILM, load_phrases("en"))
    assert kept[Section.FINDINGS] == ()
    assert reason in removed[0]


def test_a_sentence_without_a_claim_goes():
    sections = {Section.IMPRESSION: (Sentence("Suspected pleural effusion.", ()),)}
    assert check(sections, claims_of(FILM, SOME), SOME, FILM, load_phrases("en"))[1][0].endswith("bound to nothing")


def test_the_left_of_the_picture_is_the_patients_right():
    assert place_of(ImageRegion(0, 0, 100, 100), (500, 400)) == "upper_right"
    assert place_of(LOWER_LEFT, (500, 400)) == "lower_left"


def test_a_refused_film_has_probabilities_and_no_sentence():
    refused = replace(GOOD, level="refused", reasons=("rotated",))
    assert narrate(FILM, refused, SOME, frozenset(), load_phrases("en")) == {}
    draft = Draft(FILM, refused, SOME, {}, (), "en")
    document = json.loads(json_report.render(draft, claims_of(FILM, SOME), {"name": "m"}))
    assert document["refused"] == "the film looks rotated"
    assert [one["name"] for one in document["findings"]] == list(FINDINGS)
    assert document["findings"][FINDINGS.index("Effusion")] == {
        "name": "Effusion",
        "probability": 0.412,
        "state": "present",
        "supported": True,
        "region": {"x": 350, "y": 300, "width": 50, "height": 50, "frame": 0},
        "outside_chest": False,
    }
    assert "x.png" not in json.dumps(document)
    assert "No sentences were written: the film looks rotated." in text_report.render(draft)


def test_a_site_may_change_words_but_not_fields(tmp_path):
    site = tmp_path / "site.toml"
    site.write_text('[finding]\nInfiltration = "airspace opacity"\n')
    assert load_phrases("en", site).name("Infiltration") == "airspace opacity"
    site.write_text('[sentence]\npresent = "{finding}!"\n')
    with pytest.raises(InputError, match="must keep the fields finding, percent"):
        load_phrases("en", site)
    site.write_text('[finding]\nFlu = "influenza"\n')
    with pytest.raises(InputError, match=r"finding\.Flu is not a phrase"):
        load_phrases("en", site)


@pytest.mark.parametrize(("possible", "is_told"), [(0.13, False), (0.5, True)])
def test_a_draft_that_suspects_the_less_probable_says_why(possible, is_told):
    some = findings(Effusion=(State.PRESENT, 0.412), Nodule=(State.UNCERTAIN, possible))
    text = text_report.render(Draft(FILM, GOOD, some, {}, (), "en"))
    assert ("Each finding has limits of its own" in text) is is_told
