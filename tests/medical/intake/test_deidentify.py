"""What leaves the door carries none of what was planted, says how it was cleaned, and finds its way back."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import re

import numpy as np
import pydicom
import pytest
from sqlalchemy import select
from tests.medical.deployment import deployed, make_draft
from tests.medical.films import dicom
from tests.medical.intake.planting import found_in, planted_file

from trivium.medical import tables
from trivium.medical.intake.descriptors import cleaned
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.out import structured
from trivium.medical.out.outgoing import outgoing
from trivium.medical.workflow.studies import images

FILES = 8  # one of each transfer syntax; benchmarks/medical_deid.py takes 300


@pytest.fixture(scope="module")
def planted():
    return [planted_file(seed) for seed in range(FILES)]


@pytest.fixture(scope="module")
def site(tmp_path_factory, planted):
    """A deployment that took all files in, a draft on each; its log as one text; the studies in order."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    with deployed(tmp_path_factory.mktemp("site")) as runtime, contextlib.redirect_stdout(heard):
        vault = open_vault(runtime.settings)
        studies = []
        for number, one in enumerate(planted):
            studies.append(receive(runtime, vault, one.data, brought_by="tom", language="en").study_id)
            make_draft(runtime, studies[-1], f"job{number}")
        yield runtime, vault, studies, heard
    logging.getLogger().removeHandler(handler)


def written(home) -> bytes:
    parts = []
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        parts += [str(path).encode(), gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data]
    return b"\n".join(parts)


def test_the_search_finds_what_was_planted(planted):
    plain = planted[7]
    assert len(plain.secrets) >= 60
    hidden = {"bits beside the image"}  # in bits 12 to 15 of pixels, not in bytes
    assert found_in(plain.data, plain.secrets.values()) == {v for k, v in plain.secrets.items() if k not in hidden}
    assert found_in(plain.data, ["qqqqqqqqqq"]) == set()


def test_none_is_left_anywhere(site, planted):
    runtime, _vault, _studies, heard = site
    secrets = [secret for one in planted for secret in one.secrets.values()]
    everything = written(runtime.settings.home) + heard.getvalue().encode()
    everything = re.sub(rb"2\.25\.\d{30,39}", b"", everything)  # hashes in digits, in which a date may stand by chance
    assert found_in(everything, secrets) == set()
    with runtime.database.read() as connection:
        kept = connection.execute(select(tables.identity)).all()
    assert len(kept) == FILES


def test_the_pixels_keep_neither_text_nor_other_bits(site, planted):
    runtime, _vault, studies, _heard = site
    for study_id, one in zip(studies, planted, strict=True):
        with runtime.database.read() as connection:
            film = images(connection, study_id)[0]
        clean = pydicom.dcmread(io.BytesIO(runtime.store.read(film.sha256)))
        values = clean.pixel_array
        assert values.max() < 2**clean.BitsStored
        shown = np.frombuffer(gzip.decompress(runtime.store.read(film.pixels_sha256)), "<u2" if film.bits > 8 else "u1")
        assert np.array_equal(shown.reshape(values.shape), values)
        assert bool(film.texts_covered) == one.ink.any()
        if one.ink.any():  # glyphs were drawn at the highest value, and the film stays below 3900 of 4095
            assert values[one.ink].max() < 3900 >> (12 - clean.BitsStored)
        codes = [item.CodeValue for item in clean.DeidentificationMethodCodeSequence]
        assert codes == ["113100", "113101", "113104", "113105", "113108"]
        assert (clean.PatientIdentityRemoved, clean.BurnedInAnnotation) == ("YES", "NO")
        assert clean.LongitudinalTemporalInformationModified == "REMOVED"
        assert (clean.StudyDescription, clean.StudyDate, "SeriesDescription" in clean) == ("CHEST PA", "", False)
        assert not [element for element in clean.iterall() if element.tag.is_private]


def test_a_report_finds_its_study_again(site, planted):
    runtime, vault, studies, _heard = site
    study_id, one = studies[1], planted[1]
    with runtime.database.read() as connection:
        row = connection.execute(select(tables.identity).where(tables.identity.c.study_id == study_id)).one()
        known = vault.open(study_id, (row.key_id, row.nonce, row.sealed))
        report = outgoing(connection, study_id, identity=known)
        bare = outgoing(connection, study_id)
    films = [runtime.store.read(sha256) for sha256 in report.image_hashes]
    made = pydicom.dcmread(io.BytesIO(structured.render(report, films).content))
    evidence = made.CurrentRequestedProcedureEvidenceSequence[0]
    series = evidence.ReferencedSeriesSequence[0]
    assert made.StudyInstanceUID == evidence.StudyInstanceUID == one.study_uid
    assert series.SeriesInstanceUID == one.secrets["SeriesInstanceUID"]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == one.secrets["SOPInstanceUID"]
    assert found_in(structured.render(bare, films).content, one.secrets.values()) == set()


def test_one_study_keeps_one_set_of_uids(tmp_path):
    first, second = (
        dicom(np.full((64, 64), 9, np.uint8), StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1", SOPInstanceUID=uid)
        for uid in ("1.2.9.1.1", "1.2.9.1.2")
    )
    with deployed(tmp_path) as runtime:
        vault = open_vault(runtime.settings)
        for data in (first, second):
            study_id = receive(runtime, vault, data, brought_by="tom", language="en").study_id
        with runtime.database.read() as connection:
            films = [runtime.store.read(one.sha256) for one in images(connection, study_id)]
    headers = [pydicom.dcmread(io.BytesIO(one)) for one in films]
    assert len(headers) == 2
    assert len({one.StudyInstanceUID for one in headers}) == len({one.SeriesInstanceUID for one in headers}) == 1
    assert len({one.SOPInstanceUID for one in headers}) == 2
    assert all(one.StudyInstanceUID == vault.uid("1.2.9") for one in headers)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Chest PA/LAT, Mrs Quorla 12.03.1961", "CHEST PA LAT"),
        ("Thorax p.a. liegend - Zyxwine", "THORAX LIEGEND"),
        ("张伟 胸部正位片 床旁", "胸部 正位 床旁"),
        ("MRN-77123", ""),
        ("portable " * 20, "PORTABLE"),
    ],
)
def test_descriptions_keep_known_words(text, kept):
    assert cleaned(text) == kept
