"""Thresholds of a plant and of classes of assets: which count, what is refused, and who changed them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance.alerts.book import find_alerts
from trivium.maintenance.alerts.rules import DEFAULTS, Levels, rules_of
from trivium.maintenance.alerts.thresholds import (
    Threshold,
    checked,
    find_thresholds,
    reset_threshold,
    set_threshold,
)
from trivium.maintenance.registry import Registries, write_registry
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.maintenance.scorer import Explanation, Scores
from trivium.service.audit import Audit
from trivium.service.errors import InputError, NotFoundError

TAGS = b"tag,asset,unit,class\ntemp,P1,degC,pump\npress,P1,barg,pump\ntemp,C1,degC,\n"


@pytest.fixture
def audit(database) -> Audit:
    write_registry(database, PLANT, read_registry_csv(TAGS).assets)
    return Audit(database)


def levels(audit: Audit, asset: str) -> dict:
    return dict(Registries(audit.database).of(PLANT).assets[asset].levels)


def test_those_of_a_class_count_before_those_of_the_plant(audit):
    set_threshold(audit, PLANT, Threshold("", "anomaly", Levels(3, 6, 1)), actor="ann")
    set_threshold(audit, PLANT, Threshold("pump", "anomaly", Levels(2.5, 5, 1)), actor="ann")
    assert levels(audit, "P1") == {"anomaly": Levels(2.5, 5, 1)}
    assert levels(audit, "C1") == {"anomaly": Levels(3, 6, 1)}
    (rule,) = rules_of(("score",), 10.0, levels(audit, "P1"))
    assert (rule.raise_at, rule.critical_at, rule.clear_at, rule.raise_for) == (2.5, 5, 1, 600)
    reset_threshold(audit, PLANT, "pump", "anomaly", actor="bob")
    assert levels(audit, "P1") == {"anomaly": Levels(3, 6, 1)}
    assert [one.asset_class for one in find_thresholds(audit.database, PLANT)] == [""]
    rows = audit.rows(subject_kind="plant", subject_id=PLANT)
    assert [(row.action, row.actor) for row in rows] == [("threshold.changed", name) for name in ("ann", "ann", "bob")]
    assert json.loads(rows[-1].detail) == {"class": "pump", "cause": "anomaly", "from": [2.5, 5.0, 1.0], "to": None}


def test_what_is_given_stands_in_place_of_what_was_before():
    assert checked("failure", {"raise_at": 0.6, "critical_at": None}) == Levels(0.6, 0.8, 0.3)
    assert checked("anomaly", {"clear_at": 1.5}, Levels(3, 6, 1)) == Levels(3, 6, 1.5)


@pytest.mark.parametrize(
    ("cause", "given", "message"),
    [
        ("noise", {}, "'noise' is no cause of an alert"),
        ("anomaly", {"raise_at": 5}, "clear 1, raise 5 and critical 4 are not in order"),
        ("failure", {"critical_at": 1.1}, "0 < clear < raise < critical <= 1"),
        ("anomaly", {"clear_at": float("nan")}, "clear nan"),
        ("anomaly", {"clear_at": 0.0}, "not in order"),
    ],
)
def test_what_is_not_in_order_is_refused(cause, given, message):
    with pytest.raises(InputError) as error:
        checked(cause, given)
    assert message in error.value.line


def test_a_plant_or_class_that_is_not_there(audit):
    with pytest.raises(NotFoundError, match="no asset is of this class"):
        set_threshold(audit, PLANT, Threshold("fan", "anomaly", DEFAULTS["anomaly"]), actor="ann")
    with pytest.raises(NotFoundError, match="no plant is registered"):
        set_threshold(audit, "south", Threshold("", "anomaly", DEFAULTS["anomaly"]), actor="ann")
    assert audit.rows() == []


def test_an_asset_of_two_classes_is_refused():
    with pytest.raises(InputError, match="line 3: P1 is of class pump above"):
        read_registry_csv(b"tag,asset,class\ntemp,P1,pump\npress,P1,fan\n")


class Told:
    """A model that says what the temperature says."""

    version, sensors, outputs, step_s, history_rows, life_unit = "told", ("temp",), ("score",), 0.0, 0, ""

    def score(self, frames):
        return [
            Scores(one.values[one.first :], np.ones((len(one.values) - one.first, 1)))
            for one in frames
        ]  # fmt: skip

    def explain(self, frame, row, contributions):
        none = np.full(1, np.nan)
        return Explanation(frame.values[row], none, none, int(frame.times_us[row]), int(frame.times_us[row]))


def test_alerts_are_raised_at_the_levels_that_were_chosen(plant):
    plant.register(pump("P1", asset_class="pump"), pump("P2"))
    set_threshold(Audit(plant.database), PLANT, Threshold("pump", "anomaly", Levels(3, 6, 1)), actor="ann")
    plant.registries = Registries(plant.database)
    plant.scorer = Told()
    for asset in ("P1", "P2"):
        rows = [{"asset": asset, "time": at(second), "temp": 2.5} for second in range(60)]
        assert plant.send(json.dumps(rows)).status == 202
    plant.drain()
    assert [one.asset for one in find_alerts(plant.database, PLANT)] == ["P2"]  # 2.5 is above 2, and below 3
