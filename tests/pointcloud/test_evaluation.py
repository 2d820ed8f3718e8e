"""KITTI's figures against those of its own evaluator, folder rules, and AP by distance worked out by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.shared_data import SHARED

from trivium.pointcloud.__main__ import main
from trivium.pointcloud.evaluation.detections import (
    Detections,
    Truth,
    average_precision,
    match_by_distance,
    match_by_overlap,
)
from trivium.pointcloud.evaluation.folders import evaluate_folders
from trivium.pointcloud.evaluation.kitti import evaluate
from trivium.pointcloud.evaluation.matching import assign, rank_in_frame, same_frame_pairs
from trivium.pointcloud.io.kitti import Labels
from trivium.service.errors import InputError

GOLDEN = SHARED / "data" / "pointcloud" / "golden_ap"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no figures of the official evaluator at {GOLDEN}")
REAL = "{} 0.00 0 0.50 100 100 200 {} 1.5 1.6 4.0 {} 1.6 20.0 0.5"


# -- KITTI ----------------------------------------------------------------------------------------------------------


@needs_golden
@pytest.mark.parametrize("case", ["case1", "case2", "case3"])
def test_the_official_evaluators_figures(case):
    expected = json.loads((GOLDEN / case / "expected.json").read_text())["results"]
    ours = evaluate_folders(GOLDEN / case / "gt", GOLDEN / case / "det").figures["results"]
    assert set(ours) == set(expected)
    for key, levels in expected.items():
        for level, figures in levels.items():
            for name in ("ap_r40", "ap_r11"):
                assert ours[key][level][name] == pytest.approx(figures[name], abs=1e-4), (key, level)
            # It prints six digits.
            np.testing.assert_allclose(ours[key][level]["precision"], figures["precision"], atol=1e-6)


def frames(*lines: str) -> Labels:
    rows = [line.split() for line in lines]
    has_scores = bool(rows) and len(rows[0]) == 16
    table = np.array([[float(word) for word in row[1:]] for row in rows]).reshape(len(rows), 15 if has_scores else 14)
    return Labels.from_table(tuple(row[0] for row in rows), table, has_scores=has_scores)


NOTHING = Labels.from_table((), np.empty((0, 15)), has_scores=True)


def test_by_hand_all_found():
    """100 cars, one a frame, each found exactly: thresholds at every 1/40 of recall, precision 1 at each."""
    real = [frames(REAL.format("Car", 180, at % 7)) for at in range(100)]
    found = [frames(REAL.format("Car", 180, at % 7) + f" {1 - at / 200}") for at in range(100)]
    figures = evaluate(real, found)["car"]
    for metric in ("image", "bev", "3d", "orientation"):
        assert figures[metric]["easy"].ap_r40 == 100
        assert figures[metric]["easy"].ground_truth == 100
    assert evaluate(real, found)["cyclist"]["3d"]["easy"] is None


def test_by_hand_half_of_the_detections_are_mistakes():
    """Beside each car a detection of equal score where nothing is: precision 1/2 at every recall."""
    real = [frames(REAL.format("Car", 180, 0)) for _ in range(60)]
    aside = REAL.format("Car", 180, 50).replace("100 100 200", "700 100 800")
    found = [frames(REAL.format("Car", 180, 0) + " 0.5", aside + " 0.5") for _ in range(60)]
    figures = evaluate(real, found)["car"]
    # All scores are equal: there is one threshold per step of recall, all the same.
    assert figures["3d"]["easy"].ap_r40 == pytest.approx(50)
    assert figures["image"]["easy"].ap_r11 == pytest.approx(50)


def test_neighbours_regions_and_low_boxes_are_no_mistakes():
    found = [frames(REAL.format("Car", 180, 0) + f" {1 - at / 200}") for at in range(60)]
    real = [frames(REAL.format("Car", 180, 0)) for _ in range(50)]
    real += [frames(REAL.format("Van", 180, 0)) for _ in range(5)]
    real += [frames("DontCare -1 -1 -10 90 90 210 210 -1 -1 -1 -1000 -1000 -1000 -10") for _ in range(5)]
    figures = evaluate(real, found)["car"]
    assert figures["image"]["easy"].ap_r40 == 100  # vans and regions ignored
    assert figures["image"]["easy"].ground_truth == 50
    assert figures["bev"]["easy"].ap_r40 == 100  # mistakes on regions (which only images have) score lowest
    low = [frames(REAL.format("Car", 120, 40) + " 1.0")] * 10  # 20 pixels high
    assert (
        evaluate([*real, *[frames(REAL.format("Van", 180, 0))] * 10], [*found, *low])["car"]["3d"]["easy"].ap_r40 == 100
    )


def test_nothing_found_is_zero_and_no_alpha_is_no_orientation():
    real = [frames(REAL.format("Car", 180, 0)) for _ in range(5)]
    assert evaluate(real, [NOTHING] * 5)["car"]["3d"]["hard"].ap_r40 == 0
    found = [frames(REAL.format("Car", 180, 0).replace(" 0.50 ", " -10 ") + " 0.9")] * 5
    figures = evaluate(real, found)["car"]
    assert figures["orientation"]["easy"] is None
    assert figures["3d"]["easy"].precision[0] == 1
    with pytest.raises(ValueError, match="5 frames of ground truth and 4"):
        evaluate(real, found[:4])


def test_orientation_weighs_by_the_error_of_alpha():
    """Half a turn wrong counts nothing, a quarter turn half."""
    real = [frames(REAL.format("Car", 180, 0)) for _ in range(60)]
    found = [frames(REAL.format("Car", 180, 0).replace(" 0.50 ", f" {0.5 + np.pi / 2} ") + " 0.9")] * 60
    assert evaluate(real, found)["car"]["orientation"]["easy"].ap_r40 == pytest.approx(50)
    assert evaluate(real, found)["car"]["image"]["easy"].ap_r40 == 100


# -- folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    for name in ("gt", "det"):
        (tmp_path / name).mkdir()
    for at in range(4):
        (tmp_path / "gt" / f"{at}.txt").write_text(REAL.format("Car", 180, 0) + "\n" + REAL.format("Tram", 180, 9))
        (tmp_path / "det" / f"{at}.txt").write_text(REAL.format("car", 180, 0) + " 0.9\n")
    return tmp_path


def test_folder_rules_are_said(folders):
    (folders / "det" / "0.txt").unlink()
    (folders / "det" / "1.txt").write_text("")
    (folders / "det" / "9.txt").write_text(REAL.format("Car", 180, 0) + " 0.9\n")
    (folders / "det" / "2.txt").write_text(REAL.format("Bus", 180, 0) + " 0.9\n")
    report = evaluate_folders(folders / "gt", folders / "det")
    assert report.figures["frames"] == 4
    assert report.figures["frames_without_detections"] == ["0"]
    assert report.figures["frames_without_ground_truth"] == ["9"]
    assert report.figures["results"]["car/3d"]["easy"]["precision"][0] == 1  # class names in any case
    text = " | ".join(report.notes)
    for part in ("1 frame without a detection file", "no ground truth; left out (9)", "4 of class 'Tram'",
                 "1 of class 'Bus'", "car: fewer than 41 objects"):  # fmt: skip
        assert part in text


def test_folders_that_cannot_be_evaluated(folders):
    with pytest.raises(InputError, match="no such folder of detections"):
        evaluate_folders(folders / "gt", folders / "none")
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="holds no detections"):
        evaluate_folders(folders / "gt", folders / "empty")
    (folders / "empty" / "z.txt").write_text("")
    with pytest.raises(InputError, match="no file name in common"):
        evaluate_folders(folders / "gt", folders / "empty")


def test_the_command_without_typer(folders, capsys):
    arguments = ["eval", "--gt", str(folders / "gt"), "--det", str(folders / "det"), "--out"]
    assert main([*arguments, str(folders / "made" / "ap.json")]) == 0
    captured = capsys.readouterr()
    assert "car/3d" in captured.out
    assert "'Tram'" in captured.err
    assert json.loads((folders / "made" / "ap.json").read_text())["results"]["car/bev"]["easy"]["ground_truth"] == 4
    (folders / "det" / "3.txt").write_text("Car 1 2\n")
    assert main([*arguments, str(folders / "ap.json")]) == 1
    assert "3.txt, line 1: 3 values, not 16" in capsys.readouterr().err
    assert not (folders / "ap.json").exists()


@pytest.mark.slow
def test_a_bare_machine_can_evaluate(folders):
    """By PYTHONPATH alone, with everything blocked that a GPU machine lacks."""
    root = Path(__file__).resolve().parents[2]
    blocked = folders / "blocked"
    for name in ("typer", "pydantic", "celery", "sqlalchemy", "open3d", "scipy"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('blocked')")
    path = os.pathsep.join(map(str, (blocked, root / "packages/pointcloud", root / "packages/service")))
    command = [sys.executable, "-m", "trivium.pointcloud", "eval", "--gt", "gt", "--det", "det", "--out", "ap.json"]
    done = subprocess.run(command, cwd=folders, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((folders / "ap.json").read_text())["frames"] == 4
    shutil.rmtree(blocked)


# -- matching and AP ------------------------------------------------------------------------------------------------


def test_pairs_and_ranks_by_hand():
    first, second = same_frame_pairs(np.array([5, 3, 5]), np.array([3, 5, 4, 5]))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (0, 3), (1, 0), (2, 1), (2, 3)]
    assert rank_in_frame(np.array([5, 3, 5, 5, 3])).tolist() == [0, 0, 1, 2, 1]


def test_assignment_is_the_loop():
    generator = np.random.default_rng(0)
    frames_of = generator.integers(0, 5, 40)
    target_frames = generator.integers(0, 5, 60)
    seekers, targets = same_frame_pairs(frames_of, target_frames)
    keep = generator.random(len(seekers)) < 0.5
    seekers, targets = seekers[keep], targets[keep]
    preference = generator.integers(0, 9, len(seekers)).astype(float)
    allowed = generator.random((60, 3)) < 0.7
    turn = rank_in_frame(frames_of)
    ours = assign(seekers, targets, preference, turn, allowed)
    for threshold in range(3):
        free = set(np.flatnonzero(allowed[:, threshold]))
        for seeker in np.lexsort((turn, frames_of)):
            own = np.flatnonzero(seekers == seeker)
            options = [(preference[at], at) for at in own if targets[at] in free]
            expected = int(targets[min(options)[1]]) if options else -1
            assert ours[seeker, threshold] == expected
            free.discard(expected)


def test_average_precision_by_hand():
    """Hits at ranks 1 and 3 of 3, two objects: 1/2 at precision 1, 1/2 at 2/3. Equal scores count together."""
    scores, hits = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert average_precision(scores, hits, 2) == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))
    assert average_precision(scores, hits, 4) == pytest.approx(50 * (0.5 + 0.5 * 2 / 3))
    assert average_precision(np.array([0.9, 0.9, 0.9]), hits, 2) == pytest.approx(100 * 2 / 3)
    assert average_precision(scores[:0], hits[:0], 2) == 0
    assert average_precision(scores, hits, 0) is None


def test_by_distance_range_and_track():
    """Two frames: a near car found twice (the second time it is taken), a far one found 3 m off, one ignored."""
    row = [0, 0, 4, 2, 1.5, 0]
    boxes = torch.tensor([[10.0, *row], [40, *row], [10, *row], [20, *row]])
    truth = Truth(boxes, np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1], bool), np.array(["a", "b", "a", "c"]))
    seen = torch.tensor([[10.5, *row], [11, *row], [43, *row], [10, *row], [20, *row]])
    found = Detections(seen, np.array([0, 0, 0, 1, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.5]))
    match = match_by_distance(truth, found)
    assert match.found.tolist() == [0, -1, -1, 2, 3]
    # Counted: hit .9, mistake .8, mistake .7, hit .6; the ignored one says nothing. Three objects.
    assert match.average_precision() == pytest.approx(100 * (1 / 3 + 1 / 3 * 0.5))
    assert match.average_precision(far=30) == pytest.approx(100 * (1 / 2 + 1 / 2 * 2 / 3))
    assert match.average_precision(near=30) == 0
    assert match.average_precision(near=100) is None
    assert match.recall() == pytest.approx(2 / 3)
    assert match.recall_per_track() == {"a": 1.0, "b": 0.0}
    assert match.recall_per_track(min_score=0.7) == {"a": 0.5, "b": 0.0}
    # 0.5 m of 4 m aside: overlap 3.5 / 4.5; at 0.8 only the exact one remains.
    assert match_by_overlap(truth, found, limit=0.7).found.tolist() == [0, -1, -1, 2, 3]
    assert match_by_overlap(truth, found, limit=0.8, in_space=True).found.tolist() == [-1, -1, -1, 2, 3]
