"""Scans as files: what is read of them, and which options are wrong use."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.inspection.files import read_scan
from trivium.pointcloud.io import write_mesh, write_points
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.cli import run

_CORNERS = np.array([[x, y, z] for x in (0, 9) for y in (0, 9) for z in (0, 9)], np.float64)
BOX = Mesh(
    _CORNERS,
    np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
              [0, 6, 4], [1, 5, 7], [1, 7, 3]]),
)  # fmt: skip


def test_a_copy_of_a_point_is_no_second_measurement(tmp_path):
    once = np.array([[1, 2, 3], [0, 0, 0], [1, 2, 4], [5, 5, 5]], np.float64)
    write_points(tmp_path / "scan.ply", PointCloud(np.concatenate([once, once[::-1], once[1:3]])))
    np.testing.assert_array_equal(read_scan(tmp_path / "scan.ply", "cm"), 10 * once)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--tolerance", "0"], "--tolerance: a tolerance of 0.0 mm is not positive"),
        (["--unit", "ft"], "--unit: unit 'ft' is unknown; known: mm, cm, m, inch"),
        (["--formats", "html,exe"], "--formats: format 'exe' is unknown; known: html, pdf, json, ply, svg"),
        (["--lang", "de"], "--lang: language 'de' is unknown; known: en, zh"),
    ],
)
def test_an_option_that_cannot_be_used_is_wrong_use(tmp_path, capsys, change, message):
    write_mesh(tmp_path / "part.stl", BOX)
    write_points(tmp_path / "scan.ply", PointCloud(np.random.default_rng(1).uniform(0, 9, (600, 3))))
    files = [str(tmp_path / "scan.ply"), str(tmp_path / "part.stl"), "--out", str(tmp_path / "out")]
    assert run(["maintenance", "inspect", *files, "--tolerance", "0.1", "--unit", "mm", *change]) == 2
    assert message in capsys.readouterr().err
