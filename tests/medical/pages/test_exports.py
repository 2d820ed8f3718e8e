"""What leaves by the pages: a structured report finds its study, and text that repeats the identity stays here."""

from __future__ import annotations

import base64
import io
import json

import pydicom
import pypdfium2
import pytest
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted
from tests.medical.pages.site import PASSWORD, Site, settle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # httpx under test


def test_a_structured_report_finds_its_study_again(site):
    ann, study_id = site.clients["ann"], site.bring(planted("1.31", StudyInstanceUID="1.30"))
    path = f"/medical/studies/{study_id}/report.dcm"
    assert ann.get(path).status_code == 400  # there is no draft yet: it says nothing
    site.draft(study_id, "job-sr")
    state = settle(ann, study_id)
    draft = pydicom.dcmread(io.BytesIO(ann.get(path).content))
    assert (draft.VerificationFlag, draft.PreliminaryFlag, draft.CompletionFlag) == (
        "UNVERIFIED", "PRELIMINARY", "PARTIAL",
    )  # fmt: skip
    assert (draft.StudyInstanceUID.startswith("2.25."), str(draft.PatientName)) == (True, str(draft.PatientID))
    assert "DRAFT - not signed by anybody" in [item.get("TextValue") for item in draft.ContentSequence]
    body = {"version": state["study"]["version"], "text_sha256": state["text_sha256"], "films": 1, "attested": True}
    assert ann.post(f"/medical/studies/{study_id}/sign", json=body | {"secret": PASSWORD}).status_code == 200
    signed = pydicom.dcmread(io.BytesIO(ann.get(path, params={"identity": True}).content))
    assert (signed.VerificationFlag, signed.PreliminaryFlag, signed.CompletionFlag) == ("VERIFIED", "FINAL", "COMPLETE")
    assert str(signed.VerifyingObserverSequence[0].VerifyingObserverName) == "ann"
    assert (signed.StudyInstanceUID, str(signed.PatientName), signed.PatientID) == (
        "1.30", "Zyxwine^Quorla", "MRN-77123",
    )  # fmt: skip
    held = signed.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert (held.SeriesInstanceUID, held.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) == (
        "1.2.840.99.1.2",
        "1.31",
    )
    told = [
        item.TextValue for box in signed.ContentSequence if "ContentSequence" in box for item in box.ContentSequence
    ]
    assert "Suspected pleural effusion (probability 41%)." in told
    assert not any("DRAFT" in str(item.get("TextValue", "")) for item in signed.ContentSequence)


def test_what_was_typed_of_the_identity_stays_here(site):
    """In a copy without the name it is replaced, counted and on record; what was signed stays as it was."""
    ann, study_id = site.clients["ann"], site.bring(planted("1.51", StudyInstanceUID="1.50"))
    state = ann.post(f"/medical/studies/{study_id}/begin").json()
    typed = [
        "Ms Zyxwine (mrn 77123), born 3 Feb 1961, has an effusion.",
        "quorla zyxwine was sent by Dr Grumbold of Vexmoor Clinic; MRN-77123, ACC-9911.",
    ]
    for section, text in zip(("findings", "impression"), typed, strict=True):
        sentence = {"id": section, "text": text, "status": "typed", "draft": "", "claims": []}
        state["content"]["sections"][section] = [sentence]
    body = {"version": state["study"]["version"], "content": state["content"]}
    state = ann.post(f"/medical/studies/{study_id}/save", json=body).json()
    body = {"version": state["study"]["version"], "text_sha256": state["text_sha256"], "films": 1, "attested": True}
    signed = ann.post(f"/medical/studies/{study_id}/sign", json=body | {"secret": PASSWORD}).json()
    for kind in ("txt", "pdf", "json", "hl7", "dcm"):
        told = told_in(kind, ann.get(f"/medical/studies/{study_id}/report.{kind}").content)
        assert "has an effusion" in told
        assert told.count("[removed]") == (13 if kind == "json" else 8), kind  # a bundle says the impression twice
        assert "repeats the patient's identity: 8" in told
        for secret in ("zyxwine", "quorla", "mrn-77123", "mrn 77123", "feb 1961", "acc-9911", "grumbold", "vexmoor"):
            assert secret not in told.casefold(), (kind, secret)
    named = ann.get(f"/medical/studies/{study_id}/report.txt", params={"identity": True}).text
    assert all(text in named for text in typed)
    after = ann.get(f"/medical/studies/{study_id}/state").json()
    assert all(after[key] == signed[key] for key in ("text", "text_sha256", "versions"))
    assert all(text in after["versions"][-1]["text"] for text in typed)
    exported = [
        json.loads(row.detail) for row in site.runtime.audit.rows(action="report.exported", subject_id=study_id)
    ]
    assert sorted((one["kind"], one["removed"]) for one in exported if not one["with_identity"]) == [
        ("dcm", 8), ("hl7", 8), ("json", 8), ("pdf", 8), ("txt", 8),
    ]  # fmt: skip
    assert [one["removed"] for one in exported if one["with_identity"]] == [None]
    read = site.runtime.audit.rows(action="identity.read", subject_id=study_id)
    assert {json.loads(row.detail)["for"] for row in read} == {
        "scrub txt", "scrub pdf", "scrub json", "scrub hl7", "scrub dcm", "export txt",
    }  # fmt: skip


def told_in(kind: str, content: bytes) -> str:
    """Return what a copy says, blanks made one; of a bundle also the text inside it."""
    if kind == "pdf":
        told = "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(io.BytesIO(content)))
    elif kind == "dcm":
        told = "\n".join(str(one.value) for one in pydicom.dcmread(io.BytesIO(content)).iterall() if one.VR != "SQ")
    else:
        told = content.decode()
    if kind == "json":
        form = json.loads(told)["entry"][0]["resource"]["presentedForm"][0]["data"]
        told += base64.b64decode(form).decode()
    return " ".join(told.split())


def test_where_no_identity_is_kept_the_text_leaves_as_it_is(tmp_path):
    with deployed(tmp_path, medical_identity="discard") as runtime:
        site = Site(runtime)
        study_id = site.bring(planted())
        state = site.clients["rita"].post(f"/medical/studies/{study_id}/begin").json()
        typed = {"id": "t1", "text": "Ms Zyxwine", "status": "typed", "draft": "", "claims": []}
        state["content"]["sections"]["findings"] = [typed]
        body = {"version": state["study"]["version"], "content": state["content"]}
        site.clients["rita"].post(f"/medical/studies/{study_id}/save", json=body)
        assert "Ms Zyxwine" in site.clients["rita"].get(f"/medical/studies/{study_id}/report.txt").text
        (row,) = runtime.audit.rows(action="report.exported", subject_id=study_id)
        assert json.loads(row.detail)["removed"] is None
        assert runtime.audit.rows(action="identity.read", subject_id=study_id) == []
