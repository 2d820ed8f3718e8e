"""Activating models and going back: workers follow, and the record tells who did it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.maintenance.ingest.conftest import PLANT, pump

from trivium.maintenance import models
from trivium.maintenance.registry import Registries, write_registry
from trivium.service.audit import Audit
from trivium.service.errors import InputError, NotFoundError


@pytest.fixture
def audit(database) -> Audit:
    write_registry(database, PLANT, [pump("P1")])
    return Audit(database)


def active(audit: Audit) -> str:
    return Registries(audit.database).of(PLANT).model


def test_back_and_back_again_and_forward_anew(audit):
    for name in ("a", "b", "b", "c"):
        models.activate(audit, PLANT, f"/m/{name}", f"{name}-1", actor="ann")
    assert active(audit) == "/m/c"
    assert models.roll_back(audit, PLANT, actor="bob").model == "b-1"  # b twice is one step
    assert models.roll_back(audit, PLANT, actor="bob").model == "a-1"
    assert active(audit) == "/m/a"
    with pytest.raises(InputError, match="no model scored this plant before"):
        models.roll_back(audit, PLANT, actor="bob")
    models.activate(audit, PLANT, "/m/d", "d-1", actor="ann")
    assert models.roll_back(audit, PLANT, actor="bob").folder == "/m/a"
    told = [(one.what, one.model, one.actor) for one in models.changes_of(audit.database, PLANT)][:3]
    assert told == [("rolled_back", "a-1", "bob"), ("activated", "d-1", "ann"), ("rolled_back", "a-1", "bob")]
    rows = audit.rows(subject_kind="plant", subject_id=PLANT)
    assert [row.action for row in rows][-2:] == ["model.activated", "model.rolled_back"]


def test_a_registry_that_is_known_takes_the_change_in(audit, monkeypatch):
    registries = Registries(audit.database)
    assert registries.of(PLANT).model == ""
    models.activate(audit, PLANT, "/m/a", "a-1", actor="ann")
    monkeypatch.setattr("trivium.maintenance.registry.time.monotonic", lambda: np.inf)  # a second later
    assert registries.of(PLANT).model == "/m/a"


def test_a_plant_that_is_not_there_is_told_and_leaves_no_record(audit):
    with pytest.raises(NotFoundError, match="no plant is registered"):
        models.activate(audit, "south", "/m/a", "a-1", actor="ann")
    assert models.changes_of(audit.database, "south") == []
    assert audit.rows() == []


def test_a_person_changes_to_the_model_that_was_looked_at_or_to_none(audit):
    database = audit.database
    models.activate(audit, PLANT, "/m/a", "a-1", actor="ann")
    assert (models.model_beside(database, PLANT), models.model_before(database, PLANT)) == ("", "")
    models.set_shadow(audit, PLANT, "/m/b", "b-1", actor="ann")
    models.set_shadow(audit, PLANT, "/m/c", "c-1", actor="bob")  # while ann looks at b
    with pytest.raises(InputError, match="b-1 is not the shadow now; look at the page again"):
        models.activate_shadow(audit, PLANT, model="b-1", actor="ann")
    models.activate_shadow(audit, PLANT, model="c-1", actor="ann")
    assert (active(audit), models.model_beside(database, PLANT)) == ("/m/c", "")
    with pytest.raises(InputError, match="c-1 is not the shadow now"):  # asked for twice
        models.activate_shadow(audit, PLANT, model="c-1", actor="ann")
    assert models.model_before(database, PLANT) == "a-1"
    with pytest.raises(InputError, match="b-1 is not the model before the active one"):
        models.roll_back(audit, PLANT, model="b-1", actor="ann")
    assert models.roll_back(audit, PLANT, model="a-1", actor="ann").folder == active(audit) == "/m/a"
    models.set_shadow(audit, PLANT, "/m/b", "b-1", actor="ann")
    assert models.model_beside(database, PLANT) == "b-1"
    models.set_shadow(audit, PLANT, "", "", actor="ann")
    assert models.model_beside(database, PLANT) == ""
    rows = audit.rows(subject_kind="plant", subject_id=PLANT)
    changed = [(row.action, row.actor) for row in rows if row.action != "model.shadowed"]
    assert changed == [("model.activated", "ann"), ("model.activated", "ann"), ("model.rolled_back", "ann")]


def test_what_a_model_learned_from_and_its_measures_stay_on_the_record(audit, tmp_path):
    data = {"file": "a.csv", "sha256": "ab12", "rows": 100, "units": {"t": "degC"}, "time column": ""}
    (tmp_path / "model.json").write_text(json.dumps({"data": data, "measures": {"rmse": 1.5}}))
    models.activate(audit, PLANT, str(tmp_path), "a-1", actor="ann")
    (tmp_path / "model.json").unlink()  # gone later
    (change,) = models.changes_of(audit.database, PLANT)
    assert change.learned == {"file": "a.csv", "sha256": "ab12", "rows": 100}
    assert change.measures == {"rmse": 1.5}
    (row,) = audit.rows(subject_kind="plant", subject_id=PLANT)
    assert json.loads(row.detail)["learned"]["sha256"] == "ab12"
