"""What leaves: marked until signed in every format, the FHIR status of each state, no model among performers."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import timedelta

import pypdfium2
import pytest
from tests.medical.deployment import START, add_study, decided, deployed, make_draft, radiologist, resident

from trivium.medical.out import fhir, hl7, pdf, text
from trivium.medical.out.outgoing import outgoing, without_identifiers
from trivium.medical.workflow import content as words
from trivium.medical.workflow.reports import Critical, Reports
from trivium.medical.workflow.states import Event, ReportState
from trivium.service.printing import fonts
from trivium.service.text import catalogue
from trivium.vision.findings import NO_FINDING

FINDINGS = [
    {"name": "Effusion", "probability": 0.41, "state": "present"},
    {"name": "Mass", "probability": 0.03, "state": "not_assessed"},
    {"name": NO_FINDING, "probability": 0.66, "state": "present"},
]


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path) as opened:
        yield opened


def out_of(runtime, study_id, **fields):
    with runtime.database.read() as connection:
        return outgoing(connection, study_id, **fields)


def read_pdf(report) -> str:
    document = pypdfium2.PdfDocument(io.BytesIO(pdf.render(report)))
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def every_state(runtime):
    """Lead one study through its states; yield each with what goes out then."""
    ticks = iter(range(1000))
    reports = Reports(runtime.database, now=lambda: START + timedelta(seconds=next(ticks)))
    ann, rita, study_id = radiologist(runtime), resident(runtime), add_study(runtime)
    make_draft(runtime, study_id, findings=FINDINGS)
    yield out_of(runtime, study_id)
    working = reports.begin(study_id, rita, language="en")
    version = reports.save(study_id, rita, version=working.study.version, content=decided(working.content))
    yield out_of(runtime, study_id)
    reports.submit(study_id, rita, version=version)
    yield out_of(runtime, study_id)
    version = reports.begin(study_id, ann, language="en").study.version

    def sign(version):
        content = reports.working(study_id).content
        sha = words.sha256_of(words.text_of(content, catalogue("trivium.medical", "en")))
        reports.sign(study_id, ann, version=version, text_sha256=sha, num_films=1, step_up="pin")

    sign(version)
    yield out_of(runtime, study_id)
    reports.step(study_id, ann, Event.AMEND, version=version + 1, reason="side")
    working = reports.working(study_id)
    changed = {**working.content["sections"]["impression"][0], "text": "UNSIGNED CHANGE", "status": "edited"}
    content = {**working.content, "sections": {**working.content["sections"], "impression": [changed]}}
    version = reports.save(study_id, ann, version=working.study.version, content=content)
    yield out_of(runtime, study_id)
    sign(version)
    yield out_of(runtime, study_id)
    reports.retract(study_id, ann, version=version + 1, reason="wrong patient", step_up="pin")
    yield out_of(runtime, study_id)


def test_each_state_in_each_format(runtime):
    seen = []
    for report in every_state(runtime):
        bundle = fhir.render(report)
        resources = [entry["resource"] for entry in bundle["entry"]]
        main = resources[0]
        form = base64.b64decode(main["presentedForm"][0]["data"]).decode()
        assert form == text.render(report)
        plain, printed = text.render(report), read_pdf(report)
        marks = [mark for mark in ("DRAFT", "RETRACTED") if mark in plain]
        assert [mark for mark in ("DRAFT", "RETRACTED") if mark in printed] == marks
        kinds = [one["resourceType"] for one in resources]
        assert ("Practitioner" in kinds) == ("resultsInterpreter" in main) == (report.signer is not None)
        assert "performer" not in json.dumps(bundle)
        observations = [one for one in resources if one["resourceType"] == "Observation"]
        assert [one["code"]["text"] for one in observations] == ["Effusion"]
        assert {one["status"] for one in observations} <= {"preliminary", "entered-in-error"}
        addresses = {entry["resource"]["resourceType"]: entry["fullUrl"] for entry in bundle["entry"]}
        assert observations[0]["device"]["reference"] == addresses["Device"]
        assert ("result" in main) == (report.signer is None)
        made_from = [one["what"].get("reference") for one in resources[3].get("entity", [])]
        assert (addresses["Observation"] in made_from) == (report.signer is not None)
        if report.study.state == ReportState.AMENDING:
            assert "UNSIGNED CHANGE" not in plain + printed + json.dumps(bundle)
        segments = [line.split("|") for line in hl7.render(report, now=START).split("\r")[:-1]]
        letters = {fields[11] for fields in segments if fields[0] == "OBX"}
        assert (segments[2][32] != "") == (report.signer is not None)
        seen.append((str(report.study.state), main["status"], *letters, marks, "conclusion" in main))
    assert seen == [
        ("draft", "partial", "R", ["DRAFT"], True),
        ("in_review", "preliminary", "P", ["DRAFT"], True),
        ("submitted", "preliminary", "P", ["DRAFT"], True),
        ("signed", "final", "F", [], True),
        ("amending", "final", "F", [], True),
        ("amended", "amended", "C", [], True),
        ("retracted", "entered-in-error", "W", ["RETRACTED"], True),
    ]


def test_chinese_and_a_name_are_printed(runtime):
    reports, ann, study_id = Reports(runtime.database), radiologist(runtime), add_study(runtime)
    working = reports.begin(study_id, ann, language="zh")
    typed = {"id": "t1", "text": "左侧胸腔积液。", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "impression": [typed]}}
    reports.save(study_id, ann, version=working.study.version, content=content)
    report = out_of(runtime, study_id, identity={"patient_name": "Quorla^Zy", "patient_id": "4711"})
    printed = read_pdf(report)
    for wanted in ("左侧胸腔积液。", "诊断意见", "草稿－未经任何人签署", "Quorla Zy"):
        assert wanted in printed
    if any(fonts._found()):
        assert b"/FontFile2" in pdf.render(report)  # a viewer without Chinese fonts shows it, too
    patient = fhir.render(report)["entry"][1]["resource"]
    assert (patient["name"][0]["text"], patient["identifier"][1]["value"]) == ("Quorla Zy", "4711")


def test_a_message_is_read_back_as_it_was_said(runtime):
    reports, ann, study_id = Reports(runtime.database), radiologist(runtime), add_study(runtime)
    working = reports.begin(study_id, ann, language="en")
    typed = {"id": "t1", "text": "A|B^C & D~E\\F\nG", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "findings": [typed]}}
    reports.save(study_id, ann, version=working.study.version, content=content)
    report = out_of(runtime, study_id, identity={"patient_name": "Quorla^Zy|x", "patient_id": "4711"})
    lines = hl7.render(report, now=START).split("\r")
    assert (
        lines[0] == f"MSH|^~\\&|TRIVIUM||||20260102030405+0000||ORU^R01^ORU_R01|{study_id}-3|P|2.5||||||UNICODE UTF-8"
    )
    assert lines[1] == "PID|1||4711||Quorla^Zy\\F\\x|||"
    told = lines[4].split("|")
    assert (told[1], told[3], told[4]) == ("2", "59776-5^Findings^LN^findings^Findings^L", "1")
    assert told[5] == "A\\F\\B\\S\\C \\T\\ D\\R\\E\\E\\F\\.br\\G"


def test_who_was_told_goes_out_with_the_finding(runtime):
    reports, ann, study_id = Reports(runtime.database, now=lambda: START), radiologist(runtime), add_study(runtime)
    working = reports.begin(study_id, ann, language="en")
    typed = {"id": "t1", "text": "Small left pneumothorax.", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "findings": [typed]}}
    reports.save(study_id, ann, version=working.study.version, content=content)
    told = Critical("Pneumothorax", "Dr Zyxwine", START, is_read_back=True)
    reports.note_critical(study_id, ann, told)
    reports.note_critical(study_id, ann, replace(told, finding="what the report does not say"))
    report = out_of(runtime, study_id)
    line = "pneumothorax: Dr Zyxwine was told, 2026-01-02 03:04 UTC, read back"
    assert line in text.render(report)
    assert line in read_pdf(report)
    assert [one.split("|")[4:6] for one in hl7.render(report, now=START).split("\r")[5:-1]] == [["2", line]]
    bare = without_identifiers(report, {"patient_name": "Zyxwine^Quorla"})
    assert "pneumothorax: Dr [removed] was told" in text.render(bare)


def test_names_and_dates_of_a_header_are_written_for_readers(runtime):
    study_id = add_study(runtime)
    identity = {"patient_name": "Wang^Xiaodong^^Dr^Jr=王^小东", "birth_date": "19500203", "study_date": "2026"}
    report = out_of(runtime, study_id, identity=identity)
    plain = text.render(report)
    for wanted in ("Name: Wang Xiaodong Dr Jr (王小东)", "Born: 1950-02-03", "Study date: 2026"):
        assert wanted in plain
    # XPN has the suffix before the prefix; PN has it after.
    assert hl7.render(report, now=START).split("\r")[1].split("|")[5] == "Wang^Xiaodong^^Jr^Dr~王^小东^^^^^^I"
    patient = fhir.render(report)["entry"][1]["resource"]
    assert [one["text"] for one in patient["name"]] == ["Wang Xiaodong Dr Jr", "王小东"]
    assert (patient["name"][0]["given"], patient["name"][0]["prefix"]) == (["Xiaodong"], ["Dr"])
    assert patient["birthDate"] == "1950-02-03"
    known = {"accession": "A7", "study_date": "20260102", "study_uid": "1.2.3"}
    main = fhir.render(out_of(runtime, study_id, identity=known))["entry"][0]["resource"]
    assert (main["identifier"][1]["value"], main["effectiveDateTime"]) == ("A7", "2026-01-02")
    assert main["imagingStudy"][0]["identifier"]["value"] == "urn:oid:1.2.3"
    for time, told in (
        ("081500.12", "20260102081500"),
        ("0815", "202601020815"),
        ("8 am", "20260102"),
        ("", "20260102"),
    ):
        report = out_of(runtime, study_id, identity={**known, "study_time": time})
        order = hl7.render(report, now=START).split("\r")[2].split("|")
        assert (order[2], order[7]) == ("A7", told)
    for birth, told in (("1950.02.03", "1950-02-03"), ("1950", None), ("19501302", None), ("1950/02/03", None)):
        patient = fhir.render(out_of(runtime, study_id, identity={"birth_date": birth}))["entry"][1]["resource"]
        assert patient.get("birthDate") == told
