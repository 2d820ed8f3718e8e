"""Priors from an archive made here: asked by the patient's number, checked, sent, entered as nobody's work."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)
from sqlalchemy import select
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.entity import Archive, Entity
from trivium.medical.network.listener import Listener
from trivium.medical.network.priors import bring_priors, find_priors
from trivium.medical.workflow.studies import priors, study_of, worklist
from trivium.service.errors import InputError, UpstreamError

HELD = {
    "1.7": ("MRN-77123", "20240101", ["DX"]), "1.8": ("MRN-77123", "20250101", ["CR", "SR"]),
    "1.9": ("MRN-77123", "20250102", ["CT"]), "1.10": ("MRN-77123", "20260101", ["DX"]),
    "1.11": ("OTHER-1", "20240101", ["DX"]), "1.2.840.99.1": ("MRN-77123", "20250607", ["DX"]),
}  # fmt: skip


class ToyArchive:
    """Answers with all it has, whatever it is asked, as some archives do; sends to one known title."""

    def __init__(self, destination_port: int):
        self.queries: list[Dataset] = []
        self._destination = ("127.0.0.1", destination_port)
        entity = AE("PACS")
        entity.require_called_aet = True
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
        entity.add_requested_context(DigitalXRayImageStorageForPresentation)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_MOVE, self._move)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def send_to(self, port: int):
        self._destination = ("127.0.0.1", port)

    def _find(self, event):
        self.queries.append(event.identifier)
        for uid, (number, date, kinds) in HELD.items():
            answer = Dataset()
            answer.QueryRetrieveLevel, answer.StudyInstanceUID, answer.PatientID = "STUDY", uid, number
            answer.StudyDate, answer.ModalitiesInStudy = date, kinds
            yield 0xFF00, answer

    def _move(self, event):
        if event.move_destination != "TRIVIUM":
            yield None, None
            return
        yield self._destination
        uid = str(event.identifier.StudyInstanceUID)
        number, date, _ = HELD[uid]
        yield 1
        data = planted(f"{uid}.1", StudyInstanceUID=uid, PatientID=number, StudyDate=date)
        yield 0xFF00, pydicom.dcmread(io.BytesIO(data))


@pytest.fixture
def site(tmp_path):
    ours = Entity("TRIVIUM", "127.0.0.1", 0, (), "", "", None)
    with deployed(tmp_path / "home") as runtime, Listener(runtime, ours) as listener:
        archive = ToyArchive(listener.port)
        place = Archive("PACS", "127.0.0.1", archive.port)
        yield runtime, replace(ours, port=listener.port, archive=place), archive
        archive.server.shutdown()


def test_earlier_films_come_and_stand_beside(site):
    runtime, entity, archive = site
    study_id = receive(runtime, open_vault(runtime.settings), planted(), brought_by="tom", language="en").study_id
    assert bring_priors(runtime, entity, study_id, actor="ann") == 2
    assert archive.queries[0].PatientID == "MRN-77123"
    with runtime.database.read() as connection:
        beside = priors(connection, study_of(connection, study_id))
        asked = connection.execute(select(tables.prior)).all()
    assert len(beside) == 2  # 1.7 and 1.8: not the CT, not the later one, not another patient's, not itself
    assert {(one.for_study, one.asked_by) for one in asked} == {(study_id, "ann")}
    assert {one.draft_state for one in beside} == {"off"}
    assert [one.id for one in worklist(runtime.database, state="open").studies] == [study_id]
    assert [job.title for job in runtime.jobs.recent(app="medical")] == [f"{study_id} (1)"]
    read = runtime.audit.rows(action="identity.read")
    assert [(row.actor, "priors" in row.detail) for row in read] == [("ann", True)]
    assert bring_priors(runtime, entity, study_id, actor="ann") == 2  # again: nothing is new
    with runtime.database.read() as connection:
        assert len(priors(connection, study_of(connection, study_id))) == 2


@pytest.mark.parametrize("number", ["", "MRN*", "M?N", "A\\B"])
def test_a_number_that_stands_for_others_is_not_asked_for(site, number):
    _runtime, entity, archive = site
    with pytest.raises(InputError, match="the patient's number cannot be asked for"):
        find_priors(entity, patient_id=number)
    assert archive.queries == []


def test_an_archive_that_cannot_be_asked_or_does_not_send(site, tmp_path):
    runtime, entity, _archive = site
    study_id = receive(runtime, open_vault(runtime.settings), planted(), brought_by="tom", language="en").study_id
    stranger = replace(entity, title="STRANGER")
    with pytest.raises(
        UpstreamError, match=r"PACS: sent 0 films, failed with 0 \(status A801\); it must know STRANGER"
    ):
        bring_priors(runtime, stranger, study_id, actor="ann")
    with pytest.raises(UpstreamError, match=r"ARCH at 127.0.0.1 port \d+: turned us away; does it know TRIVIUM\?"):
        find_priors(replace(entity, archive=replace(entity.archive, title="ARCH")), patient_id="MRN-77123")
    with pytest.raises(InputError, match="no archive is set"):
        bring_priors(runtime, replace(entity, archive=None), study_id, actor="ann")


def test_the_listener_fetches_them_by_itself(site, tmp_path):
    runtime, entity, archive = site
    with Listener(runtime, replace(entity, port=0)) as listener:
        archive.send_to(listener.port)
        film = pydicom.dcmread(io.BytesIO(planted()))
        sender = AE("MODALITY")
        sender.add_requested_context(film.SOPClassUID)
        association = sender.associate("127.0.0.1", listener.port, ae_title="TRIVIUM")
        assert association.send_c_store(film).Status == 0
        association.release()
        for _ in range(100):
            with runtime.database.read() as connection:
                if len(connection.execute(select(tables.study.c.id)).all()) == 3:
                    break
            time.sleep(0.05)
    with runtime.database.read() as connection:
        studies = connection.execute(select(tables.study.c.received_by, tables.study.c.is_closed)).all()
    assert sorted(studies) == [("dicom:MODALITY", False), ("dicom:PACS", True), ("dicom:PACS", True)]
    assert len(archive.queries) == 1  # the priors themselves ask for none
