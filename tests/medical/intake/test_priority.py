"""Which headers ask for a film at once; in the worklist, such a study stands before those that came earlier."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.medical.intake.door import receive
from trivium.medical.intake.priority import is_asked_for_at_once
from trivium.medical.intake.vault import open_vault
from trivium.medical.workflow.studies import worklist


def header(**elements) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("dataset", "wanted"),
    [
        (header(RequestedProcedurePriority="STAT"), True),
        (header(RequestedProcedurePriority="stat "), True),
        (header(RequestedProcedurePriority="HIGH"), False),  # STAT is above it there
        (header(RequestedProcedurePriority="ROUTINE"), False),
        (header(StudyPriorityID="HIGH"), True),
        (header(StudyPriorityID="MED"), False),
        (header(RequestAttributesSequence=Sequence([header(RequestedProcedurePriority="STAT")])), True),
        (header(RequestAttributesSequence=Sequence([])), False),
        (header(), False),
    ],
)
def test_what_a_header_asks_for(dataset, wanted):
    assert is_asked_for_at_once(dataset) is wanted


def test_a_film_whose_header_says_stat_goes_first(tmp_path):
    with deployed(tmp_path / "home") as runtime:
        vault = open_vault(runtime.settings)
        first = receive(runtime, vault, planted("1.1.1", StudyInstanceUID="1.1"), brought_by="tom", language="en")
        data = planted("1.2.1", StudyInstanceUID="1.2", RequestedProcedurePriority="STAT")
        urgent = receive(runtime, vault, data, brought_by="tom", language="en")
        again = planted("1.1.2", StudyInstanceUID="1.1", StudyPriorityID="HIGH")
        assert [one.id for one in worklist(runtime.database).studies] == [urgent.study_id, first.study_id]
        receive(runtime, vault, again, brought_by="tom", language="en")  # the first is STAT now, too, and waits longer
        assert [one.id for one in worklist(runtime.database).studies] == [first.study_id, urgent.study_id]
        assert [row.action for row in runtime.audit.rows(subject_id=first.study_id)].count("study.stat") == 1
