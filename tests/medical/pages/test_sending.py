"""What the review page tells of a report on its way to the archive, and who may have it sent."""

from __future__ import annotations

import io

import pydicom
import pytest
from tests.medical.intake.test_door import planted
from tests.medical.pages.site import settle, sign

from trivium.medical.sweep import sweep
from trivium.medical.workflow.sendings import note_answer, note_uid, sending_of
from trivium.service.database import utc_now
from trivium.service.phrase import Phrase

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # httpx under test


def answered(site, study_id, **answer):
    """Let an attempt end so."""
    with site.runtime.database.write() as connection:
        due = sending_of(connection, study_id)
        note_uid(connection, due, "PACS", "2.25.1")
        note_answer(connection, due, utc_now(), **answer)


def test_it_tells_where_the_report_is_and_a_clinician_sends_it_again(site, monkeypatch):
    ann, rita, tom = (site.clients[name] for name in ("ann", "rita", "tom"))
    study_id = site.bring(planted("1.61", StudyInstanceUID="1.60"))
    path = f"/medical/studies/{study_id}"
    site.draft(study_id, "job-send")
    settle(ann, study_id)
    assert sign(ann, study_id)["sending"] == {"destination": "", "may": False, "told": None}
    answer = rita.post(f"{path}/send")
    assert (answer.status_code, answer.json()["reason"]) == (400, "no_destination")
    monkeypatch.setitem(site.runtime.settings.__dict__, "medical_destination", "PACS@127.0.0.1:1")
    assert rita.get(f"{path}/state").json()["sending"] == {"destination": "PACS", "may": True, "told": None}
    assert tom.post(f"{path}/send").status_code == 404
    assert tom.get(f"{path}/state").json()["sending"]["may"] is False
    told = rita.post(f"{path}/send").json()["sending"]["told"]
    assert (told["state"], told["destination"], told["attempts"]) == ("waiting", "PACS", 0)
    sweep(site.runtime)
    (job,) = [one for one in site.runtime.jobs.recent(app="medical") if one.kind == "send"]
    assert (job.owner, job.title) == ("rita", study_id)
    answered(
        site, study_id, is_taken=False, is_final=True, problem=Phrase("{title}: {told}", title="PACS", told="no answer")
    )
    listed = rita.get("/medical/worklist", params={"state": "unsent"}).json()
    assert ([one["id"] for one in listed["studies"]], listed["unsent"]) == ([study_id], 1)
    assert 'value="unsent"' in rita.get("/medical/", headers={"accept": "text/html"}).text
    told = rita.get(f"{path}/state", headers={"accept-language": "zh-CN"}).json()["sending"]["told"]
    assert (told["state"], told["problem"]) == ("refused", "PACS：无应答")
    rita.post(f"{path}/send")
    answered(site, study_id, is_taken=True, is_final=True, problem="")
    assert tom.get(f"{path}/state").json()["sending"]["told"]["state"] == "sent"
    assert site.acts(study_id).count("report.sending_asked") == 2
    assert rita.get("/medical/worklist").json()["unsent"] == 0


def test_signing_sends_and_what_is_downloaded_is_what_was_sent(site, monkeypatch):
    monkeypatch.setitem(site.runtime.settings.__dict__, "medical_destination", "PACS@127.0.0.1:1")
    ann, study_id = site.clients["ann"], site.bring(planted("1.71", StudyInstanceUID="1.70"))
    path = f"/medical/studies/{study_id}"
    site.draft(study_id, "job-auto")
    settle(ann, study_id)
    state = sign(ann, study_id)
    assert state["sending"]["told"]["state"] == "waiting"
    answered(site, study_id, is_taken=True, is_final=True, problem="")
    first = ann.get(f"{path}/report.dcm", params={"identity": True})
    assert "PredecessorDocumentsSequence" not in pydicom.dcmread(io.BytesIO(first.content))
    body = {"version": state["study"]["version"], "reason": "wrong patient"}
    assert ann.post(f"{path}/retract", json=body).status_code == 200  # within the grace of the signature
    taken_back = pydicom.dcmread(io.BytesIO(ann.get(f"{path}/report.dcm", params={"identity": True}).content))
    series = taken_back.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == ["2.25.1"]
