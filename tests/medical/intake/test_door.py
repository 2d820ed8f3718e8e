"""The door: identity goes into its own table or nowhere, resends meet, bad files are set aside, one job one draft."""

from __future__ import annotations

import gzip
import io
import json
from datetime import date

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from sqlalchemy import select, text
from tests.medical.deployment import deployed, document
from tests.medical.films import dicom, png

from trivium.medical import tables, tasks
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import KEY_FILE, Vault, open_vault
from trivium.medical.parse.dicom_header import header_of
from trivium.medical.workflow.studies import images, study_of
from trivium.service.errors import InputError
from trivium.service.runner import JobContext
from trivium.service.settings import Settings

PLANTED = {
    "PatientName": "Zyxwine^Quorla", "PatientID": "MRN-77123", "PatientBirthDate": "19610203",
    "AccessionNumber": "ACC-9911", "StudyDate": "20250607", "StudyTime": "101112", "StudyInstanceUID": "1.2.840.99.1",
    "SeriesInstanceUID": "1.2.840.99.1.2", "ReferringPhysicianName": "Grumbold^Fen",
    "InstitutionName": "Vexmoor Clinic", "InstitutionAddress": "12 Thornquill Lane",
    "StudyDescription": "Chest of Quorla", "ImageComments": "call 555-0188",
    "OperatorsName": "Tilberry^Sash", "StationName": "ROOM-QX7", "DeviceSerialNumber": "SN-55521",
    "PatientAddress": "9 Yarrow Street", "ProtocolName": "Quorla protocol", "BodyPartExamined": "CHEST",
    "PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "PA",
}  # fmt: skip
SECRETS = [
    "Zyxwine", "Quorla", "MRN-77123", "19610203", "ACC-9911", "20250607", "101112", "1.2.840.99", "Grumbold", "Vexmoor",
    "Thornquill", "555-0188", "Tilberry", "ROOM-QX7", "SN-55521", "Yarrow", "PRIVATE-SECRET", "NESTED-SECRET",
]  # fmt: skip
FILM = (np.arange(64 * 48, dtype=np.uint16).reshape(64, 48) * 5) % 4096


def planted(uid: str = "1.2.840.99.1.2.3", **changes) -> bytes:
    """A DX film with identifiers in its header, in a nested sequence and in a private block."""
    nested = Dataset()
    nested.ScheduledProcedureStepDescription = "NESTED-SECRET"
    data = dicom(
        FILM, SOPInstanceUID=uid, RequestAttributesSequence=Sequence([nested]), BitsStored=12, **PLANTED | changes
    )
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.private_block(0x0011, "QUORLA 1", create=True).add_new(0x01, "LO", "PRIVATE-SECRET")
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def vault(runtime):
    return open_vault(runtime.settings)


def everything_written(home) -> bytes:
    """Every byte of the deployment: database with its log, blobs (unpacked where they are packed), names of files."""
    parts = []
    for path in home.rglob("*"):
        parts.append(str(path.relative_to(home)).encode())
        if path.is_file():
            data = path.read_bytes()
            parts.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return b"\n".join(parts)


def test_no_identifier_is_left_anywhere_but_sealed(runtime, vault):
    assert all(secret.encode() in planted() for secret in SECRETS if secret != "Quorla protocol")
    found = receive(runtime, vault, planted(), brought_by="tom", language="en")
    written = everything_written(runtime.settings.home)
    assert [secret for secret in SECRETS if secret.encode() in written] == []
    with runtime.database.read() as connection:
        sealed = connection.execute(select(tables.identity)).one()
        film = images(connection, found.study_id)[0]
        study = connection.execute(select(tables.study)).one()
    opened = vault.open(found.study_id, (sealed.key_id, sealed.nonce, sealed.sealed))
    assert opened["patient_name"] == "Zyxwine^Quorla"
    assert (opened["patient_id"], opened["study_uid"]) == ("MRN-77123", "1.2.840.99.1")
    clean = pydicom.dcmread(io.BytesIO(runtime.store.read(film.sha256)))
    assert opened[f"image_uid {clean.SOPInstanceUID}"] == "1.2.840.99.1.2.3"  # the way back, for exports
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert (clean.ViewPosition, clean.PatientAge, clean.BodyPartExamined) == ("PA", "063Y", "CHEST")
    assert np.array_equal(clean.pixel_array, FILM)
    assert (study.sex, study.age_years, study.view, study.modality) == ("F", 63.0, "PA", "DX")


def test_days_between_studies_are_kept_and_no_date(runtime, vault):
    dates = {"1.1": ("MRN-1", "20250607"), "1.2": ("MRN-1", "20240607"), "1.3": ("MRN-2", "20250607"),
             "1.4": ("MRN-1", "")}  # fmt: skip
    days = {}
    for uid, (number, taken) in dates.items():
        data = planted(f"{uid}.1", StudyInstanceUID=uid, PatientID=number, StudyDate=taken)
        found = receive(runtime, vault, data, brought_by="tom", language="en")
        with runtime.database.read() as connection:
            days[uid] = study_of(connection, found.study_id).moved_day
    assert days["1.1"] - days["1.2"] == 365
    assert days["1.4"] is None
    assert days["1.1"] != days["1.3"]  # the same day of two patients
    assert date(2025, 6, 7).toordinal() not in days.values()


def test_a_site_may_keep_nothing(tmp_path):
    with deployed(tmp_path / "home", medical_identity="discard") as runtime:
        receive(runtime, open_vault(runtime.settings), planted(), brought_by="tom", language="en")
        with runtime.database.read() as connection:
            assert connection.execute(select(tables.identity)).all() == []
            assert connection.execute(select(tables.study.c.moved_day)).scalars().all() == [None]
        written = everything_written(runtime.settings.home)
    assert [secret for secret in SECRETS if secret.encode() in written] == []


@pytest.mark.parametrize(("written", "kept"), [("LL", "LATERAL"), ("RAO", "OBLIQUE"), ("LLD", "DECUBITUS")])
def test_a_view_that_is_not_frontal_is_kept_and_read_again(runtime, vault, written, kept):
    found = receive(runtime, vault, planted(ViewPosition=written), brought_by="tom", language="en")
    with runtime.database.read() as connection:
        (film,) = images(connection, found.study_id)
    clean = pydicom.dcmread(io.BytesIO(runtime.store.read(film.sha256)))
    assert (film.view, header_of(clean).view) == (kept, kept)


def test_what_is_sent_again_changes_nothing_and_priors_meet(runtime, vault):
    first = receive(runtime, vault, planted(), brought_by="tom", language="en")
    again = receive(runtime, vault, planted(), brought_by="eve", language="en")
    lateral = receive(runtime, vault, planted("1.2.840.99.1.2.4", ViewPosition="LL"), brought_by="tom", language="en")
    later = receive(
        runtime, vault, planted("1.5", StudyInstanceUID="1.4"), brought_by="tom", language="en", is_stat=True
    )
    assert (first.is_new_study, first.is_new_image) == (True, True)
    assert (again.study_id, again.is_new_study, again.is_new_image) == (first.study_id, False, False)
    assert (lateral.study_id, lateral.is_new_image) == (first.study_id, True)
    assert later.study_id != first.study_id
    with runtime.database.read() as connection:
        rows = connection.execute(select(tables.study).order_by(tables.study.c.arrived_at)).all()
        views = [one.view for one in images(connection, first.study_id)]
    assert rows[0].pseudonym == rows[1].pseudonym == vault.pseudonym("MRN-77123")
    assert [one.priority for one in rows] == [2, 0]
    assert views == ["PA", "LATERAL"]
    receive(runtime, vault, planted(), brought_by="eve", language="en", is_stat=True)
    last = runtime.audit.rows(subject_kind="study")[-1]
    assert (last.action, last.actor, last.subject_id) == ("study.stat", "eve", first.study_id)
    jobs = runtime.jobs.recent(app="medical")
    assert [len(job.inputs) for job in sorted(jobs, key=lambda job: job.created_at)] == [1, 2, 1]
    assert {item.name for job in jobs for item in job.inputs} == {"film-1", "film-2"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 Quorla", "neither DICOM nor PNG nor JPEG"),
        (planted(BurnedInAnnotation="YES"), "text is burned into the pixels"),
        (planted(StudyInstanceUID=""), "no UID of study or image"),
        (planted()[:700], "the DICOM file is damaged|holds no image"),
    ],
)
def test_a_bad_file_is_set_aside_with_a_reason_and_no_name(runtime, vault, data, reason):
    with pytest.raises(InputError, match=reason):
        receive(runtime, vault, data, brought_by="tom", language="en")
    with runtime.database.read() as connection:
        kept = connection.execute(select(tables.quarantine)).one()
        assert connection.execute(select(tables.study)).all() == []
    assert kept.size == len(data)
    assert b"Quorla" not in everything_written(runtime.settings.home)


def test_a_picture_is_written_anew(runtime, vault):
    from PIL import Image, PngImagePlugin

    about = PngImagePlugin.PngInfo()
    about.add_text("Patient", "Quorla")
    out = io.BytesIO()
    Image.fromarray((FILM // 16).astype(np.uint8)).save(out, "PNG", pnginfo=about)
    found = receive(runtime, vault, out.getvalue(), brought_by="tom", language="en")
    with runtime.database.read() as connection:
        film = images(connection, found.study_id)[0]
    assert b"Quorla" not in runtime.store.read(film.sha256)
    assert (film.bits, film.spacing, film.rows, film.columns) == (8, "none", 64, 48)
    deep = receive(runtime, vault, png(FILM), brought_by="tom", language="en")
    with runtime.database.read() as connection:
        film = images(connection, deep.study_id)[0]
    values = np.frombuffer(gzip.decompress(runtime.store.read(film.pixels_sha256)), "<u2")
    assert np.array_equal(values.reshape(64, 48), FILM)


def test_the_viewer_gets_the_values_before_any_window(runtime, vault):
    data = planted(
        WindowCenter=300, WindowWidth=400, RescaleSlope=1, RescaleIntercept=-100, ImagerPixelSpacing=[0.2, 0.1]
    )
    found = receive(runtime, vault, data, brought_by="tom", language="en")
    with runtime.database.read() as connection:
        film = images(connection, found.study_id)[0]
    values = np.frombuffer(gzip.decompress(runtime.store.read(film.pixels_sha256)), "<u2").reshape(64, 48)
    assert np.array_equal(values, FILM)
    assert (film.window_center, film.window_width) == (400, 400)  # 300 lies 400 above the lowest value, -100
    assert (film.row_mm, film.column_mm, film.spacing) == (0.2, 0.1, "detector")


def test_keys_are_the_deployments_own(tmp_path):
    settings = Settings(home=tmp_path)
    one = open_vault(settings)
    assert open_vault(settings).pseudonym("4711") == one.pseudonym(" 4711 ")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    other = Vault(bytes(range(32)))
    assert other.pseudonym("4711") != one.pseudonym("4711")
    sealed = one.seal("a" * 16, {"patient_name": "Quorla"})
    assert b"Quorla" not in sealed[2]
    with pytest.raises(InputError, match="belongs to another study"):
        one.open("b" * 16, sealed)
    with pytest.raises(InputError, match="sealed with another key"):
        other.open("a" * 16, sealed)
    with pytest.raises(InputError, match="TRIVIUM_MEDICAL_KEY: is not 32 bytes in base64"):
        open_vault(Settings(home=tmp_path, medical_key="short"))


def test_a_draft_is_told_whether_a_prior_is_here(runtime, vault, monkeypatch):
    told = []

    def drafted(*_given, has_prior):
        told.append(has_prior)
        return tasks._Drafted({"en": document()}, is_refused=False, placed=(), maps=b"")

    monkeypatch.setattr(tasks, "_drafted", drafted)
    for number in ("1", "2"):
        film = planted(f"1.2.{number}", StudyInstanceUID=f"1.3.{number}")
        study_id = receive(runtime, vault, film, brought_by="tom", language="en").study_id
        (job,) = [one for one in runtime.jobs.recent(app="medical") if one.request["study"] == study_id]
        claimed = runtime.jobs.claim(job.id, "here")
        tasks.draft_study(JobContext(claimed, runtime.store, runtime.jobs), runtime, models=None)
    assert told == [False, True]


def test_a_job_that_is_started_twice_makes_one_draft(runtime, vault, monkeypatch):
    found = receive(runtime, vault, planted(), brought_by="tom", language="en")
    drafted = tasks._Drafted({"en": document()}, is_refused=False, placed=("Effusion",), maps=b"picture")
    monkeypatch.setattr(tasks, "_drafted", lambda *_given, has_prior: drafted)
    (job,) = runtime.jobs.recent(app="medical")
    claimed = runtime.jobs.claim(job.id, "here")
    for _ in range(2):
        tasks.draft_study(JobContext(claimed, runtime.store, runtime.jobs), runtime, models=None)
    with runtime.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM medical_draft")).scalar_one() == 1
        study = connection.execute(select(tables.study)).one()
    assert (study.id, study.draft_state, study.version) == (found.study_id, "ready", 1)
    assert [row.action for row in runtime.audit.rows(subject_kind="study")] == ["study.received", "draft.made"]
    assert "Quorla" not in json.dumps(runtime.jobs.get(job.id).request)
