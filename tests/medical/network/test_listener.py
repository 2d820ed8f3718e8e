"""The listener with a real sender: who may call, what is stored once, what is refused, what an abort leaves."""

from __future__ import annotations

import io
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pydicom
import pytest
from pydicom.uid import ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification
from sqlalchemy import func, select
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.network.entity import Entity, entity_of
from trivium.medical.network.listener import Listener
from trivium.medical.workflow.studies import worklist
from trivium.service.errors import InputError
from trivium.service.settings import Settings

ENTITY = Entity("TRIVIUM", "127.0.0.1", 0, ("MODALITY",), "", "", None)
OPENED: list[socket.socket | None] = []  # pynetdicom does not close a connection that the other side closed first


@pytest.fixture(autouse=True)
def closed():
    yield
    for one in OPENED:
        if one is not None:
            one.close()
    OPENED.clear()


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def listener(runtime):
    with Listener(runtime, ENTITY, max_bytes=200_000) as opened:
        yield opened


def calling(listener, *, title="MODALITY", called="TRIVIUM"):
    sender = AE(title)
    sender.acse_timeout = sender.dimse_timeout = sender.network_timeout = 5
    for one in (DigitalXRayImageStorageForPresentation, ComputedRadiographyImageStorage, Verification, CTImageStorage):
        sender.add_requested_context(one)
    found = sender.associate("127.0.0.1", listener.port, ae_title=called)
    OPENED.append(found.dul.socket and found.dul.socket.socket)
    return found


def film(uid: str, **changes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(planted(uid, **changes)))


def counts(runtime) -> tuple[int, int, int]:
    """Studies, films, files set aside."""
    with runtime.database.read() as connection:
        names = (tables.study, tables.image, tables.quarantine)
        return tuple(connection.execute(select(func.count()).select_from(one)).scalar_one() for one in names)


def test_echo_and_store(runtime, listener):
    association = calling(listener)
    assert association.is_established
    assert association.send_c_echo().Status == 0
    assert association.send_c_store(film("1.2.3.1")).Status == 0
    association.release()
    assert counts(runtime) == (1, 1, 0)
    with runtime.database.read() as connection:
        study = connection.execute(select(tables.study)).one()
    assert (study.received_by, study.view, study.draft_state) == ("dicom:MODALITY", "PA", "waiting")
    assert not [context for context in association.accepted_contexts if context.abstract_syntax == CTImageStorage]


def test_films_of_an_emergency_room_are_stat(runtime):
    site = replace(ENTITY, callers=("MODALITY", "ER"), stat_callers=("ER",))
    with Listener(runtime, site) as listener:
        for title, uid in (("MODALITY", "1.2.3"), ("ER", "1.2.4")):
            association = calling(listener, title=title)
            assert association.send_c_store(film(f"{uid}.1", StudyInstanceUID=uid)).Status == 0
            association.release()
    studies = worklist(runtime.database).studies
    assert [(one.received_by, one.is_stat) for one in studies] == [("dicom:ER", True), ("dicom:MODALITY", False)]


def test_resends_and_aborted_associations_leave_one_study(runtime, listener):
    uids = ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    first = calling(listener)
    assert first.send_c_store(film(uids[0])).Status == 0
    first.abort()  # in the middle of a study
    broken = calling(listener)
    whole = film(uids[1])
    context = next(one for one in broken.accepted_contexts if one.abstract_syntax == whole.SOPClassUID)
    command = struct.pack(">BBLLBB", 4, 0, 60_006, 60_002, context.context_id, 0) + bytes(60_000)
    broken.dul.socket.socket.sendall(command[:30_000])  # in the middle of a film
    broken.dul.socket.close()
    second = calling(listener)
    assert [second.send_c_store(film(uid)).Status for uid in (*uids, uids[0])] == [0, 0, 0, 0]
    second.release()
    assert counts(runtime) == (1, 3, 0)


@pytest.mark.parametrize(("title", "called"), [("STRANGER", "TRIVIUM"), ("MODALITY", "OTHER")])
def test_who_is_not_named_is_turned_away(runtime, listener, title, called):
    assert calling(listener, title=title, called=called).is_rejected
    assert counts(runtime) == (0, 0, 0)


def test_a_bad_film_is_set_aside_and_the_next_is_stored(runtime, listener):
    association = calling(listener)
    answer = association.send_c_store(film("1.2.3.1", StudyInstanceUID=""))
    assert answer.Status == 0xC000
    assert answer.ErrorComment == "the file: has no UID of study or image; export it as DICOM again"
    assert association.send_c_store(film("1.2.3.2")).Status == 0
    association.release()
    assert counts(runtime) == (1, 1, 1)
    with runtime.database.read() as connection:
        assert connection.execute(select(tables.quarantine.c.brought_by)).scalar_one() == "dicom:MODALITY"


def test_a_film_that_is_too_large_is_broken_off(runtime, listener):
    association = calling(listener)
    large = film("1.2.3.1")
    large.Rows, large.PixelData = 64 * 60, large.PixelData * 60
    answer = association.send_c_store(large)
    assert "Status" not in answer  # the connection is gone
    assert counts(runtime) == (0, 0, 0)
    again = calling(listener)
    assert again.send_c_store(film("1.2.3.2")).Status == 0
    again.release()


def test_a_unit_of_gigabytes_is_not_read(runtime, listener):
    with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as raw:
        raw.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFF0) + bytes(64))
        assert raw.recv(64)[:1] in (b"", b"\x07")  # closed, or an abort first
    association = calling(listener)
    assert association.is_established
    association.release()


def test_an_implicit_transfer_is_read(runtime, listener):
    sender = AE("MODALITY")
    sender.add_requested_context(DigitalXRayImageStorageForPresentation, ImplicitVRLittleEndian)
    association = sender.associate("127.0.0.1", listener.port, ae_title="TRIVIUM")
    out = io.BytesIO()
    explicit = film("1.2.3.4")
    explicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    explicit.save_as(out)
    one = pydicom.dcmread(io.BytesIO(out.getvalue()))
    assert association.send_c_store(one).Status == 0
    association.release()
    assert counts(runtime) == (1, 1, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"medical_dicom_host": "0.0.0.0"}, "MEDICAL_DICOM_CALLERS: is empty, and others reach 0.0.0.0"),
        ({"medical_dicom_title": "A TITLE THAT IS TOO LONG"}, "MEDICAL_DICOM_TITLE: .* is no application entity title"),
        ({"medical_dicom_host": "here"}, "'here' is no IP address"),
        ({"medical_archive": "PACS:104"}, "'PACS:104' is not TITLE@HOST:PORT"),
        ({"medical_destination": "PACS@here"}, "MEDICAL_DESTINATION: 'PACS@here' is not TITLE@HOST:PORT"),
        (
            {"medical_destination": "PACS@here:104", "medical_destination_key": "k.pem"},
            "DESTINATION_KEY: needs TRIVIUM_MEDICAL_DESTINATION_CERTIFICATE",
        ),
        ({"medical_dicom_callers": "CR1", "medical_dicom_stat_callers": "ER"}, "STAT_CALLERS: ER may not call"),
        ({"medical_dicom_authorities": "ca.pem"}, "needs TRIVIUM_MEDICAL_DICOM_CERTIFICATE"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        entity_of(Settings(home=tmp_path, **settings))


def test_settings_name_callers_and_archive(tmp_path):
    settings = Settings(
        home=tmp_path,
        medical_dicom_callers="CR1, CR 2",
        medical_dicom_host="0.0.0.0",
        medical_archive="PACS@[::1]:104",
        medical_dicom_stat_callers="CR 2",
    )
    found = entity_of(settings)
    assert (found.callers, found.stat_callers) == (("CR1", "CR 2"), ("CR 2",))
    assert (found.archive.title, found.archive.host, found.archive.port) == ("PACS", "::1", 104)


def test_associations_side_by_side_make_one_study(runtime, listener):
    def send(uid: str) -> int:
        association = calling(listener)
        status = association.send_c_store(film(uid)).Status
        association.release()
        return status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, [f"1.2.3.{number}" for number in (1, 2, 3, 4, 1, 2)])) == [0] * 6
    assert counts(runtime) == (1, 4, 0)
