"""Films that come when a report is over: the list, the page and every copy tell of them, until somebody has looked."""

from __future__ import annotations

import pytest
from tests.medical.intake.test_door import planted
from tests.medical.pages.site import settle, sign

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # httpx under test


def listed(client, study_id, state="open"):
    rows = client.get("/medical/worklist", params={"state": state, "q": study_id}).json()["studies"]
    return [(row["state"], row["late_films"]) for row in rows]


def signed(site, root):
    study_id = site.bring(planted(f"{root}.1", StudyInstanceUID=root))
    site.draft(study_id, f"job-{root}")
    settle(site.clients["ann"], study_id)
    sign(site.clients["ann"], study_id)
    return study_id, f"/medical/studies/{study_id}"


def test_a_film_after_the_signature_brings_the_study_back_until_somebody_looks(site):
    ann, rita = site.clients["ann"], site.clients["rita"]
    study_id, path = signed(site, "1.80")
    assert listed(ann, study_id) == []
    assert "came after" not in ann.get(f"{path}/report.txt").text
    site.bring(planted("1.80.2", StudyInstanceUID="1.80"))
    assert listed(ann, study_id) == [("signed", 1)]
    state = ann.get(f"{path}/state").json()
    assert (state["films_since"], state["late"]) == (1, {"count": 1, "may_look": True, "looked": None})
    assert rita.get(f"{path}/state").json()["late"]["may_look"] is False
    said = "Films that came after it was signed: 1. This report does not speak of them."
    for kind in ("txt", "hl7"):
        assert said in ann.get(f"{path}/report.{kind}").text
    assert rita.post(f"{path}/looked", json={"films": 2}).status_code == 404
    assert ann.post(f"{path}/looked", json={"films": 1}).json()["reason"] == "films"
    state = ann.post(f"{path}/looked", json={"films": 2}).json()
    assert (state["study"]["state"], state["late"]["count"], state["late"]["looked"]["name"]) == ("signed", 0, "ann")
    assert listed(ann, study_id) == []
    copy = ann.get(f"{path}/report.txt").text
    assert said in copy
    assert "ann has looked at them, " in copy
    assert ann.post(f"{path}/looked", json={"films": 2}).json()["reason"] == "not_from_here"
    site.bring(planted("1.80.3", StudyInstanceUID="1.80"))
    assert listed(ann, study_id) == [("signed", 1)]
    copy = ann.get(f"{path}/report.txt").text
    assert "signed: 2." in copy
    assert "has looked" not in copy
    assert [one for one in site.acts(study_id) if one.startswith("film")] == [
        "film.late",
        "films.looked_at",
        "film.late",
    ]


def test_a_change_that_is_left_keeps_it_open_and_one_that_is_signed_does_not(site):
    ann = site.clients["ann"]
    study_id, path = signed(site, "1.81")
    version = ann.get(f"{path}/state").json()["study"]["version"]
    state = ann.post(f"{path}/step/amend", json={"version": version, "reason": "side"}).json()
    site.bring(planted("1.81.2", StudyInstanceUID="1.81"))
    state = ann.post(f"{path}/step/abandon", json={"version": state["study"]["version"]}).json()
    assert (state["study"]["state"], listed(ann, study_id)) == ("signed", [("signed", 1)])
    body = {"version": state["study"]["version"], "reason": "a film more"}
    ann.post(f"{path}/step/amend", json=body)
    state = sign(ann, study_id)
    assert (state["study"]["state"], state["films_since"], state["late"]["count"]) == ("amended", 0, 0)
    assert listed(ann, study_id) == []


def test_a_rejected_study_comes_back_with_the_film_that_was_repeated(site):
    ann, study_id = site.clients["ann"], site.bring(planted("1.82.1", StudyInstanceUID="1.82"))
    path = f"/medical/studies/{study_id}"
    version = ann.get(f"{path}/state").json()["study"]["version"]
    state = ann.post(f"{path}/step/reject", json={"version": version, "reason": "turned"}).json()
    assert listed(ann, study_id) == []
    site.bring(planted("1.82.2", StudyInstanceUID="1.82"))
    assert listed(ann, study_id) == [("rejected", 1)]
    state = ann.post(f"{path}/step/reopen", json={"version": state["study"]["version"]}).json()
    assert (state["study"]["state"], listed(ann, study_id)) == ("in_review", [("in_review", 0)])
