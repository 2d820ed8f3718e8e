"""Anybody does anything in any order: what is final was signed by a named person who held the permission, always."""

from __future__ import annotations

import itertools
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select
from tests.medical.deployment import START, Clock, add_study, decided, deployed, make_draft, person, resident

from trivium.medical import tables
from trivium.medical.workflow import content as words
from trivium.medical.workflow.reports import LOCK_S, Critical, Reports
from trivium.medical.workflow.states import PUBLISHED, SIGN, Actor, ActorKind, Event, RefusedError, ReportState
from trivium.medical.workflow.studies import study_of
from trivium.service.text import catalogue

_numbers = itertools.count(1)
WHO = st.sampled_from(["ann", "ann-lazy", "bob", "rita", "root", "key", "model"])
SAID = st.sampled_from(["Effusion.", "Right pneumothorax.", "Lungs clear.", ""])


class Ward(RuleBasedStateMachine):
    """Two radiologists, one of whom also comes without having stepped up, a resident, an admin, a key, the model."""

    @classmethod
    def open(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.deployment = deployed(Path(cls.folder.name))
        cls.runtime = cls.deployment.__enter__()
        ann = person(cls.runtime, "ann", "medical:radiologist", has_stepped_up=True)
        bob = person(cls.runtime, "bob", "medical:radiologist", has_stepped_up=True)
        admin = person(cls.runtime, "root", "admin", has_stepped_up=True)
        everything = frozenset({"medical.review", SIGN})
        cls.actors = {
            "ann": ann, "ann-lazy": replace(ann, has_stepped_up=False), "bob": bob, "root": admin,
            "rita": replace(resident(cls.runtime), has_stepped_up=True),
            "key": Actor(ActorKind.KEY, "plant:x", "x", everything, has_stepped_up=True),
            "model": Actor(ActorKind.MODEL, "job", "model", everything, has_stepped_up=True),
        }  # fmt: skip

    @classmethod
    def close(cls):
        cls.deployment.__exit__(None, None, None)
        cls.folder.cleanup()

    @initialize(hides_drafts=st.booleans())
    def fresh(self, hides_drafts):
        self.clock = Clock()
        self.reports = Reports(self.runtime.database, hides_drafts=hides_drafts, now=self.clock)
        self.study_id = add_study(self.runtime, f"s{next(_numbers)}")
        self.signers: list[str] = []
        self.last_version = 1

    def version(self, is_old):
        return self.reports.working(self.study_id).study.version - is_old

    @rule()
    def draft(self):
        before = self.reports.working(self.study_id)
        make_draft(self.runtime, self.study_id, f"job{next(_numbers)}")
        after = self.reports.working(self.study_id)
        assert (after.content, after.study.version, after.study.state) == (
            before.content, before.study.version, before.study.state,
        )  # fmt: skip

    @rule(who=WHO)
    def begin(self, who):
        with suppress(RefusedError):
            self.reports.begin(self.study_id, self.actors[who], language="en")

    @rule(who=WHO, said=SAID, is_old=st.booleans())
    def save(self, who, said, is_old):
        before = self.reports.working(self.study_id)
        typed = {"id": "t1", "text": said, "status": "typed", "draft": "", "claims": []}
        content = decided(before.content)
        content["sections"]["impression"] = [typed]
        try:
            self.reports.save(self.study_id, self.actors[who], version=self.version(is_old), content=content)
        except RefusedError:
            assert self.reports.working(self.study_id) == before
        else:
            assert not is_old

    @rule(who=WHO, event=st.sampled_from([Event.SEND_BACK, Event.REJECT, Event.REOPEN, Event.AMEND, Event.ABANDON]))
    def step(self, who, event):
        with suppress(RefusedError):
            self.reports.step(self.study_id, self.actors[who], event, version=self.version(False), reason="why")

    @rule(who=WHO, what=st.sampled_from(["insert_draft", "commit_reading", "submit"]))
    def pass_on(self, who, what):
        with suppress(RefusedError):
            getattr(self.reports, what)(self.study_id, self.actors[who], version=self.version(False))

    @rule(who=WHO)
    def tell(self, who):
        with suppress(RefusedError):
            told = Critical("Pneumothorax", "Dr Weaver", START, is_read_back=True)
            self.reports.note_critical(self.study_id, self.actors[who], told)

    @rule(who=WHO, is_old=st.booleans())
    def sign(self, who, is_old):
        content = self.reports.working(self.study_id).content
        sha = words.sha256_of(words.text_of(content, catalogue("trivium.medical", "en")))
        try:
            self.reports.sign(
                self.study_id, self.actors[who], version=self.version(is_old), text_sha256=sha, num_films=1,
                step_up="pin",
            )  # fmt: skip
        except RefusedError:
            return
        assert who in ("ann", "bob")
        assert not is_old
        assert words.undecided(content) == 0
        self.signers.append(who)

    @rule(who=WHO, writer=st.sampled_from(["ann", "bob", "rita"]))
    def write_and_sign(self, who, writer):
        """What chance seldom brings: a report that is ready, and somebody who tries to sign it."""
        self.begin(writer)
        self.save(writer, "Effusion.", False)
        self.sign(who, False)

    @rule(who=st.sampled_from(["ann", "bob"]))
    def sign_as_one_does(self, who):
        """The way that leads to a signature, so that every run has some to look at."""
        self.wait(LOCK_S + 1)
        self.begin(who)
        self.save(who, "Effusion.", False)
        self.pass_on(who, "commit_reading")
        self.sign(who, False)

    @rule(who=WHO)
    def retract(self, who):
        with suppress(RefusedError):
            self.reports.retract(
                self.study_id, self.actors[who], version=self.version(False), reason="why", step_up="pin"
            )

    @rule(seconds=st.sampled_from([1, LOCK_S + 1]))
    def wait(self, seconds):
        self.clock.forward(seconds)

    @invariant()
    def final_means_signed(self):
        if not hasattr(self, "study_id"):
            return
        with self.runtime.database.read() as connection:
            study = study_of(connection, self.study_id)
            row = tables.signature
            query = select(row.c.signer).where(row.c.study_id == self.study_id).order_by(row.c.version_number)
            signers = list(connection.execute(query).scalars())
        assert signers == self.signers
        assert study.signed_versions == len(signers)
        if study.state in PUBLISHED | {ReportState.RETRACTED}:
            assert signers
        assert study.version >= self.last_version
        self.last_version = study.version


@pytest.mark.slow
def test_anybody_does_anything():
    from hypothesis.stateful import run_state_machine_as_test

    Ward.open()
    try:
        run_state_machine_as_test(
            Ward, settings=settings(max_examples=25, stateful_step_count=30, deadline=None, database=None)
        )
        with Ward.runtime.database.read() as connection:
            signers = set(connection.execute(select(tables.signature.c.signer)).scalars())
        assert signers  # else nothing of this was tried
        assert signers <= {"ann", "bob"}
    finally:
        Ward.close()
