"""People near a machine: distances by hand, zones that make no sense, and the sentence that every output carries."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from trivium.maintenance.inspection import cli, people
from trivium.pointcloud.detector.detect import Detection
from trivium.pointcloud.io import write_points
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError

# An L: 4 x 4 with the corner beyond (2, 2) cut out.
SHAPE = {"machine": "press 3", "corners_m": [[0, 0], [4, 0], [4, 2], [2, 2], [2, 4], [0, 4]], "margin_m": 1.5}
NOTES = {"en": "Information only, not a safety function.", "zh": "仅供参考，不是安全功能。"}


def test_distances_by_hand():
    zone = people.read_zone(SHAPE, "zone.json")
    found = {(1, 1): 0, (3, 3): 1, (5, 1): 1, (6, -1): math.hypot(2, 1), (-3, 5): math.hypot(3, 1), (2, 2): 0}
    for point, distance in found.items():
        assert zone.distance(point) == pytest.approx(distance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corners_m": [[0, 0], [1, 1]]}, "the outline has 2 corners, not 3 to 100"),
        ({"corners_m": [[0, 0], [1, 1], [0, float("nan")]]}, "a corner of the outline is not finite"),
        ({"margin_m": -1}, "a margin of -1 m is not between 0 and 100"),
        ({"corners_m": "x"}, "zone.json: is no zone"),
        ({"margin_m": None}, "zone.json: is no zone"),
    ],
)
def test_zones_that_make_no_sense(change, message):
    with pytest.raises(InputError) as caught:
        people.read_zone(SHAPE | change, "zone.json")
    assert message in caught.value.line
    with pytest.raises(InputError, match="is no zone"):
        people.read_zone([], "zone.json")  # type: ignore[arg-type]


@pytest.fixture
def detector():
    """One person 2 m beyond the side at x = 4, one inside, one who only looks like a car."""
    sizes = {"length": 0.6, "width": 0.6, "height": 1.8, "yaw": 0.0, "score": 0.8}
    found = [
        Detection("Pedestrian", 6.0, 1.0, 0.9, **sizes),
        Detection("Cyclist", 1.0, 1.0, 0.9, **sizes),
        Detection("Car", 1.0, 1.0, 0.9, **sizes),
    ]
    return SimpleNamespace(detect=lambda points, min_score: found)


def test_who_is_in_the_zone(detector, tmp_path):
    write_points(tmp_path / "a.xyz", PointCloud(np.zeros((20, 3))))
    zone = people.read_zone(SHAPE, "")
    (frame,) = people.watch([("a.xyz", tmp_path / "a.xyz")], zone, min_score=0.3, detector=detector)
    assert [(round(one.distance_m, 6), one.is_in_zone) for one in frame.people] == [(0, True), (1.7, False)]
    for language, words in NOTES.items():
        told = json.loads(people.write_people(tmp_path / "p.json", zone, [frame], language).read_text())
        page = people.people_page(zone, [frame], language)
        assert told["note"] == page["warning"] == words
        assert told["frames"][0]["in_zone"] == 1
        assert page["tone"] == "note"  # never the colours of a verdict
        assert page["rows"] == [["a.xyz", "1", "2", "0.0"]]


@pytest.mark.slow
def test_the_command_with_the_shipped_detector(tmp_path):
    """Nothing stands on an empty floor; a cloud in millimetres is no floor, and stops no other."""
    import typer

    app = typer.Typer()
    app.command()(cli.people)
    floor = np.array([[x, y, -1.7] for x in range(-9, 10) for y in range(-9, 10)], np.float64)
    write_points(tmp_path / "a.xyz", PointCloud(floor))
    write_points(tmp_path / "mm.xyz", PointCloud(1000 * floor + 500))
    (tmp_path / "zone.json").write_text(json.dumps(SHAPE))
    arguments = [str(tmp_path / "a.xyz"), "--out", str(tmp_path / "p.json"), "--zone"]
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "zone.json"), "--lang", "zh"])
    assert done.exit_code == 0, done.output
    assert "a.xyz: 0 of 0" in done.output
    assert NOTES["zh"] in done.output
    assert "Information only, not a safety function." in cli.people.__doc__
    done = CliRunner().invoke(app, [str(tmp_path / "mm.xyz"), *arguments, str(tmp_path / "zone.json")])
    assert done.exit_code == 1
    assert "mm.xyz: 0 of 361 points lie within 100 m of the sensor" in done.output
    assert "a.xyz: 0 of 0" in done.output
    assert [one["file"] for one in json.loads((tmp_path / "p.json").read_text())["frames"]] == ["a.xyz"]
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        raise CliRunner().invoke(app, [*arguments, str(tmp_path / "broken.json")]).exception
