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


def element_bomb() -> bytes:
    """Six megabytes of empty elements, each of which a reader would make an object of."""
    return with_element(b"".join(struct.pack("<HHHHI", 9, 0x1000 + i % 0xE000, 0x4E55, 0, 0) for i in range(500_000)))


def nested_elements(count: int) -> bytes:
    """A sequence of one item of many empty elements, none of them private or known."""
    inner = b"\x08\x00\x05\x10LO\x00\x00" * count
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    return with_element(b"\x08\x00\x06\x11SQ\x00\x00" + struct.pack("<I", len(item)) + item)


def larger_stream() -> bytes:
    """A JPEG 2000 stream of 60,000 x 60,000 pixels in a film of 8 x 8."""
    size = struct.pack(">HH8I", 47, 0, 60_000, 60_000, 0, 0, 60_000, 60_000, 0, 0)
    return dicom(COMPRESSED["jpeg-2000"], PixelData=encapsulate([b"\xff\x4f\xff\x51" + size + bytes(64)]))


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
    yield "dicom-elements-500000", element_bomb()
    yield "dicom-nested-elements", nested_elements(60_000)
    yield "dicom-item-longer", nested_elements(10).replace(struct.pack("<I", 80), struct.pack("<I", 90))
    yield "dicom-jpeg-2000-larger", larger_stream()
    yield "dicom-report", dicom(PixelData=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33")
    yield "dicom-directory", dicom(PixelData=None, SOPClassUID="1.2.840.10008.1.3.10")
    yield "dicom-bits-stored", dicom(BitsStored=12)
    place = b"\x28\x00\x10\x00US"
    yield "dicom-no-kind", dicom().replace(place, b"\x20\x00\x20\x00\x01\x02\x04\x00abcd" + place)
    yield (
        "dicom-plain-but-wrapped",
        dicom(COMPRESSED["rle"], PixelData=encapsulate([bytes(64)])).replace(
            COMPRESSED["rle"].encode() + b"\x00", PLAIN.encode() + b"\x00"
        ),
    )
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
