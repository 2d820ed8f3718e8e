"""What is refused is refused in its own words, before anything is decoded, and leaves nothing but a reason."""

from __future__ import annotations

import tracemalloc

import pytest
from sqlalchemy import func, select
from tests.medical.deployment import deployed
from tests.security.forged_dicom import dicoms, element_bomb, nested_elements

from trivium.medical import tables
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.parse.dicom import open_header
from trivium.medical.parse.dicom_outline import check_outline
from trivium.service.errors import InputError

FORGED = {name: data for name, data in dicoms() if not name.endswith("-noise")}


def test_many_kinds_have_words_of_their_own(tmp_path):
    said = set()
    with deployed(tmp_path) as runtime:
        vault = open_vault(runtime.settings)
        for data in FORGED.values():
            with pytest.raises(InputError) as caught:
                receive(runtime, vault, data, brought_by="tom", language="en")
            said.add("".join(one for one in caught.value.what if not one.isdigit()))
        with runtime.database.read() as connection:
            reasons = list(connection.execute(select(tables.quarantine.c.reason)).scalars())
            assert connection.execute(select(func.count()).select_from(tables.study)).scalar_one() == 0
    assert len(said) >= 24
    assert len(reasons) == len(FORGED)
    assert all("(" not in one for one in reasons)  # what libraries say may quote a header


@pytest.mark.parametrize("data", [element_bomb(), nested_elements(60_000)], ids=["flat", "nested"])
def test_a_bomb_of_elements_costs_no_memory(data):
    tracemalloc.start()
    with pytest.raises(InputError, match="more than the 50,000 elements allowed"):
        open_header("film", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("name", ["dicom-sequence-open", "dicom-item-longer", "dicom-no-kind", "dicom-sequences-3000"])
def test_the_outline_alone_refuses(name):
    with pytest.raises(InputError, match="the DICOM file is damaged: "):
        check_outline("film", FORGED[name])
