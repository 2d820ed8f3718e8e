"""Which findings ask who was told: those that a report calls present or possible, and none that was not looked for."""

from __future__ import annotations

import pytest

from trivium.medical.narrate import load_phrases
from trivium.medical.workflow.content import blank
from trivium.medical.workflow.critical import critical_findings


def report(language, *sentences):
    typed = [
        {"id": f"t{number}", "text": text, "status": "typed", "draft": "", "claims": []}
        for number, text in enumerate(sentences)
    ]
    content = blank(language)
    return {**content, "sections": {**content["sections"], "findings": typed}}


@pytest.mark.parametrize(("language", "name"), [("en", "pneumothorax"), ("zh", "气胸")])
def test_what_a_draft_did_not_assess_is_not_critical(language, name):
    told = load_phrases(language).say("not_assessed", findings=name)
    assert name in told
    assert critical_findings(report(language, told)) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Small left pneumothorax."),
        ("en", "Possible left pneumothorax; the right side was not assessed."),
        ("zh", "左侧少量气胸。"),
    ],
)
def test_what_is_present_or_possible_is(language, text):
    assert critical_findings(report(language, text)) == ["Pneumothorax"]
