"""Pictures and DICOM files: values worked out from the standard's rules, and what is refused."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from tests.medical.films import dicom, png

from trivium.medical.parse.reader import read_bytes, read_path
from trivium.service.errors import InputError

RAMP = np.arange(0, 4096, 1, dtype=np.uint16).reshape(64, 64)


def test_eight_and_sixteen_bit_pictures_give_their_values_over_the_full_range():
    eight = np.array([[0, 51], [102, 255]], np.uint8).repeat(8, 0).repeat(8, 1)
    read = read_bytes("a.png", png(eight))
    assert (read.format, read.bits, read.size) == ("PNG", 8, (16, 16))
    assert read.film[0, 0] == 0
    assert read.film[0, 15] == pytest.approx(0.2)
    sixteen = np.full((8, 9), 13107, np.uint16)  # a fifth of 65535
    read = read_bytes("b.png", png(sixteen))
    assert (read.bits, read.size) == (16, (9, 8))
    assert read.film == pytest.approx(0.2)


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 1), (8, 3)])
def test_a_picture_is_read_as_its_orientation_shows_it(orientation, turn):
    """EXIF 6: stored with its top to the left, so that a viewer turns it clockwise."""
    upright = np.arange(0, 240, 2, dtype=np.uint8).reshape(10, 12)
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.rot90(upright, turn).copy()).save(out, "PNG", exif=exif)
    read = read_bytes("a.png", out.getvalue())
    assert read.size == (12, 10)
    np.testing.assert_allclose(read.film * 255, upright, atol=1e-4)
    Image.fromarray(upright).save(damaged := io.BytesIO(), "PNG", exif=exif.tobytes()[:19])
    np.testing.assert_allclose(read_bytes("a.png", damaged.getvalue()).film * 255, upright, atol=1e-4)


def test_a_window_cuts_and_stretches():
    """PS3.3 C.11.2.1.2: below centre - 0.5 - (width - 1) / 2 is black; above its mirror is white."""
    data = dicom(RAMP, BitsStored=12, WindowCenter="2048.5", WindowWidth="1001", ViewPosition="PA", PatientAge="064Y")
    read = read_bytes("a.dcm", data)
    flat = read.film.ravel()
    assert flat[1548] == 0
    assert flat[2548] == pytest.approx(1)
    assert flat[2048] == pytest.approx(0.5, abs=1e-3)
    assert (read.header.view, read.header.age_years, read.bits) == ("PA", 64, 12)


def test_monochrome1_and_the_inverse_shape_turn_the_tones_once():
    plain = read_bytes("a.dcm", dicom(RAMP, BitsStored=12)).film
    one = read_bytes("a.dcm", dicom(RAMP, BitsStored=12, photometric="MONOCHROME1")).film
    both = read_bytes(
        "a.dcm", dicom(RAMP, BitsStored=12, photometric="MONOCHROME1", PresentationLUTShape="INVERSE")
    ).film
    assert plain.ravel()[0] == 0
    assert np.allclose(one, 1 - plain)
    assert np.allclose(both, one)


def test_a_window_without_width_shows_the_whole_range():
    plain = read_bytes("a.dcm", dicom(RAMP, BitsStored=12)).film
    none = read_bytes("a.dcm", dicom(RAMP, BitsStored=12, WindowCenter="2000", WindowWidth="0")).film
    assert np.array_equal(none, plain)


def test_a_voi_table_goes_before_a_window():
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = (np.arange(4096, dtype=np.uint16)[::-1] * 16).tobytes()
    data = dicom(
        RAMP, BitsStored=12, VOILUTSequence=Sequence([table]), WindowCenter="100", WindowWidth="10",
        RescaleSlope="1", RescaleIntercept="0",
    )  # fmt: skip
    film = read_bytes("a.dcm", data).film.ravel()
    assert film[0] == pytest.approx(1)
    assert film[4095] == 0
    assert film[1024] == pytest.approx(0.75, abs=1e-3)


def test_padding_outside_the_field_is_not_the_brightest():
    pixels = RAMP.copy()
    pixels[:8] = 4095
    film = read_bytes("a.dcm", dicom(pixels, BitsStored=12, PixelPaddingValue=4095)).film
    assert film[:8].max() == 0


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_films_give_the_same_values(syntax):
    pixels = RAMP.astype(np.uint16)
    plain = read_bytes("a.dcm", dicom(pixels, BitsStored=12)).film
    assert np.array_equal(read_bytes("a.dcm", dicom(pixels, BitsStored=12, syntax=syntax)).film, plain)


def test_gzip_is_taken_off_and_the_hash_is_of_the_content():
    data = png(np.zeros((9, 9), np.uint8))
    assert read_bytes("a.png.gz", gzip.compress(data)).sha256 == read_bytes("a.png", data).sha256


def test_a_bomb_is_refused_before_it_is_decoded():
    """The header claims 30,000 x 30,000; the pixels behind it are never looked at."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="more than the 40,000,000 allowed"):
        read_bytes("bomb.png", bomb)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "x: the file is empty"),
        (b"hello", "x: is neither DICOM nor PNG nor JPEG"),
        (b"\x1f\x8b\x00", "x: the gzip file is damaged"),
        (png(np.zeros((90, 90), np.uint8))[:60], "x: "),
        (dicom(RAMP, BitsStored=12)[:900], "x: "),
    ],
)
def test_what_cannot_be_read_is_one_line(data, words):
    with pytest.raises(InputError) as caught:
        read_bytes("x", data)
    assert caught.value.line.startswith(words)
    assert "\n" not in caught.value.line


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_path(tmp_path / "no.png")


def view_code(meaning: str) -> Sequence:
    """Return a view code with this meaning."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", meaning
    return Sequence([item])


@pytest.mark.parametrize(
    ("view", "elements"),
    [
        ("LATERAL", {"ViewPosition": "LL"}),
        ("LATERAL", {"ViewCodeSequence": view_code("left lateral")}),
        ("LATERAL", {"PatientOrientation": ["A", "F"]}),
        ("LATERAL", {"PatientOrientation": ["P", "F"]}),
        ("LATERAL", {"SeriesDescription": "CHEST LAT"}),
        ("LATERAL", {"SeriesDescription": "Thorax seitlich"}),
        ("LATERAL", {"ProtocolName": "胸部侧位", "SpecificCharacterSet": "ISO_IR 192"}),
        ("PA", {"ViewPosition": "PA", "SeriesDescription": "lateral"}),
        ("PA", {"ViewCodeSequence": view_code("Postero-Anterior")}),
        ("PA", {"ViewCodeSequence": view_code("posteroanterior projection")}),
        ("AP", {"ViewCodeSequence": view_code("antero-posterior")}),
        ("OBLIQUE", {"ViewPosition": "LLO"}),
        ("OBLIQUE", {"ViewPosition": "RAO"}),
        ("OBLIQUE", {"ViewCodeSequence": view_code("postero-anterior oblique")}),
        ("OBLIQUE", {"ViewCodeSequence": view_code("right anterior oblique")}),
        ("OBLIQUE", {"SeriesDescription": "Chest oblique"}),
        ("OBLIQUE", {"ProtocolName": "胸部右前斜位", "SpecificCharacterSet": "ISO_IR 192"}),
        ("DECUBITUS", {"ViewPosition": "RLD"}),
        ("DECUBITUS", {"ViewCodeSequence": view_code("left lateral decubitus")}),
        ("DECUBITUS", {"SeriesDescription": "lateral decubitus"}),
        ("DECUBITUS", {"ProtocolName": "左侧卧位", "SpecificCharacterSet": "ISO_IR 192"}),
        ("SWIMMERS", {"ViewPosition": "SWIMMERS"}),
        (None, {"SeriesDescription": "Ribs AP and oblique"}),
        (None, {"PatientOrientation": ["L", "F"]}),
        (None, {"SeriesDescription": "CHEST PA AND LATERAL"}),
        (None, {"SeriesDescription": "Chest, 2 views, lateral"}),
        (None, {"SeriesDescription": "bilateral ribs"}),
        (None, {"ProtocolName": "胸部正侧位", "SpecificCharacterSet": "ISO_IR 192"}),
    ],
)
def test_a_view_is_told_from_whatever_names_it(view, elements):
    assert read_bytes("a.dcm", dicom(RAMP, BitsStored=12, **elements)).header.view == view


@pytest.mark.parametrize(
    ("years", "elements"),
    [
        (8, {"PatientAge": "008Y"}),
        (0.5, {"PatientAge": "006M"}),
        (5.41, {"PatientBirthDate": "20200101", "StudyDate": "20250601"}),  # 1,978 days
        (5.41, {"PatientBirthDate": "20200101", "AcquisitionDate": "20250601"}),
        (45, {"PatientAge": "045Y", "PatientBirthDate": "20200101", "StudyDate": "20250601"}),
        (None, {"PatientBirthDate": "20200101"}),
        (None, {"PatientBirthDate": "20260101", "StudyDate": "20250601"}),
        (None, {"StudyDate": "20250601"}),
    ],
)
def test_an_age_is_as_written_or_told_from_dates(years, elements):
    found = read_bytes("a.dcm", dicom(RAMP, BitsStored=12, **elements)).header.age_years
    assert found == (None if years is None else pytest.approx(years, abs=0.01))
