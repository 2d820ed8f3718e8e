"""Lookup tables of a header: kept where they are curves, without what is no entry, and right way round."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian
from tests.medical.films import dicom

from trivium.medical.intake.deidentify import deidentified
from trivium.medical.intake.lookup import cleaned_table
from trivium.medical.intake.vault import open_vault
from trivium.medical.parse.dicom import open_dicom
from trivium.service.settings import Settings


def table(entries: bytes | list[int], descriptor: list[int], kind: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new((0x0028, 0x3002), "US", descriptor)
    item.add_new((0x0028, 0x3006), kind, entries)
    return item


RISING = np.arange(0, 1024, 4, dtype="<u2").tobytes()  # 256 entries


@pytest.mark.parametrize(
    "item",
    [
        table(RISING, [256, 0, 10]),
        table(RISING + b"Zyxwine^Quorla", [256, 0, 10]),
        table(list(range(0, 1024, 4)), [256, 0, 10], "US"),
    ],
)
def test_a_curve_is_kept_and_nothing_behind_it(item):
    found = cleaned_table(item, is_little_endian=True)
    assert (found.LUTDescriptor, found["LUTData"].VR, found.LUTData) == ([256, 0, 10], "OW", RISING)
    assert len(found) == 2


@pytest.mark.parametrize(
    "item",
    [
        table(b"Zyxwine^Quorla, born 3.2.1961   ", [16, 0, 16]),
        table(RISING, [300, 0, 10]),  # fewer entries than it says
        table(RISING, [256, 0]),
        table(RISING, 256),
        Dataset(),
    ],
)
def test_what_is_no_curve_is_left_out(item):
    assert cleaned_table(item, is_little_endian=True) is None


def test_a_table_of_a_big_endian_film_is_read_as_it_is_meant(tmp_path):
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % 256
    film = pydicom.dcmread(io.BytesIO(dicom(pixels, StudyInstanceUID="1.2", SOPInstanceUID="1.3", BitsStored=8)))
    film.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    film.VOILUTSequence = [table(np.arange(0, 1024, 4, dtype=">u2").tobytes(), [256, 0, 10])]
    film.PixelData = pixels.astype(">u2").tobytes()
    out = io.BytesIO()
    pydicom.dcmwrite(out, film, implicit_vr=False, little_endian=False)
    dataset, stored = open_dicom("the file", out.getvalue())
    np.testing.assert_array_equal(stored, pixels)
    clean = deidentified(dataset, stored, open_vault(Settings(home=tmp_path)))
    assert pydicom.dcmread(io.BytesIO(clean)).VOILUTSequence[0].LUTData == RISING
