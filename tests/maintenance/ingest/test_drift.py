"""Drift: the index by hand, what normal machines and a sensor that moved show, and what the health page reads."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sqlalchemy import update
from tests.maintenance.ingest.conftest import PLANT
from tests.maintenance.test_backtest import BEGIN_S, DAY_S, rows_of

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import AssetRows, pack_block, span_of
from trivium.maintenance.ingest.drift import look, look_at_all
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.merge import empty_rows
from trivium.maintenance.ingest.monitor import save_family
from trivium.maintenance.ingest.moved import find_drift
from trivium.maintenance.ingest.reference import (
    Reference,
    fit_reference,
    load_references,
    references_of_rows,
    save_references,
)
from trivium.maintenance.ingest.state import AssetState, save_states
from trivium.maintenance.registry import Asset, Registries, Tag, activate_model, write_registry
from trivium.maintenance.simulator.machines import Machine
from trivium.service.errors import ModelError

MACHINE = Machine("P-1", 1.0, 11)
UNIFORM = Reference("", "sensor", "t", np.linspace(0, 1, 41), 0.25)


def test_the_index_by_hand():
    even = (np.arange(1000) + 0.5) / 1000
    assert UNIFORM.psi(even) == pytest.approx(0, abs=1e-6)
    assert UNIFORM.ks(even) == pytest.approx(0, abs=1e-3)
    half = even / 2  # five tenths have 0.2 each, the others nothing: 5 * 0.1 ln 2 + 5 * (1e-4 - 0.1) ln(1e-4 / 0.1)
    assert UNIFORM.psi(half) == pytest.approx(0.5 * np.log(2) + 5 * 0.0999 * np.log(1000), rel=1e-3)
    assert UNIFORM.ks(half) == pytest.approx(0.5, abs=0.01)


def test_values_that_are_mostly_one_value():
    values = np.r_[np.zeros(900), np.linspace(1, 2, 100)]
    found = fit_reference("", "sensor", "t", values, [np.arange(start, 1000, 10) for start in range(10)])
    assert found is not None
    assert found.psi_limit == 0.25
    assert found.psi(values) < 0.01
    assert found.psi(np.ones(100)) > 1
    assert fit_reference("", "sensor", "t", np.full(1000, 3.0), np.array_split(np.arange(1000), 7)) is not None


def test_too_little_to_tell_what_is_usual():
    assert fit_reference("", "sensor", "t", np.arange(1000.0), [np.arange(100)] * 6) is None


def test_references_are_read_as_they_were_written(tmp_path):
    rng = np.random.default_rng(1)
    found = references_of_rows(np.repeat(np.arange(8), 150), {"t": rng.normal(size=1200)}, {"score": rng.random(1200)})
    save_references(found, tmp_path)
    for one, other in zip(found, load_references(tmp_path), strict=True):
        assert (one.asset, one.kind, one.name) == (other.asset, other.kind, other.name)
        np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=1e-5)
    assert load_references(tmp_path / "none") == []
    (tmp_path / "reference.json").write_text('{"entries": [{"asset": ""}]}')
    with pytest.raises(ModelError, match="cannot be read"):
        load_references(tmp_path)


@pytest.fixture
def learned(database, tmp_path):
    """A plant whose model learned from a fortnight, and stores the day after it."""
    found = learn_asset(MACHINE.asset(), rows_of(MACHINE, BEGIN_S - 14 * DAY_S, BEGIN_S, step_s=300), step_s=300)
    save_family({"P-1": found.monitor}, tmp_path, {}, found.references)
    write_registry(database, PLANT, [MACHINE.asset()])
    activate_model(database, PLANT, str(tmp_path))

    def store(day: int, offset: float = 0.0) -> None:
        rows = rows_of(MACHINE, BEGIN_S + day * DAY_S, BEGIN_S + (day + 1) * DAY_S, step_s=300)
        rows.values[:, 7] += offset
        with database.write() as connection:
            values = span_of(PLANT, rows) | {"num_rows": len(rows.times_us), "data": pack_block(rows)}
            connection.execute(tables.block.insert().values(**values))
            state = AssetState(empty_rows("P-1"), watermark_us=int(rows.times_us[-1]))
            save_states(connection, PLANT, {"P-1": state})

    return store


def test_a_sensor_that_moved_is_told_and_a_normal_day_is_not(database, learned):
    learned(0)
    assert look_at_all(database) == 0  # one day says nothing yet
    learned(1)
    assert look_at_all(database) == 8
    assert [one.name for one in find_drift(database, PLANT) if one.is_moved] == []
    learned(2, offset=2.0)
    look_at_all(database)
    assert [one.name for one in find_drift(database, PLANT) if one.is_moved] == []  # the day before was normal
    learned(3, offset=2.0)
    look_at_all(database)
    moved = [one for one in find_drift(database, PLANT) if one.is_moved]
    assert [(one.asset, one.kind, one.name) for one in moved] == [("P-1", "sensor", "VI-18")]
    assert moved[0].median > moved[0].high
    assert moved[0].to_us - moved[0].from_us < DAY_S * 10**6
    assert 286 <= moved[0].num_rows <= 288


def test_a_model_without_references_compares_nothing(database, learned, tmp_path):
    learned(0)
    learned(1)
    assert look_at_all(database) == 8
    (tmp_path / "reference.json").unlink()
    with database.write() as connection:
        connection.execute(update(tables.plant).values(version=99))
    assert look(database, Registries(database).of(PLANT)) == 0
    assert find_drift(database, PLANT) == []


def test_a_model_of_rows_is_compared_with_all_assets_together(database, tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    save_references(references_of_rows(np.repeat(np.arange(8), 150), {"t": rng.normal(size=1200)}, {}), tmp_path)
    tags = (Tag("t", "A"), Tag("t", "B"))
    write_registry(database, PLANT, [Asset(tag.asset, (tag,)) for tag in tags])
    activate_model(database, PLANT, str(tmp_path))
    scorer = SimpleNamespace(version="rows-1", step_s=0.0)
    monkeypatch.setattr("trivium.maintenance.ingest.drift.scorer_of", lambda registry: scorer)

    def store(asset: str, offset: float) -> None:
        times = np.arange(400, dtype=np.int64) * 3_600_000_000
        good, none = np.zeros((400, 1), np.uint8), np.zeros((400, 0), np.int32)
        tail = AssetRows(asset, times, ("t",), rng.normal(offset, size=(400, 1)), good, none)
        with database.write() as connection:
            save_states(connection, PLANT, {asset: AssetState(tail, watermark_us=int(times[-1]))})

    for asset, offset in (("A", 0.0), ("B", 0.0)):
        store(asset, offset)
    assert look_at_all(database) == 1
    (one,) = find_drift(database, PLANT)
    assert (one.asset, one.name, one.is_moved, one.num_rows) == ("", "t", False, 400)  # the newer half of both
    store("A", 3.0)
    store("B", 3.0)
    look_at_all(database)
    (one,) = find_drift(database, PLANT)
    assert one.is_moved
    assert one.median == pytest.approx(3, abs=0.2)
