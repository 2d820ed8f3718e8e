"""Readers and writers of clouds and meshes: round trips, true files, and files that lie."""

from __future__ import annotations

import gzip
import random
import struct

import numpy as np
import pytest
from tests.shared_data import SHARED

from trivium.pointcloud.io import lzf, pcd, ply, read_mesh, read_points, stl, write_mesh, write_points
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.errors import InputError

POINTS = SHARED / "data" / "pointcloud"
needs_scans = pytest.mark.skipif(not (POINTS / "registration").is_dir(), reason=f"no scans at {POINTS}")
XYZ = np.array([[1.5, -2.25, 3.0], [0.1, 1e-7, -1e6], [4.0, 5.0, 6.0]], np.float32)
FIELDS = {"intensity": np.array([0.1, 0.5, 1.0], np.float32), "ring": np.array([0, 7, 63], np.uint16)}
TETRAHEDRON = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


def assert_same(cloud, xyz=XYZ, fields=FIELDS):
    np.testing.assert_array_equal(cloud.xyz, xyz)
    assert set(cloud.fields) == set(fields)
    for name, values in fields.items():
        np.testing.assert_array_equal(cloud.fields[name], values)


# -- points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("name", ["a.pcd", "a.pcd.gz"])
def test_pcd_comes_back(tmp_path, layout, name):
    pcd.write(tmp_path / name, PointCloud(XYZ, FIELDS), layout=layout)
    cloud = read_points(tmp_path / name)
    assert_same(cloud)
    assert cloud.xyz.dtype == np.float32
    assert cloud.fields["ring"].dtype == np.uint16


@pytest.mark.parametrize("layout", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_points_come_back(tmp_path, layout):
    ply.write(tmp_path / "a.ply", PointCloud(XYZ.astype(np.float64), FIELDS), layout=layout)
    cloud = read_points(tmp_path / "a.ply")
    assert_same(cloud, XYZ.astype(np.float64))
    assert cloud.xyz.dtype == np.float64


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv_keeps_names(tmp_path, name):
    write_points(tmp_path / name, PointCloud(XYZ, FIELDS))
    assert_same(read_points(tmp_path / name))


def test_xyz_takes_blanks_commas_and_comments(tmp_path):
    (tmp_path / "a.xyz").write_text("# made by hand\n1 2 3 9\n4,5;6\t8\n\n// end\n")
    cloud = read_points(tmp_path / "a.xyz")
    assert_same(cloud, [[1, 2, 3], [4, 5, 6]], {"column_4": [9, 8]})


def test_kitti_sweep_is_four_floats_a_point(tmp_path):
    (tmp_path / "a.bin").write_bytes(struct.pack("<8f", 1, 2, 3, 0.5, 4, 5, 6, 0.25))
    assert_same(read_points(tmp_path / "a.bin"), [[1, 2, 3], [4, 5, 6]], {"intensity": [0.5, 0.25]})


def test_points_that_are_not_finite_are_dropped_and_counted(tmp_path):
    xyz = XYZ.copy()
    xyz[1, 2] = np.nan
    pcd.write(tmp_path / "a.pcd", PointCloud(xyz, FIELDS))
    cloud = read_points(tmp_path / "a.pcd")
    assert (len(cloud), cloud.dropped, cloud.fields["ring"].tolist()) == (2, 1, [0, 63])
    assert len(read_points(tmp_path / "a.pcd", not_finite="keep")) == 3
    with pytest.raises(InputError, match="1 of 3 points have a coordinate that is not finite"):
        read_points(tmp_path / "a.pcd", not_finite="refuse")


@needs_scans
def test_a_scan_of_the_point_cloud_library():
    """Figures from its header (112,586 points, binary_compressed); the extent as open3d 0.20 reads it."""
    cloud = read_points(POINTS / "registration" / "room_scan1.pcd")
    assert len(cloud) == 112_586
    np.testing.assert_allclose(cloud.xyz.min(axis=0), [-13.79978, -6.49282, -1.351705], rtol=1e-6)


# -- meshes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "layout"), [("a.stl", "ascii"), ("a.stl", "binary"), ("a.stl.gz", "binary")])
def test_stl_comes_back(tmp_path, name, layout):
    stl.write(tmp_path / name, TETRAHEDRON, layout=layout)
    mesh = read_mesh(tmp_path / name)
    assert len(mesh.vertices) == 4
    np.testing.assert_array_equal(mesh.triangles, TETRAHEDRON.triangles)


@pytest.mark.parametrize("layout", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_mesh_comes_back_with_colours(tmp_path, layout):
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]], np.uint8)
    ply.write(tmp_path / "a.ply", Mesh(TETRAHEDRON.vertices, TETRAHEDRON.faces, colors), layout=layout)
    mesh = read_mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(mesh.faces, TETRAHEDRON.faces)
    np.testing.assert_array_equal(mesh.colors, colors)


def test_ply_polygons_of_several_sizes_are_cut_into_triangles(tmp_path):
    head = "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 5\nproperty float x\nproperty float y\n"
    head += "property float z\nelement face 2\nproperty list uchar int vertex_indices\nend_header\n"
    (tmp_path / "a.ply").write_text(head + "0 0 0\n1 0 0\n1 1 0\n0 1 0\n2 2 2\n4 0 1 2 3\n3 1 4 2\n")
    assert read_mesh(tmp_path / "a.ply").faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 4, 2]]


def test_a_binary_stl_may_begin_with_solid(tmp_path):
    stl.write(tmp_path / "a.stl", TETRAHEDRON)
    data = (tmp_path / "a.stl").read_bytes()
    (tmp_path / "a.stl").write_bytes(b"solid part".ljust(80) + data[80:])
    assert len(read_mesh(tmp_path / "a.stl").faces) == 4


@pytest.mark.skipif(not (POINTS / "cad_parts").is_dir(), reason=f"no parts at {POINTS}")
@pytest.mark.parametrize(("name", "faces"), [("featuretype.STL", 3476), ("1002_tray_bottom.STL", 4520)])
def test_parts_of_both_kinds(name, faces):
    """Numbers of triangles: from the binary header, and the lines `facet` of the ascii file."""
    mesh = read_mesh(POINTS / "cad_parts" / name)
    assert len(mesh.faces) == faces


# -- LZF ------------------------------------------------------------------------------------------------------------


def test_lzf_by_hand():
    """Literal `ab`, then a match of 6 from 2 back (an overlap), then literal `c`."""
    packed = bytes([1]) + b"ab" + bytes([4 << 5 | 0, 1]) + bytes([0]) + b"c"
    assert lzf.decompress(packed, 9, "x") == b"ababababc"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 40, 5000, 70_000])
def test_lzf_comes_back(size):
    generator = random.Random(size)
    data = bytes(generator.choice(b"aab\0") if at % 700 < 600 else generator.randrange(256) for at in range(size))
    packed = lzf.compress(data)
    assert lzf.decompress(packed, size, "x") == data
    assert size < 100 or len(packed) < size


# -- files that lie -------------------------------------------------------------------------------------------------

PCD = b"VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH %d\nHEIGHT 1\nPOINTS %d\nDATA %s\n"
PLY = b"ply\nformat %s 1.0\nelement vertex %d\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
FACES = b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
FLOATS = struct.pack("<3f", 1, 2, 3)
LIES = {
    "empty.pcd": (b"", "the file is empty"),
    "text.pcd": (b"hello\n", "no DATA line"),
    "short.pcd": (PCD % (2, 2, b"binary") + FLOATS, "announces 2 points and holds fewer"),
    "vast.pcd": (PCD % (90_000_000, 90_000_000, b"binary") + FLOATS, "announces 90,000,000 points and holds fewer"),
    "endless.pcd": (PCD % (10**12, 10**12, b"binary") + FLOATS, "POINTS 1000000000000 against"),
    "negative.pcd": (PCD % (-1, -1, b"binary") + FLOATS, "POINTS -1 against"),
    "disagree.pcd": (PCD % (1, 2, b"binary") + FLOATS, "POINTS 2 against WIDTH 1"),
    "words.pcd": (PCD % (1, 1, b"ascii") + b"1 2 three\n", "'three' is not a number"),
    "few.pcd": (PCD % (2, 2, b"ascii") + b"1 2 3 4\n1 2 3 4\n", "2 points of 3 values announced, 8 values"),
    "bomb.pcd": (PCD % (1, 1, b"binary_compressed") + struct.pack("<II", 4, 2**31) + b"abcd", "bytes announced for 1"),
    "lzf.pcd": (PCD % (1, 1, b"binary_compressed") + struct.pack("<II", 3, 12) + b"\xe0\xff\xff", "before its start"),
    "cut.pcd": (PCD % (1, 1, b"binary_compressed") + struct.pack("<II", 2, 12) + b"\x1fa", "stream ends early"),
    "kind.pcd": (PCD.replace(b"F F F", b"I F F") % (1, 1, b"binary") + FLOATS, "must be single floating-point"),
    "whole.pcd": (
        (PCD % (1, 1, b"ascii")).replace(
            b"x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1", b"x y z n\nSIZE 4 4 4 1\nTYPE F F F U\nCOUNT 1 1 1 1"
        )
        + b"1 2 3 nan\n",
        "nan does not fit a field of type uint8",
    ),
    "list.ply": (
        (PLY % (b"ascii", 3)).replace(
            b"end_header\n", b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
        )
        + b"0 0 0\n1 0 0\n0 1 0\ninf 0 1 2\n",
        "announces 1 of 'face' and holds fewer",
    ),
    "axes.pcd": (PCD.replace(b"x y z", b"x y q") % (1, 1, b"binary") + FLOATS, "needs fields x, y and z"),
    "layout.pcd": (PCD % (1, 1, b"zip") + FLOATS, "DATA 'zip' is unknown"),
    "other.ply": (b"PNG", "no PLY header"),
    "short.ply": (PLY % (b"binary_little_endian", 5) + FLOATS, "announces 5 of 'vertex' and holds fewer"),
    "vast.ply": (PLY % (b"ascii", 10**9) + b"1 2 3\n", "is not understood"),
    "ascii.ply": (PLY % (b"ascii", 2) + b"1 2 3\n", "announces 2 of 'vertex'"),
    "format.ply": (PLY % (b"binary_middle_endian", 1) + FLOATS, "is not understood"),
    "columns.xyz": (b"1 2 3\n4 5\n", "line 2: 2 columns, 3 before"),
    "flat.xyz": (b"1 2\n", "2 columns; needs x, y and z"),
    "binary.xyz": (b"\0\0", "is not text"),
    "odd.bin": (b"\0" * 17, "17 bytes are no whole number of rows"),
    "gone.stl": (b"\0" * 80 + struct.pack("<I", 4_000_000_000), "announces 4,000,000,000 triangles"),
    "none.stl": (b"\0" * 84, "holds no triangle"),
    "open.stl": (b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", "no endsolid"),
    "odd.stl": (b"solid a\nvertex 0 0 0\nvertex 0 0 1\nendsolid\n", "2 corners are not a whole number"),
    "what.obj": (b"v 0 0 0\n", "files that end in '.obj' are not read here"),
    "torn.csv.gz": (gzip.compress(b"1,2,3\n" * 999, mtime=0)[:-9], "the gzip stream is damaged"),
}


@pytest.mark.parametrize("name", LIES)
def test_files_that_lie_are_refused_in_one_line(tmp_path, name):
    data, message = LIES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_points(tmp_path / name)
    assert message in caught.value.line
    assert name in caught.value.line


def test_a_face_must_name_a_vertex(tmp_path):
    head = (PLY % (b"ascii", 3)).replace(b"end_header\n", FACES)
    (tmp_path / "a.ply").write_bytes(head + b"0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n")
    with pytest.raises(InputError, match="names a vertex outside 0"):
        read_mesh(tmp_path / "a.ply")


def test_memory_is_bounded(tmp_path):
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(b"1 2 3\n" * 100_000))
    with pytest.raises(InputError, match="larger than 0 MiB decompressed"):
        read_points(tmp_path / "a.xyz.gz", limit=100_000)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_give_points_or_a_named_error(tmp_path, seed):
    """Flipped bytes and cuts of every format end in a cloud or an InputError, never in another exception."""
    generator = random.Random(seed)
    sources = []
    for layout in ("ascii", "binary", "binary_compressed"):
        pcd.write(tmp_path / "s.pcd", PointCloud(XYZ, FIELDS), layout=layout)
        sources.append((".pcd", (tmp_path / "s.pcd").read_bytes()))
    for layout in ("ascii", "binary_little_endian", "binary_big_endian"):
        ply.write(tmp_path / "s.ply", TETRAHEDRON, layout=layout)
        sources.append((".ply", (tmp_path / "s.ply").read_bytes()))
    for layout in ("ascii", "binary"):
        stl.write(tmp_path / "s.stl", TETRAHEDRON, layout=layout)
        sources.append((".stl", (tmp_path / "s.stl").read_bytes()))
    refused = 0
    for ending, whole in sources:
        for _ in range(25):
            data = bytearray(whole[: generator.randrange(1, len(whole) + 1)])
            for _ in range(generator.randrange(4)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            (tmp_path / f"d{ending}").write_bytes(data)
            try:
                (read_mesh if ending != ".pcd" else read_points)(tmp_path / f"d{ending}")
            except InputError:
                refused += 1
    assert refused > 40


def test_writers_refuse_what_the_format_cannot_hold(tmp_path):
    cloud = PointCloud(XYZ, {"name": np.array(["a", "b", "c"])})
    for name in ("a.pcd", "a.ply"):
        with pytest.raises(InputError, match="cannot hold field 'name'"):
            write_points(tmp_path / name, cloud)
    with pytest.raises(InputError, match=r"files that end in '.pcd' are not read"):
        write_mesh(tmp_path / "a.pcd", TETRAHEDRON)


@pytest.mark.parametrize("head", ["", "X;Y;Z\n"])
@pytest.mark.parametrize("between", [";", "\t", " ", "; "])
def test_decimal_commas_are_no_separators(tmp_path, head, between):
    rows = [["1,5", "-2,25", "3"], ["4", "5", "6,125"], ["7", "8", "9"], ["1,0e-3", "0", "0"]]
    (tmp_path / "a.csv").write_text(head.replace(";", between) + "".join(between.join(row) + "\n" for row in rows))
    expected = [[1.5, -2.25, 3], [4, 5, 6.125], [7, 8, 9], [0.001, 0, 0]]
    np.testing.assert_allclose(read_points(tmp_path / "a.csv").xyz, expected)


@pytest.mark.parametrize("row", ["1,2,3", "1, 2, 3", "1.5,2.5,3.5", "1;2;3;4", "1 2 3", "1.0, 2.0; 3.0"])
def test_commas_between_numbers_separate_them(tmp_path, row):
    (tmp_path / "a.xyz").write_text(f"{row}\n{row}\n{row}\n")
    wanted = [float(word) for word in row.replace(",", " ").replace(";", " ").split()[:3]]
    np.testing.assert_allclose(read_points(tmp_path / "a.xyz").xyz, [wanted] * 3)
