"""Inspection of a bracket made here: its pose, a hollow of known depth, and every verdict that is no pass."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from trivium.maintenance.inspection import cli
from trivium.maintenance.inspection.align import Alignment, Candidate
from trivium.maintenance.inspection.deviation import Surface, cell_size
from trivium.maintenance.inspection.inspect import Inspection, Options, Tolerance, conclude, inspect
from trivium.maintenance.inspection.poses import apply, displacement, exponential, inverse, spread_rotations
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.regions import decide, defects, joined
from trivium.maintenance.inspection.report.colors import colors
from trivium.maintenance.inspection.trust import Trust, apart, is_off, symmetric
from trivium.pointcloud.io import read_points, write_mesh, write_points
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.errors import InputError

NOISE = 0.02
LIMIT = Tolerance(0.05)
POSE = inverse(exponential(np.array([[0.4, -1.1, 0.7, 30.0, -20, 55]]))[0])


def bracket(width: float = 40, arm: float = 30, foot: float = 10, height: float = 12) -> Mesh:
    """Make an L from two blocks' outlines, extruded; all faces outwards."""
    outline = [(0, 0), (width, 0), (width, foot), (15, foot), (15, arm), (0, arm), (0, foot)]
    flat = [(0, 1, 2), (0, 2, 6), (6, 3, 5), (3, 4, 5)]
    count = len(outline)
    vertices = np.array([[x, y, z] for z in (0, height) for x, y in outline], float)
    faces = [(a, c, b) for a, b, c in flat] + [(a + count, b + count, c + count) for a, b, c in flat]
    for at in range(count):
        after = (at + 1) % count
        faces += [(at, after, after + count), (at, after + count, at + count)]
    return Mesh(vertices, np.array(faces))


def seen(reference: Reference, count: int = 30_000, seed: int = 0, only=None) -> np.ndarray:
    """Scan: places spread over the surface with noise, in the scanner's frame; `only` picks faces by their normals."""
    generator = np.random.default_rng(seed)
    places = reference.scene.sample(count, generator)
    points = places.positions + generator.normal(0, NOISE, (count, 1)) * places.normals
    return apply(inverse(POSE), points if only is None else points[only(places.normals)])


@pytest.fixture(scope="module")
def part() -> Reference:
    return Reference(bracket())


@pytest.fixture(scope="module")
def dented(part) -> Inspection:
    """A hollow 0.1 deep and 6 wide at (30, 5) of the top, cosine walls."""
    points = apply(POSE, seen(part))
    distance = np.linalg.norm(points - [30, 5, 12], axis=1)
    inside = (distance < 3) & (points[:, 2] > 11.5)
    points[inside, 2] -= 0.05 * (1 + np.cos(2 * np.pi * distance[inside] / 6))
    return inspect(apply(inverse(POSE), points), part, LIMIT)


# -- parts ----------------------------------------------------------------------------------------------------------


def test_motions():
    quarter = exponential(np.array([[0, 0, np.pi / 2, 1, 2, 3]]))[0]
    np.testing.assert_allclose(apply(quarter, np.array([[1.0, 0, 0]])), [[1, 3, 3]], atol=1e-12)
    np.testing.assert_allclose(quarter @ inverse(quarter), np.eye(4), atol=1e-12)
    turns = spread_rotations(300)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.tile(np.eye(3), (300, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    # Evenly: every turn has another within 45 degrees, none the same.
    closest = np.sort((np.einsum("aij,bij->ab", turns, turns).clip(-1, 3) - 1) / 2, axis=1)[:, -2]
    assert np.degrees(np.arccos(closest)).max() < 45


@pytest.mark.slow
def test_the_part_knows_its_outside(part):
    deviation, _ = part.signed(np.array([[20, 5, 12.1], [20, 5, 11.9], [50, 5, 6]]))
    np.testing.assert_allclose(deviation, [0.1, -0.1, 10], atol=1e-9)
    turned = Reference(Mesh(part.scene.mesh.vertices, part.scene.mesh.faces[:, ::-1]))
    np.testing.assert_allclose(turned.signed(np.array([[20, 5, 12.1]]))[0], [0.1], atol=1e-9)
    # Two ends of 12 x 10 and 12 x 15, the outline of 140 x 12, two faces of 700.
    assert part.area == pytest.approx(140 * 12 + 2 * 700)


def test_tolerance_as_the_drawing_says_it():
    assert Tolerance(0.1).limit_mm == 0.1
    assert Tolerance(0.1, "total").limit_mm == 0.05
    with pytest.raises(InputError, match="a tolerance of 0 mm is not positive"):
        Tolerance(0)


def row_of_cells(deviation: list[float], error: float = 0.001) -> Surface:
    """Cells of one square millimetre side by side along x."""
    count = len(deviation)
    places = np.stack((np.arange(count, dtype=float), np.zeros(count), np.zeros(count)), axis=1)
    normals = np.tile([0.0, 0, 1], (count, 1))
    first = np.r_[np.arange(count - 1), np.arange(1, count)]
    second = np.r_[np.arange(1, count), np.arange(count - 1)]
    covered = np.isfinite(deviation)
    errors = np.full(count, error)
    return Surface(
        places,
        normals,
        np.ones(count),
        np.full(count, 9),
        np.array(deviation),
        errors,
        covered,
        (first, second),
        0.01,
        1.0,
        np.arange(count),
    )


NO_POINTS = (np.empty((0, 3)), np.empty(0))


def test_verdicts_by_hand():
    """ISO 14253-1 with limit 0.05 and an expanded uncertainty of 0.002."""
    nan = float("nan")
    cases = {
        "pass": [0.0, 0.047, -0.047, 0.0, nan],
        "undecided": [0.0, 0.049, 0.051, 0.0, 0.0],
        "fail": [0.0, -0.06, -0.06, 0.0, nan],
        "incomplete": [0.0, 0.0, nan, nan, 0.0],
    }
    for verdict, deviation in cases.items():
        surface = row_of_cells(deviation)
        found = defects(surface, *NO_POINTS, 0.05, 0.0, 6)
        assert decide(surface, found, 0.05, 0.0, is_trusted=True, min_coverage=0.7) == verdict
        assert decide(surface, found, 0.05, 0.0, is_trusted=False, min_coverage=0.7) == "undecided"
    unseen = row_of_cells([nan, nan])
    assert decide(unseen, [], 0.05, 0.0, is_trusted=True, min_coverage=0.0) == "incomplete"


def test_regions_by_hand():
    """Two hollows and two bumps; each reaches down to 0.3 of its depth; one cell, a mean already, is enough."""
    row = [0, -0.02, -0.1, -0.08, 0, 0, 0.2, 0.2, 0, -0.06, -0.06, 0, 0.3, 0]
    found = defects(row_of_cells(row), *NO_POINTS, 0.05, 0.0, 6)
    assert [(one.kind, one.area_mm2, one.area_out_mm2) for one in found] == [
        ("bump", 1, 1),
        ("bump", 2, 2),
        ("hollow", 2, 2),
        ("hollow", 2, 2),
    ]
    assert [one.depth_mm for one in found] == pytest.approx([0.3, 0.2, 0.1, 0.06])
    assert found[2].place[0] == pytest.approx((2 * 0.1 + 3 * 0.08) / 0.18)
    # A larger systematic uncertainty takes the shallow one away.
    assert len(defects(row_of_cells(row), *NO_POINTS, 0.05, 0.006, 6)) == 3


def test_a_deep_region_keeps_its_shallow_rim():
    """The rim is out of tolerance, and less than a third as deep."""
    (one,) = defects(row_of_cells([0, -0.06, -0.5, -0.06, 0]), *NO_POINTS, 0.05, 0.0, 6)
    assert (one.depth_mm, one.area_mm2, one.area_out_mm2) == (0.5, 3, 3)
    assert one.volume_mm3 == pytest.approx(0.62)
    # Three errors of a mean each, three cells: sqrt(3) times 3 times 0.001, twice.
    assert one.volume_uncertainty_mm3 == pytest.approx(6e-3 * 3**0.5)


def test_a_second_look_where_points_are_many(part):
    """A sparse scan with a dense patch over a hollow of 2 mm, which wide cells do not show."""
    generator = np.random.default_rng(4)
    points = [apply(POSE, seen(part, 1500, seed=3))]
    patch = np.column_stack((generator.uniform(26, 34, 4000), generator.uniform(1, 9, 4000), np.full(4000, 12.0)))
    patch[:, 2] += generator.normal(0, NOISE, 4000)
    distance = np.hypot(patch[:, 0] - 30, patch[:, 1] - 5)
    patch[distance < 1, 2] -= 0.1 * (1 + np.cos(np.pi * distance[distance < 1]))
    scan = np.concatenate((*points, patch))
    trust = Trust((), 0, 0.0, None, 0.0)
    options = Options(resolution_mm=2.0, min_coverage=0.0)
    (one,) = conclude(apply(inverse(POSE), scan), part, POSE, trust, LIMIT, options).defects
    assert one.place == pytest.approx([30, 5, 12], abs=0.4)
    assert one.depth_mm == pytest.approx(0.2, abs=0.05)
    assert joined([one], [one]) == [one]
    assert joined([], [one]) == [one]


def test_a_symmetry_holds_both_ways():
    """A motion that carries the part onto itself within 0.05 mm, and back within 0.06, is none."""
    quarter = exponential(np.array([[0, 0, np.pi / 2, 0, 0, 0.0]]))

    class Almost:
        def self_distance(self, motions):
            return np.where(np.isclose(motions[:, 1, 0], 1), 0.04, 0.06)

    assert symmetric(np.eye(4), quarter, Almost()).tolist() == [False]
    assert Almost().self_distance(quarter).tolist() == [0.04]


def test_cells_grow_where_points_are_few(part):
    assert cell_size(part, 10**6, 6.0) == 1.0
    assert cell_size(part, 1000, 6.0) == pytest.approx((1.5 * 3080 / 1000) ** 0.5)


# -- the whole ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hollow_is_found_where_it_is(dented, part):
    assert dented.trust.is_trusted
    assert dented.trust.symmetries == 0
    assert displacement(dented.pose, POSE, apply(inverse(POSE), part.outline)) < 0.01
    assert dented.verdict == "fail"
    (one,) = dented.defects
    assert one.kind == "hollow"
    assert np.linalg.norm(one.place - [30, 5, 12]) < 1
    assert one.depth_mm == pytest.approx(0.1, abs=0.02)
    assert abs(one.depth_mm - 0.1) < 2 * one.uncertainty_mm + 0.01
    assert 5 < one.area_mm2 < 29  # the hollow covers 28; it is flat at its rim
    assert dented.surface.coverage == 1
    assert dented.surface.noise == pytest.approx(NOISE, rel=0.1)


@pytest.mark.slow
def test_a_part_of_the_other_hand_is_said_to_be_one():
    """A bracket that leans to one side is another one in a mirror; one that stands upright is the same."""
    upright = bracket()
    leaning = Mesh(upright.vertices + upright.vertices[:, 2:] * [0.4, 0, 0], upright.faces)
    part = Reference(leaning)
    scan = seen(part, 12_000, seed=10)
    assert inspect(scan, part, LIMIT).trust.reasons == ()
    other = inspect(scan * [1, -1, 1], part, LIMIT)
    assert other.verdict == "undecided"
    assert "mirrored" in other.trust.reasons


def test_a_torn_surface_has_depths_that_were_measured(part):
    """A crater 0.6 mm deep around a pin 0.5 mm high and 3 mm wide: a paraboloid through both overshoots."""
    points = apply(POSE, seen(part, seed=9))
    distance = np.linalg.norm(points[:, :2] - [30, 5], axis=1)
    torn = (points[:, 2] > 11.5) & (distance < 4)
    points[torn, 2] += np.where(distance[torn] < 1.5, 0.5, -0.6)
    result = conclude(apply(inverse(POSE), points), part, POSE, Trust((), 0, 0.0, None, 0.001), LIMIT)
    depths = {one.kind: one.depth_mm for one in result.defects}
    assert depths["hollow"] == pytest.approx(0.6, abs=0.1)
    assert 0.15 < depths["bump"] < 0.55


@pytest.mark.slow
def test_a_clean_part_passes_and_one_side_is_not_enough(part):
    result = inspect(seen(part, seed=5), part, LIMIT)
    assert (result.verdict, result.defects) == ("pass", ())
    upper = inspect(seen(part, seed=6, only=lambda normals: normals[:, 2] > -0.5), part, LIMIT)
    assert upper.trust.is_trusted
    assert upper.verdict == "incomplete"
    assert upper.surface.coverage == pytest.approx(1 - 700 / 3080, abs=0.02)


@pytest.mark.slow
def test_what_cannot_be_trusted_is_not(part):
    """A single face fits anywhere on a face; a part scanned in inch does not fit at all."""
    top = inspect(seen(part, seed=7, only=lambda normals: normals[:, 2] > 0.5), part, LIMIT)
    assert not top.trust.is_trusted
    assert top.verdict == "undecided"
    assert top.trust.reasons == ("rival",)  # it lies on the upper face, and as well, shifted, on the lower one
    assert top.to_json()["defects"] == []
    inch = inspect(seen(part, seed=8) / 25.4, part, LIMIT)
    assert inch.trust.reasons[0] == "size"
    with pytest.raises(InputError, match="100 points; needs at least 500"):
        inspect(np.zeros((100, 3)), part, LIMIT)
    with pytest.raises(InputError, match="all points lie in one place"):
        inspect(np.zeros((1000, 3)), part, LIMIT)


def test_a_scan_of_something_else_is_said(part):
    far = np.random.default_rng(0).normal(size=(1000, 3)) * 1e4 + 1e6
    with pytest.raises(InputError, match="no point of the scan comes near the part; check both units"):
        conclude(far, part, np.eye(4), Trust((), 0, 0.0, None, 0.0), LIMIT)


@pytest.mark.slow
def test_half_of_a_part_is_laid_where_it_belongs(part):
    """The half with the arm, from a coarse scanner: incomplete, whatever points the search looks at."""
    generator = np.random.default_rng(13)
    points = part.scene.sample(20_000, generator).positions + generator.normal(0, 0.1, (20_000, 3)) / 3**0.5
    half = apply(inverse(POSE), points[points[:, 0] < 20])
    for seed in (0, 1):
        result = inspect(half, part, Tolerance(0.3), Options(seed=seed))
        assert displacement(result.pose, POSE, apply(inverse(POSE), part.outline)) < 0.05
        assert (result.trust.reasons, result.verdict) == ((), "incomplete")


@pytest.mark.slow
def test_a_broken_off_corner_is_a_defect_and_no_reason_to_distrust(part):
    """The end of the foot, 9 mm of it, is broken off askew: 3 to 10 % of the points lie on the break."""
    points = apply(POSE, seen(part, 20_000, seed=12))
    across = np.array([0.8, 0.0, 0.6])
    beyond = points @ across - ([40, 0, 12] @ across - 7)
    points[beyond > 0] -= beyond[beyond > 0, None] * across
    result = inspect(apply(inverse(POSE), points), part, LIMIT)
    assert displacement(result.pose, POSE, apply(inverse(POSE), part.outline)) < 0.02
    assert 0.02 < result.trust.off_share < 0.1
    assert (result.trust.reasons, result.verdict) == ((), "fail")
    assert result.defects[0].kind == "hollow"
    assert result.defects[0].depth_mm > 2


def test_what_is_off_under_both_poses_tells_nothing():
    """Five hundred points are broken off under either pose; thirty more are off under the rival alone."""
    off = np.zeros(10_000, bool)
    off[:500] = True
    more = off.copy()
    more[500:530] = True
    far = np.tile([100.0, 0, 0], (10_000, 1))
    best, rival = Candidate(np.eye(4), off), Candidate(np.eye(4), more)
    assert apart(best, rival) == (30, 0)
    assert apart(rival, best) == (0, 30)
    assert Alignment((best, rival), far, 0.02).judged == 10_000
    assert (best.off, rival.off) == (500, 530)


def test_points_off_in_many_places_are_no_break(part):
    """6 % of the points lie 3 mm out: in one corner of the top a break, all over the part another part."""
    points = part.scene.sample(5000, np.random.default_rng(0)).positions
    for chosen, expected in ((points[:, 0].argsort()[-300:], False), (np.arange(300), True)):
        moved, off = points.copy(), np.zeros(5000, bool)
        moved[chosen] += [0, 0, 3]
        off[chosen] = True
        assert is_off(Alignment((Candidate(np.eye(4), off),), moved, 0.02), part) is expected


@pytest.mark.slow
def test_a_symmetric_part_is_trusted_and_says_so():
    """A block has three half turns that leave it as it is."""
    block = Reference(bracket(width=15, arm=30, foot=10, height=12))
    result = inspect(seen(block, seed=9), block, LIMIT)
    assert result.trust.is_trusted
    assert result.trust.symmetries == 3
    assert result.verdict == "pass"


@pytest.mark.slow
def test_files_and_command(dented, part, tmp_path):
    write_mesh(tmp_path / "part.stl", part.scene.mesh)
    write_points(tmp_path / "scan.ply", PointCloud(seen(part, seed=10) / 25.4))
    import typer

    app = typer.Typer()
    app.command()(cli.inspect)
    out = tmp_path / "made" / "here"
    arguments = [str(tmp_path / "scan.ply"), str(tmp_path / "part.stl"), "--tolerance", "0.05", "--out", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--unit", "inch", "--cad-unit", "mm"])
    assert done.exit_code == 0, done.output
    assert "verdict: pass" in done.output
    written = json.loads((out / "inspection.json").read_text())
    assert (written["aligned"], written["verdict"], written["defects"]) == ("trusted", "pass", [])
    turn = np.array(written["transform"])[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert len(read_points(out / "deviation.ply")) == 30_000
    wrong = CliRunner().invoke(app, [*arguments, "--unit", "furlong"])
    assert isinstance(wrong.exception, InputError)
    assert "unit 'furlong' is unknown; known: mm, cm, m, inch" in wrong.exception.line
    assert [one["id"] for one in written["claims"]][:3] == ["tolerance", "limit", "min_coverage"]
    assert written["sentences"][0]["text"].startswith("Pass: 100.0 % of the surface was seen")
    assert written["left_out"] == []
    (one,) = dented.to_json()["defects"]
    assert one["place"] == pytest.approx([30, 5, 12], abs=1)
    assert {"id", "kind", "depth_mm", "depth_uncertainty_mm", "area_mm2", "normal", "extent_mm", "points"} <= set(one)


def test_colours_say_the_side():
    shades = colors(np.array([0.0, 0.1, -0.1, 9.0, -0.05]), 0.05)
    assert shades.tolist() == [[255, 255, 255], [255, 0, 0], [0, 0, 255], [255, 0, 0], [128, 128, 255]]
