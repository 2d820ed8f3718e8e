"""DICOM files whose headers lie, and whose pixels are not what they are said to be."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from tests.security.forged_files import MIB, Forged

PLAIN, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
COMPRESSED = {
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
    "rle": "1.2.840.10008.1.2.5",
    "video": "1.2.840.10008.1.2.4.100",
    "unknown": "1.2.3.4.5",
}


def dicom(syntax: str = PLAIN, **changes: Any) -> bytes:
    """A film of 8 x 8 pixels with some of its values changed; None takes one away."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    values = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "SOPInstanceUID": "1.2.3", "Modality": "CR", "Rows": 8,
        "Columns": 8,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "PixelData": bytes(64),
    }  # fmt: skip
    for name, value in (values | changes).items():
        if value is not None:
            setattr(data, name, value)
    if "PixelData" in data:
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = syntax not in (PLAIN, DEFLATED)
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True, little_endian=True, implicit_vr=False)
    return out.getvalue()


def with_element(element: bytes) -> bytes:
    """A film with bytes put in after its meta header."""
    whole = dicom()
    place = whole.index(b"\x08\x00\x16\x00UI")
    return whole[:place] + element + whole[place:]


def deep_sequence(depth: int) -> bytes:
    opened = b"\x08\x00\x06\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return with_element(opened * depth)


def deflated_bomb() -> bytes:
    head = dicom(DEFLATED)
    place = head.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack("<H", head[place + 6 : place + 8])[0]
    packer = zlib.compressobj(1, wbits=-15)
    body = b"".join(packer.compress(bytes(MIB)) for _ in range(1000)) + packer.flush()
    meta_end = 132 + 12 + struct.unpack("<I", head[140:144])[0]
    assert place + 8 + length <= meta_end
    return head[:meta_end] + body


def dicoms() -> Forged:
    yield "dicom-preamble-alone", bytes(128) + b"DICM"
    yield "dicom-cut", dicom()[:200]
    yield "dicom-cut-pixels", dicom()[:-40]
    yield "dicom-no-pixels", dicom(PixelData=None)
    yield "dicom-colour", dicom(PhotometricInterpretation="RGB", SamplesPerPixel=3, PixelData=bytes(192))
    yield "dicom-no-photometric", dicom(PhotometricInterpretation=None)
    yield "dicom-rows-65535", dicom(Rows=65_535, Columns=65_535)
    yield "dicom-rows-0", dicom(Rows=0)
    yield "dicom-no-rows", dicom(Rows=None)
    yield "dicom-columns-0", dicom(Columns=0)
    yield "dicom-rows-lie", dicom(Rows=4000, Columns=4000)
    yield "dicom-bits-64", dicom(BitsAllocated=64)
    yield "dicom-bits-0", dicom(BitsAllocated=0)
    yield "dicom-bits-7", dicom(BitsAllocated=7)
    yield "dicom-no-bits", dicom(BitsAllocated=None)
    yield "dicom-frames", dicom(NumberOfFrames="2147483647", Rows=5000, Columns=5000)
    yield (
        "dicom-frames-text",
        dicom().replace(b"\x28\x00\x10\x00US", b"\x28\x00\x08\x00IS\x04\x00many\x28\x00\x10\x00US"),
    )
    yield "dicom-samples-3", dicom(SamplesPerPixel=3)
    yield "dicom-representation", dicom(PixelRepresentation=9)
    yield (
        "dicom-window-text",
        dicom().replace(
            b"\xe0\x7f\x10\x00OB", b"\x28\x00\x50\x10DS\x04\x00abcd\x28\x00\x51\x10DS\x04\x00abcd\xe0\x7f\x10\x00OB"
        ),
    )
    yield "dicom-element-length", with_element(b"\x08\x00\x05\x00UN\x00\x00\xfe\xff\xff\xff")
    yield "dicom-odd-vr", with_element(b"\x08\x00\x05\x00ZZ\x04\x00abcd")
    yield "dicom-sequence-open", with_element(b"\x08\x00\x06\x11SQ\x00\x00\xff\xff\xff\xff")
    yield "dicom-sequences-3000", deep_sequence(3000)
    yield "dicom-deflated-bomb", deflated_bomb()
    yield "dicom-deflated-noise", dicom(DEFLATED)[:400] + bytes(300)
    for name, syntax in COMPRESSED.items():
        if name != "unknown":
            yield f"dicom-{name}-noise", dicom(syntax, PixelData=encapsulate([b"\xff\xd8\xff\xe0" + bytes(100)]))
        whole = dicom()
        yield (
            f"dicom-{name}-unwrapped",
            whole.replace(PLAIN.encode() + b"\x00", syntax.encode()[:19].ljust(20, b"\x00")),
        )
    yield (
        "dicom-rle-offsets",
        dicom(COMPRESSED["rle"], PixelData=encapsulate([struct.pack("<16I", 15, *[2**32 - 1] * 15)])),
    )
    yield "dicom-no-fragments", dicom(COMPRESSED["jpeg"], PixelData=encapsulate([bytes(2)]))
