"""What somebody typed of a sealed identity goes from a copy; ordinary words that look like a part of a name stay."""

from __future__ import annotations

import pytest

from trivium.medical.out.scrub import Scrubber

IDENTITY = {
    "patient_name": "Zyxwine^Quorla^Bea", "patient_id": "MRN-77123", "birth_date": "19610203", "accession": "0009911",
    "referrer": "Grumbold^Fen", "institution": "Vexmoor Clinic",
}  # fmt: skip
SHORT = {"patient_name": "Short^May", "patient_id": "41"}
CHINESE = {"patient_name": "Wang^Xiaodong=王^小东", "patient_id": "住院20250012", "birth_date": "19610203"}


def cleaned(text: str, identity: dict[str, str] = IDENTITY) -> tuple[str, int]:
    scrubber = Scrubber(identity, "[x]")
    return scrubber.clean(text), scrubber.count


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ms Zyxwine was seen.", "Ms [x] was seen."),
        ("quorla zyxwine, known.", "[x], known."),
        ("ZYXWINE^QUORLA^BEA", "[x]"),
        ("Zyxwine, Quorla Bea: effusion", "[x]: effusion"),
        ("Quorla's film", "[x]'s film"),
        ("mrs. quorla is well", "mrs. [x] is well"),
        ("MRN-77123 and mrn 77123 and MRN77123", "[x] and [x] and [x]"),
        ("no. 0009911, 9911, 00 09 911", "no. [x], [x], [x]"),
        ("Born 1961-02-03, 3.2.1961, 03/02/61, 2/3/1961, 19610203.", "Born [x], [x], [x], [x], [x]."),
        ("DOB 3rd of February 1961; Feb. 3, 1961; 3-FEB-1961", "DOB [x]; [x]; [x]"),
        ("Sent by Dr Grumbold of vexmoor  clinic", "Sent by Dr [x] of [x]"),
        ("患者Zyxwine，1961年2月3日出生", "患者[x]，[x]出生"),
    ],
)
def test_what_repeats_the_identity_goes(text, left):
    assert cleaned(text) == (left, left.count("[x]"))


@pytest.mark.parametrize(
    "text",
    [
        "Zyxwines and Unquorla are other words; bea is three letters.",
        "Pixels 99110 x 277123, MRN-771234.",
        "On 1961-02-04, in 1961, at 13.2.1961.",
        "The clinic asks; grumbold in small letters is no name.",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert cleaned(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("short of breath; the apex may be short", None),
        ("Mr Short is short of breath", "Mr [x] is short of breath"),
        ("mr short is short of breath", "mr [x] is short of breath"),
        ("may short has a cough", "[x] has a cough"),
        ("Short segment of atelectasis", "[x] segment of atelectasis"),  # rather one word too many
        ("a nodule of 41 mm (probability 41%)", None),
        ("Patient 41, ID: 41, nodule of 41 mm", "Patient [x], ID: [x], nodule of 41 mm"),
    ],
)
def test_an_ordinary_word_stays_unless_it_is_written_as_a_name(text, left):
    found, count = cleaned(text, SHORT)
    assert (found, count) == (text if left is None else left, 0 if left is None else left.count("[x]"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("患者王小东，男，右肺斑片影。", "患者[x]，男，右肺斑片影。"),
        ("王先生，小东女士，患者小东", "[x]先生，[x]女士，患者[x]"),
        ("Xiaodong Wang; wang xiaodong", "[x]; [x]"),
        ("住院20250012号", "[x]号"),
        ("国王小学，东侧", "国王小学，东侧"),
    ],
)
def test_names_in_writing_that_divides_no_words(text, left):
    assert cleaned(text, CHINESE) == (left, left.count("[x]"))
    in_one = {"patient_name": "王小东", "patient_id": "住院20250012"}
    if "Wang" not in text:
        assert cleaned(text, in_one) == (left, left.count("[x]"))


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("Müller^Jörg", "Muller and Mu\u0308ller and MÜLLER", "[x] and [x] and [x]"),
        ("O'Neil^Anna-Lena", "O\u2019Neil, Anna Lena; Lena", "[x]; [x]"),
        ("de la Cruz^Maria", "maria de la cruz; Sra. de la Cruz", "[x]; Sra. de la [x]"),
        ("Ng^Li", "Mrs Ng; Ng has an effusion; Li Ng", "Mrs [x]; Ng has an effusion; [x]"),
        ("Anonymous^Patient", "Patient rotated. Anonymous Patient.", "Patient rotated. [x]."),
        ("Dr^", "Dr. on duty", "Dr. on duty"),
        ("Study^001", "a nodule of 10012 um, 001", "a nodule of 10012 um, 001"),
    ],
)
def test_names_of_other_forms(name, text, left):
    assert cleaned(text, {"patient_name": name}) == (left, left.count("[x]"))


def test_an_empty_identity_changes_nothing():
    assert cleaned("Mr Short, born 3.2.1961, ID 0", {"patient_name": "^", "patient_id": "-", "birth_date": "1961"}) == (
        "Mr Short, born 3.2.1961, ID 0",
        0,
    )
