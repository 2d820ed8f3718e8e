"""Inspections as jobs, in this process: what they keep for the pages, and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tests.maintenance.ingest.conftest import PLANT, pump
from tests.maintenance.inspection.test_inspection import POSE, bracket, seen
from tests.maintenance.inspection.test_wear import OTHER, TRUSTED, worn

from trivium.maintenance.inspection import inspect as inspect_module
from trivium.maintenance.inspection import stored, wear
from trivium.maintenance.inspection.job import run_inspection, run_wear_job
from trivium.maintenance.inspection.poses import inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.registry import write_registry
from trivium.pointcloud.io import write_mesh, write_points
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError, NotFoundError
from trivium.service.jobs import JobInput
from trivium.service.store import BlobStore

ASKED = {"plant": PLANT, "asset": "P-1", "unit": "mm", "tolerance_mm": 0.08, "language": "zh"}


@pytest.fixture
def context(database, tmp_path):
    """A job with a bracket, a scan of it and a later one, in whose stead nobody runs."""
    write_registry(database, PLANT, [pump("P-1")])
    part = Reference(bracket())
    write_mesh(tmp_path / "part.stl", part.scene.mesh)
    write_points(tmp_path / "may.ply", PointCloud(seen(part, 20_000, seed=5)))
    write_points(tmp_path / "july.ply", PointCloud(worn(part)[::3]))
    store, stages = BlobStore(tmp_path / "blobs"), []

    def once(_name, write, **_):
        with database.write() as connection:
            write(connection)

    def given(*names: str) -> tuple[JobInput, ...]:
        blobs = [store.put_file(tmp_path / name) for name in names]
        return tuple(JobInput(f"../{name}", blob.sha256, blob.size) for name, blob in zip(names, blobs, strict=True))

    return SimpleNamespace(
        request=ASKED, inputs=given("may.ply", "part.stl"), store=store, given=given, stages=stages, once=once,
        progress=lambda stage, share: stages.append((stage, share)), job=SimpleNamespace(id="j1", owner="ann"),
    )  # fmt: skip


def aligned(monkeypatch, *poses) -> None:
    found = iter(poses)
    for module in (inspect_module, wear):
        monkeypatch.setattr(module, "lay", lambda *_: (next(found), TRUSTED))


@pytest.mark.slow
def test_an_inspection_is_kept_in_both_languages(context, database, monkeypatch):
    aligned(monkeypatch, POSE)
    report = run_inspection(context, database)
    assert report.title == "../part.stl 检测报告"
    assert report.problems == ()
    assert "limit" in report.claims
    (one,) = stored.find_inspected(database, PLANT, asset="P-1")
    assert (one.id, one.kind, one.outcome, one.actor) == ("j1", "inspect", "pass", "ann")
    assert {language: page["verdict"] for language, page in one.told["pages"].items()} == {"en": "PASS", "zh": "合格"}
    names = {file.name for file in one.files}
    assert names >= {"inspection.html", "inspection.pdf", "inspection.json", "deviation.ply", "view-1.svg"}
    with database.read() as connection:
        assert set(stored.blobs(connection)) == {file.sha256 for file in one.files}
    assert stored.find_one(database, "south", "j1") is None
    assert stored.find_inspected(database, PLANT, asset="P-2") == []
    with pytest.raises(NotFoundError, match="no such file"):
        stored.file_of(one, "x")
    assert [stage for stage, _ in context.stages] == ["read", "measure", "report"]


@pytest.mark.slow
def test_wear_is_kept(context, database, monkeypatch):
    aligned(monkeypatch, POSE, inverse(OTHER))
    context.inputs = context.given("may.ply", "part.stl", "july.ply")
    context.request = ASKED | {"tolerance_mm": 0.05, "asset": "", "language": "fr"}
    report = run_wear_job(context, database)
    assert report.title == "Wear of ../part.stl"
    (one,) = stored.find_inspected(database, PLANT)
    assert (one.kind, one.outcome, one.asset) == ("wear", "changed", "")
    assert one.told["pages"]["zh"]["rows"][0][1] == "损失"
    volume = float(one.told["pages"]["en"]["rows"][0][5])
    assert volume == pytest.approx(6.0, abs=0.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plant": "east"}, "east: no plant is registered"),
        ({"asset": "P-9"}, "P-9: the plant has no such asset"),
        ({"unit": ""}, "unit '' is unknown"),
        ({"tolerance_mm": "x"}, "request: tolerance_mm is no number"),
        ({"tolerance_mm": -1}, "is not positive"),
        ({"min_coverage": 7}, "a minimum coverage of 7 is not between 0 and 1"),
        ({"zone": "wide"}, "request: zone 'wide' is unknown; known: plus_minus, total"),
    ],
)
def test_requests_that_cannot_be_used(context, database, change, message):
    context.request = ASKED | change
    with pytest.raises((InputError, NotFoundError)) as caught:
        run_inspection(context, database)
    assert message in caught.value.line


def test_errors_name_the_users_file(context, database):
    blob = context.store.put(b"not a mesh")
    context.inputs = (context.inputs[0], JobInput("drawing.stl", blob.sha256, blob.size))
    with pytest.raises(InputError) as caught:
        run_inspection(context, database)
    assert caught.value.where.startswith("drawing.stl")
    context.inputs = context.inputs[:1]
    with pytest.raises(InputError, match="needs a scan and its CAD"):
        run_inspection(context, database)
    with pytest.raises(InputError, match="an earlier scan, the CAD and a later scan"):
        run_wear_job(context, database)


def test_the_places_of_blobs_keep_their_endings(context, tmp_path):
    from trivium.maintenance.inspection.job import _placed

    odd = [JobInput(name, context.inputs[0].sha256, 1) for name in ("A.PLY.GZ", "x", "../../etc/.p;d", "s.xyz")]
    assert [path.name for path in _placed(odd, context.store, tmp_path)] == [
        "input-0.ply", "input-1", "input-2", "input-3.xyz",
    ]  # fmt: skip
    assert np.array_equal((tmp_path / "input-0.ply").read_bytes(), context.store.read(context.inputs[0].sha256))
