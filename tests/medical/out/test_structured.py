"""The DICOM structured report, read back: its letters, its dates, and a UID of its own for each that differs."""

from __future__ import annotations

import io
from datetime import datetime

import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.medical.deployment import START, deployed, radiologist
from tests.medical.intake.test_door import planted

from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.out import structured
from trivium.medical.out.outgoing import outgoing
from trivium.medical.workflow import content as words
from trivium.medical.workflow.reports import Reports
from trivium.medical.workflow.studies import sealed_identity
from trivium.service.text import catalogue


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path) as opened:
        yield opened


def signed(runtime) -> str:
    """Write and sign a Chinese report of a planted film; return the study."""
    vault = open_vault(runtime.settings)
    data = planted(SpecificCharacterSet="ISO_IR 192", PatientName="Wang^Xiaodong=王^小东")
    study_id = receive(runtime, vault, data, brought_by="tom", language="zh").study_id
    reports, wang = Reports(runtime.database, now=lambda: START), radiologist(runtime, "王医生")
    working = reports.begin(study_id, wang, language="zh")
    typed = {"id": "t1", "text": "左侧胸腔积液。", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "impression": [typed]}}
    version = reports.save(study_id, wang, version=working.study.version, content=content)
    sha = words.sha256_of(words.text_of(reports.working(study_id).content, catalogue("trivium.medical", "zh")))
    reports.sign(study_id, wang, version=version, text_sha256=sha, num_films=1, step_up="pin")
    return study_id


def written(runtime, study_id: str, *, is_named: bool = False) -> Dataset:
    with runtime.database.read() as connection:
        sealed = sealed_identity(connection, study_id)
        known = open_vault(runtime.settings).open(study_id, sealed) if is_named else None
        report = outgoing(connection, study_id, identity=known)
    made = structured.render(report, [runtime.store.read(one) for one in report.image_hashes])
    found = pydicom.dcmread(io.BytesIO(made.content))
    assert found.SOPInstanceUID == made.sop_uid
    return found


def test_chinese_is_read_back(runtime):
    found = written(runtime, signed(runtime), is_named=True)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert found.PatientName == "Wang^Xiaodong=王^小东"
    assert found.VerifyingObserverSequence[0].VerifyingObserverName == "王医生"
    assert found.ContentSequence[-1].ContentSequence[0].TextValue == "左侧胸腔积液。"


def test_it_is_dated_by_its_signature(runtime):
    found = written(runtime, signed(runtime))
    assert found.VerifyingObserverSequence[0].VerificationDateTime == "20260102030405.000000+0000"
    dated = datetime.strptime(f"{found.ContentDate} {found.ContentTime}", "%Y%m%d %H%M%S.%f").astimezone()
    assert dated == START


def test_with_and_without_the_name_are_two_objects(runtime):
    study_id = signed(runtime)
    bare, again = written(runtime, study_id), written(runtime, study_id)
    named = written(runtime, study_id, is_named=True)
    assert named.StudyInstanceUID == "1.2.840.99.1"
    assert bare.StudyInstanceUID.startswith("2.25.")
    assert bare.SOPInstanceUID == again.SOPInstanceUID
    assert bare.SOPInstanceUID != named.SOPInstanceUID
    assert bare.SeriesInstanceUID != named.SeriesInstanceUID
