"""Two scans of a bracket: a groove of known volume, nothing at all, and what may not be called unchanged."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.maintenance.inspection.test_inspection import POSE, bracket, seen
from typer.testing import CliRunner

from trivium.maintenance.inspection import cli, wear
from trivium.maintenance.inspection.check import check
from trivium.maintenance.inspection.claims import Source
from trivium.maintenance.inspection.inspect import Options, Tolerance
from trivium.maintenance.inspection.poses import apply, exponential, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.samples import write_samples
from trivium.maintenance.inspection.trust import Trust
from trivium.maintenance.inspection.wear import Wear, compare
from trivium.maintenance.inspection.wear_narrate import narrate_wear, wear_claims
from trivium.maintenance.inspection.wear_pipeline import WearRequest, run_wear
from trivium.pointcloud.io import write_mesh, write_points
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError

LATER = Source("july.ply", "a" * 64, "mm")
LIMIT, WIDE = Tolerance(0.03), Tolerance(0.08)
TRUSTED = Trust((), 0, 0.0, None, 0.0005)
OTHER = inverse(exponential(np.array([[-0.9, 0.3, 1.2, -5, 80.0, 12]]))[0])


@pytest.fixture(scope="module")
def part() -> Reference:
    return Reference(bracket())


def worn(part: Reference) -> np.ndarray:
    """A groove across the arm at x = 25: 0.15 deep, 6 wide, a parabola; 0.15 x 6 x 2/3 x 10 = 6 mm3."""
    points = apply(POSE, seen(part, 60_000, seed=21))
    off = np.abs(points[:, 0] - 25)
    inside = (off < 3) & (points[:, 2] > 11.5)
    points[inside, 2] -= 0.15 * (1 - (off[inside] / 3) ** 2)
    return apply(OTHER, points)


def aligned(monkeypatch, *poses) -> None:
    """Leave out the search, which other tests cover."""
    found = iter(poses)
    monkeypatch.setattr(wear, "lay", lambda *_: (next(found), TRUSTED))


@pytest.fixture
def grooved(part, monkeypatch) -> Wear:
    aligned(monkeypatch, POSE, inverse(OTHER))
    return compare(seen(part, 60_000, seed=5), worn(part), part, LIMIT, Options())


def lines(found: Wear, language: str) -> list[str]:
    claims = wear_claims(found, LATER)
    kept, removed = check(narrate_wear(found, claims, language), claims)
    assert removed == ()
    return [one.text for one in kept]


def test_a_groove_of_known_volume(grooved):
    (one,) = grooved.changes
    assert grooved.outcome == "changed"
    assert one.kind == "hollow"
    assert one.place == pytest.approx([25, 5, 12], abs=0.5)
    assert one.depth_mm == pytest.approx(0.15, abs=0.02)
    assert one.volume_mm3 == pytest.approx(6.0, abs=0.4)
    assert one.volume_uncertainty_mm3 < 0.3
    assert grooved.surface.coverage > 0.99
    told = grooved.to_json()
    assert told["changes"][0]["kind"] == "loss"
    assert told["lost_mm3"] == one.volume_mm3
    assert told["gained_mm3"] == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_said_follows(grooved, language):
    said = lines(grooved, language)
    assert said[0].startswith({"en": "Changed: 1 region differs", "zh": "有变化：1 处"}[language])
    assert any(f"{grooved.volume('hollow')[0]:.2f} mm³" in line for line in said[2:])
    calm = replace(grooved, changes=())
    starts = {
        "unchanged": ("Unchanged: 100", "无变化"),
        "undecided": ("Undecided: no place", "无法判定"),
        "incomplete": ("Incomplete: nothing", "数据不完整"),
    }
    for outcome, start in starts.items():
        assert lines(replace(calm, outcome=outcome), language)[0].startswith(start[language == "zh"])
    lost = replace(calm, outcome="undecided", trusts=(TRUSTED, replace(TRUSTED, reasons=("rival",))))
    assert lost.to_json()["changes"] == []
    assert "trusted" in lines(lost, "en")[0]
    claims = wear_claims(grooved, LATER)
    region = narrate_wear(grooved, claims, "en")[1]
    gain = replace(region, text=region.text.replace("loss", "gain"))
    assert "says gain" in check([gain], claims)[1][0].reason


def test_two_scans_of_the_same_part(part, monkeypatch):
    """A limit as small as the noise of single cells leaves the outcome open; a wider one does not."""
    aligned(monkeypatch, POSE, POSE)
    assert compare(seen(part, seed=5), seen(part, seed=6), part, LIMIT, Options()).outcome == "undecided"
    aligned(monkeypatch, POSE, POSE)
    same = compare(seen(part, seed=5), seen(part, seed=6), part, WIDE, Options())
    assert (same.outcome, same.changes) == ("unchanged", ())
    aligned(monkeypatch, POSE, POSE)
    upper = seen(part, seed=6, only=lambda normals: normals[:, 2] > -0.5)
    assert compare(seen(part, seed=5), upper, part, WIDE, Options()).outcome == "incomplete"
    aligned(monkeypatch, POSE)
    alone = compare(None, seen(part, seed=5), part, WIDE, Options())
    assert (alone.outcome, alone.poses[0], alone.points) == ("unchanged", None, (0, 30_000))


@pytest.mark.slow
def test_the_command(part, tmp_path):
    import typer

    app = typer.Typer()
    app.command()(cli.wear)
    write_mesh(tmp_path / "part.stl", part.scene.mesh)
    write_points(tmp_path / "july.ply", PointCloud(worn(part)[::2]))
    arguments = [str(tmp_path / "part.stl"), str(tmp_path / "july.ply"), "--tolerance", "0.03", "--unit", "mm"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out"), "--formats", "pdf,ply,svg"])
    assert done.exit_code == 0, done.output
    assert "outcome: changed" in done.output
    told = json.loads((tmp_path / "out" / "wear.json").read_text())
    assert told["lost_mm3"] == pytest.approx(6.0, abs=0.5)
    assert (told["before"]["name"], told["left_out"]) == ("part.stl", [])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"wear.json", "wear.pdf", "change.ply", "view-1.svg", "view-2.svg", "scale.svg"}
    cloud = [str(tmp_path / "july.ply"), *arguments[1:], "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match=r"is no mesh to compare with .* give the part with --cad"):
        raise CliRunner().invoke(app, cloud).exception


@pytest.mark.slow
def test_the_samples_of_a_demo(tmp_path):
    """What `samples.py` says of them: a hollow 0.25 deep, then a groove of 0.3 x 8 x 2/3 x 30 = 48 mm3."""
    write_samples(tmp_path)
    request = WearRequest(
        tmp_path / "bracket-may.ply", tmp_path / "bracket-july.ply", tmp_path / "bracket.stl", "mm", "mm",
        Tolerance(0.1), datum=tmp_path / "bracket-datums.txt", formats=("json",),
    )  # fmt: skip
    result = run_wear(request, tmp_path / "out")
    (one,) = result.wear.changes
    assert result.wear.is_trusted
    assert abs(one.volume_mm3 - 48) < one.volume_uncertainty_mm3
    assert one.place == pytest.approx([15, 42, 24], abs=0.5)
