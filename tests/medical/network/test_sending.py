"""Signed reports sent to an archive made here, over associations: taken, away, busy, refused, changed, retracted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pypdfium2
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, DigitalXRayImageStorageForPresentation, EncapsulatedPDFStorage
from pynetdicom import AE, evt
from sqlalchemy import update
from tests.medical.deployment import deployed, radiologist, resident
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.sweep import sweep
from trivium.medical.tasks import send_report
from trivium.medical.workflow import content as words
from trivium.medical.workflow.reports import Reports
from trivium.medical.workflow.sendings import can_send, send_again, sending_of, unsent
from trivium.medical.workflow.states import Event, RefusedError
from trivium.medical.workflow.studies import study_of
from trivium.service.database import utc_now
from trivium.service.jobs import JobState
from trivium.service.phrase import unpack
from trivium.service.runner import run_job
from trivium.service.text import catalogue


class Pacs:
    """Takes structured reports, and answers as it is told."""

    def __init__(self, *kinds, tls=None):
        self.held: list[Dataset] = []
        self.status, self.comment = 0x0000, ""
        entity = AE("PACS")
        entity.require_called_aet = True
        for kind in kinds or (ComprehensiveSRStorage,):
            entity.add_supported_context(kind, "1.2.840.10008.1.2")  # implicit alone, as old ones do
        handlers = [(evt.EVT_C_STORE, self._take)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, ssl_context=tls, evt_handlers=handlers)
        self.address = f"PACS@127.0.0.1:{self.server.server_address[1]}"

    def _take(self, event):
        answer = Dataset()
        answer.Status = self.status
        if self.comment:
            answer.ErrorComment = self.comment
        if self.status == 0:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            self.held.append(dataset)
        return answer


@pytest.fixture
def pacs():
    made = Pacs()
    yield made
    made.server.shutdown()


@pytest.fixture
def runtime(tmp_path, pacs):
    with deployed(tmp_path, medical_destination=pacs.address) as opened:
        yield opened


def write(runtime, reports, study_id, actor, text, version):
    """Type one sentence as the impression, and sign it."""
    typed = {"id": "t1", "text": text, "status": "typed", "draft": "", "claims": []}
    content = reports.working(study_id).content
    content = {**content, "sections": {**content["sections"], "impression": [typed]}}
    version = reports.save(study_id, actor, version=version, content=content)
    sha = words.sha256_of(words.text_of(reports.working(study_id).content, catalogue("trivium.medical", "en")))
    reports.sign(study_id, actor, version=version, text_sha256=sha, num_films=1, step_up="pin")
    return version + 1


def signed(runtime, reports, ann):
    study_id = receive(runtime, open_vault(runtime.settings), planted(), brought_by="tom", language="en").study_id
    working = reports.begin(study_id, ann, language="en")
    return study_id, write(runtime, reports, study_id, ann, "Left effusion.", working.study.version)


def work(runtime):
    """Do what is due, as sweeper and worker would; return the jobs."""
    sweep(runtime)
    jobs = [one for one in runtime.jobs.recent(app="medical") if one.kind == "send" and one.state == JobState.QUEUED]
    for one in jobs:
        run_job(one.id, lambda context: send_report(context, runtime), runtime=runtime)
    return [runtime.jobs.get(one.id) for one in jobs]


def stands(runtime, study_id):
    with runtime.database.read() as connection:
        return sending_of(connection, study_id)


def hurry(runtime, study_id):
    """Let the next attempt be due."""
    row = tables.sending
    before = update(row).values(next_at=stands(runtime, study_id).asked_at - timedelta(seconds=1))
    with runtime.database.write() as connection:
        connection.execute(before)


def actions(runtime, study_id):
    rows = runtime.audit.rows(subject_kind="study", subject_id=study_id)
    return [(row.action, row.actor) for row in rows if row.action.startswith(("report.", "identity."))]


def test_what_is_signed_goes_to_its_study_and_says_what_it_replaces(runtime, pacs):
    reports, ann = Reports(runtime.database, sends_to="PACS"), radiologist(runtime)
    study_id, version = signed(runtime, reports, ann)
    assert (stands(runtime, study_id).state, stands(runtime, study_id).attempts) == ("waiting", 0)
    (job,) = work(runtime)
    assert (job.state, job.owner, job.queue) == (JobState.DONE, "ann", "priors")
    assert (stands(runtime, study_id).state, stands(runtime, study_id).attempts) == ("sent", 1)
    assert work(runtime) == []
    reports.step(study_id, ann, Event.AMEND, version=version, reason="side")
    version = write(runtime, reports, study_id, ann, "Right effusion.", version + 1)
    work(runtime)
    reports.retract(study_id, ann, version=version, reason="wrong patient", step_up="pin")
    work(runtime)
    first, second, third = pacs.held
    for found in pacs.held:
        assert (found.SOPClassUID, found.StudyInstanceUID) == (ComprehensiveSRStorage, "1.2.840.99.1")
        assert (found.PatientID, found.VerificationFlag, found.PreliminaryFlag) == ("MRN-77123", "VERIFIED", "FINAL")
    assert len({one.SOPInstanceUID for one in pacs.held}) == 3
    assert len({one.SeriesInstanceUID for one in pacs.held}) == 1
    assert "PredecessorDocumentsSequence" not in first
    replaced = [
        [one.ReferencedSOPInstanceUID for one in found.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
         .ReferencedSOPSequence]
        for found in (second, third)
    ]  # fmt: skip
    assert replaced == [[first.SOPInstanceUID], [first.SOPInstanceUID, second.SOPInstanceUID]]
    assert "Right effusion." in second.to_json()
    said = third.to_json()
    assert "effusion" not in said
    assert "RETRACTED - not valid" in said
    assert "wrong patient" in said
    with runtime.database.read() as connection:
        assert connection.execute(unsent()).all() == []
    each = [("identity.read", "ann"), ("report.sent", "ann")]
    assert [one for one in actions(runtime, study_id) if one[0] in dict(each)] == each * 3


def test_an_archive_that_is_away_or_busy_is_asked_again_and_waits_double(runtime, pacs):
    reports, ann = Reports(runtime.database, sends_to="PACS"), radiologist(runtime)
    study_id, _ = signed(runtime, reports, ann)
    pacs.status = 0xA700
    (job,) = work(runtime)
    report = json.loads(runtime.store.read(job.report_sha256))
    assert (job.state, unpack(report["problems"][0])) == (JobState.DONE, "PACS: status A700")
    first = stands(runtime, study_id)
    assert (first.state, first.attempts, first.problem) == ("waiting", 1, "PACS: status A700")
    assert work(runtime) == []  # not yet
    hurry(runtime, study_id)
    elsewhere = {"medical_destination": pacs.address.replace("PACS", "MOVED")}
    work(replace(runtime, settings=runtime.settings.model_copy(update=elsewhere)))
    second = stands(runtime, study_id)
    assert second.problem.startswith("MOVED at 127.0.0.1 port ")
    assert second.problem.endswith("turned us away; does it know TRIVIUM?")
    assert (second.state, second.attempts, second.destination) == ("waiting", 2, "MOVED")
    now = utc_now()
    assert 0 < (first.next_at - now).total_seconds() <= 10 < (second.next_at - now).total_seconds() <= 20


def test_what_was_taken_though_no_answer_came_is_the_same_object_again(runtime, pacs):
    reports, ann = Reports(runtime.database, sends_to="PACS"), radiologist(runtime)
    study_id, _ = signed(runtime, reports, ann)
    work(runtime)
    send_again(runtime, study_id, ann)
    pacs.status, kept = 0x0111, pacs.held[0]  # duplicate
    pacs.held.clear()
    work(runtime)
    assert stands(runtime, study_id).state == "sent"
    pacs.status = 0
    send_again(runtime, study_id, ann)
    work(runtime)
    assert pacs.held[0].SOPInstanceUID == kept.SOPInstanceUID
    assert pacs.held[0].ContentSequence == kept.ContentSequence


def test_what_is_refused_waits_for_somebody_and_its_reason_names_nobody(runtime, pacs):
    reports, ann, rita = Reports(runtime.database, sends_to="PACS"), radiologist(runtime), resident(runtime)
    study_id, _ = signed(runtime, reports, ann)
    pacs.status, pacs.comment = 0xA900, "patient MRN-77123 is unknown"
    work(runtime)
    found = stands(runtime, study_id)
    assert (found.state, found.problem) == ("refused", "PACS: status A900 (patient [removed] is unknown)")
    hurry(runtime, study_id)
    assert work(runtime) == []
    pacs.status, pacs.comment = 0, ""
    send_again(runtime, study_id, rita)
    work(runtime)
    assert (stands(runtime, study_id).state, len(pacs.held)) == ("sent", 1)
    told = [
        one for one in actions(runtime, study_id) if one[0] in ("report.refused", "report.sending_asked", "report.sent")
    ]
    assert told == [("report.refused", "ann"), ("report.sending_asked", "rita"), ("report.sent", "rita")]


def test_an_archive_that_takes_no_structured_reports_is_told_as_such(tmp_path):
    other = Pacs(DigitalXRayImageStorageForPresentation)
    with deployed(tmp_path, medical_destination=other.address) as runtime:
        study_id, _ = signed(runtime, Reports(runtime.database, sends_to="PACS"), radiologist(runtime))
        work(runtime)
        found = stands(runtime, study_id)
        assert found.state == "refused"
        assert found.problem.endswith("does not take Comprehensive SR Storage")
    other.server.shutdown()


def test_where_a_site_wants_it_the_pdf_goes_too(tmp_path):
    pacs = Pacs(ComprehensiveSRStorage, EncapsulatedPDFStorage)
    with deployed(tmp_path, medical_destination=pacs.address, medical_destination_pdf=True) as runtime:
        reports, ann = Reports(runtime.database, sends_to="PACS"), radiologist(runtime)
        study_id, version = signed(runtime, reports, ann)
        work(runtime)
        structured, printed = pacs.held
        reports.retract(study_id, ann, version=version, reason="wrong patient", step_up="pin")
        work(runtime)
    assert (printed.SOPClassUID, printed.Modality, printed.StudyInstanceUID) == (
        EncapsulatedPDFStorage, "DOC", "1.2.840.99.1",
    )  # fmt: skip
    assert (printed.PatientID, printed.PatientName) == (structured.PatientID, structured.PatientName)
    assert (printed.ContentDate, printed.ContentTime) == (structured.ContentDate, structured.ContentTime)
    assert printed.SourceInstanceSequence[0].ReferencedSOPInstanceUID == "1.2.840.99.1.2.3"
    pages = [
        pypdfium2.PdfDocument(one.EncapsulatedDocument[: one.EncapsulatedDocumentLength])[0]
        for one in pacs.held if one.Modality == "DOC"
    ]  # fmt: skip
    told = [page.get_textpage().get_text_range() for page in pages]
    assert ["RETRACTED" in one for one in told] == [False, True]
    assert "Left effusion." in told[0]
    assert len({one.SOPInstanceUID for one in pacs.held}) == 4
    pacs.server.shutdown()


def test_an_archive_that_takes_no_pdf_is_told_as_such(tmp_path, pacs):
    with deployed(tmp_path, medical_destination=pacs.address, medical_destination_pdf=True) as runtime:
        study_id, _ = signed(runtime, Reports(runtime.database, sends_to="PACS"), radiologist(runtime))
        work(runtime)
        found = stands(runtime, study_id)
    assert (found.state, found.problem) == ("refused", "PACS: does not take Encapsulated PDF Storage")
    assert pacs.held == []


def test_a_job_that_ended_without_a_word_is_an_attempt(runtime, pacs):
    study_id, _ = signed(runtime, Reports(runtime.database, sends_to="PACS"), radiologist(runtime))
    sweep(runtime)
    (job,) = [one for one in runtime.jobs.recent(app="medical") if one.kind == "send"]

    def broken(_context):
        raise ValueError("boom")

    run_job(job.id, broken, runtime=runtime)
    sweep(runtime)
    assert (stands(runtime, study_id).attempts, stands(runtime, study_id).state) == (1, "waiting")
    hurry(runtime, study_id)
    work(runtime)
    assert (stands(runtime, study_id).state, len(pacs.held)) == ("sent", 1)


def test_nothing_goes_without_identity_permission_or_need(tmp_path, pacs):
    with deployed(tmp_path, medical_destination=pacs.address, medical_identity="discard") as runtime:
        reports, ann = Reports(runtime.database, sends_to="PACS"), radiologist(runtime)
        study_id, version = signed(runtime, reports, ann)
        assert stands(runtime, study_id).state == "refused"
        assert stands(runtime, study_id).problem.startswith("no identity of this study is kept")
        with pytest.raises(RefusedError, match="no_identity"):
            send_again(runtime, study_id, ann)
        reports.retract(study_id, ann, version=version, reason="wrong patient", step_up="pin")
        with runtime.database.read() as connection:
            assert not can_send(connection, study_of(connection, study_id))  # the archive never had it
        with pytest.raises(RefusedError, match="not_from_here"):
            send_again(runtime, study_id, ann)
        assert work(runtime) == []
    assert pacs.held == []
