"""The pages' answers over HTTP: who may ask for what, signing with a PIN, identity on record, drafts kept hidden."""

from __future__ import annotations

import asyncio
import gzip
import io
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.medical.deployment import MODEL, START, deployed, document, make_draft
from tests.medical.intake.test_door import FILM, planted
from tests.medical.pages.site import HOST, PASSWORD, Site, settle

from trivium.medical.intake.door import Received
from trivium.medical.report.maps import maps_picture
from trivium.medical.workflow.blobs import blobs
from trivium.medical.workflow.content import sha256_of
from trivium.medical.workflow.drafts import Drafts
from trivium.medical.workflow.states import Actor, ActorKind
from trivium.medical.workflow.studies import Evidence, study_of
from trivium.service.web import create_web

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # httpx under test


def test_a_film_goes_from_the_door_to_the_list_and_the_viewer(site):
    study_id = site.bring(planted(), stat=True)
    listed = site.clients["tom"].get("/medical/worklist").json()["studies"]
    row = next(one for one in listed if one["id"] == study_id)
    assert (row["is_stat"], row["state"], row["draft_state"], row["sex"], row["view"]) == (
        True, "draft", "waiting", "F", "PA",
    )  # fmt: skip
    image = site.clients["tom"].get(f"/medical/studies/{study_id}/state").json()["images"][0]
    answer = site.clients["tom"].get(image["url"])
    assert answer.headers["content-encoding"] == "gzip"
    assert np.array_equal(np.frombuffer(answer.content, "<u2").reshape(64, 48), FILM)
    assert gzip.decompress(site.runtime.store.read(sha256_of_pixels(site, study_id))) == answer.content
    page = site.clients["tom"].get(f"/medical/studies/{study_id}", headers={"accept": "text/html"})
    assert "Zyxwine" not in page.text
    assert "study.opened" in site.acts(study_id)


def sha256_of_pixels(site, study_id):
    from trivium.medical.workflow.studies import images

    with site.runtime.database.read() as connection:
        return images(connection, study_id)[0].pixels_sha256


def test_a_bad_film_is_answered_with_its_reason(site):
    answer = site.clients["tom"].post("/medical/api/uploads", content=b"hello")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the file: is neither DICOM nor PNG nor JPEG")
    assert "neither DICOM" in site.clients["tom"].get("/medical/", headers={"accept": "text/html"}).text


def test_a_chinese_reader_reads_why_a_film_was_set_aside(site):
    tom, chinese = site.clients["tom"], {"accept-language": "zh-CN"}
    broken = planted("1.91", StudyInstanceUID="1.90")[:1500]
    answer = tom.post("/medical/api/uploads", content=broken, headers=chinese)
    assert answer.json()["error"].startswith("该文件：像素不完整：需要 6,144 字节")  # 48 x 64 pixels of two bytes
    shown = tom.get("/medical/", headers={**chinese, "accept": "text/html"}).text
    assert "像素不完整：需要 6,144 字节" in shown
    assert (
        "the pixels are cut off: 6,144 bytes are needed" in tom.get("/medical/", headers={"accept": "text/html"}).text
    )


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("root", "GET", "/medical/", 404),
        ("root", "GET", "/medical/worklist", 404),
        ("tom", "POST", "/medical/studies/{id}/begin", 404),
        ("rita", "POST", "/medical/studies/{id}/sign", 404),
        ("rita", "POST", "/medical/pin", 404),
        ("tom", "POST", "/medical/studies/{id}/priors", 404),
        ("rita", "POST", "/medical/studies/{id}/step/publish", 404),
        ("tom", "GET", "/medical/static/../app.py", 404),
        ("tom", "GET", "/medical/studies/{id}/films/7", 404),
        ("tom", "GET", "/medical/studies/nothing/state", 404),
        ("tom", "GET", "/medical/worklist?state=lost", 400),
    ],
)
def test_who_may_ask_for_what(site, who, method, path, status):
    study_id = site.bring(planted())
    body = {"version": 1, "text_sha256": "0" * 64, "attested": True, "pin": "482913"}
    extra = {"json": body} if method == "POST" else {}
    assert site.clients[who].request(method, path.format(id=study_id), **extra).status_code == status


def test_the_archive_is_asked_by_a_job_where_there_is_one(site, monkeypatch):
    rita, study_id = site.clients["rita"], site.bring(planted("1.21", StudyInstanceUID="1.20"))
    path = f"/medical/studies/{study_id}/priors"
    answer = rita.post(path)
    assert (answer.status_code, answer.json()["error"]) == (400, "No archive is set that could be asked.")
    monkeypatch.setitem(site.runtime.settings.__dict__, "medical_archive", "PACS@127.0.0.1:1")
    state = rita.post(path).json()
    waiting = {"state": "waiting", "progress": 0.0, "studies": None, "films": None, "problem": ""}
    assert state["archive"] == {"is_set": True, "asked": waiting}
    (job,) = [one for one in site.runtime.jobs.recent(app="medical") if one.kind == "priors"]
    assert (job.owner, job.queue) == ("rita", "priors")
    claimed = site.runtime.jobs.claim(job.id, "here:1")
    site.runtime.jobs.fail(claimed, error="PACS: does not answer", reference="0" * 8)
    asked = rita.get(f"/medical/studies/{study_id}/state").json()["archive"]["asked"]
    assert (asked["state"], asked["problem"]) == ("failed", "PACS: does not answer")
    assert rita.post(path).json()["archive"]["asked"]["state"] == "waiting"
    assert site.acts(study_id).count("priors.asked") == 2


def test_identity_is_read_by_permission_and_on_record(site):
    study_id = site.bring(planted("1.9", StudyInstanceUID="1.8"))
    found = site.clients["rita"].get(f"/medical/studies/{study_id}/identity").json()
    assert (found["patient_name"], found["patient_id"]) == ("Zyxwine^Quorla", "MRN-77123")
    assert found["lines"][:2] == ["Name: Zyxwine Quorla", "Patient number: MRN-77123"]
    text = site.clients["rita"].get(f"/medical/studies/{study_id}/report.txt", params={"identity": True}).text
    assert "Name: Zyxwine Quorla" in text
    assert "Zyxwine" not in site.clients["rita"].get(f"/medical/studies/{study_id}/report.txt").text
    read = site.runtime.audit.rows(action="identity.read", subject_id=study_id)
    assert [(row.actor, row.detail.count("header")) for row in read] == [("rita", 1), ("rita", 0)]
    key = f"/medical/studies/{study_id}/identity"
    assert site.clients["root"].get(key).status_code == 404


def test_a_patient_is_found_by_number_on_record(site):
    study_id = site.bring(planted("1.102", StudyInstanceUID="1.101", PatientID="MRN-9 1", IssuerOfPatientID="Clinic"))
    tom = site.clients["tom"]
    found = tom.post("/medical/patients", json={"number": "mrn-9 1^^^CLINIC"}).json()["pseudonym"]
    listed = tom.get("/medical/worklist", params={"q": found, "state": ""}).json()["studies"]
    assert [one["id"] for one in listed] == [study_id]
    (searched,) = site.runtime.audit.rows(action="identity.searched")
    assert (searched.actor, searched.subject_id) == ("tom", found)
    other = tom.post("/medical/patients", json={"number": "MRN-9 1"}).json()["pseudonym"]
    assert tom.get("/medical/worklist", params={"q": other, "state": ""}).json()["studies"] == []
    assert site.clients["root"].post("/medical/patients", json={"number": "MRN-9 1"}).status_code == 404


def test_signing_asks_for_pin_or_password_once_in_a_while(site):
    ann, study_id = site.clients["ann"], site.bring(planted("1.11", StudyInstanceUID="1.10"))
    site.draft(study_id, "job-sign")
    state = settle(ann, study_id)
    assert (state["undecided"], state["step_up"]) == (0, {"has_grace": False, "has_proof": True})
    assert sha256_of(state["text"]) == state["text_sha256"]
    body = {"version": state["study"]["version"], "text_sha256": state["text_sha256"], "films": 1, "attested": True}
    path = f"/medical/studies/{study_id}/sign"
    for secret in ("", "wrong"):
        answer = ann.post(path, json=body | {"secret": secret})
        assert (answer.status_code, answer.json()["reason"]) == (403, "step_up")
    assert ann.post(path, json=body | {"attested": False}).json()["reason"] == "not_attested"
    easy = ann.post("/medical/pin", json={"pin": "123456", "secret": PASSWORD})
    assert "not a run" in easy.json()["error"]
    assert ann.post("/medical/pin", json={"pin": "482913", "secret": "wrong"}).status_code == 400
    assert ann.post("/medical/pin", json={"pin": "482913", "secret": PASSWORD}).status_code == 204
    signed = ann.post(path, json=body | {"secret": "482913"})
    assert signed.status_code == 200, signed.text
    assert signed.json()["study"]["state"] == "signed"
    assert signed.json()["step_up"]["has_grace"] is True
    text = ann.get(f"/medical/studies/{study_id}/report.txt").text
    assert "DRAFT" not in text
    assert "Signed by ann" in text
    again = {"version": signed.json()["study"]["version"], "reason": "side"}
    amending = ann.post(f"/medical/studies/{study_id}/step/amend", json=again).json()
    body |= {"version": amending["study"]["version"], "secret": ""}
    amended = ann.post(path, json=body).json()
    assert (amended["study"]["state"], len(amended["versions"])) == ("amended", 2)
    assert [act for act in site.acts(study_id) if act.startswith("report.")] == [
        "report.begun", "report.edited", "report.signed", "report.exported", "report.amendment_begun", "report.amended",
    ]  # fmt: skip


def test_a_film_that_was_not_shown_is_not_signed(site):
    ann, study_id = site.clients["ann"], site.bring(planted("1.41", StudyInstanceUID="1.40"))
    site.draft(study_id, "job-films")
    state, path = settle(ann, study_id), f"/medical/studies/{study_id}"
    assert site.bring(planted("1.42", StudyInstanceUID="1.40")) == study_id
    body = {"text_sha256": state["text_sha256"], "attested": True, "secret": PASSWORD}
    body |= {"version": state["study"]["version"], "films": len(state["images"])}
    answer = ann.post(f"{path}/sign", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (409, "films")
    seen = ann.get(f"{path}/state").json()
    assert (seen["study"]["state"], len(seen["images"]), seen["films_since"]) == ("in_review", 2, 0)
    assert ann.post(f"{path}/sign", json=body | {"films": 2}).status_code == 200
    site.bring(planted("1.43", StudyInstanceUID="1.40"))
    assert ann.get(f"{path}/state").json()["films_since"] == 1


def test_a_stale_page_is_told_and_changes_nothing(site):
    rita, ann = site.clients["rita"], site.clients["ann"]
    study_id = site.bring(planted("1.21", StudyInstanceUID="1.20"))
    state = rita.post(f"/medical/studies/{study_id}/begin").json()
    locked = ann.post(f"/medical/studies/{study_id}/begin")
    assert (locked.status_code, locked.json()["reason"]) == (409, "locked")
    assert ann.get(f"/medical/studies/{study_id}/state").json()["study"]["locked_by"] == "rita"
    body = {"version": state["study"]["version"] + 5, "content": state["content"]}
    stale = rita.post(f"/medical/studies/{study_id}/save", json=body)
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale")
    broken = rita.post(f"/medical/studies/{study_id}/save", json={"version": 1, "content": {"language": "en"}})
    assert broken.status_code == 400
    assert "needs exactly the sections" in broken.json()["error"]
    told = {"finding": "Pneumothorax", "told": "Dr Weaver", "told_at": START.isoformat(), "is_read_back": True}
    answer = rita.post(f"/medical/studies/{study_id}/critical", json=told)
    assert answer.json()["told"][0]["told"] == "Dr Weaver"


def test_checking_a_report_reads_no_image_and_keeps_nothing(site):
    before = len(site.runtime.audit.rows(limit=1000))
    text = "FINDINGS: Right pleural effusion.\nIMPRESSION: Left pleural effusion."
    marks = site.clients["tom"].post("/medical/check", json={"text": text}).json()["marks"]
    assert [(one["kind"], text[one["start"] : one["end"]]) for one in marks] == [("side", "Left pleural effusion")]
    assert marks[0]["text"] == "The side of effusion differs between findings and impression."
    assert len(site.runtime.audit.rows(limit=1000)) == before


def test_a_hidden_draft_is_in_no_answer(tmp_path):
    with deployed(tmp_path, medical_second_reader=True) as runtime:
        site = Site(runtime)
        study_id = site.bring(planted())
        site.draft(study_id, "job-hidden")
        rita = site.clients["rita"]
        rita.post(f"/medical/studies/{study_id}/begin")
        paths = [f"/medical/studies/{study_id}/{part}" for part in ("state", "report.txt", "report.json")]
        for path in paths:
            assert "effusion" not in rita.get(path).text.casefold()


def test_evidence_maps_come_beside_the_draft_and_not_in_it(site):
    study_id = site.bring(planted("1.51", StudyInstanceUID="1.50"))
    picture = site.runtime.store.put(maps_picture([np.full((64, 64), 9, np.uint8), np.full((64, 64), 255, np.uint8)]))
    drafts, evidence = Drafts(site.runtime.database), Evidence(picture.sha256, ("Effusion", "Pleural_Thickening"))
    with site.runtime.database.write(is_durable=True) as connection:
        model = Actor(ActorKind.MODEL, "with-maps")
        drafts.record(connection, study_id, model, {"en": document()}, image_position=1, evidence=evidence)
    draft = site.clients["rita"].get(f"/medical/studies/{study_id}/state").json()["draft"]
    assert draft["maps"]["findings"] == ["Effusion", "Pleural_Thickening"]
    answer = site.clients["rita"].get(draft["maps"]["url"])
    assert answer.headers["content-type"] == "image/png"
    values = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert (values.shape, values[63, 0], values[64, 0]) == ((128, 64), 9, 255)
    assert site.clients["rita"].get(f"/medical/studies/{study_id}/evidence/2").status_code == 404
    assert site.clients["root"].get(draft["maps"]["url"]).status_code == 404
    with site.runtime.database.read() as connection:
        assert picture.sha256 in set(blobs(connection))  # retention leaves it alone


def test_limits_stand_beside_a_draft_and_pneumonia_has_its_own(site):
    study_id = site.bring(planted("1.81", StudyInstanceUID="1.80"))
    small = {"name": "small", "present_from": 0.5, "uncertain_from": 0.15}
    make_draft(site.runtime, study_id, "limits", model=MODEL | {"pneumonia": small})
    draft = site.clients["rita"].get(f"/medical/studies/{study_id}/state").json()["draft"]
    assert draft["limits"] == {
        "Effusion": {"present_from": 0.3, "uncertain_from": 0.1},
        "Pneumonia": {"present_from": 0.5, "uncertain_from": 0.15},
    }


def test_a_failed_draft_is_asked_for_again(site):
    study_id = site.bring(planted("1.61", StudyInstanceUID="1.60"))
    rita, path = site.clients["rita"], f"/medical/studies/{study_id}"
    early = rita.post(f"{path}/retry-draft")
    assert (early.status_code, early.json()["reason"]) == (400, "not_failed")
    first = draft_job(site, study_id)
    jobs = site.runtime.jobs
    jobs.fail(jobs.claim(first, "here"), error="crashed", reference="x")  # the worker died; nothing is recorded of it
    listed = {one["id"]: one for one in rita.get("/medical/worklist").json()["studies"]}
    assert listed[study_id]["draft_state"] == rita.get(f"{path}/state").json()["study"]["draft_state"] == "failed"
    assert site.clients["tom"].post(f"{path}/retry-draft").status_code == 404
    assert rita.post(f"{path}/retry-draft").json()["study"]["draft_state"] == "waiting"
    second = draft_job(site, study_id)
    assert second != first
    assert jobs.get(second).inputs == jobs.get(first).inputs
    assert rita.post(f"{path}/retry-draft").json()["reason"] == "not_failed"
    model = Actor(ActorKind.MODEL, second)
    with site.runtime.database.write(is_durable=True) as connection:
        Drafts(site.runtime.database).record_none(connection, study_id, model, "no film could be read")
    assert rita.post(f"{path}/retry-draft").json()["study"]["draft_state"] == "waiting"
    assert site.acts(study_id)[-3:] == ["draft.asked_again", "draft.failed", "draft.asked_again"]


def test_what_does_not_fit_stands_beside_the_report(site):
    study_id = site.bring(planted("1.71", StudyInstanceUID="1.70"))  # 48 columns, of a woman
    finding = {"name": "Effusion", "region": {"x": 30, "y": 40, "width": 10, "height": 10, "frame": 0}}
    with site.runtime.database.write(is_durable=True) as connection:
        drafted = {"en": document(findings=[finding])}
        model = Actor(ActorKind.MODEL, "with-region")
        Drafts(site.runtime.database).record(connection, study_id, model, drafted, image_position=1)
    state = settle(site.clients["rita"], study_id)
    assert state["marks"] == []
    said = state["content"]["sections"]["impression"]
    said[0] |= {"text": "Right effusion, prostate enlarged.", "status": "edited"}
    body = {"version": state["study"]["version"], "content": state["content"]}
    marks = site.clients["rita"].post(f"/medical/studies/{study_id}/save", json=body).json()["marks"]
    assert [one["text"] for one in marks] == [
        "The draft's evidence of effusion lies on the other side.",
        "“prostate” does not fit the patient's sex.",
    ]


def test_few_films_are_taken_in_at_a_time(site, monkeypatch):
    counts, gate = [0, 0], threading.Lock()  # now, most

    def slow(*_, **__):
        with gate:
            counts[0] += 1
            counts[1] = max(counts)
        time.sleep(0.02)
        with gate:
            counts[0] -= 1
        return Received("5tudy", True, True)

    async def bring_six():
        transport = httpx.ASGITransport(create_web(site.runtime))  # its queue belongs to the loop of this test
        cookies = dict(site.clients["tom"].cookies)
        async with httpx.AsyncClient(transport=transport, base_url=HOST, cookies=cookies) as client:
            return await asyncio.gather(*(client.post("/medical/api/uploads", content=b"film") for _ in range(6)))

    monkeypatch.setattr("trivium.medical.pages.worklist.receive", slow)
    assert [answer.status_code for answer in asyncio.run(bring_six())] == [201] * 6
    assert counts == [0, 2]


def draft_job(site, study_id):
    with site.runtime.database.read() as connection:
        return study_of(connection, study_id).job_id
