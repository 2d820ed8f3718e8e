"""Films by DICOM and their searches on PostgreSQL: the same rows as on SQLite, side by side, too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted
from tests.service import postgres

from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.search import LEVELS, matching, search


@pytest.mark.slow
def test_films_side_by_side_are_one_study_and_found(tmp_path):
    with (
        postgres.server() as server,
        postgres.database(server) as url,
        deployed(tmp_path / "home", database_url=url) as runtime,
    ):
        vault = open_vault(runtime.settings)

        def bring(number: int) -> bool:
            data = planted(f"1.2.3.{number}")
            return receive(runtime, vault, data, brought_by="tom", language="en").is_new_image

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(bring, [1, 2, 3, 4, 1])) == [False, True, True, True, True]
        study_uid = vault.uid("1.2.840.99.1")
        with runtime.database.read() as connection:
            asked = [("PatientID", f"{vault.pseudonym('MRN-77123')[:5]}*"), ("limit", "10")]
            found = {level: search(connection, level, asked, within={}, base="http://here") for level in LEVELS}
            films = matching(connection, study_uid=study_uid)
    assert [len(found[level].answers) for level in LEVELS] == [1, 1, 4]
    assert found["studies"].answers[0]["00201208"]["Value"] == [4]
    assert [film.position for film in films] == [1, 2, 3, 4]
