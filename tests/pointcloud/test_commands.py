"""`simulate` and `detect` as their users call them: files, keys, one bad input among good ones."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from trivium.pointcloud.__main__ import main
from trivium.pointcloud.io import read_points, write_points
from trivium.pointcloud.io.kitti import read_calibration, read_labels
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError

KEYS = ["label", "x", "y", "z", "length", "width", "height", "yaw", "score"]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Three simulated frames, seen ahead."""
    folder = tmp_path_factory.mktemp("frames")
    assert main(["simulate", "--out", str(folder), "--frames", "3", "--seed", "5", "--view", "80"]) == 0
    return folder


def test_frames_come_with_truth_and_are_the_same_again(frames, tmp_path) -> None:
    assert main(["simulate", "--out", str(tmp_path), "--frames", "1", "--seed", "5", "--view", "80"]) == 0
    assert (tmp_path / "000000.bin").read_bytes() == (frames / "000000.bin").read_bytes()
    assert (frames / "000001.bin").read_bytes() != (frames / "000000.bin").read_bytes()
    truth = json.loads((frames / "000001.json").read_text())
    assert list(truth[0]) == [*KEYS[:-1], "points"]
    assert all(one["points"] > 0 for one in truth)
    labels = read_labels(frames / "labels" / "000001.txt")
    camera = read_calibration(frames / "calib.txt")
    # The camera sits 0.27 m ahead of the LiDAR and looks along x.
    nearest = min(labels.locations[:, 2])
    assert any(abs(one["x"] - 0.27 - nearest) < 1e-3 for one in truth)
    assert camera.projection[0, 0] == 720


def test_objects_are_found_in_every_format_and_a_bad_file_stops_nothing(frames, tmp_path, capsys) -> None:
    cloud = read_points(frames / "000001.bin")
    write_points(tmp_path / "a.pcd", cloud)
    write_points(tmp_path / "b.ply", cloud)
    (tmp_path / "c.bin.gz").write_bytes(gzip.compress((frames / "000001.bin").read_bytes()))
    level = (np.asarray(cloud.fields["intensity"]) * 255).astype(np.uint8)
    np.savez(tmp_path / "d.npz", xyz_3mm=np.rint(cloud.xyz / 0.003).astype(np.int16), intensity=level)
    (tmp_path / "bad.pcd").write_bytes(b"no cloud")
    names = ["a.pcd", "bad.pcd", "b.ply", "c.bin.gz", "d.npz"]
    out = tmp_path / "out"
    code = main(["detect", *(str(tmp_path / name) for name in names), "--out", str(out), "--min-score", "0.3",
                 "--calib", str(frames / "calib.txt")])  # fmt: skip
    assert code == 1
    said = capsys.readouterr()
    assert "bad.pcd" in said.err
    assert sorted(path.name for path in out.glob("*.json")) == ["a.json", "b.json", "c.json", "d.json"]
    found = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert list(found["a"][0]) == KEYS
    sure = sum(one["score"] >= 0.5 for one in found["a"])
    line = next(line for line in said.out.splitlines() if "a.pcd" in line)
    assert f"with a score of 0.5 or more; {len(found['a'])} objects written" in line
    assert sum(int(word) for word in line.split(" with")[0].replace(",", "").split() if word.isdigit()) == sure
    for one, two in zip(found["a"], found["c"], strict=True):
        assert one["label"] == two["label"]
        assert one["x"] == pytest.approx(two["x"], abs=0.01)
    # What carries 100 points or more and stands alone is found: its centre within a metre, its size within a fifth.
    truth = [one for one in json.loads((frames / "000001.json").read_text()) if one["points"] >= 100]
    assert len(truth) >= 3
    for stem in ("a", "b", "d"):
        hits = [
            any(abs(one["x"] - two["x"]) < 1 and abs(one["y"] - two["y"]) < 1 and
                abs(one["width"] / two["width"] - 1) < 0.4 for two in found[stem])
            for one in truth
        ]  # fmt: skip
        assert sum(hits) >= 0.7 * len(hits)
    results = read_labels(out / "a.txt", has_scores=True)
    assert len(results) >= 1
    assert results.scores.min() >= 0.3


def test_pictures_fit_the_calibration_that_is_written_and_help_to_find(tmp_path, capsys) -> None:
    Image = pytest.importorskip("PIL.Image")
    out, found = tmp_path / "frames", tmp_path / "found"
    wishes = ["--frames", "2", "--seed", "8", "--view", "90", "--pattern", "hdl32", "--camera"]
    assert main(["simulate", "--out", str(out), *wishes]) == 0
    with Image.open(out / "000000.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (1240, 376))
        pixels = np.asarray(picture).astype(int)
    assert pixels[:20].mean() > pixels[-20:].mean()  # sky above, road below
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500
    (out / "000000.png").unlink()
    clouds = [str(out / "000000.bin"), str(out / "000001.bin")]
    asked = ["detect", *clouds, "--out", str(found), "--pictures", str(out)]
    capsys.readouterr()
    assert main(asked) == 1
    assert "give --calib" in capsys.readouterr().err
    assert main([*asked, "--calib", str(out / "calib.txt")]) == 0
    assert "000000.bin: no picture of that name" in capsys.readouterr().err
    truth = [one for one in json.loads((out / "000001.json").read_text()) if one["points"] >= 30 and one["x"] > 8]
    said = json.loads((found / "000001.json").read_text())
    hits = [any(abs(a["x"] - b["x"]) < 1.5 and abs(a["y"] - b["y"]) < 1.5 for b in said) for a in truth]
    assert len(hits) >= 2
    assert sum(hits) >= 0.7 * len(hits)
    (out / "000001.png").write_bytes(b"no picture")
    assert main([*asked, "--calib", str(out / "calib.txt")]) == 1
    assert "no picture can be read" in capsys.readouterr().err


def test_two_inputs_of_one_name_are_refused_in_a_line(frames, tmp_path, capsys) -> None:
    (tmp_path / "000000.bin.gz").write_bytes(gzip.compress((frames / "000000.bin").read_bytes()))
    files = [str(frames / "000000.bin"), str(tmp_path / "000000.bin.gz")]
    assert main(["detect", *files, "--out", str(tmp_path / "out")]) == 1
    assert "another input is named '000000' too" in capsys.readouterr().err


def test_an_archive_says_what_it_lacks(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", points=np.zeros((3, 3)))
    with pytest.raises(InputError, match="neither 'xyz' nor 'xyz_3mm'"):
        read_points(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", xyz=np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"shape \(3, 2\)"):
        read_points(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", xyz=np.array([object()]))
    with pytest.raises(InputError, match="no numpy array of numbers"):
        read_points(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", xyz=np.ones((3, 3)), intensity=np.ones(2))
    with pytest.raises(InputError, match="beside 3 points"):
        read_points(tmp_path / "d.npz")


def test_an_array_is_read_with_three_or_four_columns(tmp_path) -> None:
    points = np.array([[1, 2, 3, 40], [4, 5, 6, 80], [np.nan, 0, 0, 0]])
    np.save(tmp_path / "a.npy", points[:, :3])
    np.save(tmp_path / "b.npy", np.asfortranarray(points[:2].astype(np.int16)))
    plain, whole = read_points(tmp_path / "a.npy"), read_points(tmp_path / "b.npy")
    assert (plain.xyz.tolist(), list(plain.fields), plain.dropped) == ([[1, 2, 3], [4, 5, 6]], [], 1)
    assert (whole.xyz.tolist(), whole.fields["intensity"].tolist()) == ([[1, 2, 3], [4, 5, 6]], [40, 80])


def _claiming(shape: str) -> bytes:
    """An array whose header says another shape than its six numbers have."""
    stream = io.BytesIO()
    np.save(stream, np.zeros((2, 3)))
    return stream.getvalue().replace(b"(2, 3), }" + b" " * (len(shape) - 6), shape.encode() + b", }")


def test_an_array_that_is_none_or_too_short_is_told(tmp_path) -> None:
    for name, content in (("a", np.zeros((3, 9))), ("b", np.zeros(3)), ("c", np.zeros((2, 3), bool))):
        np.save(tmp_path / f"{name}.npy", content)
        with pytest.raises(InputError, match=r"not numbers \(N, 3\) or \(N, 4\); a row a point: x, y, z in metres"):
            read_points(tmp_path / f"{name}.npy")
    np.save(tmp_path / "d.npy", np.array([object()]), allow_pickle=True)
    (tmp_path / "e.npy").write_bytes(b"x,y,z\n")
    huge = _claiming("(999999999999, 3)")
    (tmp_path / "f.npy").write_bytes(huge)
    for name in "def":
        with pytest.raises(InputError, match="no numpy array of numbers"):
            read_points(tmp_path / f"{name}.npy")
    with zipfile.ZipFile(tmp_path / "g.npz", "w") as archive:
        archive.writestr("xyz.npy", huge)
    with pytest.raises(InputError, match=r"g\.npz, xyz: no numpy array of numbers"):
        read_points(tmp_path / "g.npz")


def test_wrong_wishes_end_in_one_line(tmp_path, capsys) -> None:
    assert main(["simulate", "--out", str(tmp_path), "--frames", "0"]) == 1
    assert main(["simulate", "--out", str(tmp_path), "--pattern", "hdl6"]) == 1
    errors = capsys.readouterr().err
    assert "use at least 1 frame" in errors
    assert "no beam pattern 'hdl6'" in errors
    write_points(tmp_path / "a.bin", PointCloud(np.zeros((1, 3), np.float32)))
    assert main(["detect", str(tmp_path / "a.bin"), "--out", str(tmp_path), "--weights", str(tmp_path / "no")]) == 1
    assert "train_detector makes them" in capsys.readouterr().err


def test_questions_about_clouds_are_answered_in_their_language(tmp_path, capsys) -> None:
    wishes = ["--frames", "1", "--seed", "4", "--pattern", "hdl32"]
    assert main(["simulate", "--out", str(tmp_path), *wishes]) == 0
    objects = json.loads((tmp_path / "000000.json").read_text())
    near = [one for one in objects if one["points"] >= 5 and np.hypot(one["x"], one["y"]) <= 30]
    assert sum(one["label"] in ("Car", "Van", "Truck") for one in near) >= 2
    (tmp_path / "bad.pcd").write_bytes(b"no cloud")
    asked = ["is there a car within 30 m?", "30米以内有车吗?", "how many vehicles are within 30 metres?"]
    files = [str(tmp_path / "bad.pcd"), str(tmp_path / "000000.bin")]
    capsys.readouterr()
    assert main(["ask", *files, *(word for text in asked for word in ("--question", text))]) == 1
    said = capsys.readouterr()
    assert "bad.pcd" in said.err
    answers = [line.split(text)[1].strip() for line, text in zip(said.out.splitlines(), asked, strict=True)]
    assert answers[:2] == ["yes", "是"]
    assert abs(int(answers[2]) - sum(one["label"] in ("Car", "Van", "Truck") for one in near)) <= 1
    assert main(["ask", files[1], "--question", "how many cars within 17 m?"]) == 1
    assert "17 m cannot be asked about" in capsys.readouterr().err


def test_a_cloud_in_another_unit_is_refused_and_not_called_empty(frames, tmp_path, capsys) -> None:
    cloud = read_points(frames / "000001.bin")
    write_points(tmp_path / "mm.ply", PointCloud(cloud.xyz * 1000))
    write_points(tmp_path / "three.ply", PointCloud(cloud.xyz[:3]))
    out = str(tmp_path / "out")
    assert main(["detect", str(tmp_path / "mm.ply"), str(tmp_path / "three.ply"), "--out", out]) == 1
    said = capsys.readouterr()
    assert f"mm.ply: 0 of {len(cloud):,} points lie within 100 m of the sensor; give coordinates in metres" in said.err
    assert "three.ply: 3 of 3 points lie within 100 m of the sensor" in said.err
    assert said.out == ""
    assert not list((tmp_path / "out").glob("*.json"))
    assert main(["ask", str(tmp_path / "mm.ply"), "--question", "is there a person within 20 m?"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "question", ["what is the meaning of life?", "", "how many dogs are within 20 m?", "附近有恐龙吗？"]
)
def test_a_question_about_anything_else_is_refused(frames, question, capsys) -> None:
    assert main(["ask", str(frames / "000001.bin"), "--question", question]) == 1
    said = capsys.readouterr()
    assert "names nothing that is looked for; ask about " in said.err
    assert said.out == ""


def test_frames_of_two_series_do_not_mix(tmp_path, capsys) -> None:
    simulate = ["simulate", "--out", str(tmp_path), "--pattern", "vlp16", "--view", "60"]
    assert main([*simulate, "--frames", "2", "--seed", "1"]) == 0
    before = (tmp_path / "000000.bin").read_bytes()
    assert main([*simulate, "--frames", "2", "--seed", "1"]) == 0
    assert main([*simulate, "--frames", "3", "--seed", "1"]) == 0
    for other in (["--frames", "3", "--seed", "2"], ["--frames", "1", "--seed", "1"]):
        assert main([*simulate, *other]) == 1
        assert "holds frames of another series, or more of them; give another --out" in capsys.readouterr().err
    assert (tmp_path / "000000.bin").read_bytes() == before
