"""DICOM files with identifiers planted wherever the standard, vendors and people put them; each is told apart.

Every file has its own words, so that one found anywhere says where it came from. Invented throughout; fonts are
Pillow's own.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

SHAPE = (320, 288)
_NAMES = (
    "PatientName", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "PatientBirthName",
    "NameOfPhysiciansReadingStudy", "RequestingPhysician", "PhysiciansOfRecord", "PatientMotherBirthName",
    "OtherPatientNames", "ResponsiblePerson", "NamesOfIntendedRecipientsOfResults",
)  # fmt: skip
_WORDS = (
    "PatientID", "IssuerOfPatientID", "AccessionNumber", "StudyID", "InstitutionName", "InstitutionAddress",
    "InstitutionalDepartmentName", "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
    "ImageComments", "PatientComments", "AdditionalPatientHistory", "AdmittingDiagnosesDescription", "PatientAddress",
    "PatientTelephoneNumbers", "Occupation", "EthnicGroup", "CountryOfResidence", "RegionOfResidence",
    "MedicalRecordLocator", "ServiceEpisodeID", "CurrentPatientLocation", "SpecialNeeds", "Allergies", "MedicalAlerts",
    "VisitComments", "DeviceSerialNumber", "DetectorID", "PlateID", "SoftwareVersions", "ManufacturerModelName",
    "DerivationDescription", "RequestedProcedureDescription", "PerformedProcedureStepDescription", "ReasonForStudy",
    "FillerOrderNumberImagingServiceRequest", "PlacerOrderNumberImagingServiceRequest",
    "AcquisitionDeviceProcessingDescription", "WindowCenterWidthExplanation", "PatientState",
)  # fmt: skip
_DATES = (
    "PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "PerformedProcedureStepStartDate",
    "DateOfSecondaryCapture", "LastMenstrualDate",
)  # fmt: skip
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "DeviceUID")
_CODES = ("BodyPartExamined", "ViewPosition", "Modality", "ImageType")
_CHINESE = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"


@dataclass
class Planted:
    """One file: its bytes, what was planted by place, and where text was drawn into its pixels.

    Args:
        secrets: text by the place where it stands.
        ink: (H, W) bool, pixels of glyphs; all False where nothing was drawn.
        study_uid: of the file.
    """

    data: bytes = b""
    secrets: dict[str, str] = field(default_factory=dict)
    ink: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, bool))
    study_uid: str = ""


def planted_file(seed: int) -> Planted:
    """Make one file; the same seed gives the same planted words."""
    rng, made = random.Random(seed), Planted()

    def word(place: str) -> str:
        made.secrets[place] = "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(10))
        return made.secrets[place]

    dataset, syntax = _frame(rng), _syntax(seed)
    _fill_header(dataset, rng, word, made)
    _fill_sequences(dataset, word)
    _fill_corners(dataset, word)
    made.study_uid = str(dataset.StudyInstanceUID)
    pixels = _film(rng)
    if seed % 3 == 0:
        pixels, made.ink = _write_on(pixels, rng, word("burned into the pixels"))
    made.data = _encoded(dataset, pixels, syntax, word)
    return made


def searched(secret: str) -> tuple[bytes, ...]:
    """Return the bytes that a secret may appear as."""
    forms = {secret, secret.upper(), secret.title()}
    return tuple({form.encode(code, "replace") for form in forms for code in ("utf-8", "gb18030", "utf-16-le")})


def found_in(data: bytes, secrets: Iterable[str]) -> set[str]:
    """Return which secrets stand in the data, in one pass over it: by the last six bytes, then as a whole."""
    by_end: dict[int, list[tuple[bytes, str]]] = {}
    for secret in secrets:
        for form in searched(secret):
            by_end.setdefault(int.from_bytes(form[-6:].rjust(8, b"\0"), "big"), []).append((form, secret))
    ends, found = np.array(sorted(by_end), np.uint64), set()
    for start in range(0, len(data), 1 << 22):
        part = np.frombuffer(data, np.uint8, min((1 << 22) + 5, len(data) - start), start).astype(np.uint64)
        if len(part) < 6:
            break
        windows = sum(part[i : len(part) - 5 + i] << np.uint64(8 * (5 - i)) for i in range(6))
        place = np.searchsorted(ends, windows).clip(max=len(ends) - 1)
        for index in np.flatnonzero(ends[place] == windows):
            stop = start + int(index) + 6
            found |= {one for form, one in by_end[int(windows[index])] if data[max(stop - len(form), 0) : stop] == form}
    return found


def _syntax(seed: int) -> UID:
    kinds = (
        ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGBaseline8Bit,
        DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian,
    )  # fmt: skip
    return kinds[seed % len(kinds)]


def _frame(rng: random.Random) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset = FileDataset("film.dcm", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = rng.choice(["ISO_IR 192", "GB18030"])
    dataset.SOPClassUID, dataset.PatientSex, dataset.PatientAge = meta.MediaStorageSOPClassUID, "F", "063Y"
    return dataset


def _fill_header(dataset: Dataset, rng: random.Random, word: Callable[[str], str], made: Planted) -> None:
    for keyword in _NAMES:
        setattr(dataset, keyword, f"{word(keyword).title()}^A")
    chinese = "".join(rng.sample(_CHINESE, 6))
    made.secrets["PatientName in Chinese"] = chinese
    dataset.PatientName = f"{made.secrets['PatientName'].title()}^A={chinese[:3]}^{chinese[3:]}"
    made.secrets["PatientName in Chinese"] = chinese[:3]
    for keyword in _WORDS:
        setattr(dataset, keyword, word(keyword))
    dataset.StudyDescription = f"Chest PA {made.secrets['StudyDescription']}"
    for keyword in _CODES:
        setattr(dataset, keyword, word(keyword).upper())
    for keyword in _DATES:
        made.secrets[keyword] = f"{rng.randint(1930, 2025)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        setattr(dataset, keyword, made.secrets[keyword])
    for keyword in _TIMES:
        made.secrets[keyword] = (
            f"{rng.randrange(24):02d}{rng.randrange(60):02d}{rng.randrange(60):02d}.{rng.randrange(10**6):06d}"
        )
        setattr(dataset, keyword, made.secrets[keyword])
    for keyword in _UIDS:
        made.secrets[keyword] = f"1.2.826.0.1.3680043.8.498.{rng.randrange(10**18, 10**19)}"
        setattr(dataset, keyword, made.secrets[keyword])


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _fill_sequences(dataset: Dataset, word: Callable[[str], str]) -> None:
    code = _item(CodeValue="121106", CodingSchemeDesignator="DCM", CodeMeaning=word("code meaning"))
    text = _item(ValueType="TEXT", TextValue=word("structured content"), ConceptNameCodeSequence=[code])
    for depth in range(4):
        text = _item(ValueType="CONTAINER", ContentSequence=[text], TextValue=word(f"container {depth}"))
    dataset.ContentSequence = [text]
    person = _item(ValueType="PNAME", PersonName=word("person of the content"))
    dataset.AcquisitionContextSequence = [person]
    dataset.RequestAttributesSequence = [
        _item(
            RequestedProcedureID=word("requested procedure"), ScheduledProcedureStepID=word("step"),
            ScheduledProcedureStepDescription=word("description of the step"),
        )
    ]  # fmt: skip
    dataset.OtherPatientIDsSequence = [_item(PatientID=word("other number"))]
    changed = _item(
        ModifiedAttributesSequence=[_item(PatientName=word("original name"))], ModifyingSystem=word("system")
    )
    dataset.OriginalAttributesSequence = [changed]
    dataset.ContributingEquipmentSequence = [
        _item(InstitutionName=word("equipment's institution"), OperatorsName=word("equipment's operator"))
    ]
    note = _item(TextObjectSequence=[_item(UnformattedTextValue=word("graphic annotation"))])
    dataset.GraphicAnnotationSequence = [note]
    behind, within = word("behind a table").encode(), word("within a table").encode() * 52
    explained = {"LUTExplanation": word("explanation of a table")}
    dataset.VOILUTSequence = [
        _item(LUTDescriptor=[256, 0, 8], LUTData=bytes(512) + behind, **explained),
        _item(LUTDescriptor=[256, 0, 8], LUTData=within[:512]),
    ]
    dataset.IconImageSequence = [_item(Rows=2, Columns=5, PixelData=word("icon").encode())]
    dataset.DigitalSignaturesSequence = [_item(CertificateOfSigner=word("certificate").encode())]
    dataset.EncryptedAttributesSequence = [_item(EncryptedContent=word("encrypted content").encode())]
    for item in (*dataset.VOILUTSequence, *dataset.IconImageSequence):
        for keyword in ("LUTData", "PixelData"):
            if keyword in item:
                item[keyword].VR = "OW"


def _fill_corners(dataset: FileDataset, word: Callable[[str], str]) -> None:
    block = dataset.private_block(0x0029, word("private creator").upper(), create=True)
    block.add_new(0x01, "LO", word("private value"))
    block.add_new(0x02, "SQ", [_item(PatientName=word("name in a private sequence"))])
    block.add_new(0x03, "OB", word("private bytes").encode())
    for group, element, vr, value in (
        (0x0099, 0x1001, "UN", word("private element without a creator").encode()),
        (0x6000, 0x3000, "OW", word("overlay's bits").encode()), (0x6000, 0x4000, "LT", word("overlay's comment")),
        (0x6000, 0x0022, "LO", word("overlay's description")), (0x5000, 0x3000, "OW", word("curve").encode()),
        (0x5000, 0x0022, "LO", word("curve's description")), (0xFFFC, 0xFFFC, "OB", word("trailing padding").encode()),
        (0x0008, 0x4000, "LT", word("retired comment")), (0x0020, 0x4001, "UN", word("unknown element").encode()),
    ):  # fmt: skip
        dataset.add(DataElement((group, element), vr, value))
    meta = dataset.file_meta
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.SourceApplicationEntityTitle = word("sender").upper()
    meta.ImplementationVersionName = word("implementation")
    meta.PrivateInformationCreatorUID = "1.2.3.4"
    meta.PrivateInformation = word("private information of the file").encode()
    dataset.preamble = word("preamble").encode().ljust(128, b"\0")


def _film(rng: random.Random) -> np.ndarray:
    """Return a film-like picture (H, W) uint16 of 12 bits: two dark fields on a body, ribs, grain."""
    rows, columns = SHAPE
    y, x = np.mgrid[0:rows, 0:columns]
    body = 2400 * np.exp(-(((x - columns / 2) / (columns * 0.42)) ** 4)) + 200
    for side in (-1, 1):
        centre = columns / 2 + side * columns * 0.2
        body -= 1500 * np.exp(-(((x - centre) / (columns * 0.14)) ** 2) - ((y - rows / 2) / (rows * 0.3)) ** 2)
    body += 120 * np.sin(y / 9 + np.abs(x - columns / 2) / 30)
    grain = np.random.default_rng(rng.randrange(2**32)).normal(0, 25, SHAPE)
    return np.clip(body + grain, 0, 3900).astype(np.uint16)


def _write_on(pixels: np.ndarray, rng: random.Random, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw a text into a corner; return the film and the pixels of its glyphs."""
    font = ImageFont.load_default(rng.choice([11, 13, 16, 20]))
    board = Image.new("L", (pixels.shape[1], pixels.shape[0]), 0)
    pen = ImageDraw.Draw(board)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    x = rng.choice([4, pixels.shape[1] - (right - left) - 6])
    y = rng.choice([4, pixels.shape[0] - (bottom - top) - 6])
    pen.text((x - left, y - top), text, fill=255, font=font)
    ink = np.asarray(board, dtype=np.float32) / 255
    return np.rint(pixels * (1 - ink) + 4095 * ink).astype(np.uint16), ink > 0.5


def _encoded(dataset: FileDataset, pixels: np.ndarray, syntax: UID, word: Callable[[str], str]) -> bytes:
    bits, is_jpeg = 12, syntax == JPEGBaseline8Bit
    if is_jpeg:
        pixels, bits = (pixels >> 4).astype(np.uint8), 8
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = pixels.dtype.itemsize * 8, bits, bits - 1
    if is_jpeg:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=92, comment=word("comment of the compressed stream"))
        dataset.PixelData = encapsulate([stream.getvalue()])
    else:
        hidden = pixels
        if not syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
            letters = np.frombuffer(word("bits beside the image").encode(), np.uint8)
            hidden = pixels.copy()
            hidden[0, : 2 * len(letters)] |= np.stack([letters >> 4, letters & 15], -1).ravel().astype(np.uint16) << 12
        dataset.PixelData = hidden.tobytes()
    dataset["PixelData"].VR = "OB" if is_jpeg else "OW"
    dataset["PixelData"].is_undefined_length = is_jpeg
    dataset.file_meta.TransferSyntaxUID = syntax if is_jpeg or not syntax.is_encapsulated else ExplicitVRLittleEndian
    if syntax.is_encapsulated and not is_jpeg:
        dataset.compress(syntax, generate_instance_uid=False)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
