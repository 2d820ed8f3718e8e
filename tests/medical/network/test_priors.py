"""Priors from an archive made here: asked by the patient's number, checked, sent, entered as nobody's work."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pynetdicom import AE
from sqlalchemy import select
from tests.medical.archive import ToyArchive
from tests.medical.deployment import deployed
from tests.medical.films import png
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.archive import find_priors
from trivium.medical.network.entity import Entity, Peer
from trivium.medical.network.listener import Listener
from trivium.medical.network.priors import ask_for_priors, bring_priors
from trivium.medical.tasks import fetch_priors
from trivium.medical.workflow.fetches import Fetched, fetch_of
from trivium.medical.workflow.states import RefusedError
from trivium.medical.workflow.studies import priors, study_of, worklist
from trivium.service.errors import InputError, UpstreamError
from trivium.service.jobs import JobState
from trivium.service.runner import run_job


@pytest.fixture
def site(tmp_path):
    archive = ToyArchive()
    place = Peer("PACS", "127.0.0.1", archive.port)
    ours = Entity("TRIVIUM", "127.0.0.1", 0, (), "", "", place)
    home, address = tmp_path / "home", f"PACS@127.0.0.1:{archive.port}"
    with deployed(home, medical_archive=address) as runtime, Listener(runtime, ours) as listener:
        archive.send_to(listener.port)
        yield runtime, replace(ours, port=listener.port), archive
        archive.server.shutdown()


def brought(runtime) -> str:
    return receive(runtime, open_vault(runtime.settings), planted(), brought_by="tom", language="en").study_id


def worked(runtime, job_id: str):
    """Let the job run as a worker would; return it."""
    run_job(job_id, lambda context: fetch_priors(context, runtime), runtime=runtime)
    return runtime.jobs.get(job_id)


def test_earlier_films_come_and_stand_beside(site):
    runtime, entity, archive = site
    study_id = brought(runtime)
    assert bring_priors(runtime, entity, study_id, actor="ann") == Fetched(studies=2, films=2)
    assert archive.queries[0].PatientID == "MRN-77123"
    with runtime.database.read() as connection:
        beside = priors(connection, study_of(connection, study_id))
        asked = connection.execute(select(tables.prior)).all()
    # 1.8 and 1.7, the nearest first: not the CT, not the later one, not another patient's, not itself.
    assert [one.days_before for one in beside] == [157, 523]  # to 2025-06-07 from 2025-01-01 and 2024-01-01
    assert {(one.for_study, one.asked_by) for one in asked} == {(study_id, "ann")}
    assert {one.study.draft_state for one in beside} == {"off"}
    assert [one.id for one in worklist(runtime.database, state="open").studies] == [study_id]
    assert [job.title for job in runtime.jobs.recent(app="medical")] == [f"{study_id} (1)"]
    read = runtime.audit.rows(action="identity.read")
    assert [(row.actor, "priors" in row.detail) for row in read] == [("ann", True)]
    assert bring_priors(runtime, entity, study_id, actor="ann").films == 2  # again: nothing is new
    with runtime.database.read() as connection:
        assert len(priors(connection, study_of(connection, study_id))) == 2


@pytest.mark.parametrize("number", ["", "MRN*", "M?N", "A\\B"])
def test_a_number_that_stands_for_others_is_not_asked_for(site, number):
    _runtime, entity, archive = site
    with pytest.raises(InputError, match="the patient's number cannot be asked for"):
        find_priors(entity, patient_id=number)
    assert archive.queries == []


def test_an_archive_that_cannot_be_asked_or_does_not_send(site, caplog):
    runtime, entity, _archive = site
    study_id = brought(runtime)
    stranger = replace(entity, title="STRANGER")
    with pytest.raises(
        UpstreamError, match=r"PACS: sent 0 films, failed with 0 \(status A801\); it must know STRANGER"
    ):
        bring_priors(runtime, stranger, study_id, actor="ann")
    with pytest.raises(UpstreamError, match=r"ARCH at 127.0.0.1 port \d+: turned us away; does it know TRIVIUM\?"):
        find_priors(replace(entity, archive=replace(entity.archive, title="ARCH")), patient_id="MRN-77123")
    with pytest.raises(InputError, match="no archive is set"):
        bring_priors(runtime, replace(entity, archive=None), study_id, actor="ann")
    assert [one.name for one in caplog.records if one.name.startswith("pynetdicom")] == []


def test_the_listener_asks_for_them_by_itself_and_a_worker_fetches(site):
    runtime, entity, archive = site
    film = pydicom.dcmread(io.BytesIO(planted()))
    sender = AE("MODALITY")
    sender.add_requested_context(film.SOPClassUID)
    association = sender.associate("127.0.0.1", entity.port, ae_title="TRIVIUM")
    assert association.send_c_store(film).Status == 0
    association.release()
    (job,) = [one for one in runtime.jobs.recent(app="medical") if one.kind == "priors"]
    assert (job.queue, job.owner) == ("priors", "prefetch")
    assert worked(runtime, job.id).state == JobState.DONE
    with runtime.database.read() as connection:
        studies = connection.execute(select(tables.study.c.received_by, tables.study.c.is_closed)).all()
    assert sorted(studies) == [("dicom:MODALITY", False), ("dicom:PACS", True), ("dicom:PACS", True)]
    assert len(archive.queries) == 1
    assert [one.kind for one in runtime.jobs.recent(app="medical")].count("priors") == 1  # a prior asks for none


def test_somebody_asks_and_is_told_what_came(site):
    runtime, _entity, archive = site
    study_id = brought(runtime)
    ask_for_priors(runtime, study_id, actor="ann")
    with runtime.database.read() as connection:
        asked = fetch_of(connection, study_id)
    assert (asked.state, asked.fetched) == ("waiting", None)
    ask_for_priors(runtime, study_id, actor="rita")  # it is on its way: no second job
    assert worked(runtime, asked.job_id).state == JobState.DONE
    with runtime.database.read() as connection:
        assert fetch_of(connection, study_id).fetched == Fetched(studies=2, films=2)
    rows = runtime.audit.rows(subject_kind="study", subject_id=study_id)
    told = [(row.action, row.actor) for row in rows if row.action.startswith(("priors.", "identity."))]
    assert told == [("priors.asked", "ann"), ("identity.read", "ann"), ("priors.fetched", "ann")]
    archive.held = {}
    ask_for_priors(runtime, study_id, actor="rita")
    with runtime.database.read() as connection:
        again = fetch_of(connection, study_id)
    assert again.job_id != asked.job_id
    worked(runtime, again.job_id)
    with runtime.database.read() as connection:
        assert fetch_of(connection, study_id).fetched == Fetched(studies=0, films=0)


def test_what_fails_is_told_and_can_be_asked_again(site):
    runtime, _entity, archive = site
    study_id = brought(runtime)
    archive.known = "ELSEWHERE"
    ask_for_priors(runtime, study_id, actor="ann")
    with runtime.database.read() as connection:
        job_id = fetch_of(connection, study_id).job_id
    failed = worked(runtime, job_id)
    with runtime.database.read() as connection:
        assert fetch_of(connection, study_id).state == "failed"
    assert failed.error.startswith("PACS: sent 0 films, failed with 0 (status A801); it must know TRIVIUM")
    ask_for_priors(runtime, study_id, actor="ann")
    with runtime.database.read() as connection:
        assert fetch_of(connection, study_id).state == "waiting"


def test_without_archive_or_identity_nobody_is_asked(site):
    runtime, _entity, archive = site
    picture = png(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64))
    study_id = receive(runtime, open_vault(runtime.settings), picture, brought_by="tom", language="en").study_id
    with pytest.raises(RefusedError, match="no_identity"):
        ask_for_priors(runtime, study_id, actor="ann")
    bare = replace(runtime, settings=runtime.settings.model_copy(update={"medical_archive": ""}))
    with pytest.raises(RefusedError, match="no_archive"):
        ask_for_priors(bare, brought(runtime), actor="ann")
    assert archive.queries == []
