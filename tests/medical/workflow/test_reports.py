"""Reports in the database: fences, locks, late drafts, signing and what it binds, amendments, critical findings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from tests.medical.deployment import (
    START,
    Clock,
    add_study,
    decided,
    deployed,
    make_draft,
    person,
    radiologist,
    resident,
)

from trivium.medical import tables
from trivium.medical.workflow import content as words
from trivium.medical.workflow.reports import LOCK_S, Critical, Reports
from trivium.medical.workflow.states import Event, RefusedError, ReportState
from trivium.medical.workflow.studies import priors, study_of, versions, worklist
from trivium.service.audit_verify import verify
from trivium.service.text import catalogue


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reports(runtime, clock):
    return Reports(runtime.database, now=clock)


def text_hash(reports, study_id):
    content = reports.working(study_id).content
    return words.sha256_of(words.text_of(content, catalogue("trivium.medical", content["language"])))


def signed(reports, study_id, actor, **changes):
    """Take the report, decide everything, sign; return the number of the version."""
    working = reports.begin(study_id, actor, language="en")
    version = reports.save(study_id, actor, version=working.study.version, content=decided(working.content))
    fields = {
        "version": version,
        "text_sha256": text_hash(reports, study_id),
        "num_films": 1,
        "step_up": "pin",
    } | changes
    return reports.sign(study_id, actor, **fields)


def test_from_draft_to_signature_and_what_it_binds(runtime, reports):
    ann, study_id = radiologist(runtime), add_study(runtime)
    make_draft(runtime, study_id)
    number = signed(reports, study_id, ann)
    with runtime.database.read() as connection:
        study = study_of(connection, study_id)
        found = connection.execute(select(tables.signature)).one()
        kept = versions(connection, study_id)[0]
    assert (study.state, study.signed_versions, number) == (ReportState.SIGNED, 1, 1)
    assert kept.text == (
        "EXAM\nChest radiograph, PA view.\n\nFINDINGS\nSuspected pleural effusion (probability 41%).\n"
        "No mass suspected (probability 3%).\n\nIMPRESSION\nSuspected pleural effusion.\n"
    )
    bound = {
        "study": study_id, "number": 1, "text_sha256": hashlib.sha256(kept.text.encode()).hexdigest(),
        "images": ["cd" * 32], "model": "toy", "weights_sha256": "ab" * 32, "limits_sha256": found.limits_sha256,
    }  # fmt: skip
    canonical = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.bound_sha256 == hashlib.sha256(canonical.encode()).hexdigest()
    assert (found.signer, found.signer_name, found.step_up) == ("ann", "ann", "pin")
    acts = [row.action for row in runtime.audit.rows(subject_kind="study")]
    assert acts == ["draft.made", "report.begun", "report.edited", "report.signed"]
    with runtime.database.read() as connection:
        assert verify(connection).fault is None


def test_an_undecided_sentence_another_text_or_an_old_version_is_not_signed(runtime, reports):
    ann, study_id = radiologist(runtime), add_study(runtime)
    make_draft(runtime, study_id)
    working = reports.begin(study_id, ann, language="en")
    version, seen = working.study.version, text_hash(reports, study_id)
    with pytest.raises(RefusedError, match="undecided"):
        reports.sign(study_id, ann, version=version, text_sha256=seen, num_films=1, step_up="pin")
    version = reports.save(study_id, ann, version=version, content=decided(working.content))
    with pytest.raises(RefusedError, match="changed"):
        reports.sign(study_id, ann, version=version, text_sha256="0" * 64, num_films=1, step_up="pin")
    with pytest.raises(RefusedError, match="stale"):
        reports.sign(study_id, ann, version=version - 1, text_sha256=seen, num_films=1, step_up="pin")
    lazy = replace(ann, has_stepped_up=False)
    with pytest.raises(RefusedError, match="step_up"):
        reports.sign(study_id, lazy, version=version, text_sha256=seen, num_films=1, step_up="")
    with runtime.database.read() as connection:
        assert connection.execute(select(tables.signature)).all() == []
        assert versions(connection, study_id) == []
        assert study_of(connection, study_id).state == ReportState.IN_REVIEW


def test_an_empty_report_is_not_signed(runtime, reports):
    ann, study_id = radiologist(runtime), add_study(runtime)
    working = reports.begin(study_id, ann, language="zh")
    with pytest.raises(RefusedError, match="empty"):
        reports.sign(study_id, ann, version=working.study.version, text_sha256="0" * 64, num_films=1, step_up="pin")


def test_two_readers_one_lock(runtime, reports, clock):
    ann, rita, study_id = radiologist(runtime), resident(runtime), add_study(runtime)
    working = reports.begin(study_id, rita, language="en")
    with pytest.raises(RefusedError, match="locked"):
        reports.begin(study_id, ann, language="en")
    with pytest.raises(RefusedError, match="locked"):
        reports.save(study_id, ann, version=working.study.version, content=working.content)
    clock.forward(LOCK_S - 1)
    reports.keep(study_id, rita)
    clock.forward(LOCK_S - 1)
    with pytest.raises(RefusedError, match="locked"):
        reports.begin(study_id, ann, language="en")
    clock.forward(2)
    taken = reports.begin(study_id, ann, language="en")
    with pytest.raises(RefusedError, match="locked"):  # rita's page wakes up: nothing of hers goes over ann's
        reports.save(study_id, rita, version=working.study.version, content=working.content)
    clock.forward(LOCK_S + 1)
    with pytest.raises(RefusedError, match="stale"):
        reports.save(study_id, rita, version=working.study.version, content=working.content)
    assert taken.study.version == working.study.version + 1
    reports.release(study_id, ann)
    assert reports.begin(study_id, rita, language="en").study.lock_owner == "rita"


def test_a_late_draft_touches_no_word_and_no_version(runtime, reports):
    rita, study_id = resident(runtime), add_study(runtime)
    working = reports.begin(study_id, rita, language="en")
    typed = {"id": "t1", "text": "Lungs clear.", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "findings": [typed]}}
    version = reports.save(study_id, rita, version=working.study.version, content=content)
    make_draft(runtime, study_id)
    after = reports.working(study_id)
    assert (after.content, after.study.version, after.study.draft_state) == (content, version, "ready")
    assert reports.save(study_id, rita, version=version, content=content) == version + 1  # the page noticed nothing
    inserted = reports.insert_draft(study_id, rita, version=version + 1)
    findings = inserted.content["sections"]["findings"]
    assert [one["text"] for one in findings] == [
        "Lungs clear.", "Suspected pleural effusion (probability 41%).", "No mass suspected (probability 3%).",
    ]  # fmt: skip
    assert (findings[0]["status"], findings[1]["status"], inserted.draft_number) == ("typed", "draft", 1)
    again = reports.insert_draft(study_id, rita, version=inserted.study.version)
    assert len(again.content["sections"]["findings"]) == 3
    make_draft(runtime, study_id, "job2")  # another film came
    more = reports.insert_draft(study_id, rita, version=again.study.version)
    assert len(more.content["sections"]["findings"]) == 5


def test_a_second_reader_sees_no_draft_before_committing(runtime, clock):
    reports = Reports(runtime.database, hides_drafts=True, now=clock)
    rita, study_id = resident(runtime), add_study(runtime)
    make_draft(runtime, study_id)
    working = reports.begin(study_id, rita, language="en")
    assert working.content == words.blank("en")
    with pytest.raises(RefusedError, match="second_reader"):
        reports.insert_draft(study_id, rita, version=working.study.version)
    with pytest.raises(RefusedError, match="empty"):
        reports.commit_reading(study_id, rita, version=working.study.version)
    typed = {"id": "t1", "text": "Left effusion.", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "findings": [typed]}}
    version = reports.save(study_id, rita, version=working.study.version, content=content)
    assert not reports.may_see_draft(study_id)
    version = reports.commit_reading(study_id, rita, version=version)
    assert reports.may_see_draft(study_id)
    assert len(reports.insert_draft(study_id, rita, version=version).content["sections"]["findings"]) == 3


def test_resident_and_attending_then_amended_and_retracted(runtime, reports):
    rita, ann, study_id = resident(runtime), radiologist(runtime), add_study(runtime)
    make_draft(runtime, study_id)
    working = reports.begin(study_id, rita, language="en")
    version = reports.save(study_id, rita, version=working.study.version, content=decided(working.content))
    with pytest.raises(RefusedError, match="not_permitted"):
        reports.sign(
            study_id, rita, version=version, text_sha256=text_hash(reports, study_id), num_films=1, step_up="pin"
        )
    reports.submit(study_id, rita, version=version)
    working = reports.begin(study_id, ann, language="en")
    assert working.study.state == ReportState.SUBMITTED
    impression = {**working.content["sections"]["impression"][0], "text": "Left pleural effusion.", "status": "edited"}
    content = {**working.content, "sections": {**working.content["sections"], "impression": [impression]}}
    version = reports.save(study_id, ann, version=working.study.version, content=content)
    reports.sign(
        study_id, ann, version=version, text_sha256=text_hash(reports, study_id), num_films=1, step_up="password"
    )
    with pytest.raises(RefusedError, match="no_reason"):
        reports.step(study_id, ann, Event.AMEND, version=version + 1)
    reports.step(study_id, ann, Event.AMEND, version=version + 1, reason="side")
    reports.step(study_id, ann, Event.ABANDON, version=version + 2)
    reports.step(study_id, ann, Event.AMEND, version=version + 3, reason="size")
    working = reports.working(study_id)
    assert working.study.state == ReportState.AMENDING
    sha = text_hash(reports, study_id)
    reports.sign(study_id, ann, version=working.study.version, text_sha256=sha, num_films=1, step_up="grace")
    version = reports.working(study_id).study.version
    reports.retract(study_id, ann, version=version, reason="wrong patient", step_up="pin")
    with runtime.database.read() as connection:
        kept = [(one.kind, one.author, one.signer_name) for one in versions(connection, study_id)]
        study = study_of(connection, study_id)
    assert kept == [
        ("submitted", "rita", None), ("signed", "ann", "ann"), ("signed", "ann", "ann"), ("retracted", "ann", None),
    ]  # fmt: skip
    assert (study.state, study.signed_versions) == (ReportState.RETRACTED, 2)
    with runtime.database.read() as connection:
        assert verify(connection).fault is None


def test_a_critical_finding_asks_who_was_told(runtime, reports, clock):
    ann, study_id = radiologist(runtime), add_study(runtime)
    working = reports.begin(study_id, ann, language="en")
    typed = {"id": "t1", "text": "Large right pneumothorax.", "status": "typed", "draft": "", "claims": []}
    content = {**working.content, "sections": {**working.content["sections"], "impression": [typed]}}
    version = reports.save(study_id, ann, version=working.study.version, content=content)
    sha = text_hash(reports, study_id)
    with pytest.raises(RefusedError, match="critical"):
        reports.sign(study_id, ann, version=version, text_sha256=sha, num_films=1, step_up="pin")
    reports.note_critical(study_id, ann, Critical("Pneumothorax", "Dr Weaver", START, is_read_back=True))
    reports.sign(study_id, ann, version=version, text_sha256=sha, num_films=1, step_up="pin")
    told = reports.criticals(study_id)[0]
    assert (told.finding, told.told, told.told_at, told.is_read_back) == ("Pneumothorax", "Dr Weaver", START, True)


def test_the_schema_itself_asks_for_a_person(runtime, reports):
    study_id = add_study(runtime)
    with pytest.raises(IntegrityError), runtime.database.write() as connection:
        connection.execute(text("UPDATE medical_study SET state = 'signed'"))
    nobody = {
        "study_id": study_id, "version_number": 1, "signer": "nobody", "signer_name": "x", "step_up": "pin",
        "text_sha256": "", "images": [], "model": "", "weights_sha256": "", "limits_sha256": "", "bound_sha256": "",
        "signed_at": START,
    }  # fmt: skip
    with pytest.raises(IntegrityError), runtime.database.write() as connection:
        connection.execute(insert(tables.signature).values(**nobody))
    admin = replace(person(runtime, "root", "admin"), has_stepped_up=True)
    with pytest.raises(RefusedError, match="not_permitted"):
        reports.begin(study_id, admin, language="en")


def test_the_worklist_goes_by_stat_and_waiting_time(runtime):
    for name, hours, columns in (
        ("routine-late", 3, {}), ("routine-early", 1, {}), ("stat-late", 4, {"priority": 0}),
        ("stat-early", 2, {"priority": 0}), ("over", 0, {"state": "rejected", "is_closed": True, "priority": 0}),
    ):  # fmt: skip
        add_study(runtime, name, arrived_at=START + timedelta(hours=hours), pseudonym=f"p-{name}", **columns)
    found = worklist(runtime.database).studies
    assert [one.id for one in found] == ["stat-early", "stat-late", "routine-early", "routine-late", "over"]
    assert [one.id for one in worklist(runtime.database, state="open", size=2).studies] == ["stat-early", "stat-late"]
    second = worklist(runtime.database, state="open", size=2, page=2)
    assert ([one.id for one in second.studies], second.has_more) == (["routine-early", "routine-late"], False)
    assert [one.id for one in worklist(runtime.database, search="STAT-e").studies] == ["stat-early"]
    assert [one.id for one in worklist(runtime.database, search="p-over").studies] == ["over"]
    assert worklist(runtime.database, search="%").studies == ()


def test_priors_are_the_patients_own_and_earlier(runtime):
    for name, hours, patient in (("a", 0, "p1"), ("b", 1, "p1"), ("c", 2, "p1"), ("d", 0, "p2")):
        add_study(runtime, name, arrived_at=START + timedelta(hours=hours), pseudonym=patient)
    with runtime.database.read() as connection:
        assert [one.study.id for one in priors(connection, study_of(connection, "b"))] == ["a"]
        assert [one.study.id for one in priors(connection, study_of(connection, "c"))] == ["b", "a"]


def test_a_film_of_long_ago_that_comes_late_is_the_earlier_one(runtime):
    for name, hours, moved_day in (("now", 0, 9000), ("old", 1, 8500), ("older", 2, 8000), ("undated", 3, None)):
        add_study(runtime, name, arrived_at=START + timedelta(hours=hours), pseudonym="p1", moved_day=moved_day)
    add_study(runtime, "twin", arrived_at=START + timedelta(hours=4), pseudonym="p1", moved_day=9000)

    def told(name):
        with runtime.database.read() as connection:
            return [(one.study.id, one.days_before) for one in priors(connection, study_of(connection, name))]

    assert told("now") == [("old", 500), ("older", 1000)]
    assert told("old") == [("older", 500)]
    assert told("older") == []
    assert told("twin") == [("now", 0), ("undated", None), ("old", 500), ("older", 1000)]
